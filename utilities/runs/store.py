"""The two files of a run: the journal of raw replies, and the results, an entry a task."""

import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiofiles
import orjson

from utilities.command_line.signals import uncancelled
from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.files.json_lines import JsonLinesFile, encode_line
from utilities.replies.journal import Journal
from utilities.results.reader import object_of_line, result_of_fields
from utilities.results.result_entry import SCHEMA_VERSION, ResultEntry
from utilities.runs.options import OutputPlace
from utilities.tasks.task import Task

_log = logging.getLogger(__name__)


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

        Raises UsageError as JsonLinesFile does, and for a damaged line of the results: no script
        would read what is written behind it.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._results)
            await stack.enter_async_context(self._replies)
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
        await uncancelled(self._stack.aclose())

    def torn_ends(self) -> list[str]:
        """A line for each file whose torn end was cut off when it was opened."""
        return [file.torn for file in (self._results, self._replies) if file.torn]

    def _index_finished(self) -> None:
        for number, (offset, line) in enumerate(self._results.lines(), start=1):
            if not line.strip():
                continue
            entry = object_of_line(line, self.place.results, number)
            key = entry.get("entry_key")  # metadata, and another layout's entry, have none
            if self._resume and isinstance(key, str) and entry.get("complete"):
                self._finished[key] = (offset, len(line))

    def finished_fields(self, entry_key: str) -> dict[str, Any] | None:
        """The whole entry that an earlier run wrote for the same task and configuration."""
        place = self._finished.get(entry_key)
        return None if place is None else self._results.read(*place)

    def finished_entry(self, entry_key: str) -> ResultEntry | None:
        """The same entry, typed; raises UsageError, naming the field, if it is damaged."""
        fields = self.finished_fields(entry_key)
        return None if fields is None else result_of_fields(fields, self.place.results)

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
        """Write this run's entries as one `{"metadata", "results"}` object, one in memory.

        The file takes its name when it is whole. Raises UsageError if it cannot be written.
        """
        results = self.place.results
        suffix = "_interrupted" if interrupted else ""
        path = results.with_name(f"{results.stem}_{datetime.now(UTC):%Y%m%d_%H%M%S}{suffix}.json")
        unfinished = path.with_name(f".{path.name}.tmp")
        try:
            async with aiofiles.open(unfinished, "wb") as snapshot:
                await snapshot.write(b'{"metadata":' + encode_line(metadata) + b',"results":[')
                separator = b""
                for _, line in self._results.lines(self._first_offset_of_run):
                    if orjson.loads(line)["entry_type"] == "result":
                        await snapshot.write(separator + line)
                        separator = b",\n"
                await snapshot.write(b"\n]}\n")
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise UsageError(
                f"cannot write {path}: {error.strerror}; the results are safe in {results}"
            ) from error
        return path


def entry_key(configuration_hash: str, task: Task) -> str:
    """The identity of an entry: the configuration and the whole task."""
    return hash_of([configuration_hash, task.task_id, task.to_json()])


_MEASURED = {"execution_duration_s"}
"""Fields that differ each time."""


def reparsed(entry: dict[str, Any], finished: dict[str, Any] | None) -> dict[str, Any]:
    """The entry to be written, or `finished` itself if nothing differs from it.

    Samples without a reply in the journal stay `not_asked`. The entry is then not complete, and a
    later run asks for them. If no sample has a reply, `complete` is None, and nothing is written.
    """
    if not any(entry["usage"]):
        return {**entry, "complete": None} if finished is None else finished
    if entry["complete"] is None:
        entry = {**entry, "complete": False}
    if finished is not None:
        written = orjson.loads(encode_line(entry))
        names = written.keys() - _MEASURED
        if all(finished.get(name) == written[name] for name in names):
            return finished
    return entry
