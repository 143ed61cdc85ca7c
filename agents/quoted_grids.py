"""Grids that are written out in a text, whatever their notation; found, and hidden."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from agents.reply_parsing.bracketed_grids import find_bracketed
from agents.reply_parsing.grid_candidates import FoundGrid
from agents.reply_parsing.lined_grids import find_lined
from agents.reply_parsing.marked_grids import find_marked
from utilities.tasks.grids import COLOUR_NAMES
from utilities.tasks.task import Grid
from utilities.verification.labels import FEWEST_CELLS

HIDDEN = "[hidden grid]"
_BREAK = 255
"""Stands for words between cells: it is in no grid."""
_ORDINALS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last"
_TOKEN = re.compile(
    r"(?P<label>\b(?:row|line|r)[ \t]?#?[0-9]{1,2}\b[ \t]?[:.)|=]?"
    rf"|\b(?:{_ORDINALS}|[0-9]{{1,2}}(?:st|nd|rd|th))[ \t](?:row|line)\b"
    r"|^[ \t]*[0-9]{1,2}(?:[ \t]?[:)]|\.(?=[ \t]))"
    r"|\b(?:the|is|are|and|then)\b)"
    r"|(?P<cell>[0-9])|(?P<word>[^\W\d_]+)",
    re.IGNORECASE | re.MULTILINE,
)
"""A label, or a word that joins rows, stands between cells and ends no grid."""
_OTHER_NAMES = {"gray": 5, "pink": 6, "purple": 6, "fuchsia": 6, "cyan": 8, "teal": 8, "brown": 9}
_COLOURS = {name: number for number, name in enumerate(COLOUR_NAMES)} | _OTHER_NAMES


class TextWithGrids:
    """A text in which grids may be quoted."""

    def __init__(self, text: str) -> None:
        """Nothing is looked for yet."""
        self.text = text

    def places_of(self, grid: Grid) -> list[tuple[int, int]]:
        """Where the whole grid stands, as offsets of its first character and behind its last.

        A grid of 9 cells or more and of two colours or more may have any notation in which its
        cells follow each other: with or without brackets and labels of rows, digits or the names of
        colours. Others could be plain numbers of the text, so they must be written as a grid.
        """
        cells = bytes(cell for row in grid for cell in row)
        if len(cells) < FEWEST_CELLS or len(set(cells)) == 1:
            return [(one.start, one.end) for one in self._written_grids if one.grid == grid]
        return list(self._runs_of(cells))

    def without(self, grids: Iterable[Grid]) -> str:
        """The text with HIDDEN in place of each of these grids."""
        shown, end = [], 0
        for start, stop in sorted(place for grid in grids for place in self.places_of(grid)):
            if start >= end:
                shown += [self.text[end:start], HIDDEN]
            end = max(end, stop)
        return "".join([*shown, self.text[end:]])

    def _runs_of(self, cells: bytes) -> Iterator[tuple[int, int]]:
        values, starts, ends = self._cells
        at = values.find(cells)
        while at >= 0:
            yield starts[at], ends[at + len(cells) - 1]
            at = values.find(cells, at + len(cells))

    @cached_property
    def _cells(self) -> tuple[bytes, list[int], list[int]]:
        """All cells of the text in their order, with breaks between them, and their offsets."""
        values, starts, ends = bytearray(), [], []
        for token in _TOKEN.finditer(self.text):
            if token["label"]:
                continue
            word = token["word"]
            values.append(_COLOURS.get(word.lower(), _BREAK) if word else int(token["cell"]))
            starts.append(token.start())
            ends.append(token.end())
        return bytes(values), starts, ends

    @cached_property
    def _written_grids(self) -> list[FoundGrid]:
        text = self.text
        return [*find_bracketed(text, 1), *find_lined(text), *find_marked(text)]
