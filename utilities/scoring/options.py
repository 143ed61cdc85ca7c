"""Options of the benchmarks and of the scripts over their results: submissions and task sets."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from utilities.command_line.options import Options, option, part
from utilities.tasks.selection import DrawOptions
from utilities.tasks.task import Task

_submission = partial(option, group="submissions and training data")
_tasks = partial(option, group="tasks")


@dataclass(frozen=True, kw_only=True)
class SubmissionOptions(Options):
    """What is written and compared besides a benchmark's results."""

    submission: Path | None = _submission("write Kaggle's submission.json", "FILE")
    submission_directory: Path | None = _submission(
        "write a file for each task, as the scorer of arcprize/arc-agi-benchmarking reads them",
        "DIR",
    )
    training_data: tuple[Path, ...] = _submission(
        "results, exported sets or datasets: say which tasks stand in them (as in "
        "data/traces_store.json)",
        "PATH",
        default=(),
    )


@dataclass(frozen=True, kw_only=True)
class TaskSetOptions(Options):
    """The tasks to score, instead of those that the results name."""

    dataset: str | None = _tasks(
        "score these tasks, all of them: arc1_training, arc1_evaluation, arc2_training, "
        "arc2_evaluation, all; or a file's name in --dataset_directory",
        "NAME",
    )
    dataset_directory: Path | None = _tasks(
        "your own tasks; their test outputs count if the results have none", "DIR"
    )
    draw: DrawOptions = part(DrawOptions)

    def chosen_tasks(self) -> tuple[list[Task], str]:
        """The tasks that the user named and the dataset's name; no tasks if none were named.

        Raises UsageError as `open_tasks` does.
        """
        if self.dataset is None and self.dataset_directory is None:
            return [], ""
        from utilities.tasks.datasets import open_tasks

        source = open_tasks(
            dataset_directory=self.dataset_directory, dataset=self.dataset, draw=self.draw.draw
        )
        return list(source), str(source.path)
