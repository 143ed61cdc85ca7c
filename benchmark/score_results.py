"""Score results files of the benchmarks anew, offline; asks nothing.

    python benchmark/score_results.py benchmark/benchmark_results/code_benchmark/*_results.jsonl
    python benchmark/score_results.py RESULTS.jsonl OTHER.jsonl.gz --dataset arc1_evaluation --json

A table for each model, configuration and dataset; two files that answer the same task are repeats,
with a table each. Of several entries for a task the newest complete one counts. A task that was
selected and has no entry, or failed for technical reasons, counts as not solved and is listed
apart.
"""

from utilities.command_line.script import run_script

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.command_line.options import Options, argument, flag, option, parse_options, part
from utilities.command_line.terminal import say, show
from utilities.command_line.words import is_one_of
from utilities.config import TRACES_STORE_PATH
from utilities.models.costs import cost_text
from utilities.scoring.comparison import spread_lines
from utilities.scoring.contamination import ContaminationCheck, KnownPairs
from utilities.scoring.leaderboard import write_entry
from utilities.scoring.options import GroupOptions, SubmissionOptions, TaskSetOptions
from utilities.scoring.scored_run import ScoredRun, counted_entries
from utilities.scoring.scored_runs import read_scored_runs
from utilities.scoring.submissions import write_submissions
from utilities.scoring.training_sources import open_check


@dataclass(frozen=True, kw_only=True)
class ScoringOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files of the benchmarks, or answers of others (with --dataset)", "RESULTS"
    )
    task_set: TaskSetOptions = part(TaskSetOptions)
    run_id: str | None = option("only the tasks of this run", "ID")
    groups: GroupOptions = part(GroupOptions)
    json: bool = flag("print JSON instead of tables, with every task, its cost and its tokens")
    submission: SubmissionOptions = part(SubmissionOptions)
    leaderboard_entry: Path | None = option(
        "write the scores into a submission.yaml of ARC Prize's community leaderboard", "FILE"
    )

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        written = {
            "--submission": self.submission.submission,
            "--leaderboard_entry": self.leaderboard_entry,
        }
        inputs = [name for name, path in written.items() if is_one_of(path, self.results)]
        return f"{inputs[0]} is one of RESULTS" if inputs else None


def main() -> int:
    """Read, score, print, and write the submissions asked for."""
    options = parse_options(ScoringOptions, __doc__)
    tasks, dataset = options.task_set.chosen_tasks()
    runs = read_scored_runs(options.results, tasks=tasks, dataset=dataset, run_id=options.run_id)
    known = open_check(TRACES_STORE_PATH, options.submission.training_data).sources
    checks = [contamination_of(run, known) for run in runs]
    if options.json:
        both = zip(runs, checks, strict=True)
        told = [to_json(run, check, options.groups) for run, check in both]
        show(*json.dumps(told, indent=2).splitlines())
    else:
        tables = [
            "\n".join(table(run, check, options.groups))
            for run, check in zip(runs, checks, strict=True)
        ]
        show(*"\n\n".join([*tables, *spread_lines(runs)]).split("\n"))
    tell = say if options.json else show
    for path in write_submissions(options.submission, runs):
        tell(f"wrote {path}")
    if options.leaderboard_entry is not None:
        to_do = write_entry(options.leaderboard_entry, runs)
        tell(f"wrote {options.leaderboard_entry}")
        for line in to_do:
            tell(f"  to do: {line}")
    return 0


def contamination_of(run: ScoredRun, known: Sequence[KnownPairs]) -> ContaminationCheck:
    """Which of the run's tasks stand in training data; missing ones are not looked up."""
    check = ContaminationCheck(known)
    for _, task, _ in counted_entries(run) if known else ():
        check.add(task)
    return check


def table(run: ScoredRun, check: ContaminationCheck, groups: GroupOptions) -> list[str]:
    """A run's heading and figures, indented as in the summary of a run."""
    cost = f"{'cost':10}{cost_text(run.known_cost_usd, run.unpriced)}"
    lines = [*run.scores().lines(), cost, *check.lines(), *run.notes()]
    lines += groups.lines(run.outcomes.values())
    return [run.name, *(f"  {line}" for line in lines)]


def to_json(run: ScoredRun, check: ContaminationCheck, groups: GroupOptions) -> dict[str, object]:
    """What `--json` prints of a run."""
    more = {"contamination": check.to_json(), **groups.fields(run.outcomes.values())}
    return run.to_json() | more


if __name__ == "__main__":
    sys.exit(run_script(main))
