"""Rows for KTO, for test-time training on grids, and in SOAR's columns."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from agents.reply_parsing import extract_grids
from tests.support.scripts import Run
from tests.support.training_results import RIGHT, WRONG, entry, mirror_task, write
from utilities.tasks.task import Task

SCRIPT = "auxiliary_utilities/export_training_data.py"
Rows = list[dict[str, Any]]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A right and a wrong program of a task, and a wrong one of a task that has no other."""
    other = mirror_task()
    other["train"] = other["train"][::-1]
    return write(
        tmp_path / "results.jsonl",
        entry("a", mirror_task(), [RIGHT, WRONG], reasoning=["It mirrors.", "It stays."]),
        entry("b", other, [WRONG], reasoning=["It stays."]),
    )


def rows_in(run_script: Run, output: Path, *words: str | Path) -> Rows:
    done = run_script(SCRIPT, *words, "--output", output)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in output.read_text().splitlines()]


def task_folder(folder: Path, *tasks: dict[str, Any]) -> Path:
    (folder / "tasks").mkdir()
    for number, task in enumerate(tasks):
        (folder / "tasks" / f"{number:08x}.json").write_text(json.dumps(task))
    return folder / "tasks"


def shown_task(row: dict[str, Any]) -> str:
    return str(row["messages"][1]["content"])


def test_kto_has_a_label_for_each_sample_alone(
    run_script: Run, tmp_path: Path, results: Path
) -> None:
    rows = rows_in(run_script, tmp_path / "kto.jsonl", results, "--format", "kto")
    told = {(row["provenance"]["task_id"], row["label"]) for row in rows}
    assert told == {("a", True), ("a", False), ("b", False)}
    for row in rows:
        assert [message["role"] for message in row["prompt"]] == ["system", "user"]
        (answer,) = row["completion"]
        assert ("It mirrors." in answer["content"]) is row["label"]


def test_soars_columns_hold_programs_and_their_outputs(
    run_script: Run, tmp_path: Path, results: Path
) -> None:
    words = ("--format", "soar", "--output", tmp_path / "soar", "--verified", "any")
    done = run_script(SCRIPT, results, *words)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "soar" / "data").glob("*.parquet")
    rows = pyarrow.parquet.read_table(path).to_pylist()
    assert [set(row["correct_test_input"]) for row in rows] == [{True}, {False}, {False}]
    right, _, _ = rows
    task = Task.from_json("a", mirror_task())
    assert right["predicted_train_output"] == [pair.output for pair in task.train]
    assert right["predicted_test_output"] == [pair.output for pair in task.test]
    assert (right["reasoning"], right["is_transductive"]) == ("It mirrors.", False)
    assert len({row["row_id"] for row in rows}) == 3
    namespace: dict[str, Any] = {}
    exec(right["code"], namespace)
    assert namespace["transform"](task.test[0].input) == task.test[0].output


def test_each_train_pair_of_a_dataset_is_the_test_in_turn(run_script: Run, tmp_path: Path) -> None:
    folder = task_folder(tmp_path, mirror_task())
    words = ("--from_dataset", folder, "--format", "grids")
    rows = rows_in(run_script, tmp_path / "rows.jsonl", *words)
    task = Task.from_json("a", mirror_task())
    assert len(rows) == len(task.train) > 1
    for pair, row in zip(task.train, rows, strict=True):
        assert extract_grids(row["messages"][-1]["content"], 1) == (pair.output,)
        assert shown_task(row).count("## Train pair") == len(task.train) - 1
        assert shown_task(row).count("## Test input") == 1


def test_no_test_pair_of_the_dataset_is_in_its_rows(run_script: Run, tmp_path: Path) -> None:
    task = mirror_task()
    task["test"] = [{"input": [[9, 8, 7, 9]], "output": [[9, 7, 8, 9]]}]
    words = ("--from_dataset", task_folder(tmp_path, task), "--format", "grids")
    text = json.dumps([row["messages"] for row in rows_in(run_script, tmp_path / "x", *words)])
    assert "9 8 7 9" not in text
    assert "9 7 8 9" not in text


def test_augmented_grid_rows_are_the_changed_tasks_own_outputs(
    run_script: Run, tmp_path: Path
) -> None:
    folder = task_folder(tmp_path, mirror_task())
    words = ("--from_dataset", folder, "--format", "grids", "--augment", "4")
    rows = rows_in(run_script, tmp_path / "rows.jsonl", *words)
    pairs = len(mirror_task()["train"])
    assert len(rows) == 5 * pairs
    changes = [row["provenance"]["augmentation"] for row in rows]
    assert sum(not change for change in changes) == pairs
    for row in rows:
        (answer,) = extract_grids(row["messages"][-1]["content"], 1)
        shown = shown_task(row).split("## Test input 1")[1].splitlines()
        given = [list(map(int, line.split())) for line in shown if line[:1].isdigit()]
        assert answer is not None
        is_mirror = answer in ([line[::-1] for line in given], given[::-1])
        assert is_mirror, "a mirror stays one when it is turned and recoloured"


def test_rows_of_one_task_stay_on_one_side_of_a_split(run_script: Run, tmp_path: Path) -> None:
    tasks = []
    for shift in range(6):
        task = json.loads(json.dumps(mirror_task()))
        for pair in (*task["train"], *task["test"]):
            for side in ("input", "output"):
                pair[side] = [
                    [(shift * cell + cell) % 10 for cell in row] * 2 for row in pair[side]
                ]
                pair[side] += [[shift] * len(pair[side][0])]
        tasks.append(task)
    output = tmp_path / "rows.jsonl"
    words = ("--from_dataset", task_folder(tmp_path, *tasks), "--format", "grids")
    done = run_script(SCRIPT, *words, "--output", output, "--split", "train=0.5,validation=0.5")
    assert done.returncode == 0, done.stderr
    parts = [
        {json.loads(line)["provenance"]["task_id"] for line in path.read_text().splitlines()}
        for path in sorted(tmp_path.glob("rows_*.jsonl"))
    ]
    assert all(parts)
    assert not set.intersection(*parts)


def test_evaluation_tasks_are_left_out_unless_they_are_allowed(
    run_script: Run, tmp_path: Path
) -> None:
    words = ("--from_dataset", "arc2_evaluation", "--format", "grids")
    refused = run_script(SCRIPT, *words, "--output", tmp_path / "x")
    assert refused.returncode == 2
    assert "evaluation task" in refused.stderr
    allowed = rows_in(
        run_script, tmp_path / "y", *words, "--evaluation_tasks", "allow", "--max_per_task", "1"
    )
    assert len(allowed) == 120


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "grids"], "give either RESULTS or --from_dataset"),
        (["--format", "soar", "--from_dataset", "arc1_training"], "needs programs"),
        (["--format", "preference", "--from_dataset", "arc1_training"], "needs programs"),
        (["--format", "grids", "--from_dataset", "arc1_trainin"], "arc1_training"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    run_script: Run, tmp_path: Path, words: list[str], said: str
) -> None:
    done = run_script(SCRIPT, *words, "--output", tmp_path / "x")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
