"""Grids written a row a line: digits with or without blanks, lists, bullets, tables."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agents.reply_parsing.grid_candidates import (
    FoundGrid,
    Row,
    as_grid,
    counts_columns,
    read_cells,
    read_joined_cells,
    without_index,
)

_LONGEST_LINE = 400
_ROW = re.compile(
    r"[ \t]*+(?P<mark>(?:[-*+•>][ \t]+|[0-9]{1,2}[.)][ \t]+(?=[\[(]?[0-9][ \t,])"
    r"|[|│*]{0,2}[ \t]*(?:row|line|r)[ \t]*#?[0-9]{1,2}[ \t]*(?:[|│:.)=]\**[ \t]*|[ \t])"
    r"|[0-9]{1,2}[ \t]*:[ \t]*)?)"
    r"(?P<open>[\[({*`\"' \t]*)(?P<cells>(?:[|│][ \t]*)*[0-9](?:[0-9 \t,;|&│\"']*[0-9])?)"
    r"(?P<close>[\])}*`\"',;.|│\\ \t]*)(?:(?:#|//).*)?",
    re.IGNORECASE,
)
_ANSWER_ROW = re.compile(
    r"(?=[^:\n]*(?:output|answer|prediction|solution|test))(?![^:\n]*(?:size|shape|dimension))"
    r"(?P<head>[^:\n]{1,120}:[*_` \t]*)(?P<row>[\[(0-9].*)",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-|+:=─│┌┬┐├┼┤└┴┘━═║╔╦╗╠╬╣╚╩╝┃ \t]{3,}|[ \t]*\\hline[ \t]*")
_CORNER = re.compile(
    r"[ \t]*[|│](?P<corner>[^|│\n]{0,16}[^|│\n0-9 \t][^|│\n]{0,16})[|│](?P<rest>.*)"
)
_HEADING = re.compile(
    r"[ \t]*(?:#|\*\*|```|~~~|<\w+>)|.*:[ \t*_]*$"
    r"|.*\b(?:answer|output|grid|result)\b.*\b(?:is|be)[ \t]*$",
    re.IGNORECASE,
)
_OPEN_LIST = re.compile(r".*(?:[\[(]|[0-9][ \t]*[\])][ \t]*,)[ \t]*$|[ \t]*[\[(]{2}.*[0-9]")
"""A line behind which rows in brackets belong to a list that began before them."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row on its line: its offsets, how it is marked and separated, and its cells."""

    start: int
    end: int
    style: str
    cells: Row
    head: str = ""
    """What announces an answer before the row, on the same line."""


@dataclass(slots=True)
class _Block:
    """Rows of one style, one below the other, and the line before them."""

    before: str
    lines: list[_Line] = field(default_factory=list)
    is_spaced: bool = False
    """Whether a blank line stands between each two rows."""


def find_lined(text: str) -> Iterator[FoundGrid]:
    """Every block of lines that are rows of one style, in the order of the text.

    A single row or column counts only after a heading or a fence's mark: elsewhere it is a number
    of the text.
    """
    for block in _blocks(text):
        if found := _grid_of(block):
            yield found


def _blocks(text: str) -> Iterator[_Block]:
    block = _Block("")
    blanks = position = 0
    for line in text.split("\n"):
        row = _read_line(line, position)
        position += len(line) + 1
        if row and _belongs_to(row, block, blanks):
            block.is_spaced |= bool(block.lines and blanks)
            block.lines.append(row)
        elif row:
            if blanks or not counts_columns(block.lines[0].cells, [row.cells]):
                yield block
            block = _Block("", [row])
        elif _RULE.fullmatch(line) or (block.lines and not line.strip() and not blanks):
            pass  # a table's rule; or a blank line, behind which the rows may go on
        elif block.lines or line.strip():
            yield block
            block = _Block(line)
        blanks = 0 if line.strip() else blanks + 1
    yield block


def _belongs_to(row: _Line, block: _Block, blanks: int) -> bool:
    if not block.lines:
        return True
    may_be_spaced = block.is_spaced or len(block.lines) == 1
    return row.style == block.lines[0].style and (may_be_spaced if blanks else not block.is_spaced)


def _read_line(line: str, start: int) -> _Line | None:
    if len(line) > _LONGEST_LINE:
        return None
    head, row = "", line
    if labelled := _ANSWER_ROW.fullmatch(line):
        head, row = labelled["head"], labelled["row"]
    match = _ROW.fullmatch(row)
    if match is None:
        return None
    joined = read_joined_cells(match["cells"])
    cells = joined or read_cells(match["cells"])
    if cells is None:
        return None
    separators = {*match["cells"]} & {*";|│&"}
    style = (
        re.sub("[0-9]+", "0", match["mark"].strip().lower()),
        match["open"].strip(" \t\"'|"),
        "joined" if joined else "".join(sorted(separators)),
    )
    return _Line(start + len(head), start + len(line), " ".join(style), cells, head)


def _grid_of(block: _Block) -> FoundGrid | None:
    if not block.lines:
        return None
    rows = [line.cells for line in block.lines]
    first, last = block.lines[0], block.lines[-1]
    corner = _CORNER.fullmatch(block.before)
    if corner and counts_columns(read_cells(corner["rest"]), [row and row[1:] for row in rows]):
        rows = [row and row[1:] for row in rows]
    grid = as_grid(rows) or as_grid(without_index(rows))
    in_brackets = "[" in first.style or "(" in first.style
    if grid is None or (in_brackets and _OPEN_LIST.fullmatch(block.before)):
        return None
    is_line = min(len(grid), len(grid[0])) == 1
    if is_line and not first.head and not _HEADING.match(block.before):
        return None
    is_item = first.style.startswith(("- ", "* ", "+ ", "• ", "0. ", "0) "))
    return FoundGrid(
        first.start,
        last.end,
        grid,
        is_weak=in_brackets or is_item,
        needs_label=is_item or "(" in first.style or "joined" in first.style,
        needs_own_label=bool(first.head) and is_line,
    )
