from __future__ import annotations

import asyncio

import pytest

from utilities.errors import NotAsked
from utilities.replies.budget import Budget


async def test_without_a_cap_everything_is_allowed_and_added_up() -> None:
    budget = Budget()
    await budget.reserve(100.0)
    budget.settle(100.0, 2.5)
    budget.settle(0.0, None)
    assert budget.spent_usd == 2.5


async def test_a_request_that_cannot_fit_is_not_asked() -> None:
    budget = Budget(1.0)
    with pytest.raises(NotAsked, match=r"1\.5000 USD"):
        await budget.reserve(1.5)
    assert budget.exhausted


async def test_a_request_waits_for_those_in_flight_to_settle() -> None:
    budget = Budget(1.0)
    await budget.reserve(0.6)
    second = asyncio.create_task(budget.reserve(0.6))
    await asyncio.sleep(0.01)
    assert not second.done()
    budget.settle(0.6, 0.1)
    await second
    assert not budget.exhausted


async def test_waiting_requests_give_up_when_the_budget_is_spent() -> None:
    budget = Budget(1.0)
    await budget.reserve(0.9)
    waiting = [asyncio.create_task(budget.reserve(0.9)) for _ in range(3)]
    await asyncio.sleep(0.01)
    budget.settle(0.9, 0.9)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [NotAsked] * 3


async def test_under_a_cap_an_unknown_cost_counts_as_the_worst_case() -> None:
    budget = Budget(1.0)
    await budget.reserve(0.4)
    budget.settle(0.4, None)
    assert budget.spent_usd == 0.4


async def test_the_bill_never_passes_the_cap() -> None:
    budget = Budget(1.0)

    async def request(cost: float) -> None:
        try:
            await budget.reserve(0.3)
        except NotAsked:
            return
        await asyncio.sleep(0)
        budget.settle(0.3, cost)

    await asyncio.gather(*(request(0.05 * (index % 6 + 1)) for index in range(50)))
    assert 0.7 < budget.spent_usd <= 1.0


async def test_rounding_never_leaves_a_request_waiting_for_nobody() -> None:
    budget = Budget(1.0)
    for part in (0.1, 0.2, 0.3):
        await budget.reserve(part)
    for part in (0.3, 0.1, 0.2):
        budget.settle(part, part)
    with pytest.raises(NotAsked):
        await asyncio.wait_for(budget.reserve(0.9), timeout=5)
