"""Which samples become rows, and which part of a split each task belongs to."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Literal, TypeVar

from utilities.errors import UsageError

_Row = TypeVar("_Row")
Deduplication = Literal["program", "outputs", "none"]
Shares = tuple[tuple[str, float], ...]
WHOLE: Shares = (("", 1.0),)
"""No split: one unnamed part."""


@dataclass(frozen=True, slots=True)
class Place:
    """A sample's position in the spool, and the keys by which samples are compared."""

    task_hash: str
    content: str
    position: int
    form: bytes
    outputs: bytes
    is_right: bool


@dataclass(slots=True)
class Choice:
    """Chooses samples, task by task; `left_out` counts those that are not chosen, by reason."""

    deduplication: Deduplication
    max_per_task: int | None
    left_out: Counter[str]

    def singles(self, spool: sqlite3.Connection) -> Iterator[int]:
        """The positions of the samples that become rows."""
        for places in _tasks(spool):
            yield from self._limited([p.position for p in self._different(places)])

    def pairs(self, spool: sqlite3.Connection) -> Iterator[tuple[int, int]]:
        """The positions of a verified and a failed sample for each row.

        Both are of the very same task, not of a turned copy. Each failed sample serves once, and
        the verified ones take turns.
        """
        for places in _tasks(spool):
            found: list[tuple[int, int]] = []
            for _, same in groupby(places, key=lambda place: place.content):
                here = list(same)
                right = self._different([p for p in here if p.is_right])
                wrong = self._different([p for p in here if not p.is_right])
                if not right:
                    self.left_out["failed, and no sample of its task is verified"] += len(wrong)
                    continue
                found += [
                    (right[number % len(right)].position, failed.position)
                    for number, failed in enumerate(wrong)
                ]
                self.left_out["verified, and no sample of its task failed"] += (
                    0 if wrong else len(right)
                )
            yield from self._limited(found)

    def _different(self, places: list[Place]) -> list[Place]:
        if self.deduplication == "none":
            return places
        seen: set[tuple[str, bytes]] = set()
        kept = []
        for place in places:
            names = [(place.content, place.form)]
            if self.deduplication == "outputs":
                names.append((place.content, place.outputs))
            if seen.isdisjoint(names):
                kept.append(place)
            else:
                self.left_out[f"the same {self.deduplication} as another"] += 1
            seen.update(names)
        return kept

    def _limited(self, rows: list[_Row]) -> list[_Row]:
        kept = rows[: self.max_per_task]
        self.left_out["more than --max_per_task"] += len(rows) - len(kept)
        return kept


def _tasks(spool: sqlite3.Connection) -> Iterator[list[Place]]:
    found = spool.execute(
        "SELECT task_hash, content, position, form, outputs, is_right FROM samples"
        " ORDER BY task_hash, content, position"
    )
    for _, rows in groupby(found, key=itemgetter(0)):
        yield [Place(*row) for row in rows]


def parse_shares(text: str) -> Shares:
    """Read `train=0.9,validation=0.1`; raises UsageError for a text of another form."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        shares = tuple((name.strip(), float(share)) for name, share in pairs)
    except ValueError:
        shares = ()
    names = {name for name, _ in shares if name.isidentifier() and name.isascii()}
    is_whole = abs(sum(share for _, share in shares) - 1) < 1e-6
    if len(names) < len(shares) or not is_whole or any(share <= 0 for _, share in shares):
        raise UsageError(
            f"--split {text}: write each part's name and share, together 1: "
            "train=0.9,validation=0.1"
        )
    return shares


class TaskGroups:
    """Groups of tasks that share an identifying hash, directly or through other tasks."""

    def __init__(self) -> None:
        """No task is known."""
        self._parents: dict[str, str] = {}

    def add(self, keys: Sequence[str]) -> None:
        """Join all tasks that have one of these hashes."""
        roots = sorted({self._root(key) for key in keys})
        for root in roots:  # the smallest becomes the root, in whatever order tasks are added
            self._parents[root] = roots[0]

    def of(self, keys: Sequence[str]) -> str:
        """The group of a task that was added, named by the smallest hash in it."""
        return self._root(keys[0])

    def _root(self, key: str) -> str:
        path = []
        while (parent := self._parents.setdefault(key, key)) != key:
            path.append(key)
            key = parent
        for passed in path:
            self._parents[passed] = key
        return key


def part_of(group: str, shares: Shares, seed: int) -> str:
    """The part that a group falls into by the hash of its name, whatever other groups there are.

    The shares hold on average, not exactly. A task is in the same part in every export with the
    same seed and shares.
    """
    digest = hashlib.sha256(f"{seed} {group}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    ends = accumulate(share for _, share in shares)
    inside = (name for (name, _), end in zip(shares, ends, strict=True) if place < end)
    return next(inside, shares[-1][0])
