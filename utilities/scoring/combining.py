"""One pair of attempts from several runs: programs that fit, weighted votes, then other voices.

Expected outputs are never seen here. `combined_runs.py` reads the runs and scores what comes out.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from utilities.results.result_entry import ResultEntry, padded
from utilities.scoring.answers_of_others import CHOSEN
from utilities.scoring.outcomes import (
    ATTEMPTS,
    Attempts,
    attempts_of,
    is_doubtful,
    sample_outputs,
)
from utilities.tasks.task import Grid, Task


@dataclass(frozen=True, slots=True)
class Vote:
    """What one sample answers to the test inputs of a task."""

    outputs: tuple[Grid | None, ...]
    fits: bool
    """It is a program that solves every train pair, and that nothing makes doubtful."""
    strength: float
    """1 for a grid; for a program the share of the train pairs that it solves."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """What one run answers to a task: its samples, and its own attempts, best first."""

    votes: tuple[Vote, ...]
    attempts: Attempts
    has_programs: bool
    are_chosen: bool = False
    """The votes are attempts, which somebody chose to differ: that they do says nothing."""

    def share(self, place: int, answer: Grid) -> float:
        """How much of the run's vote at a test input (0-1) is for this answer.

        If some program fits, only those that do have a vote.
        """
        given = [vote for vote in self.votes if vote.outputs[place] is not None]
        fitting = [vote for vote in given if vote.fits]
        for_it = [vote for vote in fitting or given if vote.outputs[place] == answer]
        return sum(vote.strength for vote in for_it) / len(fitting or given) if for_it else 0.0

    def sureness(self) -> float:
        """How sure a run is of its first attempts (0-1), which test outputs have no part in.

        Of all its samples the share that gives the first attempt, and whose program fits if they
        are programs; at the test input where this is lowest.
        """
        shares = []
        for place, tried in enumerate(self.attempts):
            agreeing = [
                vote
                for vote in self.votes
                if tried and tried[0] is not None and vote.outputs[place] == tried[0]
            ]
            counted = [vote for vote in agreeing if vote.fits or not self.has_programs]
            shares.append(len(counted) / len(self.votes) if self.votes else 0.0)
        return min(shares, default=0.0)


def ballot_of(entry: ResultEntry, task: Task) -> Ballot:
    """What an entry has to say.

    Its attempts speak for its samples if these have no outputs, or are about one test input each.
    """
    attempts = attempts_of(entry, task)
    attempts = [*attempts, *[()] * (len(task.test) - len(attempts))]
    are_chosen = entry.test_outputs is None or bool(entry.configuration.get(CHOSEN))
    if entry.test_outputs is None or any(place is not None for place in entry.test_input):
        width = max(map(len, attempts), default=0)
        columns = zip(*(padded(tried, width) for tried in attempts), strict=True)
        votes = tuple(Vote(column, fits=False, strength=1.0) for column in columns)
        if are_chosen:  # a place that nothing was chosen for
            votes = tuple(vote for vote in votes if any(vote.outputs))
        return Ballot(votes, attempts, has_programs=False, are_chosen=are_chosen)
    has_programs = entry.train_passed is not None
    unseen = task.without_test_outputs()
    votes = tuple(
        _vote(entry, index, tuple(outputs), unseen)
        for index, outputs in enumerate(sample_outputs(entry, task))
    )
    return Ballot(votes, attempts, has_programs, are_chosen)


def _vote(entry: ResultEntry, index: int, outputs: tuple[Grid | None, ...], unseen: Task) -> Vote:
    if entry.train_passed is None:
        return Vote(outputs, fits=False, strength=1.0)
    passed = entry.train_passed[index] or []
    fits = bool(passed) and all(passed)
    if fits:
        fits = not is_doubtful(entry, index, entry.python_code[index] or "", unseen)
    return Vote(outputs, fits, sum(map(bool, passed)) / len(passed) if passed else 0.0)


@dataclass(slots=True)
class _Answer:
    """A grid that some run gives at a test input."""

    output: Grid
    own_rank: tuple[int, int]
    """Its best place among the attempts of a run, and that run."""
    shares: dict[int, float] = field(default_factory=dict)
    """The part of each run's vote that is for it, by the run's number."""
    fits_in: set[int] = field(default_factory=set)
    """Runs with a program that fits and gives it."""


@dataclass(frozen=True, slots=True)
class CombinedChoice:
    """A grid that is handed in, and the runs that gave it."""

    output: Grid
    votes: float
    """The weights of the runs behind it, each by the share of its vote."""
    runs: tuple[int, ...]


def combine(
    ballots: Sequence[Ballot | None],
    weights: Sequence[float],
    test_count: int,
    attempts: int = ATTEMPTS,
) -> list[list[CombinedChoice]]:
    """For each test input up to `attempts` different answers of the runs, best first.

    `ballots` and `weights` have one item a run; a run without an answer has None. The first choice
    is an answer of a program that fits, if there is one; of several the one with most votes, a
    run's vote being shared out by its samples and counted by the run's weight. From then on
    programs that fit come first only if they are of a run that no answer before came from: another
    voice may be right where the first one is not. Ties go to what a run ranks higher itself, then
    to the earlier run.
    """
    return [_chosen(_answers(ballots, place), weights, attempts) for place in range(test_count)]


def _answers(ballots: Sequence[Ballot | None], place: int) -> list[_Answer]:
    found: dict[Hashable, _Answer] = {}
    for run, ballot in enumerate(ballots):
        if ballot is None:
            continue
        tried = list(ballot.attempts[place])
        for vote in ballot.votes:
            output = vote.outputs[place]
            if output is None:
                continue
            answer = found.setdefault(
                tuple(map(tuple, output)), _Answer(output, own_rank=(99, run))
            )
            if run not in answer.shares:
                answer.shares[run] = ballot.share(place, output)
                rank = tried.index(output) if output in tried else len(tried)
                answer.own_rank = min(answer.own_rank, (rank, run))
            if vote.fits:
                answer.fits_in.add(run)
    return list(found.values())


def _chosen(
    answers: Sequence[_Answer], weights: Sequence[float], attempts: int
) -> list[CombinedChoice]:
    """The best answers, one after the other, each judged by what was chosen before it."""
    left, chosen = list(answers), list[CombinedChoice]()
    heard: set[int] = set()

    def rank(answer: _Answer) -> tuple[object, ...]:
        return not answer.fits_in - heard, -_votes(answer, weights), answer.own_rank

    while left and len(chosen) < attempts:
        best = min(left, key=rank)
        left.remove(best)
        heard |= best.shares.keys()
        votes = _votes(best, weights)
        chosen.append(CombinedChoice(best.output, votes, tuple(sorted(best.shares))))
    return chosen


def _votes(answer: _Answer, weights: Sequence[float]) -> float:
    return sum(weights[run] * share for run, share in answer.shares.items())
