"""The tasks of a dataset, read one by one, with every grid checked.

    source = open_tasks(dataset="arc1_training", selection=Selection(max_tasks=5))
    for task in source:
        ...
    print(source.skipped, source.dataset_hash)

A task that cannot be used is reported by its id, skipped and counted; the others go on.
"""

import difflib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path

from utilities import config
from utilities.command_line.terminal import say
from utilities.errors import UsageError
from utilities.files.hashing import file_sha256, files_sha256
from utilities.files.tables import TABLES
from utilities.tasks.layouts import CHALLENGES, recognise
from utilities.tasks.public_sets import BUILT_DATASETS, write_dataset
from utilities.tasks.selection import Selection, refuse_unknown_ids
from utilities.tasks.stored import StoredTask
from utilities.tasks.task import Draw, Task, list_of_pairs, task_from_json, task_from_pairs

EVERYTHING = Selection()
FIRST_DRAW = Draw()


def print_bad_task(task_id: str, reason: str) -> None:
    """Report a task that is skipped, on stderr."""
    say(f"task {task_id}: {reason}")


class TaskSource:
    """The chosen tasks of one dataset; each iteration reads it again."""

    def __init__(
        self,
        path: Path,
        *,
        selection: Selection = EVERYTHING,
        draw: Draw = FIRST_DRAW,
        strict: bool = False,
        on_bad_task: Callable[[str, str], None] = print_bad_task,
    ) -> None:
        """Recognise the layout and check the selection against the ids.

        `path` is a file or a folder; `draw` makes a task of a list of pairs; `skipped` maps the
        id of each unusable task met so far to the reason.

        Raises UsageError if there is no dataset, an id is unknown (a JSON Lines file
        is read for that, no further than to the last id), or nothing is selected.
        """
        self.path = path
        self.skipped: dict[str, str] = {}
        self._dataset = recognise(path)
        self._selection = selection
        self._draw = draw
        self._strict = strict
        self._on_bad_task = on_bad_task
        self.total = self._check_selection()
        """How many tasks are selected, unusable ones included; None if that is not known."""

    @cached_property
    def dataset_hash(self) -> str:
        """SHA-256 of the file's bytes; for several files, of their names and hashes."""
        files = self._dataset.files
        return file_sha256(files[0]) if len(files) == 1 else files_sha256(files)

    def again(self) -> Iterator[Task]:
        """Yield the usable tasks once more, without reporting the others a second time.

        Tasks that can no longer be read are left out, so that a run can always report its end.
        """
        with suppress(UsageError):
            yield from TaskSource(
                self.path,
                selection=self._selection,
                draw=self._draw,
                on_bad_task=lambda _id, _reason: None,
            )

    def __iter__(self) -> Iterator[Task]:
        """Yield the usable tasks.

        Raises UsageError at the first unusable one if the source is strict, at a file that
        cannot be read, and at the end if no task at all was usable.
        """
        self.skipped.clear()
        found = 0
        for task in islice(self._usable_tasks(), self._selection.max_tasks):
            found += 1
            yield task
        if not found:
            choice = self._selection.describe()
            chosen = f"{choice} of {self.path} selects" if choice else f"{self.path} holds"
            raise UsageError(f"{chosen} no usable task ({len(self.skipped)} skipped)")

    def _usable_tasks(self) -> Iterator[Task]:
        wanted = self._selection.task_ids
        seen: set[str] = set()
        cut_out = islice(self._dataset.tasks(), *self._selection.positions())
        for stored in _up_to_the_last(cut_out, wanted):
            task_id = stored.task_id
            if wanted is not None and task_id not in wanted:
                continue
            twice = "is there twice; the first one is taken"
            task = twice if task_id in seen else _load(stored, self._draw)
            seen.add(task_id)
            if not isinstance(task, Task):
                self._skip(task_id, task)
            elif self._selection.takes(task):
                yield task

    def _skip(self, task_id: str, reason: str) -> None:
        if self._strict:
            raise UsageError(f"task {task_id}: {reason}")
        self.skipped[task_id] = reason
        self._on_bad_task(task_id, reason)

    def _check_selection(self) -> int | None:
        ids = self._dataset.known_ids()
        wanted = self._selection.task_ids
        if wanted is not None:
            streamed = (stored.task_id for stored in _up_to_the_last(self._dataset.tasks(), wanted))
            refuse_unknown_ids(wanted, streamed if ids is None else ids, str(self.path))
        if ids is None:
            return None
        positions = slice(*self._selection.positions())
        chosen = [task_id for task_id in ids[positions] if wanted is None or task_id in wanted]
        if not chosen:
            choice = self._selection.describe()
            raise UsageError(f"{choice} selects none of the {len(ids)} tasks of {self.path}")
        if self._selection.largest_grid is not None:
            return None
        return min(len(set(chosen)), self._selection.max_tasks or len(chosen))


def open_tasks(
    *,
    dataset_directory: Path | None = None,
    dataset: str | None = None,
    selection: Selection = EVERYTHING,
    draw: Draw = FIRST_DRAW,
    strict: bool = False,
    on_bad_task: Callable[[str, str], None] = print_bad_task,
    own_directory: Path = config.DATA_DIRECTORY,
) -> TaskSource:
    """Open what --dataset_directory and --dataset name, by default `data/dataset.json`.

    The project's own datasets lie in `own_directory`; one that is not there is built. Raises
    UsageError for an unknown name (it lists the nearest ones) and as TaskSource does.
    """
    if dataset_directory is None:
        path = _own_dataset(dataset, own_directory)
    elif dataset is None:
        path = dataset_directory
    else:
        path = _named_in(dataset_directory, dataset)
    return TaskSource(path, selection=selection, draw=draw, strict=strict, on_bad_task=on_bad_task)


def _own_dataset(name: str | None, directory: Path) -> Path:
    """`data/dataset.json`, or `data/datasets/NAME.json` if a name is given."""
    path = directory / ("dataset.json" if name is None else f"datasets/{name}.json")
    if path.is_relative_to(Path.cwd()):  # messages and records read better with a short path
        path = path.relative_to(Path.cwd())
    if path.exists():
        return path
    if name is not None and name not in BUILT_DATASETS:
        raise UsageError(
            f"--dataset {name}: unknown; {_nearest(name, BUILT_DATASETS)}"
            "; your own files need --dataset_directory"
        )
    chosen = name or BUILT_DATASETS[0]
    try:
        built = write_dataset(chosen, path)
    except UsageError as error:
        raise UsageError(
            f"{error}: run build_dataset.py --dataset {chosen} --output FILE, and give FILE as "
            "--dataset_directory"
        ) from error
    say(f"built {path}: {built.tasks} tasks from {built.source}")
    return path


def _named_in(folder: Path, name: str) -> Path:
    if folder.is_file():
        raise UsageError(f"--dataset_directory {folder} is a file: leave --dataset out")
    endings = ("", ".json", ".jsonl", CHALLENGES, ".ndjson", *TABLES, ".zip")
    for form in (f"{name}{ending}" for ending in endings):
        for path in (folder / form, folder / f"arc-agi_{form}"):
            if path.exists():
                return path
    there = sorted(path.name for path in folder.glob("*"))
    raise UsageError(f"--dataset {name}: not in {folder}; {_nearest(name, there)}")


def _nearest(name: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"nearest: {', '.join(near)}" if near else f"known: {', '.join(known[:8])}"


def _load(stored: StoredTask, draw: Draw) -> Task | str:
    try:
        content = stored.load()
    except UsageError as error:
        return str(error)
    if (pairs := list_of_pairs(content)) is None:
        task = task_from_json(stored.task_id, content)
    else:
        task = task_from_pairs(stored.task_id, pairs, draw)
    return task if isinstance(task, Task) else f"{task}; mend it in {stored.origin}"


def _up_to_the_last(
    tasks: Iterator[StoredTask], wanted: tuple[str, ...] | None
) -> Iterator[StoredTask]:
    """The tasks, read no further than to the last of those wanted; all if None is given."""
    left = set(wanted or ())
    for stored in tasks:
        yield stored
        left.discard(stored.task_id)
        if wanted is not None and not left:
            return
