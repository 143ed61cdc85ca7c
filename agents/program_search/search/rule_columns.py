"""The values that rules can ask for or copy: one column for each, over all cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Budget, State
from agents.program_search.search.rules import OWN, Source
from agents.program_search.transforms.registry import Array, steps_of
from agents.program_search.transforms.words import COLOURS

OTHER_PICTURES = 40
OWN_COST = 0.3
CONSTANT_COST = 0.8
COPY_COST = 0.5


class Column(NamedTuple):
    """One value for every cell of the train and test pictures, laid end to end."""

    source: Source
    cost: float
    values: Array
    is_colour: bool


def columns_of(
    base: State, others: Sequence[State], inputs: Sequence[Array], budget: Budget
) -> list[Column]:
    """Every value that the cells have, the first of those that agree everywhere."""
    shapes = [grid.shape for grid in base.grids]
    found: dict[bytes, Column] = {}

    def keep(source: Source, cost: float, grids: Sequence[Array], is_colour: bool) -> None:
        values = np.concatenate([grid.ravel() for grid in grids])
        found.setdefault(values.tobytes(), Column(source, cost, values, is_colour))

    keep(OWN, OWN_COST, base.grids, True)
    for state in others[:OTHER_PICTURES]:
        keep(Source("grid", state.steps), state.cost + 0.4, state.grids, True)
    for step in steps_of("fact", "paint"):
        if budget.left() <= 0:
            break
        for height, width in shapes:
            budget.spend(height * width * step.transform.effort)
        grids = [grid for grid in map(step.apply, base.grids) if grid is not None]
        if [grid.shape for grid in grids] == shapes:
            is_colour = step.transform.kind == "paint"
            keep(Source("picture", (step,)), step.cost, grids, is_colour)
    for step in steps_of("number"):
        numbers = [step.transform.function(grid, *step.arguments) for grid in inputs]
        budget.spend(sum(grid.size for grid in inputs))
        grids = [np.full(shape, number) for shape, number in zip(shapes, numbers, strict=True)]
        is_colour = step.transform.reads is COLOURS
        keep(Source("number", (step,)), step.cost, grids, is_colour)
    return list(found.values())


def outcomes_among(columns: Sequence[Column], target: Array) -> list[Column]:
    """What a case may take (constants, copies of colours), cheapest first."""
    size = len(columns[0].values)
    outcomes = [
        Column(Source("constant", colour=colour), CONSTANT_COST, np.full(size, colour), True)
        for colour in np.unique(target).tolist()
    ]
    for column in columns:
        if column.is_colour and (column.values[: len(target)] == target).any():
            cost = OWN_COST if column.source == OWN else column.cost + COPY_COST
            outcomes.append(column._replace(cost=cost))
    return sorted(outcomes, key=lambda column: column.cost)


def packed(flags: Array) -> Array:
    """Rows of booleans as rows of 64-bit words, the unused bits False."""
    rows, columns = flags.shape
    octets = np.zeros((rows, -(-columns // 64) * 8), np.uint8)
    octets[:, : -(-columns // 8)] = np.packbits(flags, axis=1)
    return octets.view(np.uint64)
