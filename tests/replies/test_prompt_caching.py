"""A task's first sample goes ahead, and the cache is used if it pays, and counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.models.costs import cost_of, price_per_million
from utilities.models.factory import open_client
from utilities.models.interface import Sampling, Usage
from utilities.replies.asked_model import AskedModel, SharedPrompts
from utilities.replies.budget import Budget
from utilities.replies.replies import Replies
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore
from utilities.tasks.task import Pair, Task

CODE = "synthetic_data_generators/generate_code_data.py"
APIS = {"openai": "GPT_MINI", "anthropic": "CLAUDE_OPUS"}
BOTH = pytest.mark.parametrize("api", APIS)
LONG = "0 1 2 3 4 5 6 7 " * 500


def task(name):
    return Task(name, train=(Pair([[1]], [[2]]),), test=())


@asynccontextmanager
async def asked_model(server, api, folder):
    entry = find_model(APIS[api], base_url=server.openai_url)
    place = OutputPlace(folder, "code_data", "log.log")
    async with (
        ResultStore(place, run_id="r") as store,
        open_client(entry, "key", max_connections=50) as client,
    ):
        yield AskedModel(
            client, Sampling(), Replies(store.journal, Budget(), asyncio.Event()),
            model_identifier=entry.name, model=f"x:{entry.model_id}",
            min_cached_prompt_tokens=entry.min_cached_prompt_tokens,
        )  # fmt: skip


async def ask(model, name, count, *, text=LONG, first=0):
    messages = [{"role": "user", "content": f"{name} {text}"}]
    indices = range(first, first + count)
    return await asyncio.gather(*(model.ask(task(name), index, messages) for index in indices))


def requests_of(server, name):
    return [r for r in server.ledger() if r.body["messages"][-1]["content"].startswith(f"{name} ")]


@BOTH
async def test_the_first_sample_goes_ahead_and_other_tasks_do_not_wait_for_it(api, tmp_path):
    with LoopbackServer(then=reply(delay_s=1.5)) as server:
        async with asked_model(server, api, tmp_path) as model:
            await asyncio.gather(*(ask(model, name, 4) for name in ("a", "b", "c")))
        for name in ("a", "b", "c"):
            first, *others = requests_of(server, name)
            assert len(others) == 3
            assert all(other.received_at >= first.received_at + 1.49 for other in others)
        firsts = [requests_of(server, name)[0] for name in ("a", "b", "c")]
        arrived = [first.received_at for first in firsts]
        assert max(arrived) < min(arrived) + 1.5


@BOTH
async def test_the_others_go_when_the_first_reply_begins(api, tmp_path):
    with LoopbackServer(prompts={"a 0": [reply(trickle_s=0.002), reply()]}) as server:
        async with asked_model(server, api, tmp_path) as model:
            await ask(model, "a", 3)
        first, *others = requests_of(server, "a")
        whole_s = first.finished_at - first.received_at
        shares = [(other.received_at - first.received_at) / whole_s for other in others]
        assert all(share < 0.6 for share in shares), shares


async def test_a_first_sample_that_fails_for_good_lets_the_others_go(tmp_path):
    with LoopbackServer(globally=[status(400, "prompt is too long")]) as server:
        async with asked_model(server, "anthropic", tmp_path) as model:
            messages = [{"role": "user", "content": LONG}]
            outcomes = await asyncio.gather(
                *(model.ask(task("a"), index, messages) for index in range(3)),
                return_exceptions=True,
            )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [True, False, False]


async def test_the_cache_is_asked_for_where_it_pays(tmp_path):
    with LoopbackServer() as server:
        async with asked_model(server, "anthropic", tmp_path) as model:
            await ask(model, "several", 3)
            await ask(model, "alone", 1)
            await ask(model, "short", 3, text="0 1 2")
            await ask(model, "recalled", 1)
            await ask(model, "recalled", 2)  # only one is left to ask
        bodies = {
            name: [r.body.get("cache_control") for r in requests_of(server, name)]
            for name in ("several", "alone", "short", "recalled")
        }
    assert bodies == {
        "several": [{"type": "ephemeral"}] * 3,
        "alone": [None],
        "short": [None] * 3,
        "recalled": [None] * 2,
    }


async def test_short_prompts_do_not_wait_for_each_other(tmp_path):
    with LoopbackServer(then=reply(delay_s=1.5)) as server:
        async with asked_model(server, "anthropic", tmp_path) as model:
            await ask(model, "short", 4, text="0 1 2")
        arrived = [request.received_at for request in requests_of(server, "short")]
        assert max(arrived) < min(arrived) + 1.5


async def test_a_cancelled_first_sample_holds_nobody():
    prompts, order = SharedPrompts(), []

    async def one(name, pause_s):
        async with prompts.turn("p"):
            order.append(name)
            await asyncio.sleep(pause_s)

    first, second = (asyncio.create_task(one(*of)) for of in (("first", 60), ("second", 0)))
    await asyncio.sleep(0.01)
    assert order == ["first"]
    first.cancel()
    await asyncio.wait_for(second, 30)
    assert order == ["first", "second"]


def test_reading_from_the_cache_and_writing_to_it_have_their_own_prices():
    entry = find_model("CLAUDE_OPUS")
    plain, read, written = (
        cost_of(entry, Usage(input_tokens=10_000, **more))
        for more in ({}, {"cached_input_tokens": 10_000}, {"cache_write_tokens": 10_000})
    )
    assert read < plain < written
    assert price_per_million(entry)[0] * 10_000 / 1e6 >= written, "the worst case is a writing"


def test_cached_tokens_stand_in_summary_and_metadata_and_lower_the_cost(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    first = reply(maker="identity_program", input_tokens=5000, cache_write_tokens=4000)
    then = reply(maker="identity_program", input_tokens=5000, cached_input_tokens=4000)
    with LoopbackServer(globally=[first], then=then) as server:
        done = run_script(
            CODE, "--model_identifier", "CLAUDE_OPUS", "--base_url", server.anthropic_url,
            "--dataset_directory", dataset(count=1), "--best_of", "3",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
    assert "15,000 in (8,000 from the cache, 4,000 written to it), 600 out" in done.stdout
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert metadata["usage"]["cached_input_tokens"] == 8000
    entry = find_model("CLAUDE_OPUS")
    expected = cost_of(entry, Usage(5000, 0, 4000, 200)) + 2 * cost_of(
        entry, Usage(5000, 4000, 0, 200)
    )
    assert metadata["cost_usd"] == pytest.approx(expected)


@pytest.mark.parametrize(("samples", "asked_for"), [(1, [False]), (3, [True] * 3)])
def test_a_script_asks_for_the_cache_where_a_task_has_more_than_one_sample(
    samples: int, asked_for: list[bool], tmp_path: Path, run_script: Run
) -> None:
    wide = {"input": [[1] * 30] * 30, "output": [[2] * 30] * 30}
    tasks = {"a": {"train": [wide] * 4, "test": [wide]}}
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        run_script(
            CODE, "--model_identifier", "CLAUDE_OPUS", "--base_url", server.anthropic_url,
            "--dataset_directory", tmp_path / "tasks.json", "--best_of", str(samples),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert ["cache_control" in entry.body for entry in server.ledger()] == asked_for
