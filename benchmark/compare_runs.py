"""Compare runs of the benchmarks, offline: scores, costs, and what only one of them solves.

    python benchmark/compare_runs.py A_results.jsonl B_results.jsonl
    python benchmark/compare_runs.py RESULTS… --dataset arc2_evaluation --pareto score_by_cost.svg

Each model, configuration and dataset in the files is a run. Every two runs are compared on the
tasks that both were given, matched by content: the difference of their scores with an interval by
the bootstrap over tasks, and McNemar's exact test of the tasks solved.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase

from utilities.command_line.argument_types import positive_int
from utilities.command_line.script import OneLineParser, run_script
from utilities.errors import UsageError
from utilities.files.atomic import write_atomically
from utilities.scoring.comparison import RunRow, difference_lines, differences, row_lines, row_of
from utilities.scoring.options import add_task_set_options, chosen_tasks
from utilities.scoring.pareto_plot import Point, pareto_svg
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = OneLineParser(__doc__, usage="%(prog)s RESULTS… [options]")
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULTS", help="results files of the benchmarks"
    )
    add_task_set_options(parser)
    add = parser.add_argument_group("output").add_argument
    add("--pareto", type=Path, metavar="FILE", help="draw score against cost into this SVG")
    add("--max_listed", type=positive_int, default=10, metavar="N", help="of the tasks "
        "that one run alone solves list so many (10)")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Read, compare, print, and draw the picture asked for."""
    options = parse_arguments()
    tasks, dataset = chosen_tasks(options)
    runs = read_scored_runs(options.results, tasks=tasks, dataset=dataset)
    if len(runs) < 2:
        raise UsageError(f"only one run in these files ({runs[0].name}); give another's results")
    names = short_names(len(runs))
    rows = [row_of(run, name) for run, name in zip(runs, names, strict=True)]
    print("\n".join([*legend(runs, names), "", *row_lines(rows)]))
    compared = differences(runs, names)
    for one in compared:
        print("", *difference_lines(one, most_listed=options.max_listed), sep="\n")
    if not compared:
        print("\nno two runs have a task in common")
    if options.pareto is not None:
        draw(rows, runs, options.pareto)
    return 0


def short_names(count: int) -> list[str]:
    """A, B, … Z, A2, B2, …"""
    rounds, letters = range(1, count // len(ascii_uppercase) + 2), ascii_uppercase
    return [f"{letter}{turn if turn > 1 else ''}" for turn in rounds for letter in letters][:count]


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


def draw(rows: Sequence[RunRow], runs: Sequence[ScoredRun], path: Path) -> None:
    """Write the picture and say who is not in it."""
    points = [
        Point(run.name, row.cost_usd_a_task, row.scores.macro, *row.scores.interval("macro"))
        for row, run in zip(rows, runs, strict=True)
        if row.cost_usd_a_task is not None
    ]
    write_atomically(path, pareto_svg(points, title="Score against cost").encode())
    unknown = [row.name for row in rows if row.cost_usd_a_task is None]
    print(f"\nwrote {path}" + (f", without {', '.join(unknown)}: cost unknown" if unknown else ""))


if __name__ == "__main__":
    sys.exit(run_script(main))
