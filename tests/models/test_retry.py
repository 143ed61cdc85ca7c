"""The retry layer, with attempts that are plain functions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from utilities.config import find_model
from utilities.errors import (
    AttemptFailed,
    BadKey,
    FailedAttempt,
    NotAsked,
    ProviderFailed,
    RateLimited,
    Refused,
    ServerGone,
    ServerUnreachable,
    TimedOut,
)
from utilities.models.interface import Reply
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import RateGate
from utilities.models.pacing.retry import Retrier, RetryPolicy
from utilities.models.triage import Triage, retry_after_s

QUICK = RetryPolicy(first_delay_s=0.001, max_delay_s=0.002)


def retrier(policy=QUICK, *, stopping=None):
    endpoints = Endpoints([Endpoint("http://x", RateGate(4, stopping=stopping))])
    return Retrier("MODEL", policy, endpoints=endpoints, stopping=stopping)


class Attempts:
    """Raises or returns what it was given, one item an attempt, the last for ever."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.made = 0
        self.begun = asyncio.Event()

    async def __call__(self, endpoint):
        outcome = self.outcomes[min(self.made, len(self.outcomes) - 1)]
        self.made += 1
        self.begun.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_the_reply_counts_the_attempts_spent_on_it():
    attempts = Attempts(
        AttemptFailed(ProviderFailed, "x"), AttemptFailed(RateLimited, "x"), Reply("a")
    )
    assert (await retrier().run(attempts)).attempts == 3


async def test_the_last_failure_names_the_error_when_attempts_run_out():
    attempts = Attempts(AttemptFailed(ProviderFailed, "x"), AttemptFailed(RateLimited, "y"))
    with pytest.raises(RateLimited, match="y") as caught:
        await retrier(replace(QUICK, max_rate_limited=3)).run(attempts)
    assert (attempts.made, caught.value.attempts) == (4, 4)


async def test_a_final_error_is_not_tried_again_and_counts_its_attempts():
    attempts = Attempts(AttemptFailed(ProviderFailed, "x"), Refused("no"))
    with pytest.raises(Refused) as caught:
        await retrier().run(attempts)
    assert (attempts.made, caught.value.attempts) == (2, 2)


async def test_no_pause_begins_that_would_pass_the_time_allowed():
    attempts = Attempts(AttemptFailed(RateLimited, "x", retry_after_s=3600))
    with pytest.raises(RateLimited):
        await retrier().run(attempts)
    assert attempts.made == 1


async def test_a_server_that_never_answered_is_given_up_early():
    attempts = Attempts(AttemptFailed(ProviderFailed, "nobody at http://x", unreachable=True))
    with pytest.raises(ServerUnreachable, match="http://x"):
        await retrier().run(attempts)
    assert attempts.made == 3


async def test_a_server_that_answered_before_may_be_away_for_a_while():
    the_retrier = retrier()
    await the_retrier.run(Attempts(Reply("here")))
    away = [AttemptFailed(ProviderFailed, "x", unreachable=True)] * 30
    assert (await the_retrier.run(Attempts(*away, Reply("back")))).attempts == 31


@pytest.mark.parametrize("becomes", [ProviderFailed, TimedOut])
async def test_silence_for_long_and_in_many_attempts_ends_the_run(becomes):
    policy = replace(QUICK, max_silence_s=0.0, max_attempts=4)
    the_retrier, silent = retrier(policy), AttemptFailed(becomes, "nobody there")
    for _ in range(2):
        with pytest.raises(becomes):
            await the_retrier.run(Attempts(silent))
    with pytest.raises(ServerGone, match=r"in 10 attempts.*nobody there"):
        await the_retrier.run(Attempts(silent))


async def test_any_answer_breaks_a_silence():
    policy = replace(QUICK, max_silence_s=0.0, max_attempts=30)
    silent = [AttemptFailed(ProviderFailed, "x")] * 9
    answer = AttemptFailed(ProviderFailed, "no reply", has_answer=True)
    attempts = Attempts(*silent, answer, *silent, Reply("here"))
    assert (await retrier(policy).run(attempts)).attempts == 20


async def test_many_quick_failures_are_no_long_silence():
    with pytest.raises(ProviderFailed):
        await retrier(replace(QUICK, max_attempts=30)).run(
            Attempts(AttemptFailed(ProviderFailed, "x"))
        )


async def test_a_stopping_run_asks_nothing():
    stopping = asyncio.Event()
    stopping.set()
    attempts = Attempts(Reply("a"))
    with pytest.raises(NotAsked) as caught:
        await retrier(stopping=stopping).run(attempts)
    assert (attempts.made, caught.value.attempts) == (0, 0)


async def test_stopping_ends_a_pause_at_once_and_the_request_counts_as_not_asked():
    stopping = asyncio.Event()
    attempts = Attempts(AttemptFailed(RateLimited, "x", retry_after_s=500))
    asking = asyncio.create_task(retrier(stopping=stopping).run(attempts))
    await attempts.begun.wait()
    stopping.set()
    with pytest.raises(NotAsked) as caught:
        await asyncio.wait_for(asking, 60)
    assert (attempts.made, caught.value.attempts) == (1, 1)


async def test_stopping_leaves_an_attempt_in_flight_to_end():
    async def slow(_):
        stopping.set()
        await asyncio.sleep(0.01)
        return Reply("paid for")

    stopping = asyncio.Event()
    assert (await retrier(stopping=stopping).run(slow)).text == "paid for"


async def test_a_bug_in_an_attempt_is_a_traceback():
    with pytest.raises(KeyError):
        await retrier().run(Attempts(KeyError("bug")))


def test_pauses_double_up_to_a_ceiling():
    policy = RetryPolicy(first_delay_s=1, max_delay_s=5, jitter=0)
    assert [policy.delay_s(n) for n in (1, 2, 3, 4, 5000)] == [1, 2, 4, 5, 5]


def test_jitter_spreads_pauses_and_never_lengthens_them():
    policy = RetryPolicy(first_delay_s=1, jitter=0.5)
    delays = {policy.delay_s(1) for _ in range(50)}
    assert len(delays) > 1
    assert all(0.5 <= delay <= 1 for delay in delays)


def test_a_pause_is_never_shorter_than_the_provider_asked_for():
    assert all(RetryPolicy().delay_s(1, 7.0) >= 7.0 for _ in range(50))


def test_milliseconds_go_before_seconds():
    assert retry_after_s({"retry-after-ms": "250", "retry-after": "9"}) == 0.25


def test_zero_seconds_are_honoured():
    assert retry_after_s({"retry-after": "0"}) == 0.0


def test_a_date_is_a_number_of_seconds_from_now():
    moment = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < retry_after_s({"retry-after": format_datetime(moment, usegmt=True)}) <= 100


def test_a_date_in_the_past_means_now():
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "", "Wed, 99 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_is_nonsense_is_none(text):
    assert retry_after_s({"retry-after": text}) is None


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"message": "Rate limit reached. Please try again in 120ms."}}, 0.12),
        ({"error": {"message": "Rate limit reached. Please try again in 1.5s."}}, 1.5),
        ([{"error": {"details": [{"@type": "RetryInfo", "retryDelay": "37s"}]}}], 37),
        ({"error": {"message": "Slow down."}}, None),
    ],
)
def test_a_delay_in_the_body_counts_where_no_header_has_one(body, seconds):
    triage = Triage(find_model("GPT"), "key")
    assert triage.answer(429, body).retry_after_s == seconds
    assert triage.answer(429, body, {"retry-after": "8"}).retry_after_s == 8


class CountingMeter:
    """Writes down what it is told."""

    worst_usd = 0.5

    def __init__(self, allowed: int = 100) -> None:
        self.told: list[float | str | None] = []
        self._allowed = allowed

    async def begin(self) -> None:
        if not self._allowed:
            raise NotAsked("the budget is spent")
        self._allowed -= 1

    def end(self, cost_usd: float | None) -> None:
        self.told.append(cost_usd)

    def lost(self) -> None:
        self.told.append("lost")


async def metered(meter: CountingMeter, *steps: Reply | Exception) -> Reply:
    script = iter(steps)

    async def attempt(_: Endpoint) -> Reply:
        step = next(script)
        if isinstance(step, Exception):
            raise step
        return step

    policy = RetryPolicy(first_delay_s=0.001, max_attempts=4)
    return await retrier(policy).run(attempt, meter)


async def test_every_attempt_is_metered_by_what_it_may_have_cost() -> None:
    meter = CountingMeter()
    await metered(
        meter,
        AttemptFailed(RateLimited, "429"),
        AttemptFailed(ProviderFailed, "cut", billable=True),
        Reply("text", cost_usd=0.25),
    )
    assert meter.told == [0.0, "lost", 0.25]


async def test_a_final_refusal_costs_nothing() -> None:
    meter = CountingMeter()
    with pytest.raises(BadKey):
        await metered(meter, BadKey("401"))
    assert meter.told == [0.0]


async def test_a_spent_budget_ends_the_attempts_too() -> None:
    meter = CountingMeter(allowed=2)
    with pytest.raises(NotAsked):
        await metered(meter, *[AttemptFailed(ProviderFailed, "cut", billable=True)] * 4)
    assert meter.told == ["lost", "lost"]


async def test_an_attempt_that_is_cancelled_counts_as_lost() -> None:
    meter = CountingMeter()

    async def never(_: Endpoint) -> Reply:
        await asyncio.sleep(60)
        return Reply("late")

    policy = RetryPolicy(first_delay_s=0.001, max_attempts=1)
    cancelled = asyncio.create_task(retrier(policy).run(never, meter))
    await asyncio.sleep(0.02)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert meter.told == ["lost"]


async def test_each_failed_attempt_is_written_down_with_the_reply() -> None:
    reply = await metered(
        CountingMeter(),
        AttemptFailed(RateLimited, "429", status_code=429),
        AttemptFailed(ProviderFailed, "cut", billable=True),
        Reply("text"),
    )
    assert [replace(attempt, latency_s=0.0) for attempt in reply.failed_attempts] == [
        FailedAttempt("rate_limited", 429, 0.0, 0.0),
        FailedAttempt("provider_error", None, 0.0, 0.5),
    ]


async def test_a_request_that_failed_knows_all_its_attempts() -> None:
    with pytest.raises(Refused) as caught:
        await metered(CountingMeter(), AttemptFailed(RateLimited, "429"), Refused("no"))
    causes = [attempt.cause for attempt in caught.value.failed_attempts]
    assert causes == ["rate_limited", "refused"]


async def test_rate_limits_have_a_bound_of_their_own() -> None:
    attempts = Attempts(*[AttemptFailed(RateLimited, "x")] * 20, Reply("after the storm"))
    assert (await retrier().run(attempts)).attempts == 21
    with pytest.raises(RateLimited):
        await retrier(replace(QUICK, max_rate_limited=5)).run(
            attempts := Attempts(AttemptFailed(RateLimited, "x"))
        )
    assert attempts.made == 5
