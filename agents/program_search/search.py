"""Solves a task by searching for programs that explain its train pairs; asks no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from agents.program_search.candidates import Budget
from agents.program_search.crosscheck import rediscovered
from agents.program_search.exploration import Exploration
from agents.program_search.program import program_of
from agents.program_search.ranking import ranked, weight
from agents.program_search.trace import TraceWriter
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks import Grid, Task


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs. `kind` is "found" for the
    best program where every check passed: its refits without each pair are right, the test inputs
    show no case that the pairs do not, and the whole search without each pair finds a program
    that is right on it; else "guess". `confidence` is its share, 0-1, of the weight of all that
    fits, by description length.
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
    for place, group in enumerate(groups):
        if len(solutions) == best_of:
            break
        best, again = group[0], None
        if place == 0 and len(outputs) > 1 and best.is_strong():
            again = rediscovered(inputs, outputs, search_budget)
        code = program_of(best)
        solution = Solution(
            reasoning=writer.write(best, rivals=len(candidates) - 1, again=again),
            python_code=code,
            outputs=tuple(grid.tolist() for grid in best.outputs),
            kind="found" if again is not None and all(again) else "guess",
            confidence=weight(group) / total,
        )
        solutions.setdefault(code, solution)
    return list(solutions.values())
