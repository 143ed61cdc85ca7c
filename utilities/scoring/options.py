"""Options of the benchmarks and of the scripts over their results: submissions and task sets."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from utilities.command_line.options import Options, option, part
from utilities.files.atomic import file_to_write
from utilities.scoring.groups import GroupKind, group_lines, group_scores
from utilities.scoring.outcomes import TaskOutcome
from utilities.tasks.selection import DrawOptions, Selection, largest_grid_option
from utilities.tasks.task import Task

_submission = partial(option, group="submissions and training data")
_tasks = partial(option, group="tasks")


@dataclass(frozen=True, kw_only=True)
class SubmissionFiles(Options):
    """What is written besides a benchmark's results."""

    submission: Path | None = _submission("write Kaggle's submission.json", "FILE")
    submission_directory: Path | None = _submission(
        "write a file for each task, as the scorer of arcprize/arc-agi-benchmarking reads them",
        "DIR",
    )

    def check(self) -> None:
        """Raise UsageError if --submission cannot be written: nothing is asked for it then."""
        if self.submission is not None:
            file_to_write(self.submission)


@dataclass(frozen=True, kw_only=True)
class SubmissionOptions(SubmissionFiles):
    """What is written and compared besides a benchmark's results."""

    training_data: tuple[Path, ...] = _submission(
        "results, exported sets or datasets: say which tasks stand in them (as in "
        "data/traces_store.json)",
        "PATH",
        default=(),
    )


@dataclass(frozen=True, kw_only=True)
class GroupOptions(Options):
    """Scores by kind of task, besides those of all tasks."""

    by: GroupKind | None = _tasks(
        "scores of groups, too: by folder or concept (as the task ids tell them), size of the "
        "largest grid, or number of train pairs"
    )

    def lines(self, outcomes: Iterable[TaskOutcome]) -> list[str]:
        """What is printed of the groups; nothing if none were asked for."""
        return [] if self.by is None else group_lines(group_scores(outcomes, self.by), self.by)

    def fields(self, outcomes: Iterable[TaskOutcome]) -> dict[str, Any]:
        """`groups`, as `--json` has them; nothing if none were asked for."""
        if self.by is None:
            return {}
        groups = group_scores(outcomes, self.by)
        return {"groups": {name: scores.to_json() for name, scores in groups.items()}}


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
    largest_grid: int | None = largest_grid_option()

    def chosen_tasks(self) -> tuple[list[Task], str]:
        """The tasks that the user named and the dataset's name; no tasks if none were named.

        Raises UsageError as `open_tasks` does.
        """
        if self.dataset is None and self.dataset_directory is None:
            return [], ""
        from utilities.tasks.datasets import open_tasks

        source = open_tasks(
            dataset_directory=self.dataset_directory,
            dataset=self.dataset,
            draw=self.draw.draw,
            selection=Selection(largest_grid=self.largest_grid),
        )
        return list(source), str(source.path)
