"""Solves a task by searching for programs that explain its train pairs; asks no model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from agents.program_search.confidence import Evidence
from agents.program_search.crosscheck import rediscovered
from agents.program_search.program import program_of
from agents.program_search.ranking import ranked, weight
from agents.program_search.trace import TraceWriter
from agents.program_search.views import explained
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks import Grid, Task


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs. `kind` is "found" for the
    best program where every check passed: its refits without each pair are right, the test inputs
    show no case that the pairs do not, the whole search without each pair finds a program that is
    right on it, and few others that fit differ on the test inputs; else "guess". `confidence` is
    how often answers with such evidence were right on ARC-1 training, 0-1.
    """

    reasoning: str
    python_code: str
    outputs: tuple[Grid | None, ...]
    kind: Literal["found", "guess"]
    confidence: float
    evidence: Evidence


def solve(
    task: Task, *, best_of: int = 1, search_budget: int = DEFAULT_SEARCH_BUDGET
) -> list[Solution]:
    """Up to `best_of` programs that explain the train pairs, best first; [] where none was found.

    They differ in their test outputs where the task has test inputs, else in their text. Test
    outputs are never read. The same task and budget always give the same solutions.
    """
    inputs = tuple(np.array(pair.input) for pair in (*task.train, *task.test))
    outputs = tuple(np.array(pair.output) for pair in task.train)
    candidates, states = explained(inputs, outputs, search_budget)
    groups = ranked(candidates, len(outputs))
    writer = TraceWriter(inputs, outputs, states)
    total = sum(map(weight, groups))
    solutions = dict[str, Solution]()
    for place, group in enumerate(groups):
        if len(solutions) == best_of:
            break
        best, again = group[0], tuple[bool, ...]()
        if place == 0 and len(outputs) > 1 and best.is_strong():
            again = rediscovered(inputs, outputs, search_budget)
        code = program_of(best)
        evidence = Evidence(place, weight(group) / total, best.is_strong(), again)
        solution = Solution(
            reasoning=writer.write(best, evidence, rivals=len(group) - 1, others=len(groups) - 1),
            python_code=code,
            outputs=tuple(grid.tolist() for grid in best.outputs),
            kind="found" if evidence.is_found() else "guess",
            confidence=evidence.confidence(),
            evidence=evidence,
        )
        solutions.setdefault(code, solution)
    return list(solutions.values())
