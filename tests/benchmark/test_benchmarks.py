"""The benchmarks as a user runs them; what the model says is scripted, the rest is real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.hostile_sources import HOSTILE_SOURCES, MIRROR
from tests.support.loopback_server import Behaviour, LoopbackServer, reply
from tests.support.scripts import Run, arc1_training, entries, lists_agree

CODE = "benchmark/run_code_benchmark.py"
DIRECT = "benchmark/run_direct_benchmark.py"
FLIP, TURN = "67a3c6ac", "3c9b0459"
"""Two tasks: mirror the grid left to right; turn it by 180 degrees."""


def program(body: str, name: str = "solve_task") -> Behaviour:
    return reply(f"Because.\n\n```python\ndef {name}(grid):\n    {body}\n```\n")


FLIPS = program("return [row[::-1] for row in grid]")
TURNS = program("return [row[::-1] for row in grid[::-1]]")
KEEPS = program("return grid")
RAISES = program("raise ValueError('no')")
LOOPS = program("while True: pass")
PRINTS = program("print([[1]]); return [list(reversed(row)) for row in grid]")


def marker(task_id: str) -> str:
    """A piece of text that only this task's prompt has."""
    grid = arc1_training()[task_id]["train"][0]["input"]
    return "\n".join(" ".join(map(str, row)) for row in grid)


def grid_text(grid: list[list[int]]) -> str:
    return "\n".join(" ".join(map(str, row)) for row in grid)


def run_benchmark(
    script: str,
    run_script: Run,
    dataset: Path,
    folder: Path,
    replies: dict[str, list[Behaviour]],
    *more: str,
) -> tuple[Any, dict[str, dict[str, Any]], dict[str, Any]]:
    """The finished process, the entries by task, and the metadata of the last run."""
    with LoopbackServer(prompts={marker(task): said for task, said in replies.items()}) as server:
        done = run_script(
            script, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", dataset, "--output_directory", folder, *more,
        )  # fmt: skip
    (results,) = (path for path in folder.glob("*_results.jsonl") if "partial" not in path.name)
    found = {entry["task_id"]: entry for entry in entries(results)}
    return done, found, entries(results, "metadata")[-1]


def test_two_attempts_are_chosen_from_the_samples_and_scored(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done, found, metadata = run_benchmark(
        CODE, run_script, dataset(FLIP, TURN), tmp_path / "out",
        {FLIP: [KEEPS, RAISES, PRINTS], TURN: [KEEPS, FLIPS, LOOPS]}, "--best_of", "3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    flip, turn = found[FLIP], found[TURN]
    expected = arc1_training()[FLIP]["test"][0]["output"]
    assert flip["attempts"][0][0] == expected
    assert flip["solved"] is True
    assert sorted(flip["execution_status"]) == ["exception", "ok", "ok"]
    assert turn["solved"] is False
    assert "timeout" in turn["execution_status"]
    assert metadata["programs_timed_out"] == 1
    assert "programs that timed out: 1 (verify_generated_code.py --retry_timeouts" in done.stdout
    assert turn["attempts"][0][0] != turn["attempts"][0][1]
    assert metadata["scores"]["strict"] == metadata["scores"]["micro"] == 0.5
    assert metadata["solved_task_ids"] == [FLIP]
    assert metadata["unsolved_task_ids"] == [TURN]
    assert "1 of 2 tasks" in done.stdout


def test_every_list_of_a_benchmark_entry_has_one_item_a_sample(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    _, found, _ = run_benchmark(
        CODE, run_script, dataset(FLIP), tmp_path / "out",
        {FLIP: [FLIPS, reply("no code here")]}, "--best_of", "2",
    )  # fmt: skip
    fields = (
        "prompt_messages", "reasoning", "python_code", "status", "usage", "cost_usd", "latency_s",
        "execution_status", "train_passed", "test_passed", "train_outputs", "test_outputs",
    )  # fmt: skip
    assert lists_agree(found[FLIP], fields, 2)
    missing = found[FLIP]["status"].index("no_code")
    assert found[FLIP]["execution_status"][missing] is None
    assert found[FLIP]["train_passed"][missing] is None
    assert all(found[FLIP]["train_passed"][1 - missing])


def test_a_resumed_benchmark_asks_nothing_and_prints_the_same_score(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path, folder = dataset(FLIP, TURN), tmp_path / "out"
    _, _, first = run_benchmark(
        CODE, run_script, path, folder, {FLIP: [FLIPS], TURN: [KEEPS]}
    )  # fmt: skip
    _, _, second = run_benchmark(
        CODE, run_script, path, folder, {FLIP: [KEEPS], TURN: [TURNS]}
    )  # fmt: skip
    assert first["scores"] == second["scores"]
    assert second["counts"]["resumed"] == 2


def test_direct_answers_are_voted_on(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    right = grid_text(arc1_training()[FLIP]["test"][0]["output"])
    said = [reply(f"Test output 1:\n```\n{text}\n```") for text in ("1 2", right, "3 4", right)]
    done, found, _ = run_benchmark(
        DIRECT, run_script, dataset(FLIP), tmp_path / "out", {FLIP: said}, "--best_of", "4"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert grid_text(found[FLIP]["attempts"][0][0]) == right
    assert found[FLIP]["solved"] is True
    assert found[FLIP]["python_code"] == [None] * 4


def test_test_outputs_change_neither_prompts_nor_attempts(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(FLIP)
    with_outputs = run_benchmark(
        CODE, run_script, path, tmp_path / "with", {FLIP: [KEEPS, FLIPS]}, "--best_of", "2"
    )  # fmt: skip
    tasks = json.loads(path.read_text())
    for pair in tasks[FLIP]["test"]:
        del pair["output"]
    path.write_text(json.dumps(tasks))
    done, found, metadata = run_benchmark(
        CODE, run_script, path, tmp_path / "without", {FLIP: [KEEPS, FLIPS]}, "--best_of", "2"
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert found[FLIP]["prompt_messages"] == with_outputs[1][FLIP]["prompt_messages"]
    assert found[FLIP]["attempts"] == with_outputs[1][FLIP]["attempts"]
    assert found[FLIP]["outputs_solved"] == [None]
    assert metadata["unscored_task_ids"] == [FLIP]
    assert metadata["unsolved_task_ids"] == []


def test_a_task_that_failed_for_technical_reasons_is_listed_apart(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    from tests.support.loopback_server import status

    done, found, metadata = run_benchmark(
        CODE, run_script, dataset(FLIP, TURN), tmp_path / "out",
        {FLIP: [FLIPS], TURN: [status(429, retry_after="0.02")]},
    )  # fmt: skip
    assert done.returncode == 1
    assert found[TURN]["status"] == ["rate_limited"]
    assert found[TURN]["attempts"] == [[None, None]]
    assert metadata["failed_task_ids"] == [TURN]
    assert "technical reasons" in done.stdout


def test_what_a_spent_budget_left_undone_counts_as_not_solved_and_is_listed_apart(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done, found, metadata = run_benchmark(
        DIRECT, run_script, dataset(FLIP, TURN), tmp_path / "out", {FLIP: [KEEPS], TURN: [KEEPS]},
        "--max_cost_usd", "0.01", "--price", "1000,1000",
    )  # fmt: skip
    assert (done.returncode, found) == (3, {})
    assert metadata["missing_tasks"] == {FLIP: 1, TURN: 1}
    assert metadata["scores"]["strict"] == 0
    said = f"of these, without an entry: 2 tasks ({TURN}, {FLIP})"
    assert said in done.stdout
    (results,) = (tmp_path / "out").glob("*_benchmark_results.jsonl")
    again = run_script("benchmark/score_results.py", results)
    assert said in again.stdout


def test_the_embedded_agent_serves_both_benchmarks_without_a_key(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(FLIP, TURN)
    for script in (CODE, DIRECT):
        done = run_script(
            script, "--dataset_directory", path, "--best_of", "2", "--output_directory",
            tmp_path / "out",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "2 of 2 tasks" in done.stdout


def test_no_reply_ends_a_run_whatever_source_is_in_it(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    texts = [f"```python\n{MIRROR}{more}\n```\n" for more in HOSTILE_SOURCES.values()]
    done, found, metadata = run_benchmark(
        CODE, run_script, dataset(FLIP), tmp_path / "out",
        {FLIP: [reply(text) for text in texts]}, "--best_of", str(len(texts)),
    )  # fmt: skip
    assert (done.returncode, metadata["status"]) == (0, "completed"), done.stderr
    assert len(found[FLIP]["status"]) == len(texts)
    assert set(found[FLIP]["status"]) == {"ok"}
    statuses = dict(zip(HOSTILE_SOURCES, found[FLIP]["execution_status"], strict=True))
    assert statuses["odd escapes"] == statuses["lists in lists"] == "ok"
