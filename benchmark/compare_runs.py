"""Compare runs of the benchmarks, offline: scores, costs, and what only one of them solves.

    python benchmark/compare_runs.py A_results.jsonl B_results.jsonl
    python benchmark/compare_runs.py RESULTS… --dataset arc2_evaluation --pareto score_by_cost.svg

Each model, configuration and dataset in the files is a run, and a configuration that was run twice
is two. Every two runs are compared on the tasks that both answered, matched by content: the
difference of their scores with its interval, McNemar's exact test of the tasks solved (corrected
for several comparisons), and how small a difference so many tasks can show.
"""

from utilities.command_line.script import run_script

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utilities.command_line.options import Options, argument, flag, option, parse_options, part
from utilities.command_line.terminal import say, show
from utilities.command_line.words import is_one_of
from utilities.errors import UsageError
from utilities.files.atomic import write_atomically
from utilities.scoring.comparison import (
    RunRow,
    corrected_p_values,
    difference_lines,
    differences,
    row_lines,
    row_of,
    rows_of_shared_tasks,
    short_names,
    spread_lines,
)
from utilities.scoring.equal_cost import at_equal_cost
from utilities.scoring.options import GroupOptions, TaskSetOptions
from utilities.scoring.pareto_plot import Point, pareto_svg
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files of the benchmarks, or answers of others (with --dataset)", "RESULTS"
    )
    task_set: TaskSetOptions = part(TaskSetOptions)
    groups: GroupOptions = part(GroupOptions)
    json: bool = flag(
        "print JSON instead of tables, with every task, its cost and its tokens", group="output"
    )
    equal_cost: bool = flag(
        "also what each run scores if it may spend the same USD a task, which tells strategies "
        "apart",
        group="output",
    )
    pareto: Path | None = option(
        "draw score against cost a task, on the tasks that all runs answered, into this SVG",
        "FILE",
        group="output",
    )
    max_listed: int = option(
        "how many of the tasks to list that one run alone solves", "N", default=10, group="output"
    )

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        return "--pareto is one of RESULTS" if is_one_of(self.pareto, self.results) else None


def main() -> int:
    """Read, compare, print, and draw the picture asked for."""
    options = parse_options(ComparisonOptions, __doc__)
    tasks, dataset = options.task_set.chosen_tasks()
    runs = read_scored_runs(options.results, tasks=tasks, dataset=dataset)
    if len(runs) < 2:
        raise UsageError(f"only one run in these files ({runs[0].name}); give another's results")
    names = short_names(len(runs))
    shared = rows_of_shared_tasks(runs, names)
    compared = differences(runs, names)
    corrected = corrected_p_values([one.p_value for one in compared])
    costs = at_equal_cost(runs, names) if options.equal_cost else None
    if options.json:
        told = to_json(runs, shared, options.groups)
        told["differences"] = [
            one.to_json(p_value) for one, p_value in zip(compared, corrected, strict=True)
        ]
        if costs is not None:
            told["at_equal_cost"] = [level.to_json() for level in costs.levels]
            told["not_at_equal_cost"] = costs.left_out
        show(*json.dumps(told, indent=2).splitlines())
    else:
        show(*tables(runs, names, shared, options.groups))
        for one, p_value in zip(compared, corrected, strict=True):
            among = p_value if len(compared) > 1 else None
            show("", *difference_lines(one, most_listed=options.max_listed, corrected=among))
        if costs is not None:
            show("", *costs.lines())
        if not compared:
            show("", "no two runs have a task in common")
    if options.pareto is not None:
        rows = shared or [row_of(run, name) for run, name in zip(runs, names, strict=True)]
        left_out = draw(rows, runs, options.pareto, are_shared=bool(shared))
        (say if options.json else show)(f"wrote {options.pareto}{left_out}")
    return 0


def tables(
    runs: Sequence[ScoredRun],
    names: Sequence[str],
    shared: Sequence[RunRow],
    groups: GroupOptions,
) -> list[str]:
    """Which run is which, their rows, and their rows on the same tasks if these are fewer."""
    rows = [row_of(run, name) for run, name in zip(runs, names, strict=True)]
    lines = [*legend(runs, names), "", *row_lines(rows), *spread_lines(runs)]
    if shared and any(len(run.outcomes) > shared[0].scores.tasks for run in runs):
        count = shared[0].scores.tasks
        lines += ["", f"on the {count} task{'s' * (count != 1)} that all of them answered:"]
        lines += row_lines(shared)
    for run, name in zip(runs, names, strict=True):
        if grouped := groups.lines(run.outcomes.values()):
            lines += ["", name, *grouped]
    return lines


def to_json(
    runs: Sequence[ScoredRun], shared: Sequence[RunRow], groups: GroupOptions
) -> dict[str, Any]:
    """What `--json` prints, but for the differences: each run, and their rows on the same tasks."""
    names = short_names(len(runs))
    return {
        "runs": [
            {"name": name, **run.to_json(), **groups.fields(run.outcomes.values())}
            for name, run in zip(names, runs, strict=True)
        ],
        "on_shared_tasks": [
            {"name": row.name, "scores": row.scores.to_json(), "means": asdict(row.means)}
            for row in shared
        ],
    }


def legend(runs: Sequence[ScoredRun], names: Sequence[str]) -> list[str]:
    """Which run is which, and what must be known of it."""
    lines = []
    for run, name in zip(runs, names, strict=True):
        scores = run.scores()
        failed = sum(map(len, scores.failed.values()))
        apart = [
            f"{failed} failed for technical reasons" if failed else "",
            f"{len(scores.missing)} without an entry" if scores.missing else "",
        ]
        counted = "; ".join(filter(None, apart))
        lines.append(f"{name}  {run.name}{f' ({counted})' if counted else ''}")
        lines += [f"   {note}" for note in run.notes()]
    return lines


def draw(rows: Sequence[RunRow], runs: Sequence[ScoredRun], path: Path, *, are_shared: bool) -> str:
    """Write the picture; returns what must be said of it."""
    points = [
        Point(run.name, row.means.cost_usd, row.scores.macro, *row.scores.interval("macro"))
        for row, run in zip(rows, runs, strict=True)
        if row.means.cost_usd is not None
    ]
    count = rows[0].scores.tasks
    tasks = f"the {count} tasks that all answered" if are_shared else "each run's own tasks"
    title = f"Score against cost a task, on {tasks}"
    write_atomically(path, pareto_svg(points, title=title).encode(), option="--pareto")
    unknown = [row.name for row in rows if row.means.cost_usd is None]
    return f", without {', '.join(unknown)}: cost unknown" if unknown else ""


if __name__ == "__main__":
    sys.exit(run_script(main))
