"""Runs of benchmarks side by side: the same tasks, their differences, and how sure these are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import mean, stdev
from string import ascii_uppercase
from typing import Any

from utilities.command_line.terminal import first_of, in_columns
from utilities.scoring.intervals import (
    FEWEST_DIFFERING,
    Interval,
    difference_interval,
    mcnemar_p_value,
)
from utilities.scoring.outcomes import TaskOutcome
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scores import ScoreSummary, score


@dataclass(frozen=True, slots=True)
class Means:
    """A run's means over some of its tasks."""

    score: float
    """The macro score of these tasks, as a share."""
    cost_usd: float | None
    """None if the cost of a sample is unknown."""
    tokens: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the table shows of a run."""

    name: str
    scores: ScoreSummary
    means: Means


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The second run against the first, over the tasks that both of them answered."""

    first: str
    second: str
    tasks: int
    unshared: int
    """Tasks that only one of the two was given."""
    unanswered: int
    """Tasks that both were given and one did not answer: no entry, or a technical failure."""
    means: tuple[Means, Means]
    """Of the first and the second run, over these tasks."""
    interval: Interval | None
    """95 %, of the difference of their scores; None if it is the same on every task."""
    both: int
    """Tasks that both solve, all outputs of them."""
    only_first: tuple[str, ...]
    """Tasks that only the first solves."""
    only_second: tuple[str, ...]
    p_value: float
    """McNemar's, exact and two-sided, of the tasks solved."""

    @property
    def macro(self) -> float:
        """The second's score less the first's, as a share."""
        return self.means[1].score - self.means[0].score

    def to_json(self, corrected: float) -> dict[str, Any]:
        """What `--json` says of the pair; `corrected` is the p-value among all pairs."""
        return asdict(self) | {
            "macro_difference": self.macro,
            "effect_size": self.effect_size,
            "corrected_p_value": corrected,
            "fewest_differing_tasks": FEWEST_DIFFERING,
        }

    @property
    def effect_size(self) -> float | None:
        """J. Cohen's g: how far the larger part of the tasks that one alone solves is from half.

        None if the runs solve the same tasks. Statistical Power Analysis, 1988, chapter 5.
        """
        first, second = len(self.only_first), len(self.only_second)
        return max(first, second) / (first + second) - 0.5 if first + second else None


def short_names(count: int) -> list[str]:
    """A, B, … Z, A2, B2, …"""
    rounds, letters = range(1, count // len(ascii_uppercase) + 2), ascii_uppercase
    return [f"{letter}{turn if turn > 1 else ''}" for turn in rounds for letter in letters][:count]


def means_of(outcomes: Sequence[TaskOutcome]) -> Means:
    """Means over tasks, at least one; those that were never answered count and cost nothing."""
    count = len(outcomes)
    costs = [one.cost_usd for one in outcomes]
    known = [cost for cost in costs if cost is not None]
    return Means(
        sum(one.score for one in outcomes) / count,
        sum(known) / count if len(known) == count else None,
        sum(one.tokens for one in outcomes) / count,
        sum(one.latency_s for one in outcomes) / count,
    )


def row_of(run: ScoredRun, name: str) -> RunRow:
    """A run's row, over all of its tasks."""
    return RunRow(name, run.scores(), means_of(list(run.outcomes.values())))


def rows_of_shared_tasks(runs: Sequence[ScoredRun], names: Sequence[str]) -> list[RunRow]:
    """The runs' rows over the tasks that all of them answered; none without such tasks."""
    answered = [_answered(one for one in run.outcomes.values() if one.scored) for run in runs]
    shared = sorted(set.intersection(*map(set, answered)))
    each = [[tasks[key] for key in shared] for tasks in answered] if shared else []
    return [
        RunRow(name, score(tasks), means_of(tasks))
        for name, tasks in zip(names, each, strict=False)
    ]


def differences(runs: Sequence[ScoredRun], names: Sequence[str]) -> list[PairedDifference]:
    """Every pair of runs that both answered a task, the earlier one first.

    Tasks are the same if their content is; those without content are known by their ids.
    """
    scored = [[one for one in run.outcomes.values() if one.scored] for run in runs]
    answered = list(map(_answered, scored))
    found = []
    for first, second in combinations(range(len(runs)), 2):
        shared = sorted(answered[first].keys() & answered[second].keys())
        if shared:
            pairs = [(answered[first][key], answered[second][key]) for key in shared]
            given = _ids(scored[first]), _ids(scored[second])
            found.append(_difference(pairs, (names[first], names[second]), given))
    return found


def _answered(given: Iterable[TaskOutcome]) -> dict[str, TaskOutcome]:
    """The tasks with an answer by their content, and by their ids too if several have it."""
    outcomes = list(given)
    times = Counter(one.task_hash for one in outcomes)
    return {
        one.task_hash if times[one.task_hash] == 1 else f"{one.task_hash} {one.task_id}": one
        for one in outcomes
        if one.is_answered
    }


def _ids(outcomes: Iterable[TaskOutcome]) -> set[str]:
    return {one.task_id for one in outcomes}


def _difference(
    pairs: Sequence[tuple[TaskOutcome, TaskOutcome]],
    names: tuple[str, str],
    given: tuple[set[str], set[str]],
) -> PairedDifference:
    first, second = zip(*pairs, strict=True)
    compared = _ids(first) | _ids(second)
    only_first = tuple(sorted(a.task_id for a, b in pairs if a.solved and not b.solved))
    only_second = tuple(sorted(b.task_id for a, b in pairs if b.solved and not a.solved))
    outputs = sum(len(one.outputs_solved) for one in first)
    return PairedDifference(
        *names,
        tasks=len(pairs),
        unshared=len((given[0] ^ given[1]) - compared),
        unanswered=len((given[0] & given[1]) - compared),
        means=(means_of(first), means_of(second)),
        interval=difference_interval(
            [one.score for one in first], [one.score for one in second], outputs
        ),
        both=sum(a.solved and b.solved for a, b in pairs),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar_p_value(len(only_first), len(only_second)),
    )


def corrected_p_values(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, so corrected that 5 % is the chance of any false find.

    S. Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = highest
    return corrected


def spread_lines(runs: Sequence[ScoredRun]) -> list[str]:
    """For each configuration that was run several times on a dataset the spread of its scores."""
    repeats: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        if run.repeats > 1:
            repeats.setdefault((run.configuration_key, run.name), []).append(run.scores().macro)
    return [
        f"{len(scores)} runs of {name}: macro {min(scores):.2%} to {max(scores):.2%}, "
        f"mean {mean(scores):.2%}, standard deviation {100 * stdev(scores):.2f} points"
        for (_, name), scores in repeats.items()
    ]


def row_lines(rows: Sequence[RunRow]) -> list[str]:
    """The score table, under short names."""
    head = ("", "tasks", "macro", "95 % interval", "micro", "strict", "USD/task", "tokens/task",
            "s/task")  # fmt: skip
    return in_columns([head, *map(_cells, rows)])


def _cells(row: RunRow) -> tuple[str, ...]:
    scores = row.scores
    low, high = scores.interval("macro")
    cost = "unknown" if row.means.cost_usd is None else f"{row.means.cost_usd:.4f}"
    cost = "0" if row.means.cost_usd == 0 else cost
    return (
        row.name, str(scores.tasks), f"{scores.macro:.2%}", f"{low:.1%} – {high:.1%}",
        f"{scores.micro:.2%}", f"{scores.strict:.2%}", cost, f"{row.means.tokens:,.0f}",
        f"{row.means.latency_s:,.2f}",
    )  # fmt: skip


def difference_lines(
    one: PairedDifference, *, most_listed: int, corrected: float | None = None
) -> list[str]:
    """A pair of runs for a person to read; `corrected` is the p-value among several."""
    between = "the same on every task"
    if one.interval is not None:
        between = f"95 % interval {_points(one.interval[0])} to {_points(one.interval[1])}"
    gain = f"{one.second} - {one.first}: macro {_points(one.macro)} points ({between})"
    compared = f"{one.tasks} task{'s' * (one.tasks != 1)}"
    alone = f"{one.second}: {len(one.only_second)}, only by {one.first}: {len(one.only_first)}"
    size = "" if one.effect_size is None else f", Cohen's g = {one.effect_size:.2f}"
    among = "" if corrected is None else f" ({corrected:.3g} by Holm's correction)"
    lines = [
        f"{gain}, {compared}{_left_out(one)}",
        f"  solved only by {alone}; McNemar p = {one.p_value:.3g}{among}{size}",
        f"  {detectable(one.tasks)}",
    ]
    for name, ids in ((one.second, one.only_second), (one.first, one.only_first)):
        if ids:
            lines.append(f"  only {name}: {first_of(ids, most_listed)}")
    return lines


def detectable(tasks: int) -> str:
    """The smallest difference that so many tasks can tell from chance, in words."""
    if tasks < FEWEST_DIFFERING:
        return f"too few tasks to tell any difference from chance; it takes {FEWEST_DIFFERING}"
    points = 100 * FEWEST_DIFFERING / tasks
    return f"fewer than {FEWEST_DIFFERING} tasks ({points:.2f} points) cannot be told from chance"


def _left_out(one: PairedDifference) -> str:
    parts = [f"{one.unshared} that only one was given"] if one.unshared else []
    parts += [f"{one.unanswered} that not both answered"] if one.unanswered else []
    return f"; left out: {', '.join(parts)}" if parts else ""


def _points(share: float) -> str:
    return f"{100 * share:+.2f}"
