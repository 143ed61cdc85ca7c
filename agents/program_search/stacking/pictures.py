"""What can be made of pictures that lie on a canvas: the operations of the stacking search.

A picture knows its place, and its black cells are see-through. An edit makes a picture of a
picture, a cut makes parts of it, a choice makes a picture of parts. Beside those that are defined
here, transforms of the registry serve as edits (LIFTED). Programs carry the source of what they
use.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from math import log2
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    DIVISIONS,
    OBJECTS,
    PANES,
    Cut,
    Part,
    numbered,
    parts,
)
from agents.program_search.transforms.registry import COLOURS, REGISTRY, Array, written
from agents.program_search.transforms.traits import FLAGS, LOOKS, MEASURES, Trait, main_colour


class Picture(NamedTuple):
    """Cells, and where their top left corner lies; 0 (black) is see-through."""

    top: int
    left: int
    cells: Array


Value: TypeAlias = Picture | list[Picture]
Kind: TypeAlias = Literal["edit", "cut", "choice"]
VARIANT_COST = 0.03
"""What each bit costs that tells a choice of arguments from the others."""
TOUCH = {8: "by sides or corners", 4: "by sides"}
ROWS = {0: "", -1: " 1 row up", 1: " 1 row down", -2: " 2 rows up", 2: " 2 rows down"}
COLUMNS = {
    0: "",
    -1: " 1 column to the left",
    1: " 1 column to the right",
    -2: " 2 columns to the left",
    2: " 2 columns to the right",
}
CUTS: dict[Any, str] = {**OBJECTS, **COLOUR_SETS, **PANES, **DIVISIONS}
INKS = {number: name for number, name in COLOURS.items() if number}


class Operation(NamedTuple):
    """An operation with its arguments chosen; an edit if `lifted` sees the cells only."""

    kind: Kind
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    words: str
    cost: float
    effort: int
    """The number of passes over the cells."""
    latest: int
    """How many operations may go before it."""
    ink: int | None
    """A colour that it names."""
    lifted: bool = False

    def apply(self, value: Any) -> Any:
        """The result; None if the operation does not apply."""
        if self.lifted:
            return on_cells(value, self.function(value.cells, *self.arguments))
        return self.function(value, *self.arguments)

    def code(self, variable: str) -> str:
        """The call as a program writes it."""
        if self.lifted:
            return f"on_cells({variable}, {self.call(f'{variable}.cells')})"
        return self.call(variable)

    def call(self, variable: str) -> str:
        """The call of the function."""
        return f"{written(self.function)}({', '.join([variable, *map(written, self.arguments)])})"

    def told(self) -> tuple[str, str]:
        """Its function's name with what it does."""
        return self.function.__name__, self.words

    def functions(self) -> list[Callable[..., Any]]:
        """The functions that the call names."""
        chosen = [self.function, *filter(callable, self.arguments)]
        return [on_cells, *chosen] if self.lifted else chosen


OPERATIONS: list[Operation] = []
"""The operations that are defined here, with each choice of their arguments."""


def operation(
    kind: Kind, sentence: str, cost: float, *, effort: int = 1, latest: int = 2, **choices: Any
) -> Callable[[Any], Any]:
    """Add the decorated function with each of its choices, which the sentence has in braces."""

    def added(function: Any) -> Any:
        for arguments, words, ink, extra in variants(sentence, choices, None):
            numbers = (cost + extra, effort, latest, ink)
            OPERATIONS.append(Operation(kind, function, arguments, words, *numbers))
        return function

    return added


def variants(
    sentence: str, choices: Mapping[str, Mapping[Any, str]], most: int | None
) -> Iterator[tuple[tuple[Any, ...], str, int | None, float]]:
    """The first choices of arguments: with words, the colour that they name, and their cost."""
    combinations = list(product(*choices.values()))[:most]
    for arguments in combinations:
        chosen = dict(zip(choices, arguments, strict=True))
        words = sentence.format(**{name: choices[name][one] for name, one in chosen.items()})
        yield arguments, words, chosen.get("colour"), VARIANT_COST * log2(len(combinations))


LIFTED = {
    "only_colour": (0.8, 2, 10),
    "without_colour": (0.9, 1, 10),
    "turned": (0.9, 2, 7),
    "without_repeats": (0.8, 2, 1),
    "without_background_lines": (0.9, 2, 1),
    "fallen": (0.9, 1, 4),
    "dropped": (1.0, 0, 4),
    "joined": (0.8, 1, 3),
    "joined_diagonally": (0.8, 1, 1),
    "completed": (1.1, 0, 4),
    "continued": (1.1, 0, 12),
    "smallest_tile": (1.0, 2, 1),
    "boxes_filled": (0.9, 1, 4),
    "without_border_parts": (0.9, 0, 4),
    "one_cell": (0.9, 2, 2),
    "one_cell_a_pane": (0.9, 0, 4),
    "overlaid": (0.9, 1, 18),
    "tallied": (1.1, 2, 16),
    "lined_up": (1.1, 0, 20),
    "charted": (1.0, 0, 4),
    "nearest_colour": (1.0, 1, 2),
    "walled_in": (0.8, 1, 2),
    "between": (0.8, 1, 4),
    "lies_on": (0.9, 0, 6),
    "colour_attracted": (1.2, 0, 90),
    "hidden_by_symmetry": (1.1, 0, 4),
    "hidden_by_repetition": (1.1, 0, 4),
}
"""Transforms of the registry that serve as edits: for each its cost, how many operations may go
before it, and how many of its choices, the likeliest first, are tried."""
LEADS = {
    "picture": "{}",
    "paint": "give each cell {}",
    "fact": "draw blue (1), and nothing else, wherever this is so: {}",
}


def edits_of_registry() -> Iterator[Operation]:
    """The transforms in LIFTED with their choices."""
    for name, (cost, latest, most) in LIFTED.items():
        entry = REGISTRY[name]
        sentence = LEADS[entry.kind].format(entry.sentence.removeprefix("whether "))
        for arguments, text, ink, extra in variants(sentence, entry.choices, most):
            words = text.replace("the grid's", "its").replace("the grid", "it")
            numbers = (cost + extra, entry.effort, latest, ink)
            yield Operation("edit", entry.function, arguments, words, *numbers, lifted=True)


def on_cells(picture: Picture, cells: Array | None) -> Picture | None:
    """Put new cells in a picture's place: about its centre if they are as large, else at 0, 0."""
    if cells is None:
        return None
    (tall, wide), shape = picture.cells.shape, cells.shape
    if shape not in ((tall, wide), (wide, tall)):
        return Picture(0, 0, cells)
    return Picture(
        picture.top + (tall - shape[0]) // 2, picture.left + (wide - shape[1]) // 2, cells
    )


def whole(grid: Array) -> Picture:
    """Make the whole grid a picture in its place."""
    return Picture(0, 0, grid)


def main_ink(cells: Array) -> int:
    """Give the commonest colour but black; 0 if all is black."""
    counts = np.bincount(cells.ravel(), minlength=2)
    return int(counts[1:].argmax()) + 1 if counts[1:].any() else 0


@operation("edit", "crop to the box of its ink", 0.5)
def cut_to_ink(picture: Picture) -> Picture | None:
    """Crop to the smallest box around all that is not black; None if all is black."""
    inked = picture.cells != 0
    rows, columns = np.flatnonzero(inked.any(1)), np.flatnonzero(inked.any(0))
    if not len(rows):
        return None
    box = picture.cells[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Picture(picture.top + int(rows[0]), picture.left + int(columns[0]), box)


RAYS = {
    ((0, 1),): "to the right",
    ((0, -1),): "to the left",
    ((1, 0),): "down",
    ((-1, 0),): "up",
    ((0, 1), (0, -1)): "to both sides",
    ((1, 0), (-1, 0)): "up and down",
    ((0, 1), (0, -1), (1, 0), (-1, 0)): "in the four straight directions",
    ((1, 1),): "diagonally down and right",
    ((-1, -1),): "diagonally up and left",
    ((-1, 1),): "diagonally up and right",
    ((1, -1),): "diagonally down and left",
    ((1, 1), (-1, -1)): "along the falling diagonals",
    ((-1, 1), (1, -1)): "along the rising diagonals",
    ((1, 1), (-1, -1), (-1, 1), (1, -1)): "in the four slanted directions",
}


@operation(
    "edit",
    "carry the colour of its ink on {ways} over empty cells until other ink or the edge",
    1.0,
    effort=4,
    ways=RAYS,
)
def smeared(picture: Picture, ways: tuple[tuple[int, int], ...]) -> Picture:
    """Carry each inked cell's colour on over empty cells, up to other ink or the edge."""
    height, width = picture.cells.shape
    result = picture.cells
    for down, right in ways:
        ray = picture.cells.copy()
        for _ in range(height if down else width):
            before = ray[max(-down, 0) : height - max(down, 0)]
            before = before[:, max(-right, 0) : width - max(right, 0)]
            after = ray[max(down, 0) : height - max(-down, 0)]
            after = after[:, max(right, 0) : width - max(-right, 0)]
            carried = np.where(after == 0, before, after)
            if (carried == after).all():
                break
            after[:] = carried
        result = np.where(result == 0, ray, result)
    return picture._replace(cells=result)


@operation(
    "edit",
    "take just the empty cells that touch its ink {how}, also one cell beyond its edge, in its "
    "commonest colour",
    0.8,
    how=TOUCH,
)
def outlined(picture: Picture, how: int) -> Picture | None:
    """Draw the empty cells next to ink in the commonest ink, one cell beyond the frame too."""
    ink, (tall, wide) = main_ink(picture.cells), picture.cells.shape
    inked, near = np.pad(picture.cells != 0, 2), np.zeros((tall + 2, wide + 2), bool)
    for down, right in ((n // 3, n % 3) for n in range(9)):
        if how == 8 or 1 in (down, right):
            near |= inked[down : down + tall + 2, right : right + wide + 2]
    near &= ~inked[1:-1, 1:-1]
    return Picture(picture.top - 1, picture.left - 1, near * ink) if ink else None


@operation(
    "edit",
    "move it{down}{right}",
    0.5,
    effort=0,
    latest=1,
    down=ROWS,
    right=COLUMNS,
)
def pushed(picture: Picture, down: int, right: int) -> Picture:
    """Move the picture some rows down and some columns to the right."""
    return Picture(picture.top + down, picture.left + right, picture.cells)


@operation(
    "edit",
    "take just {what} wherever a one-cell object faces {whom} in its row or column, in the "
    "colour of that cell",
    1.1,
    effort=3,
    latest=1,
    what={
        "trail": "the cells between the two",
        "end": "the last cell before the other",
        "hit": "the cell that is faced",
    },
    whom={"any": "a larger object", "same": "a larger object of its colour"},
)
def projected(picture: Picture, what: str, whom: str) -> Picture | None:
    """Draw what single cells reach straight on of larger objects; None if nothing."""
    cells, numbers = picture.cells, numbered(picture.cells, "one_colour_corners")
    sizes = np.bincount(numbers.ravel())
    result = np.zeros_like(cells)
    for row, column in np.argwhere((sizes[numbers] == 1) & (cells != 0)).tolist()[:40]:
        ink = cells[row, column]
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            y, x, way = row + down, column + right, []
            while 0 <= y < len(cells) and 0 <= x < len(cells[0]) and not cells[y, x]:
                way.append((y, x))
                y, x = y + down, x + right
            is_hit = 0 <= y < len(cells) and 0 <= x < len(cells[0]) and sizes[numbers[y, x]] > 1
            if is_hit and (whom == "any" or cells[y, x] == ink):
                for place in {"trail": way, "end": way[-1:], "hit": [(y, x)]}[what]:
                    result[place] = ink
    return picture._replace(cells=result) if result.any() else None


@operation("cut", "cut out every {cut}", 0.4, effort=4, latest=1, cut=CUTS)
def cut_up(picture: Picture, cut: Cut) -> list[Picture] | None:
    """Cut it into its parts, in reading order; None if there are fewer than 2 or over 40."""
    found = parts(picture.cells, cut) if 2 <= numbered(picture.cells, cut).max() <= 40 else []
    places = [(picture.top + part.top, picture.left + part.left) for part in found]
    pictures = [np.where(part.mask, part.picture, 0) for part in found]
    pieces = [Picture(*place, cells) for place, cells in zip(places, pictures, strict=True)]
    return pieces or None


@operation(
    "cut",
    "cut out every region of empty cells (joined by sides), in blue (1)",
    0.6,
    effort=4,
    latest=1,
)
def black_regions(picture: Picture) -> Any:
    """Cut out the regions of black, inked; None if there are fewer than 2 or over 40."""
    return cut_up(picture._replace(cells=(picture.cells == 0) * 1), "one_colour_sides")


def seen(picture: Picture) -> Part:
    """Show the picture as the traits look at parts."""
    return Part(picture.top, picture.left, picture.cells != 0, picture.cells)


def ink(part: Part) -> int:
    """Give the commonest colour."""
    return main_ink(part.picture)


SHAPES = {ink: "commonest colour"} | {
    trait: words for trait, words in LOOKS.items() if trait is not main_colour
}
WHICH = {"most": "greatest", "least": "least"}
SHARED = {True: "another one shares", False: "no other one shares"}
HOLDING = {True: "hold", False: "do not hold"}
TRUTH = {True: "true", False: "not true"}
RANKS = {0: "first", -1: "last", 1: "second", 2: "third"}


@operation("choice", "keep those with the {which} {measure}", 0.6, which=WHICH, measure=MEASURES)
def extremes(parts: list[Picture], which: str, measure: Trait) -> Any:
    """Take the parts with the greatest or least measure, in their places."""
    values = [measure(seen(part)) for part in parts]
    best = max(values) if which == "most" else min(values)
    return together([part for part, value in zip(parts, values, strict=True) if value == best])


@operation("choice", "keep those whose {look} {truth}", 0.6, look=SHAPES, truth=SHARED)
def sharing(parts: list[Picture], look: Trait, truth: bool) -> Picture | None:
    """Take the parts whose look is shared, or is not, in their places; None if there are none."""
    looks = [look(seen(part)) for part in parts]
    kept = [part for part, one in zip(parts, looks, strict=True) if (looks.count(one) > 1) == truth]
    return together(kept) if kept else None


@operation("choice", "keep those that {truth} {colour}", 0.6, colour=INKS, truth=HOLDING)
def holding(parts: list[Picture], colour: int, truth: bool) -> Picture | None:
    """Take the parts with cells of a colour, or without; None if there are none."""
    kept = [part for part in parts if (part.cells == colour).any() == truth]
    return together(kept) if kept else None


@operation(
    "choice", "keep those for which this is {truth}: it {flag}", 0.6, truth=TRUTH, flag=FLAGS
)
def those(parts: list[Picture], truth: bool, flag: Trait) -> Picture | None:
    """Take the parts that have a property, or lack it; None if there are none."""
    kept = [part for part in parts if bool(flag(seen(part))) == truth]
    return together(kept) if kept else None


@operation("choice", "keep the {place} in reading order", 0.5, place=RANKS)
def nth(parts: list[Picture], place: int) -> Picture | None:
    """Take the part at a place of the reading order."""
    return parts[place] if place < len(parts) else None


@operation("choice", "lay them over each other in their places", 0.3)
def together(parts: list[Picture]) -> Picture:
    """Lay the parts in their places, those with less ink over those with more."""
    top, left = min(part.top for part in parts), min(part.left for part in parts)
    tall = max(part.top - top + part.cells.shape[0] for part in parts)
    wide = max(part.left - left + part.cells.shape[1] for part in parts)
    cells = np.zeros((tall, wide), int)
    for part in sorted(parts, key=lambda one: (one.cells == 0).sum() - one.cells.size):
        below = cells[part.top - top :, part.left - left :]
        below = below[: part.cells.shape[0], : part.cells.shape[1]]
        below[:] = np.where(part.cells != 0, part.cells, below)
    return Picture(top, left, cells)
