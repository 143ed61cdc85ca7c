"""The two views of a task: its colours as they are, and renumbered by how common they are."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.program_search.search.candidates import Candidate, SearchBudget, State
from agents.program_search.search.exploration import Exploration
from agents.program_search.transforms.perception import background
from agents.program_search.transforms.registry import COLOURS, Array

SENTENCE = (
    "Renumber the colours of the grid by how common they are: 0 for the background, 1 for the "
    "commonest other colour, 2 for the next, and so on (of two as common, the one met first in "
    "reading order)."
)
BACK = "Give every number its colour back."
PLAIN = 10
"""In renumbered outputs, `PLAIN + colour` is a colour that the input does not hold."""
ORDINALS = ("", "second ", "third ", "fourth ", "fifth ", "sixth ", "seventh ", "eighth ", "ninth ")
RANKS = {COLOURS[0]: "the background (rank 0)"} | {
    COLOURS[number]: f"the {ordinal}commonest colour (rank {number})"
    for number, ordinal in enumerate(ORDINALS, 1)
}
RENUMBERING_COST = 1.0
NAMED_COLOUR = re.compile("|".join(map(re.escape, RANKS)))
PLAIN_SHARE = 0.6
"""The share of the budget for the colours as they are, if renumbering changes anything."""


def explained(
    inputs: tuple[Array, ...], outputs: tuple[Array, ...], budget: int
) -> tuple[list[Candidate], list[State]]:
    """The programs that explain the train pairs, and the first pictures made of the inputs.

    `inputs` are those of train, then test. Colours are renumbered only if that changes anything
    and no strong candidate was found with the colours as they are.
    """
    is_other = changes_anything(inputs)
    share = SearchBudget(int(budget * PLAIN_SHARE) if is_other else budget)
    plain = Exploration(inputs, outputs, share)
    candidates = plain.run()
    if is_other and not any(one.is_strong() for one in candidates):
        second = Exploration(
            tuple(map(renumbered, inputs)),
            tuple(map(renumbered_output, outputs, inputs)),
            SearchBudget(budget - share.spent),
        )
        candidates += [with_colours_back(one, inputs) for one in second.run()]
    return candidates, plain.states


def palette_of(grid: Array) -> Array:
    """List the colour of every number: by number of cells, ties by reading order; then by name.

    Numbers from 0: the background, the other colours that the grid holds, those that it does not;
    from PLAIN: the colours themselves.
    """
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[background(grid)] = 1000
    cells = grid.ravel().tolist()
    order = sorted(set(cells), key=lambda colour: (-counts[colour], cells.index(colour)))
    absent = [colour for colour in range(10) if colour not in order]
    return np.array([*order, *absent, *range(10)])


def renumbered(grid: Array) -> Array:
    """Give every colour its number in the grid's own palette."""
    return np.argsort(palette_of(grid)[:10])[grid]


def renumbered_output(output: Array, given: Array) -> Array:
    """The output in the numbers of its input's palette; PLAIN + colour for what that lacks."""
    palette = palette_of(given)
    numbers = np.argsort(palette[:10])
    held = np.isin(np.arange(10), given)
    return np.where(held[output], numbers[output], PLAIN + output)


def changes_anything(inputs: Sequence[Array]) -> bool:
    """Whether some colour gets different numbers in different grids."""
    palettes = [palette_of(grid)[: len(np.unique(grid))].tolist() for grid in inputs]
    numbered = {pair for palette in palettes for pair in enumerate(palette)}
    return len(numbered) > len({colour for _, colour in numbered})


def in_ranks(sentence: str) -> str:
    """The sentence with each colour's name replaced by the rank that its number stands for."""
    return NAMED_COLOUR.sub(lambda found: RANKS[found.group()], sentence)


def with_colours_back(candidate: Candidate, inputs: Sequence[Array]) -> Candidate:
    """A candidate of the renumbered task, its outputs in the colours of these inputs."""
    outputs = zip(candidate.outputs, inputs, strict=True)
    return replace(
        candidate,
        cost=candidate.cost + RENUMBERING_COST,
        outputs=tuple(palette_of(given)[made] for made, given in outputs),
        renumbered=True,
    )
