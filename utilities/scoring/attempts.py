"""Which answers are handed in for each test input; expected outputs are never seen here."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from utilities.tasks.task import Grid


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sampled program: which train pairs it solves, what it makes of each test input.

    `code_length` is in characters, the simpler program's being smaller; `test_outputs` has None
    where the program gave no grid. `confidence` (0-1) is the agent's own, where it states one.
    """

    index: int
    train_passed: tuple[bool, ...]
    test_outputs: tuple[Grid | None, ...]
    code_length: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A grid that is handed in, how many samples voted for it, and the first in rank that did."""

    output: Grid
    votes: int
    sample: int


Choices = list[list[Choice]]
"""For each test input its choices, best first: at most as many as there are attempts."""


def choose(candidates: Sequence[Candidate], test_count: int, attempts: int = 2) -> Choices:
    """For each test input up to `attempts` different outputs of the best programs.

    Programs are ranked by the train pairs they solve. Ties go to the program whose test outputs
    most candidates share (all of them, not one by one), then to the agent's own confidence, then
    to the shorter program, then to the lower index.
    """
    votes = Counter(_key(candidate.test_outputs) for candidate in candidates)

    def rank(candidate: Candidate) -> tuple[float, ...]:
        agreeing = votes[_key(candidate.test_outputs)]
        confidence = candidate.confidence or 0.0
        solved = sum(candidate.train_passed)
        return -solved, -agreeing, -confidence, candidate.code_length, candidate.index

    ranked = sorted(candidates, key=rank)
    return [
        _first_different(
            (
                Choice(output, votes[_key(candidate.test_outputs)], candidate.index)
                for candidate in ranked
                if (output := candidate.test_outputs[place]) is not None
            ),
            attempts,
        )
        for place in range(test_count)
    ]


def choose_by_vote(
    answers: Sequence[Sequence[Grid | None]], test_count: int, attempts: int = 2
) -> Choices:
    """For each test input the grids that most samples answered; ties go to the first seen.

    `answers` has one item a sample: a grid or None for each test input, or an empty list.
    """
    chosen: Choices = []
    for place in range(test_count):
        given = [
            (grid, index)
            for index, sample in enumerate(answers)
            if sample and (grid := sample[place]) is not None
        ]
        votes = Counter(_key(grid) for grid, _ in given)
        voted = [Choice(grid, votes[_key(grid)], index) for grid, index in given]
        ranked = sorted(voted, key=lambda choice: (-choice.votes, choice.sample))
        chosen.append(_first_different(ranked, attempts))
    return chosen


def grids_of(choices: Choices, attempts: int = 2) -> list[list[Grid | None]]:
    """The chosen grids alone; None fills up if there are not enough different ones."""
    return [
        [choice.output for choice in chosen] + [None] * (attempts - len(chosen))
        for chosen in choices
    ]


def choose_attempts(
    candidates: Sequence[Candidate], test_count: int, attempts: int = 2
) -> list[list[Grid | None]]:
    """The grids of `choose`."""
    return grids_of(choose(candidates, test_count, attempts), attempts)


def choose_voted_attempts(
    answers: Sequence[Sequence[Grid | None]], test_count: int, attempts: int = 2
) -> list[list[Grid | None]]:
    """The grids of `choose_by_vote`."""
    return grids_of(choose_by_vote(answers, test_count, attempts), attempts)


def _first_different(choices: Iterable[Choice], attempts: int) -> list[Choice]:
    different: list[Choice] = []
    for choice in choices:
        if len(different) == attempts:
            break
        if all(choice.output != one.output for one in different):
            different.append(choice)
    return different


def _key(value: Iterable[object] | object) -> Hashable:
    """The same nested value, of tuples in place of lists."""
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value
