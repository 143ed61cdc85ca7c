"""Paints: a colour for each cell, which rules copy (or ask for)."""

import numpy as np

from agents.program_search.transforms.perception import (
    OBJECTS,
    PANES,
    background,
    bordered,
    lines,
    parts,
)
from agents.program_search.transforms.registry import DIRECTIONS, Array, new_paint
from agents.program_search.transforms.traits import TINTS, Trait


def facing(grid: Array, direction: str) -> Array:
    """Mirror the grid so that the direction points up; the same again undoes it."""
    if direction == "up":
        return grid
    if direction == "down":
        return grid[::-1]
    return grid.T if direction == "left" else grid[::-1, ::-1].T


@new_paint(
    "the colour of the cell {down} and {right} (background beyond the border)",
    cost=1.0,
    unless=lambda down, right: (down, right) == (0, 0) or abs(down) + abs(right) > 2,
    down={
        0: "in the same row",
        -1: "one row up",
        1: "one row down",
        -2: "two rows up",
        2: "two rows down",
    },
    right={
        0: "in the same column",
        -1: "one column left",
        1: "one column right",
        -2: "two columns left",
        2: "two columns right",
    },
)
def neighbour(grid: Array, down: int, right: int) -> Array:
    """Give the colour some rows down and columns right (at most 2) of each cell.

    It is background beyond the border.
    """
    (height, width), empty = grid.shape, background(grid)
    wide = bordered(grid, 2, empty)
    return wide[2 + down : 2 + down + height, 2 + right : 2 + right + width]


@new_paint(
    "the first colour besides background met going {direction} from the cell (background if none)",
    cost=1.1,
    direction=DIRECTIONS,
)
def first_seen(grid: Array, direction: str) -> Array:
    """Give the first colour but background that each cell sees that way, else background."""
    turned, empty = facing(grid, direction), background(grid)
    result, last = np.full_like(turned, empty), np.full(turned.shape[1], empty)
    for row in range(len(turned)):
        result[row] = last
        last = np.where(turned[row] != empty, turned[row], last)
    return facing(result, direction)


@new_paint(
    "the first colour besides background met going diagonally {vertical} and {sideways} from the "
    "cell (background if none)",
    cost=1.3,
    vertical={-1: "up", 1: "down"},
    sideways={-1: "left", 1: "right"},
)
def first_seen_diagonally(grid: Array, vertical: int, sideways: int) -> Array:
    """Give the first colour but background on each cell's diagonal, else background."""
    flipped, empty = grid[::-vertical, ::-sideways], background(grid)
    result = np.full_like(flipped, empty)
    for row in range(1, len(flipped)):
        above, beyond = flipped[row - 1, :-1], result[row - 1, :-1]
        result[row, 1:] = np.where(above != empty, above, beyond)
    return result[::-vertical, ::-sideways]


@new_paint(
    "the colour of the first ink that is met going in each of {ways} (background if none is met, "
    "or if they are of several colours)",
    cost=1.6,
    effort=10,
    ways={
        "straight": "the four straight directions",
        "diagonal": "the four diagonal directions",
        "all": "the eight directions",
    },
)
def colour_in_sight(grid: Array, ways: str) -> Array:
    """Give the one colour that is first in every direction in which any is; else background."""
    return agreed_colours(inks_in_sight(grid, ways), background(grid))


def inks_in_sight(grid: Array, ways: str) -> list[Array]:
    """Give for each direction the first ink that every cell meets; background if it meets none."""
    views = (
        [first_seen(grid, way) for way in ("up", "right", "down", "left")]
        if ways != "diagonal"
        else []
    )
    if ways != "straight":
        views += [first_seen_diagonally(grid, down, right) for down in (-1, 1) for right in (-1, 1)]
    return views


def agreed_colours(views: list[Array], empty: int) -> Array:
    """Give for each cell the one colour that the views show there; empty if none or several."""
    colours = np.stack(views)
    inked = colours != empty
    most = np.where(inked, colours, -1).max(0)
    least = np.where(inked, colours, 99).min(0)
    return np.where(most == least, most, empty)


@new_paint(
    "the colour of the ink among {around} (background if there is none, or of several colours)",
    cost=1.7,
    around={
        "sides": "the four side neighbours",
        "corners": "the four corner neighbours",
        "eight": "the eight neighbours",
        "wide": "the 5×5 cells around the cell",
    },
)
def colour_nearby(grid: Array, around: str) -> Array:
    """Give the one colour but background in the cell's neighbourhood; else background."""
    return agreed_colours(inks_nearby(grid, around), background(grid))


def inks_nearby(grid: Array, around: str) -> list[Array]:
    """Give for each place around the cells the colour that they have there."""
    reach = range(-2, 3) if around == "wide" else range(-1, 2)
    near = {"sides": (1,), "corners": (2,)}.get(around, range(1, 5))
    steps = [(down, right) for down in reach for right in reach if abs(down) + abs(right) in near]
    return [neighbour(grid, *step) for step in steps]


@new_paint(
    "the {trait} of the {cut} that the cell lies {extent}",
    cost=1.3,
    trait=TINTS,
    cut=OBJECTS | PANES,
    extent={
        "cells": "in (background if in none)",
        "box": "in the box of (background if in none; of several the last in reading order)",
    },
)
def part_colour(grid: Array, trait: Trait, cut: str, extent: str) -> Array:
    """Paint each part's cells, or its whole box, in a colour of it; the rest as background."""
    result = np.full_like(grid, background(grid))
    for part in parts(grid, cut):
        height, width = part.mask.shape
        box = result[part.top : part.top + height, part.left : part.left + width]
        box[part.mask | (extent == "box")] = trait(part)
    return result


@new_paint(
    "the one colour, besides background, of the cell's {line} (background if none or several)",
    cost=1.2,
    line={"row": "row", "column": "column"},
)
def colour_of_line(grid: Array, line: str) -> Array:
    """Give each cell the only ink of its row or column."""
    rows, empty = (grid if line == "row" else grid.T), background(grid)
    inks = [set(row) - {empty} for row in rows.tolist()]
    only = np.array([ink.pop() if len(ink) == 1 else empty for ink in inks])
    over = np.repeat(only[:, None], rows.shape[1], 1)
    return over if line == "row" else over.T


@new_paint(
    "{which} of the whole grid",
    cost=1.1,
    which={
        0: "the commonest colour besides background",
        1: "the second commonest colour besides background",
        2: "the third commonest colour besides background",
        -1: "the rarest colour",
    },
)
def colour_by_rank(grid: Array, which: int) -> Array | None:
    """Paint the whole grid in its n-th commonest ink; None if there are too few."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 0
    inks = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return np.full_like(grid, inks[which]) if -len(inks) <= which < len(inks) else None


@new_paint("the background colour", cost=1.0)
def background_colour(grid: Array) -> Array:
    """Paint the whole grid as background."""
    return np.full_like(grid, background(grid))


@new_paint(
    "the colour at the same place when every {cut} is {how} within its own box",
    cost=1.5,
    cut=OBJECTS,
    how={
        "sideways": "mirrored left to right",
        "upright": "mirrored top to bottom",
        "half_turn": "turned by half a turn",
        "diagonal": "mirrored about the falling diagonal",
    },
)
def turned_in_place(grid: Array, cut: str, how: str) -> Array:
    """Mirror every part within its own box; the rest becomes background."""
    empty = background(grid)
    result = np.full_like(grid, empty)
    for part in parts(grid, cut):
        picture = part.picture
        turned = {
            "sideways": picture[:, ::-1],
            "upright": picture[::-1],
            "half_turn": picture[::-1, ::-1],
            "diagonal": picture.T,
        }[how]
        if turned.shape == picture.shape:
            box = np.s_[part.top : part.top + len(picture), part.left : part.left + len(picture.T)]
            result[box] = np.where(turned != empty, turned, result[box])
    return result


@new_paint(
    "the colour of the {end} cell of the cell's {line}",
    cost=1.2,
    end={0: "first", -1: "last"},
    line={"row": "row", "column": "column"},
)
def line_end(grid: Array, end: int, line: str) -> Array:
    """Give each cell the colour of the first or last cell of its line."""
    height, width = grid.shape
    if line == "row":
        return np.repeat(grid[:, end][:, None], width, 1)
    return np.repeat(grid[end][None], height, 0)


@new_paint(
    "the colour at the cell's place in its pane once all panes{place} are laid over each other in "
    "every pane, background see-through, the first uppermost",
    cost=1.55,
    place={
        "same": "",
        "sideways": ", mirrored left to right,",
        "upright": ", mirrored top to bottom,",
        "half_turn": ", turned by half a turn,",
        "left_turn": ", turned a quarter to the left,",
        "right_turn": ", turned a quarter to the right,",
    },
)
def in_any_pane(grid: Array, place: str) -> Array | None:
    """Lay all panes over each other, in every pane, as they are or turned.

    None if the sizes of the panes differ, or if what divides them is background.
    """
    found, empty = parts(grid, "panes"), background(grid)
    if len(found) < 2 or (grid[lines(grid)] == empty).any():
        return None
    if len({one.picture.shape for one in found}) > 1:
        return None
    over = found[0].picture
    for one in found[1:]:
        over = np.where(over == empty, one.picture, over)
    if place in ("sideways", "upright"):
        over = over[:, ::-1] if place == "sideways" else over[::-1]
    if place.endswith("turn"):
        over = np.rot90(over, {"left_turn": 1, "half_turn": 2, "right_turn": 3}[place])
    if over.shape != found[0].picture.shape:
        return None
    result = grid.copy()
    for one in found:
        result[one.top : one.top + len(over), one.left : one.left + len(over.T)] = over
    return result
