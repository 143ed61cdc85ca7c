"""`--config run.toml`, given to the real scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import SCRIPTS, Run, entries

BENCHMARK = "benchmark/run_direct_benchmark.py"


def test_a_whole_run_can_stand_in_a_file_and_its_metadata_say_what_came_of_it(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    data = dataset(count=2)
    with LoopbackServer(then=reply("[[0]]")) as server:
        (tmp_path / "run.toml").write_text(
            f"""
            model_identifier = ["local:a", "local:b"]
            base_url = "{server.openai_url}"
            dataset_directory = "{data}"
            output_directory = "{tmp_path / "out"}"
            best_of = 4
            temperature = 0.5
            system_as_user = true
            [extra_body]
            top_k = 20
            """
        )
        done = run_script(BENCHMARK, "--config", "run.toml", "--best_of", "1", "--max_tasks", "1")
        bodies = [request.body for request in server.ledger()]
    assert done.returncode == 0, done.stderr
    assert [body["model"] for body in bodies] == ["a", "b"]
    assert all((body["top_k"], body["temperature"]) == (20, 0.5) for body in bodies)
    for run in entries(tmp_path / "out" / "direct_benchmark_results.jsonl", "metadata"):
        assert run["options"]["best_of"] == 1
        assert run["options"]["model_identifier"] == "local:a,local:b"
        assert run["options"]["extra_body"] == {"top_k": 20}
        assert "config" not in run["options"]


def test_a_run_of_a_file_is_started_again_from_its_metadata(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    data = dataset(count=1)
    with LoopbackServer(then=reply("[[0]]")) as server:
        (tmp_path / "run.toml").write_text(
            f"model_identifier = 'local:a'\nbase_url = '{server.openai_url}'\n"
            f"dataset_directory = '{data}'\noutput_directory = 'out'\nseed = 0\n"
        )
        assert run_script(BENCHMARK, "--config", "run.toml").returncode == 0
        (tmp_path / "run.toml").unlink()
        results = tmp_path / "out" / "direct_benchmark_results.jsonl"
        assert run_script(BENCHMARK, "--from_metadata", results).returncode == 0
        assert len(server.ledger()) == 1
    assert [run["options"]["seed"] for run in entries(results, "metadata")] == [0, 0]


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_refuses_an_option_that_it_does_not_have_with_one_line(
    script: str, tmp_path: Path, run_script: Run
) -> None:
    (tmp_path / "run.toml").write_text("no_such_option = 1\n")
    done = run_script(script, "--config", "run.toml")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --config run.toml: this script has no option")
    assert done.stderr.count("\n") == 1


def test_what_must_be_given_may_stand_in_the_file(tmp_path: Path, run_script: Run) -> None:

    (tmp_path / "run.toml").write_text('results = "missing.jsonl"\n')
    done = run_script("benchmark/score_results.py", "--config", "run.toml")
    assert done.returncode == 2
    assert "missing.jsonl" in done.stderr
