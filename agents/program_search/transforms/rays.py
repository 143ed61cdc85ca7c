"""Rays and links: lines that leave an object, with where they start and where they end."""

import numpy as np

from agents.program_search.transforms.objects import cells_of
from agents.program_search.transforms.perception import Part, background, parts
from agents.program_search.transforms.registry import (
    DIRECTIONS,
    YES_NO,
    Array,
    new_fact,
    new_paint,
    new_picture,
)
from agents.program_search.transforms.traits import main_colour, rarest_colour

WAYS = {
    "straight": "in the four straight directions",
    "diagonal": "in the four diagonal directions",
    "rows": "left and right",
    "columns": "up and down",
    **DIRECTIONS,
    "up_left": "diagonally up to the left",
    "up_right": "diagonally up to the right",
    "down_left": "diagonally down to the left",
    "down_right": "diagonally down to the right",
}
COMPASS = {
    "up": (-1, 0),
    "down": (1, 0),
    "left": (0, -1),
    "right": (0, 1),
    "up_left": (-1, -1),
    "up_right": (-1, 1),
    "down_left": (1, -1),
    "down_right": (1, 1),
}


def ways_of(way: str) -> list[tuple[int, int]]:
    """Give the steps (rows down, columns right) of a way."""
    names = list(COMPASS)
    several = {"straight": names[:4], "diagonal": names[4:], "rows": names[2:4]}
    return [COMPASS[name] for name in (several | {"columns": names[:2]}).get(way, [way])]


def along(
    grid: Array, start: tuple[int, int], step: tuple[int, int], passes: bool
) -> list[tuple[int, int]]:
    """Give the places after the start up to the border, or to the first ink unless it passes."""
    (row, column), (down, right), empty = start, step, background(grid)
    places = list[tuple[int, int]]()
    while True:
        row, column = row + down, column + right
        if not (0 <= row < len(grid) and 0 <= column < len(grid.T)):
            return places
        if grid[row, column] != empty and not passes:
            return places
        places.append((row, column))


@new_paint(
    "the colour of the ray that meets the cell (background if none), of those that each one-colour "
    "object sends {way} from {start} of its box{end}",
    cost=1.4,
    effort=7,
    start={
        "middle": "the middle",
        "corner": "the corner",
    },
    way=WAYS,
    unless=lambda start, way, _: (
        start == "corner" and way in ("straight", "rows", "columns", *DIRECTIONS)
    ),
    end={
        "stops": "",
        "passes": " over ink to the border",
    },
)
def ray_colour(grid: Array, start: str, way: str, end: str) -> Array | None:
    """Paint the rays that leave each object's box in its colour; the rest as background."""
    found, result = parts(grid, "one_colour_corners"), np.full_like(grid, background(grid))
    if not 1 <= len(found) <= 30:
        return None
    for part in found:
        height, width = part.mask.shape
        for down, right in ways_of(way):
            half = (height // 2, width // 2)
            row = (half[0], height - 1, 0)[down]
            column = (half[1], width - 1, 0)[right]
            if start == "middle" and down and right:
                row, column = half
            places = along(grid, (part.top + row, part.left + column), (down, right), True)
            outside = [
                (y, x)
                for y, x in places
                if not (0 <= y - part.top < height and 0 <= x - part.left < width)
            ]
            for y, x in outside:
                if end == "stops" and grid[y, x] != background(grid):
                    break
                result[y, x] = main_colour(part)
    return result


@new_picture(
    "from {source} draw a ray, beginning with the next cell, over background {way}",
    cost=1.4,
    effort=14,
    way={
        "away": "straight or diagonally away from its object up to the next ink or the edge of the "
        "grid",
        "through": "straight or diagonally through its object and on to the edge of the grid",
    },
    source={
        "rare": "the cells of the rarest colour of each object of any colours, in that colour,",
        "tail": "each cell whose only neighbour in its one-colour object is at a corner, in its "
        "colour,",
        "gap": "each gap of a one-colour object (a cell of its box that is not its own), in that "
        "object's colour,",
    },
)
def shot(grid: Array, way: str, source: str) -> Array | None:
    """Draw rays over background, each from a mark of an object; None if there is no such mark."""
    empty, result, sign = background(grid), grid.copy(), 1 if way == "away" else -1
    for part in parts(grid, "mixed_corners" if source == "rare" else "one_colour_corners"):
        for row, column, down, right in marks_of(part, source):
            start, ink = (part.top + row, part.left + column), main_colour(part)
            if source == "rare":
                ink = rarest_colour(part)
            for place in along(grid, start, (sign * down, sign * right), way == "through"):
                if result[place] == empty:
                    result[place] = ink
    return None if (result == grid).all() else result


def marks_of(part: Part, source: str) -> list[tuple[int, int, int, int]]:
    """Find where in the part's box rays start, each with the step away from its middle."""
    (height, width), mask = part.mask.shape, part.mask
    if source == "tail":
        return [
            (row, column, *away)
            for row, column in np.argwhere(mask).tolist()
            if (away := tail_way(mask, row, column)) and mask.sum() > 3
        ]
    chosen = ~mask if source == "gap" else mask & (part.picture == rarest_colour(part))
    if mask.sum() < 3 or not 0 < chosen.sum() <= mask.sum() // 2:
        return []
    found = []
    for row, column in np.argwhere(chosen).tolist():
        down, right = 2 * row - height + 1, 2 * column - width + 1
        if abs(down) != abs(right):
            down, right = (down, 0) if abs(down) > abs(right) else (0, right)
        if down or right:
            found.append((row, column, int(np.sign(down)), int(np.sign(right))))
    return found


def tail_way(mask: Array, row: int, column: int) -> tuple[int, int] | None:
    """Find the diagonal step away from the only neighbour of a cell; None unless at a corner."""
    wide = np.pad(mask, 1)[row : row + 3, column : column + 3]
    if wide.sum() != 2 or wide[1].sum() + wide[:, 1].sum() > 2:
        return None
    down, right = next((y, x) for y in (0, 2) for x in (0, 2) if wide[y, x])
    return 1 - down, 1 - right


@new_picture(
    "let each cell {deed} {block}",
    cost=1.4,
    effort=14,
    deed={
        "move": "move next to",
        "copy": "make a copy of itself next to",
        "join": "draw a line in its own colour up to",
    },
    block={
        "largest": "the largest one-colour object, if that is in its row or column, whatever lies "
        "between; this goes for cells of one-colour objects of fewer than 12 cells",
        "own": "the larger one-colour object of its own colour in its row or column, whatever lies "
        "between (erase cells that have none); this goes for cells of one-colour objects of at "
        "most 3 cells",
        "nearest": "the nearest one-colour object of more than 3 cells in its row or column, "
        "whatever lies between; this goes for cells of one-colour objects of at most 3 cells",
    },
)
def brought_to_blocks(grid: Array, deed: str, block: str) -> Array | None:
    """Move or join single cells straight to the block that they face; None without a block.

    Of cells that move, the nearest come first, and the others stop before them.
    """
    empty, (blocks, dots) = background(grid), blocks_and_dots(grid, block)
    if not blocks:
        return None
    result, taken = grid.copy(), set[tuple[int, int]]()
    for dot in dots:
        ink = main_colour(dot)
        near = [
            place
            for one in blocks
            if block != "own" or main_colour(one) == ink
            for place in faced(one, dot)
        ]
        if (near and deed == "move") or (not near and block == "own"):
            result[dot.top, dot.left] = empty
        if not near:
            continue
        _, row, column = min(near)
        down, right = int(np.sign(dot.top - row)), int(np.sign(dot.left - column))
        if deed == "join":
            (top, low), (left, end) = sorted((row, dot.top)), sorted((column, dot.left))
            result[top : low + 1, left : end + 1] = ink
        elif 0 <= row < len(grid) and 0 <= column < len(grid.T):
            while (
                deed == "move" and (row, column) in taken and (row, column) != (dot.top, dot.left)
            ):
                row, column = row + down, column + right
            taken.add((row, column))
            result[row, column] = ink
    return result


def blocks_and_dots(grid: Array, block: str) -> tuple[list[Part], list[Part]]:
    """List the blocks, and the cells of small objects, those nearest to a block first."""
    found = parts(grid, "one_colour_corners")
    blocks = [one for one in found if one.mask.sum() > 3]
    if not blocks:
        return [], []
    if block == "largest":
        blocks = [max(blocks, key=lambda one: int(one.mask.sum()))]
    small = [one for one in found if one.mask.sum() < (12 if block == "largest" else 4)]
    dots = [dot for one in small if one is not blocks[0] for dot in cells_apart(one)]
    steps = [
        min((near[0] for one in blocks for near in faced(one, dot)), default=0) for dot in dots
    ]
    order = np.argsort(steps, kind="stable").tolist()
    return blocks, [dots[place] for place in order]


def cells_apart(part: Part) -> list[Part]:
    """Make each cell of the part a part of its own."""
    return [
        Part(
            part.top + row,
            part.left + column,
            np.ones((1, 1), bool),
            part.picture[row:, column:][:1, :1],
        )
        for row, column in np.argwhere(part.mask).tolist()
    ]


def faced(block: Part, dot: Part) -> list[tuple[int, int, int]]:
    """Find the places beside the block that the dot reaches straight on, each after its steps."""
    rows, columns = cells_of(block)
    found = []
    if (same := rows[columns == dot.left]).size:
        row = int(same.min()) - 1 if dot.top < same.min() else int(same.max()) + 1
        found.append((abs(row - dot.top), row, dot.left))
    if (same := columns[rows == dot.top]).size:
        column = int(same.min()) - 1 if dot.left < same.min() else int(same.max()) + 1
        found.append((abs(column - dot.left), dot.top, column))
    return found


@new_fact(
    "whether the cell lies on the bent line between the only two one-cell objects (from {first} "
    "along its {line}, then straight to the other)",
    cost=1.3,
    reads=YES_NO,
    first={
        "low": "that of the lower colour number",
        "top": "the upper one",
    },
    line={"row": "row", "column": "column"},
)
def on_elbow(grid: Array, first: str, line: str) -> Array | None:
    """Mark with 1 the bent line that joins the only two one-cell objects; None if not two."""
    dots = [one for one in parts(grid, "one_colour_corners") if one.mask.size == 1]
    if len(dots) != 2:
        return None
    if first == "low":
        dots.sort(key=main_colour)
    result = np.zeros_like(grid)
    rows, columns = sorted(one.top for one in dots), sorted(one.left for one in dots)
    start, end = dots if line == "row" else dots[::-1]
    result[start.top, columns[0] : columns[1] + 1] = 1
    result[rows[0] : rows[1] + 1, end.left] = 1
    return result


@new_fact(
    "whether the cell lies on the zigzag that leaves the only one-cell object diagonally {way}, "
    "first to the farther side, and bounces off the sides",
    cost=1.4,
    reads=YES_NO,
    way={"up": "up", "down": "down"},
)
def on_zigzag(grid: Array, way: str) -> Array | None:
    """Mark with 1 the path that leaves the dot diagonally and bounces between the sides."""
    dots = [one for one in parts(grid, "one_colour_corners") if one.mask.size == 1]
    if len(dots) != 1 or len(grid.T) < 2:
        return None
    row, column = np.indices(grid.shape)
    steps = dots[0].top - row if way == "up" else row - dots[0].top
    last = len(grid.T) - 1
    start = dots[0].left if 2 * dots[0].left < last else 2 * last - dots[0].left
    turn = (start + steps) % (2 * last)
    return ((np.minimum(turn, 2 * last - turn) == column) & (steps >= 0)) * 1
