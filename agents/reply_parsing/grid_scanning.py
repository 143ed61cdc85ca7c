"""Where grids stand in a text: bracketed rows and rows of spaced digits, in one pass each."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from utilities.tasks.grids import LONGEST_SIDE
from utilities.tasks.task import Grid

_BRACKET = re.compile(r"[\[\]]")
_SEPARATORS = re.compile(r"[\s,]*+")
_CELLS = re.compile(r"\s*+[0-9](?:(?:\s*+,\s*+|(?<=\s))[0-9]|\s++)*+,?\s*+")
_DIGIT_ROW = re.compile(r"[ \t]*+[0-9](?:(?:[ \t]*+,[ \t]*+|(?<=[ \t]))[0-9]|[ \t]++)*+")
_HEADING = re.compile(r"[ \t]*(?:#|\*\*|```|~~~)|.*:[ \t*_]*$")
_ANNOUNCEMENT = re.compile(
    r"^\s*(?:\d{1,2}[.)]\s*)?$|\w\($|[^\w\s.,;!?()\]]\s*$"
    r"|\b(?:is|are|be|gives?|gets?|returns?|outputs?|answers?|grids?)\s*$",
    re.IGNORECASE,
)
_ENDS_IN_A_WORD = re.compile(r"\w\s*$")
_GOES_ON = re.compile(r"[ \t]*[\w(:]")

_MOST_OPEN_BRACKETS = 64
"""Grids lie no deeper, so the outermost of more open brackets are forgotten."""
_LEAD_CHARACTERS = 60
"""How much of a line before a bracketed row is looked at."""
_NO_NESTING = 0
"""The height of a list that also holds words or numbers beside its lists."""


@dataclass(slots=True)
class FoundGrid:
    """A grid, or None for rows that make none, at its offsets in the text.

    `place` is its test input, counted from 1 (from 0 if the reply does so), where that is told.
    """

    start: int
    end: int
    grid: Grid | None
    place: int | None = None


@dataclass(slots=True)
class _Bracket:
    """An open bracket, and what has been closed inside it so far."""

    start: int
    first_found: int
    rows: list[list[int] | None] = field(default_factory=list)
    heights: set[int] = field(default_factory=set)
    only_lists: bool = True


def find_bracketed(text: str, count: int) -> list[FoundGrid]:
    """Every list of lists, with its place where it stands in a list of `count` such lists."""
    found: list[FoundGrid] = []
    opened: deque[_Bracket] = deque(maxlen=_MOST_OPEN_BRACKETS)
    position = 0
    for match in _BRACKET.finditer(text):
        between = text[position : match.start()]
        position = match.end()
        if opened and (match[0] == "[" or opened[-1].heights):
            opened[-1].only_lists &= bool(_SEPARATORS.fullmatch(between))
        if match[0] == "[":
            opened.append(_Bracket(match.start(), len(found)))
        elif opened:
            bracket = opened.pop()
            row = None if bracket.heights else _cells(between)
            height = _close(bracket, position, found, count)
            if opened:
                opened[-1].rows.append(row)
                opened[-1].heights.add(height)
            elif height == 2 and _is_citation(text, found[-1]):
                found.pop()
    return found


def _close(bracket: _Bracket, end: int, found: list[FoundGrid], count: int) -> int:
    """The height of a closed list (a row 1, a grid 2, a list of grids 3); keeps `found` in step."""
    if not bracket.heights:
        return 1
    if not bracket.only_lists or _NO_NESTING in bracket.heights:
        return _NO_NESTING
    if bracket.heights == {1}:
        found.append(FoundGrid(bracket.start, end, _as_grid(bracket.rows)))
        return 2
    if bracket.heights == {2}:
        if len(bracket.rows) == count:
            for place, one in enumerate(found[bracket.first_found :], 1):
                one.place = place
        return 3
    del found[bracket.first_found :]  # nested deeper, or rows beside grids
    return 4


def _cells(text: str) -> list[int] | None:
    if not _CELLS.fullmatch(text):
        return None
    return [int(character) for character in text if character in "0123456789"]


def _as_grid(rows: list[list[int] | None]) -> Grid | None:
    grid = [row for row in rows if row]
    whole = len(grid) == len(rows) <= LONGEST_SIDE and len(grid[0]) <= LONGEST_SIDE
    return grid if whole and all(len(row) == len(grid[0]) for row in grid) else None


def _is_citation(text: str, found: FoundGrid) -> bool:
    """Whether a bracketed single row, such as [[1]], is part of a sentence."""
    if found.grid is None or len(found.grid) > 1:
        return False
    lead = text[max(0, found.start - _LEAD_CHARACTERS) : found.start].rpartition("\n")[2]
    if not _ANNOUNCEMENT.search(lead):
        return True
    return not _ENDS_IN_A_WORD.search(lead) and bool(_GOES_ON.match(text, found.end))


def find_digit_rows(text: str) -> Iterator[FoundGrid]:
    """Every block of lines of spaced digits.

    A single row or column counts only after a heading or a fence's mark: elsewhere it is a number
    of the text.
    """
    rows: list[list[int] | None] = []
    start = position = 0
    line_before = ""
    for line in [*text.split("\n"), ""]:
        if _DIGIT_ROW.fullmatch(line):
            start = start if rows else position
            rows.append(_cells(line))
        elif rows:
            grid = _as_grid(rows)
            if grid and (min(len(grid), len(grid[0])) > 1 or _HEADING.match(line_before)):
                yield FoundGrid(start, position, grid)
            rows = []
            line_before = line
        elif line.strip():
            line_before = line
        position += len(line) + 1
