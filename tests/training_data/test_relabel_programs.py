"""Hindsight relabelling: new tasks of programs that miss theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run, entries
from tests.support.training_results import (
    CRASHES,
    IDENTITY,
    INPUTS,
    RIGHT,
    TRAIN_ONLY,
    WRONG,
    entry,
    mirror_task,
    write,
)
from utilities.results.reader import read_entries
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid, Pair, Task
from utilities.traces.merging import merge_sources
from utilities.training_data.relabelling import fault_of, relabelled_task
from utilities.verification.verdict import verify

SCRIPT = "synthetic_data_generators/relabel_programs.py"
Entry = dict[str, Any]


@pytest.fixture
def relabel(run_script: Run, tmp_path: Path) -> Any:
    """Relabel entries; gives the new ones and what the script said."""

    def run(*given: Entry) -> tuple[list[Entry], str]:
        results, output = write(tmp_path / "results.jsonl", *given), tmp_path / "new.jsonl"
        done = run_script(SCRIPT, results, "--output", output)
        assert done.returncode == 0, done.stderr
        return entries(output), done.stdout

    return run


async def test_a_program_that_misses_its_task_solves_a_new_one(relabel: Any) -> None:
    laid_out = WRONG.replace("grid[::-1]", "grid[::-1]  # upside down")
    codes = [RIGHT, WRONG, CRASHES, laid_out, None, IDENTITY]
    (new,), out = relabel(entry("a", mirror_task(), codes))
    task = Task.from_json(new["task_id"], new["task_data"])

    assert new["task_id"].startswith("synthetic:")
    assert [pair.output for pair in (*task.train, *task.test)] == [g[::-1] for g in INPUTS]
    assert (new["python_code"], new["status"], new["model"]) == ([WRONG], ["ok"], "maker:model")
    assert (new["train_passed"], new["test_passed"]) == ([[True] * 3], [[True]])
    assert (new["deterministic"], new["hardcoded"]) == ([True], [False])
    assert new["relabelled_from"] == [
        {"task_id": "a", "source": "results.jsonl", "run_id": "run-1", "sample_index": 1}
    ]
    assert "solves its own task 1" in out
    assert "identity 1" in out
    assert "does not run cleanly on every input 1" in out
    assert "the same program and task as another 1" in out
    async with Sandbox() as sandbox:
        assert (await verify(sandbox, WRONG, task)).passed_all


def test_programs_that_do_the_same_are_samples_of_one_entry(relabel: Any) -> None:
    otherwise = "def solve_task(grid):\n    return list(reversed(grid))\n"
    (new,), _ = relabel(entry("a", mirror_task(), [WRONG, otherwise]))
    assert new["python_code"] == [WRONG, otherwise]


def test_a_program_right_on_train_alone_gets_its_test_pair_among_the_train_pairs(
    relabel: Any,
) -> None:
    (new,), _ = relabel(entry("a", mirror_task(), [TRAIN_ONLY]))
    train, test = new["task_data"]["train"], new["task_data"]["test"]

    assert train[-1] == {"input": INPUTS[3], "output": INPUTS[3][::-1]}
    assert test == [mirror_task()["train"][2]]


def test_a_new_task_that_is_known_in_another_symmetry_is_left_out(relabel: Any) -> None:
    upside_down = {
        part: [{"input": pair["input"], "output": pair["input"][::-1]} for pair in pairs]
        for part, pairs in mirror_task().items()
    }
    turned = {
        part: [{name: turn(grid) for name, grid in pair.items()} for pair in pairs]
        for part, pairs in upside_down.items()
    }
    new, out = relabel(entry("a", mirror_task(), [WRONG]), entry("b", turned, [None]))

    assert new == []
    assert "a known task 1" in out


def turn(grid: Grid) -> Grid:
    return [[(cell + 3) % 10 for cell in row] for row in zip(*grid[::-1], strict=True)]


def test_the_new_results_are_taken_by_merge_and_export(
    relabel: Any, run_script: Run, tmp_path: Path
) -> None:
    relabel(entry("a", mirror_task(), [WRONG]))
    new, rows = tmp_path / "new.jsonl", tmp_path / "rows.jsonl"
    merged = merge_sources({"new": read_entries(new)}, tmp_path / "store.json").total
    done = run_script(
        "auxiliary_utilities/export_training_data.py", new, "--format", "messages",
        "--output", rows,
    )  # fmt: skip

    assert merged.skipped == {"no reasoning": 1}
    assert done.returncode == 0, done.stderr
    assert '"relabelled_from":"{\\"task_id\\":\\"a\\"' in rows.read_text()
    assert '"verdict":"train_and_test"' in rows.read_text()
    assert '"dataset_hash":null' not in rows.read_text()


def test_the_same_results_make_the_same_tasks(relabel: Any) -> None:
    ids = [[new["task_id"] for new in relabel(entry("a", mirror_task(), [WRONG]))[0]] for _ in "12"]
    assert ids[0] == ids[1]


def task_of_outputs(*outputs: Grid) -> Task:
    task = Task.from_json("a", mirror_task())
    return relabelled_task(task, outputs)


@pytest.mark.parametrize(
    ("outputs", "fault"),
    [
        (INPUTS, "identity"),
        ([*INPUTS[:2], *[grid[::-1] for grid in INPUTS[2:]]], "identity"),
        ([[[1, 1]], [[2, 2]], [[3, 3]], [[4]]], "constant: every output is of one colour"),
        ([[[1, 2]]] * 4, "constant: every output is the same"),
        ([[[1]], [[2]], [[3]], [[1, 2]]], "outputs too small"),
        ([grid[::-1] for grid in INPUTS], None),
    ],
)
def test_trivial_tasks_are_refused(outputs: list[Grid], fault: str | None) -> None:
    assert fault_of(task_of_outputs(*outputs)) == fault


def test_a_task_of_two_different_inputs_is_refused() -> None:
    pair = Pair([[1, 2]], [[2, 1]])
    task = Task("a", (pair, Pair([[3, 4]], [[4, 3]])), (pair,))
    assert fault_of(task) == "fewer than 3 different inputs"


def test_results_are_never_overwritten_by_what_is_made_of_them(
    run_script: Run, tmp_path: Path
) -> None:
    results = write(tmp_path / "results.jsonl", entry("a", mirror_task(), [WRONG]))
    before = results.read_bytes()
    done = run_script(SCRIPT, results, "--output", results)

    assert done.returncode == 2
    assert results.read_bytes() == before
