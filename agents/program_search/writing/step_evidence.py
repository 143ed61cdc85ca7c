"""What a step goes by on one grid: the parts, counts, centres and tiles that it finds there.

A reader must be able to do each step by hand. So EVIDENCE has, for transforms whose result does
not show how it came about, a function that tells what they look at. Its parameters are named
`picture` (before the step), `made` (after it), or like the transform's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from itertools import zip_longest

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.layouts import centre_of, laying_places, moved_alone
from agents.program_search.transforms.perception import Cut, Part, background, parts
from agents.program_search.transforms.pictures import best_image, continued, missing_colour
from agents.program_search.transforms.rays import blocks_and_dots, marks_of
from agents.program_search.transforms.registry import COLOURS, Array, Step
from agents.program_search.transforms.stamps import exemplar, exemplars_of, mask_and_colours
from agents.program_search.transforms.summaries import objects_written, stripes_of
from agents.program_search.transforms.traits import main_colour, rarest_colour
from agents.program_search.writing.grid_words import count_of, place_words, shape_words

MOST_TOLD = 12
"""Of more parts, lines or marks only the first are told."""
TABLES_SHOWN = 4
"""Of more tables of panes that change only the first are written out."""
WIDEST = 84
"""How many letters pictures side by side may take."""
DIRECTION_WORDS = {(-1, 0): "up", (1, 0): "down", (0, -1): "left", (0, 1): "right"}
"""Straight steps (rows down, columns right) in words; others are slanted."""


def evidence_lines(step: Step, picture: Array, made: Array) -> list[str]:
    """What the step goes by on this picture, of which it makes the other; [] if it is plain."""
    tell = EVIDENCE.get(step.transform.function.__name__)
    if tell is None:
        return place_lines(step, picture, made)
    chosen = dict(zip(step.transform.choices, step.arguments, strict=True))
    known = {"picture": picture, "made": made, "hole": "patch", **chosen}
    return [f"  {line}" for line in tell(*(known[name] for name in signature(tell).parameters))]


def place_lines(step: Step, picture: Array, made: Array) -> list[str]:
    """Where a picture that is cut out or cropped stands in the one before, if at one place."""
    is_cut = step.transform.sentence.startswith(("crop ", "cut out ", "drop the outermost"))
    if not is_cut or made.size == picture.size or any(np.greater(made.shape, picture.shape)):
        return []
    windows = np.lib.stride_tricks.sliding_window_view(picture, made.shape)
    places = np.argwhere((windows == made).all((2, 3))).tolist()
    if len(places) != 1:
        return []
    top, left = places[0]
    return [f"  That is {place_words(top, left, made.shape)}."]


def box_of(part: Part) -> str:
    """Where the part's box lies."""
    return place_words(part.top, part.left, part.mask.shape)


def coloured_places(found: Iterable[Part]) -> str:
    """The commonest colour of each part, and where it lies."""
    return first_of(f"{COLOURS[main_colour(one)]} at {box_of(one)}" for one in found)


def first_of(items: Iterable[str]) -> str:
    """The items, or as many of them as are told, as one clause."""
    return listing(items, most=MOST_TOLD)


def side_by_side(pictures: Sequence[Array]) -> Iterator[str]:
    """Small pictures beside each other, or below each other if they are too wide."""
    blocks = [[" ".join(map(str, row)) for row in picture.tolist()] for picture in pictures]
    while blocks:
        number, width = 1, len(blocks[0][0])
        while number < len(blocks) and width + 3 + len(blocks[number][0]) <= WIDEST:
            width += 3 + len(blocks[number][0])
            number += 1
        shown, blocks = blocks[:number], blocks[number:]
        for rows in zip_longest(*shown):
            cells = [row or " " * len(one[0]) for row, one in zip(rows, shown, strict=True)]
            yield " | ".join(cells).rstrip()


def counts_words(cells: Array) -> str:
    """How many cells there are of each colour."""
    colours, counts = np.unique(cells, return_counts=True)
    told = sorted(zip(counts.tolist(), colours.tolist(), strict=True), key=lambda one: -one[0])
    return listing(f"{COLOURS[colour]} {count}" for count, colour in told)


def axis_words(total: int, line: str) -> str:
    """The line in the middle of two lines (counted from 0) whose numbers add up to `total`."""
    first = total // 2 + 1
    return f"between {line}s {first} and {first + 1}" if total % 2 else f"{line} {first}"


def shown_parts(found: Sequence[Part], order: str) -> Iterator[str]:
    """Where the parts lie, and their pictures side by side."""
    if len(found) <= MOST_TOLD:
        yield f"The parts, {order}, are {'; '.join(map(box_of, found))}:"
        yield from side_by_side([one.picture for one in found])


def overlaid_words(picture: Array, cut: Cut) -> Iterator[str]:
    """The parts that are laid over each other."""
    yield from shown_parts(parts(picture, cut), "in reading order")


def laid_together_words(picture: Array, cut: str, by: str) -> Iterator[str]:
    """The parts, the undermost first, and the cells of them that meet."""
    found, places = laying_places(picture, cut, by) or ([], [])
    yield from shown_parts(found, "the undermost first")
    cells = [
        f"({one.top + row + 1}, {one.left + column + 1})"
        for one, (row, column) in zip(found, places, strict=True)
    ]
    meeting = tuple(max(place[axis] for place in places) + 1 for axis in (0, 1))
    yield f"Of these {first_of(cells)} meet, at {meeting} of what comes of it."


def charted_words(picture: Array, order: int) -> Iterator[str]:
    """How many cells each colour has."""
    inks, counts = np.unique(picture[picture > 0], return_counts=True)
    told = sorted(zip(inks.tolist(), counts.tolist(), strict=True), key=lambda one: one[1])[::order]
    yield f"The cells of each colour: {listing(f'{COLOURS[ink]} {count}' for ink, count in told)}."


def tallied_words(picture: Array, cut: str) -> Iterator[str]:
    """The parts that are counted, and the number of cells of each colour."""
    found = parts(picture, cut)
    yield f"That is {count_of(len(found), 'part')}: {coloured_places(found)}."
    yield from ink_words(picture)


def ink_words(picture: Array) -> Iterator[str]:
    """How many cells each colour besides background has."""
    inked = picture[picture != background(picture)]
    yield f"The cells of each colour besides background: {counts_words(inked)}."


def rings_words(picture: Array, made: Array) -> Iterator[str]:
    """The colours from the rim inwards, before and after."""
    places = range((min(picture.shape) + 1) // 2)
    before = dict.fromkeys(int(picture[place, place]) for place in places)
    after = {int(one): int(other) for one, other in zip(picture.flat, made.flat, strict=True)}
    yield f"From the rim inwards the colours are {listing(map(COLOURS.__getitem__, before))}."
    changes = (f"{COLOURS[one]} becomes {COLOURS[after[one]]}" for one in before)
    yield f"So {listing(changes)}."


def written_words(picture: Array, what: str | int) -> Iterator[str]:
    """The objects whose colours are written."""
    found = objects_written(picture, what)
    yield f"From left to right these are: {coloured_places(found)}."


def striped_words(picture: Array, what: str, length: str) -> Iterator[str]:
    """The objects that stripes are drawn for."""
    found, _ = stripes_of(picture, what)
    size = f", {count_of(int(found[0].mask.sum()), 'cell')}" if length == "cells" else ""
    yield f"In their order the objects are: {coloured_places(found)}{size}."


def sorted_words(picture: Array, line: str) -> Iterator[str]:
    """The number of inked cells in each line."""
    counts = (picture != background(picture)).sum(1 if line == "row" else 0).tolist()
    yield f"In {line} 1, 2 and so on there are {', '.join(map(str, counts))}."


def image_words(picture: Array, made: Array, symmetry: str, hole: str) -> Iterator[str]:
    """About what the image is taken, and which missing cells it does not fill."""
    missing = missing_colour(picture, hole)
    assert missing is not None, "the step applies"
    place = best_image(picture, symmetry, missing)
    assert place is not None, "the step applies"
    down, right = len(picture) - 1 + place[0], len(picture.T) - 1 + place[1]
    row, column = axis_words(down, "row"), axis_words(right, "column")
    if symmetry != "falling":
        about = {"sideways": column, "upright": row}.get(symmetry, f"{row}, {column}")
        yield f"All cells that can be compared agree about {about}."
    left = int((made == missing).sum())
    if left and hole == "patch":
        yield (
            f"{count_of(left, 'cell')} of the missing colour, {COLOURS[missing]}, cannot be filled "
            "so: the image there is missing, too, or lies outside."
        )


def tile_words(made: Array, way: str) -> Iterator[str]:
    """The tile that is repeated."""
    (height, width), (row, column) = made.shape, np.indices(made.shape)
    tall = {"rows": [height], "diagonals": [1]}.get(way, range(1, height + 1))
    wide = {"columns": [width]}.get(way, range(1, width + 1))
    for rows, columns in sorted(((a, b) for a in tall for b in wide), key=lambda ab: ab[0] * ab[1]):
        if way == "diagonals":
            tiled = made[0, :columns][(row + column) % columns]
        else:
            tiled = made[row % rows, column % columns]
        if (tiled == made).all():
            break
    if way == "diagonals":
        colours = ", ".join(map(str, made[0, :columns].tolist()))
        yield f"The rising diagonals, from the top left on, are {colours}, and so on again."
    else:
        yield f"The tile, {shape_words((rows, columns))}, with its corner at (1, 1):"
        yield from side_by_side([made[:rows, :columns]])


def hidden_tile_words(picture: Array, hole: str, way: str) -> Iterator[str]:
    """The tile with which the missing cells are filled."""
    whole = continued(picture, way, hole)
    assert whole is not None, "the step applies"
    yield from tile_words(whole, way)


def centre_words(picture: Array, cut: str, centre: str) -> Iterator[str]:
    """The centre of the grid, or of each object."""
    found = [one for one in parts(picture, "mixed_corners") if one.mask.sum() > 3]
    figures = [picture] if cut == "grid" else [moved_alone(picture, one) for one in found]
    told = []
    for number, figure in enumerate(figures):
        middle = centre_of(figure, centre)
        assert middle is not None, "the step applies"
        about = f"{axis_words(middle[0], 'row')}, {axis_words(middle[1], 'column')}"
        told.append(
            about if cut == "grid" else f"{about} for the object at {box_of(found[number])}"
        )
    yield f"The centre is {'; '.join(told[:MOST_TOLD])}."


def pane_words(picture: Array) -> Iterator[str]:
    """The colours of each pane."""
    found = parts(picture, "panes")
    if len(found) <= MOST_TOLD:
        for one in found:
            yield f"The pane at {box_of(one)} has {counts_words(one.picture)}."


def table_words(picture: Array, made: Array) -> Iterator[str]:
    """The panes as a table before and after, if each has one colour."""
    tables = []
    for grid in (picture, made):
        boxes = [
            grid[one.top : one.top + len(one.mask), one.left : one.left + len(one.mask.T)]
            for one in parts(picture, "panes")
        ]
        rows = len({one.top for one in parts(picture, "panes")})
        if all((box == box[0, 0]).all() for box in boxes):
            tables.append(np.array([box[0, 0] for box in boxes]).reshape(rows, -1))
    if len(tables) == 2:
        yield "Each pane is of one colour; as a table they are, before and after:"
        yield from side_by_side(tables)
        return
    found = parts(picture, "panes")
    rows, shown = len({one.top for one in found}), 0
    for row, column in np.ndindex(*found[0].mask.shape):
        before, after = (
            np.array([grid[one.top + row, one.left + column] for one in found]).reshape(rows, -1)
            for grid in (picture, made)
        )
        if (before != after).any() and (shown := shown + 1) <= TABLES_SHOWN:
            yield f"The cells at row {row + 1}, column {column + 1} of each pane, before and after:"
            yield from side_by_side([before, after])


def shot_words(picture: Array, way: str, source: str) -> Iterator[str]:
    """Where rays start, in which colour, and the way that they go."""
    told = []
    for part in parts(picture, "mixed_corners" if source == "rare" else "one_colour_corners"):
        for row, column, down, right in marks_of(part, source):
            ink = rarest_colour(part) if source == "rare" else main_colour(part)
            sign = 1 if way == "away" else -1
            told.append(
                f"({part.top + row + 1}, {part.left + column + 1}) going "
                f"{way_words(sign * down, sign * right)} in {COLOURS[ink]}"
            )
    yield f"The rays: from {first_of(told)}."


def way_words(down: int, right: int) -> str:
    """A step in words."""
    names = DIRECTION_WORDS.get((down, 0), ""), DIRECTION_WORDS.get((0, right), "")
    return " and ".join(filter(None, names))


def stamped_words(picture: Array, target: str) -> Iterator[str]:
    """The object that is copied, and where the targets lie."""
    found = parts(picture, "mixed_corners")
    best = exemplar(found)
    assert best is not None, "the step applies"
    wanted = (1, 1) if target == "dot" else best.mask.shape
    targets = [box_of(one) for one in found if one is not best and one.mask.shape == wanted]
    yield f"The object of the most colours is at {box_of(best)}; the others: {first_of(targets)}."


def exemplars_words(picture: Array) -> Iterator[str]:
    """The objects that are copied."""
    yield f"These are copied: the objects at {first_of(map(box_of, exemplars_of(picture)))}."


def similar_words(picture: Array) -> Iterator[str]:
    """The box of the ink."""
    rows, columns = np.nonzero(picture != background(picture))
    top, left = int(rows.min()), int(columns.min())
    box = (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    yield f"The box of the ink: {place_words(top, left, box)}."


def mask_words(picture: Array, cut: Cut) -> Iterator[str]:
    """The mask and the picture that gives the colours."""
    small, large = mask_and_colours(picture, cut)
    yield f"The one of the most colours is at {box_of(small)}, the mask at {box_of(large)}:"
    yield from side_by_side([small.picture, large.picture])


def evened_words(picture: Array, made: Array, line: str) -> Iterator[str]:
    """Whether rows or columns leave more cells as they are."""
    if line == "either":
        is_row = (made == made[:, :1]).all()
        kept = count_of(int((made == picture).sum()), "cell")
        yield f"Here {'rows' if is_row else 'columns'} do: {kept} of {picture.size} stay."


def blocks_words(picture: Array, block: str) -> Iterator[str]:
    """The large objects."""
    blocks, _ = blocks_and_dots(picture, block)
    which = "large objects" if len(blocks) > 1 else "large object"
    yield f"The {which}: {coloured_places(blocks)}."


def largest_words(picture: Array) -> Iterator[str]:
    """The largest one-colour object."""
    best = max(parts(picture, "one_colour_corners"), key=lambda one: int(one.mask.sum()))
    yield f"The largest object is {COLOURS[main_colour(best)]} at {box_of(best)}."


def side_words(picture: Array, made: Array) -> Iterator[str]:
    """The number that is read off the grid."""
    yield f"That number is {len(made) // len(picture)}."


EVIDENCE: Mapping[str, Callable[..., Iterator[str]]] = {
    "overlaid": overlaid_words,
    "laid_together": laid_together_words,
    "charted": charted_words,
    "tallied": tallied_words,
    "one_cell": ink_words,
    "rings_recoloured": rings_words,
    "written_out": written_words,
    "striped": striped_words,
    "lines_sorted": sorted_words,
    "completed": image_words,
    "hidden_by_symmetry": image_words,
    "continued": tile_words,
    "hidden_by_repetition": hidden_tile_words,
    "completed_about": centre_words,
    "one_cell_a_pane": pane_words,
    "at_panes_level": table_words,
    "shot": shot_words,
    "stamped": stamped_words,
    "stamped_at_marks": exemplars_words,
    "self_similar": similar_words,
    "coloured_mask": mask_words,
    "evened": evened_words,
    "brought_to_blocks": blocks_words,
    "moved_to_box": largest_words,
    "enlarged_by": side_words,
}
"""For each transform by name: what it goes by, in lines."""
