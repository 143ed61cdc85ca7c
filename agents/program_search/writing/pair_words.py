"""What pairs show, in plain words: shapes, parts, colours, and what they suggest."""

from collections.abc import Iterator, Sequence

import numpy as np

from agents.program_search.search.mosaic import table_of
from agents.program_search.search.properties import appears_in
from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import background, lines, parts
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.grid_words import (
    colours_words,
    count_of,
    place_words,
    shape_words,
)

SEEN_CUT = "one_colour_corners"
MOST_COUNTED = 12
"""The number of objects is left out if there are more than this."""
MOST_COLOURS = 5
"""To what colours change is told of at most so many."""
FEW_CELLS = 0.5
"""Pairs in which less than this share of the cells changes are said to change few."""


def suggestion(inputs: Sequence[Array], outputs: Sequence[Array]) -> str:
    """What the shapes and cells of all pairs suggest to look for; every clause is checked here."""
    pairs = list(zip(inputs, outputs, strict=True))
    if all(given.shape == wanted.shape for given, wanted in pairs):
        return same_shape_suggestion(pairs)
    is_smaller = all(wanted.size < given.size for given, wanted in pairs)
    size = "smaller than" if is_smaller else "not of the size of"
    shape = shape_words(outputs[0].shape)
    fits = all(not np.greater(wanted.shape, given.shape).any() for given, wanted in pairs)
    what = "a part of that size, or a summary" if fits else "the input carried on, or a summary"
    suggestions = (
        (
            any(len(np.unique(one)) > 1 for one in outputs)
            and all(appears_in(wanted, given) for given, wanted in pairs),
            (
                "In every pair the output stands in the input as it is, so a part is cut out. What "
                "matters is which part."
            ),
        ),
        (
            table_of(inputs, outputs),
            (
                "The output is a whole number of times as large as the input in every pair, so "
                "look for copies of the input, or for each of its cells made larger."
            ),
        ),
        (
            table_of(outputs, inputs),
            (
                "The input is a whole number of times as large as the output in every pair, so "
                "look for parts that are laid over each other, compared, or made one cell each."
            ),
        ),
        (
            all(appears_in(given, wanted) for given, wanted in pairs),
            (
                "In every pair the input stands in the output as it is, so something is added "
                "around it or beside it."
            ),
        ),
        (
            len({wanted.shape for _, wanted in pairs}) == 1 < len({one.shape for one in inputs}),
            f"Every output is {shape}, whatever the input: {what}.",
        ),
        (
            len({wanted.shape for _, wanted in pairs}) == 1 < len(pairs),
            (f"Every input is {shape_words(inputs[0].shape)}, and every output {shape}: {what}."),
        ),
        (
            True,
            f"The outputs are {size} their inputs, so their shape follows from what these hold.",
        ),
    )
    return next(text for holds, text in suggestions if holds)


def same_shape_suggestion(pairs: Sequence[tuple[Array, Array]]) -> str:
    """What pairs suggest whose shapes stay."""
    if all(is_same(given, wanted) for given, wanted in pairs):
        return "Every output is as its input. What matters is what would have to change."
    same = [
        np.array_equal(np.bincount(a.ravel(), minlength=10), np.bincount(b.ravel(), minlength=10))
        for a, b in pairs
    ]
    if all(same):
        return (
            "Each output has the shape of its input and as many cells of each colour, so cells "
            "change places. What matters is where each goes."
        )
    only_background = all(
        (given[given != wanted] == background(given)).all() for given, wanted in pairs
    )
    if only_background:
        return (
            "The shape stays and nothing that is drawn in the input changes; only background is "
            "filled. What matters is which background cells, and with what."
        )
    if all((given != wanted).mean() < FEW_CELLS for given, wanted in pairs):
        return (
            "The shape stays and most cells keep their colour. What matters is how the cells that "
            "change differ from those that stay."
        )
    return (
        "The shape stays, so each cell of the output can be decided from its place or from what "
        "stands around it in the input."
    )


def pair_words(given: Array, wanted: Array, *, says_panes: bool) -> str:
    """What a pair shows, in one line."""
    shapes = f"{shape_words(given.shape)} becomes {shape_words(wanted.shape)}"
    if given.shape == wanted.shape:
        shapes = f"{shape_words(given.shape)} before and after"
    panes = [panes_words(given)] if says_panes else []
    where = where_words(wanted, given)
    return "; ".join(
        [shapes, *panes, *where, *object_words(given, wanted), *colours(given, wanted)]
    )


def common_words(inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterator[str]:
    """What is so in all pairs: proportions, symmetry of the outputs, how colours change."""
    for small, large, words in (
        (inputs, outputs, "the output is {} as the input"),
        (outputs, inputs, "the input is {} as the output"),
    ):
        sizes = zip(table_of(small, large) or (), ("tall", "wide"), strict=False)
        times = [f"{number} times as {way}" for number, way in sizes if number > 1]
        if times:
            yield "In every pair " + words.format(" and ".join(times))
    if all(stands_at_corner(wanted, given) for given, wanted in zip(inputs, outputs, strict=True)):
        yield "In every pair the output stands at the top left corner of the input"
    for axis, way in ((1, "sideways"), (0, "upright")):
        is_flat = any(one.shape[axis] < 2 or len(np.unique(one)) < 2 for one in outputs)
        if not is_flat and all(is_same(one, turned(one, way)) for one in outputs):
            same = [is_same(one, turned(one, way)) for one in inputs]
            rest = "so is every input" if all(same) else "not every input is"
            rest = rest if any(same) else "no input is"
            yield f"Every output is the same when {SYMMETRIES[way]}; {rest}"
    if all(a.shape == b.shape for a, b in zip(inputs, outputs, strict=True)):
        yield from changes_in_common(inputs, outputs)


def changes_in_common(inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterator[str]:
    """Whether the colour alone tells what a cell becomes, and whether cells stay in their lines."""
    pairs = list(zip(inputs, outputs, strict=True))
    moves = {move for a, b in pairs for move in zip(a.flat, b.flat, strict=True)}
    if len({before for before, _ in moves}) == len(moves):
        changes = [f"{COLOURS[int(a)]} to {COLOURS[int(b)]}" for a, b in sorted(moves) if a != b]
        if changes:
            yield f"All cells of one colour change alike in all pairs: {listing(changes)}"
        return
    for line, axis in (("row", 1), ("column", 0)):
        if all(is_same(np.sort(a, axis), np.sort(b, axis)) for a, b in pairs):
            yield f"Every {line} has the same cells before and after; only their order may differ"


def stands_at_corner(small: Array, large: Array) -> bool:
    """Whether the small grid is the top left corner of the large one, and not all of it."""
    corner = large[: small.shape[0], : small.shape[1]]
    return small.shape != large.shape and is_same(corner, small)


def is_same(one: Array, other: Array) -> bool:
    """Whether the two grids are equal."""
    return bool(np.array_equal(one, other))


def where_words(small: Array, large: Array) -> Iterator[str]:
    """Where the small grid stands in the large one, if at one place only."""
    if small.shape == large.shape or not appears_in(small, large):
        return
    windows = np.lib.stride_tricks.sliding_window_view(large, small.shape)
    places = np.argwhere((windows == small).all((2, 3))).tolist()
    if len(places) == 1:
        top, left = places[0]
        yield f"the output stands in the input at {place_words(top, left, small.shape)}"


def has_panes(given: Array) -> bool:
    """Whether full lines of ink cut the grid into panes."""
    line = lines(given)
    return bool(line.any() and (given[line] != background(given)).all())


def panes_words(given: Array) -> str:
    """How many panes there are, and the colour of the lines between them."""
    panes = count_of(len(parts(given, "panes")), "pane")
    return f"full lines of {COLOURS[int(given[lines(given)][0])]} cut the input into {panes}"


def object_words(given: Array, wanted: Array) -> Iterator[str]:
    """The number of objects before and after, if they are few and sides or corners count alike."""
    before, after = (len(parts(grid, SEEN_CUT)) for grid in (given, wanted))
    by_sides = [len(parts(grid, "one_colour_sides")) for grid in (given, wanted)]
    is_plain = by_sides == [before, after] and background(given) == background(wanted) == 0
    if is_plain and 1 <= before <= MOST_COUNTED and given.shape == wanted.shape:
        yield f"{count_of(before, 'object')} of one colour before, {after} after"


def colours(given: Array, wanted: Array) -> Iterator[str]:
    """The cells that change if the shape stays, else the colours of both sides."""
    before, after = set(np.unique(given).tolist()), set(np.unique(wanted).tolist())
    if given.shape != wanted.shape:
        output = "the same" if before == after else colours_words(after)
        yield f"the input has {colours_words(before)}, the output {output}"
        return
    changed = given != wanted
    if not changed.any():
        yield "nothing changes"
        return
    moves: dict[int, set[int]] = {}
    for one, other in zip(given[changed].tolist(), wanted[changed].tolist(), strict=True):
        moves.setdefault(one, set()).add(other)
    words = [f"{COLOURS[one]} to {colours_words(moves[one])}" for one in sorted(moves)]
    told = "; ".join(words) if len(words) <= MOST_COLOURS else f"of {len(words)} colours"
    many = int(changed.sum())
    yield f"{many} of {given.size} cells change{'s' if many == 1 else ''} ({told})"
    if new := after - before:
        yield f"{colours_words(new)} {'is' if len(new) == 1 else 'are'} new"
    if gone := before - after:
        yield f"{colours_words(gone)} disappear{'s' if len(gone) == 1 else ''}"
