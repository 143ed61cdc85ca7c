"""Which samples become rows, and which part of a split each task belongs to."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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

    def singles(self, spool: sqlite3.Connection) -> Iterator[tuple[str, tuple[int, ...]]]:
        """For each row its task's hash, and the position of its sample, alone."""
        for places in _tasks(spool):
            for position in self._limited([p.position for p in self._different(places)]):
                yield places[0].task_hash, (position,)

    def pairs(self, spool: sqlite3.Connection) -> Iterator[tuple[str, tuple[int, ...]]]:
        """For each row its task's hash, and the positions of a verified and a failed sample.

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
            for two in self._limited(found):
                yield places[0].task_hash, two

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


def parts_of_groups(sizes: Mapping[str, int], shares: Shares, seed: int) -> dict[str, str]:
    """The part of each group, given how many tasks each has.

    Groups stand in an order by the seed and their names alone, and are cut where the shares come
    nearest; each part has one at least. A further group moves only groups near a cut. Raises
    UsageError if there are fewer groups than parts.
    """
    if len(sizes) < len(shares):
        raise UsageError(
            f"--split has {len(shares)} parts, and there are {len(sizes)} different tasks with "
            "rows; give fewer parts or more results; nothing is written"
        )
    order = sorted(
        sizes, key=lambda group: hashlib.sha256(f"{seed} {group}".encode()).digest(), reverse=True
    )
    total, done = sum(sizes.values()), 0
    parts: dict[str, str] = {}
    ends = accumulate(share for _, share in shares)
    for number, ((name, _), end) in enumerate(zip(shares, ends, strict=True), start=1):
        parts_after = len(shares) - number
        is_first = True
        while len(order) > parts_after:
            size = sizes[order[-1]]
            if parts_after and not is_first and done + size / 2 > end * total:
                break
            parts[order.pop()] = name
            done, is_first = done + size, False
    return parts
