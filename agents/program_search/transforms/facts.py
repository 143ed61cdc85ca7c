"""Facts, by which rules tell cells apart: their place, their line, what is around or near them."""

import numpy as np

from agents.program_search.transforms.paints import facing, first_seen
from agents.program_search.transforms.perception import (
    OBJECTS,
    REGIONS,
    background,
    bordered,
    numbered,
    regions,
)
from agents.program_search.transforms.registry import (
    COLOURS,
    DIRECTIONS,
    YES_NO,
    Array,
    new_fact,
    new_paint,
    remembered,
)

NEIGHBOURS = {4: "four side neighbours", 8: "eight neighbours"}
TURNS = {2: "1, 0, 1, 0 and so on", 3: "1, 2, 0, 1, 2, 0 and so on"}
IN_TURN = {0: "", 2: " (even or odd)", 3: " (what is left over after division by 3)"}
SIDES = ("up", "down", "left", "right", "upper left", "upper right", "lower left", "lower right")


def sides_words(number: int) -> str:
    """The sides whose bits are set."""
    sides = [side for bit, side in enumerate(SIDES) if number >> bit & 1]
    return f"{sides[0]} alone" if len(sides) == 1 else "+".join(sides) or "none of them"


@new_fact(
    "the number of the cell's {line}, starting with 1",
    cost=1.0,
    line={
        "row": "row, from the top",
        "low_row": "row, from the bottom",
        "column": "column, from the left",
        "low_column": "column, from the right",
        "rising": "rising diagonal, from the top left",
        "falling": "falling diagonal, from the top right",
        "ring": "ring, from the border inwards",
    },
)
def line_number(grid: Array, line: str) -> Array:
    """Number the row, column, diagonal or ring that each cell lies on, from 1."""
    height, width = grid.shape
    row, column = np.indices(grid.shape)
    low_row, low_column = height - 1 - row, width - 1 - column
    ring = np.minimum(np.minimum(row, low_row), np.minimum(column, low_column))
    numbers = {"row": row, "low_row": low_row, "column": column, "low_column": low_column}
    return (numbers | {"rising": row + column, "falling": row + low_column, "ring": ring})[line] + 1


@new_fact(
    "the number of the cell's {line}, counted {period}",
    cost=1.0,
    line={
        "row": "row, from the top",
        "column": "column, from the left",
        "rising": "rising diagonal, from the top left",
        "falling": "falling diagonal, from the top right",
        "ring": "ring, from the border inwards",
        "low_row": "row, from the bottom",
        "low_column": "column, from the right",
    },
    period=TURNS,
)
def line_in_turn(grid: Array, line: str, period: int) -> Array:
    """Number each cell's line, counted round and round up to the period."""
    return line_number(grid, line) % period


@new_fact(
    "whether the cell lies {where}",
    cost=0.9,
    reads=YES_NO,
    where={
        "border": "on the border",
        "corner": "in a corner",
        "falling": "on the diagonal from the top left",
        "rising": "on the diagonal from the top right",
        "cross": "on one of the two diagonals",
        "middle": "in the middle row or column",
        "middle_row": "in the middle row",
        "middle_column": "in the middle column",
    },
)
def lies_on(grid: Array, where: str) -> Array:
    """Mark the named line of the whole grid with 1."""
    height, width = grid.shape
    row, column = np.indices(grid.shape)
    falling, rising = row == column, row + column == width - 1
    sides, ends = (row == 0) | (row == height - 1), (column == 0) | (column == width - 1)
    middle_row, middle_column = 2 * row == height - 1, 2 * column == width - 1
    return {
        "border": sides | ends,
        "corner": sides & ends,
        "falling": falling,
        "rising": rising,
        "cross": falling | rising,
        "middle": middle_row | middle_column,
        "middle_row": middle_row,
        "middle_column": middle_column,
    }[where] * 1


@new_fact(
    "whether the cell is walled-in background{leaks}",
    cost=0.8,
    reads=YES_NO,
    leaks={False: "", True: " (ways out go by corners, too)"},
)
def walled_in(grid: Array, leaks: bool) -> Array:
    """Mark with 1 the background that no path of background joins to the border of the grid."""
    inked = bordered(grid != background(grid), 1, 0) == 1
    outside = regions(np.where(inked, -1, 1), leaks) == 1
    return (~inked & ~outside)[1:-1, 1:-1] * 1


@new_fact(
    "whether the cell is background between ink of one colour in its {line}",
    cost=1.2,
    effort=5,
    reads=YES_NO,
    line={"row": "row", "column": "column", "both": "row and its column", "any": "row or column"},
)
def between(grid: Array, line: str) -> Array:
    """Mark with 1 the background cells that see the same ink first to both sides."""
    empty = background(grid)
    left, up = first_seen(grid, "left"), first_seen(grid, "up")
    row = (left == first_seen(grid, "right")) & (left != empty)
    column = (up == first_seen(grid, "down")) & (up != empty)
    chosen = {"row": row, "column": column, "both": row & column, "any": row | column}[line]
    return (chosen & (grid == empty)) * 1


@new_fact(
    "the number of the cell's {neighbours} that are {alike}",
    cost=1.3,
    neighbours=NEIGHBOURS,
    alike={"inked": "not background", "same": "of its own colour"},
)
def count_around(grid: Array, neighbours: int, alike: str) -> Array:
    """Count the neighbours that are inked, or of the cell's colour; none lie beyond the border."""
    around, empty = neighbourhood(grid, neighbours), background(grid)
    alike_ones = (around >= 0) & (around != empty) if alike == "inked" else around == grid
    return alike_ones.sum(0)


@new_fact(
    "the number of colours besides background among the cell's {neighbours}",
    cost=1.2,
    neighbours=NEIGHBOURS,
)
def colours_around(grid: Array, neighbours: int) -> Array:
    """Count the colours other than background that the neighbours have."""
    around = neighbourhood(grid, neighbours)
    others = [colour for colour in range(10) if colour != background(grid)]
    return np.sum([(around == colour).any(0) for colour in others], axis=0)


@new_fact(
    "which of the cell's {neighbours} are not background",
    cost=1.3,
    reads={number: sides_words(number) for number in range(256)},
    neighbours=NEIGHBOURS,
)
def pattern_around(grid: Array, neighbours: int) -> Array:
    """Tell which neighbours are inked, as a binary number: up, down, left, right, corners."""
    around, empty = neighbourhood(grid, neighbours), background(grid)
    inked = (around >= 0) & (around != empty)
    return np.tensordot(1 << np.arange(neighbours), inked * 1, 1)


def neighbourhood(grid: Array, neighbours: int) -> Array:
    """Stack the neighbours of every cell; -1 beyond the border."""
    height, width = grid.shape
    wide = bordered(grid, 1, -1)
    places = [(0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (0, 2), (2, 0), (2, 2)][:neighbours]
    return np.stack([wide[y : y + height, x : x + width] for y, x in places])


@new_fact(
    "whether the cell lies in a {line} that holds a cell besides background",
    cost=1.1,
    reads=YES_NO,
    line={"row": "row", "column": "column", "any": "row or column"},
)
def line_is_inked(grid: Array, line: str) -> Array:
    """Mark with 1 the cells of such rows or columns as hold ink."""
    ink = grid != background(grid)
    rows, columns = ink.any(1, keepdims=True), ink.any(0, keepdims=True)
    marked = {"row": rows, "column": columns, "any": rows | columns}[line]
    return np.broadcast_to(marked * 1, grid.shape)


@new_fact(
    "{what} in the cell's {line}",
    cost=1.2,
    effort=3,
    line={"row": "row", "column": "column", "more": "row or column, whichever gives more"},
    what={
        "inked": "the number of cells that are not background",
        "colours": "the number of colours",
        "rank": "the rank, 0 for the least (equal ones share a rank, none is skipped), of the "
        "number of cells that are not background",
        "first": "the number of cells left of or above the first ink (0 if there is none)",
        "open": "whether only the two ends are inked (1 if so)",
    },
)
def line_holds(grid: Array, line: str, what: str) -> Array:
    """Tell what the cell's whole row or column holds, or the greater of the two values."""
    if line == "more":
        return np.maximum(held_by_rows(grid, what), held_by_rows(grid.T, what).T)
    return held_by_rows(grid, what) if line == "row" else held_by_rows(grid.T, what).T


def held_by_rows(rows: Array, what: str) -> Array:
    """Tell for each cell what its whole row holds."""
    inked = (rows != background(rows)).sum(1)
    colours = np.array([len(set(row)) for row in rows.tolist()])
    values = {
        "inked": inked,
        "colours": colours,
        "rank": np.unique(inked, return_inverse=True)[1],
        "first": (rows != background(rows)).argmax(1),
        "open": (inked == 2) & (rows[:, [0, -1]] != background(rows)).all(1) & (len(rows[0]) > 2),
    }
    return np.repeat(values[what][:, None], rows.shape[1], 1)


@new_fact("whether the cell is background", cost=0.4, reads=YES_NO)
def is_background(grid: Array) -> Array:
    """Mark the background with 1."""
    return (grid == background(grid)) * 1


@new_fact("how common the cell's colour is in the grid (0 is the commonest)", cost=1.1)
def colour_rank(grid: Array) -> Array:
    """Rank each cell's colour by its number of cells; ties go to the lower colour."""
    counts = np.bincount(grid.ravel(), minlength=10)
    return np.argsort(np.argsort(-counts, kind="stable"))[grid]


@new_fact("how common the cell's colour is besides the background (0 is the commonest)", cost=1.1)
def ink_rank(grid: Array) -> Array:
    """Rank each cell's colour among the inks; -1 on background."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 0
    rank = np.argsort(np.argsort(-counts, kind="stable"))
    return np.where(grid == background(grid), -1, rank[grid])


SPREADS = {8: "also diagonal ones", 4: "none of them diagonal"}


@new_fact(
    "the number of steps going {way} to the first cell that is not background (0 on one){period}",
    cost=1.2,
    way=DIRECTIONS,
    period=IN_TURN,
)
def steps_to_ink(grid: Array, way: str, period: int) -> Array:
    """Count the steps to the next ink modulo the period (0: in full), 0 on ink; -1 if none."""
    turned = facing(grid, way)
    result, last = np.full_like(turned, -1), np.full(turned.shape[1], -1)
    inked = turned != background(grid)
    for row in range(len(turned)):
        last = np.where(inked[row], 0, np.where(last >= 0, last + 1, -1))
        result[row] = last
    steps = facing(result, way)
    return np.where(steps >= 0, steps % period, -1) if period else steps


@remembered
def spread(grid: Array, neighbours: int) -> tuple[Array, Array]:
    """Give the colour that spreads there first, and the steps to it (-1 if none).

    A cell that several colours reach at once is background and passes none on.
    """
    empty = background(grid)
    colours, steps = grid.copy(), np.where(grid != empty, 0, -1)
    for step in range(1, max(grid.shape) * 2):
        reached = (neighbourhood(steps, neighbours) == step - 1) & (steps == -1)
        if not reached.any():
            break
        around = np.where(reached, neighbourhood(colours, neighbours), empty)
        high = np.where(around == empty, -1, around).max(0)
        low = np.where(around == empty, 10, around).min(0)
        new = reached.any(0)
        colours = np.where(new, np.where(high == low, high, empty), colours)
        steps = np.where(new, step, steps)
    return colours, steps


@new_fact(
    "the number of steps ({spread_by}) to the nearest cell that is not background{period}",
    cost=1.2,
    effort=8,
    spread_by=SPREADS,
    period=IN_TURN,
)
def distance_to_ink(grid: Array, spread_by: int, period: int) -> Array:
    """Count the steps to the nearest ink modulo the period (0: in full); -1 without ink."""
    steps = spread(grid, spread_by)[1]
    return np.where(steps >= 0, steps % period, -1) if period else steps


@new_paint(
    "the colour that reaches the cell first if all ink spreads over background step by step "
    "({spread_by})",
    cost=1.2,
    effort=8,
    spread_by={4: SPREADS[4], 8: SPREADS[8]},
)
def nearest_colour(grid: Array, spread_by: int) -> Array:
    """Give background the colour that reaches it first; ink keeps its own."""
    return spread(grid, spread_by)[0]


@new_paint(
    "the commonest ink along the sides of the {cut} that the cell lies in (background if there is "
    "none)",
    cost=1.3,
    effort=2,
    cut=OBJECTS | REGIONS,
)
def colour_beside(grid: Array, cut: str) -> Array:
    """Give each part the commonest ink among its cells' side neighbours, itself left out."""
    numbers, empty = numbered(grid, cut), background(grid)
    around, owners = neighbourhood(grid, 4), neighbourhood(numbers, 4)
    counts = np.zeros((int(numbers.max()) + 1, 10), int)
    for colours, others in zip(around, owners, strict=True):
        outside = (colours >= 0) & (colours != empty) & (others != numbers)
        np.add.at(counts, (numbers[outside], colours[outside]), 1)
    found = np.where(counts.any(1), counts.argmax(1), empty)
    return np.where(numbers > 0, found[numbers], empty)


@new_fact(
    "whether the cell is part of a {size} block of background",
    cost=1.2,
    effort=16,
    reads=YES_NO,
    size={(3, 3): "3×3", (2, 2): "2×2", "largest": "largest possible"},
)
def in_free_block(grid: Array, size: tuple[int, int] | str) -> Array:
    """Mark with 1 every block of the size that is all background, also if blocks overlap."""
    (height, width), empty = grid.shape, background(grid)
    tall, wide = largest_free(grid) if isinstance(size, str) else size
    result = np.zeros_like(grid)
    for row in range(height - tall + 1):
        for column in range(width - wide + 1):
            block = np.s_[row : row + tall, column : column + wide]
            if (grid[block] == empty).all():
                result[block] = 1
    return result


@remembered
def largest_free(grid: Array) -> tuple[int, int]:
    """Find the height and width of the largest rectangle of background (2×2 at least)."""
    free, best = grid == background(grid), (2, 2)
    for top in range(len(grid)):
        clear = np.ones(len(grid.T), bool)
        for low in range(top, len(grid)):
            clear &= free[low]
            edges = np.flatnonzero(np.diff(np.r_[False, clear, False]))
            wide = int((edges[1::2] - edges[::2]).max(initial=0))
            if low > top and wide > 1 and (low - top + 1) * wide > best[0] * best[1]:
                best = low - top + 1, wide
    return best


@new_fact(
    "whether {colour} is among {around} the cell",
    cost=0.7,
    reads=YES_NO,
    around={
        "eight": "the eight neighbours of",
        "sides": "the four side neighbours of",
        "corners": "the four corner neighbours of",
    },
    colour=COLOURS,
)
def has_neighbour(grid: Array, around: str, colour: int) -> Array | None:
    """Mark with 1 the cells with a neighbour of the colour; None if that is the background."""
    if colour == background(grid):
        return None
    near = neighbourhood(grid, 8) == colour
    return {"eight": near, "sides": near[:4], "corners": near[4:]}[around].any(0) * 1
