"""Writes submissions of scored runs: one file for Kaggle, or a folder for ARC Prize's harness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import orjson

from utilities.atomic_files import write_atomically
from utilities.errors import UsageError
from utilities.scored_run import ScoredRun, counted_entries, file_names
from utilities.scored_runs import read_scored_runs
from utilities.submission import Entry, RunFacts, harness_task, kaggle_attempts, run_start
from utilities.submission_options import SubmissionOptions
from utilities.tasks import Pair, Task


def write_submissions(options: SubmissionOptions, runs: Sequence[ScoredRun]) -> Iterator[Path]:
    """Write what was asked for and yield the paths; several runs have a file or folder each.

    Raises UsageError where something cannot be written, or a folder holds other files.
    """
    names = file_names(runs)
    for run, name in zip(runs, names, strict=True):
        if (file := options.submission) is not None:
            path = file if len(runs) == 1 else file.with_name(f"{file.stem}_{name}{file.suffix}")
            _write_kaggle(run, path)
            yield path
        if (folder := options.submission_directory) is not None:
            path = folder if len(runs) == 1 else folder / name
            _write_folder(run, path)
            yield path


def print_submissions(options: SubmissionOptions, results: Path, run_ids: Sequence[str]) -> None:
    """Write what was asked for of runs that have just ended, and print the paths.

    They are read back from the results file, so that nothing can disagree with it. Raises
    UsageError as write_submissions does.
    """
    if options.submission is None and options.submission_directory is None:
        return
    runs = [run for run_id in run_ids for run in read_scored_runs([results], run_id=run_id)]
    for path in write_submissions(options, runs):
        print(f"  submission {path}")  # noqa: T201 - the end of the script's summary


def _write_kaggle(run: ScoredRun, path: Path) -> None:
    submission = {task.task_id: kaggle_attempts(entry, task) for task, entry in _tasks(run)}
    write_atomically(path, orjson.dumps(submission) + b"\n")


def _write_folder(run: ScoredRun, folder: Path) -> None:
    facts = RunFacts(run.name, run_start(run.started_at), run.configuration)
    names = {task_id: f"{quote(task_id, safe=' ')}.json" for task_id in run.outcomes}
    others = sorted({path.name for path in folder.glob("*.json")} - set(names.values()))
    if others:  # the scorer would count them as tasks of this run
        raise UsageError(
            f"--submission_directory {folder} holds {others[0]}, which is no task of this run; "
            "give an empty folder"
        )
    for task, entry in _tasks(run):
        content = orjson.dumps(harness_task(entry, task, facts))
        write_atomically(folder / names[task.task_id], content + b"\n")


def _tasks(run: ScoredRun) -> Iterator[tuple[Task, Entry | None]]:
    """Every task of the run, with the entry that counts for it; None for the missing ones."""
    yield from counted_entries(run)
    for task_id, outcome in run.outcomes.items():
        if outcome.missing:
            unseen = (Pair([[0]], None),) * len(outcome.outputs_solved)
            yield Task(task_id, (), unseen), None
