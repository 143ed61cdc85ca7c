"""`kill -9` at random moments, then the same command again: nothing paid for is asked again."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, dropped, reply, status
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries

KILLS = 12
TASKS, SAMPLES = 60, 2


def whole_lines(path: Path) -> list[str]:
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def run_and_kill(command: list[str | Path], folder: Path, after_s: float) -> None:
    """Start the command, wait until it has written something, and kill it a little later."""
    process = ScriptProcess(*command)
    journal = folder / "code_data_partial_results.jsonl"
    size = journal.stat().st_size if journal.exists() else 0
    while process.poll() is None and (not journal.exists() or journal.stat().st_size == size):
        time.sleep(0.01)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.timeout(300)
def test_no_journalled_reply_is_asked_again_after_kill_minus_nine(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    chance = random.Random(9)
    folder = tmp_path / "out"
    journal, results = (
        folder / "code_data_partial_results.jsonl",
        folder / "code_data_results.jsonl",
    )
    with LoopbackServer(
        mixture=[(0.1, status(429, retry_after="0.05")), (0.1, dropped())],
        then=reply(maker="identity_program", delay_s=0.15),
    ) as server:
        command = [
            "synthetic_data_generators/generate_code_data.py",
            *("--model_identifier", "local:scripted", "--base_url", server.openai_url),
            *("--dataset_directory", dataset(count=TASKS), "--best_of", str(SAMPLES)),
            *("--max_concurrent_tasks", "2", "--output_directory", folder),
        ]
        for _ in range(KILLS):
            journalled, served = len(whole_lines(journal)), good_replies(server)
            run_and_kill(command, folder, after_s=chance.uniform(0.0, 0.25))
            assert good_replies(server) - served <= TASKS * SAMPLES - journalled
        before_last = len(whole_lines(journal))
        assert 0 < before_last < TASKS * SAMPLES, "the kills came too late to prove anything"
        served = good_replies(server)
        done = ScriptProcess(*command).completed()
        assert done.returncode == 0, done.stderr
        assert good_replies(server) - served == TASKS * SAMPLES - before_last

    keys = Counter(json.loads(line)["key"] for line in whole_lines(journal))
    assert len(keys) == TASKS * SAMPLES
    assert set(keys.values()) == {1}, "a reply that was journalled was asked for again"
    texts = {json.loads(line)["reply"]["text"] for line in whole_lines(journal)}
    found = entries(results)
    assert Counter(entry["task_id"] for entry in found).most_common(1)[0][1] == 1
    assert len(found) == TASKS
    for entry in found:
        assert entry["status"] == ["ok"] * SAMPLES
        assert all(any(code.strip() in text for text in texts) for code in entry["python_code"])


@pytest.mark.slow
def test_views_that_a_killed_run_goes_on_with_are_those_of_one_that_was_not_killed(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    count, samples = 12, 3
    tasks = dataset(count=count)
    made = {}
    with LoopbackServer(then=reply(maker="knowing_program", delay_s=0.1)) as server:
        for name, kills in (("whole", 0), ("killed", 4)):
            command = [
                "synthetic_data_generators/generate_code_data.py",
                *("--model_identifier", "local:m", "--base_url", server.openai_url),
                *("--dataset_directory", tasks, "--best_of", str(samples)),
                *("--vary", "symmetry,colours,pairs", "--vary_seed", "5"),
                *("--max_concurrent_tasks", "2", "--output_directory", tmp_path / name),
            ]
            for _ in range(kills):
                run_and_kill(command, tmp_path / name, after_s=0.15)
            journal = whole_lines(tmp_path / name / "code_data_partial_results.jsonl")
            assert bool(journal) == bool(kills)
            assert len(journal) < count * samples, "the kills came too late to prove anything"
            done = ScriptProcess(*command).completed()
            assert done.returncode == 0, done.stderr
            told = ("task_id", "view", "prompt_messages", "python_code", "status", "entry_key")
            made[name] = {
                entry["task_id"]: [entry[field] for field in told]
                for entry in entries(tmp_path / name / "code_data_results.jsonl")
            }
            journal = whole_lines(tmp_path / name / "code_data_partial_results.jsonl")
            assert len({json.loads(line)["key"] for line in journal}) == len(journal)
    assert len(made["whole"]) == count
    assert made["killed"] == made["whole"]
    seen = [json.dumps(view) for one in made["whole"].values() for view in one[1]]
    assert len(set(seen)) > 2 * count, "the samples saw views of their own"


def good_replies(server: LoopbackServer) -> int:
    """How many requests the server answered with a whole reply."""
    return sum(
        bool(request.completed and request.behaviour and request.behaviour["kind"] == "reply")
        for request in server.ledger()
    )
