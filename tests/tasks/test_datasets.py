"""Datasets of every layout, whole and damaged, and the choice of tasks from them."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from utilities.errors import UsageError
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.selection import Selection, parse_slice, parse_task_ids
from utilities.tasks.task import Pair


def task_json(colour: int = 1, *, solved: bool = True) -> dict[str, Any]:
    pair = {"input": [[colour]], "output": [[colour, colour]]}
    return {"train": [pair, pair], "test": [pair if solved else {"input": [[colour]]}]}


RAGGED = {"train": [{"input": [[1]], "output": [[1, 2, 3], [1, 2, 3, 4]]}], "test": []}
IDS = tuple(f"{number:08x}" for number in range(10))


def write_dictionary(folder: Path, tasks: dict[str, Any], name: str = "tasks.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def write_folder(folder: Path, tasks: dict[str, Any]) -> Path:
    for task_id, task in tasks.items():
        write_dictionary(folder, task, f"{task_id}.json")
    return folder


def write_lines(folder: Path, tasks: dict[str, Any]) -> Path:
    path = folder / "tasks.jsonl"
    lines = (json.dumps({"task_id": task_id, **task}) for task_id, task in tasks.items())
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def write_kaggle(folder: Path, tasks: dict[str, Any]) -> Path:
    challenges = {
        task_id: {**task, "test": [{"input": pair["input"]} for pair in task["test"]]}
        for task_id, task in tasks.items()
    }
    solutions = {
        task_id: [pair["output"] for pair in task["test"]] for task_id, task in tasks.items()
    }
    write_dictionary(folder, {}, "sample_submission.json")
    write_dictionary(folder, solutions, "arc-agi_training_solutions.json")
    return write_dictionary(folder, challenges, "arc-agi_training_challenges.json")


Writer = Callable[[Path, dict[str, Any]], Path]
every_layout = pytest.mark.parametrize(
    "write",
    [
        write_dictionary,
        write_folder,
        write_lines,
        write_kaggle,
        pytest.param(lambda folder, tasks: write_kaggle(folder, tasks).parent, id="kaggle_folder"),
    ],
)


def chosen(path: Path, **choice: Any) -> list[str]:
    source = open_tasks(dataset_directory=path, selection=Selection(**choice))
    return [task.task_id for task in source]


def keep_quiet(task_id: str, reason: str) -> None:
    """For tests that read `skipped` instead."""


def complaint(path: Path, **choice: Any) -> str:
    with pytest.raises(UsageError) as caught:
        chosen(path, **choice)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@every_layout
def test_every_layout_gives_the_same_tasks(write: Writer, tmp_path: Path) -> None:
    tasks = list(TaskSource(write(tmp_path, {"a": task_json(3), "b": task_json(4)})))

    assert [task.task_id for task in tasks] == ["a", "b"]
    assert tasks[1].train == (Pair([[4]], [[4, 4]]),) * 2
    assert tasks[1].test == (Pair([[4]], [[4, 4]]),)


@every_layout
def test_a_bad_task_is_reported_and_the_others_go_on(
    write: Writer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, {"a": task_json(), "00d62c1b": RAGGED, "c": task_json()})
    source = open_tasks(dataset_directory=path)

    assert [task.task_id for task in source] == ["a", "c"]
    assert list(source.skipped) == ["00d62c1b"]
    reported = capsys.readouterr().err
    assert reported.startswith("task 00d62c1b: train[0].output has ragged rows (3, 4); mend it in ")
    assert reported.count("\n") == 1


@every_layout
def test_strict_stops_at_a_bad_task(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"0": task_json(), "00d62c1b": RAGGED})
    tasks = iter(TaskSource(path, strict=True))

    assert next(tasks).task_id == "0"
    with pytest.raises(UsageError, match=r"^task 00d62c1b: train\[0\].output has ragged rows"):
        next(tasks)


@every_layout
def test_slice_comes_before_ids_and_ids_before_the_maximum(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {task_id: task_json() for task_id in IDS})
    wanted = (IDS[9], IDS[5], IDS[3], IDS[4])

    assert chosen(path, tasks=slice(4, 6)) == list(IDS[4:6])
    assert chosen(path, task_ids=wanted) == [IDS[3], IDS[4], IDS[5], IDS[9]]
    assert chosen(path, tasks=slice(4, 9), task_ids=wanted, max_tasks=1) == [IDS[4]]


@every_layout
def test_an_unknown_id_is_refused_with_the_nearest_before_any_task(
    write: Writer, tmp_path: Path
) -> None:
    path = write(tmp_path, {"00d62c1b": task_json(), "ffffffff": task_json()})

    with pytest.raises(UsageError, match=r"no task 00d62c1d \(nearest: 00d62c1b\) in "):
        open_tasks(dataset_directory=path, selection=Selection(task_ids=("00d62c1d",)))


@every_layout
def test_a_source_can_be_read_twice(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"a": task_json(), "b": RAGGED})
    source = open_tasks(dataset_directory=path, on_bad_task=keep_quiet)

    assert list(source) == list(source)
    assert list(source.skipped) == ["b"]


def test_the_maximum_counts_usable_tasks(tmp_path: Path) -> None:
    path = write_lines(tmp_path, {"a": RAGGED, "b": task_json(), "c": task_json()})

    assert chosen(path, max_tasks=1) == ["b"]


def test_total_is_known_but_for_streams(tmp_path: Path) -> None:
    tasks = {task_id: task_json() for task_id in IDS}
    known = write_dictionary(tmp_path, tasks)
    choice = Selection(tasks=slice(2, None), max_tasks=5)

    assert open_tasks(dataset_directory=known).total == 10
    assert open_tasks(dataset_directory=known, selection=choice).total == 5
    assert open_tasks(dataset_directory=write_lines(tmp_path, tasks)).total is None


def peak_memory(work: Callable[[], object]) -> int:
    work()  # what is imported and cached once is not the work's
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "choice", [{"max_tasks": 10}, {"tasks": slice(0, 10)}, {"task_ids": IDS[8:]}]
)
def test_a_stream_is_read_no_further_than_needed(choice: dict[str, Any], tmp_path: Path) -> None:
    path = write_lines(tmp_path, {task_id: task_json() for task_id in IDS})
    long_line = 4_000_000
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + "x" * long_line)

    assert peak_memory(lambda: chosen(path, **choice)) < long_line / 2


def test_memory_stays_flat_over_a_stream(tmp_path: Path) -> None:
    def peak_over(lines: int) -> int:
        path = tmp_path / f"{lines}.jsonl"
        task = {"train": [{"input": [[1] * 30] * 30, "output": [[2] * 30] * 30}] * 4}
        task["test"] = task["train"][:1]
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps({'id': str(n), **task})}\n" for n in range(lines))
        return peak_memory(lambda: sum(1 for _ in TaskSource(path)))

    assert peak_over(100) < peak_over(10) * 1.5


def test_a_broken_line_is_reported_with_its_place_and_skipped(tmp_path: Path) -> None:
    good = json.dumps({"id": "a", **task_json()})
    path = tmp_path / "tasks.jsonl"
    path.write_text(
        f'{good}\n\n{{"id": "b", "train"\n{json.dumps(task_json())}\n', encoding="utf-8"
    )
    source = open_tasks(dataset_directory=path, on_bad_task=keep_quiet)

    assert [task.task_id for task in source] == ["a"]
    assert f"{path}, line 3, column 20: broken JSON" in source.skipped["of line 3"]
    assert "has no task_id" in source.skipped["of line 4"]


def test_a_broken_file_in_a_folder_is_one_bad_task(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": task_json(), "b": task_json()})
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    source = open_tasks(dataset_directory=tmp_path, on_bad_task=keep_quiet)

    assert [task.task_id for task in source] == ["a"]
    assert "b.json, line 1, column 2: broken JSON" in source.skipped["b"]


def test_a_repeated_id_is_reported_and_the_first_one_taken(tmp_path: Path) -> None:
    first, second = json.dumps(task_json(1)), json.dumps(task_json(2))
    dictionary = tmp_path / "tasks.json"
    dictionary.write_text(f'{{"a": {first}, "a": {second}}}', encoding="utf-8")
    lines = tmp_path / "tasks.jsonl"
    lines.write_text(f'{{"id": "a", {first[1:]}\n{{"id": "a", {second[1:]}\n', encoding="utf-8")
    for path in (dictionary, lines):
        source = open_tasks(dataset_directory=path, on_bad_task=keep_quiet)

        assert [task.train[0].input for task in source] == [[[1]]]
        assert source.skipped == {"a": "is there twice; the first one is taken"}


def test_a_task_file_alone_is_a_dataset_named_by_the_file(tmp_path: Path) -> None:
    assert chosen(write_dictionary(tmp_path, task_json(), "00d62c1b.json")) == ["00d62c1b"]


def test_a_folder_with_a_dataset_file_is_that_file(tmp_path: Path) -> None:
    write_dictionary(tmp_path, {}, "traces_store.json")
    write_dictionary(tmp_path, {"a": task_json()}, "dataset.json")

    assert chosen(tmp_path) == ["a"]


def test_kaggle_challenges_without_solutions_have_no_test_outputs(tmp_path: Path) -> None:
    path = write_kaggle(tmp_path, {"a": task_json()})
    (tmp_path / "arc-agi_training_solutions.json").unlink()

    assert [task.test for task in TaskSource(path)] == [(Pair([[1]], None),)]


def test_kaggle_solutions_of_another_number_make_a_bad_task(tmp_path: Path) -> None:
    path = write_kaggle(tmp_path, {"a": task_json(), "b": task_json()})
    write_dictionary(tmp_path, {"a": [[[1]], [[2]]]}, "arc-agi_training_solutions.json")
    source = open_tasks(dataset_directory=path, on_bad_task=keep_quiet)

    assert [task.task_id for task in source] == ["b"]
    assert source.skipped["a"].startswith("has 2 solutions for 1 test inputs")


def test_one_of_kaggles_sets_is_chosen_by_its_name(tmp_path: Path) -> None:
    write_kaggle(tmp_path, {"a": task_json()})
    write_dictionary(tmp_path, {"b": task_json()}, "arc-agi_test_challenges.json")
    source = open_tasks(dataset_directory=tmp_path, dataset="training")

    assert [task.task_id for task in source] == ["a"]
    assert chosen(tmp_path) == ["b", "a"]


def test_a_name_that_is_not_in_the_folder_lists_the_nearest(tmp_path: Path) -> None:
    write_dictionary(tmp_path, {"a": task_json()}, "private.json")

    with pytest.raises(UsageError, match=r"--dataset privat: not in .*; nearest: private.json"):
        open_tasks(dataset_directory=tmp_path, dataset="privat")


def test_an_unknown_dataset_lists_the_nearest() -> None:
    with pytest.raises(UsageError, match="--dataset arc1_trainin: unknown; nearest: arc1_training"):
        open_tasks(dataset="arc1_trainin")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{}", "holds no task"),
        ("[1]", "holds a JSON list, not an object of tasks by id"),
        ('{\n  "a": {,', "line 2, column 9: broken JSON"),
        ("[" * 200_000, "cannot be read"),
        ('{"a": ' + "9" * 5000 + "}", "cannot be read"),
    ],
)
def test_a_file_that_is_no_dataset_is_refused_in_one_line(
    content: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(content, encoding="utf-8")

    said = complaint(path)
    assert said.startswith(str(path))
    assert reason in said


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(b'{"\xff": 1}')

    assert "line 1: not UTF-8; convert it" in complaint(path)


def test_a_missing_dataset_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path / "nowhere").startswith("no dataset at ")


def test_a_folder_without_tasks_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path).startswith("no *.json and no table in or below ")


def test_a_dataset_of_bad_tasks_alone_is_refused_at_its_end(tmp_path: Path) -> None:
    path = write_lines(tmp_path, {"a": RAGGED})

    assert complaint(path) == f"{path} holds no usable task (1 skipped)"


@pytest.mark.parametrize("write", [write_dictionary, write_lines])
def test_a_selection_of_nothing_is_refused(write: Writer, tmp_path: Path) -> None:
    path = write(tmp_path, {"a": task_json()})

    assert "--tasks [5:7]" in complaint(path, tasks=slice(5, 7))
    assert "--max_tasks is 0" in complaint(path, max_tasks=0)


def test_dataset_hash_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    path = write_dictionary(tmp_path, {"a": task_json()})
    source = open_tasks(dataset_directory=path)

    assert source.dataset_hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_folder_changes_with_any_file(tmp_path: Path) -> None:
    write_folder(tmp_path, {"a": task_json(), "b": task_json()})
    before = open_tasks(dataset_directory=tmp_path).dataset_hash
    write_folder(tmp_path, {"b": task_json(2)})

    assert open_tasks(dataset_directory=tmp_path).dataset_hash != before


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("[20:40]", (20, 40)),
        ("20:40", (20, 40)),
        ("[:40]", (None, 40)),
        ("[20:]", (20, None)),
        (" [ 1 : 2 ] ", (1, 2)),
        ("[:]", (None, None)),
    ],
)
def test_slices_are_read_with_and_without_brackets(
    text: str, positions: tuple[int | None, int | None]
) -> None:
    assert parse_slice(text) == slice(*positions)


@pytest.mark.parametrize("text", ["", "20", "[20:40", "20:40]", "[a:b]", "[-5:]", "[0:9:2]", "1,2"])
def test_what_is_no_slice_is_answered_with_the_form(text: str) -> None:
    with pytest.raises(UsageError, match=r"write it as \[20:40\]"):
        parse_slice(text)


@pytest.mark.parametrize("text", ["[4:4]", "[4:2]", "[:0]"])
def test_a_slice_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="selects nothing"):
        parse_slice(text)


@pytest.mark.parametrize("text", ['["a", "b", "a"]', "a,b", " a , b,", "a\nb\n"])
def test_ids_are_read_from_json_from_commas_and_from_files(text: str, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text(text, encoding="utf-8")

    assert parse_task_ids(text) == ("a", "b")
    assert parse_task_ids(str(file)) == ("a", "b")


def test_a_list_of_ids_may_be_longer_than_a_path() -> None:
    assert len(parse_task_ids(",".join(f"{number:08x}" for number in range(9000)))) == 9000


@pytest.mark.parametrize("text", ["", " ", "[]", '["a"', "[1]", ","])
def test_what_names_no_ids_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--task_ids"):
        parse_task_ids(text)
