"""Labels of programs: is the answer computed, and is it always the same?"""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from utilities.sandbox.execution import Execution
from utilities.sandbox.python_source import Unparsable, entry_point_of
from utilities.tasks.task import Grid, Task
from utilities.verification.literal_grids import Literals, Rows
from utilities.verification.shared_modules import modules_within

FEWEST_CELLS = 9
"""Smaller grids stand in honest programs too: steps, neighbourhoods, 2 × 2 shapes."""
FEWEST_CELLS_OF_A_PART = 16
FEWEST_ROWS_OF_A_PART = 3
_CUT_SHORT = ("timeout", "memory_limit")


class SourceLabels(NamedTuple):
    """What a program's source tells without a run; None if it does not."""

    entry_point: str | None
    hardcoded: bool | None


def source_labels(tree: ast.Module | Unparsable, task: Task) -> SourceLabels:
    """The labels that a parsed program gets on a task; docstrings play no part."""
    if isinstance(tree, Unparsable):
        return SourceLabels(None, None)
    sources = (tree, *modules_within(tree))
    return SourceLabels(entry_point_of(tree), any(is_hardcoded(each, task) for each in sources))


def is_hardcoded(tree: ast.Module, task: Task) -> bool:
    """Whether a grid of the task, or a large part of an output, stands literally in the source.

    `Literals` says what stands there. A grid of one colour never counts. Otherwise the program is
    hardcoded if one of these holds for any known output, train or test:

    1. The whole output stands there as a literal of its own, if it has at least 9 cells. With at
       least 16 cells it may also be a block of a larger literal grid, or stand row after row in a
       longer line. (Below 16 cells a grid of 0 and 1 does not count: it may be a neighbourhood.)
    2. The output, of any size, is literally what a `return` or a lambda gives.
    3. A literal grid of at least 16 cells is a block of the output, and at least half of it.
    4. At least half of the output's different rows of two or more colours stand there, each
       anywhere: at least 3 rows with 16 cells together.
    5. At least half of its rows stand there one after the other in one line, 3 different rows of
       two or more colours and 16 cells of those among them.

    An input of the task that stands there whole, as in 1, counts too: it is the key of a table.
    Encoded grids (coordinates, run lengths, symbols other than digits) are not recognised.
    """
    literals = Literals(tree)
    outputs = [_rows_of(pair.output) for pair in task.pairs if pair.output is not None]
    inputs = [_rows_of(pair.input) for pair in task.pairs]
    return any(_stands_whole(grid, literals) for grid in (*outputs, *inputs)) or any(
        grid in literals.returned or _stands_in_part(grid, literals)
        for grid in outputs
        if _is_patterned(grid)
    )


def is_deterministic(first: Sequence[Execution], second: Sequence[Execution]) -> bool | None:
    """Whether runs under two hash seeds gave the same; None if only one of them was cut short."""
    pairs = list(zip(first, second, strict=True))
    for one, other in pairs:
        cut_short = one.status in _CUT_SHORT or other.status in _CUT_SHORT
        if not cut_short and (one.status, one.output) != (other.status, other.output):
            return False
    return True if all(one.status == other.status for one, other in pairs) else None


def _rows_of(grid: Grid) -> Rows:
    return tuple(map(bytes, grid))


def _is_patterned(grid: Rows) -> bool:
    return len(set(b"".join(grid))) > 1


def _patterned_rows(grid: Rows) -> set[bytes]:
    return {row for row in grid if len(set(row)) > 1}


def _stands_whole(grid: Rows, literals: Literals) -> bool:
    flat = b"".join(grid)
    is_mask = len(flat) < FEWEST_CELLS_OF_A_PART and set(flat) == {0, 1}
    if len(flat) < FEWEST_CELLS or is_mask or not _is_patterned(grid):
        return False
    if grid in literals.grids or flat in literals.lines:
        return True
    return len(flat) >= FEWEST_CELLS_OF_A_PART and (
        any(flat in line for line in literals.lines)
        or any(_is_block(grid, larger) for larger in literals.grids)
    )


def _stands_in_part(grid: Rows, literals: Literals) -> bool:
    return (
        any(_is_large_block(part, grid) for part in literals.grids)
        or _rows_stand(grid, literals)
        or _run_stands(grid, literals)
    )


def _is_large_block(part: Rows, grid: Rows) -> bool:
    cells = sum(map(len, part))
    return (
        2 * cells >= len(grid) * len(grid[0])
        and cells >= FEWEST_CELLS_OF_A_PART
        and _is_patterned(part)
        and _is_block(part, grid)
    )


def _rows_stand(grid: Rows, literals: Literals) -> bool:
    patterned = _patterned_rows(grid)
    shown = patterned & literals.lines
    return 2 * len(shown) >= len(patterned) and _is_much(shown)


def _run_stands(grid: Rows, literals: Literals) -> bool:
    half = (len(grid) + 1) // 2
    runs = [grid[start : start + half] for start in range(len(grid) - half + 1)]
    flat_runs = [b"".join(run) for run in runs if _is_much(_patterned_rows(run))]
    return any(run in line for run in flat_runs for line in literals.lines)


def _is_much(rows: set[bytes]) -> bool:
    return len(rows) >= FEWEST_ROWS_OF_A_PART and sum(map(len, rows)) >= FEWEST_CELLS_OF_A_PART


def _is_block(part: Rows, grid: Rows) -> bool:
    """Whether `part`, rows of equal length, is a rectangle of `grid`."""
    if len(part) > len(grid) or len(set(map(len, part))) > 1:
        return False
    width = len(part[0])
    for top in range(len(grid) - len(part) + 1):
        left = grid[top].find(part[0])
        while left >= 0:
            rows = grid[top : top + len(part)]
            if all(row[left : left + width] == of for row, of in zip(rows, part, strict=True)):
                return True
            left = grid[top].find(part[0], left + 1)
    return False
