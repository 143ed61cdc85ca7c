"""Parts, counts and small pictures in words, as evidence of what a step goes by."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import Part
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.transforms.traits import main_colour
from agents.program_search.writing.grid_words import place_words

MOST_TOLD = 12
"""Of more parts, lines or marks only the first are told."""
WIDEST = 84
"""How many letters pictures side by side may take."""


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
