"""Solves a task by searching for programs that explain its train pairs; asks no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from agents.program_search.candidates import Budget, Candidate
from agents.program_search.exploration import Exploration
from agents.program_search.program import program_of
from agents.program_search.ranking import ranked, weight
from agents.program_search.trace import TraceWriter
from utilities.tasks import Grid, Task

DEFAULT_SEARCH_BUDGET = 13_000_000
"""Work for one task in cells touched; about a second on one core."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs; `kind` is "found" where
    every check passed (refits without each pair right, nothing unseen in the test inputs), else
    "guess"; `confidence` is its share, 0-1, of the weight of all that fits.
    """

    reasoning: str
    python_code: str
    outputs: tuple[Grid | None, ...]
    kind: Literal["found", "guess"]
    confidence: float


def solve(
    task: Task, *, best_of: int = 1, search_budget: int = DEFAULT_SEARCH_BUDGET
) -> list[Solution]:
    """Up to `best_of` programs that explain the train pairs, best first; [] where none was found.

    They differ in their test outputs where the task has test inputs, else in their text. Test
    outputs are never read. The same task and budget always give the same solutions.
    """
    inputs = tuple(np.array(pair.input) for pair in (*task.train, *task.test))
    outputs = tuple(np.array(pair.output) for pair in task.train)
    exploration = Exploration(inputs, outputs, Budget(search_budget))
    candidates = exploration.run()
    groups = ranked(candidates, len(outputs))
    writer = TraceWriter(inputs, outputs, exploration.states)
    total = sum(map(weight, groups))
    solutions = dict[str, Solution]()
    for group in groups:
        if len(solutions) == best_of:
            break
        code, best = program_of(group[0]), group[0]
        solutions.setdefault(
            code,
            Solution(
                reasoning=writer.write(best, rivals=len(candidates) - 1),
                python_code=code,
                outputs=tuple(grid.tolist() for grid in best.outputs),
                kind=verdict(best, len(outputs)),
                confidence=weight(group) / total,
            ),
        )
    return list(solutions.values())


def verdict(candidate: Candidate, pairs: int) -> Literal["found", "guess"]:
    """ "found" where no check speaks against the candidate and there were pairs to check on."""
    return "found" if candidate.is_strong() and pairs > 1 else "guess"
