"""What is asked of the sampler: sent if the model takes it, and in the key if it is given."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer
from utilities.config import find_model
from utilities.errors import UsageError
from utilities.files.json_lines import JsonLinesFile
from utilities.models.factory import open_client
from utilities.models.interface import Sampling, check_sampling
from utilities.replies.asked_model import AskedModel
from utilities.replies.budget import Budget
from utilities.replies.journal import Journal, request_key
from utilities.replies.replies import Replies
from utilities.tasks.task import Pair, Task

TASK = Task("t", train=(Pair([[1]], [[2]]),), test=())


@pytest.fixture(scope="module")
def server():
    with LoopbackServer() as the_server:
        yield the_server


async def sent(server, name, sampling):
    """The body that a request to this model has."""
    entry = find_model(name, base_url=server.openai_url)
    prompt = f"{name} {sampling}"
    async with open_client(entry, "key", max_connections=2) as client:
        await client.complete([{"role": "user", "content": prompt}], sampling)
    (body,) = [
        request.body
        for request in server.ledger()
        if request.body["messages"][-1]["content"] == prompt
    ]
    return {name: value for name, value in body.items() if name not in ("model", "messages")}


@pytest.mark.parametrize(
    ("name", "sampling", "expected"),
    [
        (
            "local:m",
            Sampling(temperature=0.5, top_p=0.9, seed=7, reasoning_effort="low"),
            {"temperature": 0.5, "top_p": 0.9, "seed": 7, "reasoning_effort": "low"},
        ),
        ("GPT_MINI", Sampling(reasoning_effort="high"), {"reasoning_effort": "high"}),
        (
            "GPT_MINI",
            Sampling(reasoning_effort="none", temperature=1.0, top_p=0.5),
            {"reasoning_effort": "none", "temperature": 1.0, "top_p": 0.5},
        ),
        (
            "GROK",
            Sampling(reasoning_effort="high"),
            {"reasoning": {"effort": "high"}, "provider": {"require_parameters": True}},
        ),
        (
            "anthropic:m",
            Sampling(reasoning_effort="max", max_tokens=9),
            {"output_config": {"effort": "max"}, "max_tokens": 9, "stream": True},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_parameter_has_the_form_that_the_provider_knows(server, name, sampling, expected):
    assert await sent(server, name, sampling) == expected


@pytest.mark.parametrize(
    ("name", "sampling", "words"),
    [
        ("GPT", Sampling(top_p=0.5), "GPT takes no top_p.*--reasoning_effort none"),
        ("CLAUDE_OPUS", Sampling(top_p=0.5), "CLAUDE_OPUS takes no top_p: leave out --top_p"),
        ("CLAUDE_OPUS", Sampling(seed=1), "takes no seed"),
        ("CLAUDE_OPUS", Sampling(reasoning_effort="none"), "one of low, medium, high"),
        ("DEEPSEEK", Sampling(reasoning_effort="low"), "one of high, max"),
        ("LOCAL_0", Sampling(top_p=1.5), "--top_p 1.5: it lies above 0"),
    ],
)
def test_what_the_model_does_not_take_is_one_line_that_says_so(name, sampling, words):
    with pytest.raises(UsageError, match=words):
        check_sampling(find_model(name), sampling)


def test_a_key_is_as_it_was_where_no_later_parameter_is_given():
    then = {"temperature": 0.5, "max_tokens": None}
    assert Sampling(temperature=0.5).to_json() == then
    assert request_key(TASK, [], "m", then, 0) == request_key(
        TASK, [], "m", Sampling(temperature=0.5).to_json(), 0
    )


@pytest.mark.parametrize("name", ["top_p", "reasoning_effort", "seed"])
def test_each_later_parameter_changes_the_key_once_it_is_given(name):
    given = replace(Sampling(), **{name: 1})
    assert given.to_json() == {"temperature": None, "max_tokens": None, name: 1}


async def test_each_sample_of_a_task_has_a_seed_of_its_own(server, tmp_path: Path):
    entry = find_model("local:seeded", base_url=server.openai_url)
    stopping = asyncio.Event()
    async with (
        JsonLinesFile(tmp_path / "journal.jsonl") as file,
        open_client(entry, "key", max_connections=2) as client,
    ):
        replies = Replies(Journal(file, run_id="r", resume=True), Budget(), stopping)
        model = AskedModel(
            client, Sampling(seed=40), replies, model_identifier="x", model="local:seeded"
        )
        for index in range(3):
            await model.ask(TASK, index, [{"role": "user", "content": "one prompt"}])
    seeds = [r.body["seed"] for r in server.ledger() if r.body["model"] == "seeded"]
    assert seeds == [40, 41, 42]
