"""Servers that say odd things, and replies that are odd: nothing paid for is lost, no run hangs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from utilities.config import find_model
from utilities.errors import AttemptFailed, ContextTooLong, OutOfCredit, ProviderFailed, RateLimited
from utilities.files.json_lines import JsonLinesFile
from utilities.models.chat_completions import read_completion
from utilities.models.interface import Reply
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import RateGate
from utilities.models.pacing.rate_limits import Load, RateLimits
from utilities.models.pacing.retry import Retrier, RetryPolicy
from utilities.models.triage import Triage, retry_after_s
from utilities.replies.journal import Journal

KEY = "0123456789abcdef" * 2
TRIAGE = Triage(find_model("GPT"), "key")
ADD_A_CARD = (
    "Rate limit reached for gpt-x in organization org-1 on requests per min. Limit: 3 / min. "
    "Please try again in 20s. Visit https://platform.openai.com/account/billing to add a payment "
    "method."
)
NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."


async def test_a_reply_that_utf8_cannot_hold_is_recalled_by_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with JsonLinesFile(path) as file:
        journal = Journal(file, run_id="one", resume=True)
        await journal.record(KEY, Reply("half an emoji: \ud83d"), {"task_id": "t"})
    async with JsonLinesFile(path) as file:
        recalled = Journal(file, run_id="two", resume=True).recall(KEY)
    assert recalled == Reply("half an emoji: ?")


async def test_such_a_reply_in_a_journal_of_an_earlier_version_is_recalled(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(
        f'{{"key": "{KEY}", "entry_type": "reply", "reply": {{"text": "a", "usage": {{}}}}}}\n'
    )
    async with JsonLinesFile(path) as file:
        assert Journal(file, run_id="two", resume=True).recall(KEY) == Reply("a")


@pytest.mark.parametrize(
    "more",
    [{}, {"failed_attempts": None}, {"failed_attempts": [{"cause": "x", "new": 1}]}, {"new": 1}],
    ids=["earlier version", "null", "later attempt", "later reply"],
)
def test_a_reply_that_another_version_journalled_is_not_asked_again(more: dict[str, Any]) -> None:
    stored = {"text": "a", "usage": {"input_tokens": 3, "new": 1}, **more}
    recalled = Reply.from_json(stored)
    assert (recalled.text, recalled.usage.input_tokens) == ("a", 3)


@pytest.mark.parametrize("stored", ["text", None, {"text": "a", "usage": None}])
def test_what_is_no_reply_is_told_as_such(stored: Any) -> None:
    with pytest.raises(TypeError):
        Reply.from_json(stored)


def headers(reset: str) -> dict[str, str]:
    return {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": reset,
    }


@pytest.mark.parametrize("unit", [1, 1000], ids=["seconds", "milliseconds"])
def test_a_reset_may_be_a_moment_written_as_a_number(unit: int) -> None:
    limits = RateLimits()
    limits.hear(headers(str(int((time.time() + 7200) * unit))))
    assert limits.wait_s(Load()) == pytest.approx(72.0, rel=0.02)


@pytest.mark.parametrize("reset", ["9" * 400 + "s", "1e300", "9999-12-31T23:59:59Z", "30000000"])
def test_no_reset_holds_a_run_for_longer_than_a_window_of_a_day(reset: str) -> None:
    limits = RateLimits()
    limits.hear(headers(reset))
    assert limits.wait_s(Load()) == pytest.approx(864.0, rel=0.01)


def test_a_date_in_no_time_zone_on_earth_is_no_pause() -> None:
    assert retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 +99999999999999999"}) is None


@pytest.mark.parametrize("code", ["rate_limit_exceeded", None])
def test_a_rate_limit_that_speaks_of_billing_is_a_rate_limit(code: str | None) -> None:
    failure = TRIAGE.answer(429, {"error": {"message": ADD_A_CARD, "code": code}})
    assert isinstance(failure, AttemptFailed)
    assert (failure.becomes, failure.retry_after_s) == (RateLimited, 20.0)


def test_an_account_without_quota_is_none() -> None:
    error = {"message": NO_QUOTA, "code": "insufficient_quota"}
    assert isinstance(TRIAGE.answer(429, {"error": error}), OutOfCredit)


def test_a_prompt_and_limit_that_exceed_claudes_context_are_too_long() -> None:
    said = "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000"
    assert isinstance(TRIAGE.answer(400, {"error": {"message": said}}), ContextTooLong)


def test_nothing_with_an_empty_finish_reason_is_no_reply() -> None:
    choice = {"message": {"content": ""}, "finish_reason": ""}
    with pytest.raises(AttemptFailed, match="empty"):
        read_completion({"choices": [choice]}, TRIAGE)


async def test_the_last_of_several_servers_is_found_when_all_before_it_are_dead() -> None:
    endpoints = [Endpoint(f"http://{n}", RateGate(4), n) for n in range(4)]
    retrier = Retrier("MODEL", RetryPolicy(), endpoints=Endpoints(endpoints))

    async def attempt(endpoint: Endpoint) -> Reply:
        if endpoint.number < 3:
            raise AttemptFailed(ProviderFailed, "nobody there", unreachable=True)
        return Reply("here")

    assert (await retrier.run(attempt)).text == "here"
