"""The stacking search: a search of another kind beside that for rules, for another answer.

It makes many pictures of the inputs, and lays some over each other so that the train outputs
appear. The idea, greedy stacking of pieces over short compositions of image functions, is that of
the ARC-solution by Johan Sokrates Wind (icecuber), 2020.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.program_search.search.candidates import Candidate, SearchBudget, ranked
from agents.program_search.search.views import (
    changes_anything,
    renumbered,
    renumbered_output,
    with_colours_back,
)
from agents.program_search.stacking.pieces import explored
from agents.program_search.stacking.sizes import size_rules
from agents.program_search.stacking.stacker import Stacker
from agents.program_search.transforms.registry import Array

BUDGET_SHARES = (0.2, 0.1)
"""The parts of a task's budget for the colours as they are, and renumbered."""


def stacked(
    inputs: tuple[Array, ...], outputs: tuple[Array, ...], budget: int
) -> list[list[Candidate]]:
    """The stacks that explain the train pairs, grouped by their answers, best first.

    `inputs` are those of train, then test. Colours are renumbered by how common they are only if
    nothing is found with the colours as they are.
    """
    first, second = (int(budget * share) for share in BUDGET_SHARES)
    candidates = of_one_view(inputs, outputs, first)
    if not candidates and changes_anything(inputs):
        others = of_one_view(
            tuple(map(renumbered, inputs)), tuple(map(renumbered_output, outputs, inputs)), second
        )
        candidates = [with_colours_back(one, inputs) for one in others]
    return ranked(candidates, len(outputs))


def of_one_view(inputs: Sequence[Array], outputs: Sequence[Array], budget: int) -> list[Candidate]:
    """The stacks for these colours; each says whether they are found again without each pair."""
    states = list(explored(inputs, SearchBudget(budget)))
    stackers = [Stacker(states, size, outputs) for size in size_rules(states, outputs)]
    found = [one for stacker in stackers for one in stacker.stacks()]
    again = [False] if len(outputs) == 1 else []
    for pair, wanted in enumerate(outputs if found and len(outputs) > 1 else ()):
        others = [one for stacker in stackers for one in stacker.stacks(pair)]
        first = ranked(others, len(outputs))[0][0] if others else None
        again.append(first is not None and np.array_equal(first.outputs[pair], wanted))
    return [replace(one, left_out=tuple(again)) for one in found]
