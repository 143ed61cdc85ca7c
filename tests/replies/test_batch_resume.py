"""Runs with `--batch` that are killed or stopped: the next one buys nothing twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.batch_runs import (
    APIS,
    CODE,
    arguments,
    generate_code,
    journal_of,
    metadata_of,
    replies_of,
)
from tests.support.batch_server import BatchServer
from tests.support.script_process import ScriptProcess, wait_until
from tests.support.scripts import entries

TASKS = 6
Dataset = Callable[..., Path]


def started(words: list[str]) -> ScriptProcess:
    return ScriptProcess(CODE, *words)


def kill_when(process: ScriptProcess, condition: Callable[[], bool]) -> None:
    wait_until(condition)
    process.send_signal(signal.SIGKILL)
    process.wait()


def stop_when(condition: Callable[[], bool], *words: str) -> int:
    """Run in this process until Ctrl-C comes; the exit code."""

    def press_control_c() -> None:
        wait_until(condition)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press_control_c)
    thread.start()
    try:
        return generate_code(*words)
    finally:
        thread.join()


def steps_of(folder: Path) -> list[str]:
    """The steps of batches in the journal; a line that is being written does not count."""
    if not (folder / "code_data_partial_results.jsonl").exists():
        return []
    return [line["step"] for line in journal_of(folder) if line["entry_type"] == "batch"]


def assert_all_bought_once(server: BatchServer, folder: Path, tasks: int = TASKS) -> None:
    assert len(server.bought) == tasks
    assert set(server.bought.values()) == {1}, "a sample was bought twice"
    keys = Counter(line["key"] for line in replies_of(folder))
    assert len(keys) == tasks
    assert set(keys.values()) == {1}
    found = entries(folder / "code_data_results.jsonl")
    assert len(found) == tasks
    assert all(entry["status"] == ["ok"] for entry in found)


@pytest.mark.parametrize("api", APIS)
def test_a_run_killed_while_it_polls_is_taken_up(
    api: str, tmp_path: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(held=True) as server:
        words = arguments(server, api, folder, dataset(count=TASKS))
        kill_when(started(words), lambda: bool(server.batches) and server.batches[0].polls > 1)
        server.held = False
        assert generate_code(*words) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)
    assert f"{server.batches[0].batch_id}: taken up" in capsys.readouterr().err
    assert steps_of(folder) == ["planned", "creating", "created", "closed"]
    assert metadata_of(folder)["spent_usd"] > 0


@pytest.mark.parametrize("api", APIS)
def test_a_batch_whose_creation_was_heard_by_nobody_is_found_again(
    api: str, tmp_path: Path, dataset: Dataset
) -> None:
    folder, other = tmp_path / "out", tmp_path / "other"
    with BatchServer(creations=["stalled_after"]) as server:
        tasks = dataset(count=TASKS)
        words = arguments(server, api, folder, tasks)
        kill_when(started(words), server.reached.is_set)
        assert steps_of(folder) == ["planned", "creating"]
        assert generate_code(*arguments(server, api, other, tasks)) == 0
        strange = server.bought.copy()
        server.bought.clear()
        assert generate_code(*words) == 0
        assert len(server.batches) == 2
        assert_all_bought_once(server, folder)
        assert strange == server.bought, "the same samples, so that only the token tells"
    assert {line["batch_id"] for line in replies_of(folder)} == {server.batches[0].batch_id}


@pytest.mark.parametrize("manner", ["stalled_before", "stalled_after"])
def test_a_run_killed_before_it_created_a_batch_submits_one(
    manner: str, tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(uploads=[manner]) as server:
        words = arguments(server, "openai", folder, dataset(count=TASKS))
        kill_when(started(words), server.reached.is_set)
        assert steps_of(folder) == ["planned"]
        assert generate_code(*words) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)
        assert "GET /v1/batches" not in server.seen, "there is nothing to look for"


def test_a_creation_that_never_reached_the_provider_is_looked_for_and_then_made_again(
    tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(creations=["stalled_before"]) as server:
        words = arguments(server, "openai", folder, dataset(count=TASKS))
        kill_when(started(words), server.reached.is_set)
        assert generate_code(*words) == 0
        assert server.seen["GET /v1/batches"] > 1
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)


@pytest.mark.parametrize("api", APIS)
def test_a_run_killed_while_it_collects_keeps_what_it_has_and_fetches_the_rest(
    api: str, tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(stalled_downloads=1) as server:
        words = arguments(server, api, folder, dataset(count=TASKS))
        process = started(words)
        wait_until(server.reached.is_set)
        kill_when(process, lambda: len(replies_of(folder)) >= 2)
        kept = len(replies_of(folder))
        assert 0 < kept < TASKS
        assert generate_code(*words) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)
    assert metadata_of(folder)["batches"][0]["replies"] == TASKS - kept


@pytest.mark.parametrize("api", APIS)
def test_a_connection_that_breaks_after_the_creation_leads_to_no_second_batch(
    api: str, tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(creations=["refused", "dropped_after"]) as server:
        assert generate_code(*arguments(server, api, folder, dataset(count=TASKS))) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)


def test_control_c_leaves_the_batch_at_the_provider_and_says_how_to_go_on(
    tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(held=True) as server:
        words = arguments(server, "anthropic", folder, dataset(count=TASKS))
        process = started(words)
        wait_until(lambda: bool(server.batches) and server.batches[0].polls > 1)
        process.send_signal(signal.SIGINT)
        done = process.completed()
        assert done.returncode == 130
        assert (
            "1 with 6 requests (msgbatch_0) go on at the provider: the same command" in done.stdout
        )
        assert metadata_of(folder)["batches"][0]["open"] is True
        assert not any("cancel" in route for route in server.seen)
        server.held = False
        assert generate_code(*words) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)


def test_a_second_control_c_ends_a_run_whose_creation_stalls_and_the_next_finds_the_batch(
    tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(creations=["stalled_after"]) as server:
        words = arguments(server, "openai", folder, dataset(count=TASKS))
        process = started(words)
        wait_until(server.reached.is_set)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        done = process.completed()
        assert done.returncode == 130
        assert "Traceback" not in done.stderr
        assert generate_code(*words) == 0
        assert len(server.batches) == 1
        assert_all_bought_once(server, folder)


def test_a_live_run_does_not_buy_what_an_open_batch_holds(
    tmp_path: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(held=True) as server:
        words = arguments(server, "openai", folder, dataset(count=2))
        stop_when(lambda: "created" in steps_of(folder), *words)
        assert generate_code(*[word for word in words if word != "--batch"]) == 2
        assert "POST /v1/chat/completions" not in server.seen
    said = capsys.readouterr().err
    assert "batch_0" in said
    assert "give --batch to take it up" in said


def test_a_dry_run_counts_what_an_open_batch_holds_apart(
    tmp_path: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(held=True) as server:
        words = arguments(server, "openai", folder, dataset(count=3))
        stop_when(lambda: "created" in steps_of(folder), *words, "--max_tasks", "2")
        capsys.readouterr()
        assert generate_code(*words, "--dry_run") == 0
    said = capsys.readouterr().out
    assert "requests  1 to make, 0 answered in the journal, 2 in batches of earlier runs" in said


def test_replies_that_this_run_does_not_need_are_collected_and_counted_all_the_same(
    tmp_path: Path, dataset: Dataset
) -> None:
    folder = tmp_path / "out"
    with BatchServer(held=True) as server:
        words = arguments(server, "openai", folder, dataset(count=TASKS))
        stop_when(lambda: "created" in steps_of(folder), *words)
        server.held = False
        assert generate_code(*words, "--max_tasks", "2") == 0
        assert len(replies_of(folder)) == TASKS
        assert len(server.batches) == 1


def test_a_batch_that_the_server_does_not_know_is_not_bought_anew(
    tmp_path: Path, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    tasks = dataset(count=2)
    with BatchServer(held=True) as server:
        words = arguments(server, "openai", folder, tasks)
        assert stop_when(lambda: "created" in steps_of(folder), *words) == 130
    with BatchServer() as stranger:
        words = arguments(stranger, "openai", folder, tasks)
        assert generate_code(*words) == 2
        assert not stranger.batches
        assert "knows no batch batch_0" in capsys.readouterr().err
        assert generate_code(*words, "--no_resume") == 0
        assert len(stranger.batches) == 1


def test_a_cap_counts_what_an_earlier_run_has_ordered(tmp_path: Path, dataset: Dataset) -> None:
    folder = tmp_path / "out"
    tasks = dataset(count=TASKS)
    cap = ("--max_tokens", "1000", "--max_cost_usd", "0.02")  # two or three requests at worst
    with BatchServer(held=True, output_tokens=1000) as server:
        words = arguments(server, "openai", folder, tasks)
        stop_when(lambda: "created" in steps_of(folder), *words, *cap)
        server.held = False
        assert generate_code(*words, *cap) == 3
        assert 0.01 < metadata_of(folder)["spent_usd"] <= 0.02
        assert set(server.bought.values()) == {1}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("api", APIS)
def test_kills_at_random_moments_lead_to_nothing_bought_twice(
    api: str, tmp_path: Path, dataset: Dataset
) -> None:
    chance, folder = random.Random(4), tmp_path / "out"
    with BatchServer(polls=3, fate=lambda prompt, n: "errored" if n == 0 else "ok") as server:
        words = [*arguments(server, api, folder, dataset(count=40)), "--batch_size", "7"]
        for _ in range(12):
            process, exchanges = started(words), server.seen.total()
            wait_until(
                lambda before=exchanges, running=process: (  # type: ignore[misc]
                    server.seen.total() > before or running.poll() is not None
                )
            )
            time.sleep(chance.uniform(0.0, 0.6))
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert "closed" in steps_of(folder), "the kills came too early to prove anything"
        assert generate_code(*words) == 0
        assert_all_bought_once(server, folder, 40)
