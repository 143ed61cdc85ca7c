"""Grids in brackets: lists of lists as in JSON, tuples, rows as strings, numpy's print."""

import re
from collections import deque
from dataclasses import dataclass, field

from agents.reply_parsing.grid_candidates import (
    FoundGrid,
    Row,
    as_grid,
    read_cells,
    read_joined_cells,
)

_BRACKET = re.compile(r"[\[\](){}]")
_SEPARATORS = re.compile(r"(?:[\s,]|\\n|#[^\n]*+\n|//[^\n]*+\n)*+")
_TUPLE = re.compile(r"[({]\s*+(?:[0-9]\s*+,|[\[({]\s*+[\"'\[({]?[0-9])")
_CLOSING = {"[": "]", "(": ")", "{": "}"}
_ROW_STRINGS = re.compile(r"\s*+(?:([\"'])[0-9][0-9 ,|]*+\1[\s,]*+)++")
_ROWS_TO_SEMICOLONS = re.compile(r"[0-9\s,]+(?:;[0-9\s,]+)+")
_ROW_STRING = re.compile(r"[\"']([0-9][0-9 ,|]*+)")
_ANNOUNCEMENT = re.compile(
    r"^\s*(?:\d{1,2}[.)]\s*)?$|\w\($|[^\w\s.,;!?()\]]\s*$"
    r"|\b(?:is|are|be|gives?|gets?|returns?|outputs?|answers?|grids?)\s*$",
    re.IGNORECASE,
)
_ENDS_IN_A_WORD = re.compile(r"\w\s*$")
_GOES_ON = re.compile(r"[ \t]*[\w(:]")

_MOST_OPEN_BRACKETS = 64
"""Grids lie no deeper, so the outermost of more open brackets are forgotten."""
_LONGEST_LEAD = 60
"""How much of a line before a bracketed row is looked at."""
_NO_NESTING = 0
"""The height of a list that also holds words or numbers beside its lists."""


@dataclass(slots=True)
class _Bracket:
    """An open bracket, and what has been closed inside it so far."""

    start: int
    first_found: int
    closing: str
    cells: Row = None
    rows: list[Row] = field(default_factory=list)
    heights: set[int] = field(default_factory=set)
    only_lists: bool = True
    is_weak: bool = False


def find_bracketed(text: str, count: int) -> list[FoundGrid]:
    """Every list of lists, with its place if it stands in a list of `count` such lists."""
    found: list[FoundGrid] = []
    opened: deque[_Bracket] = deque(maxlen=_MOST_OPEN_BRACKETS)
    position = 0
    for match in _BRACKET.finditer(text):
        opens = match[0] in "[({"
        if match[0] in "({" and not _opens_tuple(text, match.start()):
            continue
        if match[0] in ")}" and not (opened and opened[-1].closing == match[0]):
            continue
        between = text[position : match.start()]
        position = match.end()
        if opened and (opens or opened[-1].heights):
            opened[-1].only_lists &= bool(_SEPARATORS.fullmatch(between))
        if opens:
            is_weak, closing = match[0] != "[", _CLOSING[match[0]]
            opened.append(_Bracket(match.start(), len(found), closing, is_weak=is_weak))
        elif opened:
            bracket = opened.pop()
            height = _close(bracket, between, position, found, count)
            if opened:
                opened[-1].heights.add(height)
                opened[-1].rows.append(bracket.cells)
                opened[-1].is_weak |= bracket.is_weak
            elif height == 2 and _is_citation(text, found[-1]):
                found.pop()
    return found


def _opens_tuple(text: str, at: int) -> bool:
    return bool(_TUPLE.match(text, at)) and not text[at - 1 : at].isalnum()


def _close(bracket: _Bracket, between: str, end: int, found: list[FoundGrid], count: int) -> int:
    """The height of a closed list (a row 1, a grid 2, a list of grids 3); keeps `found` in step.

    `between` is what stands before its closing bracket, without its lists.
    """
    if not bracket.heights:
        rows = _rows_as_strings(between)
        if not rows:
            bracket.cells = read_cells(between)
            return 1
        grid = as_grid([read_joined_cells(each) or read_cells(each) for each in rows])
        found.append(FoundGrid(bracket.start, end, grid, is_weak=True))
        return 2
    if not bracket.only_lists or _NO_NESTING in bracket.heights:
        return _NO_NESTING
    if bracket.heights == {1}:
        found.append(FoundGrid(bracket.start, end, as_grid(bracket.rows), is_weak=bracket.is_weak))
        return 2
    if bracket.heights == {2}:
        if len(bracket.rows) == count:
            for place, one in enumerate(found[bracket.first_found :], 1):
                one.place = place
        return 3
    del found[bracket.first_found :]  # nested deeper, or rows beside grids
    return 4


def _rows_as_strings(between: str) -> list[str]:
    """The rows in a list, `"120", "021"` or `1 2 0; 0 2 1`; empty if it is a row itself."""
    if _ROWS_TO_SEMICOLONS.fullmatch(between):
        return between.split(";")
    strings = _ROW_STRING.findall(between) if _ROW_STRINGS.fullmatch(between) else []
    return strings if any(len(each.strip()) > 1 for each in strings) else []


def _is_citation(text: str, found: FoundGrid) -> bool:
    """Whether a bracketed single row, such as [[1]], is part of a sentence."""
    if found.grid is None or len(found.grid) > 1:
        return False
    lead = text[max(0, found.start - _LONGEST_LEAD) : found.start].rpartition("\n")[2]
    if not _ANNOUNCEMENT.search(lead):
        return True
    return not _ENDS_IN_A_WORD.search(lead) and bool(_GOES_ON.match(text, found.end))
