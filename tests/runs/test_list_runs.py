"""Runs kept apart by name, and listed with the scorer's figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.entries import result_entry, write_entries
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, entries

LIST = "auxiliary_utilities/list_runs.py"
BENCHMARK = "benchmark/run_direct_benchmark.py"
SCORE = "benchmark/score_results.py"
REASONING = "synthetic_data_generators/generate_reasoning_data.py"


@pytest.fixture
def asked(tmp_path: Path, dataset: Callable[..., Path], run_script: Run) -> Callable[..., Path]:
    """Run a script against a server that always gives one grid; returns the output folder."""

    def run(script: str, *more: str) -> Path:
        with LoopbackServer(then=reply("[[0]]")) as server:
            done = run_script(
                script, "--model_identifier", "local:m", "--base_url", server.openai_url,
                "--dataset_directory", dataset(count=2), "--output_directory", tmp_path / "out",
                *more,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            (tmp_path / "asked.json").write_text(json.dumps(len(server.ledger())))
        return tmp_path / "out"

    return run


def test_each_named_run_has_files_of_its_own_and_buys_for_itself(
    asked: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("first", "second", "second"):
        out = asked(REASONING, "--run_name", name)
        count = json.loads((tmp_path / "asked.json").read_text())
        assert count == (0 if (out / "seen").exists() else 2)
        if name == "second":
            (out / "seen").touch()
    for name in ("first", "second"):
        results = out / name / "reasoning_data_results.jsonl"
        assert len(entries(results)) == 2
        assert entries(results, "metadata")[0]["options"]["run_name"] == name
        assert (out / name / "reasoning_data_partial_results.jsonl").exists()


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "x" * 101, "a."])
def test_a_name_that_is_no_folders_is_refused(name: str, tmp_path: Path, run_script: Run) -> None:
    done = run_script(REASONING, "--run_name", name, "--output_directory", tmp_path / "out")
    assert done.returncode == 2
    assert "is no name" in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_list_has_a_line_a_run_with_the_scorers_figures(
    asked: Callable[..., Path], run_script: Run
) -> None:
    out = asked(BENCHMARK, "--run_name", "grids")
    asked(REASONING)
    listed = run_script(LIST, out)
    assert listed.returncode == 0, listed.stderr
    head, first, second = listed.stdout.splitlines()
    assert head.split() == ["run", "model", "dataset", "tasks", "score", "cost", "status", "file"]
    benchmark = first if "grids" in first else second
    (score,) = json.loads(
        run_script(SCORE, out / "grids" / "direct_benchmark_results.jsonl", "--json").stdout
    )
    assert f"{score['scores']['macro']:.2%}" in benchmark.split()
    assert benchmark.split()[1:4] == ["local:m", "tasks", "2"]
    assert "completed" in benchmark
    assert "-" in (second if benchmark is first else first).split(), "no program was judged"


def test_a_damaged_file_is_told_and_the_others_are_listed(
    asked: Callable[..., Path], run_script: Run
) -> None:
    out = asked(REASONING)
    (out / "odd_results.jsonl").write_text('{"entry_type": "result", "status": 7}\n')
    (out / "odd_partial_results.jsonl").write_text("a journal\n")
    listed = run_script(LIST, out)
    assert listed.returncode == 0
    assert "completed" in listed.stdout
    (unread,) = (line for line in listed.stdout.splitlines() if line.startswith("unread"))
    assert "odd_results.jsonl" in unread


def test_what_was_verified_without_its_runs_metadata_is_not_called_killed(
    tmp_path: Path, run_script: Run
) -> None:
    entry = result_entry("a", status=["ok"], prompt_messages=[[]])
    source = write_entries(tmp_path / "r.jsonl", entry)
    assert "killed, or still under way" in run_script(LIST, source).stdout
    verified = {"entry_type": "metadata", "script": "verify_generated_code", "status": "completed"}
    write_entries(source, entry, verified)
    listed = run_script(LIST, source).stdout
    assert "not told" in listed
    assert "killed" not in listed


def test_a_folder_without_results_is_one_line(tmp_path: Path, run_script: Run) -> None:
    done = run_script(LIST, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no results in")


def test_a_run_that_goes_on_is_under_way(
    asked: Callable[..., Path], dataset: Callable[..., Path], tmp_path: Path, run_script: Run
) -> None:
    out = asked(REASONING, "--max_tasks", "1")
    with (
        LoopbackServer(then=reply("Because.", delay_s=30)) as server,
        ScriptProcess(
            REASONING, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", tmp_path / "tasks.json", "--output_directory", out,
            folder=tmp_path,
        ),
    ):  # fmt: skip
        while not server.ledger():
            time.sleep(0.01)
        assert "under way" in run_script(LIST, out).stdout
    assert "under way" not in run_script(LIST, out).stdout
