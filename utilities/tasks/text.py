"""A grid in words and digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utilities.tasks.task import Grid


_DIGITS = "0123456789"


def grid_to_text(grid: Grid) -> str:
    """Write a grid as one line a row, its digits spaced: `0 7 7`."""
    # Looking each digit up takes a third of the time of making a text of each int, or of the row.
    return "\n".join([" ".join([_DIGITS[cell] for cell in row]) for row in grid])


def describe_shape(grid: Grid) -> str:
    """Say a grid's shape in words: `3 rows × 4 columns`."""
    rows, columns = len(grid), len(grid[0])
    return f"{rows} row{'s' * (rows != 1)} × {columns} column{'s' * (columns != 1)}"
