"""The output of a verification: it grows as `NAME.partial`, and goes on after a stop."""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from utilities.command_line.signals import uncancelled
from utilities.errors import UsageError
from utilities.files.atomic import file_to_write, replacing
from utilities.files.json_files import refuse_what_is_no_file, reported_reading
from utilities.files.json_lines import JsonLinesFile

Entry = dict[str, Any]
Place = tuple[int, int]
"""Offset and length of a line, in bytes."""
KEY_FIELD = "verification_key"
_LINE_START = b'{"' + KEY_FIELD.encode() + b'":"'
_COPIED_BYTES = 1 << 20


class VerifiedFile:
    """Lines under keys, in the order in which they are recorded.

    What an earlier run left in `NAME.partial` is found by its key. This run asks for the same keys
    in the same order, unless its input was changed; as long as it does, the file is simply read
    on. From the first other key on, the places of the lines that are left are held in memory.
    Lines that are not recorded are left out in the end.
    """

    def __init__(self, path: Path, *, resume: bool = True) -> None:
        """Without `resume`, what `NAME.partial` holds is not used.

        A link stays a link: what it leads to is written. Raises UsageError if that is no file.
        """
        self.path = file_to_write(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._file = JsonLinesFile(self.partial, option="--output")
        self._resume = resume
        self._read_up_to = self._end_of_earlier = 0
        self._index: dict[bytes, Place] | None = None
        self._recorded_up_to = 0
        self._earlier: Iterator[tuple[int, bytes]] = iter(())
        self._scattered = array("Q")
        """Offset, length, offset, length, …: recorded lines, from the first out of order on."""

    async def __aenter__(self) -> Self:
        """Open and lock.

        Raises UsageError if another run writes it, if it cannot be written, or if `NAME.partial`
        is something else, which would be lost.
        """
        self._refuse_foreign_partial()
        await self._file.__aenter__()
        self._end_of_earlier = self._file.size
        if not self._resume:
            self._read_up_to = self._end_of_earlier
        self._earlier = self._file.lines()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Flush to the disk and close; an empty file is removed."""
        if not self._file.size:
            self.discard()
        await uncancelled(self._file.__aexit__(*raised))

    def _refuse_foreign_partial(self) -> None:
        with reported_reading(self.partial), suppress(FileNotFoundError):
            refuse_what_is_no_file(self.partial)
            with self.partial.open("rb") as file:
                start = file.read(len(_LINE_START))
            if not _LINE_START.startswith(start):
                raise UsageError(
                    f"{self.partial} is no unfinished verification, and would be overwritten; move "
                    "it away, or choose another --output"
                )

    def find(self, key: str) -> Place | None:
        """Where an earlier run wrote the entry of `key`; None if it did not."""
        wanted = key.encode()
        if self._index is None:
            if self._read_up_to >= self._end_of_earlier:
                return None
            offset, line = next(self._earlier)
            place = offset, len(line) + 1
            self._read_up_to = sum(place)
            if _key_of(line) == wanted:
                return place
            self._index = {_key_of(line): place} | self._places_left()
        return self._index.get(wanted)

    def read(self, place: Place) -> Entry:
        """The entry at a place."""
        return self._file.read(*place)

    async def append(self, key: str, entry: Entry) -> None:
        """Write an entry under its key, and record it."""
        self.record(await self._file.append({KEY_FIELD: "", **entry} | {KEY_FIELD: key}))

    def record(self, place: Place) -> None:
        """Make the line at a place the next one of the result."""
        if not self._scattered and place[0] == self._recorded_up_to:
            self._recorded_up_to = sum(place)
        else:
            self._scattered.extend(place)

    async def finish(self, metadata: Entry) -> None:
        """Write the last entry and give the file its name; raises UsageError if that fails."""
        self.record(await self._file.append(metadata))
        await self._file.save()
        try:
            if self._recorded_up_to == self._file.size:
                self.partial.replace(self.path)
            else:
                self._write_in_order()
        except OSError as error:
            raise UsageError(f"cannot write {self.path}: {error.strerror}; make room") from error

    def discard(self) -> None:
        """Remove the partial file."""
        self.partial.unlink(missing_ok=True)

    def _places_left(self) -> dict[bytes, Place]:
        found = {}
        for offset, line in self._earlier:
            if offset >= self._end_of_earlier:
                break
            found[_key_of(line)] = offset, len(line) + 1
        found.pop(b"", None)
        return found

    def _write_in_order(self) -> None:
        """Copy the recorded lines. A run that is killed here leaves the partial file as it was."""
        pairs = zip(self._scattered[::2], self._scattered[1::2], strict=True)
        with self.partial.open("rb") as source, replacing(self.path) as target:
            for offset, length in ((0, self._recorded_up_to), *pairs):
                source.seek(offset)
                left = length
                while left:
                    left -= target.write(source.read(min(left, _COPIED_BYTES)))
        self.partial.unlink()


def _key_of(line: bytes) -> bytes:
    """The key under which a line was written; empty if it has none."""
    if not line.startswith(_LINE_START):
        return b""
    return line[len(_LINE_START) :].partition(b'"')[0]
