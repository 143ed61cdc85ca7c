"""What sums a grid up: pictures of its parts (listed, lined up, charted), and numbers."""

import numpy as np

from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    OBJECTS,
    PANES,
    REGIONS,
    Part,
    background,
    numbered,
    parts,
    plural,
)
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import (
    COLOURS,
    YES_NO,
    Array,
    new_number,
    new_picture,
)
from agents.program_search.transforms.traits import (
    PLACES,
    SIZES,
    Trait,
    cells,
    main_colour,
    measured,
)

LAYOUTS = {"row": "side by side", "column": "one below the other"}
ORDERS = {1: "the least first", -1: "the greatest first"}
KEYS = {cells: "number of cells", **PLACES}


@new_picture(
    "make one cell, in its commonest colour, of each {cut}, sorted by {key} ({order}), {layout}",
    cost=1.4,
    cut={**OBJECTS, **COLOUR_SETS},
    key=KEYS,
    order=ORDERS,
    layout=LAYOUTS,
)
def listed(grid: Array, cut: str, key: Trait, order: int, layout: str) -> Array | None:
    """Make one cell of each part, sorted by a trait; None without parts."""
    colours = [main_colour(part) for part in sorted(parts(grid, cut), key=key)[::order]]
    if not colours:
        return None
    return np.array([colours]) if layout == "row" else np.array([colours]).T


@new_picture(
    "cut out each {cut}, sort them by {key} ({order}), and lay them {layout}",
    cost=1.5,
    cut={**OBJECTS, **PANES},
    key=KEYS,
    order=ORDERS,
    layout=LAYOUTS,
)
def lined_up(grid: Array, cut: str, key: Trait, order: int, layout: str) -> Array | None:
    """Lay the parts' pictures in one strip; None if they do not fit together."""
    pictures = [part.picture for part in sorted(parts(grid, cut), key=key)[::order]]
    axis = 0 if layout == "column" else 1
    if not pictures or len({picture.shape[1 - axis] for picture in pictures}) > 1:
        return None
    return np.concatenate(pictures, axis=axis)


@new_picture(
    "for each colour but black draw a bar of as many cells as the colour has, {order}: {layout}",
    cost=1.5,
    order=ORDERS,
    layout={
        "row": "upright bars side by side, all from the top of a black grid that just holds them",
        "column": "lying bars one below the other, all from the left of a black grid that just "
        "holds them",
    },
)
def charted(grid: Array, order: int, layout: str) -> Array | None:
    """Draw one bar a colour; None if there is no such colour or a bar would be too long."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[0] = 0
    inks = sorted(np.flatnonzero(counts).tolist(), key=lambda ink: int(counts[ink]))[::order]
    if not inks or counts.max() > 30:
        return None
    bars = np.zeros((len(inks), int(counts.max())), int)
    for row, ink in enumerate(inks):
        bars[row, : counts[ink]] = ink
    return bars.T if layout == "row" else bars


@new_picture(
    "make a new grid with one cell of the commonest colour besides background for each {cut}, "
    "{figure}",
    cost=1.6,
    cut={**OBJECTS, **COLOUR_SETS},
    figure={
        "row": "in a row",
        "column": "in a column",
        "diagonal": "on the falling diagonal of a square of background",
        "square": "repeated in as many rows",
    },
)
def tallied(grid: Array, cut: str, figure: str) -> Array | None:
    """Draw the number of parts as a figure; None without ink or with more than thirty parts."""
    number, empty = len(parts(grid, cut)), background(grid)
    inks = np.bincount(grid.ravel(), minlength=10)
    inks[empty] = 0
    if not 1 <= number <= 30:
        return None
    ink = int(inks.argmax())
    return {
        "row": np.full((1, number), ink),
        "column": np.full((number, 1), ink),
        "diagonal": np.where(np.eye(number, dtype=bool), ink, empty),
        "square": np.full((number, number), ink),
    }[figure]


@new_picture(
    "answer with one cell of the {which} colour besides background",
    cost=1.5,
    which={1: "rarest", -1: "commonest"},
)
def one_cell(grid: Array, which: int) -> Array | None:
    """Give a single cell of the rarest or commonest ink; None without ink."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 0
    inks = sorted(np.flatnonzero(counts).tolist(), key=lambda ink: int(counts[ink]))[::which]
    return np.array([[inks[0]]]) if inks else None


@new_number(
    "the number of {cut} in the input grid",
    cost=1.4,
    cut={"colours": "colours besides background"} | plural(OBJECTS | PANES | REGIONS),
)
def part_count(grid: Array, cut: str) -> int:
    """Count the parts."""
    return int(numbered(grid, cut).max())


@new_number(
    "whether the input grid is the same when {symmetry}",
    cost=1.4,
    reads=YES_NO,
    symmetry=SYMMETRIES,
)
def is_same_when(grid: Array, symmetry: str) -> int:
    """Tell with 1 whether the grid has the symmetry."""
    return int(np.array_equal(turned(grid, symmetry), grid))


@new_number(
    "the {which} of the input grid",
    cost=1.3,
    reads=COLOURS,
    which={
        "commonest": "commonest colour besides background",
        "rarest": "rarest colour besides background",
        "second": "second commonest colour besides background",
        "overall": "commonest colour (background counts)",
    },
)
def grid_colour(grid: Array, which: str) -> int:
    """Choose a colour by its number of cells; the background if there are too few."""
    counts = np.bincount(grid.ravel(), minlength=10)
    if which == "overall":
        return int(counts.argmax())
    counts[background(grid)] = 0
    inks = np.argsort(counts, kind="stable")[10 - np.count_nonzero(counts) :]
    place = {"commonest": -1, "rarest": 0, "second": -2}[which]
    return int(inks[place]) if -len(inks) <= place < len(inks) else background(grid)


@new_number("the number of cells of the input grid that are not background", cost=1.5)
def ink_count(grid: Array) -> int:
    """Count the inked cells."""
    return int((grid != background(grid)).sum())


@new_number(
    "the number of {side} of the input grid", cost=1.5, side={"rows": "rows", "columns": "columns"}
)
def side_length(grid: Array, side: str) -> int:
    """Give the grid's height or width."""
    return len(grid) if side == "rows" else len(grid.T)


@new_picture(
    "give every {line} its commonest colour",
    cost=1.2,
    line={
        "row": "row",
        "column": "column",
        "either": "row, or else every column (whichever leaves more cells as they are),",
    },
)
def evened(grid: Array, line: str) -> Array:
    """Paint every line in the one colour that most of its cells have."""
    across = np.array([[int(np.bincount(row).argmax())] * len(row) for row in grid])
    down = np.array([[int(np.bincount(row).argmax())] * len(row) for row in grid.T]).T
    if line == "either":
        return across if (across == grid).sum() >= (down == grid).sum() else down
    return across if line == "row" else down


@new_picture(
    "answer with one cell: the commonest colour of the {cut} that has the {which} {trait}",
    cost=1.4,
    effort=2,
    cut=OBJECTS,
    which={"most": "greatest", "least": "least"},
    trait=SIZES,
)
def cell_of_part(grid: Array, cut: str, which: str, trait: Trait) -> Array | None:
    """Give the colour of the one part with the greatest or least trait; None if several have it."""
    found, values = parts(grid, cut), measured(grid, cut, trait)
    best = (max if which == "most" else min)(values, default=None)
    if len(found) < 2 or values.count(best) != 1:
        return None
    return np.array([[main_colour(found[values.index(best)])]])


@new_picture(
    "list the colours of the nested rings from the rim inwards, each once, and {how}; each colour "
    "becomes the one then in its place",
    cost=1.4,
    how={
        "reverse": "reverse the list",
        "out": "move all outwards by one, the outermost to the middle",
        "in": "move all inwards by one, the innermost to the rim",
    },
)
def rings_recoloured(grid: Array, how: str) -> Array | None:
    """Permute the colours in the order in which they are met inwards; None if they are mixed."""
    order = list(dict.fromkeys(grid[ring, ring] for ring in range((min(grid.shape) + 1) // 2)))
    if len(order) < 2 or len(np.unique(grid)) != len(order):
        return None
    colours = np.arange(10)
    colours[order] = {
        "reverse": order[::-1],
        "out": order[1:] + order[:1],
        "in": order[-1:] + order[:-1],
    }[how]
    return colours[grid]


CANVASES = {
    (3, 3): "into a 3×3 grid, row by row, the second row from right to left",
    (1, 5): "into a row of five cells, from the left",
}


@new_picture(
    "write {what} {canvas}; the cells that are left are background",
    cost=1.4,
    effort=2,
    what={
        "objects": "the colour of each one-colour object (joined by sides), from left to right,",
        **{
            colour: f"{name}, once for each object of it (joined by sides) of several cells,"
            for colour, name in COLOURS.items()
        },
    },
    canvas=CANVASES,
)
def written_out(grid: Array, what: str | int, canvas: tuple[int, int]) -> Array | None:
    """Write the colours row by row, every other row backwards; None if there are too many."""
    empty, (height, width) = background(grid), canvas
    colours = [main_colour(part) for part in objects_written(grid, what)]
    if not 0 < len(colours) <= height * width:
        return None
    result = np.array([*colours, *[empty] * (height * width - len(colours))]).reshape(canvas)
    result[1::2] = result[1::2, ::-1]
    return result


def objects_written(grid: Array, what: str | int) -> list[Part]:
    """List the objects from left to right: all, or those of several cells of one colour."""
    found = sorted(parts(grid, "one_colour_sides"), key=lambda one: one.left)
    if what == "objects":
        return found
    return [part for part in found if main_colour(part) == what and part.mask.sum() > 1]


@new_picture(
    "make a picture of stripes, one for each {what}; each is as long as {length}",
    cost=1.4,
    what={
        "border": "colour of the one-colour objects whose boxes reach the border: upright stripes "
        "in the objects' order from left to right or, if the first in reading order is wider than "
        "high, lying ones in their order from top to bottom",
        "largest": "colour of the one-colour objects of the most cells: upright stripes in the "
        "objects' order from left to right",
    },
    length={"stripes": "there are stripes", "cells": "the first object has cells"},
)
def striped(grid: Array, what: str, length: str) -> Array | None:
    """Draw full lines in the objects' colours, in their order; None without such objects."""
    found, lies = stripes_of(grid, what)
    colours = list(dict.fromkeys(main_colour(one) for one in found))
    if not colours:
        return None
    side = len(colours) if length == "stripes" else int(found[0].mask.sum())
    result = np.tile(np.array(colours)[:, None], side)
    return result if lies else result.T


def stripes_of(grid: Array, what: str) -> tuple[list[Part], bool]:
    """List the objects that get stripes, in their order, and tell whether stripes lie."""
    found = parts(grid, "one_colour_corners")
    if what == "largest":
        most = max((one.mask.sum() for one in found), default=0)
        found = [one for one in found if one.mask.sum() == most]
    else:
        found = [one for one in found if at_border(one, grid)]
    lies = what == "border" and bool(found) and found[0].mask.shape[0] < found[0].mask.shape[1]
    return sorted(found, key=lambda one: one.top if lies else one.left), lies


def at_border(part: Part, grid: Array) -> bool:
    """Tell whether the box of the part reaches the border of the grid."""
    (height, width), (low, right) = grid.shape, part.mask.shape
    return not part.top or not part.left or part.top + low == height or part.left + right == width
