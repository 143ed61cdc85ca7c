"""SOAR's Parquet files: programs of others, judged by the sandbox and not by their columns."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.scripts import Run, entries
from utilities.errors import UsageError
from utilities.results.program_tables import program_entries

VERIFY = "synthetic_data_generators/verify_generated_code.py"
FLIP, TURN = "67a3c6ac", "3c9b0459"
"""Two tasks: mirror the grid left to right; turn it by 180 degrees."""
RIGHT = "def transform(grid):\n    return [row[::-1] for row in grid]"
WRONG = "def transform(grid):\n    return grid"


def row(task_id: str, code: str | None, model: str = "m", **more: Any) -> dict[str, Any]:
    """A row with SOAR's columns, which claim the contrary of what is so."""
    claims = [code != RIGHT]
    return {
        "row_id": "r",
        "task_id": task_id,
        "reasoning": None,
        "code": code,
        "correct_train_input": claims,
        "correct_test_input": claims,
        "predicted_train_output": [[[0]]],
        "predicted_test_output": [[[0]]],
        "model": model,
        "is_transductive": False,
    } | more


def table(path: Path, *rows: dict[str, Any]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def test_rows_of_a_task_and_model_are_the_samples_of_an_entry(tmp_path: Path) -> None:
    path = table(
        tmp_path / "soar.parquet", row(FLIP, RIGHT, reasoning="Mirror."), row(TURN, WRONG),
        row(FLIP, None), row(FLIP, WRONG, "other"), row(FLIP, WRONG),
    )  # fmt: skip
    found = {(one["task_id"], one["model"]): one for one in program_entries(path)}
    assert list(found) == [(FLIP, "m"), (TURN, "m"), (FLIP, "other")]
    first = found[FLIP, "m"]
    assert first["python_code"] == [RIGHT, None, WRONG]
    assert first["status"] == ["ok", "no_code", "ok"]
    assert first["reasoning"] == ["Mirror.", None, None]


def test_a_table_without_programs_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", {"task_id": "a", "reasoning": "r"})
    with pytest.raises(UsageError, match="no column code; it has task_id, reasoning"):
        list(program_entries(path))
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        list(program_entries(path))


def test_programs_are_judged_by_the_sandbox_and_then_scored_compared_and_shown(
    run_script: Run, tmp_path: Path
) -> None:
    path = table(
        tmp_path / "soar.parquet", row(FLIP, WRONG), row(FLIP, RIGHT), row(TURN, WRONG),
        row("nowhere", RIGHT), row(FLIP, WRONG, "other"), row(TURN, WRONG, "other"),
    )  # fmt: skip
    verified = tmp_path / "verified.jsonl"
    done = run_script(VERIFY, path, "--dataset", "arc1_training", "--output", verified)
    assert done.returncode == 0, done.stderr
    assert "entries not judged        1" in done.stdout
    judged = {(one["task_id"], one["model"]): one for one in entries(verified)}
    assert judged[FLIP, "m"]["train_passed"][1] == [True] * 3
    assert not any(judged[FLIP, "m"]["train_passed"][0])
    scored = run_script("benchmark/score_results.py", verified)
    assert "m, best of 2 programs" in scored.stdout, scored.stderr
    assert "macro           50.00%" in scored.stdout
    compared = run_script("benchmark/compare_runs.py", verified)
    assert "B - A: macro -50.00 points" in compared.stdout
    drawn = run_script("auxiliary_utilities/show_task.py", FLIP, "--results", verified)
    assert "right" in drawn.stdout


def test_programs_that_were_not_run_have_no_score_but_can_be_looked_at(
    run_script: Run, tmp_path: Path
) -> None:
    path = table(tmp_path / "soar.parquet", row(FLIP, RIGHT))
    done = run_script("benchmark/score_results.py", path, "--dataset", "arc1_training")
    assert done.returncode == 2
    assert "run synthetic_data_generators/verify_generated_code.py " in done.stderr
    page = tmp_path / "page.html"
    built = run_script("auxiliary_utilities/build_report.py", path, "--output", page)
    assert built.returncode == 0, built.stderr


def test_a_results_file_still_carries_its_own_tasks(run_script: Run, tmp_path: Path) -> None:
    done = run_script(VERIFY, tmp_path / "x.jsonl", "--dataset", "arc1_training")
    assert (done.returncode, "go with --programs and .parquet" in done.stderr) == (2, True)
