"""Pictures that keep, erase, fill, move or copy single objects or cells."""

import numpy as np

from agents.program_search.transforms.facts import neighbourhood
from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    OBJECTS,
    Part,
    background,
    numbered,
    parts,
)
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import COLOURS, DIRECTIONS, Array, new_picture
from agents.program_search.transforms.traits import FLAGS, SIZES, Trait, main_colour, measured


@new_picture("start from a grid of the same size, all background", cost=0.9)
def emptied(grid: Array) -> Array:
    """Make everything background."""
    return np.full_like(grid, background(grid))


@new_picture("keep only what is {colour}", cost=1.2, colour=COLOURS)
def only_colour(grid: Array, colour: int) -> Array | None:
    """Make all other ink background; None if the colour is missing."""
    kept = grid == colour
    return np.where(kept, grid, background(grid)) if kept.any() else None


@new_picture("erase what is {colour}", cost=1.2, colour=COLOURS)
def without_colour(grid: Array, colour: int) -> Array | None:
    """Make the colour background; None if it is missing."""
    erased = grid == colour
    return np.where(erased, background(grid), grid) if erased.any() else None


def keeping(grid: Array, cut: str, kept: list[int]) -> Array:
    """Keep only the parts of these numbers (from 1); the rest becomes background."""
    return np.where(np.isin(numbered(grid, cut), kept), grid, background(grid))


@new_picture(
    "keep only each {cut} that {which} {trait}",
    cost=1.3,
    cut=OBJECTS,
    which={
        "most": "has the greatest",
        "not_least": "has more than the least",
        "least": "has the least",
        "not_most": "has less than the greatest",
        "shared": "shares with another its",
        "alone": "is the only one with its",
    },
    trait=SIZES,
)
def only_parts(grid: Array, cut: str, which: str, trait: Trait) -> Array | None:
    """Keep the parts that compare so with the others; None unless their values differ."""
    values = measured(grid, cut, trait)
    if len(set(values)) < 2:
        return None
    most, least = max(values), min(values)
    kept = {
        "most": [value == most for value in values],
        "not_least": [value > least for value in values],
        "least": [value == least for value in values],
        "not_most": [value < most for value in values],
        "shared": [values.count(value) > 1 for value in values],
        "alone": [values.count(value) == 1 for value in values],
    }[which]
    return keeping(grid, cut, [number for number, keep in enumerate(kept, 1) if keep])


@new_picture("keep only each {cut} that {trait}", cost=1.4, effort=2, cut=OBJECTS, trait=FLAGS)
def only_parts_with(grid: Array, cut: str, trait: Trait) -> Array:
    """Keep the parts that have the property."""
    having = measured(grid, cut, trait)
    return keeping(grid, cut, [number for number, has in enumerate(having, 1) if has])


@new_picture("erase each {cut} that touches the border", cost=1.4, cut=OBJECTS)
def without_border_parts(grid: Array, cut: str) -> Array:
    """Keep only the parts that have no cell on the border of the grid."""
    numbers = numbered(grid, cut)
    rim = {*numbers[0].tolist(), *numbers[-1].tolist()}
    rim |= {*numbers[:, 0].tolist(), *numbers[:, -1].tolist()}
    kept = [number for number in range(1, int(numbers.max()) + 1) if number not in rim]
    return keeping(grid, cut, kept)


@new_picture(
    "erase every cell with {least} of its colour",
    cost=1.3,
    least={1: "no side neighbour", 2: "at most one side neighbour"},
)
def without_loose_cells(grid: Array, least: int) -> Array:
    """Make ink with so few neighbours of its colour background."""
    alike = (neighbourhood(grid, 4) == grid).sum(0)
    return np.where(alike < least, background(grid), grid)


@new_picture(
    "fill the background in the box of every {cut} with that one's commonest colour",
    cost=1.3,
    cut=OBJECTS | COLOUR_SETS,
)
def boxes_filled(grid: Array, cut: str) -> Array:
    """Fill the background in every part's box with the part's commonest colour."""
    result, empty = grid.copy(), background(grid)
    for part in parts(grid, cut):
        box = np.s_[part.top : part.top + len(part.mask), part.left : part.left + len(part.mask.T)]
        colour = np.bincount(part.picture[part.mask]).argmax()
        result[box] = np.where(result[box] == empty, colour, result[box])
    return result


STEPS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def cells_of(part: Part, down: int = 0, right: int = 0) -> tuple[Array, Array]:
    """Give the rows and columns of the part's cells, moved `down` rows and `right` columns."""
    rows, columns = np.nonzero(part.mask)
    return rows + part.top + down, columns + part.left + right


def is_free(grid: Array, rows: Array, columns: Array) -> bool:
    """Tell whether all the places lie in the grid and are background."""
    inside = (rows >= 0) & (rows < len(grid)) & (columns >= 0) & (columns < len(grid.T))
    return bool(inside.all()) and bool((grid[rows, columns] == background(grid)).all())


def slid(grid: Array, part: Part, step: tuple[int, int]) -> Array:
    """Move the part step by step until something stops it."""
    empty = background(grid)
    rows, columns = cells_of(part)
    result, colours = grid.copy(), grid[rows, columns]
    result[rows, columns] = empty
    while is_free(result, rows + step[0], columns + step[1]):
        rows, columns = rows + step[0], columns + step[1]
    result[rows, columns] = colours
    return result


@new_picture(
    "let every {colour} object (joined by sides or corners) move {direction} until "
    "ink or the border stops it",
    cost=1.4,
    effort=6,
    colour=COLOURS,
    direction=DIRECTIONS,
)
def colour_moved(grid: Array, colour: int, direction: str) -> Array | None:
    """Move the objects of one colour, those ahead first; None if there are none."""
    movers = [part for part in parts(grid, "one_colour_corners") if main_colour(part) == colour]
    down, right = STEPS[direction]
    for part in sorted(movers, key=lambda one: -(down * one.top + right * one.left)):
        grid = slid(grid, part, (down, right))
    return grid if movers else None


@new_picture(
    "let every {colour} object (joined by sides or corners) move straight towards {target} "
    "until ink or the border stops it; those with none of it in their rows or columns stay",
    cost=1.5,
    effort=6,
    unless=lambda colour, target: colour == target,
    colour=COLOURS,
    target=COLOURS,
)
def colour_attracted(grid: Array, colour: int, target: int) -> Array | None:
    """Move the objects of one colour along a line that meets the target, the shorter way."""
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


@new_picture(
    "move every {cut} {direction} by {distance}",
    cost=1.4,
    effort=5,
    cut=OBJECTS,
    direction=DIRECTIONS,
    distance={
        "length": "as many cells as it is long in that direction",
        "cells": "as many cells as it has",
        "gap": "one cell more than it is long in that direction",
    },
)
def shifted(grid: Array, cut: str, direction: str, distance: str) -> Array:
    """Move every part by its own measure; what leaves the grid is cut off."""
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


@new_picture(
    "complete every object whose cells fit a part of the largest object of any colours to a copy "
    "of that one, {turning}",
    cost=1.5,
    effort=20,
    turning={"same": "laid as that is", "any": "turned or mirrored as need be"},
)
def fragments_completed(grid: Array, turning: str) -> Array | None:
    """Lay copies of the largest object over every smaller one that matches a part of it."""
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
    """Give the image and where its corner lies if the part's cells all fit it; else None.

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
