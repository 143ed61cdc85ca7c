"""Pictures cut out of the grid: crops, chosen parts, overlays, one cell a block or pane."""

import numpy as np

from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    DIVISIONS,
    OBJECTS,
    PANES,
    SQUARES,
    Cut,
    Part,
    background,
    parts,
    plural,
)
from agents.program_search.transforms.registry import COLOURS, Array, new_picture
from agents.program_search.transforms.traits import (
    AMOUNTS,
    FLAGS,
    LACKS,
    LOOKS,
    MEASURES,
    SIZES,
    Trait,
    look,
    measured,
    turned_shape,
    worded,
)

SPLITS = DIVISIONS | PANES | SQUARES


@new_picture("crop to the box of all that is not background", cost=0.9)
def cropped(grid: Array) -> Array | None:
    """Crop to the smallest box around the ink."""
    return boxed(grid, grid != background(grid), 0)


@new_picture(
    "crop to the box of all that is {colour}{extent}",
    cost=1.5,
    extent={0: "", 1: ", and drop its outermost ring of cells"},
    colour=COLOURS,
)
def cropped_to(grid: Array, extent: int, colour: int) -> Array | None:
    """Crop to the smallest box around one colour, with its rim (0) or without (1)."""
    return boxed(grid, grid == colour, extent)


def boxed(grid: Array, mask: Array, rim: int) -> Array | None:
    """Crop to the box of the mask without `rim` outermost rings; None if nothing is left."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return grid[rows[0] + rim : rows[-1] + 1 - rim, columns[0] + rim : columns[-1] + 1 - rim]


@new_picture(
    "cut out the {cut} that {which} {trait}{extent}",
    cost=1.2,
    cut=OBJECTS | COLOUR_SETS | PANES | DIVISIONS,
    which={
        "most": "has the greatest",
        "least": "has the least",
        "alone": "is the only one with its",
    },
    trait={**MEASURES, **AMOUNTS, **LOOKS},
    extent={"alone": "", "box": ", with all else that is in its box"},
    unless=lambda cut, which, trait, extent: (
        (which in ("most", "least") and trait not in {**MEASURES, **AMOUNTS})
        or (extent == "box" and cut in SPLITS)
        or (which == "alone" and cut in SPLITS)
    ),
)
def chosen_part(grid: Array, cut: Cut, which: str, trait: Trait, extent: str) -> Array | None:
    """Cut out the one part whose trait stands out so; None if none has it, or different ones."""
    found, values = parts(grid, cut), measured(grid, cut, trait)
    if len(found) < 2:
        return None
    ranks = [values.count(value) for value in values] if which == "alone" else values
    best = 1 if which == "alone" else (min if which == "least" else max)(ranks)
    winners = [part for part, rank in zip(found, ranks, strict=True) if rank == best]
    if len({part.picture.tobytes() for part in winners}) != 1:
        return None
    return part_picture(grid, winners[0], extent)


@new_picture(
    "cut out the {cut} whose {trait} the most others share",
    cost=1.2,
    effort=5,
    cut=OBJECTS,
    trait=worded(look, turned_shape),
)
def commonest_part(grid: Array, cut: str, trait: Trait) -> Array | None:
    """Cut out the part of the commonest trait; None if all differ or different parts tie."""
    found, values = parts(grid, cut), measured(grid, cut, trait)
    most = max(map(values.count, values), default=1)
    winners = [
        part for part, value in zip(found, values, strict=True) if values.count(value) == most
    ]
    if most == 1 or len({part.picture.tobytes() for part in winners}) != 1:
        return None
    return winners[0].picture


@new_picture(
    "cut out the {cut} that is the only one with its {trait}",
    cost=1.2,
    cut=PANES | SQUARES | DIVISIONS,
    trait={**LOOKS, **SIZES},
)
def odd_one_out(grid: Array, cut: Cut, trait: Trait) -> Array | None:
    """Cut out the one part whose trait no other part has; None if none or several have one."""
    values = measured(grid, cut, trait)
    odd = [place for place, value in enumerate(values) if values.count(value) == 1]
    return parts(grid, cut)[odd[0]].picture if len(odd) == 1 < len(values) else None


def part_picture(grid: Array, part: Part, extent: str) -> Array:
    """Cut out the part alone, or all that lies in its box."""
    height, width = part.mask.shape
    whole = grid[part.top : part.top + height, part.left : part.left + width]
    return whole if extent == "box" else part.picture


@new_picture("cut out the only {cut} that {trait}", cost=1.4, cut=OBJECTS | SPLITS, trait=FLAGS)
def part_with(grid: Array, cut: Cut, trait: Trait) -> Array | None:
    """Cut out the one part that has the property; None if none or several have it."""
    winners = [part for part in parts(grid, cut) if trait(part)]
    return winners[0].picture if len(winners) == 1 else None


@new_picture(
    "cut out the only {cut} that {trait}",
    cost=1.4,
    cut=OBJECTS | SPLITS,
    trait=LACKS,
)
def part_without(grid: Array, cut: Cut, trait: Trait) -> Array | None:
    """Cut out the one part that lacks the property; None if none or several lack it."""
    winners = [part for part in parts(grid, cut) if not trait(part)]
    return winners[0].picture if len(winners) == 1 else None


@new_picture(
    "cut out the {cut} with {which} cells of {colour}",
    cost=1.6,
    cut=SPLITS | {name: OBJECTS[name] for name in ("mixed_corners", "mixed_sides")},
    which={"most": "the most", "least": "the fewest"},
    colour=COLOURS,
)
def part_by_colour(grid: Array, cut: Cut, which: str, colour: int) -> Array | None:
    """Cut out the one part with most or fewest cells of a colour; None on a tie."""
    found = parts(grid, cut)
    counts = [int((part.picture == colour).sum()) for part in found]
    best = (max if which == "most" else min)(counts, default=0)
    return found[counts.index(best)].picture if counts.count(best) == 1 < len(found) else None


@new_picture(
    "cut out the {number} {cut}, in reading order",
    cost=1.0,
    number={0: "first", 1: "second", 2: "third", 3: "fourth", -1: "last"},
    cut=SPLITS | OBJECTS,
)
def part_at(grid: Array, number: int, cut: Cut) -> Array | None:
    """Cut out the n-th part in reading order."""
    found = parts(grid, cut)
    return found[number].picture if number < len(found) > 1 else None


@new_picture(
    "lay all {cut} over each other, background see-through, {order} one uppermost",
    cost=1.4,
    cut=plural(SPLITS),
    order={"last": "the last", "first": "the first"},
)
def overlaid(grid: Array, cut: Cut, order: str) -> Array | None:
    """Lay the parts on top of each other, background clear; None if their sizes differ."""
    pictures = [part.picture for part in parts(grid, cut)]
    if len(pictures) < 2 or len({picture.shape for picture in pictures}) > 1:
        return None
    if order == "first":
        pictures.reverse()
    result = pictures[0]
    for picture in pictures[1:]:
        result = np.where(picture != background(grid), picture, result)
    return result


@new_picture(
    "cut out the smallest tile of which the grid is a whole number of copies", cost=1.1, effort=3
)
def smallest_tile(grid: Array) -> Array | None:
    """Cut out the smallest tile of which the grid is made; None if only itself."""
    height, width = grid.shape
    tall = [rows for rows in range(1, height + 1) if height % rows == 0]
    wide = [columns for columns in range(1, width + 1) if width % columns == 0]
    for rows, columns in sorted(((a, b) for a in tall for b in wide), key=lambda ab: ab[0] * ab[1]):
        tile = grid[:rows, :columns]
        if (np.tile(tile, (height // rows, width // columns)) == grid).all():
            return tile if tile.size < grid.size else None
    return None


@new_picture(
    "make each pane between the full lines one cell: {content}",
    cost=1.4,
    effort=8,
    content={
        "main": "its commonest colour",
        "rare": "its rarest colour",
        "any": "its commonest colour besides background (background if it has none)",
        "count": "the colour whose number is the count of its inked cells",
    },
)
def one_cell_a_pane(grid: Array, content: str) -> Array | None:
    """Make one cell of each pane; None if the panes are no full table."""
    found, empty = parts(grid, "panes"), background(grid)
    rows = len({part.top for part in found})
    if len(found) < 2 or len(found) % rows:
        return None
    counts = [np.bincount(part.picture.ravel(), minlength=10) for part in found]
    inks = [np.where(np.arange(10) == empty, 0, count) for count in counts]
    cells = {
        "main": [count.argmax() for count in counts],
        "rare": [np.where(count > 0, count, 999).argmin() for count in counts],
        "any": [ink.argmax() if ink.any() else empty for ink in inks],
        "count": [min(ink.sum(), 9) for ink in inks],
    }[content]
    return np.array(cells).reshape(rows, -1)


@new_picture(
    "make each {block} block one cell: its commonest colour{ground}",
    cost=1.4,
    ground={"out": " besides background (background if it has none)", "in": ""},
    block={(n, n): f"{n}×{n}" for n in range(2, 11)}
    | {(1, 2): "1×2", (2, 1): "2×1", (1, 3): "1×3", (3, 1): "3×1"},
)
def one_cell_a_block(grid: Array, ground: str, block: tuple[int, int]) -> Array | None:
    """Make one cell of each block; None if the sides are no multiples."""
    (height, width), (tall, wide), empty = grid.shape, block, background(grid)
    if height % tall or width % wide:
        return None
    blocks = grid.reshape(height // tall, tall, width // wide, wide).swapaxes(1, 2)
    flat = blocks.reshape(height // tall, width // wide, -1)
    counts = np.stack([(flat == colour).sum(-1) for colour in range(10)], -1)
    if ground == "out":
        counts[..., empty] = 0
    return np.where(counts.any(-1), counts.argmax(-1), empty)


@new_picture(
    "keep the top left {rows}×{columns} corner",
    cost=1.3,
    rows={n: str(n) for n in range(1, 7)},
    columns={n: str(n) for n in range(1, 7)},
)
def corner(grid: Array, rows: int, columns: int) -> Array | None:
    """Keep the first rows and columns of the grid."""
    fits = rows <= grid.shape[0] and columns <= grid.shape[1]
    return grid[:rows, :columns] if fits else None
