"""`kill -9` in the midst of refinement rounds, then the same command again."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.test_kill_and_resume import good_replies, whole_lines
from tests.support.loopback_server import LoopbackServer, dropped, reply, status
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries

KILLS = 3
TASKS, SAMPLES, ROUNDS = 8, 2, 2
REPLIES = TASKS * SAMPLES * (1 + ROUNDS)
STEM = "code_benchmark"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "words",
    [
        ("--refine", str(ROUNDS)),
        pytest.param(("--strategy", "chains", "--steps", str(1 + ROUNDS)), marks=pytest.mark.slow),
        pytest.param(("--strategy", "evolve", "--steps", str(1 + ROUNDS)), marks=pytest.mark.slow),
    ],
    ids=["rounds", "chains", "evolve"],
)
def test_no_journalled_refinement_is_asked_again_after_kill_minus_nine(
    tmp_path: Path, dataset: Callable[..., Path], words: tuple[str, ...]
) -> None:
    chance = random.Random(6)
    folder = tmp_path / "out"
    journal = folder / f"{STEM}_partial_results.jsonl"
    with LoopbackServer(
        mixture=[(0.1, status(429, retry_after="0.05")), (0.1, dropped())],
        then=reply(maker="identity_program", delay_s=0.1),
    ) as server:
        command = [
            "benchmark/run_code_benchmark.py",
            *("--model_identifier", "local:scripted", "--base_url", server.openai_url),
            *("--dataset_directory", dataset(count=TASKS), "--best_of", str(SAMPLES)),
            *(*words, "--max_concurrent_tasks", "2"),
            *("--output_directory", folder),
        ]
        cut_within_rounds = 0
        for _ in range(KILLS):
            journalled, served = len(whole_lines(journal)), good_replies(server)
            _run_and_kill_after(command, journal, journalled + chance.randrange(3, 9))
            assert good_replies(server) - served <= REPLIES - journalled
            cut_within_rounds += _refined_beyond_entries(folder) > 0
        assert cut_within_rounds, "no kill fell into a refinement round"
        before_last, served = len(whole_lines(journal)), good_replies(server)
        assert before_last < REPLIES, "the kills came too late to prove anything"
        done = ScriptProcess(*command).completed()
        assert done.returncode == 0, done.stderr
        assert good_replies(server) - served == REPLIES - before_last

    keys = Counter(json.loads(line)["key"] for line in whole_lines(journal))
    assert len(keys) == REPLIES
    assert set(keys.values()) == {1}, "a reply that was journalled was asked for again"
    found = entries(folder / f"{STEM}_results.jsonl")
    assert len({entry["task_id"] for entry in found}) == len(found) == TASKS
    assert {tuple(entry["refinement_round"]) for entry in found} == {(0, 0, 1, 1, 2, 2)}


def _run_and_kill_after(command: list[str | Path], journal: Path, lines: int) -> None:
    """Start the command, and kill it when the journal has so many lines."""
    process = ScriptProcess(*command)
    while process.poll() is None and len(whole_lines(journal)) < lines:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _refined_beyond_entries(folder: Path) -> int:
    """How many refinements are journalled of tasks that have no entry yet."""
    results = folder / f"{STEM}_results.jsonl"
    done = {json.loads(line)["task_id"] for line in whole_lines(results)}
    journal = map(json.loads, whole_lines(folder / f"{STEM}_partial_results.jsonl"))
    return sum(line["sample_index"] >= SAMPLES and line["task_id"] not in done for line in journal)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_budget_that_ends_within_a_generation_leaves_the_task_to_the_next_run(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        command = [
            "benchmark/run_code_benchmark.py",
            *("--model_identifier", "local:scripted", "--base_url", server.openai_url),
            *("--dataset_directory", dataset(count=1), "--best_of", "3", "--max_tokens", "300"),
            *("--strategy", "evolve", "--steps", "3", "--price", "0,1000"),
            *("--max_concurrent_requests", "1", "--output_directory", tmp_path),
        ]
        # A reply of 200 tokens costs 0.2 USD, at worst 0.3: the fifth fits, the sixth does not.
        first = ScriptProcess(*command, "--max_cost_usd", "1.15").completed()
        assert first.returncode == 3, first.stderr
        assert good_replies(server) == 5
        assert entries(tmp_path / f"{STEM}_results.jsonl") == []
        assert ScriptProcess(*command).completed().returncode == 0
        assert good_replies(server) == 9
    (entry,) = entries(tmp_path / f"{STEM}_results.jsonl")
    assert entry["refinement_round"] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
