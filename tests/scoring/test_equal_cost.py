"""What runs score if each may spend the same, by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.entries import result_entry, run_metadata, write_entries
from tests.support.scripts import Run

COMPARE = "benchmark/compare_runs.py"
RIGHT, WRONG, OTHER = [[1]], [[2]], [[3]]


def task_data(number: int) -> dict[str, Any]:
    return {
        "train": [{"input": [[number, 0]], "output": [[0]]}],
        "test": [{"input": [[number, 1]], "output": RIGHT}],
    }


def run_of(path: Path, model: str, *tasks: list[tuple[Any, float]]) -> Path:
    """A direct benchmark's results: for each task its samples' grids, and what each cost."""
    run_id = f"20260101T000000Z-{model[-1] * 6}"
    entries = [
        result_entry(
            f"t{number}",
            status=["ok"] * len(samples),
            run_id=run_id,
            model_identifier=model,
            task_data=task_data(number),
            test_outputs=[[grid] for grid, _ in samples],
            cost_usd=[cost for _, cost in samples],
            usage=[{"input_tokens": 1, "output_tokens": 1}] * len(samples),
            attempts=[[samples[0][0], None]],
        )
        for number, samples in enumerate(tasks)
    ]
    ids = [f"t{number}" for number in range(len(tasks))]
    metadata = run_metadata(run_id=run_id, model_identifier=model, unsolved_task_ids=ids)
    return write_entries(path, *entries, metadata)


def levels_of(run_script: Run, *paths: Path) -> list[dict[str, Any]]:
    done = run_script(COMPARE, *paths, "--equal_cost", "--json")
    assert done.returncode == 0, done.stderr
    levels: list[dict[str, Any]] = json.loads(done.stdout)["at_equal_cost"]
    return levels


def test_samples_count_as_far_as_the_money_of_the_cheaper_run_goes(
    run_script: Run, tmp_path: Path
) -> None:
    # A is right at once; B asks eight cheap ones, and only the fifth and later are right.
    cheap = [(WRONG, 0.1), (OTHER, 0.1), *[(WRONG, 0.1)] * 2, *[(RIGHT, 0.1)] * 4]
    a = run_of(tmp_path / "a.jsonl", "MODEL_A", [(RIGHT, 0.8)], [(RIGHT, 0.8)])
    b = run_of(tmp_path / "b.jsonl", "MODEL_B", cheap, cheap)
    levels = levels_of(run_script, a, b)
    assert [level["usd_a_task"] for level in levels] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    by_a, by_b = zip(
        *([(one["macro"], one["spent_usd"]) for one in level["points"]] for level in levels),
        strict=True,
    )
    assert by_a == ((0, 0), (0, 0), (0, 0), (1, pytest.approx(0.8)))
    assert [score for score, _ in by_b] == [0, 0, 0, 1], "two votes for RIGHT are its first attempt"
    assert [spent for _, spent in by_b] == pytest.approx([0.1, 0.2, 0.4, 0.8])


def test_no_run_spends_more_than_the_level_and_hard_tasks_may_take_more(
    run_script: Run, tmp_path: Path
) -> None:
    easy, hard = [(RIGHT, 0.1)], [(WRONG, 0.1), (WRONG, 0.1), (OTHER, 0.1), (RIGHT, 0.1)]
    a = run_of(tmp_path / "a.jsonl", "MODEL_A", easy, hard)
    b = run_of(tmp_path / "b.jsonl", "MODEL_B", [(RIGHT, 0.3)], [(RIGHT, 0.3)])
    levels = levels_of(run_script, a, b)
    assert levels[-1]["usd_a_task"] == pytest.approx(0.25)
    for level in levels:
        assert all(one["spent_usd"] <= level["usd_a_task"] + 1e-9 for one in level["points"])
    whole, dear = levels[-1]["points"]
    assert (whole["spent_usd"], whole["macro"]) == (pytest.approx(0.25), 0.5)
    assert (dear["spent_usd"], dear["macro"]) == (0, 0)


def test_a_run_of_unknown_cost_is_left_out_by_name(run_script: Run, tmp_path: Path) -> None:
    a = run_of(tmp_path / "a.jsonl", "MODEL_A", [(RIGHT, 0.1)])
    b = run_of(tmp_path / "b.jsonl", "MODEL_B", [(RIGHT, 0.2)])
    c = run_of(tmp_path / "c.jsonl", "MODEL_C", [(RIGHT, None)])  # type: ignore[list-item]
    done = run_script(COMPARE, a, b, c, "--equal_cost")
    assert done.returncode == 0, done.stderr
    assert (
        "C is not compared at equal cost: its samples cost nothing, or nobody knows what"
        in done.stdout
    )
    assert "score at the same cost, on 1 task that all answered" in done.stdout
    told = json.loads(run_script(COMPARE, a, b, c, "--equal_cost", "--json").stdout)
    assert list(told["not_at_equal_cost"]) == ["C"]
