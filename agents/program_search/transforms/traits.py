"""Traits: one comparable value for each part of a grid.

A trait is a function of a `Part`; its docstring, without "Give the" or "Tell whether it", is how
traces speak of it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from agents.program_search.transforms.perception import Cut, Part, holes, parts, regions
from agents.program_search.transforms.registry import Array, remembered

Trait: TypeAlias = Callable[[Part], Any]


def cells(part: Part) -> int:
    """Give the number of cells."""
    return int(part.mask.sum())


def height(part: Part) -> int:
    """Give the height."""
    return int(part.mask.shape[0])


def width(part: Part) -> int:
    """Give the width."""
    return int(part.mask.shape[1])


def longer_side(part: Part) -> int:
    """Give the longer side."""
    return max(height(part), width(part))


def box_area(part: Part) -> int:
    """Give the area of the box."""
    return int(part.mask.size)


def colour_count(part: Part) -> int:
    """Give the number of colours."""
    return len(np.unique(part.picture[part.mask]))


def main_colour(part: Part) -> int:
    """Give the commonest colour."""
    return int(np.bincount(part.picture[part.mask]).argmax())


def rarest_colour(part: Part) -> int:
    """Give the rarest colour."""
    counts = np.bincount(part.picture[part.mask])
    return int(np.where(counts > 0, counts, 999).argmin())


def rarest_count(part: Part) -> int:
    """Give the number of cells of its rarest colour."""
    counts = np.bincount(part.picture[part.mask])
    return int(counts[counts > 0].min())


def inked_cells(part: Part) -> int:
    """Give the number of cells that are not black."""
    return int((part.picture > 0).sum())


def hole_count(part: Part) -> int:
    """Give the number of holes."""
    return int(regions(np.where(holes(part.mask), 1, -1), False).max())


def corner_count(part: Part) -> int:
    """Give the number of outline corners."""
    wide = np.pad(part.mask * 1, 1)
    around = wide[:-1, :-1] + wide[1:, :-1] + wide[:-1, 1:] + wide[1:, 1:]
    return int((around % 2).sum())


def has_hole(part: Part) -> int:
    """Tell whether it has a hole."""
    return int(hole_count(part) > 0)


def is_full(part: Part) -> int:
    """Tell whether it fills its box."""
    return int(part.mask.all())


def is_square(part: Part) -> int:
    """Tell whether it has a square box."""
    return int(part.mask.shape[0] == part.mask.shape[1])


def is_full_square(part: Part) -> int:
    """Tell whether it is a square filled to its corners."""
    return is_full(part) * is_square(part)


def mirrors_sideways(part: Part) -> int:
    """Tell whether it is the same when mirrored left to right."""
    return int((part.picture == part.picture[:, ::-1]).all())


def mirrors_upright(part: Part) -> int:
    """Tell whether it is the same when mirrored top to bottom."""
    return int((part.picture == part.picture[::-1]).all())


def mirrors_diagonally(part: Part) -> int:
    """Tell whether it is the same when mirrored about its falling diagonal."""
    return int(np.array_equal(part.picture, part.picture.T))


def mirrors_somehow(part: Part) -> int:
    """Tell whether it is the same in at least one mirror (left to right, top to bottom or
    diagonal).
    """
    turned = part.picture.T
    diagonal = turned.shape == part.picture.shape and bool((turned == part.picture).all())
    return int(diagonal or mirrors_sideways(part) or mirrors_upright(part))


def top_row(part: Part) -> int:
    """Give the top row (counted from the top)."""
    return part.top


def left_column(part: Part) -> int:
    """Give the left column (counted from the left)."""
    return part.left


def bottom_row(part: Part) -> int:
    """Give the bottom row (counted from the top)."""
    return int(part.top + part.mask.shape[0])


def right_column(part: Part) -> int:
    """Give the right column (counted from the left)."""
    return int(part.left + part.mask.shape[1])


def inked(part: Part) -> Array:
    """Give the part's cells; of a full box only those that are not black."""
    return (part.picture > 0) if part.mask.all() else part.mask


def shape(part: Part) -> tuple[int, bytes]:
    """Give the shape."""
    return part.mask.shape[0], inked(part).tobytes()


def look(part: Part) -> tuple[int, bytes]:
    """Give the shape and colours."""
    return part.picture.shape[0], part.picture.tobytes()


def turned_shape(part: Part) -> tuple[int, bytes]:
    """Give the shape up to turning and mirroring."""
    ink = inked(part)
    turns = [np.rot90(one, k) for one in (ink, ink[::-1]) for k in range(4)]
    return min((one.shape[0], one.tobytes()) for one in turns)


def worded(*traits: Trait) -> Mapping[Trait, str]:
    """The traits with their docstrings as the words that traces use."""
    texts = {one: " ".join((one.__doc__ or "").split()).rstrip(".").lower() for one in traits}
    leads = ("give the ", "tell whether it ")
    return {one: text.removeprefix(leads[0]).removeprefix(leads[1]) for one, text in texts.items()}


SIZES = worded(cells, height, width, longer_side, box_area, colour_count, hole_count)
FLAGS = worded(
    is_full,
    is_square,
    is_full_square,
    has_hole,
    mirrors_sideways,
    mirrors_upright,
    mirrors_diagonally,
    mirrors_somehow,
)
LACKS = dict(
    zip(
        FLAGS,
        (
            "does not fill its box",
            "has no square box",
            "is no square filled to its corners",
            "has no hole",
            "is not the same when mirrored left to right",
            "is not the same when mirrored top to bottom",
            "is not the same when mirrored about its falling diagonal",
            "is the same in no mirror (left to right, top to bottom or diagonal)",
        ),
        strict=True,
    )
)
"""The same traits with the words that deny them."""
PLACES = worded(top_row, left_column, bottom_row, right_column)
TINTS = worded(main_colour, rarest_colour)
MEASURES = {**SIZES, **PLACES}
LOOKS = worded(shape, look, turned_shape, main_colour, cells)
CORNERS = worded(corner_count)
AMOUNTS = worded(rarest_count, inked_cells)


@remembered
def measured(grid: Array, cut: Cut, trait: Trait) -> list[Any]:
    """Take the trait of every part, in reading order."""
    return [trait(part) for part in parts(grid, cut)]
