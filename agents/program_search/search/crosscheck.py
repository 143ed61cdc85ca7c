"""Leave one out, honestly: the whole search again without each train pair in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.program_search.search.ranking import ranked
from agents.program_search.search.views import explained
from agents.program_search.transforms.registry import Array

LEAST_SHARES = 3
"""A search without a pair gets the budget's share for a pair, at most one in so many."""


def rediscovered(
    inputs: Sequence[Array], outputs: Sequence[Array], budget: int
) -> tuple[bool, ...]:
    """For each train pair, whether the best program found without it is right on it.

    `inputs` are those of train, then test; the pair left out joins the test inputs. The budget is
    shared by the searches.
    """
    pairs = len(outputs)
    share = budget // max(LEAST_SHARES, pairs)
    return tuple(right_without(pair, inputs, outputs, share) for pair in range(pairs))


def right_without(
    pair: int, inputs: Sequence[Array], outputs: Sequence[Array], budget: int
) -> bool:
    """Whether the best program that the other pairs give is right on this one."""
    pairs = len(outputs)
    others = [index for index in range(pairs) if index != pair]
    order = [*others, pair, *range(pairs, len(inputs))]
    candidates, _ = explained(
        tuple(inputs[index] for index in order), tuple(outputs[index] for index in others), budget
    )
    groups = ranked(candidates, len(others))
    return bool(groups) and np.array_equal(groups[0][0].outputs[len(others)], outputs[pair])
