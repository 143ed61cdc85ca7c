"""What the search handles: its budget of work, states, ways to finish, and ranked candidates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from agents.program_search.transforms.registry import Array, Step

Search: TypeAlias = Literal["rules", "stacking"]
CALL_OVERHEAD = 300
"""The fixed cost of one call, in cells."""
LEFT_OUT_PENALTY = 6.0
UNSEEN_PENALTY = 20.0


@dataclass(slots=True)
class SearchBudget:
    """Work, counted in cells touched, so that results do not depend on the machine's load."""

    limit: int
    spent: int = 0

    def spend(self, cells: int) -> None:
        """Count a call that touches this many cells."""
        self.spent += cells + CALL_OVERHEAD

    def left(self) -> int:
        """What may still be spent; negative if the last call overran the limit."""
        return self.limit - self.spent


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """The grids (train inputs, then test inputs) after some picture steps."""

    steps: tuple[Step, ...]
    cost: float
    grids: tuple[Array, ...]

    def shapes(self) -> list[tuple[int, ...]]:
        """The shape of each grid."""
        return [grid.shape for grid in self.grids]


class Piece(NamedTuple):
    """A step of a program: in words (the first is its comment), its lines, and what they call.

    `told` has names of functions with what they do there.
    """

    sentences: list[str]
    lines: list[str]
    functions: list[Callable[..., Any]]
    told: Sequence[tuple[str, str]] = ()


class Finish(Protocol):
    """How the grids of the last step become answers, if they are not the answers yet."""

    def piece(self, variable: str) -> Piece:
        """The step that computes `answer` from the variable and `grid`."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A program that is right on every train pair.

    `outputs` has a grid for each train and test input. `left_out` says for each train pair
    whether a refit to the others gets it right; it is None if nothing was fitted. `unseen` is the
    share of test cells whose case no train pair shows. If `renumbered`, the steps see the colours'
    numbers in `views.palette_of`. `search` is which of the two searches made it.
    """

    steps: tuple[Step, ...]
    finish: Finish | None
    cost: float
    outputs: tuple[Array, ...]
    left_out: tuple[bool, ...] | None = None
    unseen: float = 0.0
    renumbered: bool = False
    search: Search = "rules"

    def is_strong(self) -> bool:
        """Whether it has failed no check."""
        return not self.unseen and (self.left_out is None or all(self.left_out))

    def penalised_cost(self) -> float:
        """Description length plus penalties for failed checks; less is better."""
        missed = 0.0 if self.left_out is None else self.left_out.count(False) / len(self.left_out)
        return self.cost + LEFT_OUT_PENALTY * missed + UNSEEN_PENALTY * self.unseen


def ranked(candidates: Sequence[Candidate], pairs: int) -> list[list[Candidate]]:
    """Groups of candidates that give the same test outputs; groups and members best first.

    `pairs` is the number of train pairs. Groups are ordered by `weight`, so an answer counts more
    if many programs give it. Without test inputs there is one group.
    """
    groups: dict[bytes, list[Candidate]] = {}
    for one in sorted(candidates, key=Candidate.penalised_cost):
        groups.setdefault(content_of(one.outputs[pairs:]), []).append(one)
    return sorted(groups.values(), key=weight, reverse=True)


def weight(group: Sequence[Candidate]) -> float:
    """What speaks for a group: the sum of 2^-cost over its members, penalties included."""
    return float(sum(2.0 ** -one.penalised_cost() for one in group))


def content_of(grids: Sequence[Array]) -> bytes:
    """A digest of the grids, far smaller than they are."""
    digest = blake2b(digest_size=16)
    for grid in grids:
        digest.update(bytes(grid.shape))
        digest.update(grid.astype(np.uint8).tobytes())
    return digest.digest()
