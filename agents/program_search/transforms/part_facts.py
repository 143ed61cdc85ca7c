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
    plural,
)
from agents.program_search.transforms.registry import YES_NO, Array, new_fact, remembered
from agents.program_search.transforms.traits import (
    AMOUNTS,
    CORNERS,
    FLAGS,
    LOOKS,
    MEASURES,
    SIZES,
    Trait,
    cells,
    height,
    inked_cells,
    measured,
    width,
    worded,
)

CUTS = OBJECTS | REGIONS


def over_parts(grid: Array, cut: Cut, values: list[int]) -> Array:
    """Write each part's value on its cells, -1 elsewhere."""
    return np.array([-1, *values])[numbered(grid, cut)]


@new_fact(
    "the {trait} of the {cut} that the cell lies in", cost=1.2, cut=CUTS, trait={**SIZES, **CORNERS}
)
def part_measure(grid: Array, cut: Cut, trait: Trait) -> Array:
    """Give the trait of the part that each cell lies in; -1 in none."""
    return over_parts(grid, cut, measured(grid, cut, trait))


@new_fact(
    "whether the {cut} that the cell lies in {trait}",
    cost=1.2,
    reads=YES_NO,
    cut=CUTS,
    trait=FLAGS,
)
def part_flag(grid: Array, cut: Cut, trait: Trait) -> Array:
    """Mark parts that have the property with 1, others with 0, the rest with -1."""
    return over_parts(grid, cut, measured(grid, cut, trait))


@new_fact(
    "whether the {cut} that the cell lies in {which} {trait}",
    cost=1.3,
    reads=YES_NO,
    cut=CUTS | PANES,
    which={
        "most": "has the greatest",
        "least": "has the least",
        "alone": "is the only one with its",
    },
    trait={**MEASURES, inked_cells: AMOUNTS[inked_cells]},
    unless=lambda cut, _, trait: trait is inked_cells and cut != "panes",
)
def part_stands_out(grid: Array, cut: Cut, which: str, trait: Trait) -> Array:
    """Mark with 1 the parts that have the greatest, least or a unique value of the trait."""
    values = measured(grid, cut, trait)
    if which == "alone":
        return over_parts(grid, cut, [int(values.count(value) == 1) for value in values])
    best = (max if which == "most" else min)(values, default=0)
    return over_parts(grid, cut, [int(value == best) for value in values])


@new_fact(
    "the rank, 0 for the greatest (equal ones share a rank, none is skipped), by {trait} of the "
    "{cut} that the cell lies in",
    cost=1.4,
    cut=CUTS,
    trait=MEASURES,
)
def part_rank(grid: Array, cut: Cut, trait: Trait) -> Array:
    """Count the greater values of the trait than that of the cell's part."""
    values = measured(grid, cut, trait)
    order = sorted(set(values), reverse=True)
    return over_parts(grid, cut, [order.index(value) for value in values])


@new_fact(
    "the number of {cut} that have the {trait} of the one that the cell lies in{which}",
    cost=1.3,
    cut=plural(OBJECTS),
    trait=LOOKS,
    which={"all": "", "first": ", counted in reading order up to that one"},
)
def part_fellows(grid: Array, cut: Cut, trait: Trait, which: str) -> Array:
    """Count the parts that share the trait of the cell's part, all or up to it; -1 in none."""
    values = measured(grid, cut, trait)
    before = [values[: place + 1].count(value) for place, value in enumerate(values)]
    counts = [values.count(value) for value in values]
    return over_parts(grid, cut, before if which == "first" else counts)


@new_fact(
    "the number of the {cut} that the cell lies in, counted {count}",
    cost=1.3,
    cut=CUTS | DIVISIONS | PANES,
    count={
        "order": "1, 2, 3 and so on in reading order",
        "twos": "1, 2, 1, 2 and so on in reading order",
        "threes": "1, 2, 3, 1, 2, 3 and so on in reading order",
        "across": "1, 2, 3, 1, 2, 3 and so on from left to right",
        "ends": "1 for the first, 2 for the middle one, 3 for the last, 4 for all others",
    },
    unless=lambda cut, count: cut in DIVISIONS and count != "order",
)
def part_number(grid: Array, cut: Cut, count: str) -> Array:
    """Number the cell's part, from 1 in reading order or counted so; 0 in none."""
    numbers = numbered(grid, cut)
    most = int(numbers.max())
    order = np.arange(most)
    if count == "across":
        order = np.argsort(np.argsort([one.left for one in parts(grid, cut)], kind="stable"))
    ends = np.select([order == 0, order == most - 1, 2 * order == most - 1], [0, 2, 1], 3)
    turns = {"order": order, "twos": order % 2, "ends": ends}
    return np.append(0, turns.get(count, order % 3) + 1)[numbers]


@new_fact(
    "whether the {cut} that the cell lies in has an even {trait}",
    cost=1.6,
    reads=YES_NO,
    cut=CUTS,
    trait=worded(cells, height, width),
)
def part_is_even(grid: Array, cut: Cut, trait: Trait) -> Array:
    """Mark with 1 the parts whose trait is even, other parts with 0, the rest with -1."""
    return over_parts(grid, cut, [1 - value % 2 for value in measured(grid, cut, trait)])


@new_fact(
    "whether the {cut} that the cell lies in touches the border", cost=1.2, reads=YES_NO, cut=CUTS
)
def part_touches_border(grid: Array, cut: Cut) -> Array:
    """Mark with 1 the parts that touch the border, other parts with 0, the rest with -1."""
    numbers = numbered(grid, cut)
    rim = np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]])
    return over_parts(grid, cut, [int(n in rim) for n in range(1, int(numbers.max()) + 1)])


@new_fact(
    "the cell's {place} in the box of the first {cut} whose box covers it",
    cost=1.3,
    place={
        "inside": "place (0 on the rim, 1 inside)",
        "row": "row (0 at the top)",
        "low_row": "row (0 at the bottom)",
        "column": "column (0 at the left)",
        "low_column": "column (0 at the right)",
        "ring": "ring (0 on the rim)",
        "row_turn": "row (counted 0, 1, 0, 1 from the top)",
        "column_turn": "column (counted 0, 1, 0, 1 from the left)",
        "ring_turn": "ring (counted 0, 1, 0, 1 from the rim)",
        "corner": "place (1 in a corner, 0 elsewhere)",
        "hole": "place (1 in a hole, 0 elsewhere)",
        "middle": "place (1 in the middle row or column, 0 elsewhere)",
        "low_half": "place (1 below the middle, 0 elsewhere)",
        "right_half": "place (1 to the right of the middle, 0 elsewhere)",
    },
    cut=OBJECTS | PANES | COLOUR_SETS,
)
def place_in_box(grid: Array, place: str, cut: Cut) -> Array:
    """Tell where the cell is in the first box of a part that covers it; -1 outside all boxes."""
    result = np.full(grid.shape, -1)
    for part in parts(grid, cut):
        height, width = part.mask.shape
        box = result[part.top : part.top + height, part.left : part.left + width]
        box[box == -1] = box_places(part.mask)[place][box == -1]
    return result


@remembered
def box_places(mask: Array) -> dict[str, Array]:
    """Take each measure of the places in a box, of which the mask tells the part's own."""
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


def offset_words(down: int, right: int) -> str:
    """Where a place lies that is so many rows below and columns to the right of another."""
    rows = f"{abs(down)} {'below' if down > 0 else 'above'}" if down else ""
    columns = f"{abs(right)} to the {'right' if right > 0 else 'left'}" if right else ""
    return " and ".join(filter(None, (rows, columns))) or "right on it"


@new_fact(
    "where the cell lies as seen from the nearest one-cell object, up to {reach} (also "
    "diagonally; of equally near ones the first in reading order)",
    cost=1.5,
    reads={
        7 * (down + 3) + right + 3: offset_words(down, right)
        for down in range(-3, 4)
        for right in range(-3, 4)
    },
    reach={1: "one step away", 2: "two steps away", 3: "three steps away"},
)
def nearest_dot(grid: Array, reach: int) -> Array:
    """Give the offset from the nearest one-cell object as a number; -1 beyond its reach."""
    row, column = np.indices(grid.shape)
    result, best = np.full(grid.shape, -1), np.full(grid.shape, reach + 1)
    for part in parts(grid, "mixed_corners"):
        if part.mask.size == 1:
            down, right = row - part.top, column - part.left
            steps = np.maximum(abs(down), abs(right))
            result = np.where(steps < best, 7 * (down + 3) + right + 3, result)
            best = np.minimum(best, steps)
    return result
