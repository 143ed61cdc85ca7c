"""What counts as a grid among what programs return."""

from __future__ import annotations

import sys
from typing import Any

_INVALID = "invalid_output"
_COLOURS = bytes(range(10))


class Failed(Exception):
    """Why an input has no answer: the kind of the record and its text."""


def to_cells(value: object) -> tuple[int, int, bytes]:
    """Rows, columns and cells of what the program returned; raises Failed."""
    rows = plain(value)
    if not isinstance(rows, list | tuple):
        raise Failed(_INVALID, f"a list of rows was expected, not {type(rows).__name__}")
    if not 1 <= len(rows) <= 30:
        raise Failed(_INVALID, f"{len(rows)} rows, where a grid has 1 to 30")
    rows = [plain(row) for row in rows]
    for row in rows:
        if not isinstance(row, list | tuple):
            raise Failed(_INVALID, f"a row is a list of cells, not {type(row).__name__}")
    widths = [len(row) for row in rows]
    if widths != [widths[0]] * len(widths):
        raise Failed(_INVALID, f"ragged rows, of lengths {', '.join(map(str, widths))}")
    if not 1 <= widths[0] <= 30:
        raise Failed(_INVALID, f"{widths[0]} columns, where a grid has 1 to 30")
    return len(rows), widths[0], b"".join([to_colours(row) for row in rows])


def to_colours(row: list[Any] | tuple[Any, ...]) -> bytes:
    """A row as bytes of 0 to 9; raises Failed."""
    if set(map(type, row)) == {int}:
        try:
            cells = bytes(row)
        except ValueError:  # over 255, or negative: below it is said which
            cells = b"\xff"
        if not cells.translate(None, _COLOURS):
            return cells
    return bytes([to_colour(cell) for cell in row])


def to_colour(cell: object) -> int:
    """A cell as an int of 0 to 9; raises Failed."""
    value = plain(cell)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and 0 <= value <= 9:
        return int(value)
    raise Failed(_INVALID, f"a cell is {value!r:.40}, where colours are the ints 0 to 9")


def plain(value: Any) -> Any:
    """Numpy's arrays and scalars as Python's lists and numbers, all else as it is."""
    if type(value) is list or type(value) is int:
        return value
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.tolist()
    return value
