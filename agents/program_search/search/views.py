"""Searches a task in the colours as they are and, where that is not enough, renumbered."""

from __future__ import annotations

from agents.program_search.search.candidates import Budget, Candidate, State
from agents.program_search.search.exploration import Exploration
from agents.program_search.search.renumbering import (
    changes_anything,
    renumbered,
    renumbered_output,
    with_colours_back,
)
from agents.program_search.transforms.registry import Array

PLAIN_SHARE = 0.6
"""The budget's share of the search in plain colours, where renumbering could change anything."""


def explained(
    inputs: tuple[Array, ...], outputs: tuple[Array, ...], budget: int
) -> tuple[list[Candidate], list[State]]:
    """What explains the train pairs, and the first pictures made of the inputs as they are.

    `inputs` are those of train, then test.
    """
    is_other = changes_anything(inputs)
    plain = Exploration(inputs, outputs, Budget(int(budget * PLAIN_SHARE) if is_other else budget))
    candidates = plain.run()
    if is_other and not any(one.is_strong() for one in candidates):
        wanted = zip(outputs, inputs, strict=False)
        ranked = Exploration(
            tuple(map(renumbered, inputs)),
            tuple(renumbered_output(output, given) for output, given in wanted),
            Budget(budget - plain.budget.spent),
        )
        candidates += [with_colours_back(one, inputs) for one in ranked.run()]
    return candidates, plain.states
