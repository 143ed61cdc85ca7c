"""Judges every program of a results file and writes the entries again with their verdicts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter, deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from utilities.errors import UsageError
from utilities.json_lines import encode_line
from utilities.results_reader import Entry, task_of
from utilities.sandbox.sandbox import MAX_INPUTS, Sandbox
from utilities.verification import Verdict, verdict_fields, verify_samples

_log = logging.getLogger(__name__)


@dataclass
class VerificationCounts:
    """What came of the programs of a file; `skipped` holds why entries could not be judged."""

    entries: int = 0
    programs: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    passed_train: int = 0
    passed_train_and_test: int = 0
    skipped: list[str] = field(default_factory=list)
    verified_task_ids: set[str] = field(default_factory=set)
    """Tasks with a program that is right on every train and test pair."""

    def add(self, task_id: str, verdicts: Sequence[Verdict | None]) -> None:
        """Count an entry."""
        self.entries += 1
        for verdict in filter(None, verdicts):
            self.programs += 1
            self.statuses[verdict.execution_status] += 1
            self.passed_train += verdict.passed_train
            if verdict.passed_all:
                self.passed_train_and_test += 1
                self.verified_task_ids.add(task_id)


class CodeVerification:
    """One pass over the entries of a results file."""

    def __init__(self, sandbox: Sandbox, *, entries_ahead: int) -> None:
        """Judge up to `entries_ahead` entries at the same time."""
        self.counts = VerificationCounts()
        self._sandbox = sandbox
        self._entries_ahead = entries_ahead
        self._started_at = datetime.now(UTC)

    async def judged(self, entries: Iterable[Entry]) -> AsyncGenerator[Entry, None]:
        """Yield the entries in their order, results enriched by verdicts, others as they are."""
        running: deque[asyncio.Task[Entry]] = deque()
        try:
            for entry in entries:
                running.append(asyncio.create_task(self._judge(entry)))
                if len(running) > self._entries_ahead:
                    yield await running.popleft()
            while running:
                yield await running.popleft()
        finally:
            for unfinished in running:
                unfinished.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _judge(self, entry: Entry) -> Entry:
        if entry["entry_type"] != "result":
            return entry
        try:
            task, codes = task_of(entry), codes_of(entry)
        except UsageError as reason:
            _log.warning("not judged: %s", reason)
            self.counts.skipped.append(str(reason))
            return entry
        verdicts = await verify_samples(self._sandbox, codes, task)
        self.counts.add(task.task_id, verdicts)
        _log.debug("task %s: %s", task.task_id, [v and v.execution_status for v in verdicts])
        return {**entry, **verdict_fields(verdicts)}

    def metadata(self, source: Path) -> Entry:
        """The metadata entry of a pass that came to its end."""
        counts = self.counts
        return {
            "entry_type": "metadata",
            "script": "verify_generated_code",
            "status": "completed",
            "source": str(source),
            "started_at": self._started_at.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "entries": counts.entries,
            "entries_not_judged": counts.skipped,
            "programs": counts.programs,
            "execution_statuses": dict(counts.statuses.most_common()),
            "passed_train": counts.passed_train,
            "passed_train_and_test": counts.passed_train_and_test,
            "verified_task_ids": sorted(counts.verified_task_ids),
            "sandbox": self._sandbox.layers,
        }


def codes_of(entry: Entry) -> list[str | None]:
    """An entry's programs, one a sample; raises UsageError where it cannot be judged."""
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


class PartialFile:
    """A file that grows as `NAME.partial` and takes its name when it is finished."""

    def __init__(self, path: Path) -> None:
        """Start it anew; raises UsageError where it cannot be written."""
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self.partial.open("wb", buffering=0)
        except OSError as error:
            raise self._refused(error) from error

    def append(self, entry: Entry) -> None:
        """Write a line at once; raises UsageError where the disk takes no more."""
        left = memoryview(encode_line(entry))
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise self._refused(error) from error

    def finish(self) -> None:
        """Bring it to the disk and give it its name."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self.partial.replace(self.path)
        except OSError as error:
            raise self._refused(error) from error

    def discard(self) -> None:
        """Remove what was written: it holds nothing of worth."""
        self._file.close()
        self.partial.unlink()

    def _refused(self, error: OSError) -> UsageError:
        return UsageError(f"cannot write {self.partial}: {error.strerror}; choose another --output")
