"""The script that judges a results file, run as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, clean_environment, script_command

SCRIPT = "synthetic_data_generators/verify_generated_code.py"
TASK_DATA = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}],
    "test": [{"input": [[3, 4]], "output": [[4, 3]]}],
}
RIGHT = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
TRAIN_ONLY = "def solve_task(grid):\n    return [[2, 1]]\n"
FAILING = "def solve_task(grid):\n    return 1 / 0\n"
SLEEPING = "import time\ndef solve_task(grid):\n    time.sleep(60)\n"


def result(task_id: str, *codes: str | None, **more: Any) -> dict[str, Any]:
    entry = {"entry_type": "result", "task_id": task_id, "task_data": TASK_DATA}
    return {**entry, "python_code": list(codes), "status": ["ok"] * len(codes), **more}


def write_results(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(
        tmp_path / "code_data_results.jsonl",
        result("right", RIGHT, TRAIN_ONLY),
        {"entry_type": "metadata", "run_id": "r", "status": "completed"},
        result("wrong", FAILING, None, reasoning=["kept", None]),
    )


def test_every_entry_comes_back_with_its_verdicts(run_script: Run, results: Path) -> None:
    done = run_script(SCRIPT, results)
    assert done.returncode == 0, done.stderr
    right, source_metadata, wrong, metadata = read_lines(
        results.with_name("code_data_results_verified.jsonl")
    )
    assert right["execution_status"] == ["ok", "ok"]
    assert right["train_passed"] == [[True], [True]]
    assert right["test_passed"] == [[True], [False]]
    assert right["train_outputs"] == [[[[2, 1]]], [[[2, 1]]]]
    assert right["test_outputs"] == [[[[4, 3]]], [[[2, 1]]]]
    assert source_metadata["run_id"] == "r"
    assert wrong["execution_status"] == ["exception", None]
    assert wrong["train_outputs"] == [[None], None]
    assert wrong["reasoning"] == ["kept", None]
    assert metadata["entry_type"] == "metadata"
    assert metadata["status"] == "completed"
    assert metadata["execution_statuses"] == {"ok": 2, "exception": 1}
    assert metadata["verified_task_ids"] == ["right"]
    assert metadata["entries_not_judged"] == []
    assert "NOT enforced" in metadata["sandbox"]


def test_the_summary_counts_programs_and_names_the_files(run_script: Run, results: Path) -> None:
    out = run_script(SCRIPT, results).stdout
    for line in (
        "programs                  3 in 2 entries",
        "  ok                      2",
        "  exception               1",
        "passing train             2",
        "passing train and test    1",
        "tasks with such a program 1",
        str(results.with_name("code_data_results_verified.jsonl")),
        str(results.with_name("code_verification.log")),
    ):
        assert line in out


def test_quiet_prints_nothing(run_script: Run, results: Path) -> None:
    done = run_script(SCRIPT, results, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_results_stay_as_they_are(run_script: Run, results: Path, tmp_path: Path) -> None:
    before = results.read_bytes()
    output = tmp_path / "elsewhere" / "judged.jsonl"
    assert run_script(SCRIPT, results, "--output", output).returncode == 0
    assert results.read_bytes() == before
    assert len(read_lines(output)) == 4
    assert not list(tmp_path.rglob("*.partial"))


def test_the_older_layout_is_judged(run_script: Run, tmp_path: Path) -> None:
    old = {"task_id": "old", "task_data": TASK_DATA, "python_code": RIGHT, "reasoning": "r"}
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"metadata": {"model": "m"}, "results": [old]}))
    assert run_script(SCRIPT, path).returncode == 0
    _, entry, metadata = read_lines(tmp_path / "old_verified.jsonl")
    assert entry["train_passed"] == [[True]]
    assert metadata["passed_train_and_test"] == 1


def test_an_entry_that_cannot_be_judged_is_kept_and_counted(
    run_script: Run, tmp_path: Path
) -> None:
    unjudged = {"entry_type": "result", "task_id": "bare", "python_code": [RIGHT]}
    path = write_results(tmp_path / "r.jsonl", unjudged, result("right", RIGHT))
    done = run_script(SCRIPT, path)
    assert done.returncode == 0
    assert "entries not judged        1, the first: task bare" in done.stdout
    kept, _, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert "train_passed" not in kept
    assert len(metadata["entries_not_judged"]) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("", "holds no entry"),
        ('{"task_id": "a"}\n{"broken\n{}\n', "line 2"),
        (json.dumps(result("a", task_data=None)) + "\n", "nothing to judge"),
        (json.dumps(result("a", python_code=[1])) + "\n", "python_code"),
        ('{"entry_type": "result", "task_id": "a", "reasoning": ["r"]}\n', "nothing to judge"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_script: Run, tmp_path: Path, content: str | None, told: str
) -> None:
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_text(content)
    done = run_script(SCRIPT, path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r_verified.jsonl").exists()


def test_a_file_with_nothing_to_judge_leaves_only_the_log(run_script: Run, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT, task_data=None))
    assert run_script(SCRIPT, path).returncode == 2
    assert {left.name for left in tmp_path.iterdir()} == {"r.jsonl", "code_verification.log"}


@pytest.mark.parametrize(
    "arguments", [["--max_concurrent_programs", "0"], ["--quiet", "--verbose"], ["--outputs", "x"]]
)
def test_bad_options_are_one_line_and_exit_code_2(
    run_script: Run, results: Path, arguments: list[str]
) -> None:
    done = run_script(SCRIPT, results, *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_results_cannot_be_their_own_output(run_script: Run, results: Path) -> None:
    assert run_script(SCRIPT, results, "--output", results).returncode == 2
    assert len(read_lines(results)) == 3


def test_ctrl_c_keeps_what_was_judged(tmp_path: Path) -> None:
    path = write_results(
        tmp_path / "r.jsonl",
        *[result(f"right{n}", RIGHT) for n in range(3)],
        *[result(f"slow{n}", SLEEPING) for n in range(9)],
    )
    partial = tmp_path / "r_verified.jsonl.partial"
    command = script_command(SCRIPT, path, "--max_concurrent_programs", "1")
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        while not partial.exists() or partial.read_bytes().count(b"\n") < 3:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert str(partial) in told
    assert "Traceback" not in told
    assert [entry["task_id"] for entry in read_lines(partial)][:3] == ["right0", "right1", "right2"]
    assert not (tmp_path / "r_verified.jsonl").exists()


def test_one_worker_judges_as_many_do(run_script: Run, results: Path, tmp_path: Path) -> None:
    for workers in ("1", "4"):
        arguments = ["--output", tmp_path / workers, "--max_concurrent_programs", workers]
        assert run_script(SCRIPT, results, *arguments).returncode == 0
    one, four = (read_lines(tmp_path / workers)[:-1] for workers in ("1", "4"))
    assert one == four
