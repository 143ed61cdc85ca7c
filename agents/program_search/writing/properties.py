"""Properties that a pair may have; an answer that lacks what all pairs have is doubtful."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from agents.program_search.transforms.perception import background
from agents.program_search.transforms.pictures import turned
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.pair_words import appears_in


def keeps_counts(given: Array, wanted: Array) -> bool:
    """Whether the output has as many cells of each colour as the input."""
    before, after = (np.bincount(grid.ravel(), minlength=10) for grid in (given, wanted))
    return given.shape == wanted.shape and np.array_equal(before, after)


def fills_background(given: Array, wanted: Array) -> bool:
    """Whether something changes, and only background does."""
    if given.shape != wanted.shape or (given == wanted).all():
        return False
    return bool((given[given != wanted] == background(given)).all())


def mirrors(way: str) -> Callable[[Array, Array], bool]:
    """Whether the output is the same when mirrored so."""

    def holds(given: Array, wanted: Array) -> bool:
        del given
        return np.array_equal(wanted, turned(wanted, way))

    return holds


def has_no_new_colour(given: Array, wanted: Array) -> bool:
    """Whether the output has only colours of the input."""
    return bool(np.isin(wanted, given).all())


def is_cut_out(given: Array, wanted: Array) -> bool:
    """Whether the output stands in the input and is smaller."""
    return given.shape != wanted.shape and appears_in(wanted, given)


def is_built_on(given: Array, wanted: Array) -> bool:
    """Whether the input stands in the output and is smaller."""
    return given.shape != wanted.shape and appears_in(given, wanted)


PROPERTIES: dict[str, Callable[[Array, Array], bool]] = {
    "the output has as many cells of each colour as the input": keeps_counts,
    "only background is filled": fills_background,
    "the output is the same when mirrored left to right": mirrors("sideways"),
    "the output is the same when mirrored top to bottom": mirrors("upright"),
    "the output has no colour that the input lacks": has_no_new_colour,
    "the output stands in the input as it is": is_cut_out,
    "the input stands in the output as it is": is_built_on,
}


def properties_lost(
    inputs: Sequence[Array], outputs: Sequence[Array], given: Array, answer: Array
) -> Iterator[str]:
    """What holds of every pair (a clause), and not of the given input with its answer."""
    for words, holds in PROPERTIES.items():
        if all(map(holds, inputs, outputs)) and not holds(given, answer):
            yield words
