"""Pictures that mend the grid: by its symmetry, by its repetition, by its neighbourhoods."""

from __future__ import annotations

import numpy as np

from agents.program_search.transforms.cropping import boxed
from agents.program_search.transforms.perception import OBJECTS, background, parts, regions
from agents.program_search.transforms.pictures import turned
from agents.program_search.transforms.registry import Array, new_picture

HOLES = {"background": "the background", "patch": "the colour that covers solid rectangles only"}
SAMENESS = {
    "sideways": "when mirrored left to right",
    "upright": "when mirrored top to bottom",
    "half_turn": "when turned by half a turn",
    "falling": "when mirrored about the falling diagonal",
}
WAYS = {
    "both": "in both directions",
    "rows": "along the rows",
    "columns": "along the columns",
    "diagonals": "along the diagonals",
}


@new_picture(
    "complete the grid so that it is the same {symmetry}, taking {hole} for missing",
    cost=1.3,
    effort=12,
    symmetry=SAMENESS,
    hole=HOLES,
)
def completed(grid: Array, symmetry: str, hole: str) -> Array | None:
    """Missing cells filled from the mirror image that agrees on most cells; None if none does."""
    missing = missing_colour(grid, hole)
    if missing is None:
        return None
    image, best, result = turned(grid, symmetry), 0, None
    rows = [0] if symmetry in ("sideways", "falling") else range(-len(grid) // 2, len(grid) // 2)
    width = len(grid.T)
    columns = [0] if symmetry in ("upright", "falling") else range(-width // 2, width // 2)
    for down in rows:
        for right in columns:
            other = moved(image, down, right, missing, grid.shape)
            both = (grid != missing) & (other != missing)
            if both.sum() > best and (grid == other)[both].all():
                best, result = both.sum(), np.where(grid == missing, other, grid)
    return result if 3 * best > (grid != missing).sum() else None


def missing_colour(grid: Array, hole: str) -> int | None:
    """The background, or the colour all of whose regions are solid rectangles, the largest."""
    if hole == "background":
        return background(grid)
    best, colour = 3.0, None
    for tint in np.unique(grid).tolist():
        pieces = regions(np.where(grid == tint, 1, -1), False)
        sizes = []
        for number in range(1, int(pieces.max()) + 1):
            rows, columns = np.nonzero(pieces == number)
            box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            sizes.append(len(rows) if len(rows) == box else 0)
        if all(sizes) and sum(sizes) / len(sizes) > best:
            best, colour = sum(sizes) / len(sizes), tint
    return colour


def moved(image: Array, down: int, right: int, fill: int, shape: tuple[int, int]) -> Array:
    """The image moved over an empty grid of the shape; what leaves it is cut off."""
    height, width = shape
    wide = np.full((3 * 30, 3 * 30), fill)
    wide[30 + down :, 30 + right :][: len(image), : len(image.T)] = image
    return wide[30 : 30 + height, 30 : 30 + width]


@new_picture(
    "continue the pattern that repeats {way}, taking {hole} for missing",
    cost=1.4,
    effort=12,
    way=WAYS,
    hole={**HOLES, "none": "nothing"},
)
def continued(grid: Array, way: str, hole: str) -> Array | None:
    """The grid as repetition of its smallest tile that agrees with all cells that are there."""
    missing = -1 if hole == "none" else missing_colour(grid, hole)
    if missing is None:
        return None
    (height, width), known = grid.shape, grid != missing
    row, column = np.indices(grid.shape)
    tall = {"rows": [height], "diagonals": [1]}.get(way, range(1, height + 1))
    wide = {"columns": [width]}.get(way, range(1, width + 1))
    for rows, columns in sorted(((a, b) for a in tall for b in wide), key=lambda ab: ab[0] * ab[1]):
        if 2 * rows * columns > known.sum() and rows * columns > 1:
            return None
        turn = np.where(way == "diagonals", row + column, column) % columns
        place = (0 if way == "diagonals" else row % rows) * columns + turn
        seen = np.zeros((rows * columns, 10), bool)
        seen[place[known], grid[known]] = True
        if (seen.sum(1) == 1).all():
            return seen.argmax(1)[place]
    return None


@new_picture(
    "find what solid rectangles of one colour hide if the grid is the same {symmetry}",
    cost=1.4,
    effort=12,
    symmetry=SAMENESS,
)
def hidden_by_symmetry(grid: Array, symmetry: str) -> Array | None:
    """The completed grid, cropped to the box of what was missing."""
    whole = completed(grid, symmetry, "patch")
    return None if whole is None else boxed(whole, grid == missing_colour(grid, "patch"), 0)


@new_picture(
    "find what solid rectangles of one colour hide if the pattern repeats {way}",
    cost=1.4,
    effort=12,
    way=WAYS,
)
def hidden_by_repetition(grid: Array, way: str) -> Array | None:
    """The continued pattern, cropped to the box of what was missing."""
    whole = continued(grid, way, "patch")
    return None if whole is None else boxed(whole, grid == missing_colour(grid, "patch"), 0)


@new_picture("give every one-cell {cut} the commonest colour around it", cost=1.3, cut=OBJECTS)
def without_specks(grid: Array, cut: str) -> Array:
    """Specks take the commonest colour of their eight neighbours."""
    result = grid.copy()
    for part in parts(grid, cut):
        if part.mask.size == 1:
            top, left = max(part.top - 1, 0), max(part.left - 1, 0)
            around = grid[top : part.top + 2, left : part.left + 2]
            counts = np.bincount(around.ravel(), minlength=10)
            counts[grid[part.top, part.left]] -= 1
            result[part.top, part.left] = counts.argmax()
    return result


@new_picture("give every cell the commonest colour of the 3×3 cells around it", cost=1.2)
def smoothed(grid: Array) -> Array:
    """The commonest colour of each cell's 3×3 neighbourhood; the lowest where several are."""
    height, width = grid.shape
    wide = np.pad(grid, 1, mode="edge")
    around = [wide[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    counts = [np.sum([one == colour for one in around], axis=0) for colour in range(10)]
    return np.argmax(counts, axis=0)
