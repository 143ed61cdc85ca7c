"""Facts and paints about what lies nearest to a cell, and what a part touches."""

# mypy: disable-error-code="no-any-return"
# (numpy types arithmetic on arrays of any dtype as Any)
from __future__ import annotations

import numpy as np

from agents.program_search.transforms.facts import neighbourhood
from agents.program_search.transforms.paints import facing
from agents.program_search.transforms.perception import OBJECTS, REGIONS, background, numbered
from agents.program_search.transforms.registry import Array, remembered, transform
from agents.program_search.transforms.words import DIRECTIONS

SPREADS = {
    8: "counting diagonal steps as one",
    4: "going by sides only",
}


@transform(
    "fact",
    "the steps {way} to the first cell that is not background, {period}",
    cost=1.2,
    way=DIRECTIONS,
    period={0: "counted in full", 2: "counted in twos", 3: "counted in threes"},
)
def steps_to_ink(grid: Array, way: str, period: int) -> Array:
    """0 on ink, else the steps to it modulo the period (0: in full); -1 where there is none."""
    turned = facing(grid, way)
    result, last = np.full_like(turned, -1), np.full(turned.shape[1], -1)
    inked = turned != background(grid)
    for row in range(len(turned)):
        last = np.where(inked[row], 0, np.where(last >= 0, last + 1, -1))
        result[row] = last
    steps = facing(result, way)
    return np.where(steps >= 0, steps % period, -1) if period else steps


@remembered
def spread(grid: Array, neighbours: int) -> tuple[Array, Array]:
    """The colour of the nearest ink, and the steps to it; background on ties, -1 without ink."""
    empty = background(grid)
    colours, steps = grid.copy(), np.where(grid != empty, 0, -1)
    for step in range(1, max(grid.shape) * 2):
        reached = (neighbourhood(steps, neighbours) == step - 1) & (steps == -1)
        if not reached.any():
            break
        around = np.where(reached, neighbourhood(colours, neighbours), empty)
        high = np.where(around == empty, -1, around).max(0)
        low = np.where(around == empty, 10, around).min(0)
        new = reached.any(0)
        colours = np.where(new, np.where(high == low, high, empty), colours)
        steps = np.where(new, step, steps)
    return colours, steps


@transform(
    "fact",
    "the distance to the nearest cell that is not background ({spread_by}), {period}",
    cost=1.2,
    effort=8,
    spread_by=SPREADS,
    period={0: "in full", 2: "counted in twos", 3: "counted in threes"},
)
def distance_to_ink(grid: Array, spread_by: int, period: int) -> Array:
    """Steps to the nearest ink modulo the period (0: in full); -1 in a grid without ink."""
    steps = spread(grid, spread_by)[1]
    return np.where(steps >= 0, steps % period, -1) if period else steps


@transform(
    "paint",
    "the colour of the nearest cell that is not background ({spread_by}; background on a tie)",
    cost=1.2,
    effort=8,
    spread_by=SPREADS,
)
def nearest_colour(grid: Array, spread_by: int) -> Array:
    """Ink keeps its colour; background takes that of the nearest ink."""
    return spread(grid, spread_by)[0]


@transform(
    "paint",
    "the colour that most touches the {cut} it lies in (background if none does)",
    cost=1.3,
    effort=2,
    cut=OBJECTS | REGIONS,
)
def colour_beside(grid: Array, cut: str) -> Array:
    """For each part the commonest ink among the side neighbours of its cells, itself left out."""
    numbers, empty = numbered(grid, cut), background(grid)
    around, owners = neighbourhood(grid, 4), neighbourhood(numbers, 4)
    counts = np.zeros((int(numbers.max()) + 1, 10), int)
    for colours, others in zip(around, owners, strict=True):
        outside = (colours >= 0) & (colours != empty) & (others != numbers)
        np.add.at(counts, (numbers[outside], colours[outside]), 1)
    found = np.where(counts.any(1), counts.argmax(1), empty)
    return np.where(numbers > 0, found[numbers], empty)
