"""Datasets of neighbouring projects: lists of pairs, folders of folders, and what is no dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run, entries
from utilities.errors import UsageError
from utilities.tasks.datasets import open_tasks
from utilities.tasks.task import Draw, Task

GRIDS = [[[number % 10, number // 10 % 10]] for number in range(40)]
PAIRS = [{"input": grid, "output": [grid[0][::-1]]} for grid in GRIDS]
AS_LISTS = [[pair["input"], pair["output"]] for pair in PAIRS]
TASK = {"train": PAIRS[:2], "test": PAIRS[2:3]}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def tasks_of(path: Path, **draw: int) -> list[Task]:
    return list(open_tasks(dataset_directory=path, draw=Draw(**draw), strict=True))


@pytest.mark.parametrize(
    ("name", "content", "task_id"),
    [
        ("re_arc.json", {"00d62c1b": PAIRS}, "00d62c1b"),
        ("lists.json", {"00d62c1b": AS_LISTS}, "00d62c1b"),
        ("00d62c1b.json", PAIRS, "00d62c1b"),
        ("00d62c1b.json", {"color_perm": "", "examples": AS_LISTS}, "00d62c1b"),
        ("barc.jsonl", json.dumps({"examples": AS_LISTS, "seeds": ["1"]}), "barc_1"),
        ("named.jsonl", json.dumps({"id": "a", "examples": AS_LISTS}), "a"),
    ],
)
def test_a_list_of_pairs_becomes_a_task(
    tmp_path: Path, name: str, content: Any, task_id: str
) -> None:
    (task,) = tasks_of(write(tmp_path / name, content))
    assert (task.task_id, len(task.train), len(task.test)) == (task_id, 3, 1)
    drawn = [pair.to_json() for pair in task.pairs]
    assert all(pair in PAIRS for pair in drawn)


def test_a_folder_with_a_list_of_pairs_a_file_is_a_dataset(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.json", PAIRS)
    assert [task.task_id for task in tasks_of(tmp_path)] == ["a", "b"]


def test_pairs_per_task_says_how_many_train_pairs_are_drawn_and_one_is_the_test(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "tasks.json", {"a": PAIRS})
    for count in (1, 2, 7, 39):
        (task,) = tasks_of(path, train_pairs=count)
        assert (len(task.train), len(task.test)) == (count, 1)
        assert len({str(pair.input) for pair in task.pairs}) == count + 1


def test_a_draw_is_the_same_every_time_and_another_with_another_seed(tmp_path: Path) -> None:
    path = write(tmp_path / "tasks.json", {"a": PAIRS})
    assert tasks_of(path, seed=4) == tasks_of(path, seed=4)
    assert len({str(tasks_of(path, seed=seed)) for seed in range(9)}) > 1


def test_a_draw_does_not_depend_on_the_other_tasks(tmp_path: Path) -> None:
    alone = tasks_of(write(tmp_path / "alone.json", {"b": PAIRS}))
    among = tasks_of(write(tmp_path / "among.json", {"a": PAIRS, "b": PAIRS}))
    assert among[1] == alone[0]


def test_a_test_input_is_never_one_of_the_train_inputs(tmp_path: Path) -> None:
    path = write(tmp_path / "tasks.json", {"a": [*PAIRS[:2], *PAIRS[:2], *PAIRS[:2]]})
    for seed in range(20):
        (task,) = tasks_of(path, seed=seed)
        assert (len(task.train), len(task.test)) == (1, 1)
        assert task.test[0].input != task.train[0].input


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([], "has 0 different pairs; a task needs two"),
        ([PAIRS[0], PAIRS[0]], "has 1 different pairs; a task needs two"),
        ([{"input": [[1]]}, PAIRS[0]], "pair [0] has no output"),
        ([{"input": [[1], [1, 2]], "output": [[1]]}, PAIRS[0]], "pair [0].input has ragged rows"),
        ([PAIRS[0], 3], "pair [1] is of type int"),
        ([PAIRS[0], [1, 2, 3]], "pair [1] is of type list"),
    ],
)
def test_a_list_that_gives_no_task_is_named_and_skipped(
    tmp_path: Path, pairs: Any, reason: str
) -> None:
    path = write(tmp_path / "tasks.json", {"bad": pairs, "good": PAIRS})
    reported: dict[str, str] = {}
    source = open_tasks(dataset_directory=path, on_bad_task=reported.__setitem__)
    assert [task.task_id for task in source] == ["good"]
    assert reason in reported["bad"]
    assert str(path) in reported["bad"]


def test_a_run_of_a_script_takes_lists_of_pairs(tmp_path: Path, run_script: Run) -> None:
    path = write(tmp_path / "tasks.json", {"a": PAIRS})
    asked = ("--agent", "program_search", "--output_directory", tmp_path / "out", "--quiet")
    options = ("--pairs_per_task", "5", "--pairs_seed", "2", "--dataset_directory", path)
    done = run_script("benchmark/run_direct_benchmark.py", *asked, *options)
    assert done.returncode == 0, done.stderr
    (entry,) = entries(tmp_path / "out" / "direct_benchmark_results.jsonl")
    assert len(entry["task_data"]["train"]) == 5
    (metadata,) = entries(tmp_path / "out" / "direct_benchmark_results.jsonl", "metadata")
    assert metadata["options"]["pairs_per_task"] == 5


def test_folders_of_folders_are_descended_and_ids_are_paths(tmp_path: Path) -> None:
    for name in ("Center/Center1", "Center/Center2", "Above.Below/A/deep.er"):
        write(tmp_path / f"{name}.json", TASK)
    write(tmp_path / "readme.md", "no task")
    found = [task.task_id for task in tasks_of(tmp_path)]
    assert found == ["Above.Below/A/deep.er", "Center/Center1", "Center/Center2"]


def test_a_folder_with_task_files_is_not_descended(tmp_path: Path) -> None:
    write(tmp_path / "a.json", TASK)
    write(tmp_path / "more" / "b.json", TASK)
    assert [task.task_id for task in tasks_of(tmp_path)] == ["a"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "._a.json", "\0\5\x16\7")
    with pytest.raises(UsageError, match=r"no \*\.json and no table in or below"):
        tasks_of(tmp_path)
    write(tmp_path / ".git" / "x.json", "{}")
    write(tmp_path / "tasks" / "a.json", TASK)
    assert [task.task_id for task in tasks_of(tmp_path)] == ["tasks/a"]


def test_a_loop_of_links_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "tasks" / "a.json", TASK)
    (tmp_path / "tasks" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [task.task_id for task in tasks_of(tmp_path)] == ["tasks/a"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("soar.parquet", b"PAR1\x15\x04", "cannot be read as Parquet"),
        ("tasks.arrow", b"\xff\xff\xff\xff", "cannot be read as Parquet"),
        ("tasks.zip", b"PK\x03\x04", "cannot be unpacked"),
        ("tasks.json.gz", b"\x1f\x8b\x08", "a gzip file"),
        ("larc.csv", b"task_id,description\n", "no column with tasks"),
        ("latin.csv", b"task_id,data\na,\xff\n", "cannot be read as a table"),
        ("utf16.json", "{}".encode("utf-16"), "UTF-16"),
        ("results.jsonl", b'{"entry_type": "result", "task_id": "a"}', "an entry of a run"),
        ("results.json", b'{"results": [], "metadata": {}}', "a run's results"),
        ("traces.json", b'{"a": [{"text": "t", "trace_id": "1"}]}', "texts about tasks"),
        ("list.json", b"[1, 2]", "a JSON list"),
    ],
)
def test_what_is_no_dataset_is_refused_by_its_name(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UsageError, match=kind) as refusal:
        tasks_of(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
