"""What steps on objects go by: which are copied, completed, moved or written, and where."""

from collections.abc import Iterator

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.layouts import bars_of, laying_places, moved_alone
from agents.program_search.transforms.matching import step_to
from agents.program_search.transforms.moves import nearest_place
from agents.program_search.transforms.objects import fitting
from agents.program_search.transforms.perception import Cut, background, parts, regions
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.rays import blocks_and_dots, marks_of
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.transforms.stamps import (
    blocks_reduced,
    copies_of,
    exemplar,
    exemplars_of,
    mask_and_colours,
)
from agents.program_search.transforms.summaries import objects_written, stripes_of
from agents.program_search.transforms.traits import colour_count, main_colour, rarest_colour
from agents.program_search.writing.evidence_words import (
    box_of,
    coloured_places,
    counts_words,
    first_of,
    shown_parts,
    side_by_side,
)
from agents.program_search.writing.grid_words import count_of, place_words

DIRECTION_WORDS = {(-1, 0): "up", (1, 0): "down", (0, -1): "left", (0, 1): "right"}
"""Straight steps (rows down, columns right) in words; others are slanted."""


def written_words(picture: Array, what: str | int) -> Iterator[str]:
    """The objects whose colours are written."""
    found = objects_written(picture, what)
    yield f"From left to right these are: {coloured_places(found)}."


def striped_words(picture: Array, what: str, length: str) -> Iterator[str]:
    """The objects that stripes are drawn for."""
    found, _ = stripes_of(picture, what)
    size = f", {count_of(int(found[0].mask.sum()), 'cell')}" if length == "cells" else ""
    yield f"In their order the objects are: {coloured_places(found)}{size}."


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


def exemplars_words(picture: Array, marks: str, turning: str) -> Iterator[str]:
    """The objects that are copied, how each copy is turned, and where it lies."""
    images, told = ("as it is", *SYMMETRIES.values()), dict[tuple[object, ...], str]()
    for copy in copies_of(picture, marks, turning):
        how = f"{images[copy.symmetry]}, " if turning == "any" else ""
        words = f"that at {box_of(copy.part)}, {how}with its top left corner at "
        place = copy.top, copy.left
        key = *place, copy.picture.shape, copy.picture.tobytes()
        told.setdefault(key, f"{words}({place[0] + 1}, {place[1] + 1})")
    yield f"Copied are {first_of(told.values())}."
    copied = {box_of(copy) for copy in exemplars_of(picture)}
    mixed = [one for one in parts(picture, "mixed_corners") if colour_count(one) > 1]
    others = [box for box in map(box_of, mixed) if box not in copied]
    if others:
        yield f"Not copied, for hardly more cells than colours: {first_of(others)}."


def similar_words(picture: Array, what: str) -> Iterator[str]:
    """The box of the ink, and what is made of it if its blocks become cells."""
    rows, columns = np.nonzero(picture != background(picture))
    top, left = int(rows.min()), int(columns.min())
    box = (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1)
    yield f"The box of the ink: {place_words(top, left, box)}."
    crop = picture[top : top + box[0], left : left + box[1]]
    if what == "reduced" and (small := blocks_reduced(crop)) is not None:
        yield "Picture S:"
        yield from side_by_side([small])


def boxes_words(picture: Array, cut: Cut, extent: str) -> Iterator[str]:
    """The parts with their boxes, if these are coloured."""
    if extent == "box":
        yield f"The parts, in reading order: {coloured_places(parts(picture, cut))}."


def mask_words(picture: Array, cut: Cut) -> Iterator[str]:
    """The mask and the picture that gives the colours."""
    small, large = mask_and_colours(picture, cut)
    yield f"The one of the most colours is at {box_of(small)}, the mask at {box_of(large)}:"
    yield from side_by_side([small.picture, large.picture])


def blocks_words(picture: Array, block: str) -> Iterator[str]:
    """The large objects."""
    blocks, _ = blocks_and_dots(picture, block)
    which = "large objects" if len(blocks) > 1 else "large object"
    yield f"The {which}: {coloured_places(blocks)}."


def largest_words(picture: Array, where: str) -> Iterator[str]:
    """The largest one-colour object, and where the other cells go."""
    found = parts(picture, "one_colour_corners")
    sizes = [int(one.mask.sum()) for one in found]
    best = found[sizes.index(max(sizes))]
    first = (
        "Of the largest objects the first" if sizes.count(max(sizes)) > 1 else "The largest object"
    )
    yield f"{first} is {COLOURS[main_colour(best)]} at {box_of(best)}."
    others = np.argwhere((picture != background(picture)) & (moved_alone(picture, best) != picture))
    told = list[str]()
    for row, column in others.tolist():
        down, right = nearest_place(best, row, column, int(where == "beside"))
        ways = f"({row + 1}, {column + 1}) to ({down + 1}, {right + 1})"
        told.append(f"{COLOURS[int(picture[row, column])]} goes from {ways}")
    yield f"{first_of(told)}."


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


def fragments_words(picture: Array, turning: str) -> Iterator[str]:
    """The largest object, which others are completed, how the copy is turned and where it lies."""
    found = sorted(parts(picture, "mixed_corners"), key=lambda part: -int(part.mask.sum()))
    images = {"as it is": found[0].picture}
    if turning == "any":
        images |= {words: turned(found[0].picture, way) for way, words in SYMMETRIES.items()}
    told = []
    for part in found[1:]:
        places = ((words, fitting(part, image)) for words, image in images.items())
        words, place = next((one for one in places if one[1]), ("", None))
        if place is not None:
            image, top, left = place
            box = place_words(top, left, image.shape)
            told.append(f"that at {box_of(part)} by a copy {words}, with its box at {box}")
    completed = f"Completed are: {first_of(told)}." if told else "No other is completed."
    yield f"The largest object is at {box_of(found[0])}. {completed}"


def bars_words(picture: Array) -> Iterator[str]:
    """The bars over which cells are mirrored."""
    counts = np.bincount(picture.ravel(), minlength=10)
    counts[background(picture)] = 0
    ink = int(counts.argmax())
    only = np.where(picture == ink, picture, background(picture))
    bars = [bar for part in parts(only, "mixed_corners") for bar in bars_of(part)]
    told = [
        place_words(line, start, (1, end - start))
        if axis == 0
        else place_words(start, line, (end - start, 1))
        for axis, line, start, end in bars
    ]
    yield f"The bars, in {COLOURS[ink]}, are {first_of(dict.fromkeys(told))}."


def beginnings_words(picture: Array, gap: str) -> Iterator[str]:
    """The largest object, and the step from copy to copy for each object that begins one."""
    ground = int(np.bincount(picture.ravel()).argmax())
    numbers = regions(np.where(picture == ground, -1, picture), True)
    found = [np.argwhere(numbers == number) for number in range(1, int(numbers.max()) + 1)]
    whole, *others = sorted(found, key=lambda cells: -len(cells))
    told = []
    for cells in others:
        if (step := step_to(whole, cells, gap)) is not None:
            ink = COLOURS[int(picture[tuple(cells[0])])]
            told.append(f"{far_words(*step)} (in {ink})")
    yield (
        f"The largest object is at {cells_box(whole)}. Each copy lies beyond the last by "
        f"{first_of(told)}."
    )


def cells_box(cells: Array) -> str:
    """Where the box of the cells (a list of row and column) lies."""
    top, left = cells.min(axis=0).tolist()
    height, width = (np.ptp(cells, axis=0) + 1).tolist()
    return place_words(top, left, (height, width))


def far_words(down: int, right: int) -> str:
    """How far down or up and to the right or left, in words."""
    told = [f"{abs(down)} {'down' if down > 0 else 'up'}"] if down else []
    told += [f"{abs(right)} {'right' if right > 0 else 'left'}"] if right else []
    return " and ".join(told)


def shifted_words(picture: Array, cut: str, direction: str, distance: str) -> Iterator[str]:
    """How far each part moves."""
    told = []
    for part in parts(picture, cut):
        length = part.mask.shape[direction in ("left", "right")]
        measures = {"length": length, "cells": int(part.mask.sum()), "gap": length + 1}
        told.append(f"that at {box_of(part)} by {measures[distance]}")
    yield f"The objects move {direction}: {first_of(told)}."


def ray_words(picture: Array) -> Iterator[str]:
    """The objects that send rays."""
    found = parts(picture, "one_colour_corners")
    yield f"The objects that send rays: {coloured_places(found)}."
