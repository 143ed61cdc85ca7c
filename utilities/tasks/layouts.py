"""The layouts in which a dataset may lie on disk, each read one task at a time.

{"00d62c1b": {"train", "test"}, …}                    json_file (one task alone, too)
{"00d62c1b": [{"input", "output"}, …], …}             json_file (or the list alone)
arc-agi_X_challenges.json, arc-agi_X_solutions.json   kaggle_folder, or json_file for one of them
a folder with a dataset.json, read like json_file     folder_with_dataset
a folder of 00d62c1b.json files, or of such folders   task_folder
one {"task_id", "train", "test"} a line               json_lines, streamed
one {"examples": [[input, output], …]} a line         json_lines, streamed
a CSV or Parquet file, a task or a pair a row         table_file
a folder of those, as Hugging Face has datasets       table_folder
a zip file of any of these                            zip_file

A layout is a function in LAYOUTS. It recognises a path and says how its tasks are read.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from pathlib import Path

from utilities.errors import UsageError
from utilities.files.json_files import RepeatedKeys, parse_task_json, read_json, reported_reading
from utilities.files.tables import TABLES, is_table
from utilities.tasks.archives import zip_dataset
from utilities.tasks.stored import Dataset, StoredTask
from utilities.tasks.tables import ABOUT_A_DATASET, saved_files, shards_of, tables_dataset
from utilities.tasks.task import is_pair, list_of_pairs

CHALLENGES = "_challenges.json"
SOLUTIONS = "_solutions.json"


Layout = Callable[[Path], Dataset | None]
"""The dataset at a path, or None if it is laid out in another way."""


def recognise(path: Path) -> Dataset:
    """Find the layout of the dataset at `path`; raises UsageError if there is no dataset."""
    with reported_reading(path):
        if not path.exists():
            raise UsageError(f"no dataset at {path}; check --dataset_directory and --dataset")
        if path.is_file() and path.stat().st_size == 0:
            raise UsageError(f"{path} is empty; give a file with tasks")
        for layout in LAYOUTS:
            if (dataset := layout(path)) is not None:
                return dataset
    raise UsageError(
        f"no *.json and no table in or below the folder {path}; give a folder of ARC task files, "
        "of Kaggle's challenges and solutions, or a .json, .jsonl, .csv, .parquet or .zip file"
    )


def kaggle_folder(path: Path) -> Dataset | None:
    """A folder with files of challenges, read in the order of their names."""
    challenges = sorted(path.glob(f"*{CHALLENGES}"))
    return _task_objects(challenges) if challenges else None


def folder_with_dataset(path: Path) -> Dataset | None:
    """A folder with a `dataset.json`, which is taken alone."""
    file = path / "dataset.json"
    return recognise(file) if file.exists() else None


def task_folder(path: Path) -> Dataset | None:
    """ARC's own layout: a file for each task, named by its id.

    A folder without such files is searched with the folders in it. A task's id is then its file's
    path without the ending: `Center/Center1`. Hidden files and folders are passed over.
    """
    if not path.is_dir():
        return None
    files = sorted(path.glob("[!.]*.json"))
    files = [file for file in files if file.name not in ABOUT_A_DATASET]
    files = files or sorted(_files_below(path, ".json"))
    if not files:
        return None
    ids = [file.relative_to(path).with_suffix("").as_posix() for file in files]

    def tasks() -> Iterator[StoredTask]:
        for task_id, file in zip(ids, files, strict=True):
            yield StoredTask(task_id, str(file), partial(read_json, file))

    return Dataset(files, tasks, lambda: ids)


def _files_below(path: Path, *endings: str) -> Iterator[Path]:
    """The files in all folders below that have one of these endings and may hold tasks.

    Links to folders are not followed, so none is a loop.
    """

    def fail(error: OSError) -> None:
        raise error

    for folder, below, names in os.walk(path, onerror=fail):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            is_hidden = name.startswith(".") or name in ABOUT_A_DATASET
            if name.endswith(endings) and not is_hidden:
                yield Path(folder, name)


def table_folder(path: Path) -> Dataset | None:
    """A folder of tables, in it or in folders below, as Hugging Face's datasets have them.

    All splits are read, one after the other; a split may also be a file of JSON Lines.
    """
    if not path.is_dir():
        return None
    if (saved := saved_files(path)) is not None:
        return tables_dataset(saved)
    files = sorted(_files_below(path, *TABLES, ".jsonl", ".ndjson"))
    tables = tables_dataset([file for file in files if file.suffix in TABLES])
    parts = [tables] * bool(tables.files) + list(filter(None, map(json_lines, files)))
    return (
        Dataset(files, lambda: chain.from_iterable(one.tasks() for one in parts)) if files else None
    )


def table_file(path: Path) -> Dataset | None:
    """A table; of a split in several files, the first stands for all."""
    if not path.is_file() or not is_table(path):
        return None
    return tables_dataset(shards_of(path))


def zip_file(path: Path) -> Dataset | None:
    """An archive of any layout."""
    return zip_dataset(path, recognise) if other_kind(path) == "a zip archive" else None


_KINDS = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"SQLite format 3", "a database"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"\x89PNG", "a picture"),
    (b"%PDF", "a PDF"),
)
"""How files begin that hold tasks in a form that is not read, or no tasks."""


def other_kind(path: Path) -> str | None:
    """What a file is if its first bytes or its ending say that it is no JSON."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(16)
    kinds = [kind for mark, kind in _KINDS if start.startswith(mark)]
    kinds += ["a table"] * (path.suffix.lower() in {".csv", ".tsv"})
    return kinds[0] if kinds else None


def refuse_other_kinds(path: Path) -> None:
    """Raise UsageError for a file that is no JSON."""
    if (kind := other_kind(path)) is not None:
        raise UsageError(
            f"{path} is {kind}, not JSON in UTF-8; write its tasks as .json or .jsonl "
            "(data/nature_of_data.md says how)"
        )


def json_lines(path: Path) -> Dataset | None:
    """A task a line, read as a stream: what has been used is let go."""
    if not path.is_file() or path.suffix not in {".jsonl", ".ndjson"}:
        return None

    def tasks() -> Iterator[StoredTask]:
        with reported_reading(path), path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if content := line.rstrip():
                    yield _task_of_line(content, path, number)

    return Dataset([path], tasks)


def json_file(path: Path) -> Dataset | None:
    """Any other file: an object of tasks by id, or one task."""
    return _task_objects([path]) if path.is_file() else None


LAYOUTS: tuple[Layout, ...] = (
    kaggle_folder,
    folder_with_dataset,
    task_folder,
    table_folder,
    table_file,
    zip_file,
    refuse_other_kinds,
    json_lines,
    json_file,
)
"""In the order in which they are tried; json_file takes any file."""


def _task_of_line(content: bytes, path: Path, number: int) -> StoredTask:
    """The task of a line; a broken line becomes a task that cannot be loaded."""
    origin = f"{path}, line {number}"
    try:
        task = parse_task_json(content, path, first_line=number)
    except UsageError as error:
        return StoredTask(f"of line {number}", origin, partial(_fail, str(error)))
    named = task if isinstance(task, dict) else {}
    if "entry_type" in named and "train" not in named:
        raise UsageError(f"{origin}: an entry of a run, not a task; give the run's own dataset")
    if list_of_pairs(task) is not None and not {"task_id", "id"} & named.keys():
        return StoredTask(f"{path.stem}_{number}", origin, lambda: task)
    task_id = named.get("task_id", named.get("id"))
    if not isinstance(task_id, str) or not task_id:
        fault = f"has no task_id that is a string; mend it in {origin}"
        return StoredTask(f"of line {number}", origin, partial(_fail, fault))
    return StoredTask(task_id, origin, lambda: task)


def _task_objects(files: Sequence[Path]) -> Dataset:
    """Files of `{id: task}`, among them Kaggle's challenges with their solutions."""
    solutions = {file: _solutions_beside(file) for file in files}

    @cache
    def read() -> list[tuple[str, Path, object]]:
        return [(task_id, file, task) for file in files for task_id, task in _tasks_by_id(file)]

    def tasks() -> Iterator[StoredTask]:
        outputs = {file: _read_solutions(beside) for file, beside in solutions.items()}
        for task_id, file, task in read():
            if task_id in outputs[file]:
                solved = partial(_with_solutions, task, outputs[file][task_id])
                yield StoredTask(task_id, f"{file} or its solutions", solved)
            else:
                yield StoredTask(task_id, str(file), partial(_itself, task))

    every_file = sorted({*files, *filter(None, solutions.values())})
    return Dataset(every_file, tasks, lambda: [task_id for task_id, _, _ in read()])


def _tasks_by_id(path: Path) -> list[tuple[str, object]]:
    content = read_json(path)
    if isinstance(content, list) and content and is_pair(content[0]):
        return [(path.stem, content)]
    if not isinstance(content, dict):
        raise UsageError(
            f"{path} holds a JSON {type(content).__name__}, not an object of tasks by id "
            "(tasks in a row belong in a .jsonl file, one a line)"
        )
    if isinstance(content.get("train"), list) or isinstance(content.get("examples"), list):
        return [(path.stem, content)]
    if isinstance(content.get("results"), list):
        raise UsageError(f"{path} holds a run's results, not tasks; give the run's own dataset")
    pairs = content.pairs if isinstance(content, RepeatedKeys) else list(content.items())
    if not pairs:
        raise UsageError(f"{path} holds no task; give a file with tasks")
    first = pairs[0][1]
    if isinstance(first, list) and first and isinstance(first[0], dict) and "text" in first[0]:
        raise UsageError(f"{path} holds texts about tasks, not tasks (merge_reasoning.py reads it)")
    return pairs


def _solutions_beside(challenges: Path) -> Path | None:
    if not challenges.name.endswith(CHALLENGES):
        return None
    solutions = challenges.with_name(challenges.name.removesuffix(CHALLENGES) + SOLUTIONS)
    return solutions if solutions.exists() else None


def _read_solutions(path: Path | None) -> dict[str, object]:
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
    count = len(outputs) if isinstance(outputs, list) else "no list of"
    if not isinstance(outputs, list) or count != len(tests):
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
