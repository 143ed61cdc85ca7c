"""Draw a task, and what runs made of it, in the terminal.

    python auxiliary_utilities/show_task.py 00d62c1b
    python auxiliary_utilities/show_task.py 00d62c1b --results RESULTS.jsonl --texts

Wrong cells are marked. Without a terminal, or with NO_COLOR set, cells are digits.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from utilities.command_line.options import Options, argument, flag, option, parse_options
from utilities.command_line.script import run_script
from utilities.errors import UsageError

if TYPE_CHECKING:
    from utilities.report.terminal_drawing import TaskDrawing
    from utilities.results.reader import Fields as Entry

LONGEST_TEXT = 1_000_000


@dataclass(frozen=True, kw_only=True)
class DrawingOptions(Options):
    """What the user asked for."""

    task_id: str = argument("a task of the dataset, or of the results", "TASK_ID")
    results: tuple[Path, ...] = option(
        "results files; draws attempts and samples too", "RESULTS", default=()
    )
    texts: bool = flag("also reasoning and programs")
    dataset: str | None = option("without --results: the dataset (default: arc1_training)", "NAME")
    dataset_directory: Path | None = option("without --results: your own tasks", "DIR")


def main() -> int:
    """Find the task and draw it."""
    options = parse_options(DrawingOptions, __doc__)
    if options.results:
        found = entries_of_task(options.task_id, options.results)
    else:
        found = [entry_of_dataset(options)]
    from rich.console import Console

    from utilities.report.records import task_record
    from utilities.report.terminal_drawing import TaskDrawing

    drawing, shown = TaskDrawing(Console(highlight=False)), None
    for entry in found:
        task = task_record(entry)
        if task != shown:
            drawing.pairs(task)
            shown = task
        if options.results:
            draw_result(drawing, entry, texts=options.texts)
    return 0


def draw_result(drawing: TaskDrawing, entry: Entry, *, texts: bool) -> None:
    """Draw the attempts and the samples of one run."""
    from utilities.report.records import (
        attempt_texts,
        result_record,
        sample_records,
        task_record,
    )

    task = task_record(entry)
    samples = sample_records(entry, task, LONGEST_TEXT)
    solved = {True: "solved", False: "not solved", None: "not scored"}[
        result_record(entry, samples, task)["solved"]
    ]
    names = [entry.get("model"), entry.get("dataset"), f"run {entry.get('run_id')}", solved]
    drawing.line(" · ".join(str(name) for name in names if name), "bold underline")
    if attempts := attempt_texts(entry):
        drawing.attempts(task, attempts)
    for number, sample in enumerate(samples, start=1):
        drawing.sample(task, sample, number, texts=texts)


def entries_of_task(task_id: str, results: Iterable[Path]) -> list[Entry]:
    """The newest complete entry of each configuration in each file, else the newest.

    Raises UsageError where there is none.
    """
    from utilities.report.records import precedence
    from utilities.results.reader import read_fields

    found: dict[tuple[Path, str], Entry] = {}
    others: set[str] = set()
    for path in results:
        for entry in read_fields(path):
            if entry["entry_type"] != "result":
                continue
            if entry.get("task_id") == task_id:
                key = path, f"{entry.get('configuration_hash')} {entry.get('model')}"
                if key not in found or precedence(entry) >= precedence(found[key]):
                    found[key] = entry
            else:
                others.add(str(entry.get("task_id")))
    if not found:
        near = difflib.get_close_matches(task_id, others, n=3) or sorted(others)[:3]
        raise UsageError(f"no task {task_id} in these results; there are {', '.join(near)}")
    return list(found.values())


def entry_of_dataset(options: DrawingOptions) -> Entry:
    """The task as a data set has it; raises UsageError where it is not there or is bad."""
    from utilities.tasks.datasets import open_tasks
    from utilities.tasks.selection import Selection

    tasks = open_tasks(
        dataset_directory=options.dataset_directory,
        dataset=options.dataset,
        selection=Selection(task_ids=(options.task_id,)),
        strict=True,
    )
    [task] = tasks
    return {"task_id": task.task_id, "task_data": task.to_json()}


if __name__ == "__main__":
    sys.exit(run_script(main))
