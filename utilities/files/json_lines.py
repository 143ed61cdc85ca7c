"""JSON Lines files that survive crashes: one writer, whole lines, torn ends cut off."""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from utilities.errors import UsageError
from utilities.files.atomic import file_to_write, take_lock

FLUSH_AT_LEAST_EVERY_S = 1.0
FLUSH_AT_MOST_EVERY_S = 0.1
"""At hundreds of lines a second a flush for every ten was a fifth of a run's processor time."""
_READ_BYTES = 1 << 20


def encode_line(entry: Mapping[str, Any]) -> bytes:
    """One JSON line, dataclasses as objects.

    What UTF-8 cannot hold (lone surrogates in a reply) becomes `?`. Raises UsageError if a value
    that was read from a file is nested too deeply to be written.
    """
    try:
        return orjson.dumps(entry) + b"\n"
    except orjson.JSONEncodeError:  # also a number beyond 64 bits, or over 254 levels
        pass
    try:  # as compact as orjson's lines: readers tell lines by how they begin
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), default=_plain)
    except RecursionError as error:
        whose = f"task {entry['task_id']}" if "task_id" in entry else "an entry"
        raise UsageError(f"{whose}: a field is nested too deeply; remove it") from error
    return text.encode("utf-8", "replace") + b"\n"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def packed(offset: int, length: int) -> int:
    """A place in a file as one number, which takes half the memory in a large index."""
    return offset << 32 | length


def unpacked(place: int) -> tuple[int, int]:
    """The offset and the length of a line that `packed` made one number of."""
    return place >> 32, place & 0xFFFF_FFFF


class JsonLinesFile:
    """An append-only file with a single writer.

    Each line is written by one `os.write`, so that a killed process loses no line. `fdatasync`
    runs after `save_interval` lines, but at most ten times a second unless that is 1. It also runs
    within a second of each line, and at the end: a power cut loses at most a second.
    A second process that opens the same file gets a UsageError. Used as an async context manager.
    """

    def __init__(
        self,
        path: Path,
        *,
        save_interval: int = 10,
        option: str = "--output_directory",
        read_only: bool = False,
    ) -> None:
        """`save_interval` counts lines between two flushes; `option` chooses another place.

        With `read_only` nothing is created, locked or cut; a missing file counts as empty.
        """
        self.path = path
        self._read_only = read_only
        self._option = option
        self._save_interval = save_interval
        self._save_lock = asyncio.Lock()
        self._descriptor = -1
        self._size = 0
        self._unsaved = 0
        self._flushed_at = float("-inf")
        self._failure: OSError | None = None
        self._timer: asyncio.Task[None] | None = None
        self.torn: str | None = None
        """What was found at the end when the file was opened, if it was torn."""

    async def __aenter__(self) -> Self:
        """Create or open, lock, and cut off a torn end.

        Raises UsageError if another process writes the file or it cannot be written.
        """
        file_to_write(self.path)  # a folder or a pipe is refused
        if self._read_only:
            self._open_to_read()
            return self
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, flags, 0o644)
            try:
                self._take_over()
            except (OSError, UsageError):
                os.close(self._descriptor)
                raise
        except BlockingIOError as error:
            raise UsageError(
                f"another run is writing {self.path}; wait for it, or give this one its own "
                f"folder with {self._option}"
            ) from error
        except OSError as error:
            raise self._cannot_write(error) from error
        return self

    def _take_over(self) -> None:
        take_lock(self._descriptor, self.path, wait=False)
        self._cut_torn_end()

    def _open_to_read(self) -> None:
        path = self.path if self.path.exists() else os.devnull
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"cannot read {self.path}: {error.strerror}") from error

    async def __aexit__(self, *_: object) -> None:
        """Flush to the disk, unlock and close."""
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self.save()
        finally:
            os.close(self._descriptor)

    def write(self, entry: Mapping[str, Any]) -> tuple[int, int]:
        """Append one line now; returns its offset and length in bytes.

        Not a coroutine, so that no cancellation can come between a reply and its line. Raises
        UsageError if the disk takes no more; the file then ends as it did before.
        """
        line = encode_line(entry)
        offset, left = self._size, memoryview(line)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            os.ftruncate(self._descriptor, offset)
            raise self._cannot_write(error) from error
        self._size = offset + len(line)
        self._unsaved += 1
        return offset, len(line)

    def post(self, entry: Mapping[str, Any]) -> tuple[int, int]:
        """As `write`, and flush within a second."""
        place = self.write(entry)
        if self._timer is None or self._timer.done():
            self._timer = asyncio.create_task(self._save_soon())
        return place

    async def append(self, entry: Mapping[str, Any]) -> tuple[int, int]:
        """As `post`, and flush at once if it is time to."""
        place = self.post(entry)
        if self._unsaved >= self._save_interval and self._may_flush():
            await self.save()
        return place

    def _may_flush(self) -> bool:
        since_s = time.monotonic() - self._flushed_at
        return self._save_interval == 1 or since_s >= FLUSH_AT_MOST_EVERY_S

    async def save(self) -> None:
        """Flush what was written to the disk, off the event loop.

        Raises UsageError if that failed, now or before: the system reports it only once.
        """
        async with self._save_lock:
            if self._unsaved and self._failure is None:
                self._unsaved = 0
                self._flushed_at = time.monotonic()
                try:
                    await asyncio.to_thread(os.fdatasync, self._descriptor)
                except OSError as error:
                    self._failure = error
        if self._failure is not None:
            raise self._cannot_write(self._failure) from self._failure

    async def _save_soon(self) -> None:
        await asyncio.sleep(FLUSH_AT_LEAST_EVERY_S)
        with suppress(UsageError):  # the next save raises it
            await self.save()

    def read(self, offset: int, length: int) -> dict[str, Any]:
        """The entry at a place that `write`, `append` or `lines` gave."""
        line = os.pread(self._descriptor, length, offset)
        try:
            entry: dict[str, Any] = orjson.loads(line)
        except orjson.JSONDecodeError:
            with suppress(ValueError, RecursionError):  # the slower parser takes NaN
                return json.loads(line)  # type: ignore[no-any-return]
            raise
        return entry

    @property
    def size(self) -> int:
        """The length of the file, in bytes."""
        return self._size

    def lines(self, offset: int = 0) -> Iterator[tuple[int, bytes]]:
        """Every line from `offset` on with its place, without holding the file in memory."""
        rest = b""
        while chunk := os.pread(self._descriptor, _READ_BYTES, offset + len(rest)):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield offset, line
                offset += len(line) + 1

    def _cut_torn_end(self) -> None:
        """Cut a torn last line off into a `.torn` file beside this one."""
        size = os.fstat(self._descriptor).st_size
        end = size
        while end and os.pread(self._descriptor, 1, end - 1) != b"\n":
            start = max(0, end - _READ_BYTES)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            end = start + newline + 1
        if end < size:
            torn = self.path.with_name(self.path.name + ".torn")
            with torn.open("ab") as kept:
                kept.write(os.pread(self._descriptor, size - end, end) + b"\n")
            os.ftruncate(self._descriptor, end)
            self.torn = f"{self.path} ended in a torn line of {size - end} bytes: moved to {torn}"
        self._size = end

    def _cannot_write(self, error: OSError) -> UsageError:
        no_folder = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "its folder is a file" if no_folder else error.strerror
        return UsageError(
            f"cannot write {self.path}: {reason}; make room or choose another folder with "
            f"{self._option}, then run the same command again: nothing so far is lost"
        )
