"""Changes that keep a task's rule: turned and mirrored grids, other colours."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from utilities.tasks.grids import COLOURS, Rows
from utilities.tasks.task import Grid, Pair, Task


@dataclass(frozen=True, slots=True)
class Symmetry:
    """One of the eight symmetries of a square: transposed first, then mirrored."""

    name: str
    transposes: bool
    reverses_rows: bool
    reverses_columns: bool

    def of(self, grid: Rows) -> Grid:
        """The grid as this symmetry shows it."""
        rows = [list(row) for row in (zip(*grid, strict=True) if self.transposes else grid)]
        if self.reverses_rows:
            rows.reverse()
        return [row[::-1] for row in rows] if self.reverses_columns else rows

    def undone(self, grid: Rows) -> Grid:
        """The grid that `of` made this one of."""
        rows = list(reversed(grid)) if self.reverses_rows else grid
        rows = [row[::-1] for row in rows] if self.reverses_columns else rows
        return [list(row) for row in (zip(*rows, strict=True) if self.transposes else rows)]


SYMMETRIES = (
    Symmetry("as it is", transposes=False, reverses_rows=False, reverses_columns=False),
    Symmetry("upside down", transposes=False, reverses_rows=True, reverses_columns=False),
    Symmetry("mirrored", transposes=False, reverses_rows=False, reverses_columns=True),
    Symmetry("turned by 180°", transposes=False, reverses_rows=True, reverses_columns=True),
    Symmetry("transposed", transposes=True, reverses_rows=False, reverses_columns=False),
    Symmetry("turned left", transposes=True, reverses_rows=True, reverses_columns=False),
    Symmetry("turned right", transposes=True, reverses_rows=False, reverses_columns=True),
    Symmetry("transposed the other way", True, True, True),
)
"""The group D4; the first one changes nothing."""

SAME_COLOURS = tuple(range(COLOURS))


def changed_task(task: Task, symmetry: Symmetry, colours: Sequence[int] = SAME_COLOURS) -> Task:
    """The task with `symmetry` applied to every grid, and colour c written as `colours[c]`."""

    def change(grid: Grid) -> Grid:
        return [[colours[cell] for cell in row] for row in symmetry.of(grid)]

    train, test = (
        tuple(
            Pair(change(pair.input), None if pair.output is None else change(pair.output))
            for pair in pairs
        )
        for pairs in (task.train, task.test)
    )
    return replace(task, train=train, test=test)
