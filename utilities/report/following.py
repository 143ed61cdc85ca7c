"""Follows results files while runs write them: only what is new is read, and nothing is locked."""

import os
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.results.reader import object_of_line, result_of_fields
from utilities.results.result_entry import ResultEntry

_READ_BYTES = 1 << 22
_NEWEST = 30
_PREVIEW = 400
"""Characters of a sample's text."""
RATE_OVER_S = 300.0
"""How far back the tasks count that a rate is made of."""


class GrowingFile:
    """A file that somebody else appends lines to; it may not be there yet, or be replaced."""

    def __init__(self, path: Path) -> None:
        """Nothing is read before `new_lines`."""
        self.path = path
        self.is_there = False
        self.bytes_read = 0
        """Up to the end of the last whole line."""
        self._identity: tuple[int, int] | None = None
        self._portion = _READ_BYTES

    def new_lines(self) -> tuple[list[bytes], bool]:
        """The whole lines that came since the last call, and whether the file was begun anew.

        A portion of them; an empty list says that there are no more for now. A torn end is left
        for a later call, so that nothing is lost if its writer cuts it off.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self.is_there = False
            return [], False
        try:
            told = os.fstat(descriptor)
            identity = told.st_dev, told.st_ino
            anew = self._identity not in {None, identity} or told.st_size < self.bytes_read
            if anew:
                self.bytes_read = 0
            self.is_there, self._identity = True, identity
            content = os.pread(descriptor, self._portion, self.bytes_read)
        except OSError:  # a folder, or a disk that fails
            self.is_there = False
            return [], False
        finally:
            os.close(descriptor)
        end = content.rfind(b"\n") + 1
        is_longer = not end and len(content) == self._portion
        self._portion = self._portion * 2 if is_longer else _READ_BYTES
        self.bytes_read += end
        if is_longer:
            lines, again = self.new_lines()
            return lines, anew or again
        return content[:end].splitlines(), anew


@dataclass(slots=True)
class LiveRun:
    """What a run has written so far, the runs that took it up again included."""

    file: str
    run_id: str
    """Of its latest entry."""
    model: str
    about: str
    """Its agent and dataset, as far as its entries tell."""
    since: float
    """When it began, or the watching did, by a clock that only goes forward; as for `arrivals`."""
    tasks: set[str] = field(default_factory=set)
    solved: set[str] = field(default_factory=set)
    unscored: set[str] = field(default_factory=set)
    """Tasks that nobody can judge."""
    statuses: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0
    unpriced: int = 0
    tokens: int = 0
    status: str = "running"
    """As its metadata say once it has ended."""
    arrivals: deque[float] = field(default_factory=deque)
    """When its latest tasks came."""
    newest: float | None = None
    """When the last one came; None if none did while this watched."""

    def to_json(self, now: float) -> dict[str, Any]:
        """What the page shows."""
        while self.arrivals and now - self.arrivals[0] > RATE_OVER_S:
            self.arrivals.popleft()
        watched_s = min(RATE_OVER_S, now - self.since)
        rate = 60 * len(self.arrivals) / watched_s if watched_s >= 1 else 0.0
        return {
            "file": self.file,
            "run_id": self.run_id,
            "model": self.model,
            "about": self.about,
            "tasks": len(self.tasks),
            "solved": len(self.solved),
            "scored": len(self.tasks) - len(self.unscored),
            "statuses": dict(self.statuses.most_common()),
            "cost_usd": self.cost_usd,
            "unpriced": self.unpriced,
            "tokens": self.tokens,
            "status": self.status,
            "tasks_a_minute": None if self.status != "running" else rate,
            "quiet_s": now - (self.since if self.newest is None else self.newest),
        }


class Watch:
    """Several files, followed: their runs, and the samples that came last."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Nothing is read before `look`."""
        self.files = [GrowingFile(path) for path in paths]
        self.runs: dict[tuple[Path, str, str], LiveRun] = {}
        """By file, configuration and dataset: a run that was killed and taken up again is one."""
        self.newest: deque[dict[str, Any]] = deque(maxlen=_NEWEST)
        self.unreadable: Counter[Path] = Counter()
        self._began = time.monotonic()
        self._caught_up: set[Path] = set()
        self._newest: dict[Path, float] = {}
        """When the last thing happened to each file: it came, or an entry of it did."""

    def look(self) -> bool:
        """Read a portion of what is new in each file; returns whether there may be more."""
        more = False
        for file in self.files:
            lines, anew = file.new_lines()
            if anew:
                self._forget(file.path)
            if file.is_there:
                self._newest.setdefault(file.path, time.monotonic())
            for line in lines:
                self._take(file.path, line)
            more = more or bool(lines)
            if not lines:
                self._caught_up.add(file.path)
        return more

    def _forget(self, path: Path) -> None:
        self.unreadable[path] = 0
        self._newest.pop(path, None)
        self.runs = {key: run for key, run in self.runs.items() if key[0] != path}
        kept = [one for one in self.newest if one["file"] != str(path)]
        self.newest = deque(kept, maxlen=_NEWEST)

    def _take(self, path: Path, line: bytes) -> None:
        """Count a line; a damaged one is counted as that, and one of another kind passed over."""
        if not line.strip():
            return
        try:
            fields = object_of_line(line, path, 0)
            kind = fields.get("entry_type", "result")
            if kind == "result":
                self._add(path, result_of_fields(fields, path))
            elif kind == "metadata" and fields.get("status"):
                self._end(path, fields)
        except (UsageError, ValueError):
            self.unreadable[path] += 1

    def _end(self, path: Path, metadata: dict[str, Any]) -> None:
        for (file, configuration, dataset), run in self.runs.items():
            is_same = run.run_id == metadata.get("run_id") or (
                configuration == metadata.get("configuration_hash")
                and metadata.get("dataset") in (None, dataset)
            )
            if file == path and is_same:
                run.status = str(metadata["status"])

    def _add(self, path: Path, entry: ResultEntry) -> None:
        run, task_id = self._run_of(path, entry), str(entry.task_id)
        run.run_id, run.status = entry.run_id or "", "running"
        run.tasks.add(task_id)
        for names, is_in in (
            (run.solved, entry.solved is True),
            (run.unscored, entry.solved is None),
        ):
            (names.add if is_in else names.discard)(task_id)
        run.statuses.update(status or "none" for status in entry.status)
        run.cost_usd += entry.known_cost_usd
        run.unpriced += entry.unpriced
        run.tokens += entry.total_tokens("input_tokens") + entry.total_tokens("output_tokens")
        if path in self._caught_up:
            self._newest[path] = run.newest = time.monotonic()
            run.arrivals.append(run.newest)
        for index in range(entry.samples):
            self.newest.append(_sample(path, run, entry, index))

    def _run_of(self, path: Path, entry: ResultEntry) -> LiveRun:
        """The run that an entry is of; one that is new began when the file's last entry came."""
        key = path, entry.configuration_hash or entry.run_id or "", entry.dataset or ""
        if key not in self.runs:
            agent = entry.configuration.get("agent")
            dataset = entry.dataset and f"on {Path(entry.dataset).stem}"
            about = " ".join(str(one) for one in (agent, dataset) if one)
            since = self._newest[path] if path in self._caught_up else self._began
            self.runs[key] = LiveRun(str(path), "", entry.model_name, about, since)
        return self.runs[key]

    def state(self) -> dict[str, Any]:
        """All that the page shows, as JSON."""
        now = time.monotonic()
        return {
            "files": [
                {
                    "path": str(file.path),
                    "is_there": file.is_there,
                    "bytes": file.bytes_read,
                    "unreadable": self.unreadable[file.path],
                }
                for file in self.files
            ],
            "runs": [run.to_json(now) for run in self.runs.values()],
            "newest": list(reversed(self.newest)),
        }


def _sample(path: Path, run: LiveRun, entry: ResultEntry, index: int) -> dict[str, Any]:
    text = entry.reasoning[index] or entry.python_code[index] or entry.error[index] or ""
    return {
        "file": str(path),
        "run": run.model,
        "task": str(entry.task_id),
        "sample": index + 1,
        "status": entry.status[index],
        "solved": entry.solved,
        "cost_usd": entry.cost_usd[index],
        "latency_s": entry.latency_s[index],
        "text": text if len(text) <= _PREVIEW else f"{text[:_PREVIEW]}…",
    }
