"""What a grid is, and how it is written as text."""

import json
from collections.abc import Sequence
from itertools import chain

Rows = Sequence[Sequence[int]]
"""A grid that is read and not changed."""
LONGEST_SIDE = 30
COLOURS = 10
_PALETTE = frozenset(range(COLOURS))
_DIGITS = "0123456789"
COLOUR_NAMES = (
    *("black", "blue", "red", "green", "yellow"),
    *("grey", "magenta", "orange", "azure", "maroon"),
)
"""The colour of each number, in the order of ARC's own viewer."""


def check_grid(value: object) -> str | None:
    """Say why a value is not a grid, in words that follow its name; None if it is one.

    A grid is a list of 1-30 rows of one length, 1-30, of ints 0-9; a bool, a float or a numpy
    number is not an int here. Rows and columns in the reason count from 0, like `train[0]`.
    """
    if not isinstance(value, list):
        kind = "null" if value is None else f"of type {type(value).__name__}"
        return f"is {kind}, not a list of rows"
    if not value:
        return "has no rows"
    if len(value) > LONGEST_SIDE:
        return f"has {len(value)} rows; a grid has at most {LONGEST_SIDE}"
    if set(map(type, value)) != {list}:
        for index, row in enumerate(value):
            if not isinstance(row, list):
                return f"has no list of colours as row {index}"
    return _check_columns(value) or _check_cells(value)


def _check_columns(rows: list[list[object]]) -> str | None:
    widths = tuple(dict.fromkeys(map(len, rows)))
    if len(widths) > 1:
        return f"has ragged rows ({', '.join(map(str, widths))})"
    if widths[0] == 0:
        return "has empty rows"
    if widths[0] > LONGEST_SIDE:
        return f"has {widths[0]} columns; a grid has at most {LONGEST_SIDE}"
    return None


def _check_cells(rows: list[list[object]]) -> str | None:
    cells = [*chain.from_iterable(rows)]
    if set(map(type, cells)) == {int} and _PALETTE.issuperset(cells):
        return None  # nearly always, and ten times as fast as looking at each
    for row_index, row in enumerate(rows):
        for column, cell in enumerate(row):
            if type(cell) is not int or not 0 <= cell < COLOURS:
                return f"holds {_shown(cell)} at row {row_index}, column {column}; colours are 0-9"
    return None


def _shown(cell: object) -> str:
    try:
        text = json.dumps(cell, default=repr)
    except RecursionError:
        return "a list in lists in lists"
    return text if len(text) <= 24 else f"{text[:21]}..."


def grid_to_text(grid: Rows) -> str:
    """Write a grid as one line a row, its digits spaced: `0 7 7`."""
    # Looking each digit up takes a third of the time of making a text of each int, or of the row.
    return "\n".join([" ".join([_DIGITS[cell] for cell in row]) for row in grid])


def describe_shape(grid: Rows) -> str:
    """A grid's shape in words: `3 rows × 4 columns`."""
    rows, columns = len(grid), len(grid[0])
    return f"{rows} row{'s' * (rows != 1)} × {columns} column{'s' * (columns != 1)}"
