"""What pairs show, in plain words: shapes, parts, colours, and what they suggest."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from agents.program_search.search.mosaic import table_of
from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import OBJECTS, background, lines, parts
from agents.program_search.transforms.registry import COLOURS, Array

SEEN_CUT = "one_colour_corners"
MOST_COUNTED = 12
"""The number of objects is left out if there are more than this."""
FEW_CELLS = 0.5
"""Pairs in which at most this share of the cells changes are said to change few."""


def suggestion(inputs: Sequence[Array], outputs: Sequence[Array]) -> str:
    """What the shapes and cells of all pairs suggest to look for; every clause is checked here."""
    pairs = list(zip(inputs, outputs, strict=True))
    if all(given.shape == wanted.shape for given, wanted in pairs):
        return same_shape_suggestion(pairs)
    is_smaller = all(wanted.size < given.size for given, wanted in pairs)
    size = "smaller than" if is_smaller else "not of the size of"
    shape = shape_words(outputs[0].shape)
    suggestions = (
        (
            all(appears_in(wanted, given) for given, wanted in pairs),
            (
                "In every pair the output stands in the input as it is, so a part is cut out. What "
                "matters is which part."
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
            len({wanted.shape for _, wanted in pairs}) == 1 < len(pairs),
            f"Every output is {shape}, whatever the input: a part of that size, or a summary.",
        ),
        (
            True,
            (
                f"The outputs are {size} their inputs, so their "
                "shape must follow from what these hold."
            ),
        ),
    )
    return next(text for holds, text in suggestions if holds)


def same_shape_suggestion(pairs: Sequence[tuple[Array, Array]]) -> str:
    """What pairs suggest whose shapes stay."""
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
    if all((given != wanted).mean() <= FEW_CELLS for given, wanted in pairs):
        return (
            "The shape stays and most cells keep their colour. What matters is how the cells that "
            "change differ from those that stay."
        )
    return (
        "The shape stays, so each cell of the output can be decided from its place or from what "
        "stands around it in the input."
    )


def appears_in(small: Array, large: Array) -> bool:
    """Whether the small grid stands in the large one somewhere, as it is."""
    if small.shape[0] > large.shape[0] or small.shape[1] > large.shape[1]:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(large, small.shape)
    return bool((windows == small).all((2, 3)).any())


def pair_words(given: Array, wanted: Array) -> str:
    """What a pair shows, in one line."""
    shapes = f"{shape_words(given.shape)} becomes {shape_words(wanted.shape)}"
    return "; ".join([shapes, *part_words(given, wanted), colour_change(given, wanted)])


def proportion(inputs: Sequence[Array], outputs: Sequence[Array]) -> Iterator[str]:
    """How many times as tall and wide one side is as the other, if it is so in every pair."""
    for small, large, words in (
        (inputs, outputs, "the output is {} as the input"),
        (outputs, inputs, "the input is {} as the output"),
    ):
        sizes = zip(table_of(small, large) or (), ("tall", "wide"), strict=False)
        times = [f"{number} times as {way}" for number, way in sizes if number > 1]
        if times:
            yield "In every pair " + words.format(" and ".join(times))


def part_words(given: Array, wanted: Array) -> Iterator[str]:
    """The panes of the input, and the number of objects before and after."""
    line = lines(given)
    if line.any() and (given[line] != background(given)).all():
        panes = count_of(len(parts(given, "panes")), "pane")
        yield f"full lines of {COLOURS[int(given[line][0])]} cut the input into {panes}"
    before, after = (len(parts(grid, SEEN_CUT)) for grid in (given, wanted))
    if 1 <= before <= MOST_COUNTED and background(given) == background(wanted):
        yield f"{count_of(before, OBJECTS[SEEN_CUT].split(' (')[0])} before, {after} after"


def colour_change(given: Array, wanted: Array) -> str:
    """The cells that change if the shape stays, else the input's colours; then new and lost."""
    before, after = set(np.unique(given).tolist()), set(np.unique(wanted).tolist())
    new, gone, texts = after - before, before - after, []
    if given.shape == wanted.shape:
        changed = given != wanted
        moves = sorted({*zip(given[changed].tolist(), wanted[changed].tolist(), strict=True)})
        words = [f"{COLOURS[one]} to {COLOURS[other]}" for one, other in moves]
        text = f"{int(changed.sum())} of {given.size} cells change"
        texts.append(f"{text} ({listing(words, most=5)})" if words else text)
    else:
        texts.append(f"the input has {colours_words(before)}")
    if new:
        texts.append(f"{colours_words(new)} {'is' if len(new) == 1 else 'are'} new")
    if gone:
        texts.append(f"{colours_words(gone)} disappear{'s' if len(gone) == 1 else ''}")
    return "; ".join(texts)


def count_of(number: int, noun: str) -> str:
    """`1 cell`, `3 cells`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shape_words(shape: tuple[int, ...]) -> str:
    """Rows × columns."""
    return f"{shape[0]}×{shape[1]}"


def colours_words(colours: Iterable[int]) -> str:
    """The colours by name and number, in their order."""
    return listing(COLOURS[colour] for colour in sorted(colours))
