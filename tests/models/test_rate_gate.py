"""How many requests are under way at once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import FLOOR, HOLD_S, START, RateGate


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def line(gate):
    return Endpoints([Endpoint("http://x", gate)])


async def full_round(gate):
    """As many replies as there are slots, all of them in use."""
    async with AsyncExitStack() as stack:
        endpoints = line(gate)
        for _ in range(gate.size):
            await stack.enter_async_context(endpoints.place())
        for _ in range(gate.size):
            gate.replied()


async def fill(gate, endpoints=None):
    """Ask for many slots and count how many are given at once."""
    endpoints = endpoints or line(gate)

    async def hold():
        nonlocal held, most
        async with endpoints.place():
            held += 1
            most = max(most, held)
            await asyncio.sleep(0)
            held -= 1

    held = most = 0
    await asyncio.gather(*(hold() for _ in range(300)))
    return most


async def test_never_more_requests_are_under_way_than_the_size():
    assert await fill(RateGate(7)) == 7


async def test_the_size_doubles_up_to_the_ceiling():
    gate = RateGate(START * 3)
    await full_round(gate)
    assert (gate.size, await fill(gate)) == (START * 2, START * 2)
    await full_round(gate)
    assert (gate.size, await fill(gate)) == (START * 3, START * 3)


async def test_a_burst_of_rejections_shrinks_the_size_once():
    gate = RateGate(10, clock=Clock())
    for _ in range(5):
        gate.limited(None)
    await fill(gate)
    assert (gate.size, await fill(gate)) == (8, 8)


async def test_the_hold_lasts_as_long_as_the_provider_asked():
    clock = Clock()
    gate = RateGate(10, clock=clock)
    gate.limited(100.0)
    clock.now = 99.0
    await full_round(gate)
    assert gate.size == 8
    clock.now = 101.0
    await full_round(gate)
    assert gate.size == 9


async def test_after_a_rejection_the_size_grows_by_small_steps():
    clock = Clock()
    gate = RateGate(100, clock=clock)
    gate.limited(None)
    clock.now = HOLD_S
    await full_round(gate)
    assert gate.size == START * 0.8 + 1


async def test_slots_that_are_not_used_prove_nothing():
    gate = RateGate(100)
    async with line(gate).place():
        for _ in range(1000):
            gate.replied()
    assert gate.size == START


async def test_a_servers_error_begins_the_round_anew():
    gate = RateGate(START * 2)
    async with AsyncExitStack() as stack:
        endpoints = line(gate)
        for _ in range(START):
            await stack.enter_async_context(endpoints.place())
        for _ in range(START - 1):
            gate.replied()
        gate.failed()
        gate.replied()
    assert gate.size == START


@pytest.mark.parametrize(("ceiling", "least"), [(10, FLOOR), (2, 2)])
async def test_so_few_requests_are_never_made_fewer(ceiling, least):
    clock = Clock()
    gate = RateGate(ceiling, clock=clock)
    for _ in range(100):
        gate.limited(None)
        clock.now += HOLD_S
    await fill(gate)
    assert (gate.size, await fill(gate)) == (least, least)


async def test_a_cancelled_request_gives_its_slot_back():
    gate = RateGate(1)
    endpoints = line(gate)
    async with endpoints.place():
        waiting = asyncio.create_task(fill(gate, endpoints))
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await fill(gate, endpoints) == 1
