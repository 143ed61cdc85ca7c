"""Pictures of the whole grid: symmetries, sizes, repetition, falling, joining, mending."""

import numpy as np

from agents.program_search.transforms.cropping import boxed
from agents.program_search.transforms.paints import facing, first_seen, first_seen_diagonally
from agents.program_search.transforms.perception import OBJECTS, background, lines, parts, regions
from agents.program_search.transforms.registry import (
    COLOURS,
    DIRECTIONS,
    Array,
    new_picture,
    remembered,
)

TIMES = {number: str(number) for number in range(1, 6)}
SYMMETRIES = {
    "sideways": "mirrored left to right",
    "upright": "mirrored top to bottom",
    "half_turn": "turned by half a turn",
    "left_turn": "turned a quarter to the left",
    "right_turn": "turned a quarter to the right",
    "falling": "mirrored about its falling diagonal",
    "rising": "mirrored about its rising diagonal",
}
DEEDS = {
    "sideways": "mirror the grid left to right",
    "upright": "mirror the grid top to bottom",
    "half_turn": "turn the grid by half a turn",
    "left_turn": "turn the grid a quarter to the left",
    "right_turn": "turn the grid a quarter to the right",
    "falling": "mirror the grid about its falling diagonal",
    "rising": "mirror the grid about its rising diagonal",
}
HOLES = {
    "background": "those of background",
    "patch": "those of the colour all of whose regions are solid rectangles (of several such "
    "colours the one whose are the largest on average)",
}
SAMENESS = {
    "sideways": "mirrored left to right about the line across which all cells that can be "
    "compared agree (of several such lines the one that compares most)",
    "upright": "mirrored top to bottom about the line across which all cells that can be "
    "compared agree (of several such lines the one that compares most)",
    "half_turn": "turned by half a turn about the place about which all cells that can be "
    "compared agree (of several such places the one that compares most)",
    "falling": "mirrored about the falling diagonal",
}
WAYS = {
    "both": "down and across",
    "rows": "across",
    "columns": "down",
    "diagonals": "from one rising diagonal to the next (all cells of one have one colour)",
}


@new_picture("{symmetry}", cost=0.9, symmetry=DEEDS)
def turned(grid: Array, symmetry: str) -> Array:
    """Turn or mirror the grid."""
    return {
        "sideways": grid[:, ::-1],
        "upright": grid[::-1],
        "half_turn": grid[::-1, ::-1],
        "left_turn": np.rot90(grid),
        "right_turn": np.rot90(grid, -1),
        "falling": grid.T,
        "rising": grid[::-1, ::-1].T,
    }[symmetry]


@new_picture(
    "enlarge every cell to a block of {size} cells",
    cost=1.0,
    size={2: "2×2", 3: "3×3", 4: "4×4", 5: "5×5"},
)
def enlarged(grid: Array, size: int) -> Array | None:
    """Enlarge every cell to a square block; None if the result would be too large."""
    return np.kron(grid, np.ones((size, size), int)) if max(grid.shape) * size <= 30 else None


@new_picture(
    "enlarge every cell to a square block whose side is {number}",
    cost=1.5,
    number={
        "inks": "the number of colours besides black",
        "inked": "the number of cells that are not background",
        "side": "the number of rows of the grid",
        "objects": "the number of one-colour objects",
    },
)
def enlarged_by(grid: Array, number: str) -> Array | None:
    """Enlarge every cell to a block whose side is read off the grid."""
    inked = grid != background(grid)
    size = {
        "inks": len(np.unique(grid[grid > 0])),
        "inked": int(inked.sum()),
        "side": len(grid),
        "objects": len(parts(grid, "one_colour_corners")),
    }[number]
    return enlarged(grid, size) if size else None


@new_picture(
    "lay out a table of {down}×{across} copies of the grid",
    cost=1.0,
    unless=lambda down, across: down == across == 1,
    down=TIMES,
    across=TIMES,
)
def repeated(grid: Array, down: int, across: int) -> Array | None:
    """Lay copies of the grid side by side."""
    fits = grid.shape[0] * down <= 30 and grid.shape[1] * across <= 30
    return np.tile(grid, (down, across)) if fits else None


@new_picture(
    "lay copies of the grid, as many below each other as it has rows and as many side by side as "
    "it has columns",
    cost=1.3,
)
def repeated_by_itself(grid: Array) -> Array | None:
    """Lay as many copies down and across as the grid has rows and columns."""
    return np.tile(grid, grid.shape) if max(grid.shape) <= 5 else None


@new_picture(
    "lay a copy of the grid, {symmetry}, {place} it",
    cost=1.2,
    symmetry={
        "sideways": "mirrored left to right",
        "upright": "mirrored top to bottom",
        "half_turn": "turned by half a turn",
    },
    place={
        "right": "to the right of",
        "left": "to the left of",
        "below": "below",
        "above": "above",
    },
)
def unfolded(grid: Array, symmetry: str, place: str) -> Array | None:
    """Lay the grid beside its mirror image."""
    copy = turned(grid, symmetry)
    order = [copy, grid] if place in ("left", "above") else [grid, copy]
    return np.concatenate(order, axis=0 if place in ("above", "below") else 1)


@new_picture("drop every row and column that equals the one before it", cost=0.9)
def without_repeats(grid: Array) -> Array:
    """Keep one of each run of equal rows, then of equal columns."""
    rows = [0, *(r for r in range(1, len(grid)) if (grid[r] != grid[r - 1]).any())]
    tall = grid[rows].T
    columns = [0, *(c for c in range(1, len(tall)) if (tall[c] != tall[c - 1]).any())]
    return tall[columns].T


@new_picture("drop the rows and columns of background only", cost=1.0)
def without_background_lines(grid: Array) -> Array:
    """Keep only the rows and columns that hold some ink."""
    inked = grid != background(grid)
    return grid[inked.any(1)][:, inked.any(0)]


@new_picture("drop the full one-colour lines between the panes", cost=1.0, effort=3)
def without_lines(grid: Array) -> Array:
    """Keep only the rows and columns that hold more than one colour."""
    line = lines(grid)
    return grid[~line.all(1)][:, ~line.all(0)]


@new_picture(
    "let every cell that is not background fall {direction}", cost=1.2, direction=DIRECTIONS
)
def fallen(grid: Array, direction: str) -> Array:
    """Move the inked cells of each line to its end, in their order."""
    turned_up, empty = facing(grid, direction), background(grid)
    order = np.argsort(turned_up == empty, axis=0, kind="stable")
    return facing(np.take_along_axis(turned_up, order, 0), direction)


@new_picture(
    "let every {cut} fall {direction} as a whole",
    cost=1.4,
    effort=12,
    cut=OBJECTS,
    direction=DIRECTIONS,
)
def dropped(grid: Array, cut: str, direction: str) -> Array:
    """Move the objects until something stops them, those ahead first."""
    turned_up, empty = facing(grid, direction), background(grid)
    result = np.full_like(turned_up, empty)
    for part in sorted(parts(turned_up, cut), key=lambda one: one.top):
        (height, width), top = part.mask.shape, part.top
        columns = np.s_[part.left : part.left + width]
        while (
            top and not (part.mask & (result[top - 1 : top - 1 + height, columns] != empty)).any()
        ):
            top -= 1
        box = result[top : top + height, columns]
        box[part.mask] = part.picture[part.mask]
    return facing(result, direction)


@new_picture(
    "join every two inked cells of one colour in a {line} that have only background between them "
    "by a line of that colour",
    cost=1.2,
    effort=3,
    line={"row": "row", "column": "column", "both": "row or column"},
)
def joined(grid: Array, line: str) -> Array:
    """Join cells of one colour in a line over the background between them."""
    empty, result = background(grid), grid.copy()
    ways = {"row": ["left"], "column": ["up"], "both": ["left", "up"]}[line]
    for way in ways:
        seen = first_seen(grid, way)
        alike = seen == first_seen(grid, {"left": "right", "up": "down"}[way])
        result = np.where((result == empty) & alike, seen, result)
    return result


@new_picture(
    "join every two inked cells of one colour on a diagonal that have only background between "
    "them by a line of that colour",
    cost=1.3,
    effort=5,
)
def joined_diagonally(grid: Array) -> Array:
    """Join cells of one colour on a diagonal over the background between them."""
    result, empty = grid.copy(), background(grid)
    for sideways in (1, -1):
        seen = first_seen_diagonally(grid, 1, sideways)
        alike = seen == first_seen_diagonally(grid, -1, -sideways)
        result = np.where((result == empty) & alike, seen, result)
    return result


@new_picture(
    "roll the grid round by one {step} (what leaves it comes in at the other side)",
    cost=1.3,
    step={(1, 0): "row down", (-1, 0): "row up", (0, 1): "column right", (0, -1): "column left"},
)
def rolled(grid: Array, step: tuple[int, int]) -> Array:
    """Move the grid by one; what leaves comes in at the other side."""
    return np.roll(grid, step, (0, 1))


@new_picture("put a border of {colour} around the grid", cost=1.2, colour=COLOURS)
def framed(grid: Array, colour: int) -> Array:
    """Put one more cell on each side of the grid."""
    return np.pad(grid, 1, constant_values=colour)


@new_picture(
    "drop the outermost {width}", cost=1.1, width={1: "ring of cells", 2: "two rings of cells"}
)
def peeled(grid: Array, width: int) -> Array:
    """Cut off the grid's border."""
    return grid[width:-width, width:-width]


@new_picture(
    "fill the missing cells, {hole}, from the grid's image {symmetry}",
    cost=1.3,
    effort=30,
    symmetry=SAMENESS,
    hole=HOLES,
)
def completed(grid: Array, symmetry: str, hole: str) -> Array | None:
    """Fill missing cells from the mirror image that agrees on most cells; None if none does."""
    missing = missing_colour(grid, hole)
    if missing is None or (place := best_image(grid, symmetry, missing)) is None:
        return None
    down, right = place
    other = moved(turned(grid, symmetry), down, right, missing, grid.shape)
    return np.where(grid == missing, other, grid)


def best_image(grid: Array, symmetry: str, missing: int) -> tuple[int, int] | None:
    """Find how far down and right the image agrees, on most cells; None if on a third or less."""
    image, best, place = turned(grid, symmetry), 0, None
    rows = [0] if symmetry in ("sideways", "falling") else range(-len(grid) // 2, len(grid) // 2)
    width = len(grid.T)
    columns = [0] if symmetry in ("upright", "falling") else range(-width // 2, width // 2)
    for down in rows:
        for right in columns:
            other = moved(image, down, right, missing, grid.shape)
            both = (grid != missing) & (other != missing)
            if both.sum() > best and (grid == other)[both].all():
                best, place = both.sum(), (down, right)
    return place if 3 * best > (grid != missing).sum() else None


def missing_colour(grid: Array, hole: str) -> int | None:
    """Give the missing colour: background, or that all of whose regions are full rectangles."""
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
    """Lay the image over an empty grid of the shape; what leaves it is cut off."""
    height, width = shape
    wide = np.full((3 * 30, 3 * 30), fill)
    wide[30 + down :, 30 + right :][: len(image), : len(image.T)] = image
    return wide[30 : 30 + height, 30 : 30 + width]


@new_picture(
    "replace the grid by copies of the smallest tile that, repeated {way}, agrees with all cells "
    "but the missing ones, {hole}",
    cost=1.4,
    effort=12,
    way=WAYS,
    hole={**HOLES, "none": "of which there are none"},
)
@remembered
def continued(grid: Array, way: str, hole: str) -> Array | None:
    """Repeat the smallest tile that agrees with all cells that are there."""
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
    f"fill the missing cells, {HOLES['patch']}, from the grid's image {{symmetry}}, and cut out "
    "the box of what was filled",
    cost=1.4,
    effort=36,
    symmetry=SAMENESS,
)
def hidden_by_symmetry(grid: Array, symmetry: str) -> Array | None:
    """Complete the grid, and crop it to the box of what was missing."""
    whole = completed(grid, symmetry, "patch")
    return None if whole is None else boxed(whole, grid == missing_colour(grid, "patch"), 0)


@new_picture(
    "fill the missing cells, {hole}, with the smallest tile that, repeated {way}, agrees with all "
    "other cells, and cut out the box of what was filled",
    cost=1.3,
    effort=24,
    hole={name: HOLES[name] for name in ("patch", "background")},
    way=WAYS,
)
def hidden_by_repetition(grid: Array, hole: str, way: str) -> Array | None:
    """Continue the pattern, and crop it to the box of what was missing."""
    whole = continued(grid, way, hole)
    return None if whole is None else boxed(whole, grid == missing_colour(grid, hole), 0)


@new_picture(
    "give every one-cell {cut} the commonest colour of the cells around it (up to eight; of equals "
    "that of the lower number)",
    cost=1.3,
    cut=OBJECTS,
)
def without_specks(grid: Array, cut: str) -> Array:
    """Give each speck the commonest colour of its eight neighbours."""
    result = grid.copy()
    for part in parts(grid, cut):
        if part.mask.size == 1:
            top, left = max(part.top - 1, 0), max(part.left - 1, 0)
            around = grid[top : part.top + 2, left : part.left + 2]
            counts = np.bincount(around.ravel(), minlength=10)
            counts[grid[part.top, part.left]] -= 1
            result[part.top, part.left] = counts.argmax()
    return result


@new_picture(
    "give every cell the commonest colour of the 3×3 cells about it (beyond the border the "
    "outermost cells go on)",
    cost=1.2,
    effort=4,
)
def smoothed(grid: Array) -> Array:
    """Give each cell the commonest colour of its 3×3 neighbourhood; the lowest of several."""
    height, width = grid.shape
    wide = np.pad(grid, 1, mode="edge")
    around = [wide[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    colours = np.unique(grid)
    counts = [np.sum([one == colour for one in around], axis=0) for colour in colours]
    return colours[np.argmax(counts, axis=0)]
