"""`--reparse` makes the entries anew from the journal with today's parsers, and asks nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import REPOSITORY, Run, clean_environment, entries
from utilities.runs.store import reparsed

CODE = "synthetic_data_generators/generate_code_data.py"
BENCHMARK = "benchmark/run_code_benchmark.py"
BLIND = "\ndef extract_code(text, also=()):\n    return None\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code, whose parsers a test may change."""
    copy = tmp_path / "checkout"
    for folder in ("agents", "benchmark", "synthetic_data_generators", "utilities"):
        shutil.copytree(
            REPOSITORY / folder,
            copy / folder,
            ignore=shutil.ignore_patterns("__pycache__", "synthetic_data", "benchmark_results"),
        )
    return copy


def run_in(checkout: Path, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(checkout / script), *map(str, arguments)],
        env=clean_environment(PYTHONPATH=str(checkout)),
        capture_output=True,
        text=True,
        timeout=110,
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("script", [CODE, BENCHMARK])
def test_better_parsers_are_replayed_over_what_was_paid_for(
    script: str, checkout: Path, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    parsers = checkout / "agents" / "reply_parsing" / "__init__.py"
    today = parsers.read_text()
    parsers.write_text(today + BLIND)
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        arguments = (
            script, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=2), "--best_of", "2", "--output_directory",
            tmp_path / "out",
        )  # fmt: skip
        assert run_in(checkout, *arguments).returncode == 0
        assert len(server.ledger()) == 4
    (results,) = (tmp_path / "out").glob("*_partial_results.jsonl")
    results = results.with_name(results.name.replace("_partial", ""))
    assert [entry["status"] for entry in entries(results)] == [["no_code"] * 2] * 2

    parsers.write_text(today)
    done = run_in(checkout, *arguments, "--reparse")  # the server is gone by now
    assert done.returncode == 0, done.stderr
    assert "2 entries made anew, 0 as they were; 0 samples without" in done.stdout
    made = entries(results)[2:]
    assert [entry["status"] for entry in made] == [["ok"] * 2] * 2
    assert all("def solve_task" in code for entry in made for code in entry["python_code"])

    again = run_in(checkout, *arguments, "--reparse")
    assert "0 entries made anew, 2 as they were" in again.stdout
    resumed = run_in(checkout, *arguments)
    assert "2 done (0 now, 2 by earlier runs)" in resumed.stdout
    assert len(entries(results)) == 4


def test_samples_without_a_reply_stay_absent_and_the_next_run_asks_for_them(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset("00d62c1b", "007bbfb7")
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        arguments = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", path, "--output_directory", tmp_path / "out",
        )  # fmt: skip
        run_script(*arguments, "--task_ids", "00d62c1b", "--best_of", "2")
        done = run_script(*arguments, "--best_of", "3", "--reparse")
        assert len(server.ledger()) == 2
        assert done.returncode == 0, done.stderr
        assert "1 entries made anew, 0 as they were; 4 samples without a reply" in done.stdout
        last = run_script(*arguments, "--best_of", "3")
        assert len(server.ledger()) == 6
    assert last.returncode == 0
    found = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert [(entry["task_id"], entry["status"], entry["complete"]) for entry in found[:2]] == [
        ("00d62c1b", ["ok", "ok"], True),
        ("00d62c1b", ["ok", "ok", "not_asked"], False),
    ]
    assert sorted(entry["task_id"] for entry in found[2:]) == ["007bbfb7", "00d62c1b"]
    assert all(entry["status"] == ["ok"] * 3 for entry in found[2:])


def test_a_sample_that_failed_keeps_its_failure(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    too_long = status(400, "prompt is too long", error_code="context_length_exceeded")
    with LoopbackServer(globally=[too_long], then=reply(maker="identity_program")) as server:
        arguments = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=1), "--best_of", "2", "--output_directory",
            tmp_path / "out",
        )  # fmt: skip
        run_script(*arguments)
        (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
        done = run_script(*arguments, "--reparse")
    assert sorted(entry["status"]) == ["context_too_long", "ok"]
    assert "1 entries made anew, 0 as they were" in done.stdout
    *_, entry = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert sorted(entry["status"]) == ["context_too_long", "ok"]
    (line, _) = map(
        json.loads,
        sorted((tmp_path / "out" / "code_data_partial_results.jsonl").read_text().splitlines()),
    )
    assert line["status"] == "context_too_long"


def test_a_task_without_any_reply_is_left_alone() -> None:
    entry = {"complete": None, "usage": [None, None], "status": ["not_asked"] * 2}
    assert reparsed(entry, None)["complete"] is None
    finished = {"complete": True, "usage": [None], "status": ["context_too_long"]}
    assert reparsed(entry, finished) is finished


def test_reparse_and_no_resume_exclude_each_other(run_script: Run) -> None:
    done = run_script(CODE, "--reparse", "--no_resume")
    assert done.returncode == 2
    assert "not allowed with" in done.stderr
