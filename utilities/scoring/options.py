"""Options of the benchmarks and of the scripts over their results: submissions and task sets."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from utilities.tasks.task import Task


@dataclass(frozen=True, slots=True)
class SubmissionOptions:
    """What is written and compared besides a benchmark's results."""

    submission: Path | None
    submission_directory: Path | None
    training_data: tuple[Path, ...]

    @classmethod
    def of(cls, parsed: argparse.Namespace) -> SubmissionOptions:
        """Take these options out of what a script's parser made."""
        data = tuple(map(Path, parsed.training_data))
        return cls(parsed.submission, parsed.submission_directory, data)


def add_submission_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of SubmissionOptions."""
    add = parser.add_argument_group("submissions and training data").add_argument
    add("--submission", type=Path, metavar="FILE", help="write Kaggle's submission.json")
    add("--submission_directory", type=Path, metavar="DIR", help="write a file for each task, as "
        "the scorer of arcprize/arc-agi-benchmarking reads them")  # fmt: skip
    add("--training_data", nargs="+", default=[], metavar="PATH", help="results, "
        "exported sets or datasets: say which tasks stand in them (as in data/traces_store.json)"
        )  # fmt: skip


def add_task_set_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the tasks to score, whatever the results hold."""
    add = parser.add_argument_group("tasks").add_argument
    add("--dataset", metavar="NAME", help="score these tasks, all of them: arc1_training, "
        "arc1_evaluation, arc2_training, arc2_evaluation, all; or a file's name in "
        "--dataset_directory")  # fmt: skip
    add("--dataset_directory", type=Path, metavar="DIR", help="your own tasks; their test outputs "
        "count where the results have none")  # fmt: skip


def chosen_tasks(parsed: argparse.Namespace) -> tuple[list[Task], str]:
    """The tasks that the user named and the dataset's name; none where none were named.

    Raises UsageError as `open_tasks` does.
    """
    if parsed.dataset is None and parsed.dataset_directory is None:
        return [], ""
    from utilities.tasks.datasets import open_tasks

    source = open_tasks(dataset_directory=parsed.dataset_directory, dataset=parsed.dataset)
    return list(source), str(source.path)
