"""Grids in the marks of LaTeX and in strings of JSON."""

import re
from collections.abc import Iterator

from agents.reply_parsing.grid_candidates import FoundGrid, as_grid, read_cells, read_joined_cells

_ENVIRONMENT = re.compile(r"\\(begin|end)\{\w{0,12}(?:matrix|array)\}(?:\{[^{}\n]{0,80}\})?")
_ROW_END = re.compile(r"\\\\(?:\[[^\]\n]{0,12}\])?|\\hline|\\n|\n")
_BOXED = re.compile(r"\\boxed\{([0-9 \t&,\\\n]++)\}")
_STRING = re.compile(r'"([0-9][0-9 ,]*+(?:\\n[0-9][0-9 ,]*+)+)(?:\\n)?"')
_LONGEST_MATRIX = 8000


def find_marked(text: str) -> Iterator[FoundGrid]:
    """Matrices and arrays of LaTeX, boxed digits, and strings with a row between each two `\\n`."""
    begun: re.Match[str] | None = None
    for mark in _ENVIRONMENT.finditer(text):
        if begun and mark[1] == "end" and mark.start() - begun.end() < _LONGEST_MATRIX:
            yield from _rows_between(text, begun.end(), mark.start())
        begun = mark if mark[1] == "begin" else None
    for boxed in _BOXED.finditer(text):
        for found in _rows_between(text, boxed.start(1), boxed.end(1)):
            found.is_weak = True  # the box may hold a number, such as a count
            yield found
    for string in _STRING.finditer(text):
        yield from _rows_between(text, string.start(1), string.end(1))


def _rows_between(text: str, start: int, end: int) -> Iterator[FoundGrid]:
    lines = [line for line in _ROW_END.split(text[start:end]) if line.strip()]
    rows = [read_cells(line) for line in lines]
    if len(lines) > 1 and rows.count(None) == len(rows):
        rows = [read_joined_cells(line) for line in lines]
    if lines:
        yield FoundGrid(start, end, as_grid(rows))
