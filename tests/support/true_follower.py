"""A follower that does what simple traces say, and that knows no task."""

from __future__ import annotations

import re

from utilities.tasks.grids import grid_to_text
from utilities.tasks.task import Grid

_TRACE = re.compile(r"<explanation>\n(.*)\n</explanation>", re.DOTALL)
_INPUT = re.compile(r"Input \(\d+ rows? × \d+ columns?\):\n((?:[0-9 ]+(?:\n|\Z))+)")
_SENTENCE = re.compile(
    r"(?P<mirror>mirror every row)|(?P<flip>turn the grid upside down)"
    r"|(?P<transpose>make rows of the columns)|colour (?P<old>\d) becomes colour (?P<new>\d)",
    re.IGNORECASE,
)


def followed(prompt: str) -> Grid | None:
    """The input, with each sentence of the trace that is understood done to it in turn.

    None if no sentence of it is understood.
    """
    (text,) = _INPUT.findall(prompt)
    grid = [list(map(int, line.split())) for line in text.strip().splitlines()]
    (trace,) = _TRACE.findall(prompt)
    understood = False
    for sentence in _SENTENCE.finditer(trace):
        understood = True
        if sentence["mirror"]:
            grid = [row[::-1] for row in grid]
        elif sentence["flip"]:
            grid = grid[::-1]
        elif sentence["transpose"]:
            grid = [list(column) for column in zip(*grid, strict=True)]
        else:
            old, new = int(sentence["old"]), int(sentence["new"])
            grid = [[new if cell == old else cell for cell in row] for row in grid]
    return grid if understood else None


def reply_of(prompt: str) -> str:
    """What it answers."""
    grid = followed(prompt)
    if grid is None:
        return "This explanation says nothing that I could do."
    return f"I did as it says.\n\nTest output 1:\n```\n{grid_to_text(grid)}\n```"
