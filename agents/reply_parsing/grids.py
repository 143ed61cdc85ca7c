"""The grids in a reply."""

import re

from agents.reply_parsing.grid_scanning import FoundGrid, find_bracketed, find_digit_rows
from agents.reply_parsing.markup import normalise_newlines, split_thinking
from utilities.tasks.task import Grid

_LABEL = re.compile(
    r"(?<![a-z])(?:output|test|answer|prediction|solution|input|case|grid|result)s?"
    r"[ _#:*(\[-]{0,3}([0-9]{1,2})(?![0-9]|\.[0-9]|[ \t]*+[x×])"
    # not "in case 2 cells are equal":
    r"(?![ \t]++(?!(?:output|input|grid|test|answer|solution|prediction|is|gives|becomes)\b)[a-z])",
    re.IGNORECASE,
)
_OUTPUT = re.compile(r"output|answer|prediction|solution", re.IGNORECASE)
_GIVEN = re.compile(r"(?<![a-z])(?:train|example|demonstration)", re.IGNORECASE)
_INPUT = re.compile("input", re.IGNORECASE)

_HEADING_CHARACTERS = 300
"""How far before a grid its heading is looked for."""


def extract_grids(text: str, count: int) -> tuple[Grid | None, ...]:
    """The last `count` grids of a reply, in their order; None at the end where there are fewer.

    A grid is a rectangle of single digits, 1-30 a side: bracketed rows (JSON or numpy's print;
    alone, in a list of grids or in an object; in a fence, a box or prose), or lines of spaced
    digits. What is ragged, too large, holds anything but digits, or is nested deeper than a list
    of grids is none. A single bracketed row inside a sentence, such as the citation `[[1]]`, is
    none, unless a word such as "is" or "output" leads to it; a single row or column of spaced
    digits is one only after a heading or a fence's mark.

    Where the last grid is labelled with its test input ("Output 2:", `"test_output_2"`, its index
    in a list of `count` grids), the last of each label goes to its place, and a place that has no
    grid is None; labels may count from 0. Grids headed as inputs or as train pairs are left out
    if the others suffice. `<think>` blocks count only where the visible text has no grid.
    """
    thinking, visible = split_thinking(normalise_newlines(text))
    found = _answers(visible, count) or _answers(thinking, count)
    places = {one.place: one.grid for one in found if one.place is not None}
    if found and found[-1].place is not None:
        first = 0 if 0 in places and count not in places else 1
        return tuple(places.get(place) for place in range(first, first + count))
    grids = [one.grid for one in found[max(0, len(found) - count) :]]
    return (*grids, *[None] * (count - len(grids)))


def _answers(text: str, count: int) -> list[FoundGrid]:
    """The grids of a text in their order, each with its place where it is told."""
    found = [*find_bracketed(text, count), *find_digit_rows(text)]
    grids: list[FoundGrid] = []
    answers: list[FoundGrid] = []
    previous_end = 0
    for one in sorted(found, key=lambda one: one.start):
        before = text[max(previous_end, one.start - _HEADING_CHARACTERS) : one.start]
        previous_end = max(previous_end, one.end)
        heading = _heading(before)
        is_given = _is_given(heading)
        if one.place is None and not is_given:
            one.place = _place(heading, count)
        if one.grid is not None:
            grids.append(one)
            if not is_given:
                answers.append(one)
    suffices = len(answers) >= count and answers and answers[-1] is grids[-1]
    return answers if suffices else grids


def _heading(before: str) -> str:
    """The nearest of the two last lines of words before a grid that speaks of inputs or outputs."""
    lines = [line for line in before.split("\n") if any(map(str.isalpha, line))]
    lines = [line for line in lines if not line.lstrip().startswith(("```", "~~~"))][-2:]
    patterns = (_LABEL, _OUTPUT, _INPUT, _GIVEN)
    return next((line for line in reversed(lines) if any(p.search(line) for p in patterns)), "")


def _is_given(heading: str) -> bool:
    is_input = _INPUT.search(heading) and not _OUTPUT.search(heading)
    return bool(is_input or _GIVEN.search(heading))


def _place(heading: str, count: int) -> int | None:
    labels = [int(label) for label in _LABEL.findall(heading)]
    return labels[-1] if labels and labels[-1] <= count else None
