"""A pass over the programs of a results file, or of a folder: judged, counted, and written."""

import hashlib
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from utilities.command_line.terminal import Progress
from utilities.errors import UsageError
from utilities.files.hashing import file_sha256, files_sha256
from utilities.files.json_files import reported_reading
from utilities.files.json_lines import encode_line
from utilities.results.reader import JOURNAL_KINDS, strange_kinds
from utilities.results.reader import Fields as Entry
from utilities.results.result_entry import task_of
from utilities.sandbox.execution import ANSWERED
from utilities.verification.fresh_pairs import (
    FEWEST_PAIRS,
    FRESH_FIELDS,
    FreshPairs,
    judge_on_fresh_pairs,
)
from utilities.verification.program_files import OTHER_FORMS, program_files
from utilities.verification.verdict import VERDICT_FIELDS, ProgramFaults, Verdict, verdict_fields
from utilities.verification.verified_file import Place, VerifiedFile
from utilities.verification.verifier import Verifier, judged_in_order

RULES_VERSION = 1
"""Raise it if the meaning of verdicts or labels changes: everything is then judged anew."""
LABELS = ("deterministic", "hardcoded", "uses_numpy_without_import")
_ALL_FIELDS = frozenset((*VERDICT_FIELDS, *FRESH_FIELDS))
_PERCENTS = (50, 95, 99)
_REASONS_KEPT = 100
_GROWTH = math.log(1.01)
_log = logging.getLogger(__name__)


def source_hash(source: Path) -> str | None:
    """SHA-256 of a file's bytes; for a folder, of the names and hashes of its programs.

    None for what can be read only once, such as a pipe or standard input.
    """
    with reported_reading(source):
        if source.is_dir():
            return files_sha256(program_files(source))
        return file_sha256(source) if source.is_file() else None


class Percentiles:
    """Percentiles of any number of durations, each within 1 %, by counts on a logarithmic scale."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: Counter[int] = Counter()

    def add(self, duration_s: float) -> None:
        """Count a duration; less than a microsecond counts as one."""
        self._counts[round(math.log(max(duration_s, 1e-6)) / _GROWTH)] += 1

    def at(self, percent: float) -> float | None:
        """The smallest duration that this percentage does not exceed; None if there is none."""
        left = math.ceil(self._counts.total() * percent / 100)
        for step, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return float(f"{math.exp(step * _GROWTH):.3g}")
        return None


@dataclass
class FreshCounts:
    """How the programs that pass train did on fresh pairs."""

    programs: int = 0
    """Programs that ran on some."""
    judged: int = 0
    """Those with enough pairs to say whether they generalise."""
    generalise: int = 0
    pairs: int = 0
    passed: float = 0.0

    def add(self, entry: Mapping[str, Any]) -> None:
        """Count an entry's programs; an entry without such fields counts nothing."""
        lists = (entry.get(name) or () for name in FRESH_FIELDS)
        for share, pairs, generalises in zip(*lists, strict=True):
            if share is None:
                continue
            self.programs += 1
            self.judged += generalises is not None
            self.generalise += generalises is True
            self.pairs += pairs
            self.passed += share * pairs

    def to_json(self) -> dict[str, Any]:
        """The counts, for metadata."""
        return {
            "programs": self.programs,
            "with_enough_pairs": self.judged,
            "generalise": self.generalise,
            "pairs": self.pairs,
            "pairs_passed": round(self.passed),
        }

    def lines(self) -> list[tuple[str, str]]:
        """The lines of a summary, as name and text."""
        share = f" ({self.generalise / self.judged:.1%})" if self.judged else ""
        told = f"{self.generalise} of {self.judged}{share} generalise"
        if few := self.programs - self.judged:
            told += f"; {few} had fewer than {FEWEST_PAIRS} fresh pairs"
        right = f"{round(self.passed)} of {self.pairs} pairs right"
        return [("programs on fresh pairs", f"{self.programs}: {told}; {right}")]


@dataclass
class VerificationCounts:
    """What came of the programs of a pass, in constant memory but for the ids of tasks."""

    entries: int = 0
    resumed: int = 0
    """Entries that an earlier run had judged."""
    programs: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    passed_train: int = 0
    passed_train_and_test: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Programs with each of LABELS; `not_deterministic` counts those known not to be."""
    hardcoded_unknown: int = 0
    """Programs that pass train, but whose source could not be read."""
    durations: Percentiles = field(default_factory=Percentiles)
    """Of the programs that were not cut short."""
    skipped: list[str] = field(default_factory=list)
    """Why entries could not be judged, for the first 100 of them."""
    skipped_count: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    """Programs of a folder by the form in which they take grids."""
    faults: ProgramFaults = field(default_factory=ProgramFaults)
    strange: Counter[str] = field(default_factory=Counter)
    """Entries of kinds that no version writes, which are copied as they are."""
    verified_task_ids: set[str] = field(default_factory=set)
    """Tasks with a program that is right on every train and test pair."""
    fresh: FreshCounts = field(default_factory=FreshCounts)

    def add(self, entry: Mapping[str, Any], *, resumed: bool) -> None:
        """Count an entry by its fields, which this run or an earlier one wrote."""
        if (kind := entry["entry_type"]) != "result":
            if kind != "metadata" and kind not in JOURNAL_KINDS:
                self.strange[kind] += 1
            return
        self.resumed += resumed
        if "not_judged" in entry:
            self.skipped_count += 1
            self.skipped += [entry["not_judged"]][: _REASONS_KEPT - len(self.skipped)]
            return
        self.entries += 1
        names = ("execution_status", "execution_duration_s", "train_passed", "test_passed")
        lists = (entry[name] for name in names)
        for status, duration_s, train, test in zip(*lists, strict=True):
            if status is None:
                continue
            self.programs += 1
            self.statuses[status] += 1
            if duration_s is not None:
                self.durations.add(duration_s)
            if not train or not all(train):
                continue
            self.passed_train += 1
            if all(test):
                self.passed_train_and_test += 1
                self.verified_task_ids.add(entry["task_id"])
        self.fresh.add(entry)
        self.forms.update(entry.get("takes_grids_as") or ())
        self.faults.add(entry["execution_status"], entry.get("execution_message") or ())
        for label in LABELS:
            self.labels[label] += sum(value is True for value in entry[label])
        self.labels["not_deterministic"] += entry["deterministic"].count(False)
        pairs = zip(entry["train_passed"], entry["hardcoded"], strict=True)
        self.hardcoded_unknown += sum(
            bool(train) and all(train) and hardcoded is None for train, hardcoded in pairs
        )

    def progress_text(self) -> str:
        """The counts in a few words, to be shown while programs are judged."""
        return f"{self.programs} programs, {self.passed_train} pass train"

    def to_json(self) -> dict[str, Any]:
        """The part of the metadata that counts."""
        return {
            "entries": self.entries,
            "entries_resumed": self.resumed,
            "entries_not_judged": self.skipped,
            "entries_not_judged_count": self.skipped_count,
            "entries_of_unknown_kinds": dict(self.strange),
            "programs": self.programs,
            "execution_statuses": dict(self.statuses.most_common()),
            "execution_duration_s": {f"p{n}": self.durations.at(n) for n in _PERCENTS},
            "passed_train": self.passed_train,
            "passed_train_and_test": self.passed_train_and_test,
            "labels": dict(self.labels),
            **({"hardcoded_unknown": self.hardcoded_unknown} if self.hardcoded_unknown else {}),
            **({"takes_grids_as": dict(self.forms)} if self.forms else {}),
            **self.faults.to_json(),
            **({"fresh_pairs": self.fresh.to_json()} if self.fresh.programs else {}),
            "verified_task_ids": sorted(self.verified_task_ids),
        }


@dataclass(frozen=True, slots=True)
class _Keyed:
    """An entry that waits to be judged, or is judged, under its key in the output."""

    key: str
    entry: Entry
    place: Place | None
    """Where an earlier run wrote the judged entry, if it did."""


class CodeVerification:
    """A pass over entries; takes over those that an earlier one judged with the same settings."""

    def __init__(
        self,
        verifier: Verifier,
        output: VerifiedFile,
        settings: Entry,
        fresh: FreshPairs | None = None,
    ) -> None:
        """`settings` is all that a verdict depends on besides its entry.

        Programs that pass train run on the `fresh` pairs of their task too, if these are given.
        """
        self._fresh = fresh
        self.counts = VerificationCounts()
        self._verifier = verifier
        self._output = output
        self._settings = orjson.dumps([RULES_VERSION, settings])

    async def judge_all(self, entries: Iterable[Entry], progress: Progress) -> None:
        """Write every entry to the output, in order; raises UsageError if one cannot be read."""
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
        named = self._settings + encode_line(entry)
        if self._fresh is not None and entry["entry_type"] == "result":
            named += self._fresh.key(str(entry["task_id"])).encode()
        key = hashlib.sha256(named).hexdigest()[:32]
        return _Keyed(key, entry, self._output.find(key))

    async def _judged(self, waiting: _Keyed) -> _Keyed:
        entry, place = waiting.entry, waiting.place
        if place is not None:
            return replace(waiting, entry=self._output.read(place))
        if entry["entry_type"] != "result":
            return waiting
        stated = entry.pop("not_judged", None)
        forms = entry.pop(OTHER_FORMS, ())
        try:
            task = task_of(entry.get("task_id"), entry.get("task_data"))
            codes = codes_of(entry)
        except UsageError as error:
            reason = stated or str(error)
            _log.warning("not judged: %s", reason)
            fields = {name: value for name, value in entry.items() if name not in _ALL_FIELDS}
            return replace(waiting, entry={**fields, "not_judged": reason})
        verdicts = await self._verifier.judge(task, codes)
        for form, code in forms:
            if verdicts[0] is None or verdicts[0].passed_train or _is_cut_short(verdicts[0]):
                break
            other = await self._verifier.judge(task, [code])
            if _rank(other) > _rank(verdicts):
                verdicts = other
                entry |= {"python_code": [code], "takes_grids_as": [form]}
        _log.debug("task %s: %s", task.task_id, [v and v.execution_status for v in verdicts])
        kept = {name: value for name, value in entry.items() if name not in FRESH_FIELDS}
        judged = {**kept, **verdict_fields(verdicts, labels=True)}
        if self._fresh is not None:
            codes = codes_of(judged)
            judged |= await judge_on_fresh_pairs(self._verifier, task, codes, verdicts, self._fresh)
        return replace(waiting, entry=judged)


def _is_cut_short(verdict: Verdict) -> bool:
    return verdict.execution_status not in ANSWERED


def _rank(verdicts: list[Verdict | None]) -> tuple[int, int]:
    """How well the only program does: right train pairs, then pairs with a grid."""
    (verdict,) = verdicts
    outputs = verdict.executions if verdict else ()
    return sum(verdict.train if verdict else ()), sum(one.status == "ok" for one in outputs)


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
    return codes


def summary_lines(
    counts: VerificationCounts, layers: str, paths: Mapping[str, Path], *, retried: bool = False
) -> list[str]:
    """What a person wants to know at the end; `paths` has what was written, by its name.

    `retried` says that programs which timed out had a longer pass.
    """
    durations = (f"p{n} {_milliseconds(counts.durations.at(n))}" for n in _PERCENTS)
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
    if counts.fresh.programs:
        numbers += counts.fresh.lines()
    if counts.hardcoded_unknown:
        told = f"{counts.hardcoded_unknown}, whose source could not be read"
        numbers.append(("not known if hard-coded", told))
    if counts.forms:
        told = ", ".join(f"{counts.forms[form]} {form}" for form in sorted(counts.forms))
        numbers.append(("grids given as", told))
    if counts.resumed:
        numbers.append(("judged by an earlier run", f"{counts.resumed} entries"))
    if counts.skipped_count:
        reason = f"{counts.skipped_count}, the first: {counts.skipped[0]}"
        numbers.append(("entries not judged", reason))
    if counts.strange:
        numbers.append(("copied as they are", strange_kinds(counts.strange)))
    numbers += [("sandbox", layers), *((name, str(path)) for name, path in paths.items())]
    lines = [f"{name:25} {value}" for name, value in numbers]
    return lines + counts.faults.lines(retried=retried)


def _milliseconds(duration_s: float | None) -> str:
    return "-" if duration_s is None else f"{1000 * duration_s:.3g} ms"
