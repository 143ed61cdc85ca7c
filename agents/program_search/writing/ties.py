"""Test inputs in which the colours that a rule compares are equally common, as in no pair."""

import re
from collections.abc import Iterator

import numpy as np

from agents.program_search.search.rules import listing
from agents.program_search.transforms.perception import background
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.task_grids import TaskGrids

WHOLE_GRIDS = re.compile(
    r"(one cell of the|the )(commonest|rarest) colour besides background"
    r"(?= of the (?:whole|input) grid| for each|[.,;])"
)


def tie_lines(grids: TaskGrids, rule: str) -> Iterator[str]:
    """For each test input in which the commonest or rarest ink is not one, if it is in all pairs.

    `rule` is the rule in words; it must speak of the whole input.
    """
    for kind in dict.fromkeys(found[2] for found in WHOLE_GRIDS.finditer(rule)):
        if any(len(tied_inks(grid, kind)) > 1 for grid in grids.train_inputs()):
            continue
        for number, grid in enumerate(grids.inputs[grids.pairs() :], 1):
            tied = tied_inks(grid, kind)
            if len(tied) > 1:
                inks, count = listing(COLOURS[one] for one in tied), int((grid == tied[0]).sum())
                alike = f"equally {'common' if kind == 'commonest' else 'rare'}"
                yield (
                    f"- In test input {number} {inks} are {alike} ({count} cells each), as in no "
                    "pair; which of them counts is a guess."
                )


def tied_inks(grid: Array, kind: str) -> list[int]:
    """The inks of the grid that are the commonest, or the rarest."""
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 0
    inks = np.flatnonzero(counts)
    if not len(inks):
        return []
    best = counts.max() if kind == "commonest" else counts[inks].min()
    return [int(ink) for ink in inks if counts[ink] == best]
