"""What the finders of grids share: a found grid, rows of digits, and indices beside them."""

import re
from dataclasses import dataclass

from utilities.tasks.grids import LONGEST_SIDE
from utilities.tasks.task import Grid

Row = list[int] | None
"""The cells of a row; None if it holds anything but single digits."""

_BETWEEN_CELLS = re.compile(r"[ \t\n,;|&│]+")
_QUOTED_CELL = re.compile(r"([\"'])([0-9])\1")
_NUMPY_INTEGER = re.compile(r"(?:np\.|numpy\.)?u?int(?:8|16|32|64)?\(([0-9])\)")


@dataclass(slots=True)
class FoundGrid:
    """A grid, or None for rows that make none, at its offsets in the text."""

    start: int
    end: int
    grid: Grid | None
    place: int | None = None
    """Its test input, counted from 1 (from 0 if the reply does so), if that is told."""
    is_weak: bool = False
    """Whether coordinates and lists have this form too, so that a plainer grid wins."""
    needs_label: bool = False
    """Whether plain numbers have this form too, so that it counts under an answer's label only."""
    needs_own_label: bool = False
    """Whether that label must stand on its own line."""


def read_cells(text: str) -> Row:
    """Single digits with blanks, commas or bars between them; quoted, or as numpy shows them."""
    if "int" in text:
        text = _NUMPY_INTEGER.sub(r"\1", text)
    if '"' in text or "'" in text:
        text = _QUOTED_CELL.sub(r"\2", text)
    cells = _BETWEEN_CELLS.split(text.strip(" \t\n,;|&│"))
    if all(len(cell) == 1 and cell in "0123456789" for cell in cells):
        return [int(cell) for cell in cells]
    return None


def read_joined_cells(text: str) -> Row:
    """Digits that stand side by side, `0120`."""
    text = text.strip()
    if len(text) > 1 and text.isascii() and text.isdigit():
        return [int(cell) for cell in text]
    return None


def as_grid(rows: list[Row]) -> Grid | None:
    """The grid of these rows; None if they make none."""
    grid = [row for row in rows if row]
    whole = 0 < len(grid) == len(rows) <= LONGEST_SIDE and len(grid[0]) <= LONGEST_SIDE
    return grid if whole and all(len(row) == len(grid[0]) for row in grid) else None


def without_index(rows: list[Row]) -> list[Row]:
    """Rows without a first row that counts columns and a first column that counts rows."""
    head, *body = rows
    if not head or not body or any(row is None or len(row) != len(head) + 1 for row in body):
        return rows
    numbers = [row[0] for row in body if row]
    if not _counts(head) or not _counts(numbers):
        return rows
    return [row[1:] for row in body if row]


def _counts(numbers: list[int]) -> bool:
    first = numbers[0]
    return first <= 1 and all(number == (first + at) % 10 for at, number in enumerate(numbers))


def counts_columns(row: Row, rows: list[Row]) -> bool:
    """Whether a row above others numbers their columns."""
    return bool(row and _counts(row) and all(other and len(other) == len(row) for other in rows))
