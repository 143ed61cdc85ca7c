"""Which tasks of a dataset a run takes.

By --tasks, --task_ids, --largest_grid and --max_tasks, in this order.
"""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utilities.command_line.options import Options, option
from utilities.command_line.terminal import first_of
from utilities.command_line.words import positive_int, whole_number
from utilities.errors import UsageError
from utilities.tasks.task import Draw, Task

_SLICE = re.compile(r"\[?\s*([0-9]{0,12})\s*:\s*([0-9]{0,12})\s*\]?")


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user chose; if nothing, the whole dataset.

    First `tasks` cuts positions out of the dataset's own order; unusable tasks count. Then
    `task_ids` keeps those named, still in the dataset's order, and `largest_grid` those without a
    grid whose longer side has more cells. Last, `max_tasks` ends the run after that many usable
    tasks. Raises UsageError for less than one task.
    """

    max_tasks: int | None = None
    tasks: slice | None = None
    task_ids: tuple[str, ...] | None = None
    largest_grid: int | None = None

    def __post_init__(self) -> None:
        """Refuse what selects nothing from any dataset."""
        if self.max_tasks is not None and self.max_tasks < 1:
            raise UsageError(f"--max_tasks is {self.max_tasks}; give 1 or more, or leave it out")

    def positions(self) -> tuple[int, int | None]:
        """The first position and the one after the last; None if there is no end."""
        if self.tasks is None:
            return 0, None
        return self.tasks.start or 0, self.tasks.stop

    def describe(self) -> str:
        """Say the choice as the user gave it, for an error message."""
        start, stop = self.positions()
        shown = f"[{start or ''}:{'' if stop is None else stop}]"
        words = [f"--tasks {shown}"] if self.tasks is not None else []
        words += ["--task_ids"] if self.task_ids is not None else []
        words += [f"--largest_grid {self.largest_grid}"] if self.largest_grid is not None else []
        return " and ".join(words)

    def takes(self, task: Task) -> bool:
        """Whether the task's grids are small enough; of test outputs only known ones count."""
        if self.largest_grid is None:
            return True
        grids = (grid for pair in task.pairs for grid in (pair.input, pair.output) if grid)
        return all(max(len(grid), len(grid[0])) <= self.largest_grid for grid in grids)


def largest_grid_option() -> Any:
    """The option --largest_grid."""
    return option("only tasks whose grids have no side of more than N cells", "N", group="tasks")


@dataclass(frozen=True, kw_only=True)
class DrawOptions(Options):
    """How a list of pairs becomes a task, in datasets that have such lists."""

    pairs_per_task: int = option(
        "of a dataset with a list of pairs for each task: the most train pairs that are drawn, "
        "besides one test pair",
        "K",
        default=Draw().train_pairs,
        parse=positive_int,
        group="tasks",
    )
    pairs_seed: int = option(
        "the seed of that draw", "N", default=Draw().seed, parse=whole_number, group="tasks"
    )

    @property
    def draw(self) -> Draw:
        """The draw that was asked for."""
        return Draw(self.pairs_per_task, self.pairs_seed)


def parse_slice(text: str) -> slice:
    """Read `[20:40]`, `20:40`, `[:40]` or `[20:]`: positions from 0, the end not included.

    Raises UsageError that shows the form.
    """
    match = _SLICE.fullmatch(text.strip())
    if match is None or text.strip().startswith("[") != text.strip().endswith("]"):
        raise UsageError(f"--tasks {text!r} is not a slice; write it as [20:40], [:40] or [20:]")
    start, stop = (int(number) if number else None for number in match.groups())
    if stop is not None and stop <= (start or 0):
        raise UsageError(f"--tasks {text!r} selects nothing; the end of [20:40] is not included")
    return slice(start, stop)


def parse_task_ids(text: str) -> tuple[str, ...]:
    """Read ids from a JSON list, a comma list, or a file with either of them or one id a line.

    Each id is kept once, in the order given. Raises UsageError if there is none.
    """
    from_file = _file_text(text)
    listed = _ids_in(text if from_file is None else from_file)
    if not listed:
        raise UsageError(f"--task_ids {_shortened(text)} names no task; {_FORMS}")
    return tuple(dict.fromkeys(listed))


_FORMS = """write '["00d62c1b"]', 00d62c1b,007bbfb7 or the path of a file of ids"""


def _file_text(text: str) -> str | None:
    """The text of the file that is named; None if the ids are written out."""
    path = Path(text.strip())
    try:
        if text.lstrip().startswith("[") or not path.is_file():
            return None
    except (OSError, ValueError):  # a list of ids too long to be a path
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--task_ids: cannot read the file {path}: {error}") from error


def _ids_in(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return [word.strip() for word in re.split(r"[,\n]", text) if word.strip()]
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--task_ids {_shortened(text)} is no JSON list; {_FORMS}") from error
    if not all(isinstance(value, str) for value in values):
        raise UsageError(f"--task_ids {_shortened(text)} holds what is no string; {_FORMS}")
    return list(values)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def refuse_unknown_ids(wanted: Iterable[str], known: Iterable[str], place: str) -> None:
    """Raise UsageError that names the nearest ids, if some of those wanted are not known."""
    known = list(known)
    unknown = sorted(set(wanted) - set(known))
    if not unknown:
        return
    shown = first_of([_with_nearest(task_id, known) for task_id in unknown], 3)
    raise UsageError(f"--task_ids: no task {shown} in {place}; mend the ids")


def _with_nearest(task_id: str, known: list[str]) -> str:
    near = difflib.get_close_matches(task_id, known, n=3, cutoff=0.4)
    return f"{task_id} (nearest: {', '.join(near)})" if near else task_id
