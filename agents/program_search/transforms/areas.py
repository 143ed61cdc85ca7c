"""Areas that cells span: boxes of loose groups, margins, frames, repeated boxes, regions' sides."""

import numpy as np

from agents.program_search.transforms.facts import neighbourhood
from agents.program_search.transforms.paints import first_seen
from agents.program_search.transforms.perception import (
    OBJECTS,
    REGIONS,
    background,
    numbered,
    parts,
    regions,
)
from agents.program_search.transforms.registry import (
    COLOURS,
    DIRECTIONS,
    YES_NO,
    Array,
    new_fact,
    new_paint,
    new_picture,
    remembered,
)


@new_fact(
    "whether the cell lies in the box of a group of {colour} cells, each at most two rows and two "
    "columns from another of them",
    cost=1.2,
    effort=3,
    reads=YES_NO,
    colour=COLOURS,
)
def in_group_box(grid: Array, colour: int) -> Array | None:
    """Mark the boxes of the colour's loose groups with 1; None if it is background or missing."""
    flags = grid == colour
    if colour == background(grid) or not flags.any():
        return None
    wide = np.pad(flags, ((0, 1), (0, 1)))
    wide[1:] |= wide[:-1].copy()
    wide[:, 1:] |= wide[:, :-1].copy()
    numbers = regions(np.where(wide, 1, -1), True)[:-1, :-1]
    result = np.zeros_like(grid)
    for number in np.unique(numbers[flags]).tolist():
        rows, columns = np.nonzero((numbers == number) & flags)
        result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 1
    return result


@new_fact(
    "where the cell lies about {cut} near it",
    cost=1.3,
    reads={-1: "nowhere near", 0: "in its box", 1: "straight beside", 2: "off a corner"},
    cut={
        "one_colour_sides": f"a {OBJECTS['one_colour_sides']}",
        "mixed_corners": f"an {OBJECTS['mixed_corners']}",
    },
)
def in_margin(grid: Array, cut: str) -> Array:
    """Mark each part's box with 0, what is beside it with 1, off its corners with 2, else -1."""
    result = np.full(grid.shape, 3)
    for part in parts(grid, cut):
        (height, width), far = part.mask.shape, max(part.mask.shape) // 2
        rows = np.s_[part.top : part.top + height]
        columns = np.s_[part.left : part.left + width]
        high = np.s_[max(part.top - far, 0) : part.top + height + far]
        broad = np.s_[max(part.left - far, 0) : part.left + width + far]
        for value, place in ((2, (high, broad)), (1, (high, columns)), (1, (rows, broad))):
            result[place] = np.minimum(result[place], value)
        result[rows, columns] = 0
    return np.where(result == 3, -1, result)


@new_paint(
    "the other ink that cells of the cell's {cut} find most often looking {direction}",
    cost=1.3,
    effort=12,
    cut={name: OBJECTS[name] for name in ("one_colour_sides", "mixed_corners")},
    direction=DIRECTIONS,
)
def seen_by_part(grid: Array, cut: str, direction: str) -> Array:
    """Give each part the commonest other ink in its cells' sight; else background."""
    empty, numbers = background(grid), numbered(grid, cut)
    result = np.full_like(grid, empty)
    for number in range(1, int(numbers.max()) + 1):
        mask = numbers == number
        seen = seen_beyond(grid, tuple(np.unique(grid[mask]).tolist()), direction)
        counts = np.bincount(seen[mask], minlength=10)
        counts[empty] = 0
        if counts.any():
            result[mask] = counts.argmax()
    return result


@remembered
def seen_beyond(grid: Array, colours: tuple[int, ...], direction: str) -> Array:
    """Look along the grid for the first ink of other colours than these."""
    others = np.where(np.isin(grid, colours), background(grid), grid)
    return first_seen(others, direction)


@new_fact(
    "whether the {cut} that the cell lies in touches {colour} by a side",
    cost=1.1,
    effort=2,
    reads=YES_NO,
    cut=REGIONS,
    colour=COLOURS,
)
def part_touches(grid: Array, cut: str, colour: int) -> Array | None:
    """Mark the parts beside the colour with 1; None if it is background or missing."""
    if colour == background(grid) or not (grid == colour).any():
        return None
    numbers = numbered(grid, cut)
    near = (neighbourhood(grid, 4) == colour).any(0) & (grid != colour)
    touched = np.zeros(int(numbers.max()) + 1, int)
    touched[numbers[near]] = 1
    touched[0] = -1
    return touched[numbers]


@new_paint(
    "the colour it has once {lines}",
    cost=1.3,
    lines={
        "all": "copies of the box of all ink are laid side by side over the whole grid, from where "
        "it stands",
        "full": "of the box of all ink each row without background is repeated to its left and "
        "right, and each column without background up and down",
    },
)
def box_repeated(grid: Array, lines: str) -> Array | None:
    """Repeat the ink's box from its place over the grid; None if it is the grid."""
    empty = background(grid)
    rows, columns = np.nonzero(grid != empty)
    if not len(rows):
        return None
    top, left = int(rows.min()), int(columns.min())
    tile = grid[top : rows.max() + 1, left : columns.max() + 1]
    if tile.shape == grid.shape:
        return None
    row, column = np.indices(grid.shape)
    down, right = (row - top) % len(tile), (column - left) % len(tile.T)
    over = tile[down, right]
    if lines == "all":
        return over
    wide, tall = (tile != empty).all(1), (tile != empty).all(0)
    in_row = (row >= top) & (row < top + len(tile)) & wide[down]
    in_column = (column >= left) & (column < left + len(tile.T)) & tall[right]
    return np.where(in_row | in_column, over, grid)


@new_picture(
    "crop to the frame with the most cells on its sides, {extent}",
    cost=1.2,
    effort=15,
    extent={0: "these included", 1: "these left out"},
)
def cropped_to_frame(grid: Array, extent: int) -> Array | None:
    """Crop to the rectangle with the longest equal sides; None if there is none of 3×3."""
    best, place = 0, None
    for image, is_turned in ((grid, False), (grid.T, True)):
        for left, right, top, low in frames(image):
            across = {
                *image[top, left : right + 1].tolist(),
                *image[low, left : right + 1].tolist(),
            }
            sides = 2 * (low - top - 1) + (2 * (right - left - 1) if len(across) == 1 else 0)
            if sides > best:
                best, place = sides, (left, right, top, low, is_turned)
    if place is None:
        return None
    left, right, top, low, is_turned = place
    image = grid.T if is_turned else grid
    crop = image[top + extent : low + 1 - extent, left + extent : right + 1 - extent]
    return crop.T if is_turned else crop


def frames(grid: Array) -> list[tuple[int, int, int, int]]:
    """Find rectangles with such sides and corners: first and last column, first and last row."""
    (height, width), empty, found = grid.shape, background(grid), []
    for left in range(width - 2):
        same = (grid[:, left + 2 :] == grid[:, [left]]) & (grid[:, [left]] != empty)
        three = same[:-2] & same[1:-1] & same[2:]
        for right in (np.flatnonzero(three.any(0)) + left + 2).tolist():
            one, other = grid[:, left], grid[:, right]
            alike = np.where((one == other) & (one != empty), one, -1)
            start = 0
            while start < height:
                end = start
                while end + 1 < height and alike[end + 1] == alike[start]:
                    end += 1
                if alike[start] >= 0 and end - start >= 2:
                    full = [
                        row
                        for row in range(start, end + 1)
                        if (grid[row, left : right + 1] == one[start]).all()
                    ]
                    if len(full) > 1 and full[-1] - full[0] > 1:
                        found.append((left, right, full[0], full[-1]))
                has_ends = alike[start] >= 0 and start > 0 and end < height - 1
                if has_ends and alike[start - 1] == alike[end + 1] >= 0:
                    found.append((left, right, start - 1, end + 1))
                start = end + 1
    return found
