"""Solves a task by searching for programs that explain its train pairs; asks no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agents.program_search.search.candidates import Candidate, ranked, weight
from agents.program_search.search.evidence import Evidence, rediscovered
from agents.program_search.search.views import explained
from agents.program_search.writing.program import program_of
from agents.program_search.writing.trace import TraceWriter
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks.task import Grid, Task


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs. `kind` is "found" for the
    best program if every check passed (readme.md lists them), else "guess". `confidence` is how
    often answers with such evidence were right on ARC-1 training, 0-1; None without test inputs,
    since there is no answer then.
    """

    reasoning: str
    python_code: str
    outputs: tuple[Grid | None, ...]
    kind: Literal["found", "guess"]
    confidence: float | None
    evidence: Evidence


def solve(
    task: Task, *, best_of: int = 1, search_budget: int = DEFAULT_SEARCH_BUDGET
) -> list[Solution]:
    """Up to `best_of` different programs that explain the train pairs; [] if there are none.

    First comes the best program for each answer (the test outputs), the best answer first; then
    more programs for the same answers. Test outputs are never read. The same task and budget
    always give the same solutions.
    """
    inputs = tuple(np.array(pair.input) for pair in (*task.train, *task.test))
    outputs = tuple(np.array(pair.output) for pair in task.train)
    candidates, states = explained(inputs, outputs, search_budget)
    groups = ranked(candidates, len(outputs))
    is_strong = bool(groups) and len(outputs) > 1 and groups[0][0].is_strong()
    again = rediscovered(inputs, outputs, search_budget) if is_strong else ()
    writer, total = TraceWriter(inputs, outputs, states), sum(map(weight, groups))
    solutions = dict[str, Solution]()
    places = [(place, number) for place, group in enumerate(groups) for number in range(len(group))]
    for place, number in sorted(places, key=lambda one: one[1] > 0):
        if len(solutions) == best_of:
            break
        group, best = groups[place], groups[place][number]
        if (code := program_of(best)) in solutions:
            continue
        share, repeated = weight(group) / total, () if place else again
        evidence = Evidence(
            place, share, best.is_strong(), repeated, is_first=not number, by_rank=best.renumbered
        )
        solutions[code] = Solution(
            reasoning=writer.write(best, evidence, rival_of(groups, place)),
            python_code=code,
            outputs=tuple(grid.tolist() for grid in best.outputs),
            kind="found" if evidence.is_found() else "guess",
            confidence=evidence.confidence() if task.test else None,
            evidence=evidence,
        )
    return list(solutions.values())


def rival_of(groups: Sequence[Sequence[Candidate]], place: int) -> Candidate | None:
    """The best candidate that answers otherwise than the group at this place."""
    others = [group[0] for number, group in enumerate(groups) if number != place]
    return others[0] if others else None
