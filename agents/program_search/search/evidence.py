"""How far an answer can be trusted: what speaks for it, and how often such answers were right."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import ranked
from agents.program_search.search.views import explained
from agents.program_search.transforms.registry import Array

LEAST_SHARES = 3
"""The budget of the searches without a pair is split into at least this many shares."""
FOUND_SHARE = 0.7
"""An answer is called found only if it has at least this share of the weight of all that fits."""
CALIBRATION: dict[str, Sequence[tuple[float, float]]] = {
    "found": [(0.0, 0.97)],
    "mostly found again": [(0.0, 0.82)],
    "not found again": [(0.0, 0.82)],
    "by rank": [(0.0, 0.17)],
    "check failed": [(0.5, 0.24), (0.0, 0.05)],
    "second": [(0.1, 0.07), (0.0, 0.02)],
    "later": [(0.1, 0.05), (0.0, 0.01)],
}
"""For each kind of evidence rows of (least share, how many were right, 0-1), greatest share first.

Measured on ARC-1 training, pooled over two earlier versions of the search (400 tasks and every
third one). That is the development set; readme.md has the evaluation set's figures beside it.
"""


class Evidence(NamedTuple):
    """What speaks for an answer; nothing in it depends on whether the answer is right.

    `place` counts the different answers from 0, best first. `share` (0-1) is the answer's part of
    the weight of all that fits, by description length. `passed` says that no check of the program
    itself failed (refits, unseen cases). `again` has a flag for each train pair: whether the whole
    search, repeated without the pair, found what is right on it; it is empty if not repeated.
    `is_first` says that no better program gives the same answer, `by_rank` that the program tells
    colours by how common they are, which may fit by chance.
    """

    place: int
    share: float
    passed: bool
    again: tuple[bool, ...] = ()
    is_first: bool = True
    by_rank: bool = False

    def is_found(self) -> bool:
        """Whether this program is claimed to be right: the first of an answer that is sound."""
        return self.is_first and self.is_sound()

    def is_sound(self) -> bool:
        """Every check was made and passed, and no other answer that fits has much weight."""
        return (
            self.place == 0
            and self.passed
            and not self.by_rank
            and bool(self.again)
            and all(self.again)
            and self.share >= FOUND_SHARE
        )

    def kind(self) -> str:
        """The row of CALIBRATION that the answer belongs to."""
        if self.place:
            return "second" if self.place == 1 else "later"
        if self.is_sound():
            return "found"
        if self.by_rank:
            return "by rank"
        if not self.passed:
            return "check failed"
        if 2 * sum(self.again) > len(self.again):
            return "mostly found again"
        return "not found again"

    def confidence(self) -> float:
        """How often answers with such evidence were right on ARC-1 training, 0-1."""
        return next(right for least, right in CALIBRATION[self.kind()] if self.share >= least)


def rediscovered(
    inputs: Sequence[Array], outputs: Sequence[Array], budget: int
) -> tuple[bool, ...]:
    """For each train pair, whether the best program found without it is right on it.

    `inputs` are those of train, then test; the pair left out joins the test inputs. The searches
    share the budget.
    """
    pairs = len(outputs)
    share = budget // max(LEAST_SHARES, pairs)
    return tuple(right_without(pair, inputs, outputs, share) for pair in range(pairs))


def right_without(
    pair: int, inputs: Sequence[Array], outputs: Sequence[Array], budget: int
) -> bool:
    """Whether the best program that the other pairs give is right on this one."""
    others = [index for index in range(len(outputs)) if index != pair]
    order = [*others, pair, *range(len(outputs), len(inputs))]
    candidates, _ = explained(
        tuple(inputs[index] for index in order), tuple(outputs[index] for index in others), budget
    )
    groups = ranked(candidates, len(others))
    return bool(groups) and np.array_equal(groups[0][0].outputs[len(others)], outputs[pair])
