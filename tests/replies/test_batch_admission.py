"""When a batch is full enough: nothing more can be asked before one comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from utilities.replies.batches.queue import Admission


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Tasks:
    """Tasks under way that wait for a reply until they are told to go on."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.replied = asyncio.Event()
        self.judged = asyncio.Event()
        self.running: list[asyncio.Task[str]] = []

    def begin(self, count: int, answer: Callable[[int], Awaitable[str]] | None = None) -> None:
        counted = self.admission.answering(answer or self.answer)
        self.running += [asyncio.create_task(counted(number)) for number in range(count)]

    async def answer(self, number: int) -> str:
        with self.admission.waiting():
            await self.replied.wait()
        await self.judged.wait()
        return "done"


async def test_it_is_time_when_every_task_waits_and_no_more_can_begin() -> None:
    admission = Admission(6, best_of=2, at_least=1)
    tasks = Tasks(admission)
    tasks.begin(2)
    await settle()
    assert not admission.all_wait, "a third task may still begin"
    tasks.begin(1)
    await settle()
    assert admission.all_wait


async def test_it_is_time_when_the_tasks_have_come_to_their_end() -> None:
    admission = Admission(100, best_of=1, at_least=1)
    tasks = Tasks(admission)
    for _ in admission.watched(["a", "b"]):
        tasks.begin(1)
        await settle()
        assert not admission.all_wait
    assert admission.all_wait


async def test_a_task_that_is_being_judged_is_waited_for() -> None:
    admission = Admission(100, best_of=1, at_least=1)
    list(admission.watched(["a"]))
    tasks = Tasks(admission)
    tasks.begin(1)
    await settle()
    assert admission.all_wait
    tasks.replied.set()
    await settle()
    assert not admission.all_wait
    tasks.judged.set()
    await asyncio.gather(*tasks.running)
    assert admission.all_wait, "nothing is under way any more"


async def test_a_task_waits_as_long_as_one_of_its_samples_does() -> None:
    admission = Admission(100, best_of=2, at_least=1)
    list(admission.watched(["a"]))
    first, second = asyncio.Event(), asyncio.Event()

    async def sample(replied: asyncio.Event) -> None:
        with admission.waiting():
            await replied.wait()

    async def answer(number: int) -> str:
        await asyncio.gather(sample(first), sample(second))
        return "done"

    running = asyncio.create_task(admission.answering(answer)(0))
    await settle()
    first.set()
    await settle()
    assert admission.all_wait
    second.set()
    assert await running == "done"


def test_as_many_tasks_are_admitted_as_make_the_requests_but_no_fewer_than_asked_for() -> None:
    assert Admission(20_000, best_of=8, at_least=5).max_tasks == 2_500
    assert Admission(4, best_of=8, at_least=5).max_tasks == 5
