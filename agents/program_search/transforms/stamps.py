"""Stamps: an exemplar copied to where marks ask for it, and small pictures as masks."""

from typing import NamedTuple

import numpy as np

from agents.program_search.transforms.cropping import boxed
from agents.program_search.transforms.objects import cells_of
from agents.program_search.transforms.perception import (
    DIVISIONS,
    OBJECTS,
    PANES,
    Cut,
    Part,
    background,
    parts,
    plural,
)
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import Array, new_picture
from agents.program_search.transforms.traits import colour_count

KEPT = {"keep": "and keep the original", "erase": "and erase the original"}


def laid_over(grid: Array, picture: Array, top: int, left: int, empty: int) -> Array:
    """Lay the picture's ink over the grid; what leaves the grid is cut off."""
    rows, columns = np.nonzero(picture != empty)
    inside = (rows + top >= 0) & (rows + top < len(grid))
    inside &= (columns + left >= 0) & (columns + left < len(grid.T))
    result = grid.copy()
    rows, columns = rows[inside], columns[inside]
    result[rows + top, columns + left] = picture[rows, columns]
    return result


def exemplar(found: list[Part]) -> Part | None:
    """Choose the part of most colours, the largest of those; None if it is one cell or alone."""
    if not 2 <= len(found) <= 40:
        return None
    best = max(found, key=lambda one: (colour_count(one), int(one.mask.sum())))
    return best if best.mask.sum() > 1 else None


@new_picture(
    "copy the object of the most colours over every {target}, {keep}",
    cost=1.5,
    effort=6,
    target={
        "box": "object of equal height and width",
        "dot": "one-cell object, so that the middle of its box falls there",
    },
    keep=KEPT,
)
def stamped(grid: Array, target: str, keep: str) -> Array | None:
    """Copy the exemplar to each target; None if there is no exemplar or no target."""
    found, empty = parts(grid, "mixed_corners"), background(grid)
    best = exemplar(found)
    if best is None:
        return None
    height, width = best.mask.shape
    targets = [
        (one.top, one.left) if target == "box" else (one.top - height // 2, one.left - width // 2)
        for one in found
        if one is not best and one.mask.shape == ((1, 1) if target == "dot" else (height, width))
    ]
    result = grid.copy()
    if keep == "erase":
        result[cells_of(best)] = empty
    for top, left in targets:
        result = laid_over(result, best.picture, top, left, empty)
    return result if targets else None


class Marked(NamedTuple):
    """An exemplar, perhaps turned, with the places and colours of the cells that mark it."""

    picture: Array
    rows: Array
    columns: Array


def marked(picture: Array, empty: int, marks: str, turning: str) -> list[Marked]:
    """Mark the rarer or commonest ink of the exemplar, as it is or under every symmetry."""
    counts = np.bincount(picture.ravel(), minlength=10)
    counts[empty] = 0
    is_mark = picture == counts.argmax()
    if marks == "rare":
        is_mark = (picture != empty) & ~is_mark
    found = [(picture, is_mark)]
    if turning == "any":
        found += [(turned(picture, one), turned(is_mark, one)) for one in SYMMETRIES]
    return [Marked(image, *np.nonzero(flags)) for image, flags in found]


def places_of(image: Marked, grid: Array) -> list[tuple[int, int]]:
    """Find where the exemplar's corner lies wherever the grid shows all its marks."""
    colours, found = image.picture[image.rows, image.columns], []
    for row, column in np.argwhere(grid == colours[0]).tolist():
        top, left = row - int(image.rows[0]), column - int(image.columns[0])
        rows, columns = image.rows + top, image.columns + left
        inside = (rows >= 0) & (rows < len(grid)) & (columns >= 0) & (columns < len(grid.T))
        if inside.all() and (grid[rows, columns] == colours).all():
            found.append((top, left))
    return found


@new_picture(
    "copy every object of several colours to where {marks} stand elsewhere, {turning}, {keep}",
    cost=1.6,
    effort=30,
    marks={
        "rare": "its cells that are not of its commonest colour",
        "main": "its cells of its commonest colour",
    },
    turning={"same": "laid as it is", "any": "turned or mirrored as need be"},
    keep=KEPT,
)
def stamped_at_marks(grid: Array, marks: str, turning: str, keep: str) -> Array | None:
    """Copy exemplars to every place that shows all their marks; None if there is none."""
    empty, result, copies = background(grid), grid.copy(), copies_of(grid, marks, turning)
    if keep == "erase":
        for part in exemplars_of(grid):
            result[cells_of(part)] = empty
    for copy in copies:
        result = laid_over(result, copy.picture, copy.top, copy.left, empty)
    return result if copies else None


class Copy(NamedTuple):
    """An image of an exemplar (0 as it is, or the number of a symmetry), and where it is laid."""

    part: Part
    symmetry: int
    picture: Array
    top: int
    left: int


def copies_of(grid: Array, marks: str, turning: str) -> list[Copy]:
    """List where the exemplars' images are laid, one after the other."""
    empty, exemplars, ground = background(grid), exemplars_of(grid), grid.copy()
    for part in exemplars:
        ground[cells_of(part)] = empty
    return [
        Copy(part, symmetry, image.picture, top, left)
        for part in exemplars
        for symmetry, image in enumerate(marked(part.picture, empty, marks, turning))
        for top, left in places_of(image, ground)
    ]


def exemplars_of(grid: Array) -> list[Part]:
    """List the first six objects of several colours that have enough cells to be told by some."""
    found = parts(grid, "mixed_corners")
    counts = [colour_count(one) for one in found]
    return [
        one
        for one, count in zip(found, counts, strict=True)
        if 1 < count < one.mask.sum() - (count > 2)
    ][:6]


@new_picture(
    "take just the box of the ink{what} as picture S; replace {cells} of S by copies of S, and all "
    "its other cells by background of that size",
    cost=1.3,
    what={
        "box": "",
        "reduced": ", each of its square blocks of one colour made one cell,",
    },
    cells={"ink": "the inked cells", "main": "the cells of the commonest ink"},
)
def self_similar(grid: Array, what: str, cells: str) -> Array | None:
    """Use the ink's box as mask and as copy; None if the result is too large."""
    empty = background(grid)
    crop = boxed(grid, grid != empty, 0)
    if crop is None:
        return None
    if what == "reduced":
        crop = crop if (small := blocks_reduced(crop)) is None else small
    if max(crop.shape) ** 2 > 30:
        return None
    counts = np.bincount(crop.ravel(), minlength=10)
    counts[empty] = 0
    mask = crop != empty if cells == "ink" else crop == counts.argmax()
    ink = np.kron(mask * 1, np.ones(crop.shape, int))
    return np.where(ink == 1, np.tile(crop, crop.shape), empty)


def blocks_reduced(picture: Array) -> Array | None:
    """Make cells of the picture's largest square blocks of one colour; None if it has none."""
    for side in range(min(picture.shape), 1, -1):
        if picture.shape[0] % side == 0 and picture.shape[1] % side == 0:
            small = picture[::side, ::side]
            if (np.kron(small, np.ones((side, side), int)) == picture).all():
                return small
    return None


@new_picture(
    "of all {cut} take the largest as a mask for the one of the most colours: {how}",
    cost=1.4,
    effort=2,
    cut=plural(
        {
            "panes": PANES["panes"],
            "mixed_corners": OBJECTS["mixed_corners"],
            (1, 2): DIVISIONS[1, 2],
            (2, 1): DIVISIONS[2, 1],
        }
    ),
    how={
        "enlarge": "enlarge that one to the mask's size and keep what the mask's ink covers",
        "reduce": "reduce the mask to that one's size and keep what its ink covers",
        "copies": "lay a copy of the mask, in that cell's colour, for each of that one's cells",
    },
)
def coloured_mask(grid: Array, cut: Cut, how: str) -> Array | None:
    """Give the mask's ink the other picture's colours; None if their sizes are no multiples."""
    if len(parts(grid, cut)) < 2:
        return None
    small, large = mask_and_colours(grid, cut)
    mask, colours, empty = large.picture, small.picture, background(grid)
    if how == "copies":
        if empty or any(a * b > 30 for a, b in zip(mask.shape, colours.shape, strict=True)):
            return None
        return np.kron(colours, (mask != empty) * 1)
    side = len(mask) // len(colours)
    if side < 2 or (colours.shape[0] * side, colours.shape[1] * side) != mask.shape:
        return None
    if how == "reduce":
        return np.where(mask[::side, ::side] != empty, colours, empty)
    return np.where(mask != empty, np.kron(colours, np.ones((side, side), int)), empty)


def mask_and_colours(grid: Array, cut: Cut) -> tuple[Part, Part]:
    """Choose the part of the most colours, the smallest of those, and the largest other one."""
    found = parts(grid, cut)
    small = max(found, key=lambda one: (colour_count(one), -one.mask.size))
    return small, max((one for one in found if one is not small), key=lambda one: one.mask.size)
