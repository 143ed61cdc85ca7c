"""Draw a task, and what runs made of it, in the terminal.

    python auxiliary_utilities/show_task.py 00d62c1b
    python auxiliary_utilities/show_task.py 00d62c1b --results RESULTS.jsonl --texts

Without --results and --dataset the task is one of arc1_training. Wrong cells are marked.
Without a terminal, or with NO_COLOR set, cells are digits.
"""

from utilities.command_line.script import run_script

import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from utilities.command_line.options import Options, argument, flag, option, parse_options, part
from utilities.errors import UsageError
from utilities.report.records import grid_texts, judge_text, sample_records, task_record
from utilities.report.terminal_drawing import TaskDrawing
from utilities.results.result_entry import ResultEntry
from utilities.scoring.options import TaskSetOptions
from utilities.scoring.scored_run import ScoredRun, counted_entries
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.datasets import open_tasks
from utilities.tasks.selection import Selection
from utilities.tasks.task import Task

LONGEST_TEXT = 1_000_000


@dataclass(frozen=True, kw_only=True)
class DrawingOptions(Options):
    """What the user asked for."""

    task_id: str = argument("a task of the dataset, or of the results", "TASK_ID")
    results: tuple[Path, ...] = option(
        "results files, or answers of others; draws attempts and samples too", "RESULTS", default=()
    )
    texts: bool = flag("also reasoning, programs and conversations")
    task_set: TaskSetOptions = part(TaskSetOptions)


class PipedConsole(Console):
    """A console whose reader may have seen enough (`| head`), as `run_script` knows it."""

    def on_broken_pipe(self) -> None:
        """Let the exception go on; rich would end the script with another exit code."""
        raise  # noqa: PLE0704 - called where the exception is handled


def main() -> int:
    """Find the task and draw it."""
    options = parse_options(DrawingOptions, __doc__)
    drawing, shown = TaskDrawing(PipedConsole(highlight=False)), None
    if not options.results:
        drawing.pairs(task_record(task_of_dataset(options)))
    tasks, dataset = options.task_set.chosen_tasks() if options.results else ([], "")
    for run, task, entry in runs_of_task(options.task_id, options.results, tasks, dataset):
        if task != shown:
            drawing.pairs(task_record(task))
            shown = task
        draw_result(drawing, run, task, entry, texts=options.texts)
    return 0


def draw_result(
    drawing: TaskDrawing, run: ScoredRun, task: Task, entry: ResultEntry, *, texts: bool
) -> None:
    """Draw the attempts and the samples of one run."""
    outcome, pairs = run.outcomes[task.task_id], task_record(task)
    solved = "not scored" if not outcome.scored else "solved" if outcome.solved else "not solved"
    names = [run.model_identifier, entry.dataset, f"run {entry.run_id}", solved]
    drawing.line(" · ".join(filter(None, names)), "bold underline")
    attempts = [grid_texts(tried) or [] for tried in entry.attempts or ()]
    drawing.attempts(pairs, attempts, entry.attempt_runs)
    if told := judge_text(entry):
        drawing.line(told, "")
    for number, sample in enumerate(sample_records(entry, task, LONGEST_TEXT), start=1):
        drawing.sample(pairs, sample, number, texts=texts)


def runs_of_task(
    task_id: str, results: Sequence[Path], tasks: Sequence[Task] = (), dataset: str = ""
) -> list[tuple[ScoredRun, Task, ResultEntry]]:
    """Each run that has the task, with the entry that counts; raises UsageError if none has it."""
    if not results:
        return []
    runs = read_scored_runs(results, tasks=tasks, dataset=dataset, generated_too=True)
    if not any(task_id in run.places for run in runs):
        others = sorted({other for run in runs for other in run.places})
        near = difflib.get_close_matches(task_id, others, n=3) or others[:3]
        raise UsageError(f"no task {task_id} in these results; there are {', '.join(near)}")
    return list(counted_entries(*runs, task_id=task_id))


def task_of_dataset(options: DrawingOptions) -> Task:
    """The task as a data set has it; raises UsageError if it is not there or is bad."""
    (task,) = open_tasks(
        dataset_directory=options.task_set.dataset_directory,
        dataset=options.task_set.dataset,
        selection=Selection(task_ids=(options.task_id,)),
        draw=options.task_set.draw.draw,
        strict=True,
    )
    return task


if __name__ == "__main__":
    sys.exit(run_script(main))
