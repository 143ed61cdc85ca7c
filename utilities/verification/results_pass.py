"""Judges every program of a stream of entries and writes the entries again with their verdicts."""

import hashlib
import logging
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from utilities.command_line.terminal import Progress
from utilities.errors import UsageError
from utilities.files.json_lines import encode_line
from utilities.results.entry import task_of
from utilities.results.reader import Fields as Entry
from utilities.sandbox.sandbox import MAX_INPUTS
from utilities.verification.counts import VerificationCounts
from utilities.verification.verdict import verdict_fields
from utilities.verification.verified_file import Place, VerifiedFile
from utilities.verification.verifier import Verifier, judged_in_order

RULES_VERSION = 1
"""To be raised if verdicts or labels change their meaning: all is judged anew then."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Keyed:
    """An entry, waiting or judged."""

    key: str
    entry: Entry
    place: Place | None
    """Where an earlier run wrote it judged."""


class CodeVerification:
    """One pass over entries; what an earlier pass with the same settings judged is taken over."""

    def __init__(self, verifier: Verifier, output: VerifiedFile, settings: Entry) -> None:
        """`settings` is all that a verdict depends on besides its entry."""
        self.counts = VerificationCounts()
        self._verifier = verifier
        self._output = output
        self._settings = orjson.dumps([RULES_VERSION, settings])

    async def over(self, entries: Iterable[Entry], progress: Progress) -> None:
        """Write every entry to the output, in its order; raises UsageError if they break off."""
        done = 0
        judged = judged_in_order(
            map(self._keyed, entries),
            self._judged,
            weight=_programs_in,
            most_ahead=self._verifier.programs_ahead,
        )
        async with aclosing(judged):
            async for each in judged:
                if each.place is None:
                    await self._output.append(each.key, each.entry)
                else:
                    self._output.record(each.place)
                self.counts.add(each.entry, resumed=each.place is not None)
                done += 1
                progress.update(done, self.counts.progress_text)

    def _keyed(self, entry: Entry) -> _Keyed:
        key = hashlib.sha256(self._settings + encode_line(entry)).hexdigest()[:32]
        return _Keyed(key, entry, self._output.find(key))

    async def _judged(self, waiting: _Keyed) -> _Keyed:
        entry, place = waiting.entry, waiting.place
        if place is not None:
            return replace(waiting, entry=self._output.read(place))
        if entry["entry_type"] != "result":
            return waiting
        stated = entry.pop("not_judged", None)
        try:
            task = task_of(entry.get("task_id"), entry.get("task_data"))
            codes = codes_of(entry)
        except UsageError as error:
            reason = stated or str(error)
            _log.warning("not judged: %s", reason)
            return replace(waiting, entry={**entry, "not_judged": reason})
        verdicts = await self._verifier.judge(task, codes)
        _log.debug("task %s: %s", task.task_id, [v and v.execution_status for v in verdicts])
        return replace(waiting, entry={**entry, **verdict_fields(verdicts, labels=True)})


def _programs_in(waiting: _Keyed) -> int:
    codes = waiting.entry.get("python_code")
    is_judged = waiting.place is not None
    return 1 if is_judged or not isinstance(codes, list) else max(1, len(codes))


def codes_of(entry: Entry) -> list[str | None]:
    """An entry's programs, one a sample; raises UsageError if it cannot be judged."""
    codes = entry.get("python_code")
    name = f"task {entry['task_id']}"
    if codes is None:
        raise UsageError(f"{name}: the entry has no python_code: no data of programs")
    if not isinstance(codes, list) or not all(c is None or isinstance(c, str) for c in codes):
        raise UsageError(f"{name}: python_code is no list of texts and nulls; mend the entry")
    pairs = sum(len(part) for part in entry["task_data"].values() if isinstance(part, list))
    if pairs > MAX_INPUTS:
        raise UsageError(f"{name}: {pairs} pairs, where a program is run on {MAX_INPUTS} at most")
    return codes


def summary_lines(counts: VerificationCounts, layers: str, paths: Mapping[str, Path]) -> list[str]:
    """What came of the programs, how they were confined, and where it is written."""
    durations = (f"p{percent} {_milliseconds(counts, percent)}" for percent in (50, 95, 99))
    numbers = [
        ("programs", f"{counts.programs} in {counts.entries} entries"),
        *((f"  {status}", str(count)) for status, count in counts.statuses.most_common()),
        ("passing train", str(counts.passed_train)),
        ("passing train and test", str(counts.passed_train_and_test)),
        ("tasks with such a program", str(len(counts.verified_task_ids))),
        ("not deterministic", str(counts.labels["not_deterministic"])),
        ("hard-coded", str(counts.labels["hardcoded"])),
        ("time a program", ", ".join(durations)),
    ]
    if counts.resumed:
        numbers.append(("judged by an earlier run", f"{counts.resumed} entries"))
    if counts.skipped_count:
        reason = f"{counts.skipped_count}, the first: {counts.skipped[0]}"
        numbers.append(("entries not judged", reason))
    numbers += [("sandbox", layers), *((name, str(path)) for name, path in paths.items())]
    return [f"{name:25} {value}" for name, value in numbers]


def _milliseconds(counts: VerificationCounts, percent: float) -> str:
    duration_s = counts.durations.at(percent)
    return "-" if duration_s is None else f"{1000 * duration_s:.3g} ms"
