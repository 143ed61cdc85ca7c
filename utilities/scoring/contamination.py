"""Which tasks of a benchmark occur in training data at hand: by the content of their pairs.

A pair's hash takes about 10 µs. Symmetries and colour permutations count as other pairs here, but
rows that `export_training_data.py` wrote name a task in any symmetry, and so find it in any. Ids
tell only of rules: RE-ARC, ARC-GEN and ARC-TGI have those of public tasks in new grids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from utilities.command_line.terminal import first_of
from utilities.tasks.hashes import (
    CANONICAL_DIGITS,
    canonical_hash,
    grid_hash,
    pair_hash,
    task_hash,
)
from utilities.tasks.public_sets import public_id_in
from utilities.tasks.task import Pair, Task

_MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of a task stands in a source; a task without pairs in common has none."""

    pairs: int
    """Train and test pairs of the task."""
    pairs_known: int
    test_pairs_known: int
    is_rule_alone: bool = False
    """No pair is known, but other grids of the same rule are."""

    @property
    def is_whole(self) -> bool:
        """Whether every pair is known."""
        return self.pairs_known == self.pairs


class KnownPairs:
    """The pairs of one source of training data."""

    def __init__(self, name: str) -> None:
        """`name` is what a report calls the source."""
        self.name = name
        self.tasks = 0
        self._pairs: set[bytes] = set()
        self._inputs: set[bytes] = set()
        self._task_hashes: set[str] = set()
        self._canonical_hashes: set[str] = set()
        self._task_ids: set[str] = set()
        self._rules: set[str | None] = {None}

    def add(self, task: Task) -> None:
        """Take all pairs of a task in."""
        self.tasks += 1
        self._rules.add(public_id_in(task.task_id))
        for pair in (*task.train, *task.test):
            self._inputs.add(grid_hash(pair.input))
            self._pairs.add(pair_hash(pair))

    def add_hash(self, task_hash: str) -> None:
        """Take a task in by its `task_hash` or `canonical_hash`: the source tells no more."""
        self.tasks += 1
        is_canonical = len(task_hash) == CANONICAL_DIGITS
        (self._canonical_hashes if is_canonical else self._task_hashes).add(task_hash)

    def add_id(self, task_id: str) -> None:
        """Take a task in whose content nobody knows: the id has to do."""
        self.tasks += 1
        self._task_ids.add(task_id)

    def overlap(self, task: Task) -> Overlap | None:
        """How much of the task is known here; None if nothing is.

        A test pair of unknown output is known if its input is.
        """
        pairs = len(task.train) + len(task.test)
        if self._is_named(task):
            return Overlap(pairs, pairs, len(task.test))
        train, test = (sum(map(self._knows, part)) for part in (task.train, task.test))
        if train + test:
            return Overlap(pairs, train + test, test)
        rule = public_id_in(task.task_id)
        is_known = rule is not None and rule in self._rules
        return Overlap(pairs, 0, 0, is_rule_alone=True) if is_known else None

    def _is_named(self, task: Task) -> bool:
        return (
            task.task_id in self._task_ids
            or (bool(self._task_hashes) and task_hash(task) in self._task_hashes)
            or (bool(self._canonical_hashes) and canonical_hash(task) in self._canonical_hashes)
        )

    def _knows(self, pair: Pair) -> bool:
        if pair.output is None:
            return grid_hash(pair.input) in self._inputs
        return pair_hash(pair) in self._pairs


@dataclass(slots=True)
class ContaminationCheck:
    """What of a benchmark's tasks is known to each source, task by task."""

    sources: Sequence[KnownPairs] = ()
    tasks: int = 0
    found: dict[str, dict[str, Overlap]] = field(default_factory=dict)
    """By source, then by task id."""

    def add(self, task: Task) -> None:
        """Look a task of the benchmark up."""
        self.tasks += 1
        for source in self.sources:
            overlap = source.overlap(task)
            if overlap is not None:
                self.found.setdefault(source.name, {})[task.task_id] = overlap

    def lines(self) -> list[str]:
        """A warning for each source that knows some of the tasks, or their rules."""
        lines = []
        for name, overlaps in self.found.items():
            of_rules = {key for key, one in overlaps.items() if one.is_rule_alone}
            found = {key: one for key, one in overlaps.items() if key not in of_rules}
            if found:
                lines.append(
                    f"contaminated: {len(found)} of {self.tasks} tasks stand in {name}"
                    f"{_partly(found)} ({first_of(sorted(found), _MOST_LISTED)})"
                )
            if of_rules:
                lines.append(
                    f"contaminated: the rules of {len(of_rules)} of {self.tasks} tasks stand in "
                    f"{name}, in other grids ({first_of(sorted(of_rules), _MOST_LISTED)})"
                )
        return lines

    def to_json(self) -> dict[str, Any]:
        """For the metadata: by source, the ids of tasks that stand there wholly or partly.

        `rule_alone` has those of which only other grids of the same rule stand there.
        """
        return {
            source.name: {
                "tasks": source.tasks,
                "whole": sorted(_ids(self.found.get(source.name, {}), whole=True)),
                "partly": sorted(_ids(self.found.get(source.name, {}), whole=False)),
                "rule_alone": sorted(
                    task_id
                    for task_id, one in self.found.get(source.name, {}).items()
                    if one.is_rule_alone
                ),
            }
            for source in self.sources
        }


def _ids(overlaps: Mapping[str, Overlap], *, whole: bool) -> list[str]:
    return [
        task_id
        for task_id, overlap in overlaps.items()
        if overlap.is_whole is whole and not overlap.is_rule_alone
    ]


def _partly(overlaps: Mapping[str, Overlap]) -> str:
    count = len(_ids(overlaps, whole=False))
    return f", {count} of them in part" if count else ""
