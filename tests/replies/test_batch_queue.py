"""The queue over a provider in this process: sizes, doubles, odd results, batches of old."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from utilities.errors import AttemptFailed, ProviderFailed, RateLimited, RequestFailed
from utilities.models.batches.endpoint import (
    BatchLimits,
    BatchState,
    Exchanges,
    LostBatch,
    Result,
    Submission,
)
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.pacing.retry import RetryPolicy
from utilities.replies.batches.queue import Admission, BatchQueue
from utilities.replies.batches.service import BatchRequest, BatchService
from utilities.replies.budget import Budget, BudgetMeter
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore


class InstantProvider:
    """Batches that have ended as soon as they are created."""

    def __init__(self, size_bytes: int = 10**6) -> None:
        self.limits = BatchLimits(requests=100, size_bytes=size_bytes)
        self.batches: list[list[bytes]] = []
        self.failing_polls = 0
        self.kept_replies = 0

    def encode(self, custom_id: str, messages: list[Message], sampling: Sampling) -> bytes:
        return json.dumps([custom_id, messages[0]["content"]]).encode()

    async def prepare(self, submission: Submission) -> None:
        submission.prepared = str(len(self.batches)).encode()
        self.batches.append(list(submission.requests))

    async def create(self, submission: Submission) -> BatchState:
        return self._state(int(submission.prepared), ended=False)

    async def candidates(self, lost: LostBatch) -> list[BatchState]:
        return []

    async def token_of(self, state: BatchState) -> str | None:
        return None

    async def state(self, batch_id: str) -> BatchState | None:
        if self.failing_polls:
            self.failing_polls -= 1
            raise AttemptFailed(ProviderFailed, "HTTP 503")
        number = int(batch_id)
        return self._state(number, ended=True) if number < len(self.batches) else None

    def _state(self, number: int, *, ended: bool) -> BatchState:
        count = len(self.batches[number])
        return BatchState(str(number), "completed", ended, count, count, count, 0.0)

    async def results(self, state: BatchState) -> AsyncGenerator[Result]:
        for line in self.batches[int(state.batch_id)][self.kept_replies :]:
            custom_id, text = json.loads(line)
            yield Result(custom_id, Reply(text, cost_usd=0.01), succeeded=True)


@asynccontextmanager
async def queue_over(provider: InstantProvider, folder: Path) -> AsyncIterator[BatchQueue]:
    stopping, budget = asyncio.Event(), Budget()
    place = OutputPlace(folder, "test", "test.log")
    async with ResultStore(place, run_id="run") as store:
        exchanges = Exchanges("model", 5.0, RetryPolicy(first_delay_s=0.01), stopping)
        service = BatchService(
            provider, exchanges, store.journal, lambda line: None, "p:m", "http://h", 0.01
        )
        admission = Admission(100, 1, at_least=1)
        queue = BatchQueue(service, admission, batch_size=50, budget=budget, stopping=stopping)
        async with queue.opened():
            yield queue


def request(number: int, text: str = "text") -> BatchRequest:
    about = {"task_id": f"t{number}", "sample_index": 0, "model_identifier": "m", "model": "p:m"}
    messages: list[Message] = [{"role": "user", "content": text}]
    meter = BudgetMeter(Budget(), 0.0)
    return BatchRequest(f"{number:032}", about, messages, Sampling(), meter)


async def complete(queue: BatchQueue, one: BatchRequest) -> Reply:
    return await queue.complete(one.key, one.about, one.messages, one.sampling, one.meter)


async def ask_all(queue: BatchQueue, requests: list[BatchRequest]) -> list[Reply | BaseException]:
    answer: Callable[[BatchRequest], Any] = queue.admission.answering(partial(complete, queue))
    asked = [answer(item) for item in queue.admission.watched(requests)]
    return await asyncio.gather(*asked, return_exceptions=True)


def steps(folder: Path) -> list[str]:
    lines = (folder / "test_partial_results.jsonl").read_text().splitlines()
    return [line["step"] for line in map(json.loads, lines) if line["entry_type"] == "batch"]


async def test_a_batch_stays_below_the_providers_limit_of_bytes(tmp_path: Path) -> None:
    provider = InstantProvider(size_bytes=1000)
    async with queue_over(provider, tmp_path) as queue:
        replies = await ask_all(queue, [request(n, "x" * 200) for n in range(9)])
    assert all(isinstance(reply, Reply) for reply in replies)
    assert sum(map(len, provider.batches)) == 9
    assert all(sum(len(line) + 1 for line in batch) <= 1000 for batch in provider.batches)
    tokens = [{json.loads(line)[0].split("-")[1] for line in batch} for batch in provider.batches]
    assert all(len(found) == 1 for found in tokens), "a batch's requests bear its own token"
    assert len(set.union(*tokens)) == len(provider.batches) == 3


async def test_the_same_request_of_two_tasks_is_bought_once(tmp_path: Path) -> None:
    provider = InstantProvider()
    async with queue_over(provider, tmp_path) as queue:
        replies = await ask_all(queue, [request(1), request(1), request(2)])
    assert [getattr(reply, "text", None) for reply in replies] == ["text"] * 3
    assert [len(batch) for batch in provider.batches] == [2]


async def test_polls_that_fail_for_a_while_do_no_harm(tmp_path: Path) -> None:
    provider = InstantProvider()
    provider.failing_polls = 10
    async with queue_over(provider, tmp_path) as queue:
        replies = await ask_all(queue, [request(1)])
    assert isinstance(replies[0], Reply)
    assert len(provider.batches) == 1


async def test_a_reply_that_the_provider_counts_but_never_shows_is_not_bought_again_at_once(
    tmp_path: Path,
) -> None:
    provider = InstantProvider()
    provider.kept_replies = 1
    async with queue_over(provider, tmp_path) as queue:
        replies = await ask_all(queue, [request(1), request(2)])
    assert isinstance(replies[0], RequestFailed)
    assert isinstance(replies[1], Reply)
    assert len(provider.batches) == 1


async def test_a_batch_whose_results_are_deleted_is_given_up_and_its_requests_bought_anew(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "test_partial_results.jsonl"
    request_line = {"key": f"{1:032}", "task_id": "t1", "sample_index": 0, "worst_usd": 0.0}
    planned = {"step": "planned", "requests": [request_line], "base_url": "http://h"}
    shared = {"entry_type": "batch", "token": "abc", "model": "p:m", "model_identifier": "m"}
    at = "2020-01-01T00:00:00+00:00"
    old = [planned, {"step": "creating"}, {"step": "created", "batch_id": "77"}]
    journal.write_text("".join(json.dumps({**shared, **step, "at": at}) + "\n" for step in old))
    text = journal.read_text().replace('{"entry_type": "batch"', '{"entry_type":"batch"')
    journal.write_text(text)
    provider = InstantProvider()
    async with queue_over(provider, tmp_path) as queue:
        replies = await ask_all(queue, [request(1)])
    assert isinstance(replies[0], Reply)
    assert steps(tmp_path)[3:5] == ["closed", "planned"]


async def test_every_batch_is_closed_when_its_queue_has_finished(tmp_path: Path) -> None:
    async with queue_over(InstantProvider(), tmp_path) as queue:
        await ask_all(queue, [request(n) for n in range(20)])
        await queue.finish()
        assert [batch["open"] for batch in queue.to_json()["batches"]] == [False]
    assert steps(tmp_path) == ["planned", "creating", "created", "closed"]


@pytest.mark.parametrize("count", [1, 50])
async def test_a_full_batch_is_submitted_while_others_may_still_come(
    count: int, tmp_path: Path
) -> None:
    provider = InstantProvider()
    async with queue_over(provider, tmp_path) as queue:
        answer: Callable[[BatchRequest], Any] = queue.admission.answering(partial(complete, queue))
        running = [asyncio.create_task(answer(request(n))) for n in range(count)]
        _, waiting = await asyncio.wait(running, timeout=0.5)
        assert len(waiting) == (1 if count == 1 else 0)


async def test_a_provider_that_wants_a_pause_longer_than_the_time_allowed_is_not_waited_for() -> (
    None
):
    made = 0

    async def refused() -> None:
        nonlocal made
        made += 1
        raise AttemptFailed(RateLimited, "HTTP 429", retry_after_s=86_400.0)

    with pytest.raises(RateLimited):
        await Exchanges("MODEL", 30.0, RetryPolicy(), asyncio.Event()).again(refused)
    assert made == 1
