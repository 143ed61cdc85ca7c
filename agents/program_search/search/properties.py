"""What all pairs of a task have in common; an answer that lacks it is hardly ever right.

Of the answers that came after the first on ARC-1 training, none that broke one of these properties
was right (memory_bank/decisions.md).
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

import numpy as np

from agents.program_search.transforms.perception import background
from agents.program_search.transforms.pictures import turned
from agents.program_search.transforms.registry import COLOURS, Array

Property = Callable[[Array, Array], Hashable]
"""What a pair has: True, or a tuple of colours; None if there is nothing of the kind."""


def appears_in(small: Array, large: Array) -> bool:
    """Whether the small grid stands in the large one somewhere, as it is."""
    if small.shape[0] > large.shape[0] or small.shape[1] > large.shape[1]:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(large, small.shape)
    return bool((windows == small).all((2, 3)).any())


def colours_in(cells: Array) -> tuple[int, ...]:
    """The colours of the cells, in their order."""
    return tuple(np.unique(cells).tolist())


def is_changed(given: Array, wanted: Array) -> Hashable:
    """True if the two differ."""
    return not np.array_equal(given, wanted) or None


def keeps_counts(given: Array, wanted: Array) -> Hashable:
    """True if the output has as many cells of each colour as the input."""
    before, after = (np.bincount(grid.ravel(), minlength=10) for grid in (given, wanted))
    return (given.shape == wanted.shape and np.array_equal(before, after)) or None


def keeps_ink_count(given: Array, wanted: Array) -> Hashable:
    """True if the output has as many inked cells as the input."""
    empty = background(given)
    return int((given != empty).sum()) == int((wanted != empty).sum()) or None


def keeps_lines(axis: int) -> Property:
    """True if every line has the same cells before and after."""

    def holds(given: Array, wanted: Array) -> Hashable:
        if given.shape != wanted.shape:
            return None
        return bool((np.sort(given, axis) == np.sort(wanted, axis)).all()) or None

    return holds


def keeps_ink(given: Array, wanted: Array) -> Hashable:
    """True if no ink becomes background."""
    if given.shape != wanted.shape:
        return None
    empty = background(given)
    return not ((given != empty) & (wanted == empty)).any() or None


def fills_background(given: Array, wanted: Array) -> Hashable:
    """True if something changes, and only background does."""
    if given.shape != wanted.shape or (given == wanted).all():
        return None
    return bool((given[given != wanted] == background(given)).all()) or None


def has_no_background(given: Array, wanted: Array) -> Hashable:
    """True if the output has no cell of the input's background."""
    return bool((wanted != background(given)).all()) or None


def is_image(way: str) -> Property:
    """True if the output is the same when mirrored or turned so."""

    def holds(given: Array, wanted: Array) -> Hashable:
        del given
        return bool(np.array_equal(wanted, turned(wanted, way))) or None

    return holds


def is_built_on(given: Array, wanted: Array) -> Hashable:
    """True if the input stands in the output and is smaller."""
    return (given.shape != wanted.shape and appears_in(given, wanted)) or None


def colours_before(given: Array, wanted: Array) -> Hashable:
    """The colours of the cells that change."""
    return colours_in(given[given != wanted]) if given.shape == wanted.shape else None


def colours_after(given: Array, wanted: Array) -> Hashable:
    """The colours that cells take."""
    return colours_in(wanted[given != wanted]) if given.shape == wanted.shape else None


def colours_gone(given: Array, wanted: Array) -> Hashable:
    """The colours of the input that the output lacks."""
    return tuple(sorted({*colours_in(given)} - {*colours_in(wanted)}))


def colours_new(given: Array, wanted: Array) -> Hashable:
    """The colours of the output that the input lacks."""
    return tuple(sorted({*colours_in(wanted)} - {*colours_in(given)}))


def colours_shown(given: Array, wanted: Array) -> Hashable:
    """The colours of the output."""
    del given
    return colours_in(wanted)


PROPERTIES: dict[str, Property] = {
    "something changes": is_changed,
    "the output has as many cells of each colour as the input": keeps_counts,
    "the output has as many inked cells as the input": keeps_ink_count,
    "every row has the same cells before and after": keeps_lines(1),
    "every column has the same cells before and after": keeps_lines(0),
    "only background is filled": fills_background,
    "no ink becomes background": keeps_ink,
    "the output has no background": has_no_background,
    "the output is the same when mirrored left to right": is_image("sideways"),
    "the output is the same when turned by half a turn": is_image("half_turn"),
    "the input stands in the output as it is": is_built_on,
    "the colours of the cells that change are {}": colours_before,
    "the colours that cells take are {}": colours_after,
    "the colours of the input that the output lacks are {}": colours_gone,
    "the colours of the output that the input lacks are {}": colours_new,
    "the colours of the output are {}": colours_shown,
}
"""In words, with braces for the colours, and how to tell it of a pair."""


def properties_of(inputs: Sequence[Array], outputs: Sequence[Array]) -> dict[str, Hashable]:
    """What all pairs have in common, by the words for it; one pair has nothing in common."""
    common = dict[str, Hashable]()
    for words, told in PROPERTIES.items() if len(outputs) > 1 else ():
        values = {told(*pair) for pair in zip(inputs, outputs, strict=False)}
        if len(values) == 1 and None not in values:
            common[words] = values.pop()
    return common


def broken(common: Mapping[str, Hashable], given: Array, answer: Array) -> Iterator[str]:
    """What the given input with its answer has not in common with the pairs, as clauses."""
    for words, value in common.items():
        if PROPERTIES[words](given, answer) != value:
            colours = value if isinstance(value, tuple) else ()
            yield words.format(" and ".join(COLOURS[one] for one in colours) or "none")
