"""Panes between full lines: one of them, and what it tells the others."""

import numpy as np

from agents.program_search.transforms.perception import Part, background, lines, parts
from agents.program_search.transforms.registry import COLOURS, Array, new_paint


def pane_table(grid: Array) -> list[list[Part]] | None:
    """List the panes by row and column; None unless there are several, all of one size."""
    found = parts(grid, "panes")
    rows, sizes = len({part.top for part in found}), {part.mask.shape for part in found}
    if len(found) < 2 or len(found) % rows or len(sizes) != 1:
        return None
    width = len(found) // rows
    return [found[start : start + width] for start in range(0, len(found), width)]


def ink_of(part: Part, empty: int) -> int:
    """Count the cells of the part that are not background."""
    return int((part.picture != empty).sum())


@new_paint(
    "the colour that stands in the chosen pane {how} (the chosen pane is that with {which}; the "
    "dividing lines stay)",
    cost=1.4,
    which={
        "least": "the fewest inked cells",
        "most": "the most inked cells",
        **COLOURS,
    },
    how={
        "cells": "at the place that the cell's own pane has in the table of panes",
        "all": "at the place that the cell has in its own pane",
        "marker": "at the place that the cell has in its own pane, if that pane has in the table "
        "of panes the place of the mark in the chosen one, and else background",
    },
    unless=lambda which, how: how == "marker" and which in ("least", "most"),
)
def chosen_pane(grid: Array, which: str | int, how: str) -> Array | None:
    """Fill each pane with what the chosen one tells; None unless one pane stands out."""
    table, empty = pane_table(grid), background(grid)
    if table is None:
        return None
    found = [part for row in table for part in row]
    values = [ink_of(part, empty) for part in found]
    if which not in ("least", "most"):
        values = [int((part.picture == which).any()) for part in found]
    best = min(values) if which == "least" else max(values)
    if values.count(best) != 1:
        return None
    picture = found[values.index(best)].picture
    if how != "all" and picture.shape != (len(table), len(table[0])):
        return None
    result = np.where(lines(grid), grid, empty)
    for row, column in np.ndindex(len(table), len(table[0])):
        part = table[row][column]
        box = result[part.top : part.top + len(part.mask), part.left : part.left + len(part.mask.T)]
        if how == "cells":
            box[:] = picture[row, column]
        elif how == "all" or picture[row, column] == which:
            box[:] = picture
    return result
