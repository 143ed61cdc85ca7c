"""The two files of a run: the journal of raw replies, and the results, an entry a task."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from utilities.errors import RequestFailed
from utilities.json_lines import JsonLinesFile, packed, unpacked
from utilities.model_clients.base import Message, Reply
from utilities.snapshots import write_snapshot
from utilities.tasks import Task

SCHEMA_VERSION = 1
_KEY_START = b'{"key":"'
_KEY_DIGITS = 32
_FAILURE = "failed_request"
_FAILURE_START = f'{{"entry_type":"{_FAILURE}"'.encode("ascii")
_KEY_IN_FAILURE = b',"key":"'

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """Where a script's files go: `{stem}_results.jsonl` and its companions in `directory`."""

    directory: Path
    stem: str
    log_name: str

    @property
    def results(self) -> Path:
        """One entry for each task, and one metadata entry for each run."""
        return self.directory / f"{self.stem}_results.jsonl"

    @property
    def journal(self) -> Path:
        """One line for each raw reply."""
        return self.directory / f"{self.stem}_partial_results.jsonl"

    @property
    def log(self) -> Path:
        """The log file, rotated."""
        return self.directory / self.log_name


def hash_of(value: Any) -> str:
    """32 hex digits of the SHA-256 of a JSON value with sorted keys."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # lone surrogates, or numbers beyond 64 bits
        canonical = json.dumps(value, sort_keys=True).encode("ascii")
    return hashlib.sha256(canonical).hexdigest()[:_KEY_DIGITS]


def request_key(
    task: Task,
    messages: Sequence[Message],
    model: str,
    sampling: Mapping[str, Any],
    index: int,
) -> str:
    """The identity of a request: what was asked, of whom, how, and which sample it is."""
    return hash_of([task.to_json(), list(messages), model, dict(sampling), index])


class Journal:
    """Replies by request key; what stands here was paid for and is never asked again.

    The index holds a place in the file for each key, not the replies themselves.
    """

    def __init__(self, file: JsonLinesFile, *, run_id: str, resume: bool) -> None:
        """`file` is open; without `resume` the replies of earlier runs are not recalled."""
        self._file = file
        self._run_id = run_id
        self._places: dict[bytes, int] = {}  # packed: half as much memory as pairs
        self._failures: dict[bytes, int] = {}
        if resume:
            for offset, line in file.lines():
                place = packed(offset, len(line))
                if line.startswith(_KEY_START):
                    self._places[line[len(_KEY_START) : len(_KEY_START) + _KEY_DIGITS]] = place
                elif line.startswith(_FAILURE_START):
                    self._index_failure(line, place)

    def _index_failure(self, line: bytes, place: int) -> None:
        start = line.find(_KEY_IN_FAILURE) + len(_KEY_IN_FAILURE)
        self._failures[line[start : start + _KEY_DIGITS]] = place

    def recall_failure(self, key: str) -> Mapping[str, Any] | None:
        """What an earlier run wrote of its last request under this key, if it had no reply."""
        place = self._failures.get(key.encode("ascii"))
        try:
            return None if place is None else self._file.read(*unpacked(place))
        except orjson.JSONDecodeError:
            return None

    def recall(self, key: str) -> Reply | None:
        """The reply that an earlier run journalled under this key, if any."""
        place = self._places.get(key.encode("ascii"))
        if place is None:
            return None
        offset, length = unpacked(place)
        try:
            stored = self._file.read(offset, length)["reply"]
            return Reply.from_json(stored)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            _log.warning("the journal's line at byte %d is no reply; it is asked again", offset)
            return None

    async def record_failure(
        self, key: str, error: RequestFailed, about: Mapping[str, Any]
    ) -> None:
        """Write down that a request has no reply, and what each attempt at it may have cost.

        The line begins otherwise than a reply's, so that nothing takes it for one.
        """
        await self._file.append(
            {
                "entry_type": _FAILURE,
                "schema_version": SCHEMA_VERSION,
                "run_id": self._run_id,
                "key": key,
                **about,
                "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "status": error.status,
                "error": str(error),
                "failed_attempts": error.failed_attempts,
            }
        )

    async def record(self, key: str, reply: Reply, about: Mapping[str, Any]) -> None:
        """Write the raw reply down, before anything is made of it."""
        place = await self._file.append(
            {
                "key": key,
                "entry_type": "reply",
                "schema_version": SCHEMA_VERSION,
                "run_id": self._run_id,
                **about,
                "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "reply": reply,
            }
        )
        self._places[key.encode("ascii")] = packed(*place)


class ResultStore:
    """A run's two files, open and locked; used as an async context manager."""

    def __init__(
        self,
        place: OutputPlace,
        *,
        run_id: str,
        resume: bool = True,
        save_interval: int = 10,
        read_only: bool = False,
    ) -> None:
        """`resume` lets finished entries and journalled replies of earlier runs count.

        With `read_only` nothing is created or locked, and nothing may be written.
        """
        self.place = place
        self.run_id = run_id
        self._resume = resume
        self._results, self._replies = (
            JsonLinesFile(path, save_interval=save_interval, read_only=read_only)
            for path in (place.results, place.journal)
        )
        self._stack = AsyncExitStack()
        self._finished: dict[str, tuple[int, int]] = {}
        self._first_offset_of_run = 0
        self.journal: Journal

    async def __aenter__(self) -> Self:
        """Open both files and index what earlier runs left.

        Raises UsageError as JsonLinesFile does.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._results)
            await stack.enter_async_context(self._replies)
            if self._resume:
                self._index_finished()
            self.journal = Journal(self._replies, run_id=self.run_id, resume=self._resume)
            self._stack = stack.pop_all()
        self._first_offset_of_run = self._results.size
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Flush and close both files."""
        await self._stack.aclose()

    def torn_ends(self) -> list[str]:
        """What was found torn, and cut off, when the files were opened."""
        return [file.torn for file in (self._results, self._replies) if file.torn]

    def _index_finished(self) -> None:
        for number, (offset, line) in enumerate(self._results.lines(), start=1):
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                _log.warning("%s: line %d is no JSON; passed over", self.place.results, number)
                continue
            if not isinstance(entry, dict) or not isinstance(entry.get("entry_key"), str):
                continue  # metadata, or another layout's entry
            if entry.get("complete"):
                self._finished[entry["entry_key"]] = (offset, len(line))

    def finished_entry(self, entry_key: str) -> dict[str, Any] | None:
        """The whole entry that an earlier run wrote for the same task and configuration."""
        place = self._finished.get(entry_key)
        return None if place is None else self._results.read(*place)

    async def append(self, entry: Mapping[str, Any]) -> None:
        """Append a result or metadata entry."""
        await self._results.append(
            {
                "entry_type": "result",
                "schema_version": SCHEMA_VERSION,
                "run_id": self.run_id,
                **entry,
            }
        )

    async def write_snapshot(self, metadata: Mapping[str, Any], *, interrupted: bool) -> Path:
        """Write this run's entries as one file; raises UsageError where it cannot be written."""
        lines = (line for _, line in self._results.lines(self._first_offset_of_run))
        return await write_snapshot(self.place.results, lines, metadata, interrupted=interrupted)
