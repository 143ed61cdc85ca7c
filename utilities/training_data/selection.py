"""Which of a task's samples become rows: each program once, no more than asked for."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal, TypeVar

_Row = TypeVar("_Row")
Deduplication = Literal["program", "outputs", "none"]


@dataclass(frozen=True, slots=True)
class Place:
    """A sample in the spool, without its texts."""

    task_hash: str
    content: str
    position: int
    form: bytes
    outputs: bytes
    is_right: bool


@dataclass(slots=True)
class Choice:
    """Chooses, task by task; `left_out` counts samples by the reason."""

    deduplication: Deduplication
    max_per_task: int | None
    left_out: Counter[str]

    def singles(self, spool: sqlite3.Connection) -> Iterator[int]:
        """The positions of the samples that become rows."""
        for places in _tasks(spool):
            yield from self._limited([p.position for p in self._different(places)])

    def pairs(self, spool: sqlite3.Connection) -> Iterator[tuple[int, int]]:
        """A verified and a failed sample for each row: each failed one once.

        Both are of the very same task, not of its turned copies; the verified ones take turns.
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
