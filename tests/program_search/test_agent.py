from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from agents.program_search.agent import ProgramSearchAgent
from agents.program_search.worker_pool import WorkerPool
from agents.strategies.strategy import side_by_side
from tests.support.sandbox_processes import parents
from tests.support.scripts import arc1_training
from utilities.errors import ProviderFailed
from utilities.replies.budget import Budget
from utilities.replies.replies import Replies
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore
from utilities.tasks.task import Pair, Task

FLIPPED = Task(
    "flipped",
    train=(Pair([[1, 2], [3, 4]], [[2, 1], [4, 3]]), Pair([[5, 0, 7]], [[7, 0, 5]])),
    test=(Pair([[1, 2, 3], [4, 5, 6]], None),),
)
RIDDLE = Task(
    "riddle",
    train=(Pair([[1, 5], [3, 2]], [[7]]), Pair([[1, 5], [3, 2]], [[8, 8]])),
    test=(Pair([[1]], None),),
)


@asynccontextmanager
async def opened(folder: Path, *, best_of: int = 1) -> AsyncIterator[ProgramSearchAgent]:
    place = OutputPlace(folder, "code_data", "log")
    async with ResultStore(place, run_id="run") as store:
        replies = Replies(store.journal, Budget(), asyncio.Event())
        async with ProgramSearchAgent(
            replies, best_of=best_of, search_budget=1_000_000, pool=WorkerPool(1)
        ) as agent:
            yield agent


def workers() -> list[int]:
    """The process ids of the search's workers that are alive on this machine."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"agents.program_search.worker_pool" in command:
            found.append(int(folder.name))
    return found


def children_of(parent: int) -> list[int]:
    """The workers that this process started; those that end meanwhile are left out."""
    found = []
    for number in workers():
        with suppress(FileNotFoundError, ProcessLookupError):
            if f"\nPPid:\t{parent}\n" in Path(f"/proc/{number}/status").read_text():
                found.append(number)
    return found


def kill_unheard(process: int) -> None:
    """Kill a process and wait for its end, while the event loop stands and hears nothing of it."""
    os.kill(process, signal.SIGKILL)
    while process in parents():
        time.sleep(0.01)


async def test_a_found_program_comes_with_reasoning_and_answers(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        sample = await agent.sample(FLIPPED, 0)
    assert sample.status == "ok"
    assert "def solve_task" in (sample.python_code or "")
    assert sample.reasoning
    assert sample.answers == ([[3, 2, 1], [6, 5, 4]],)
    assert 0 < (sample.confidence or 0) < 1


async def test_the_entry_of_a_task_states_confidences(tmp_path: Path) -> None:
    async with opened(tmp_path, best_of=2) as agent:
        samples = await side_by_side(agent.sample(FLIPPED, i) for i in range(2))
        entry = entry_of(FLIPPED, samples, agent.identity())
    assert entry["confidence"] == [sample.confidence for sample in samples]
    assert entry["rule_form"] == ["idea", "layers"]


async def test_entries_without_a_stated_confidence_leave_it_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        samples = await side_by_side(agent.sample(RIDDLE, i) for i in range(1))
        assert "confidence" not in entry_of(RIDDLE, samples, agent.identity())


async def test_what_has_no_rule_is_called_no_program_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        sample = await agent.sample(RIDDLE, 0)
    assert (sample.status, sample.python_code, sample.reasoning) == ("no_program_found", None, None)


async def test_one_search_serves_all_samples_of_a_task(tmp_path: Path) -> None:
    async with opened(tmp_path, best_of=2) as agent:
        samples = await side_by_side(agent.sample(FLIPPED, i) for i in range(2))
        assert len(children_of(os.getpid())) == 1
    codes = {sample.python_code for sample in samples if sample.status == "ok"}
    assert len(codes) == sum(sample.status == "ok" for sample in samples) >= 1


async def test_a_later_run_recalls_the_journal_and_searches_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        first = await agent.sample(FLIPPED, 0)
    async with opened(tmp_path) as agent:
        again = await agent.sample(FLIPPED, 0)
        assert children_of(os.getpid()) == []
    assert again == first


async def test_the_event_loop_stays_free_while_a_task_is_searched(tmp_path: Path) -> None:
    content = arc1_training()["045e512c"]
    task = Task.from_json("045e512c", content).without_test_outputs()
    ticks = 0
    async with opened(tmp_path) as agent:
        search = asyncio.create_task(agent.sample(task, 0))
        while not search.done():
            await asyncio.sleep(0.001)
            ticks += 1
    assert ticks > 50


async def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        search = asyncio.create_task(agent.sample(FLIPPED, 0))
        while not (alive := children_of(os.getpid())):
            await asyncio.sleep(0.001)
        os.kill(alive[0], signal.SIGKILL)
        sample = await search
    assert sample.status == "ok"


async def test_a_task_that_kills_its_worker_twice_fails_alone(tmp_path: Path) -> None:
    pool = WorkerPool(1)
    with pytest.raises(ProviderFailed, match="died 2 times"):
        await pool.run({"task_id": "not a task"})
    good = {"task_id": "flipped", **FLIPPED.to_json(), "best_of": 1, "search_budget": 1_000_000}
    assert await pool.run(good)
    await pool.close()


async def test_a_worker_that_died_while_idle_costs_a_task_no_attempt() -> None:
    pool = WorkerPool(1)
    job = {"task_id": "flipped", **FLIPPED.to_json(), "best_of": 1, "search_budget": 1_000_000}
    await pool.run(job)
    (idle,) = children_of(os.getpid())
    kill_unheard(idle)
    search = asyncio.create_task(pool.run(job))
    while not (alive := children_of(os.getpid())):
        await asyncio.sleep(0.001)
    os.kill(alive[0], signal.SIGKILL)  # this one costs an attempt; one more is left
    assert await search
    await pool.close()


async def test_a_search_that_is_cancelled_while_its_worker_starts_leaves_no_process() -> None:
    pool = WorkerPool(1)
    job = {"task_id": "flipped", **FLIPPED.to_json(), "best_of": 1, "search_budget": 1_000_000}
    search = asyncio.create_task(pool.run(job))
    while not children_of(os.getpid()):
        await asyncio.sleep(0)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    await pool.close()
    assert children_of(os.getpid()) == []


async def test_workers_import_nothing_from_the_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    async with opened(tmp_path / "out") as agent:
        assert (await agent.sample(FLIPPED, 0)).status == "ok"


async def test_leaving_the_agent_leaves_no_process(tmp_path: Path) -> None:
    async with opened(tmp_path) as agent:
        await agent.sample(FLIPPED, 0)
        assert children_of(os.getpid())
    assert children_of(os.getpid()) == []


PARENT = textwrap.dedent(
    """
    import asyncio
    from agents.program_search.worker_pool import WorkerPool
    from tests.program_search.test_agent import FLIPPED

    async def main():
        pool = WorkerPool(1)
        job = {"task_id": "x", **FLIPPED.to_json(), "best_of": 1, "search_budget": 1000}
        await pool.run(job)
        print("ready", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
    """
)


def test_a_killed_parent_leaves_no_worker_behind() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    left = children_of(parent.pid)
    parent.kill()
    parent.communicate()
    assert len(left) == 1
    deadline = time.monotonic() + 30
    while set(left) & set(workers()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(left) & set(workers())
