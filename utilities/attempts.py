"""Which two answers are handed in for each test input; expected outputs are never seen here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from utilities.tasks import Grid


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sampled program: which train pairs it solves, what it makes of each test input.

    `code_length` is in characters; `test_outputs` has None where the program gave no grid.
    """

    index: int
    train_passed: tuple[bool, ...]
    test_outputs: tuple[Grid | None, ...]
    code_length: int


def choose_attempts(
    candidates: Sequence[Candidate], test_count: int, attempts: int = 2
) -> list[list[Grid | None]]:
    """For each test input the outputs of the best programs, as many different ones as asked.

    Programs rank by the train pairs they solve, then by how many candidates have the very same
    test outputs (a program stands or falls as a whole), then by shortness, then by index. None
    fills up where there are not enough different outputs.
    """
    votes = Counter(_key(candidate.test_outputs) for candidate in candidates)

    def rank(candidate: Candidate) -> tuple[int, int, int, int]:
        agreeing = votes[_key(candidate.test_outputs)]
        return -sum(candidate.train_passed), -agreeing, candidate.code_length, candidate.index

    ranked = sorted(candidates, key=rank)
    return [
        _first_different((candidate.test_outputs[place] for candidate in ranked), attempts)
        for place in range(test_count)
    ]


def choose_voted_attempts(
    answers: Sequence[Sequence[Grid | None]], test_count: int, attempts: int = 2
) -> list[list[Grid | None]]:
    """For each test input the grids that most samples answered; ties go to the first seen.

    `answers` has one item a sample, each with one grid (or None) a test input, or with nothing
    at all. None fills up where there are not enough different grids.
    """
    chosen: list[list[Grid | None]] = []
    for place in range(test_count):
        grids = [sample[place] for sample in answers if sample and sample[place] is not None]
        votes = Counter(map(_key, grids))
        ranked = sorted(grids, key=lambda grid: -votes[_key(grid)])
        chosen.append(_first_different(ranked, attempts))
    return chosen


def _first_different(grids: Iterable[Grid | None], attempts: int) -> list[Grid | None]:
    different: list[Grid | None] = []
    for grid in grids:
        if len(different) == attempts:
            break
        if grid is not None and grid not in different:
            different.append(grid)
    return different + [None] * (attempts - len(different))


def _key(value: Iterable[object] | object) -> Hashable:
    """The same nested value, of tuples in place of lists."""
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value
