"""Pictures by their layout: images about a centre, panes as cells, parts laid together."""

from collections.abc import Callable

import numpy as np

from agents.program_search.transforms.objects import fragments_completed
from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    OBJECTS,
    Part,
    background,
    parts,
    plural,
)
from agents.program_search.transforms.pictures import (
    fallen,
    joined,
    joined_diagonally,
    turned,
)
from agents.program_search.transforms.registry import LARGEST_SIDE, Array, new_picture

CENTRES = {
    "box": "the middle of the box of the ink",
    "rare": "the middle of the cells of the rarest colour",
    "even": "the middle of the one-colour object that all mirrors and turns leave as it is",
    "grid": "the middle of the grid",
    "best": "the point (in a cell or between cells) about which half and quarter turns lay the "
    "most inked cells on cells of their colour",
}


def centre_of(grid: Array, centre: str) -> tuple[int, int] | None:
    """Add up the first and last row, and the first and last column, of what is central.

    None if no object, or more than one, is central.
    """
    if centre == "best":
        return best_centre(grid)
    if centre == "grid":
        return len(grid) - 1, len(grid.T) - 1
    if centre == "even":
        even = [one for one in parts(grid, "one_colour_corners") if is_even(one.mask)]
        if len(even) != 1:
            return None
        one, side = even[0], len(even[0].mask) - 1
        return 2 * one.top + side, 2 * one.left + side
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 0
    rarest = np.where(counts > 0, counts, 999).argmin()
    rows, columns = np.nonzero(grid == rarest if centre == "rare" else grid != background(grid))
    return int(rows.min() + rows.max()), int(columns.min() + columns.max())


def best_centre(grid: Array) -> tuple[int, int] | None:
    """Find the centre about which half and quarter turns map most of the ink on its like."""
    rows, columns = np.nonzero(grid != background(grid))
    if not 0 < len(rows) <= 60:
        return None
    (y, to_y), (x, to_x) = np.meshgrid(rows, rows), np.meshgrid(columns, columns)
    alike = grid[y, x] == grid[to_y, to_x]
    down = np.concatenate([(y + to_y)[alike], (to_y - x + to_x + y)[alike]])
    right = np.concatenate([(x + to_x)[alike], (to_x + y - to_y + x)[alike]])
    inside = (down >= 0) & (right >= 0) & (right < 60)
    return divmod(int(np.bincount(60 * down[inside] + right[inside]).argmax()), 60)


def is_even(mask: Array) -> bool:
    """Tell whether a mask of four cells or more is the same in every mirror and turn."""
    images = (mask.T, mask[::-1], mask[:, ::-1])
    return mask.sum() > 3 and all(np.array_equal(mask, image) for image in images)


@new_picture(
    "complete {cut} by its {images} about {centre}: where one of them has ink and there is "
    "background, that ink is drawn",
    cost=1.4,
    effort=8,
    cut={"grid": "the grid", "mixed_corners": "each object of any colours"},
    images={
        "all": "mirror images and turns",
        "mirrors": "images mirrored left to right, top to bottom, and both ways",
        "turns": "quarter and half turns",
    },
    centre=CENTRES,
)
def completed_about(grid: Array, cut: str, images: str, centre: str) -> Array | None:
    """Fill background with the images' ink; None without ink or if images contradict it."""
    empty, result = background(grid), grid.copy()
    if cut == "grid":
        figures = [grid] if (grid != empty).any() else []
    else:
        figures = [moved_alone(grid, part) for part in parts(grid, cut) if part.mask.sum() > 3]
    for figure in figures:
        middle = centre_of(figure, centre)
        if middle is None or (images != "mirrors" and sum(middle) % 2):
            return None
        down, right = middle
        rows, columns = np.nonzero(figure != empty)
        for y, x in images_of(rows, columns, down, right, images):
            inside = (y >= 0) & (y < len(grid)) & (x >= 0) & (x < len(grid.T))
            place, ink = (y[inside], x[inside]), figure[rows[inside], columns[inside]]
            if (figure[place] != ink)[figure[place] != empty].any():
                return None
            result[place] = np.where(result[place] == empty, ink, result[place])
    return result if figures else None


def moved_alone(grid: Array, part: Part) -> Array:
    """Make all but the part background."""
    result = np.full_like(grid, background(grid))
    height, width = part.mask.shape
    result[part.top : part.top + height, part.left : part.left + width] = part.picture
    return result


def images_of(
    rows: Array, columns: Array, down: int, right: int, images: str
) -> list[tuple[Array, Array]]:
    """Find where the cells lie under each image about the centre (its doubled place)."""
    mirrors = [(rows, right - columns), (down - rows, columns), (down - rows, right - columns)]
    if images == "mirrors":
        return mirrors
    y, x = (down - right) // 2 + columns, rows - (down - right) // 2
    turns = [(y, right - x), (down - y, x), mirrors[2]]
    return turns if images == "turns" else [*mirrors, *turns, (y, x), (down - y, right - x)]


def joined_straight(grid: Array) -> Array:
    """Join cells of one colour in their row and column."""
    return joined(grid, "both")


def mirrored_sideways(grid: Array) -> Array:
    """Mirror left to right."""
    return turned(grid, "sideways")


def completed_fragments(grid: Array) -> Array | None:
    """Complete fragments to copies of the largest object."""
    return fragments_completed(grid, "same")


def fallen_down(grid: Array) -> Array:
    """Let cells fall down."""
    return fallen(grid, "down")


@new_picture(
    "take the panes between the full lines as the cells of a table (cells at the same place in "
    "their panes make a table of their own) and {deed}",
    cost=1.4,
    effort=6,
    deed={
        joined_straight: "join those of one colour in a row or column by lines over the table's "
        "background",
        joined_diagonally: "join those of one colour on a diagonal by lines over the table's "
        "background",
        fallen_down: "let those that are not background fall down",
        mirrored_sideways: "mirror the table left to right",
        completed_fragments: "complete every object whose cells fit a part of the table's largest "
        "object of any colours to a copy of that one, laid as that is",
    },
)
def at_panes_level(grid: Array, deed: Callable[[Array], Array | None]) -> Array | None:
    """Do the deed to the table of panes, for each place in a pane; None without such a table."""
    found = parts(grid, "panes")
    rows, sizes = len({part.top for part in found}), {part.mask.shape for part in found}
    if len(found) < 4 or len(found) % rows or len(sizes) != 1:
        return None
    stack = np.array([part.picture for part in found]).reshape(rows, -1, *found[0].mask.shape)
    changed = stack.copy()
    for row, column in np.ndindex(*found[0].mask.shape):
        table = deed(stack[:, :, row, column])
        if table is None:
            return None
        changed[:, :, row, column] = table
    result = grid.copy()
    for part, picture in zip(found, changed.reshape(-1, *found[0].mask.shape), strict=True):
        height, width = part.mask.shape
        result[part.top : part.top + height, part.left : part.left + width] = picture
    return result


@new_picture(
    "lay all {cut} over each other so that {by} meet, background see-through, on a grid that just "
    "holds their boxes; smaller boxes go over larger ones, and of equal ones the later in reading "
    "order",
    cost=1.8,
    effort=2,
    cut=plural({name: (OBJECTS | COLOUR_SETS)[name] for name in ("mixed_corners", "colours")}),
    by={
        "middle": "the middle cells of their boxes",
        "shared": "their first cells of the one colour that all of them hold",
    },
)
def laid_together(grid: Array, cut: str, by: str) -> Array | None:
    """Lay the parts in one box; None if there are less than two or nothing to lay them by."""
    laying = laying_places(grid, cut, by)
    if laying is None:
        return None
    found, places = laying
    top, left = (max(place[axis] for place in places) for axis in (0, 1))
    result = np.full((3 * LARGEST_SIDE, 3 * LARGEST_SIDE), background(grid))
    for one, (row, column) in zip(found, places, strict=True):
        height, width = one.mask.shape
        box = result[top - row : top - row + height, left - column : left - column + width]
        box[one.mask] = one.picture[one.mask]
    low = max(len(one.mask) + top - row for one, (row, _) in zip(found, places, strict=True))
    end = max(
        len(one.mask.T) + left - column for one, (_, column) in zip(found, places, strict=True)
    )
    return result[:low, :end]


def laying_places(
    grid: Array, cut: str, by: str
) -> tuple[list[Part], list[tuple[int, ...]]] | None:
    """List the parts, those of the largest box first, with the places in them that meet."""
    found = sorted(parts(grid, cut), key=lambda one: -one.mask.size)
    if not 2 <= len(found) <= 12:
        return None
    if by == "middle":
        return found, [(len(one.mask) // 2, len(one.mask.T) // 2) for one in found]
    shared = set.intersection(*({*one.picture[one.mask].tolist()} for one in found))
    if len(shared) != 1:
        return None
    colour = shared.pop()
    return found, [tuple(np.argwhere(one.picture == colour)[0].tolist()) for one in found]


@new_picture(
    "find in each {line} the shortest run of cells from its start that, laid more than once (the "
    "last time perhaps in part), gives the {line} up to its last ink, and repeat it to the end; "
    "{line}s without such a run stay",
    cost=1.4,
    effort=10,
    line={"row": "row", "column": "column"},
)
def lines_continued(grid: Array, line: str) -> Array:
    """Repeat each line's ink up to the last with its shortest period; short ones stay."""
    result, empty = (grid if line == "row" else grid.T).copy(), background(grid)
    for row in result:
        inked = np.flatnonzero(row != empty)
        length = int(inked[-1]) + 1 if len(inked) else 0
        for period in range(1, length):
            if (row[period:length] == row[: length - period]).all():
                row[:] = np.resize(row[:period], len(row))
                break
    return result if line == "row" else result.T


@new_picture(
    "find the fewest rows after which every row comes again, if need be moved sideways by the same "
    "number of columns each time (what leaves the grid is cut off), and go on so until the grid is "
    "{size}",
    cost=1.4,
    effort=6,
    size={
        "square": "as high as it is wide",
        "half": "half as high again",
        "double": "twice as high",
    },
)
def made_taller(grid: Array, size: str) -> Array | None:
    """Continue the rows with the shortest period, each turn moved sideways as before.

    None if no period of the rows fits or the grid is tall enough.
    """
    height, width = grid.shape
    wanted = {"square": width, "half": height * 3 // 2, "double": 2 * height}[size]
    if not height < wanted <= LARGEST_SIDE:
        return None
    empty = background(grid)
    for period in range(1, height):
        for right in range(-3, 4):
            if (
                period * 2 <= height + 1
                and (sideways(grid[: height - period], right, empty) == grid[period:]).all()
            ):
                rows = list(grid)
                while len(rows) < wanted:
                    rows.append(sideways(rows[-period][None], right, empty)[0])
                return np.array(rows)
    return None


def sideways(rows: Array, right: int, empty: int) -> Array:
    """Move the rows to the right by so much; what leaves them is cut off."""
    result, width = np.full_like(rows, empty), rows.shape[1]
    if abs(right) < width:
        result[:, max(right, 0) : width + min(right, 0)] = rows[
            :, max(-right, 0) : width - max(right, 0)
        ]
    return result


@new_picture(
    "move every inked cell that is not of the commonest ink colour to its mirror image over the "
    "nearest bar of that colour",
    cost=1.4,
)
def reflected_over_bars(grid: Array) -> Array | None:
    """Move ink of other colours to the other side of the nearest edge that an object fills.

    None if the commonest colour has no such edges, or if there is no other ink.
    """
    empty = background(grid)
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[empty] = 0
    result = np.where(grid == counts.argmax(), grid, empty)
    bars = [bar for part in parts(result, "mixed_corners") for bar in bars_of(part)]
    others = np.argwhere((grid != empty) & (grid != counts.argmax())).tolist()
    if not bars or not others:
        return None
    for row, column in others:
        down, right = min(images_over(bars, row, column), default=(0, row, column))[1:]
        if 0 <= down < len(grid) and 0 <= right < len(grid.T):
            result[down, right] = grid[row, column]
    return result


def bars_of(part: Part) -> list[tuple[int, int, int, int]]:
    """List the long edges of its box that a part fills: axis, line, where it starts and ends."""
    (height, width), mask = part.mask.shape, part.mask
    if width > max(height, 2):
        rows = [row for row in (0, height - 1) if mask[row].all()]
        return [(0, part.top + row, part.left, part.left + width) for row in rows]
    columns = [column for column in (0, width - 1) if mask[:, column].all()]
    found = [(1, part.left + column, part.top, part.top + height) for column in columns]
    return found if height > max(width, 2) else []


def images_over(
    bars: list[tuple[int, int, int, int]], row: int, column: int
) -> list[tuple[int, int, int]]:
    """List for each bar before the cell how far it is, and the mirrored row and column."""
    found = []
    for axis, line, first, end in bars:
        if axis == 0 and first <= column < end:
            found.append((abs(row - line), 2 * line - row, column))
        if axis == 1 and first <= row < end:
            found.append((abs(column - line), row, 2 * line - column))
    return found
