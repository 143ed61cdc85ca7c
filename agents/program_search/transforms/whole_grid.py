"""Numbers: one integer for the whole input grid, by which rules tell grids apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agents.program_search.transforms.perception import (
    COLOUR_SETS,
    OBJECTS,
    PANES,
    REGIONS,
    background,
    numbered,
)
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import Array, transform
from agents.program_search.transforms.words import COLOURS, YES_NO

SIDES: Mapping[str, str] = {"rows": "rows", "columns": "columns"}


@transform(
    "number",
    "how many parts of this kind the input grid has: {cut}",
    cost=1.4,
    cut=COLOUR_SETS | OBJECTS | PANES | REGIONS,
)
def part_count(grid: Array, cut: str) -> int:
    """The number of parts."""
    return int(numbered(grid, cut).max())


@transform(
    "number",
    "whether the input grid is the same when {symmetry}",
    cost=1.4,
    reads=YES_NO,
    symmetry=SYMMETRIES,
)
def is_same_when(grid: Array, symmetry: str) -> int:
    """1 where the grid has the symmetry."""
    return int(np.array_equal(turned(grid, symmetry), grid))


@transform(
    "number",
    "the {which} of the input grid",
    cost=1.3,
    reads=COLOURS,
    which={
        "commonest": "commonest colour besides background",
        "rarest": "rarest colour besides background",
        "second": "second commonest colour besides background",
        "overall": "commonest colour (background counts)",
    },
)
def grid_colour(grid: Array, which: str) -> int:
    """A colour by its number of cells; the background where there are too few."""
    counts = np.bincount(grid.ravel(), minlength=10)
    if which == "overall":
        return int(counts.argmax())
    counts[background(grid)] = 0
    inks = np.argsort(counts, kind="stable")[10 - np.count_nonzero(counts) :]
    place = {"commonest": -1, "rarest": 0, "second": -2}[which]
    return int(inks[place]) if -len(inks) <= place < len(inks) else background(grid)


@transform("number", "how many cells of the input grid are not background", cost=1.5)
def ink_count(grid: Array) -> int:
    """The number of inked cells."""
    return int((grid != background(grid)).sum())


@transform("number", "how many {side} the input grid has", cost=1.5, side=SIDES)
def side_length(grid: Array, side: str) -> int:
    """The grid's height or width."""
    return len(grid) if side == "rows" else len(grid.T)
