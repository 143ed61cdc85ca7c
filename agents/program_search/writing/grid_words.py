"""Grids, cells and places in words; rows and columns count from 1."""

from collections.abc import Iterable, Sequence

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.registry import COLOURS, Array

LARGEST_BETWEEN = 400
"""Grids between the steps are written out up to this many cells."""
BLOCKS_NAMED = 6
"""Of cells in more blocks the number and the first blocks are told."""


def place_words(top: int, left: int, shape: tuple[int, ...]) -> str:
    """Where a block lies, rows and columns counted from 1."""
    if shape == (1, 1):
        return f"({top + 1}, {left + 1})"
    texts = []
    for line, first, length in (("row", top, shape[0]), ("column", left, shape[1])):
        last = first + length
        texts.append(f"{line} {last}" if length == 1 else f"{line}s {first + 1}-{last}")
    return " ".join(texts)


def lower(text: str) -> str:
    """The text with a small first letter."""
    return f"{text[0].lower()}{text[1:]}"


def count_of(number: int, noun: str) -> str:
    """`1 cell`, `3 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shape_words(shape: tuple[int, ...]) -> str:
    """Rows × columns."""
    return f"{shape[0]}×{shape[1]}"


def colours_words(colours: Iterable[int]) -> str:
    """The colours by name and number, in their order."""
    return listing(COLOURS[colour] for colour in sorted(colours))


def cells_words(cells: Sequence[int], width: int) -> str:
    """How many cells, and where they are (rows and columns count from 1), in blocks."""
    blocks: dict[tuple[int, int], int] = {}  # the start of each run and its length, by rows
    for cell in cells:
        start = next(reversed(blocks), (-9, 0))
        if cell % width and start[0] + start[1] == cell:
            del blocks[start]
            start = (start[0], start[1] + 1)
        else:
            start = (cell, 1)
        blocks[start] = 1
    for run in sorted(blocks, reverse=True):
        above = (run[0] - width, run[1])
        if above in blocks:
            blocks[above] = blocks.pop(run) + 1
    named = [
        place_words(*divmod(first, width), (tall, length))
        for (first, length), tall in sorted(blocks.items())
    ]
    if len(cells) == 1:
        return f"Cell {named[0]}"
    among = "among them " if len(named) > BLOCKS_NAMED else ""
    return f"{len(cells)} cells ({among}{'; '.join(named[:BLOCKS_NAMED])})"


def changed_lines(before: Array, after: Array) -> list[str]:
    """Which cells a step changes that keeps the shape; [] if it changes most of them."""
    if before.shape != after.shape:
        return []
    changed = np.flatnonzero(before != after).tolist()
    if not changed:
        return ["  It changes nothing here."]
    words = cells_words(changed, before.shape[1])
    few = len(changed) <= before.size // 2
    return [f"  It changes {words[0].lower()}{words[1:]}."] if few else []


def grid_lines(grid: Array, *, is_signed: bool = False) -> list[str]:
    """A grid's rows, indented; -1 is a dot unless numbers may be negative."""
    none = -9 if is_signed else 0
    words = [["." if cell < none else str(cell) for cell in row] for row in grid.tolist()]
    width = max(len(word) for row in words for word in row)
    return ["  " + " ".join(word.rjust(width) for word in row) for row in words]
