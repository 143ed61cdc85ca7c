"""Changes that keep a task's rule: turned, recoloured, its pairs in another order; and back.

A view of a task is the task after a change. Sample i of a task sees view i, and view 0 is the task
as it is.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import factorial, prod
from typing import Any, Literal, Self

from utilities.command_line.words import names_among
from utilities.files.hashing import hash_of
from utilities.tasks.grids import COLOURS, Rows
from utilities.tasks.symmetries import SAME_COLOURS, SYMMETRIES, Symmetry, changed_task
from utilities.tasks.task import Grid, Task

Kind = Literal["symmetry", "colours", "pairs"]
KINDS: tuple[Kind, ...] = ("symmetry", "colours", "pairs")
"""The eight symmetries of the square, permutations of the ten colours, the order of the pairs."""


def kinds_in(text: str) -> tuple[Kind, ...]:
    """Kinds of changes, from a comma list, in the order of KINDS."""
    words = names_among(KINDS, text)
    return tuple(kind for kind in KINDS if kind in words)


_FOUR_CELLS = [[0, 1], [2, 3]]
"""Each symmetry makes another grid of it."""
_FEW_VIEWS = 1000
"""So many are shuffled, and none comes twice before all have come."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a task is changed: first turned, then recoloured; its pairs are taken in these orders.

    Colour c becomes `colours[c]`; train pair k of the changed task is pair `train_order[k]` of the
    task as it was, and the test pairs likewise.
    """

    symmetry: Symmetry
    colours: tuple[int, ...]
    train_order: tuple[int, ...]
    test_order: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The change as it stands in entries, journals and exported rows."""
        return {
            "symmetry": self.symmetry.name,
            "colours": list(self.colours),
            "train_order": list(self.train_order),
            "test_order": list(self.test_order),
        }

    @property
    def is_none(self) -> bool:
        """Whether it changes nothing."""
        ordered = [tuple(range(len(order))) for order in (self.train_order, self.test_order)]
        return self.keeps_grids and ordered == [self.train_order, self.test_order]

    @property
    def keeps_grids(self) -> bool:
        """Whether it changes nothing but the order of the pairs."""
        return self.symmetry == SYMMETRIES[0] and self.colours == SAME_COLOURS

    @property
    def undone(self) -> Self:
        """The change that leads back."""
        return replace(
            self,
            symmetry=_symmetry_to(self.symmetry.undone(_FOUR_CELLS)),
            colours=_inverse(self.colours),
            train_order=_inverse(self.train_order),
            test_order=_inverse(self.test_order),
        )

    def then(self, other: Self) -> Self:
        """This change and then the other one, as one change."""
        return replace(
            self,
            symmetry=_symmetry_to(other.symmetry.of(self.symmetry.of(_FOUR_CELLS))),
            colours=tuple(other.colours[colour] for colour in self.colours),
            train_order=tuple(self.train_order[place] for place in other.train_order),
            test_order=tuple(self.test_order[place] for place in other.test_order),
        )

    def of(self, task: Task) -> Task:
        """The changed task."""
        changed = changed_task(task, self.symmetry, self.colours)
        return replace(
            changed,
            train=tuple(changed.train[place] for place in self.train_order),
            test=tuple(changed.test[place] for place in self.test_order),
        )

    def of_grid(self, grid: Rows) -> Grid:
        """The changed grid."""
        return [[self.colours[cell] for cell in row] for row in self.symmetry.of(grid)]


def is_turned(view: object) -> bool:
    """Whether a recorded view, if that is one, differs from the task as it is."""
    if not isinstance(view, Mapping):
        return False
    orders = (view.get("colours"), view.get("train_order"), view.get("test_order"))
    kept = all(isinstance(one, list | tuple) and list(one) == sorted(one) for one in orders)
    return view.get("symmetry") != SYMMETRIES[0].name or not kept


def _inverse(order: Sequence[int]) -> tuple[int, ...]:
    return tuple(order.index(place) for place in range(len(order)))


def _symmetry_to(grid: Grid) -> Symmetry:
    return next(one for one in SYMMETRIES if one.of(_FOUR_CELLS) == grid)


def view_of(task: Task, index: int, kinds: Sequence[Kind], seed: int) -> Change:
    """The change that makes view `index` of a task; the same for the same seed and train pairs.

    If there are few views, all of them come before one comes again.
    """
    sizes = (
        len(SYMMETRIES) if "symmetry" in kinds else 1,
        factorial(COLOURS) if "colours" in kinds else 1,
        factorial(len(task.train)) if "pairs" in kinds else 1,
        factorial(len(task.test)) if "pairs" in kinds else 1,
    )
    train = task.train_pairs_only().to_json()["train"]
    symmetry, *permutations = _digits(_number(index, prod(sizes), hash_of([seed, train])), sizes)
    counts = (COLOURS, len(task.train), len(task.test))
    return Change(SYMMETRIES[symmetry], *map(_permutation, counts, permutations))


def _number(index: int, total: int, seed: str) -> int:
    """Which of all `total` views comes at an index: number 0 first, then any, by the seed."""
    if index == 0 or total == 1:
        return 0
    if total <= _FEW_VIEWS:
        chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, no secret
        return [0, *chance.sample(range(1, total), total - 1)][index % total]
    return random.Random(f"{seed} {index}").randrange(1, total)  # noqa: S311 - the same


def _digits(number: int, sizes: Sequence[int]) -> list[int]:
    """A number from 0 to the product of `sizes`, excluded, as one digit below each size."""
    digits = []
    for size in sizes:
        number, digit = divmod(number, size)
        digits.append(digit)
    return digits


def _permutation(count: int, number: int) -> tuple[int, ...]:
    """One of the `count`! orders of the numbers below `count`; number 0 keeps them in order."""
    left = list(range(count))
    return tuple(left.pop(place) for place in _digits(number, range(count, 0, -1)))
