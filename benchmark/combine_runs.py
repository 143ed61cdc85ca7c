"""Make one pair of attempts a test input out of several runs, offline; asks nothing.

    python benchmark/combine_runs.py CODE.jsonl DIRECT.jsonl --submission submission.json
    python benchmark/combine_runs.py CHEAP.jsonl DEAR.jsonl --cascade
    python benchmark/combine_runs.py CODE.jsonl submission.json --dataset arc2_evaluation --weights 2,1

Answers of programs that fit the train pairs come first, then those with most votes, each run's
vote counted by its weight; the second attempt is the best answer of another voice. Weights and
choice know no test output. Printed are the scores of each run, of all together and of a perfect
choice, what each run supplied, and what leaving it out would change.
"""  # noqa: E501 - a command to paste

from utilities.command_line.script import run_script

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utilities.command_line.options import Options, argument, flag, option, parse_options, part
from utilities.command_line.terminal import in_columns, say, show
from utilities.command_line.words import comma_list, is_one_of, non_negative_float
from utilities.config import BENCHMARK_RESULTS_DIRECTORY
from utilities.errors import UsageError
from utilities.files.spool import open_spool
from utilities.scoring import combined_results
from utilities.scoring.combined_runs import ALL, CascadeStep, Combination
from utilities.scoring.comparison import RunRow, difference_lines, row_lines, short_names
from utilities.scoring.options import SubmissionFiles, TaskSetOptions
from utilities.scoring.scored_runs import read_scored_runs
from utilities.scoring.submissions import write_submissions

OUTPUT = BENCHMARK_RESULTS_DIRECTORY / "combined" / "combined_results.jsonl"
_MOST_LISTED = 10


def weights_of(text: str) -> tuple[float, ...]:
    """The numbers of a comma list, none of them below 0; one of them above it."""
    weights = tuple(map(non_negative_float, comma_list(text)))
    if not any(weights):
        raise argparse.ArgumentTypeError(f"{text!r} gives no run a weight; write W,W,…")
    return weights


@dataclass(frozen=True, kw_only=True)
class CombinationOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files of the benchmarks, or answers of others (with --dataset)", "RESULTS"
    )
    weights: tuple[float, ...] | None = option(
        "how much each run's vote counts, in the order of the runs (default: of programs the share "
        "that solves all train pairs; of grids the root of how often two samples of the run agree, "
        "or the share that another model gives, too)",
        "W,W,…",
        parse=weights_of,
        nargs=None,
    )
    cascade: bool = flag(
        "also show what asking the first run comes to, and another only where that is unsure"
    )
    task_set: TaskSetOptions = part(TaskSetOptions)
    output: Path = option(
        "the results file of all runs together", "FILE", default=OUTPUT, group="output"
    )
    json: bool = flag("print JSON instead of tables", group="output")
    submission: SubmissionFiles = part(SubmissionFiles)

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        for name, path in (("output", self.output), ("submission", self.submission.submission)):
            if is_one_of(path, self.results):
                return f"--{name} is one of RESULTS"
        return None


def main() -> int:
    """Read, combine, write, and print what came of it."""
    options = parse_options(CombinationOptions, __doc__)
    tasks, dataset = options.task_set.chosen_tasks()
    runs = read_scored_runs(options.results, tasks=tasks, dataset=dataset)
    names = short_names(len(runs))
    if len(runs) < 2:
        raise UsageError(f"only one run in these files ({runs[0].name}); give another's results")
    if options.weights is not None and len(options.weights) != len(runs):
        told = "; ".join(f"{name} {run.name}" for name, run in zip(names, runs, strict=True))
        raise UsageError(
            f"--weights has {len(options.weights)} numbers for {len(runs)} runs: {told}"
        )
    combination = Combination(runs, names)
    with open_spool(options.output.parent, "entries (task TEXT, run INT, content BLOB)") as spool:
        spool.execute("CREATE INDEX by_task ON entries (task)")
        combination.read(spool)
        combination.weigh(options.weights)
        combined_results.write(combination, options.output, spool, dataset or runs[0].dataset)
    if options.json:
        show(*json.dumps(to_json(combination, cascade=options.cascade), indent=2).splitlines())
    else:
        show(*tables(combination, cascade=options.cascade))
    written = [options.output]
    if options.submission.submission or options.submission.submission_directory:
        together = read_scored_runs([options.output], tasks=tasks, dataset=dataset)
        written += write_submissions(options.submission, together)
    for path in written:
        (say if options.json else show)(f"wrote {path}")
    return 0


def compared_ids(combination: Combination) -> tuple[list[str], str]:
    """The tasks that the figures are about, and what they are in words."""
    shared, every = combination.shared_ids(), combination.all_ids()
    if shared:
        return shared, f"on the {tasks_text(len(shared))} that all runs answered"
    return every, f"on {tasks_text(len(every))}; what a run did not answer counts 0"


def tables(combination: Combination, *, cascade: bool) -> list[str]:
    """Which run is which, scores, what each supplied, and what leaving it out would change."""
    lines = []
    for one in combination.members:
        lines.append(f"{one.name}  {one.run.name}")
        silent = "" if one.weight else "; it has no vote: --weights gives it one"
        lines.append(f"   weight {one.weight:.3f} ({one.weighed_by}{silent})")
        lines += [f"   {note}" for note in one.run.notes()]
    chosen, which = compared_ids(combination)
    every = combination.all_ids()
    if not every:
        return [*lines, "", "no test output is known: nothing can be scored"]
    rows = combination.rows(chosen)
    lines += ["", f"{which}:", *row_lines(rows)]
    if len(every) > len(chosen):
        lines += ["", f"on all {tasks_text(len(every))}; what a run did not answer counts 0:"]
        lines += row_lines(combination.rows(every))
    lines += ["", *supply_lines(combination, chosen), "", "against the best single run:"]
    gain = combination.gain_over_best(rows, chosen)
    lines += difference_lines(gain, most_listed=_MOST_LISTED)
    lines += ["", "what each run adds:"]
    for difference in combination.without_each(chosen):
        lines += difference_lines(difference, most_listed=_MOST_LISTED)
    for second in combination.members[1:] if cascade else ():
        steps = combination.cascade(second, chosen)
        lines += ["", *cascade_lines(combination.members[0].name, second.name, steps, len(chosen))]
    return lines


def tasks_text(count: int) -> str:
    """A number of tasks in words."""
    return f"{count} task{'s' * (count != 1)}"


def supply_lines(combination: Combination, task_ids: Sequence[str]) -> list[str]:
    """Which run gave what, in test inputs."""
    cells: list[tuple[str, ...]] = [
        ("", "first attempts", "second", "solved outputs", "by it alone")
    ]
    for name, one in combination.supplies(task_ids).items():
        given = one.first, one.second, one.solved, one.solved_alone
        cells.append((name, *map(str, given)))
    return ["which run gave what, alone or with others:", *in_columns(cells)]


def cascade_lines(first: str, second: str, steps: Sequence[CascadeStep], tasks: int) -> list[str]:
    """The cascade's table: a line for each threshold."""
    cells = [("ask if below", "asked", "macro", "95 % interval", "USD/task")]
    for step in steps:
        low, high = step.row.scores.interval("macro")
        cost = step.row.means.cost_usd
        below = "never" if not step.below else "always" if step.below > 1 else f"{step.below:.2f}"
        asked, macro = f"{step.asked / tasks:.1%}", f"{step.row.scores.macro:.2%}"
        paid = "unknown" if cost is None else f"{cost:.4f}"
        cells.append((below, asked, macro, f"{low:.1%} – {high:.1%}", paid))
    told = f"{first}, and {second} only where {first} is unsure: if a smaller share of its samples"
    return [f"{told} gives the first attempt (and fits, if programs):", *in_columns(cells)]


def to_json(combination: Combination, *, cascade: bool) -> dict[str, Any]:
    """What `--json` prints: the same figures, with every task of all runs together."""
    chosen, which = compared_ids(combination)
    every = combination.all_ids()
    rows = combination.rows(chosen) if chosen else []
    told: dict[str, Any] = {
        "runs": [
            {"name": one.name, "run": one.run.name, "weight": one.weight, "by": one.weighed_by}
            for one in combination.members
        ],
        "tasks": which,
        "rows": _rows_to_json(rows),
    }
    if len(every) > len(chosen):
        told["rows_on_all_tasks"] = _rows_to_json(combination.rows(every))
    if not chosen:
        return told
    differences = [combination.gain_over_best(rows, chosen), *combination.without_each(chosen)]
    told |= {
        "supplied": {name: asdict(one) for name, one in combination.supplies(chosen).items()},
        "differences": [one.to_json(one.p_value) for one in differences],
        "outcomes": {ALL: [one.to_json() for one in combination.together(chosen).values()]},
    }
    if cascade:
        told["cascades"] = {
            one.name: [
                {"below": step.below, "asked": step.asked, "scores": step.row.scores.to_json(),
                 "means": asdict(step.row.means)}
                for step in combination.cascade(one, chosen)
            ]
            for one in combination.members[1:]
        }  # fmt: skip
    return told


def _rows_to_json(rows: Sequence[RunRow]) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "scores": row.scores.to_json(), "means": asdict(row.means)}
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(run_script(main))
