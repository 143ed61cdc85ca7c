"""Pictures that keep some of what the grid shows and give the rest up to the background."""

from __future__ import annotations

import numpy as np

from agents.program_search.transforms.facts import neighbourhood
from agents.program_search.transforms.perception import OBJECTS, background, numbered, parts
from agents.program_search.transforms.registry import Array, transform
from agents.program_search.transforms.traits import FLAGS, SIZES, Trait, measured
from agents.program_search.transforms.words import COLOURS


@transform("picture", "start from an empty grid of the same size", cost=0.9)
def emptied(grid: Array) -> Array:
    """Background everywhere."""
    return np.full_like(grid, background(grid))


@transform("picture", "keep only what is {colour}", cost=1.2, colour=COLOURS)
def only_colour(grid: Array, colour: int) -> Array | None:
    """All other ink becomes background; None where the colour is missing."""
    kept = grid == colour
    return np.where(kept, grid, background(grid)) if kept.any() else None


@transform("picture", "erase what is {colour}", cost=1.2, colour=COLOURS)
def without_colour(grid: Array, colour: int) -> Array | None:
    """The colour becomes background; None where it is missing."""
    erased = grid == colour
    return np.where(erased, background(grid), grid) if erased.any() else None


def keeping(grid: Array, cut: str, kept: list[int]) -> Array:
    """Only the parts of these numbers (from 1); background elsewhere."""
    return np.where(np.isin(numbered(grid, cut), kept), grid, background(grid))


@transform(
    "picture",
    "keep only each {cut} that {which} {trait}",
    cost=1.3,
    cut=OBJECTS,
    which={
        "most": "has the greatest",
        "not_least": "has more than the least",
        "least": "has the least",
        "not_most": "has less than the greatest",
        "shared": "shares with another its",
        "alone": "is alone in its",
    },
    trait=SIZES,
)
def only_parts(grid: Array, cut: str, which: str, trait: Trait) -> Array | None:
    """The parts that compare so with the others; None without at least two different values."""
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


@transform("picture", "keep only each {cut} that {trait}", cost=1.4, cut=OBJECTS, trait=FLAGS)
def only_parts_with(grid: Array, cut: str, trait: Trait) -> Array:
    """The parts that have the property."""
    having = measured(grid, cut, trait)
    return keeping(grid, cut, [number for number, has in enumerate(having, 1) if has])


@transform("picture", "erase each {cut} that touches the border", cost=1.4, cut=OBJECTS)
def without_border_parts(grid: Array, cut: str) -> Array:
    """Only the parts that have no cell on the border of the grid."""
    numbers = numbered(grid, cut)
    rim = {*numbers[0].tolist(), *numbers[-1].tolist()}
    rim |= {*numbers[:, 0].tolist(), *numbers[:, -1].tolist()}
    kept = [number for number in range(1, int(numbers.max()) + 1) if number not in rim]
    return keeping(grid, cut, kept)


@transform(
    "picture",
    "erase every cell with fewer than {least} side neighbours of its colour",
    cost=1.3,
    least={1: "one", 2: "two"},
)
def without_loose_cells(grid: Array, least: int) -> Array:
    """Ink with so few neighbours of its colour becomes background."""
    alike = (neighbourhood(grid, 4) == grid).sum(0)
    return np.where(alike < least, background(grid), grid)


@transform(
    "picture", "fill every {cut} to its box with its commonest colour", cost=1.3, cut=OBJECTS
)
def boxes_filled(grid: Array, cut: str) -> Array:
    """The background in every part's box takes the part's commonest colour."""
    result, empty = grid.copy(), background(grid)
    for part in parts(grid, cut):
        box = np.s_[part.top : part.top + len(part.mask), part.left : part.left + len(part.mask.T)]
        colour = np.bincount(part.picture[part.mask]).argmax()
        result[box] = np.where(result[box] == empty, colour, result[box])
    return result
