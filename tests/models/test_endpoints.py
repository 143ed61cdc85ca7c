"""Several servers of one model, side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from agents.opening import _name_of
from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.errors import ServerUnreachable, UsageError
from utilities.models.factory import open_client
from utilities.models.interface import Sampling
from utilities.models.pacing.endpoints import FIRST_OUTAGE_S, Endpoint, Endpoints
from utilities.models.pacing.rate_gate import RateGate
from utilities.models.pacing.retry import RetryPolicy

QUICK = RetryPolicy(first_delay_s=0.001, max_delay_s=0.01)
CODE = "synthetic_data_generators/generate_code_data.py"
NOBODY = "http://127.0.0.1:9/v1"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def two(clock=None, *, ceiling=10, most=None):
    pair = [Endpoint(f"http://{n}", RateGate(ceiling, clock=clock or Clock()), n) for n in (0, 1)]
    return pair, Endpoints(pair, most=most, clock=clock or Clock())


async def numbers(endpoints, count):
    """Which servers give so many places at once."""
    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(endpoints.place()) for _ in range(count)]
        return [place.number for place in places]


async def test_the_least_busy_server_is_taken():
    _, endpoints = two()
    assert sorted(await numbers(endpoints, 6)) == [0, 0, 0, 1, 1, 1]


async def test_no_more_are_under_way_than_allowed_at_all_servers_together():
    _, endpoints = two(most=3)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(endpoints.place())
        fourth = asyncio.create_task(numbers(endpoints, 1))
        await asyncio.sleep(0.01)
        assert not fourth.done()
    assert len(await fourth) == 1


async def test_places_are_given_in_the_order_of_asking_also_when_one_leaves_the_line():
    _, endpoints = two(most=1)
    given = []

    async def hold(name):
        async with endpoints.place():
            given.append(name)

    async with endpoints.place():
        jobs = [asyncio.create_task(hold(name)) for name in "abc"]
        await asyncio.sleep(0.01)
        jobs[1].cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await asyncio.wait_for(hold("d"), 30)
    assert given == ["a", "c", "d"]


async def test_a_refused_connection_takes_a_server_out_and_one_trial_comes_later():
    clock = Clock()
    (first, _), endpoints = two(clock)
    endpoints.failed(first, unreachable=True)
    assert set(await numbers(endpoints, 5)) == {1}
    clock.now += FIRST_OUTAGE_S + 0.1
    assert sorted(await numbers(endpoints, 5)) == [0, 1, 1, 1, 1]
    clock.now += FIRST_OUTAGE_S + 0.1
    assert set(await numbers(endpoints, 5)) == {1}, "the second outage is longer"
    endpoints.answered(first)
    assert 0 in await numbers(endpoints, 5)


async def test_three_failures_in_a_row_take_a_server_out_and_a_reply_between_does_not_count():
    (first, _), endpoints = two()
    for _ in range(2):
        endpoints.failed(first, unreachable=False)
    endpoints.answered(first)
    for _ in range(2):
        endpoints.failed(first, unreachable=False)
    assert 0 in await numbers(endpoints, 2)
    endpoints.failed(first, unreachable=False)
    assert set(await numbers(endpoints, 2)) == {1}


async def test_where_all_are_out_all_are_asked():
    pair, endpoints = two()
    for endpoint in pair:
        endpoints.failed(endpoint, unreachable=True)
    assert sorted(await numbers(endpoints, 4)) == [0, 0, 1, 1]


async def test_a_server_that_wants_a_pause_is_passed_over():
    (first, _), endpoints = two()
    first.gate.limited(60.0)
    assert set(await numbers(endpoints, 5)) == {1}


async def ask(urls, count, *, retry=QUICK, most=20):
    entry = find_model("local:m", base_url=",".join(urls))
    async with open_client(entry, "key", max_connections=most, retry=retry) as client:
        prompts = [[{"role": "user", "content": f"number {n}"}] for n in range(count)]
        return await asyncio.gather(*(client.complete(p, Sampling()) for p in prompts))


async def test_the_faster_server_answers_more():
    with LoopbackServer(then=reply(delay_s=0.4)) as slow, LoopbackServer() as fast:
        await ask([slow.openai_url, fast.openai_url], 100, most=10)
        counts = len(slow.ledger()), len(fast.ledger())
    assert sum(counts) == 100
    assert 5 <= counts[0] < counts[1]


async def test_with_one_server_dead_from_the_start_every_request_has_its_reply():
    with LoopbackServer() as server:
        replies = await ask([NOBODY, server.openai_url], 60)
        assert len(server.ledger()) == len(replies) == 60
    # Those that were under way when nobody answered are asked elsewhere, and no others.
    assert sum(answer.attempts for answer in replies) <= 60 + 20


async def test_a_server_that_breaks_down_is_left_out_and_the_others_answer():
    with LoopbackServer(then=status(503)) as broken, LoopbackServer() as server:
        replies = await ask([broken.openai_url, server.openai_url], 100)
        assert len(broken.ledger()) <= 20 + 3
    assert {answer.text for answer in replies} == {"hello"}


async def test_a_server_that_dies_under_way_costs_no_request():
    with LoopbackServer(then=reply(delay_s=0.05)) as dying, LoopbackServer() as server:
        asking = asyncio.create_task(ask([dying.openai_url, server.openai_url], 300, most=8))
        while len(dying.ledger()) < 4:
            await asyncio.sleep(0.01)
        dying.stop()
        assert len(await asking) == 300


async def test_where_nobody_answers_at_all_the_run_ends():
    with pytest.raises(ServerUnreachable):
        await ask([NOBODY, "http://127.0.0.1:10/v1"], 1)


@pytest.mark.parametrize(
    ("given", "urls"),
    [
        ("http://a:1,http://b:2/v1/", ("http://a:1/v1", "http://b:2/v1")),
        ("http://a:1/v1, http://a:1", ("http://a:1/v1",)),
    ],
)
def test_addresses_are_read_one_by_one(given, urls):
    entry = find_model("LOCAL_0", base_url=given)
    assert (entry.base_url, *entry.other_base_urls) == urls


@pytest.mark.parametrize("given", ["http://a:1,nowhere", ",", "https://api.openai.com,http://a:1"])
def test_a_list_with_something_else_in_it_is_refused(given):
    with pytest.raises(UsageError, match="--base_url"):
        find_model("GPT", base_url=given)


def test_an_unnamed_model_of_several_servers_has_one_name_in_whatever_order():
    names = {
        _name_of(find_model("LOCAL_0", base_url=given))
        for given in ("http://a:1,http://b:2", "http://b:2,http://a:1")
    }
    assert names == {"local:default@http://a:1/v1,http://b:2/v1"}


def test_what_one_server_answered_is_not_asked_of_another(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(count=6)
    answer = reply(maker="identity_program", delay_s=0.05)
    with LoopbackServer(then=answer) as one, LoopbackServer(then=answer) as other:
        arguments = (
            CODE, "--model_identifier", "local:scripted", "--dataset_directory", path,
            "--best_of", "2", "--max_concurrent_requests", "4", "--output_directory",
            tmp_path / "out",
        )  # fmt: skip
        both = f"{one.openai_url},{other.openai_url}"
        done = run_script(*arguments, "--base_url", both)
        assert done.returncode == 0, done.stderr
        asked = len(one.ledger()), len(other.ledger())
        assert min(asked) > 0
        assert sum(asked) == 12
        run_script(*arguments, "--base_url", other.openai_url)
        assert (len(one.ledger()), len(other.ledger())) == asked
    journal = (tmp_path / "out" / "code_data_partial_results.jsonl").read_text().splitlines()
    assert len({json.loads(line)["key"] for line in journal}) == 12
    (first, second) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert first["configuration_hash"] == second["configuration_hash"]


def test_requests_in_flight_are_bounded_whatever_the_tasks(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(
        then=reply(maker="identity_program", delay_s=0.02), max_under_way=3
    ) as server:
        done = run_script(
            CODE, "--model_identifier", "local:scripted", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=8), "--best_of", "4",
            "--max_concurrent_tasks", "8", "--max_concurrent_requests", "3",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(server.ledger()) == 32, "a request beyond three is rejected"
