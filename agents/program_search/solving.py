"""Solves a task by searching for programs that explain its train pairs; asks no model.

Two searches of different kinds work side by side: one learns rules for cells, the other stacks
pictures. The first attempt is the best of the rules, the second the best stack that says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate, Search, content_of, ranked, weight
from agents.program_search.search.evidence import Evidence, rediscovered
from agents.program_search.search.views import explained
from agents.program_search.stacking.search import stacked
from agents.program_search.writing.program import program_of
from agents.program_search.writing.trace import TraceWriter
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks.task import Grid, Task


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs. `kind` is "found" for the
    best program if every check passed (readme.md lists them), else "guess". `search` is which of
    the two searches made it. `confidence` is how often answers with such evidence were right on
    ARC-1 training, 0-1; None without test inputs, since there is no answer then.
    """

    reasoning: str
    python_code: str
    outputs: tuple[Grid | None, ...]
    kind: Literal["found", "guess"]
    search: Search
    confidence: float | None
    evidence: Evidence


class Answer(NamedTuple):
    """One answer to the test inputs: the programs that give it, and what speaks for the first."""

    programs: list[Candidate]
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
    rules, stacks = ranked(candidates, len(outputs)), stacked(inputs, outputs, search_budget)
    is_strong = bool(rules) and len(outputs) > 1 and rules[0][0].is_strong()
    again = rediscovered(inputs, outputs, search_budget) if is_strong else ()
    writer, solutions = TraceWriter(inputs, outputs, states), dict[str, Solution]()
    answers = answers_of(rules, stacks, again, len(outputs))
    places = [(one, number) for one in answers for number in range(len(one.programs))]
    for answer, number in sorted(places, key=lambda place: place[1] > 0):
        if len(solutions) == best_of:
            break
        best = answer.programs[number]
        if (code := program_of(best)) in solutions:
            continue
        evidence = answer.evidence.of_program(best, is_first=not number)
        solutions[code] = Solution(
            reasoning=writer.write(best, evidence, rival_of(answers, answer)),
            python_code=code,
            outputs=tuple(grid.tolist() for grid in best.outputs),
            kind="found" if evidence.is_found() else "guess",
            search=evidence.search,
            confidence=evidence.confidence() if task.test else None,
            evidence=evidence,
        )
    return list(solutions.values())


def answers_of(
    rules: list[list[Candidate]],
    stacks: list[list[Candidate]],
    again: tuple[bool, ...],
    pairs: int,
) -> list[Answer]:
    """The answers of both searches in the order of attempts, each once with all its programs.

    The best of the rules comes first, then the best stack that says otherwise, then the rest. The
    stack goes first if it is found again without each train pair, and a check of the rule failed.
    """

    def said(groups: list[list[Candidate]]) -> bytes | None:
        return content_of(groups[0][0].outputs[pairs:]) if groups else None

    both = [(groups, place) for groups in (rules, stacks) for place in range(len(groups))]
    new = [one for one in both[len(rules) :] if said([stacks[one[1]]]) != said(rules)]
    attempts = [*both[: min(len(rules), 1)], *new[:1]]
    if len(attempts) == 2 and stacks[new[0][1]][0].is_strong() and not rules[0][0].is_strong():
        attempts.reverse()
    answers = dict[bytes | None, Answer]()
    for groups, place in [*attempts, *(one for one in both if one not in attempts)]:
        key, group = said([groups[place]]), groups[place]
        if key in answers:
            answers[key].programs[1:1] = group
            continue
        others = stacks if groups is rules else rules
        evidence = Evidence(
            place=len(answers),
            share=weight(group) / sum(map(weight, groups)),
            passed=group[0].is_strong(),
            again=again if groups is rules and not place else (),
            search=group[0].search,
            other="none" if not others else "same" if said(others) == key else "different",
        )
        answers[key] = Answer(list(group), evidence)
    return list(answers.values())


def rival_of(answers: Sequence[Answer], answer: Answer) -> Candidate | None:
    """The best rule that answers otherwise than this one; None for stacks, which say little."""
    others = [one.programs[0] for one in answers if one is not answer]
    is_rule = answer.programs[0].search == "rules"
    return next((one for one in others if is_rule and one.search == "rules"), None)
