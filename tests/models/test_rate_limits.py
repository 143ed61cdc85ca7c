"""Requests and tokens a minute, by the entry or by what the provider's answers say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from utilities.config import find_model
from utilities.models.factory import open_client
from utilities.models.interface import Sampling, Usage
from utilities.models.pacing.rate_gate import RateGate
from utilities.models.pacing.rate_limits import Load, RateLimits


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


NOTHING = Load()


def test_without_a_named_limit_nothing_waits():
    limits = RateLimits()
    for _ in range(10_000):
        limits.take(Load(1e6, 1e6))
    assert limits.wait_s(NOTHING) == 0.0


def test_requests_a_minute_flow_back_evenly():
    clock = Clock()
    limits = RateLimits(requests_per_minute=60, clock=clock)
    for _ in range(60):
        assert limits.wait_s(NOTHING) == 0.0
        limits.take(NOTHING)
    assert limits.wait_s(NOTHING) == pytest.approx(1.0)
    clock.now += 1.0
    assert limits.wait_s(NOTHING) == 0.0


def test_tokens_count_prompt_and_reply_and_are_settled_by_the_replys_usage():
    limits = RateLimits(tokens_per_minute=6000, clock=Clock())
    load = Load(2000.0, 4000.0)
    limits.take(load)
    assert limits.wait_s(Load(100.0, 0.0)) == pytest.approx(1.0)
    limits.settle(load, 4000, Usage(input_tokens=1000, output_tokens=500))
    assert limits.wait_s(Load(4500.0, 0.0)) == 0.0
    assert limits.wait_s(Load(4600.0, 0.0)) == pytest.approx(1.0)


def test_a_request_larger_than_the_limit_passes_when_the_limit_is_unused():
    clock = Clock()
    limits = RateLimits(tokens_per_minute=600, clock=clock)
    assert limits.wait_s(Load(5000.0, 0.0)) == 0.0
    limits.take(Load(5000.0, 0.0))
    assert limits.wait_s(NOTHING) > 60


def test_estimates_follow_what_replies_took():
    limits = RateLimits()
    for _ in range(100):
        limits.settle(limits.estimate(1000), 1000, Usage(input_tokens=900, output_tokens=50))
    estimate = limits.estimate(2000)
    assert estimate.input_tokens == pytest.approx(1800, rel=0.01)
    assert estimate.output_tokens == pytest.approx(50, rel=0.01)


@pytest.mark.parametrize(
    "headers",
    [
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "1m0s",
        },
        {
            "anthropic-ratelimit-requests-limit": "60",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": "2020-01-01T00:00:00Z",
        },
        {
            "anthropic-ratelimit-output-tokens-limit": "60000",
            "anthropic-ratelimit-output-tokens-remaining": "0",
        },
        {"x-ratelimit-limit-tokens": "60000", "x-ratelimit-remaining-tokens": "0"},
    ],
    ids=["OpenAI requests", "Anthropic requests", "Anthropic output", "OpenAI tokens"],
)
def test_headers_name_limits(headers):
    limits = RateLimits(clock=Clock())
    limits.hear(headers)
    assert limits.wait_s(Load(0.0, 1000.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("form", ["duration", "moment"])
def test_a_window_longer_than_a_minute_flows_back_as_slowly_as_it_says(form):
    in_two_hours = datetime.now(UTC) + timedelta(hours=2)
    reset = "1h60m" if form == "duration" else in_two_hours.isoformat()
    limits = RateLimits(clock=Clock())
    limits.hear(
        {
            "x-ratelimit-limit-requests": "100",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": reset,
        }
    )
    assert limits.wait_s(NOTHING) == pytest.approx(72.0, rel=0.01)


def test_headers_never_raise_what_the_entry_allows():
    limits = RateLimits(requests_per_minute=1, clock=Clock())
    limits.hear({"x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "999"})
    limits.take(NOTHING)
    assert limits.wait_s(NOTHING) == pytest.approx(60.0)


@pytest.mark.parametrize("value", ["", "many", "-1", "nan", "inf", "0"])
def test_a_limit_that_is_none_is_passed_over(value):
    limits = RateLimits(clock=Clock())
    limits.hear({"x-ratelimit-limit-requests": value, "x-ratelimit-remaining-requests": "0"})
    assert limits.wait_s(NOTHING) == 0.0


async def test_a_pause_longer_than_patience_is_told_at_once():
    gate = RateGate(5)
    gate.limited(3600.0)
    assert await gate.admit(patience_s=600.0) is None


async def test_a_stop_ends_the_wait_for_a_limit():
    stopping = asyncio.Event()
    gate = RateGate(5, limits=RateLimits(requests_per_minute=1), stopping=stopping)
    await gate.admit()
    waiting = [asyncio.create_task(gate.admit()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    stopping.set()
    await asyncio.wait_for(asyncio.gather(*waiting), 30)


APIS = {"openai": "GPT_MINI", "anthropic": "CLAUDE_OPUS"}
BOTH = pytest.mark.parametrize("api", APIS)


async def ask_many(server, api, count, **changes):
    entry = replace(find_model(APIS[api], base_url=server.openai_url), **changes)
    async with open_client(entry, "key-0123456789", max_connections=count) as client:
        prompts = [[{"role": "user", "content": f"number {n}"}] for n in range(count)]
        return await asyncio.gather(*(client.complete(p, Sampling()) for p in prompts))


@BOTH
async def test_the_pause_of_one_is_the_pause_of_all(api):
    busy = status(429, retry_after="2.5", delay_s=1.5)
    with LoopbackServer(globally=[busy], then=reply(delay_s=3.0)) as server:
        replies = await ask_many(server, api, 30)
        requests = server.ledger()
    assert sorted(answer.attempts for answer in replies) == [1] * 29 + [2]
    (rejected,) = [r for r in requests if r.behaviour and r.behaviour["kind"] == "status"]
    later = [r.received_at - rejected.finished_at for r in requests]
    assert any(gap > 2.49 for gap in later), "none came after the pause"
    # The first replies come in the middle of the pause; without it their places were filled.
    assert not [gap for gap in later if 0.5 < gap < 2.49]


@BOTH
async def test_what_the_headers_leave_is_not_overrun(api):
    headers = {
        "openai": {"x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "0"},
        "anthropic": {
            "anthropic-ratelimit-requests-limit": "600",
            "anthropic-ratelimit-requests-remaining": "0",
        },
    }[api]
    with LoopbackServer(then=reply(headers=headers)) as server:
        await ask_many(server, api, 26)
        requests = server.ledger()
    heard = min(request.finished_at for request in requests if request.finished_at)
    later = sorted(request.received_at - heard for request in requests)[20:]
    # 20 are sent before the first answer; each later one waits for its tenth of a second.
    assert len(later) == 6
    assert all(gap > 0.1 * place - 0.05 for place, gap in enumerate(later, start=1)), later


async def test_the_entrys_own_limit_holds_from_the_first_request_on():
    with LoopbackServer() as server:
        asking = asyncio.create_task(ask_many(server, "openai", 10, requests_per_minute=4))
        while len(server.ledger()) < 4:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert len(server.ledger()) == 4
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@BOTH
async def test_a_storm_of_rejections_ends_with_every_request_answered(api):
    with LoopbackServer(then=reply(delay_s=0.05), max_under_way=6) as server:
        entry = find_model(APIS[api], base_url=server.openai_url)
        async with open_client(entry, "key-0123456789", max_connections=60, start=60) as client:
            prompts = [[{"role": "user", "content": f"number {n}"}] for n in range(150)]
            replies = await asyncio.gather(*(client.complete(p, Sampling()) for p in prompts))
        assert len(replies) == 150
        assert len(server.ledger()) == sum(answer.attempts for answer in replies) > 150
