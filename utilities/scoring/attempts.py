"""Which answers are handed in for each test input; expected outputs are never seen here."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from utilities.tasks.task import Grid


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sampled program: which train pairs it solves, what it makes of each test input.

    `code_length` is in characters, the simpler program's being smaller; `test_outputs` has None
    where the program gave no grid. `confidence` (0-1) is the agent's own, where it states one. A
    program `is_doubtful` if it holds grids of the task, or gives other outputs in another run.
    """

    index: int
    train_passed: tuple[bool, ...]
    test_outputs: tuple[Grid | None, ...]
    code_length: int
    confidence: float | None = None
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """A grid that is handed in, how many samples voted for it, and the first in rank that did."""

    output: Grid
    votes: int
    sample: int


Choices = list[list[Choice]]
"""For each test input its choices, best first: at most as many as there are attempts."""
Points = Mapping[int, int]
"""What a judge of answers gave, by the index of a sample; a sample that is not there has none."""
NO_POINTS: Points = MappingProxyType({})


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The programs, best first: by the train pairs they solve; of equals, doubtful ones last.

    Ties go to the program whose test outputs most candidates share (all of them, not one by one),
    then to the agent's own confidence, then to the shorter program, then to the lower index.
    """
    votes = _votes(candidates)

    def rank(candidate: Candidate) -> tuple[float, ...]:
        solved, agreeing = sum(candidate.train_passed), votes[_key(candidate.test_outputs)]
        confidence, length = candidate.confidence or 0.0, candidate.code_length
        return -solved, candidate.is_doubtful, -agreeing, -confidence, length, candidate.index

    return sorted(candidates, key=rank)


def choose(
    candidates: Sequence[Candidate],
    test_count: int,
    attempts: int = 2,
    points: Points = NO_POINTS,
) -> Choices:
    """For each test input up to `attempts` different outputs of the best programs.

    Those with most of a judge's points come first, then the others, each in the order of the
    `candidates`, which `ranked` makes.
    """
    votes = _votes(candidates)
    ordered = sorted(candidates, key=lambda one: -points.get(one.index, 0))
    return [
        _first_different(
            (
                Choice(output, votes[_key(candidate.test_outputs)], candidate.index)
                for candidate in ordered
                if (output := candidate.test_outputs[place]) is not None
            ),
            attempts,
        )
        for place in range(test_count)
    ]


def _votes(candidates: Sequence[Candidate]) -> Counter[Hashable]:
    return Counter(_key(candidate.test_outputs) for candidate in candidates)


def choose_by_vote(
    answers: Sequence[Sequence[Grid | None]],
    test_count: int,
    attempts: int = 2,
    points: Points = NO_POINTS,
) -> Choices:
    """For each test input the grids that most samples answered; ties go to the first seen.

    `answers` has one item a sample: a grid or None for each test input, or an empty list. A grid
    whose best answer has more of a judge's points comes before all votes.
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
        ranked = sorted(voted, key=lambda one: (-points.get(one.sample, 0), -one.votes, one.sample))
        chosen.append(_first_different(ranked, attempts))
    return chosen


def different_answers(answers: Mapping[int, Sequence[Grid | None]]) -> list[list[int]]:
    """The samples (by index) whose answers to all test inputs are the same, in their order.

    An answer without any grid is none.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, grids in answers.items():
        if any(grid is not None for grid in grids):
            groups.setdefault(_key(list(grids)), []).append(index)
    return list(groups.values())


def grids_of(choices: Choices, attempts: int = 2) -> list[list[Grid | None]]:
    """The chosen grids alone; None fills up if there are not enough different ones."""
    return [
        [choice.output for choice in chosen] + [None] * (attempts - len(chosen))
        for chosen in choices
    ]


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
