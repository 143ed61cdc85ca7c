"""Pictures that move or copy single objects and leave the rest of the grid where it is."""

# mypy: disable-error-code="no-any-return"
# (numpy types arithmetic on arrays of any dtype as Any)
from __future__ import annotations

import numpy as np

from agents.program_search.transforms.perception import OBJECTS, Part, background, parts
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import Array, transform
from agents.program_search.transforms.traits import main_colour
from agents.program_search.transforms.words import COLOURS, DIRECTIONS

STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def cells_of(part: Part, down: int = 0, right: int = 0) -> tuple[Array, Array]:
    """The rows and columns of the part's cells in the grid, moved by so much."""
    rows, columns = np.nonzero(part.mask)
    return rows + part.top + down, columns + part.left + right


def is_free(grid: Array, rows: Array, columns: Array) -> bool:
    """Whether all the places lie in the grid and are background."""
    inside = (rows >= 0) & (rows < len(grid)) & (columns >= 0) & (columns < len(grid.T))
    return bool(inside.all()) and bool((grid[rows, columns] == background(grid)).all())


def slid(grid: Array, part: Part, step: tuple[int, int]) -> Array:
    """The grid with the part moved step by step until something stops it."""
    empty = background(grid)
    rows, columns = cells_of(part)
    result, colours = grid.copy(), grid[rows, columns]
    result[rows, columns] = empty
    while is_free(result, rows + step[0], columns + step[1]):
        rows, columns = rows + step[0], columns + step[1]
    result[rows, columns] = colours
    return result


@transform(
    "picture",
    "let every {colour} object (cells joined by sides or corners) move {direction} until "
    "something stops it",
    cost=1.4,
    effort=6,
    colour=COLOURS,
    direction=DIRECTIONS,
)
def colour_moved(grid: Array, colour: int, direction: str) -> Array | None:
    """Objects of one colour moved, those ahead first; None where there are none."""
    movers = [part for part in parts(grid, "one_colour_corners") if main_colour(part) == colour]
    down, right = STEPS[direction]
    for part in sorted(movers, key=lambda one: -(down * one.top + right * one.left)):
        grid = slid(grid, part, (down, right))
    return grid if movers else None


@transform(
    "picture",
    "let every {colour} object (cells joined by sides or corners) move straight towards {target} "
    "until something stops it",
    cost=1.5,
    effort=6,
    unless=lambda colour, target: colour == target,
    colour=COLOURS,
    target=COLOURS,
)
def colour_attracted(grid: Array, colour: int, target: int) -> Array | None:
    """Objects of one colour moved along a line that meets the target, the shorter way."""
    movers = [part for part in parts(grid, "one_colour_corners") if main_colour(part) == colour]
    if target == background(grid) or not movers or not (grid == target).any():
        return None
    for part in movers:
        height, width = part.mask.shape
        across = grid[part.top : part.top + height] == target
        along = grid[:, part.left : part.left + width] == target
        columns, rows = np.flatnonzero(across.any(0)), np.flatnonzero(along.any(1))
        gaps = [(abs(row - part.top), (int(np.sign(row - part.top)), 0)) for row in rows.tolist()]
        gaps += [
            (abs(column - part.left), (0, int(np.sign(column - part.left))))
            for column in columns.tolist()
        ]
        if gaps and min(gaps)[0]:
            grid = slid(grid, part, min(gaps)[1])
    return grid


@transform(
    "picture",
    "move every {cut} {direction} by {distance}",
    cost=1.4,
    effort=3,
    cut=OBJECTS,
    direction=DIRECTIONS,
    distance={
        "length": "its own length that way",
        "cells": "as many cells as it has",
        "gap": "its own length that way and one more",
    },
)
def shifted(grid: Array, cut: str, direction: str, distance: str) -> Array:
    """Every part moved by its own measure; what leaves the grid is cut off."""
    result = np.full_like(grid, background(grid))
    down, right = STEPS[direction]
    for part in parts(grid, cut):
        height, width = part.mask.shape
        length = height if down else width
        far = {"length": length, "cells": int(part.mask.sum()), "gap": length + 1}[distance]
        rows, columns = cells_of(part, down * far, right * far)
        inside = (rows >= 0) & (rows < len(grid)) & (columns >= 0) & (columns < len(grid.T))
        result[rows[inside], columns[inside]] = part.picture[part.mask][inside]
    return result


@transform(
    "picture",
    "complete every fragment to a copy of the largest object of any colours, {turning}, where "
    "its cells fit that one's",
    cost=1.5,
    effort=20,
    turning={"same": "laid as that is", "any": "turned or mirrored as need be"},
)
def fragments_completed(grid: Array, turning: str) -> Array | None:
    """Copies of the largest object over every smaller one that matches a part of it."""
    empty = background(grid)
    found = sorted(parts(grid, "mixed_corners"), key=lambda part: -int(part.mask.sum()))
    if not 2 <= len(found) <= 12:
        return None
    images = [found[0].picture]
    if turning == "any":
        images += [turned(found[0].picture, symmetry) for symmetry in SYMMETRIES]
    result = grid.copy()
    for part in found[1:]:
        place = next(filter(None, (fitting(part, image) for image in images)), None)
        if place is None:
            continue
        image, top, left = place
        for row, column in np.argwhere(image != empty).tolist():
            y, x = top + row, left + column
            if 0 <= y < len(grid) and 0 <= x < len(grid.T) and result[y, x] == empty:
                result[y, x] = image[row, column]
    return result


def fitting(part: Part, image: Array) -> tuple[Array, int, int] | None:
    """The image and where its corner lies if the part's cells all fit it; None where none do.

    Among several places the first in reading order counts.
    """
    rows, columns = cells_of(part)
    colours = part.picture[part.mask]
    for row, column in np.argwhere(image == colours[0]).tolist():
        top, left = int(rows[0]) - row, int(columns[0]) - column
        down, right = rows - top, columns - left
        inside = (down >= 0) & (down < len(image)) & (right >= 0) & (right < len(image.T))
        if inside.all() and (image[down, right] == colours).all():
            return image, top, left
    return None
