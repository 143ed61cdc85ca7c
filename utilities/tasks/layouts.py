"""The shapes in which a dataset may lie on disk, each read one task at a time.

{"00d62c1b": {"train", "test"}, …}                    DictionaryFiles (one task alone, too)
arc-agi_X_challenges.json, arc-agi_X_solutions.json   DictionaryFiles with solutions
a folder of 00d62c1b.json files                       TaskFolder
one {"task_id", "train", "test"} a line               JsonLines, streamed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from utilities.errors import UsageError
from utilities.files.json_files import RepeatedKeys, parse_task_json, read_json, reported_reading

CHALLENGES = "_challenges.json"
SOLUTIONS = "_solutions.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """One task as it lies on disk; `load` raises UsageError where it cannot be read.

    `origin` is where to mend it.
    """

    task_id: str
    origin: str
    load: Callable[[], object]


class Layout(Protocol):
    """A dataset on disk."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the tasks come from."""

    def known_ids(self) -> tuple[str, ...] | None:
        """Every id in order where that is cheap; None where the file would have to be read."""

    def entries(self) -> Iterator[Entry]:
        """Every task in the dataset's order, repeated ids included."""


def find_layout(path: Path) -> Layout:
    """Recognise how the dataset at `path` is laid out.

    A folder with a `dataset.json` is that file. Raises UsageError where there is no dataset.
    """
    with reported_reading(path):
        if path.is_dir():
            return _find_folder_layout(path)
        if not path.exists():
            raise UsageError(f"no dataset at {path}; check --dataset_directory and --dataset")
        if path.stat().st_size == 0:
            raise UsageError(f"{path} is empty; give a file with tasks")
    if path.suffix in {".jsonl", ".ndjson"}:
        return JsonLines(path)
    return DictionaryFiles((path,))


def _find_folder_layout(folder: Path) -> Layout:
    files = tuple(sorted(folder.glob("*.json")))
    if challenges := tuple(path for path in files if path.name.endswith(CHALLENGES)):
        return DictionaryFiles(challenges)
    if (dataset := folder / "dataset.json") in files:
        return find_layout(dataset)
    if not files:
        raise UsageError(
            f"no *.json in the folder {folder}; give one of ARC task files, of Kaggle's "
            "challenges and solutions, or a .json or .jsonl file"
        )
    return TaskFolder(files)


class TaskFolder:
    """ARC's own layout: a file for each task, named by its id."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        """`files` are in the dataset's order."""
        self.files = files

    def known_ids(self) -> tuple[str, ...]:
        """The files' names without `.json`."""
        return tuple(path.stem for path in self.files)

    def entries(self) -> Iterator[Entry]:
        """A file is only opened when its task is loaded."""
        for path in self.files:
            yield Entry(path.stem, str(path), partial(read_json, path))


class DictionaryFiles:
    """Files of `{id: task}`, among them Kaggle's challenges with their solutions."""

    def __init__(self, challenges: tuple[Path, ...]) -> None:
        """`challenges` are in the dataset's order; a file is read when first asked for."""
        self._challenges = challenges
        self._read: list[tuple[str, Path, object]] | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of tasks, and those of solutions that lie beside them."""
        solutions = (_solutions_beside(path) for path in self._challenges)
        return tuple(sorted({*self._challenges, *(path for path in solutions if path)}))

    def known_ids(self) -> tuple[str, ...]:
        """The keys."""
        return tuple(task_id for task_id, _, _ in self._tasks())

    def entries(self) -> Iterator[Entry]:
        """The tasks, with the solutions as test outputs."""
        solutions = {path: _read_solutions(path) for path in self._challenges}
        for task_id, path, task in self._tasks():
            if task_id in solutions[path]:
                solved = partial(_with_solutions, task, solutions[path][task_id])
                yield Entry(task_id, f"{path} or its solutions", solved)
            else:
                yield Entry(task_id, str(path), partial(_itself, task))

    def _tasks(self) -> list[tuple[str, Path, object]]:
        if self._read is None:
            self._read = [
                (task_id, path, task)
                for path in self._challenges
                for task_id, task in _read_dictionary(path)
            ]
        return self._read


class JsonLines:
    """A task a line, read as a stream: what has been used is let go."""

    def __init__(self, path: Path) -> None:
        """The file is opened anew by each call of `entries`."""
        self._path = path
        self.files = (path,)

    def known_ids(self) -> None:
        """Not known without reading the file."""

    def entries(self) -> Iterator[Entry]:
        """The lines that are not blank; one that is broken fails when it is loaded."""
        with reported_reading(self._path), self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if content := line.rstrip():
                    yield self._entry(content, number)

    def _entry(self, content: bytes, number: int) -> Entry:
        origin = f"{self._path}, line {number}"
        try:
            task = parse_task_json(content, self._path, first_line=number)
        except UsageError as error:
            return Entry(f"of line {number}", origin, partial(_fail, str(error)))
        named = task if isinstance(task, dict) else {}
        task_id = named.get("task_id", named.get("id"))
        if not isinstance(task_id, str) or not task_id:
            fault = f"has no task_id that is a string; mend it in {origin}"
            return Entry(f"of line {number}", origin, partial(_fail, fault))
        return Entry(task_id, origin, partial(_itself, task))


def _read_dictionary(path: Path) -> list[tuple[str, object]]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise UsageError(
            f"{path} holds a JSON {type(content).__name__}, not an object of tasks by id "
            "(tasks in a row belong in a .jsonl file, one a line)"
        )
    if isinstance(content.get("train"), list):
        return [(path.stem, content)]
    pairs = content.pairs if isinstance(content, RepeatedKeys) else list(content.items())
    if not pairs:
        raise UsageError(f"{path} holds no task; give a file with tasks")
    return pairs


def _solutions_beside(challenges: Path) -> Path | None:
    if not challenges.name.endswith(CHALLENGES):
        return None
    solutions = challenges.with_name(challenges.name.removesuffix(CHALLENGES) + SOLUTIONS)
    return solutions if solutions.exists() else None


def _read_solutions(challenges: Path) -> dict[str, object]:
    path = _solutions_beside(challenges)
    if path is None:
        return {}
    solutions = read_json(path)
    if not isinstance(solutions, dict):
        raise UsageError(
            f"{path} is no object of output grids by task id; see data/nature_of_data.md"
        )
    return solutions


def _with_solutions(task: object, outputs: object) -> object:
    tests = task.get("test") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not isinstance(tests, list):
        return task
    if not isinstance(outputs, list) or len(outputs) != len(tests):
        count = len(outputs) if isinstance(outputs, list) else "no list of"
        raise UsageError(f"has {count} solutions for {len(tests)} test inputs")
    solved = [
        {**pair, "output": output} if isinstance(pair, dict) else pair
        for pair, output in zip(tests, outputs, strict=True)
    ]
    return {**task, "test": solved}


def _itself(task: object) -> object:
    return task


def _fail(fault: str) -> object:
    raise UsageError(fault)
