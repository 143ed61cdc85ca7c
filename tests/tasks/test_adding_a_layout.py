"""The door for a dataset's layout: one function in a table, and every script reads it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from utilities.errors import UsageError
from utilities.files.hashing import file_sha256
from utilities.files.json_files import parse_json
from utilities.tasks import layouts
from utilities.tasks.datasets import open_tasks
from utilities.tasks.selection import Selection
from utilities.tasks.stored import Dataset, StoredTask


def csv_file(path: Path) -> Dataset | None:
    """A table with the columns `task_id` and `task`, which is JSON."""
    if path.suffix != ".csv":
        return None

    def tasks() -> Iterator[StoredTask]:
        with path.open(newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                origin = f"{path}, line {number}"
                load = partial(parse_json, row["task"].encode(), path, first_line=number)
                yield StoredTask(row["task_id"], origin, load)

    return Dataset([path], tasks)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CSV file with a good task, a bad one, one that is no JSON, and another good one."""
    monkeypatch.setattr(layouts, "LAYOUTS", (csv_file, *layouts.LAYOUTS))
    good = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}
    texts = [json.dumps(good), json.dumps({**good, "test": []}), "{", json.dumps(good)]
    path = tmp_path / "tasks.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("task_id", "task"), *zip("abcd", texts, strict=True)])
    return path


def test_tasks_of_a_new_layout_are_read_checked_and_chosen_like_all_others(table: Path) -> None:
    reported: dict[str, str] = {}
    source = open_tasks(dataset_directory=table, on_bad_task=reported.__setitem__)

    assert [task.task_id for task in source] == ["a", "d"]
    assert reported["b"] == f"has no test pair; mend it in {table}, line 3"
    assert f"{table}, line 4" in reported["c"]
    assert source.dataset_hash == file_sha256(table)


def test_ids_of_a_new_layout_are_looked_through_before_the_first_task(table: Path) -> None:
    [task] = open_tasks(dataset_directory=table, selection=Selection(task_ids=("d",)))
    assert task.train[0].output == [[2]]
    with pytest.raises(UsageError, match="no task e in"):
        open_tasks(dataset_directory=table, selection=Selection(task_ids=("e",)))


def test_a_dataset_of_a_new_layout_is_found_by_its_file_name(table: Path) -> None:
    tasks = open_tasks(dataset_directory=table.parent, dataset="tasks.csv")
    assert len([*tasks]) == 2
