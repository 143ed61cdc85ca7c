"""What is seen in a pair of grids, in words: shapes, objects, panes, colours, cells that change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from agents.program_search.transforms.perception import OBJECTS, background, lines, parts
from agents.program_search.transforms.registry import Array
from agents.program_search.transforms.words import (
    COLOURS,
    colours_words,
    count_of,
    listing,
    shape_words,
)

SEEN_CUT = "one_colour_corners"
MOST_COUNTED = 12
"""More objects than that are nothing that one would count."""


def pair_words(given: Array, wanted: Array) -> str:
    """All that is seen in a pair, in one line."""
    shapes = f"{shape_words(given.shape)} becomes {shape_words(wanted.shape)}"
    return "; ".join([shapes, *part_words(given, wanted), colour_change(given, wanted)])


def proportion(inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterator[str]:
    """How many times as tall and wide one side of every pair is as the other, if it is."""
    for small, large, words in (
        (inputs, outputs, "the output is {} as the input"),
        (outputs, inputs, "the input is {} as the output"),
    ):
        ratios = {
            (*divmod(long.shape[0], short.shape[0]), *divmod(long.shape[1], short.shape[1]))
            for short, long in zip(small, large, strict=True)
        }
        down, rest, across, more = next(iter(ratios))
        if len(ratios) == 1 and not rest and not more and down * across > 1:
            sizes = [f"{down} times as tall"] if down > 1 else []
            sizes += [f"{across} times as wide"] if across > 1 else []
            yield "In every pair " + words.format(" and ".join(sizes))


def part_words(given: Array, wanted: Array) -> Iterator[str]:
    """The panes of the input, and how many objects there are before and after."""
    line = lines(given)
    if line.any() and (given[line] != background(given)).all():
        panes = count_of(len(parts(given, "panes")), "pane")
        yield f"full lines of {COLOURS[int(given[line][0])]} cut the input into {panes}"
    before, after = (len(parts(grid, SEEN_CUT)) for grid in (given, wanted))
    if 1 <= before <= MOST_COUNTED and background(given) == background(wanted):
        yield f"{count_of(before, OBJECTS[SEEN_CUT].split(' (')[0])} before, {after} after"


def colour_change(given: Array, wanted: Array) -> str:
    """What becomes of the cells (same shape) or of the colours (other shape)."""
    new = set(np.unique(wanted).tolist()) - set(np.unique(given).tolist())
    gone = set(np.unique(given).tolist()) - set(np.unique(wanted).tolist())
    texts = []
    if given.shape == wanted.shape:
        changed = given != wanted
        moves = sorted({*zip(given[changed].tolist(), wanted[changed].tolist(), strict=True)})
        words = [f"{COLOURS[old]} to {COLOURS[new]}" for old, new in moves]
        text = f"{int(changed.sum())} of {given.size} cells change"
        texts.append(f"{text} ({listing(words, most=5)})" if words else text)
    else:
        texts.append(f"the input has {colours_words(np.unique(given).tolist())}")
    if new:
        texts.append(
            f"{colours_words(new)} is new" if len(new) == 1 else f"{colours_words(new)} are new"
        )
    if gone:
        texts.append(
            f"{colours_words(gone)} disappears"
            if len(gone) == 1
            else f"{colours_words(gone)} disappear"
        )
    return "; ".join(texts)
