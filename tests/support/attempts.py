"""The grids that are handed in, without the votes behind them."""

from __future__ import annotations

from collections.abc import Sequence

from utilities.scoring.attempts import Candidate, choose, choose_by_vote, grids_of, ranked
from utilities.tasks.task import Grid

Chosen = list[list[Grid | None]]


def choose_attempts(candidates: Sequence[Candidate], test_count: int, attempts: int = 2) -> Chosen:
    return grids_of(choose(ranked(candidates), test_count, attempts), attempts)


def choose_voted_attempts(
    answers: Sequence[Sequence[Grid | None]], test_count: int, attempts: int = 2
) -> Chosen:
    return grids_of(choose_by_vote(answers, test_count, attempts), attempts)
