"""What is seen in a grid: its background, and the parts that it can be cut into."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from agents.program_search.transforms.registry import Array, remembered

OBJECTS = {
    "one_colour_corners": "one-colour object (joined by sides or corners)",
    "one_colour_sides": "one-colour object (joined by sides)",
    "mixed_corners": "object of any colours (joined by sides or corners)",
    "mixed_sides": "object of any colours (joined by sides)",
}
REGIONS = {"background_sides": "region of background (joined by sides)"}
COLOUR_SETS = {"colours": "set of all cells of one ink colour"}
PANES = {"panes": "pane between the full one-colour lines"}
SQUARES = {"squares": "square (the grid is a row or column of them)"}
DIVISIONS = {
    (1, 2): "half (left and right)",
    (2, 1): "half (top and bottom)",
    (1, 3): "third (left to right)",
    (3, 1): "third (top to bottom)",
    (2, 2): "quarter",
    (3, 3): "ninth (three by three)",
    (1, 4): "fourth (left to right)",
    (4, 1): "fourth (top to bottom)",
}
ONE_SET, SETS = "all cells of one ink colour", "the cells of each ink colour"
NOUN = re.compile(r"\b(object|region|set|pane|square|third|quarter|ninth|fourth)\b")


def plural(cuts: Mapping[Any, str]) -> dict[Any, str]:
    """The cuts with their words in the plural, in the same order."""
    return {
        cut: NOUN.sub(r"\1s", words, count=1).replace("half", "halves").replace(ONE_SET, SETS)
        for cut, words in cuts.items()
    }


MOST_PARTS = 200
"""If a grid would have more parts, it has none: that is noise."""
Cut: TypeAlias = str | tuple[int, int]
"""A way to cut a grid into parts: a key of one of the tables above."""


class Part(NamedTuple):
    """A part of a grid: where its box lies, its cells in the box, and the box's picture."""

    top: int
    left: int
    mask: Array
    picture: Array


def background(grid: Array) -> int:
    """Give black if there is any, otherwise the commonest colour."""
    return 0 if (grid == 0).any() else int(np.bincount(grid.ravel()).argmax())


def bordered(grid: Array, width: int, value: int) -> Array:
    """Put a border around the grid, `width` wide and of `value`."""
    result = np.full((grid.shape[0] + 2 * width, grid.shape[1] + 2 * width), value)
    result[width:-width, width:-width] = grid
    return result


def regions(keys: Array, corners: bool) -> Array:
    """Number the connected cells of equal key from 1 in reading order; a key of -1 stays 0."""
    height, width = keys.shape
    sides, slants = [(-1, 0), (1, 0), (0, -1), (0, 1)], [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    around = sides + slants if corners else sides
    rows, number = keys.tolist(), 0
    numbers = [[0] * width for _ in range(height)]
    for start in range(height * width):
        row, column = divmod(start, width)
        key = rows[row][column]
        if key == -1 or numbers[row][column]:
            continue
        number += 1
        numbers[row][column] = number
        border = [(row, column)]
        while border:
            row, column = border.pop()
            for down, right in around:
                y, x = row + down, column + right
                if 0 <= y < height and 0 <= x < width and rows[y][x] == key and not numbers[y][x]:
                    numbers[y][x] = number
                    border.append((y, x))
    return np.array(numbers)


def gaps(flags: Array) -> list[int]:
    """Give the lengths of the runs of False."""
    edges = np.flatnonzero(np.diff(np.r_[True, flags, True]))
    return (edges[1::2] - edges[::2]).tolist()


def evenly(flags: Array) -> Array:
    """Keep of the flags only those that part the others into runs of one length, if any do so."""
    size = len(flags)
    for run in range(2, size // 2 + 1):
        places = np.arange(run, size, run + 1)
        if (size + 1) % (run + 1) == 0 and flags[places].all():
            return np.isin(np.arange(size), places)
    return flags


@remembered
def lines(grid: Array) -> Array:
    """Mark the full rows and columns of the colour that best divides the grid into panes.

    Panes of one size are better than others, lines of ink than of background, many than few.
    """
    best, most = np.zeros(grid.shape, bool), (False, False, 0)
    for colour in np.unique(grid).tolist():
        rows, columns = (grid == colour).all(1), (grid == colour).all(0)
        if colour == background(grid):
            rows, columns = evenly(rows), evenly(columns)
        heights, widths = gaps(rows), gaps(columns)
        even = len(set(heights)) == len(set(widths)) == 1
        merit = even, colour != background(grid), len(heights) * len(widths)
        if merit[2] > 1 and merit > most:
            best, most = rows[:, None] | columns, merit
    return best


def table_of(grid: Array, down: int, across: int) -> Array:
    """Number the parts of a table of so many equal parts; all 0 if the sides are no multiples."""
    height, width = grid.shape
    if height % down or width % across:
        return np.zeros_like(grid)
    row, column = np.indices(grid.shape)
    return row * down // height * across + column * across // width + 1


@remembered
def numbered(grid: Array, cut: Cut) -> Array:
    """Number the parts from 1 in reading order, on their cells; 0 on cells in none."""
    if isinstance(cut, tuple):
        return table_of(grid, *cut)
    if cut == "squares":
        side = min(grid.shape)
        return table_of(grid, len(grid) // side, len(grid.T) // side)
    inked = grid != background(grid)
    if cut == "colours":
        order = np.unique(grid[inked])
        return np.where(inked, np.searchsorted(order, grid) + 1, 0)
    if cut == "panes":
        return regions(np.where(lines(grid), -1, 1), False)
    if cut == "background_sides":
        keys = np.where(inked, -1, 1)
    else:
        keys = np.where(inked, grid if cut.startswith("one") else 1, -1)
    numbers = regions(keys, cut.endswith("corners"))
    return numbers if numbers.max() <= MOST_PARTS else np.zeros_like(grid)


@remembered
def parts(grid: Array, cut: Cut) -> list[Part]:
    """Cut the grid into parts, in reading order; what is not the part's shows as background."""
    numbers, empty = numbered(grid, cut), background(grid)
    found = []
    for number in range(1, int(numbers.max()) + 1):
        mask = numbers == number
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        picture = np.where(mask, grid, empty)[box]
        found.append(Part(int(rows[0]), int(columns[0]), mask[box], picture))
    return found


def holes(mask: Array) -> Array:
    """Mark the cells outside the mask that it walls in (sides only)."""
    outside = regions(np.where(bordered(mask, 1, 0), -1, 1), False)
    return (outside > 1)[1:-1, 1:-1]
