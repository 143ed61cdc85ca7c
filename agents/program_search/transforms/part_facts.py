"""Facts about the part of the grid (object, region, pane) that a cell lies in."""

import numpy as np

from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    DIVISIONS,
    OBJECTS,
    PANES,
    REGIONS,
    Cut,
    holes,
    numbered,
    parts,
)
from agents.program_search.transforms.registry import YES_NO, Array, new_fact, remembered
from agents.program_search.transforms.traits import (
    FLAGS,
    LOOKS,
    MEASURES,
    SIZES,
    Trait,
    cells,
    height,
    measured,
    width,
    worded,
)

CUTS = OBJECTS | REGIONS


def over_parts(grid: Array, cut: Cut, values: list[int]) -> Array:
    """Each part's value on its cells, -1 elsewhere."""
    return np.array([-1, *values])[numbered(grid, cut)]


@new_fact("the {trait} of the {cut} it lies in", cost=1.2, cut=CUTS, trait=SIZES)
def part_measure(grid: Array, cut: Cut, trait: Trait) -> Array:
    """The trait of the part that each cell lies in; -1 in none."""
    return over_parts(grid, cut, measured(grid, cut, trait))


@new_fact("whether the {cut} it lies in {trait}", cost=1.2, reads=YES_NO, cut=CUTS, trait=FLAGS)
def part_flag(grid: Array, cut: Cut, trait: Trait) -> Array:
    """1 where the part that the cell lies in has the property; -1 in none."""
    return over_parts(grid, cut, measured(grid, cut, trait))


@new_fact(
    "whether the {cut} it lies in {which} {trait}",
    cost=1.3,
    reads=YES_NO,
    cut=CUTS | PANES,
    which={"most": "has the greatest", "least": "has the least", "alone": "is alone in its"},
    trait=MEASURES,
)
def part_stands_out(grid: Array, cut: Cut, which: str, trait: Trait) -> Array:
    """1 where the cell's part has the greatest, least or a unique value of the trait."""
    values = measured(grid, cut, trait)
    if which == "alone":
        return over_parts(grid, cut, [int(values.count(value) == 1) for value in values])
    best = (max if which == "most" else min)(values, default=0)
    return over_parts(grid, cut, [int(value == best) for value in values])


@new_fact(
    "the rank of the {cut} it lies in by {trait} (0 for the greatest)",
    cost=1.4,
    cut=CUTS,
    trait=MEASURES,
)
def part_rank(grid: Array, cut: Cut, trait: Trait) -> Array:
    """How many greater values of the trait there are than that of the cell's part."""
    values = measured(grid, cut, trait)
    order = sorted(set(values), reverse=True)
    return over_parts(grid, cut, [order.index(value) for value in values])


@new_fact(
    "how many of the grid's parts ({cut}) have the {trait} of the one it lies in",
    cost=1.3,
    cut=OBJECTS,
    trait=LOOKS,
)
def part_fellows(grid: Array, cut: Cut, trait: Trait) -> Array:
    """How many parts share the trait of the cell's part, itself included; -1 in none."""
    values = measured(grid, cut, trait)
    return over_parts(grid, cut, [values.count(value) for value in values])


@new_fact(
    "the number of the {cut} it lies in, {count}",
    cost=1.3,
    cut=CUTS | DIVISIONS | PANES,
    count={
        "order": "in reading order",
        "twos": "in reading order, counted in twos",
        "threes": "in reading order, counted in threes",
        "across": "from left to right, counted in threes",
        "ends": "1 the first, 2 between, 3 the last",
    },
    unless=lambda cut, count: isinstance(cut, tuple) and count != "order",
)
def part_number(grid: Array, cut: Cut, count: str) -> Array:
    """The number of the cell's part, from 1 in reading order or counted so; 0 in none."""
    numbers = numbered(grid, cut)
    most = int(numbers.max())
    order = np.arange(most)
    if count == "across":
        order = np.argsort(np.argsort([one.left for one in parts(grid, cut)], kind="stable"))
    turns = {"order": order, "twos": order % 2, "ends": np.sign(order) + (order == most - 1)}
    return np.append(0, turns.get(count, order % 3) + 1)[numbers]


@new_fact(
    "whether the {cut} it lies in has an even {trait}",
    cost=1.3,
    reads=YES_NO,
    cut=CUTS,
    trait=worded(cells, height, width),
)
def part_is_even(grid: Array, cut: Cut, trait: Trait) -> Array:
    """1 where the trait of the part that the cell lies in is even; -1 in none."""
    return over_parts(grid, cut, [1 - value % 2 for value in measured(grid, cut, trait)])


@new_fact("whether the {cut} it lies in touches the border", cost=1.2, reads=YES_NO, cut=CUTS)
def part_touches_border(grid: Array, cut: Cut) -> Array:
    """1 where the cell's part has a cell on the border of the grid; -1 in none."""
    numbers = numbered(grid, cut)
    rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    return over_parts(grid, cut, [int(n in rim) for n in range(1, int(numbers.max()) + 1)])


@new_fact(
    "{place} in the box of the {cut} that the cell lies in",
    cost=1.3,
    place={
        "inside": "whether the place is off the rim (0 the rim, 1 inside,)",
        "row": "the row, from 0,",
        "low_row": "the row from below, from 0,",
        "column": "the column, from 0,",
        "low_column": "the column from the right, from 0,",
        "ring": "the ring, from the rim inwards,",
        "row_turn": "the row counted in twos",
        "column_turn": "the column counted in twos",
        "ring_turn": "the ring counted in twos",
        "corner": "whether the place is a corner (1 if so)",
        "hole": "whether the place is a hole (1 if so)",
        "middle": "whether the place is in the middle row or column (1 if so)",
        "low_half": "whether the place is in the lower half (1 if so)",
        "right_half": "whether the place is in the right half (1 if so)",
    },
    cut=OBJECTS | PANES | COLOUR_SETS,
)
def place_in_box(grid: Array, place: str, cut: Cut) -> Array:
    """Where the cell is in the first box of a part that covers it; -1 outside all boxes."""
    result = np.full(grid.shape, -1)
    for part in parts(grid, cut):
        height, width = part.mask.shape
        box = result[part.top : part.top + height, part.left : part.left + width]
        box[box == -1] = box_places(part.mask)[place][box == -1]
    return result


@remembered
def box_places(mask: Array) -> dict[str, Array]:
    """Each measure of the places in a box, of which the mask tells the part's own."""
    height, width = mask.shape
    row, column = np.indices(mask.shape)
    low_row, low_column = height - 1 - row, width - 1 - column
    ring = np.minimum(np.minimum(row, low_row), np.minimum(column, low_column))
    corner = (np.minimum(row, low_row) == 0) & (np.minimum(column, low_column) == 0)
    return {
        "inside": ring > 0,
        "row": row,
        "low_row": low_row,
        "column": column,
        "low_column": low_column,
        "ring": ring,
        "row_turn": row % 2,
        "column_turn": column % 2,
        "ring_turn": ring % 2,
        "corner": corner,
        "hole": holes(mask),
        "middle": (row == low_row) | (column == low_column),
        "low_half": row > low_row,
        "right_half": column > low_column,
    }


@new_fact(
    "where the cell lies seen from the nearest one-cell object, up to {reach}",
    cost=1.5,
    reads={
        7 * (down + 3) + right + 3: f"{abs(down)} {'below' if down > 0 else 'above'} and "
        f"{abs(right)} to the {'right' if right > 0 else 'left'}"
        for down in range(-3, 4)
        for right in range(-3, 4)
    },
    reach={1: "one step away", 2: "two steps away", 3: "three steps away"},
)
def nearest_dot(grid: Array, reach: int) -> Array:
    """The offset from the nearest one-cell object as a number; -1 beyond its reach."""
    row, column = np.indices(grid.shape)
    result, best = np.full(grid.shape, -1), np.full(grid.shape, reach + 1)
    for part in parts(grid, "mixed_corners"):
        if part.mask.size == 1:
            down, right = row - part.top, column - part.left
            steps = np.maximum(abs(down), abs(right))
            result = np.where(steps < best, 7 * (down + 3) + right + 3, result)
            best = np.minimum(best, steps)
    return result
