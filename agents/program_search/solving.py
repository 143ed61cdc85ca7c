"""Solves a task by searching for programs that explain its train pairs; asks no model.

Two searches of different kinds work side by side: one learns rules for cells, the other stacks
pictures. The first attempt is the best of the rules, the second the best stack that says otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate, Search, content_of, ranked, weight
from agents.program_search.search.evidence import Evidence, rediscovered
from agents.program_search.search.properties import broken, properties_of
from agents.program_search.search.views import explained
from agents.program_search.stacking.search import stacked
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.program import functions_told, program_of
from agents.program_search.writing.rule_words import Form, form_of
from agents.program_search.writing.trace import TraceWriter
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks.task import Grid, Task

MOST_LOOKED_AT = 4
"""Of each answer's programs at most so many times the number wanted are looked at."""
MOST_COMPARED = 60
"""Whether answers break what all pairs have in common is asked of the first so many."""
CHANGED_INPUTS = 3
"""Near-duplicates are told by what they give on changes of so many inputs, the smallest."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that is right on every train pair, and how it was found.

    `outputs` are what it gives for the train and then the test inputs. `kind` is "found" for the
    best program if every check passed (readme.md lists them), else "guess". `form` is what the
    reasoning tells. `search` is which of the two searches made it. `confidence` is how often
    answers with such evidence were right on ARC-1 training, 0-1; without test inputs, how often
    such programs were.
    """

    reasoning: str
    python_code: str
    outputs: tuple[Grid | None, ...]
    kind: Literal["found", "guess"]
    form: Form
    search: Search
    confidence: float
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
    more programs for the same answers, but no near-duplicates. Test outputs are never read. The
    same task and budget always give the same solutions.
    """
    inputs = tuple(np.array(pair.input) for pair in (*task.train, *task.test))
    outputs = tuple(np.array(pair.output) for pair in task.train)
    candidates, states = explained(inputs, outputs, search_budget)
    rules, stacks = ranked(candidates, len(outputs)), stacked(inputs, outputs, search_budget)
    is_strong = bool(rules) and len(outputs) > 1 and rules[0][0].is_strong()
    without = rediscovered(inputs, outputs, search_budget) if is_strong else ()
    again = tuple(one.is_right for one in without)
    writer, solutions = TraceWriter(inputs, outputs, states), dict[str, Solution]()
    answers = answers_of(rules, stacks, again, inputs, outputs)
    places = [(one, number) for one in answers for number in range(len(one.programs))]
    known = {id(one): Known(inputs) for one in answers}
    for answer, number in sorted(places, key=lambda place: place[1] > 0):
        if len(solutions) == best_of:
            break
        best = answer.programs[number]
        if number >= MOST_LOOKED_AT * best_of:
            continue
        if (code := program_of(best)) in solutions or not known[id(answer)].is_new(best, code):
            continue
        evidence = answer.evidence.of_program(best, is_first=not number)
        solutions[code] = Solution(
            reasoning=writer.write(best, evidence, rival_of(answers, answer), without),
            python_code=code,
            outputs=tuple(grid.tolist() for grid in best.outputs),
            kind="found" if evidence.is_found() else "guess",
            form=form_of(best),
            search=evidence.search,
            confidence=evidence.confidence(),
            evidence=evidence,
        )
    return list(solutions.values())


class Known:
    """The programs chosen for one answer, to tell near-duplicates of them.

    A program is one if it names no function that another does not name, or the other way round,
    and both give the same on changed inputs.
    """

    def __init__(self, inputs: Sequence[Array]) -> None:
        """`inputs` are those of train, then test."""
        self._inputs = sorted(inputs, key=lambda grid: grid.size)[:CHANGED_INPUTS]
        self._chosen: list[tuple[set[str], str]] = []
        self._made: dict[str, list[Grid | None]] = {}

    def is_new(self, candidate: Candidate, code: str) -> bool:
        """Whether it is no near-duplicate; then it is known from now on."""
        names = functions_told(candidate)
        for others, other in self._chosen:
            if (names <= others or others <= names) and self._gives(code) == self._gives(other):
                return False
        self._chosen.append((names, code))
        return True

    def _gives(self, code: str) -> list[Grid | None]:
        """What a program gives on changed inputs; None if it fails."""
        if code not in self._made:
            names: dict[str, Any] = {}
            exec(code, names)  # noqa: S102 - a program that was just written here
            changed = [one.tolist() for grid in self._inputs for one in changes(grid)]
            self._made[code] = [result_of(names["solve_task"], one) for one in changed]
        return self._made[code]


def changes(grid: Array) -> Iterator[Array]:
    """The grid mirrored, about a diagonal too, with other colours, and with some cells moved."""
    yield from (grid[:, ::-1], grid.T, np.where(grid > 0, grid % 9 + 1, 0))
    cells = grid.ravel().copy()
    cells[::7] = np.roll(cells, 5)[::7]
    yield cells.reshape(grid.shape)


def result_of(solve_task: Callable[[Grid], Grid], grid: Grid) -> Grid | None:
    """What the program gives; None if it fails on such a grid."""
    try:
        return solve_task(grid)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None


def answers_of(
    rules: list[list[Candidate]],
    stacks: list[list[Candidate]],
    again: tuple[bool | None, ...],
    inputs: Sequence[Array],
    outputs: Sequence[Array],
) -> list[Answer]:
    """The answers of both searches in the order of attempts, each once with all its programs.

    The best of the rules comes first, then the best stack that says otherwise, then the rest. The
    stack goes first if it is found again without each train pair, and a check of the rule failed.
    Answers that break what all pairs have in common come after all others.
    """
    pairs, answers = len(outputs), dict[bytes | None, Answer]()
    common = properties_of(inputs, outputs)

    def is_unlike(one: Candidate) -> bool:
        tests = zip(inputs[pairs:], one.outputs[pairs:], strict=True)
        return any(any(broken(common, *pair)) for pair in tests)

    order = in_turns(rules, stacks, pairs)
    unlike = [is_unlike(groups[place][0]) for groups, place in order[:MOST_COMPARED]]
    unlike += [False] * len(order)
    for number in sorted(range(len(order)), key=lambda number: unlike[number]):
        groups, place = order[number]
        group, others = groups[place], stacks if groups is rules else rules
        key = content_of(group[0].outputs[pairs:])
        if key in answers:
            answers[key].programs[1:1] = group
            continue
        says_same = bool(others) and content_of(others[0][0].outputs[pairs:]) == key
        evidence = Evidence(
            place=len(answers),
            share=weight(group) / sum(map(weight, groups)),
            passed=group[0].is_strong(),
            again=again if groups is rules and not place else (),
            search=group[0].search,
            other="none" if not others else "same" if says_same else "different",
            has_tests=len(group[0].outputs) > pairs,
            is_unlike=unlike[number],
        )
        answers[key] = Answer(list(group), evidence)
    return list(answers.values())


def in_turns(
    rules: list[list[Candidate]], stacks: list[list[Candidate]], pairs: int
) -> list[tuple[list[list[Candidate]], int]]:
    """The groups of both searches, each by its list and its place there, in the order of attempts.

    A stack that goes second answers otherwise than the best rule.
    """

    def said(group: list[Candidate]) -> bytes:
        return content_of(group[0].outputs[pairs:])

    both = [(groups, place) for groups in (rules, stacks) for place in range(len(groups))]
    new = [one for one in both[len(rules) :] if not rules or said(stacks[one[1]]) != said(rules[0])]
    attempts = [*both[: min(len(rules), 1)], *new[:1]]
    if len(attempts) == 2 and stacks[new[0][1]][0].is_strong() and not rules[0][0].is_strong():
        attempts.reverse()
    return [*attempts, *(one for one in both if one not in attempts)]


def rival_of(answers: Sequence[Answer], answer: Answer) -> Candidate | None:
    """The best program that answers otherwise than this one, of the same search if there is one."""
    others = [one.programs[0] for one in answers if one is not answer]
    search = answer.programs[0].search
    return next((one for one in others if one.search == search), next(iter(others), None))
