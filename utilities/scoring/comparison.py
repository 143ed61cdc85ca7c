"""Runs of benchmarks side by side: the same tasks, their differences, and how sure these are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from utilities.command_line.terminal import first_of
from utilities.scoring.intervals import Interval, bootstrap_intervals, mcnemar_p_value
from utilities.scoring.outcomes import TaskOutcome
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scores import ScoreSummary


@dataclass(frozen=True, slots=True)
class RunRow:
    """What the table shows of a run; costs, tokens and seconds are means over its tasks."""

    name: str
    scores: ScoreSummary
    cost_usd_a_task: float | None
    """None if the cost of a sample is unknown."""
    tokens_a_task: float
    latency_s_a_task: float


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The second run against the first, over the tasks that both of them were given."""

    first: str
    second: str
    tasks: int
    left_out: int
    """Tasks that only one of the two was given."""
    gains: tuple[float, ...]
    """For each task the second's score less the first's, as a share."""
    only_first: tuple[str, ...]
    """Tasks that only the first solves, all outputs of them."""
    only_second: tuple[str, ...]
    p_value: float
    """McNemar's, exact and two-sided, of the tasks solved."""

    @property
    def macro(self) -> float:
        """The second's score less the first's, as a share."""
        return sum(self.gains) / len(self.gains)

    @property
    def macro_interval(self) -> Interval | None:
        """By the bootstrap over tasks; None if the difference is the same on every task."""
        (interval,) = bootstrap_intervals([self.gains], [[1.0] * len(self.gains)])
        return interval


def row_of(run: ScoredRun, name: str) -> RunRow:
    """A run's row; tasks that were never answered cost nothing and count all the same."""
    outcomes = list(run.outcomes.values())
    costs = [one.cost_usd for one in outcomes if one.cost_usd is not None]
    return RunRow(
        name,
        run.scores(),
        sum(costs) / len(outcomes) if len(costs) == len(outcomes) else None,
        sum(one.tokens for one in outcomes) / len(outcomes),
        sum(one.latency_s for one in outcomes) / len(outcomes),
    )


def differences(runs: Sequence[ScoredRun], names: Sequence[str]) -> list[PairedDifference]:
    """Every pair of runs that share a task, the earlier one first."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        for task_id, one in run.outcomes.items():
            if one.task_hash:
                for dataset in (run.dataset, ""):
                    hashes.setdefault((dataset, task_id), set()).add(one.task_hash)
    keyed = [_by_content(run, hashes) for run in runs]
    pairs = combinations(range(len(runs)), 2)
    compared = (
        _difference(keyed[first], keyed[second], (names[first], names[second]))
        for first, second in pairs
    )
    return [one for one in compared if one is not None]


def _by_content(
    run: ScoredRun, hashes: Mapping[tuple[str, str], set[str]]
) -> dict[str, TaskOutcome]:
    """The scored tasks by their content; of a missing one another run may know it.

    That is a run on the same dataset, or else any, if the id stands for one content only.
    """

    def content_of(task_id: str) -> str:
        known = hashes.get((run.dataset, task_id)) or hashes.get(("", task_id), set())
        return min(known) if len(known) == 1 else task_id

    return {
        one.task_hash or content_of(task_id): one
        for task_id, one in run.outcomes.items()
        if one.scored
    }


def _difference(
    first: dict[str, TaskOutcome], second: dict[str, TaskOutcome], names: tuple[str, str]
) -> PairedDifference | None:
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return None
    pairs = [(first[key], second[key]) for key in shared]
    only_first = tuple(sorted(a.task_id for a, b in pairs if a.solved and not b.solved))
    only_second = tuple(sorted(b.task_id for a, b in pairs if b.solved and not a.solved))
    return PairedDifference(
        first=names[0],
        second=names[1],
        tasks=len(shared),
        left_out=len(first.keys() ^ second.keys()),
        gains=tuple(b.score - a.score for a, b in pairs),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar_p_value(len(only_first), len(only_second)),
    )


def row_lines(rows: Sequence[RunRow]) -> list[str]:
    """The score table, under short names."""
    head = ("", "tasks", "macro", "95 % interval", "micro", "strict", "USD/task", "tokens/task",
            "s/task")  # fmt: skip
    cells = [head, *map(_cells, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        ).rstrip()
        for row in cells
    ]  # fmt: skip


def _cells(row: RunRow) -> tuple[str, ...]:
    scores = row.scores
    low, high = scores.interval("macro")
    cost = "unknown" if row.cost_usd_a_task is None else f"{row.cost_usd_a_task:.4f}"
    cost = "0" if row.cost_usd_a_task == 0 else cost
    return (
        row.name, str(scores.tasks), f"{scores.macro:.2%}", f"{low:.1%} – {high:.1%}",
        f"{scores.micro:.2%}", f"{scores.strict:.2%}", cost, f"{row.tokens_a_task:,.0f}",
        f"{row.latency_s_a_task:,.2f}",
    )  # fmt: skip


def difference_lines(one: PairedDifference, *, most_listed: int) -> list[str]:
    """A pair of runs for a person to read."""
    between = "the same on every task"
    if (interval := one.macro_interval) is not None:
        low, high = interval
        between = f"95 % interval {_points(low)} to {_points(high)}"
    left_out = f", {one.left_out} in only one of the two left out" if one.left_out else ""
    gain = f"{one.second} - {one.first}: macro {_points(one.macro)} points ({between})"
    alone = f"{one.second}: {len(one.only_second)}, only by {one.first}: {len(one.only_first)}"
    lines = [
        f"{gain}, {one.tasks} tasks{left_out}",
        f"  solved only by {alone}; McNemar p = {one.p_value:.3g}",
    ]
    for name, ids in ((one.second, one.only_second), (one.first, one.only_first)):
        if ids:
            lines.append(f"  only {name}: {first_of(ids, most_listed)}")
    return lines


def _points(share: float) -> str:
    return f"{100 * share:+.2f}"
