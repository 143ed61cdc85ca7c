"""--deadline: nothing is asked that cannot end in time, and a run ends when its time is over."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries
from utilities.command_line.words import time_span
from utilities.errors import NotAsked
from utilities.replies.budget import Budget, BudgetMeter, Deadline


@pytest.mark.parametrize(
    ("word", "seconds"), [("11h30m", 41400), ("45m", 2700), ("90s", 90), ("1h2m3s", 3723)]
)
def test_a_span_of_time_is_read(word: str, seconds: float) -> None:
    assert time_span(word) == seconds


@pytest.mark.parametrize("word", ["", "0s", "90", "1.5h", "-5m", "30m1h", "5 m", "h", "٣m"])
def test_what_is_no_span_of_time_is_refused(word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="11h30m"):
        time_span(word)


def test_before_the_first_reply_the_longest_wait_is_reckoned_with() -> None:
    deadline = Deadline(100.0)
    deadline.longest_s = 101.0
    with pytest.raises(NotAsked, match="a reply may take 101 s"):
        deadline.check()
    assert deadline.is_reached
    deadline.saw(90.0)
    deadline.check()
    deadline.saw(110.0)
    with pytest.raises(NotAsked, match="a reply may take 110 s"):
        deadline.check()


async def test_what_is_not_asked_for_want_of_time_reserves_no_money() -> None:
    budget = Budget(1.0, limit_s=10.0)
    assert budget.deadline is not None
    budget.deadline.saw(20.0)
    with pytest.raises(NotAsked, match="--deadline"):
        await BudgetMeter(budget, 0.8).begin()
    await budget.reserve(0.9)


@pytest.mark.timeout(60)
def test_a_run_ends_in_time_and_the_same_command_goes_on(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    submission = tmp_path / "submission.json"
    with LoopbackServer(then=reply(maker="identity_program", delay_s=0.5)) as server:
        command = [
            "benchmark/run_code_benchmark.py",
            *("--model_identifier", "local:scripted", "--base_url", server.openai_url),
            *("--dataset_directory", dataset(count=12), "--max_concurrent_tasks", "1"),
            *("--request_timeout_s", "2", "--output_directory", tmp_path),
            *("--submission", submission),
        ]
        began = time.monotonic()
        done = ScriptProcess(*command, "--deadline", "4s").completed()
        took = time.monotonic() - began
        asked = len(server.ledger())
        assert done.returncode == 3, done.stderr
        assert 0 < asked < 12
        assert took < 12, "4 s, and a start on a busy machine"
        assert submission.exists()
        results = tmp_path / "code_benchmark_results.jsonl"
        (metadata,) = entries(results, "metadata")
        assert metadata["status"] == "deadline_reached"
        assert len(entries(results)) == asked, "nothing in flight was lost"
        assert ScriptProcess(*command).completed().returncode == 0
        assert len(server.ledger()) == 12


def test_a_deadline_within_one_request_is_refused(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    done = ScriptProcess(
        "benchmark/run_code_benchmark.py",
        *("--model_identifier", "local:scripted", "--base_url", "http://localhost:9/v1"),
        *("--dataset_directory", dataset(count=1), "--output_directory", tmp_path),
        *("--deadline", "90s"),
    ).completed()
    assert done.returncode == 2
    assert (
        "--deadline: 90 s, and a request may take 1200 s; give --request_timeout_s" in done.stderr
    )
