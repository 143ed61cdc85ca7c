"""Programs of other tasks in the prompts of the scripts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmark.test_benchmarks import CODE, FLIP, program
from tests.support.entries import result_entry, write_entries
from tests.support.loopback_server import LedgerEntry, LoopbackServer
from tests.support.scripts import Run, arc1_training, entries

GENERATE = "synthetic_data_generators/generate_code_data.py"
MIRRORS = "def solve_task(grid):\n    return [list(reversed(row)) for row in grid]"
ANSWER = program("return [row[::-1] for row in grid]")


def library(folder: Path, *codes: str) -> Path:
    """A results file with these programs, verified on a made-up task."""
    pair = {"input": [[1, 2, 3]], "output": [[3, 2, 1]]}
    task = {"train": [pair], "test": [{"input": [[1, 0, 3]], "output": [[3, 0, 1]]}]}
    entry = result_entry(
        "made", status=["ok"] * len(codes), task_data=task, python_code=list(codes),
        train_passed=[[True]] * len(codes), test_passed=[[True]] * len(codes),
    )  # fmt: skip
    return write_entries(folder / "verified.jsonl", entry)


def run(
    run_script: Run, script: str, data: Path, folder: Path, *more: str | Path
) -> tuple[Any, list[LedgerEntry]]:
    with LoopbackServer(then=ANSWER) as server:
        done = run_script(
            script, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", data, "--output_directory", folder, *more,
        )  # fmt: skip
        asked = server.ledger()
    assert done.returncode == 0, done.stderr
    return done, asked


def prompt_of(request: LedgerEntry) -> str:
    return str(request.body["messages"][-1]["content"])


def test_programs_of_other_tasks_stand_in_the_prompt_and_nothing_is_asked_twice(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    data, shelf = dataset(FLIP), library(tmp_path, MIRRORS)
    for script, stem in ((CODE, "code_benchmark"), (GENERATE, "code_data")):
        folder = tmp_path / stem
        _, plain = run(run_script, script, data, folder, "--best_of", "2")
        done, asked = run(run_script, script, data, folder, "--best_of", "2", "--library", shelf)
        assert "library: 1 programs" in done.stderr
        assert len(plain) == len(asked) == 2
        before, after = prompt_of(plain[0]), prompt_of(asked[0])
        assert after.startswith(before)
        assert MIRRORS in after
        assert "gives 3 of 3 train pairs, and 100% of the cells" in after
        found = entries(folder / f"{stem}_results.jsonl")
        assert MIRRORS in json.dumps(found[-1]["prompt_messages"][0]).encode().decode(
            "unicode_escape"
        )
        _, again = run(run_script, script, data, folder, "--best_of", "2", "--library", shelf)
        _, off = run(run_script, script, data, folder, "--best_of", "2")
        assert again == off == []


def test_another_library_makes_new_samples(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    data, folder = dataset(FLIP), tmp_path / "out"
    _, first = run(run_script, GENERATE, data, folder, "--library", library(tmp_path, MIRRORS))
    other = library(tmp_path, MIRRORS, MIRRORS.replace("grid]", "grid[::-1]]"))
    _, second = run(run_script, GENERATE, data, folder, "--library", other)
    assert (len(first), len(second)) == (1, 1)
    told = [one["configuration"]["library"] for one in entries(
        folder / "code_data_results.jsonl", "metadata")]  # fmt: skip
    assert len(set(told)) == 2


def test_a_program_of_the_task_itself_is_shown_to_no_one(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    task = arc1_training()[FLIP]
    copy = {
        part: [{name: grid[::-1] for name, grid in pair.items()} for pair in task[part]]
        for part in ("train", "test")
    }
    entry = result_entry(
        "other", status=["ok"], task_data=copy, python_code=[MIRRORS],
        train_passed=[[True] * 3], test_passed=[[True]],
    )  # fmt: skip
    shelf = write_entries(tmp_path / "verified.jsonl", entry)
    _, asked = run(run_script, CODE, dataset(FLIP), tmp_path / "out", "--library", shelf)
    assert MIRRORS not in prompt_of(asked[0])


def test_a_library_needs_a_prompt(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    for script in (CODE, GENERATE):
        done = run_script(
            script, "--model_identifier", "PROGRAM_SEARCH", "--dataset_directory", dataset(FLIP),
            "--output_directory", tmp_path / "out", "--library", library(tmp_path, MIRRORS),
        )  # fmt: skip
        assert done.returncode == 2
        assert "--library: PROGRAM_SEARCH has no prompt to show programs in" in done.stderr
