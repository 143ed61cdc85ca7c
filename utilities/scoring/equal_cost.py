"""Runs side by side at equal cost: what each scores if it may spend the same USD a task.

Strategies differ in how many samples they take and what each costs, so that scores at the same
number of samples say little. Here each task's samples count in the order in which they were asked,
as long as they stay under a cap, and the attempts are chosen of these alone. A run's cap is the
highest at which it spends no more than the given mean.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from utilities.command_line.terminal import in_columns
from utilities.results.result_entry import ResultEntry
from utilities.scoring.attempts import (
    Candidate,
    choose,
    choose_by_vote,
    grids_of,
    ranked,
)
from utilities.scoring.intervals import Interval, share_interval
from utilities.scoring.outcomes import (
    ATTEMPTS,
    sample_outputs,
    score_attempts,
    unranked_candidates,
)
from utilities.scoring.scored_run import ScoredRun, counted_entries
from utilities.tasks.task import Task

_SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Of the most that every run spent a task."""


@dataclass(frozen=True, slots=True)
class _Spending:
    """A task's scores by the number of its samples that count, and what these cost together."""

    usd: tuple[float, ...]
    scores: tuple[float, ...]
    """One item more than `usd`: the first is that of no sample."""
    outputs: int

    def count_under(self, cap_usd: float) -> int:
        """How many samples stay under a cap."""
        return sum(spent <= cap_usd for spent in self.usd)


@dataclass(frozen=True, slots=True)
class CostPoint:
    """A run at a cap: the USD that it spends a task, its macro score, and the 95 % interval."""

    name: str
    spent_usd: float
    macro: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CostLevel:
    """All runs, each with at most this mean spending."""

    usd_a_task: float
    points: tuple[CostPoint, ...]

    def to_json(self) -> dict[str, Any]:
        """What `--json` says of it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EqualCosts:
    """The runs at several levels of cost, on the tasks that all of them answered."""

    tasks: int
    levels: tuple[CostLevel, ...]
    left_out: dict[str, str]
    """Runs that cannot be compared so, and why."""

    def lines(self) -> list[str]:
        """A table, and what was left out."""
        told = [
            f"{name} is not compared at equal cost: {why}" for name, why in self.left_out.items()
        ]
        if not self.levels:
            return told or ["no task that could be compared at equal cost"]
        names = [point.name for point in self.levels[0].points]
        rows = [
            (f"${level.usd_a_task:.4g}", *(_cell(point) for point in level.points))
            for level in self.levels
        ]
        tasks = f"{self.tasks} task{'s' * (self.tasks != 1)}"
        head = f"score at the same cost, on {tasks} that all answered:"
        return [head, *in_columns([("USD a task", *names), *rows]), *told]


def at_equal_cost(runs: Sequence[ScoredRun], names: Sequence[str]) -> EqualCosts:
    """Compare the runs at an eighth, a quarter, half and all of what each of them spent a task."""
    spendings: dict[str, dict[str, _Spending]] = {}
    left_out: dict[str, str] = {}
    for run, name in zip(runs, names, strict=True):
        found = {
            run.outcomes[task.task_id].task_hash or task.task_id: _spending(entry, task)
            for _, task, entry in counted_entries(run)
            if run.outcomes[task.task_id].scored and _is_known(entry)
        }
        if not found or not any(one.usd and one.usd[-1] for one in found.values()):
            left_out[name] = "its samples cost nothing, or nobody knows what"
        else:
            spendings[name] = found
    shared = sorted(set.intersection(*map(set, spendings.values()))) if spendings else []
    if len(spendings) < 2 or not shared:
        return EqualCosts(0, (), left_out)
    tasks = {name: [found[key] for key in shared] for name, found in spendings.items()}
    most = min(sum(one.usd[-1] for one in of_run) for of_run in tasks.values()) / len(shared)
    levels = [
        CostLevel(share * most, tuple(_point(name, tasks[name], share * most) for name in tasks))
        for share in _SHARES
    ]
    return EqualCosts(len(shared), tuple(levels), left_out)


def _is_known(entry: ResultEntry) -> bool:
    """Whether the entry's samples can be taken one by one: each with its cost and outputs."""
    whole = all(place is None for place in entry.test_input)
    return bool(entry.samples) and whole and not entry.unpriced and entry.test_outputs is not None


def _spending(entry: ResultEntry, task: Task) -> _Spending:
    expected = [pair.output for pair in task.test]
    costs = [cost or 0.0 for cost in entry.cost_usd]
    candidates = None if entry.train_passed is None else unranked_candidates(entry, task)
    outputs = sample_outputs(entry, task)

    def score_of(count: int) -> float:
        if candidates is None:
            chosen = choose_by_vote(outputs[:count], len(expected), ATTEMPTS)
        else:
            few: list[Candidate] = [one for one in candidates if one.index < count]
            chosen = choose(ranked(few), len(expected), ATTEMPTS)
        right = score_attempts(grids_of(chosen), expected)
        return sum(map(bool, right)) / len(right)

    scores = tuple(score_of(count) for count in range(entry.samples + 1))
    return _Spending(tuple(accumulate(costs)), scores, len(expected))


def _point(name: str, tasks: Sequence[_Spending], usd_a_task: float) -> CostPoint:
    counts = _counts_within(tasks, usd_a_task * len(tasks))
    pairs = list(zip(tasks, counts, strict=True))
    spent = sum(one.usd[count - 1] for one, count in pairs if count)
    scores = [one.scores[count] for one, count in pairs]
    each, outputs = [1.0] * len(tasks), sum(one.outputs for one in tasks)
    interval = share_interval(scores, each, outputs)
    return CostPoint(name, spent / len(tasks), sum(scores) / len(tasks), interval)


def _counts_within(tasks: Sequence[_Spending], usd: float) -> list[int]:
    """How many samples of each task count under the highest cap that spends no more than `usd`."""
    caps = sorted({spent for one in tasks for spent in one.usd})
    low, high = 0, len(caps)  # the first `low` caps can be afforded
    while low < high:
        middle = (low + high + 1) // 2
        counts = [one.count_under(caps[middle - 1]) for one in tasks]
        spent = sum(one.usd[count - 1] for one, count in zip(tasks, counts, strict=True) if count)
        low, high = (middle, high) if spent <= usd * (1 + 1e-9) else (low, middle - 1)
    return [one.count_under(caps[low - 1]) if low else 0 for one in tasks]


def _cell(point: CostPoint) -> str:
    low, high = point.interval
    return f"{point.macro:.1%} ({low:.1%} – {high:.1%})"
