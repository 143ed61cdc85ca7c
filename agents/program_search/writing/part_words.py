"""The parts of a picture that a step compares, each with the trait that counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import Part, parts
from agents.program_search.transforms.pictures import missing_colour
from agents.program_search.transforms.registry import COLOURS, YES_NO, Array, Step
from agents.program_search.transforms.traits import (
    FLAGS,
    TINTS,
    Trait,
    left_column,
    top_row,
)
from agents.program_search.writing.grid_words import cells_words, place_words

PARTS_NAMED = 12
"""Of more parts only those are told that stand out."""


def part_lines(step: Step, picture: Array) -> list[str]:
    """The parts that a step compares, each with the trait that counts; [] for other steps."""
    chosen = dict(zip(step.transform.choices, step.arguments, strict=True))
    trait = next((one for one in step.arguments if callable(one)), None)
    name = step.transform.function.__name__
    if name == "part_by_colour":
        colour = chosen["colour"]

        def trait(part: Part) -> int:
            return int((part.picture == colour).sum())

        words = f"cells of {COLOURS[colour]}"
    elif trait is None or "cut" not in chosen:
        return []
    else:
        words = next(words[trait] for words in step.transform.choices.values() if trait in words)
    found = parts(picture, chosen["cut"])
    values = [trait(part) for part in found]
    head, order = "  The parts, in reading order:", list(range(len(found)))
    if len(found) > PARTS_NAMED:
        which, order = standing_out(values, name, chosen)
        head = f"  {len(order)} of the {len(found)} parts, those with the {which} values:"
    if values and isinstance(values[0], tuple):
        head = f"{head[:-1]} (of equal {words} if of one letter):"
    return [head, *(part_words(found[one], trait, words, values) for one in sorted(order))]


def standing_out(
    values: Sequence[Any], name: str, chosen: Mapping[str, Any]
) -> tuple[str, list[int]]:
    """Which values a step is after, and the numbers of the parts to tell that have them.

    Parts of one value are told all or not at all, unless they are too many.
    """
    order, way = list(range(len(values))), chosen.get("which")
    if way in ("most", "least"):
        order.sort(key=lambda number: values[number], reverse=way == "most")
        return "greatest" if way == "most" else "least", whole_groups(order, values)
    is_common = name == "commonest_part"
    first = values.index
    order.sort(key=lambda n: (values.count(values[n]) * (-1 if is_common else 1), first(values[n])))
    return "commonest" if is_common else "rarest", whole_groups(order, values)


def whole_groups(order: Sequence[int], values: Sequence[Any]) -> list[int]:
    """The first of the numbers, up to where the value changes."""
    last = PARTS_NAMED
    while last and values[order[last]] == values[order[last - 1]]:
        last -= 1
    return list(order[: last or PARTS_NAMED])


def part_words(part: Part, trait: Trait, words: str, values: Sequence[Any]) -> str:
    """Where the part lies, its colour, and its trait; looks get letters by their order."""
    value = trait(part)
    if trait in (top_row, left_column):
        value += 1  # rows and columns count from 1
    said = f"{words} {COLOURS[value] if trait in TINTS else value}"
    if isinstance(value, tuple):
        said = f"{words} {chr(ord('A') + list(dict.fromkeys(values)).index(value) % 26)}"
    elif trait in FLAGS:
        said = f"{FLAGS[trait]}: {YES_NO[bool(value)]}"
    box = place_words(part.top, part.left, part.mask.shape)
    return f"  {box}, {tint_words(part)}: {said}"


def tint_words(part: Part) -> str:
    """The colour of the part, or the one that most of its cells have, or those of equally many."""
    colours, counts = np.unique(part.picture[part.mask], return_counts=True)
    commonest = colours[counts == counts.max()].tolist()
    if len(commonest) > 1:
        return f"equally {listing((COLOURS[one] for one in commonest), 'and')}"
    return f"{'mostly ' if len(colours) > 1 else ''}{COLOURS[commonest[0]]}"


def patch_lines(step: Step, picture: Array) -> list[str]:
    """The rectangles that a step takes for missing; [] for other steps."""
    name = step.transform.function.__name__
    is_cut_out = name.startswith("hidden_by")
    hole = "background" if "background" in step.arguments else "patch"
    colour = missing_colour(picture, hole)
    if (hole not in step.arguments and not is_cut_out) or colour is None:
        return []
    if hole == "background" and not is_cut_out:
        return []
    cells = cells_words(np.flatnonzero(picture == colour).tolist(), picture.shape[1])
    return [f"  The missing cells are {COLOURS[colour]}: {cells[0].lower()}{cells[1:]}."]
