"""The grids in a reply."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.reply_parsing.bracketed_grids import find_bracketed
from agents.reply_parsing.grid_labels import Label, begins_with_label, label_of, lists_cells
from agents.reply_parsing.lined_grids import find_lined
from agents.reply_parsing.marked_grids import find_marked
from agents.reply_parsing.markup import (
    clean_characters,
    normalise_newlines,
    split_thinking,
    with_tags_on_lines,
)
from agents.reply_parsing.notations import as_rows
from utilities.tasks.task import Grid

_HEADING_CHARACTERS = 300
"""How far before a grid its heading is looked for."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A grid that may be an answer."""

    grid: Grid
    label: Label
    is_weak: bool
    stands_alone: bool
    """Whether it begins its line."""


def extract_grids(text: str, count: int, formats: Sequence[str] = ()) -> tuple[Grid | None, ...]:
    """The grid for each of `count` test inputs; None for those without one.

    A grid is a rectangle of single digits, 1-30 a side, in brackets, a row a line, or in LaTeX
    (see the finders). Ragged rows, larger sizes and other characters make no grid. Lists of cells
    are left out, and so are grids whose heading says that they are inputs or of train pairs.
    Some forms could also be coordinates or plain numbers. They count only if the text has no
    plainer grid, or if an answer's heading stands above them.

    Grids labelled as answers ("Test output 2:", `"test_output_2"`, "Answer B") go to their places,
    of each label the last; labels may count from 0. Without such labels these are the last `count`
    grids in their order; a list of `count` grids, or labels such as "Output 2:", tell places too
    if the last grid has one. `<think>` blocks count only if the visible text has no grid.

    `formats` are those that the prompt showed grids in (see `notations`).
    """
    plain = with_tags_on_lines(clean_characters(normalise_newlines(text)))
    thinking, visible = split_thinking(as_rows(plain, formats))
    found = _answers(visible, count) or _answers(thinking, count)
    placed = [one for one in found if one.label.place is not None]
    places = {one.label.place: one for one in placed}
    answers = {one.label.place: one for one in placed if one.label.is_answer}
    first = 0 if 0 in places and count not in places else 1
    if answers:
        has_places = not _ends_in_order(found, [*answers.values()], count, first)
    else:
        has_places = bool(found) and found[-1].label.place is not None
    if has_places:
        chosen = places | answers
        return tuple(
            chosen[at].grid if at in chosen else None for at in range(first, first + count)
        )
    grids = [one.grid for one in found[max(0, len(found) - count) :]]
    return (*grids, *[None] * (count - len(grids)))


def _ends_in_order(found: list[_Answer], answers: list[_Answer], count: int, first: int) -> bool:
    """Whether the last `count` grids hold all labelled answers, each at its place.

    The others of them are answers without a label, which begin their lines.
    """
    tail = found[max(0, len(found) - count) :]
    return (
        len(tail) == count
        and all(one in tail for one in answers)
        and all(
            one.label.place == place or (one.label.place is None and one.stands_alone)
            for place, one in enumerate(tail, first)
        )
    )


def _answers(text: str, count: int) -> list[_Answer]:
    """The grids of a text that may be answers, in their order; if there are none, its inputs."""
    grids = _labelled(text, count)
    answers = [one for one in grids if not one.label.is_input] or grids
    plain = [one for one in answers if one.label.is_answer or not one.is_weak]
    return plain or answers


def _labelled(text: str, count: int) -> list[_Answer]:
    """All grids of a text in their order, but those of train pairs and lists of cells."""
    found = [*find_bracketed(text, count), *find_lined(text), *find_marked(text)]
    labelled: list[_Answer] = []
    previous: Label | None = None
    end = 0
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.start < end:  # the same lines in another form
            continue
        lead = text[max(end, one.start - _HEADING_CHARACTERS) : one.start]
        on_line = lead.rpartition("\n")[2]
        label = label_of(on_line if one.needs_own_label else lead, count, previous)
        if one.place is not None:
            label = replace(label, place=one.place, is_input=False)
        if one.needs_label and not (label.is_answer or label.is_output):
            continue
        if one.needs_own_label and not (label.is_answer and begins_with_label(on_line)):
            continue
        previous, end = label, one.end
        if one.grid and not label.is_given and not lists_cells(on_line):
            stands_alone = not any(map(str.isalpha, on_line))
            labelled.append(_Answer(one.grid, label, one.is_weak, stands_alone))
    return labelled
