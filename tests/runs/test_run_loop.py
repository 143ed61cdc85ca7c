from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import entries
from utilities.command_line.terminal import Progress
from utilities.errors import BadKey, UsageError
from utilities.replies.budget import Budget
from utilities.runs.loop import RunLoop
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore
from utilities.tasks.task import Pair, Task


def tasks(count: int) -> Iterator[Task]:
    for number in range(count):
        yield Task(f"t{number}", train=(Pair([[1]], [[number % 10]]),), test=())


def entry(task: Task, *, complete: bool | None = True, solved: bool = True) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "status": ["ok" if complete else "rate_limited"],
        "usage": [{"input_tokens": 10}],
        "cost_usd": [0.5],
        "solved": solved,
        "complete": complete,
    }


@asynccontextmanager
async def opened(
    folder: Path, *, slots: int = 3, configuration: dict[str, Any] | None = None
) -> AsyncIterator[RunLoop]:
    place = OutputPlace(folder, "code_data", "log.log")
    async with ResultStore(place, run_id="run") as store:
        yield RunLoop(
            store,
            configuration=configuration or {"agent": "scripted"},
            max_concurrent_tasks=slots,
            budget=Budget(),
            stopping=asyncio.Event(),
        )


def written(folder: Path) -> list[str]:
    return [found["task_id"] for found in entries(folder / "code_data_results.jsonl")]


async def test_no_more_tasks_than_slots_are_under_way_or_read(tmp_path: Path) -> None:
    under_way, most, read = 0, 0, 0

    def counted() -> Iterator[Task]:
        nonlocal read
        for task in tasks(20):
            read += 1
            assert read - len(loop.tally.solved_task_ids) <= 3 + 1
            yield task

    async def answer(task: Task) -> dict[str, Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1
        return entry(task)

    async with opened(tmp_path) as loop:
        await loop.run(counted(), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert most == 3
    assert len(written(tmp_path)) == 20


async def test_the_first_task_is_asked_before_the_last_one_is_made_ready(tmp_path: Path) -> None:
    events: list[str] = []

    def noted() -> Iterator[Task]:
        for task in tasks(5):
            events.append(f"read {task.task_id}")
            yield task

    async def answer(task: Task) -> dict[str, Any]:
        events.append(f"asked {task.task_id}")
        return entry(task)

    async with opened(tmp_path, slots=10) as loop:
        await loop.run(noted(), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert events.index("asked t0") < events.index("read t1")


async def test_finished_tasks_are_not_answered_again_and_still_counted(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(task: Task) -> dict[str, Any]:
        asked.append(task.task_id)
        return entry(task, complete=task.task_id != "t1")

    for _ in range(2):
        async with opened(tmp_path) as loop:
            await loop.run(tasks(3), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert sorted(asked) == ["t0", "t1", "t1", "t2"]
    assert (loop.tally.asked_count, loop.tally.resumed_count) == (1, 2)
    assert loop.tally.cost_usd == 1.5


async def test_another_configuration_resumes_nothing(tmp_path: Path) -> None:
    async def answer(task: Task) -> dict[str, Any]:
        return entry(task)

    for model in ("a", "b"):
        async with opened(tmp_path, configuration={"model": model}) as loop:
            await loop.run(tasks(2), answer, progress=Progress(None, unit="tasks", quiet=True))
        assert loop.tally.resumed_count == 0


async def test_an_entry_cut_short_by_the_stop_is_not_written(tmp_path: Path) -> None:
    async def answer(task: Task) -> dict[str, Any]:
        return entry(task, complete=None if task.task_id == "t1" else True)

    async with opened(tmp_path) as loop:
        await loop.run(tasks(3), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert sorted(written(tmp_path)) == ["t0", "t2"]
    assert loop.tally.left_count == 1


async def test_a_fatal_error_lets_the_others_finish_and_is_raised(tmp_path: Path) -> None:
    async def answer(task: Task) -> dict[str, Any]:
        if task.task_id == "t1":
            raise BadKey("the key is wrong")
        await asyncio.sleep(0.02)
        return entry(task)

    async with opened(tmp_path) as loop:
        with pytest.raises(BadKey):
            await loop.run(tasks(50), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert loop.status == "failed"
    assert {"t0", "t2"} <= set(written(tmp_path))
    assert len(written(tmp_path)) < 50


async def test_a_dataset_that_breaks_in_the_middle_keeps_what_is_in_flight(tmp_path: Path) -> None:
    def broken() -> Iterator[Task]:
        yield from tasks(2)
        raise UsageError("task t2: is broken")

    async def answer(task: Task) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return entry(task)

    async with opened(tmp_path) as loop:
        with pytest.raises(UsageError, match="t2"):
            await loop.run(broken(), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert sorted(written(tmp_path)) == ["t0", "t1"]
    assert loop.status == "failed"


async def test_a_bug_in_the_dataset_is_raised_when_what_was_begun_has_ended(tmp_path: Path) -> None:
    def broken() -> Iterator[Task]:
        yield from tasks(2)
        raise ZeroDivisionError

    async def answer(task: Task) -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return entry(task)

    async with opened(tmp_path) as loop:
        with pytest.raises(ZeroDivisionError):
            await loop.run(broken(), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert sorted(written(tmp_path)) == ["t0", "t1"]
    assert loop.status == "failed"


async def test_first_signal_stops_asking_and_keeps_what_is_in_flight(tmp_path: Path) -> None:
    async def answer(task: Task) -> dict[str, Any]:
        if task.task_id == "t2":
            os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        return entry(task)

    async with opened(tmp_path) as loop:
        with loop.signals():
            await loop.run(tasks(50), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert sorted(written(tmp_path)) == ["t0", "t1", "t2"]
    assert (loop.status, loop.stopped_by) == ("interrupted", signal.SIGTERM)


async def test_second_signal_cancels_what_is_in_flight(tmp_path: Path) -> None:
    async def answer(task: Task) -> dict[str, Any]:
        if task.task_id == "t2":
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.01)
        await asyncio.sleep(60)
        return entry(task)

    async with opened(tmp_path) as loop:
        with loop.signals():
            await loop.run(tasks(50), answer, progress=Progress(None, unit="tasks", quiet=True))
    assert loop.status == "interrupted"
    assert loop.tally.left_count == 3
    assert (tmp_path / "code_data_results.jsonl").read_text() == ""
