"""What the search handles: states, ways to finish, candidates, and its budget of work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from agents.program_search.transforms.registry import Array, Step

CALL_OVERHEAD = 300
"""The fixed cost of one call, in cells."""


@dataclass(slots=True)
class Budget:
    """Work counted in cells touched, so that the outcome does not depend on the machine's load."""

    limit: int
    spent: int = 0

    def spend(self, cells: int) -> None:
        """Count a call that touches so many cells."""
        self.spent += cells + CALL_OVERHEAD

    def left(self) -> int:
        """What may still be spent; negative after an overrun by the last call."""
        return self.limit - self.spent


@dataclass(frozen=True, eq=False, slots=True)
class State:
    """The grids (train inputs, then test inputs) after some picture steps."""

    steps: tuple[Step, ...]
    cost: float
    grids: tuple[Array, ...]


class Finish(Protocol):
    """How the grids of the last step become answers, where they are not the answers yet."""

    def sentences(self) -> list[str]:
        """The finish in words, one line each; the first is the program's comment."""

    def code(self, variable: str) -> list[str]:
        """Program lines that compute `answer` from the variable and `grid`."""

    def functions(self) -> list[Callable[..., Any]]:
        """The functions that the lines call."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """A program that is right on every train pair.

    `outputs` has a grid for each train and test input; `left_out` says for each train pair
    whether a refit without it gets it right (None where nothing was fitted to the pairs);
    `unseen` is the share of test cells whose case no train pair shows; `failures` are simpler ways
    to finish that were tried, each with the pair that speaks against it; `renumbered` says that the
    steps see the colours' numbers in `renumbering.palette_of`.
    """

    steps: tuple[Step, ...]
    finish: Finish | None
    cost: float
    outputs: tuple[Array, ...]
    left_out: tuple[bool, ...] | None = None
    unseen: float = 0.0
    failures: tuple[str, ...] = ()
    renumbered: bool = False

    def is_strong(self) -> bool:
        """No check that the candidate could fail has failed."""
        return not self.unseen and (self.left_out is None or all(self.left_out))

    def penalised_cost(self) -> float:
        """Description length with what the failed checks add to it; less is better."""
        missed = 0.0 if self.left_out is None else self.left_out.count(False) / len(self.left_out)
        return self.cost + LEFT_OUT_PENALTY * missed + UNSEEN_PENALTY * self.unseen


LEFT_OUT_PENALTY = 6.0
UNSEEN_PENALTY = 20.0
