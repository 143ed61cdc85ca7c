"""Raw replies for the page: taken from the journals beside results files, packed, within a room."""

import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.json_lines import encode_line
from utilities.results.reader import read_entries
from utilities.results.result_entry import OtherEntry, ResultEntry, item_of

NO_ROOM = b"null"
Sign = tuple[object, ...]
"""What a sample and its line in a journal have in common."""


@dataclass(slots=True)
class RawReplies:
    """What the journals hold of the page's samples, as blocks of the page.

    A block is a JSON text: the zlib stream, in Base64, of `{"text", "thinking", "finish"}`, or of
    `{"body"}` for a success that could not be read as a reply. It is null if it found no room.
    """

    most_bytes: int
    """Of all blocks together."""
    blocks: dict[str, bytes] = field(default_factory=dict)
    """By name: `t3r0s2` is the third sample of what run 0 made of task 3."""
    faults: list[str] = field(default_factory=list)
    """Why a journal was read in part only."""
    absent: int = 0
    """Samples whose reply no journal has."""
    _wanted: dict[Path, dict[Sign, str]] = field(default_factory=dict)
    """The names of blocks, by journal and sign."""
    _room: int = 0

    @property
    def left_out(self) -> int:
        """Replies that found no room."""
        return sum(content == NO_ROOM for content in self.blocks.values())

    def notes(self) -> list[str]:
        """What a reader of the page must know of them; nothing if none were looked for."""
        notes = []
        if self.left_out:
            found_none = "raw replies found no room; --max_reply_megabytes makes room"
            notes.append(f"{self.left_out:,} {found_none}")
        if self.absent:
            notes.append(
                f"{self.absent:,} raw replies are in no journal beside the results; "
                "the page of the run that asked for them has them"
            )
        return [*notes, *(f"{fault}: shown are the raw replies before it" for fault in self.faults)]

    def want(
        self, entry: ResultEntry, sources: Mapping[str | None, Sequence[Path]], block: str
    ) -> None:
        """Look for the replies of an entry's samples, in the journals beside these results files.

        `sources` are by the run that a sample was combined of, None for the entry's own run. A
        conversation has a reply a turn: its samples' records show them.
        """
        earlier: Counter[str | None] = Counter()
        for place in range(entry.samples):
            run = entry.combined_from[place]
            index, earlier[run] = earlier[run], earlier[run] + 1  # as its own run counts them
            sign = _sign_of_sample(entry, place, index)
            files = [one for one in sources.get(run, ()) if not one.is_dir()]  # answers of others
            for path in files if sign else ():
                self._wanted.setdefault(journal_beside(path), {})[sign] = f"{block}s{place}"

    def read(self) -> None:
        """Read the journals, one line in memory; each gets an equal share of the room left."""
        left = self.most_bytes
        for done, (path, wanted) in enumerate(self._wanted.items()):
            share = self._room = left // (len(self._wanted) - done)
            try:
                self._read_journal(path, wanted)
            except UsageError as error:
                self.faults.append(str(error))
            left -= share - self._room
        names = (wanted.items() for wanted in self._wanted.values())
        sought = {name for sign, name in chain.from_iterable(names) if len(sign) > _BODY_SIGN}
        self.absent = len(sought - self.blocks.keys())

    def _read_journal(self, path: Path, wanted: Mapping[Sign, str]) -> None:
        for sign, content in _lines_of(path) if path.is_file() else ():
            name = wanted.get(sign)
            if name is None:
                continue
            self._room += len(self.blocks.pop(name, b""))  # the newest line of a sample counts
            packed = b'"%s"' % b64encode(zlib.compress(encode_line(content)))
            self.blocks[name] = packed if len(packed) <= self._room else NO_ROOM
            self._room -= len(self.blocks[name])


def journal_beside(results: Path) -> Path:
    """Where the journal of a run is whose results, or verified results, are in this file."""
    stem = results.name.rpartition("_results")[0]
    path = results.with_name(f"{stem}_partial_results.jsonl")
    return path if path.is_file() else path.with_name(f"{path.name}.gz")


_BODY_SIGN = 3
"""The length of the sign of a body that could not be read."""


def _sign_of_reply(
    task_id: object, index: object, latency_s: object, usage: Mapping[str, Any]
) -> Sign:
    """A reply's waiting time, to the nanosecond, is a name that no other reply has."""
    return task_id, index, latency_s, usage.get("input_tokens"), usage.get("output_tokens")


def _sign_of_sample(entry: ResultEntry, place: int, index: int) -> Sign:
    """The sign of a sample, which was its run's `index`-th; empty if there was no reply."""
    turns = entry.turns[place]
    if len(turns or ()) > 1:
        return ()
    usage, latency_s = item_of(entry.usage, place), entry.latency_s[place]
    if turns:  # the journal has a line for each; the last one counts
        usage, latency_s = turns[-1].get("usage"), turns[-1].get("latency_s")
    if usage is not None and latency_s is not None:
        return _sign_of_reply(entry.task_id, index, latency_s, usage)
    return () if entry.error[place] is None else (entry.task_id, index, entry.run_id)


def _lines_of(journal: Path) -> Iterator[tuple[Sign, dict[str, Any]]]:
    for line in read_entries(journal):
        if not isinstance(line, OtherEntry):
            continue
        told = line.fields
        task_id, index, reply = told.get("task_id"), told.get("sample_index"), told.get("reply")
        if isinstance(reply, dict) and isinstance(reply.get("usage"), dict):
            content = {
                "text": reply.get("text"),
                "thinking": reply.get("reasoning"),
                "finish": reply.get("finish_reason"),
            }
            yield _sign_of_reply(task_id, index, reply.get("latency_s"), reply["usage"]), content
        elif line.entry_type == "unread_body":
            yield (task_id, index, told.get("run_id")), {"body": told.get("body")}
