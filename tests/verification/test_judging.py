"""The ordered judge: order, bound, and what becomes of the rest if it ends early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing

import pytest

from utilities.verification.verifier import judged_in_order


def stream(
    items: Iterator[int], judge: Callable[[int], Awaitable[int]], most_ahead: int = 4
) -> AsyncGenerator[int, None]:
    return judged_in_order(items, judge, weight=lambda _: 1, most_ahead=most_ahead)


class Bench:
    """Judges by sleeping for ever but for the items of `quick`; notes what it began and lost."""

    def __init__(self, quick: set[int]) -> None:
        self.quick, self.begun, self.cancelled = quick, list[int](), list[int]()

    async def __call__(self, item: int) -> int:
        self.begun.append(item)
        try:
            if item not in self.quick:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(item)
            raise
        return item


async def test_items_come_in_order_though_the_first_is_the_slowest() -> None:
    async def judge(item: int) -> int:
        await asyncio.sleep(0.02 if item == 0 else 0)
        return item

    assert [one async for one in stream(iter(range(9)), judge)] == list(range(9))


async def test_no_more_is_read_than_the_bound() -> None:
    read = []

    def items() -> Iterator[int]:
        for item in range(1000):
            read.append(item)
            yield item

    async with aclosing(stream(items(), Bench({0}))) as judged:
        assert await anext(judged) == 0
        assert len(read) == 5


async def test_an_item_heavier_than_the_bound_is_judged_alone() -> None:
    bench = Bench({0, 1, 2})
    judged = judged_in_order(iter(range(3)), bench, weight=lambda _: 100, most_ahead=4)
    assert [one async for one in judged] == [0, 1, 2]


async def test_what_runs_is_cancelled_if_the_caller_stops_early() -> None:
    bench = Bench({0})
    async with aclosing(stream(iter(range(100)), bench)) as judged:
        await anext(judged)
        await asyncio.sleep(0)
    assert bench.cancelled == [item for item in bench.begun if item != 0]


async def test_what_runs_is_cancelled_if_the_caller_is_cancelled() -> None:
    bench = Bench(set())

    async def consume() -> None:
        async with aclosing(stream(iter(range(100)), bench)) as judged:
            await anext(judged)

    work = asyncio.create_task(consume())
    while not bench.begun:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(bench.cancelled) == bench.begun


async def test_items_that_break_off_end_the_stream_and_cancel_what_runs() -> None:
    bench = Bench(set())

    def items() -> Iterator[int]:
        yield from (0, 1)
        raise ValueError("broken off")

    with pytest.raises(ValueError, match="broken off"):
        _ = [one async for one in stream(items(), bench)]
    assert len(asyncio.all_tasks()) == 1


async def test_an_error_of_the_judge_is_raised_in_order() -> None:
    async def judge(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    seen = []
    with pytest.raises(ValueError, match="two"):
        async with aclosing(stream(iter(range(9)), judge)) as judged:
            seen.extend([await anext(judged), await anext(judged)])
            await anext(judged)
    assert seen == [0, 1]
    assert len(asyncio.all_tasks()) == 1
