"""Notations of grids that are read only if the prompt asked for them, as rows of numbers."""

import re
from collections.abc import Callable, Mapping, Sequence

from utilities.tasks.grids import COLOUR_NAMES, LONGEST_SIDE, grid_to_text
from utilities.tasks.task import Grid

_NUMBERS = {name: str(number) for number, name in enumerate(COLOUR_NAMES)} | {"gray": "5"}
_LONGEST_LINE = 12_000
"""A grid of 30 × 30 words in one line has 8,000 characters or so."""
_WORD = re.compile(r"[^\W\d_]+")
_SIZE = re.compile(
    r"[ \t>*_`]*+(\d{1,2})[ \t]*+rows?[ \t]*+(?:[×x*,]|by)?+[ \t]*+(\d{1,2})[ \t]*+columns?"
    r"[ \t*_`:.]*+",
    re.IGNORECASE,
)
_CELLS = re.compile(
    r"[ \t>*_`-]*+(\d)[ \t]*+(?:\(?[a-z]{3,8}\)?)?+[ \t*_`]*+:"
    r"((?:[ \t,;]*+\([ \t]*+\d{1,2}[ \t]*+,[ \t]*+\d{1,2}[ \t]*+\))++)[ \t,;.`]*+",
    re.IGNORECASE,
)
_CELL = re.compile(r"(\d+)[ \t]*,[ \t]*(\d+)")
_FENCE = ("```", "~~~")


def as_rows(text: str, formats: Sequence[str]) -> str:
    """The text with the grids of these formats written as rows of numbers, the rest as it is."""
    for name in formats:
        if name in _READERS:
            text = "\n".join(_READERS[name](text.split("\n")))
    return text


def _from_words(lines: list[str]) -> list[str]:
    """Lines of nothing but names of colours, and signs between them, with the numbers instead."""
    return [_numbers_of(line) if _is_of_colours(line) else line for line in lines]


def _is_of_colours(line: str) -> bool:
    words = _WORD.findall(line.lower()) if len(line) <= _LONGEST_LINE else []
    return bool(words) and all(word in _NUMBERS for word in words)


def _numbers_of(line: str) -> str:
    return _WORD.sub(lambda match: _NUMBERS[match[0].lower()], line)


def _from_coordinates(lines: list[str]) -> list[str]:
    """A line with a size, and those of colours behind it, as the grid's rows.

    Without a line of a colour it is a grid of zeros, if it stands alone in a fence. Lines of
    coordinates that make no grid are left out, since they are no rows either.
    """
    read: list[str] = []
    at = 0
    while at < len(lines):
        size = _SIZE.fullmatch(lines[at])
        end = at + 1
        while size and end < len(lines) and _CELLS.fullmatch(lines[end]):
            end += 1
        grid = _grid_of(size, lines[at + 1 : end]) if size else None
        if grid is not None and (end > at + 1 or _is_alone_in_fence(lines, at)):
            read.append(grid_to_text(grid))
        else:
            read += ["" if _CELLS.fullmatch(line) else line for line in lines[at:end]]
        at = end
    return read


def _is_alone_in_fence(lines: list[str], at: int) -> bool:
    around = (*lines[max(0, at - 1) : at], *lines[at + 1 : at + 2])
    return len(around) == 2 and all(line.strip().startswith(_FENCE) for line in around)


def _grid_of(size: re.Match[str], lines: list[str]) -> Grid | None:
    """The grid; None if a cell lies outside of it, or has two colours."""
    rows, columns = int(size[1]), int(size[2])
    if not (0 < rows <= LONGEST_SIDE and 0 < columns <= LONGEST_SIDE):
        return None
    colours: dict[tuple[int, int], int] = {}
    for line in lines:
        match = _CELLS.fullmatch(line)
        assert match is not None
        for row, column in _CELL.findall(match[2]):
            place = int(row) - 1, int(column) - 1
            inside = 0 <= place[0] < rows and 0 <= place[1] < columns
            if not inside or colours.setdefault(place, int(match[1])) != int(match[1]):
                return None
    return [[colours.get((row, column), 0) for column in range(columns)] for row in range(rows)]


_READERS: Mapping[str, Callable[[list[str]], list[str]]] = {
    "words": _from_words,
    "coordinates": _from_coordinates,
}
