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
from utilities.models.interface import Sampling, check_sampling, system_in_user
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
    """The body that a request to this model has, if no stream is asked for."""
    entry = replace(find_model(name, base_url=server.openai_url), streams=False)
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
            {"output_config": {"effort": "max"}, "max_tokens": 9},
        ),
        (
            "local:m",
            Sampling(extra_body={"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}}),
            {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}},
        ),
        (
            "GROK",
            Sampling(extra_body={"provider": {"only": ["xai"]}}),
            {"provider": {"require_parameters": True, "only": ["xai"]}},
        ),
        (
            "anthropic:m",
            Sampling(max_tokens=9, extra_body={"thinking": {"type": "disabled"}}),
            {"max_tokens": 9, "thinking": {"type": "disabled"}},
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
        ("LOCAL_0", Sampling(extra_body={"model": "m"}), "model cannot .* --model_identifier"),
        ("LOCAL_0", Sampling(extra_body={"messages": []}), "messages cannot be set there"),
        ("LOCAL_0", Sampling(extra_body={"stream": True}), "stream cannot be set there"),
        ("LOCAL_0", Sampling(extra_body={"max_tokens": 9}), "max_tokens .* give --max_tokens"),
        ("GPT", Sampling(extra_body={"max_completion_tokens": 9}), "give --max_tokens"),
        ("LOCAL_0", Sampling(extra_body={"temperature": 1}), "give --temperature"),
        ("LOCAL_0", Sampling(extra_body={"seed": 1}), "give --seed"),
        ("LOCAL_0", Sampling(extra_body={"n": 8}), "give --best_of"),
        ("LOCAL_0", Sampling(extra_body={"tools": []}), "no call would be answered"),
        ("CLAUDE_OPUS", Sampling(extra_body={"thinking": {}}), "it is set for CLAUDE_OPUS"),
        ("GPT", Sampling(extra_body={"store": True}), "store .* only --background has"),
        ("GPT", Sampling(extra_body={"include": []}), "include .* it is set for GPT"),
        (
            "GROK",
            Sampling(reasoning_effort="low", extra_body={"reasoning": {"max_tokens": 9}}),
            "reasoning cannot be set there: --reasoning_effort sets it",
        ),
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


@pytest.mark.parametrize(
    "name", ["top_p", "reasoning_effort", "seed", "extra_body", "system_as_user"]
)
def test_each_later_parameter_changes_the_key_once_it_is_given(name):
    given = replace(Sampling(), **{name: 1})
    assert given.to_json()[name]
    assert set(given.to_json()) == {"temperature", "max_tokens", name}


def test_a_body_with_further_fields_changes_the_key_by_what_they_say():
    keys = {
        request_key(TASK, [], "m", Sampling(extra_body=extra).to_json(), 0)
        for extra in (None, {"top_k": 1}, {"top_k": 2}, {"min_p": 1})
    }
    assert len(keys) == 4


SYSTEM, USER = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}
ANSWER = {"role": "assistant", "content": "So."}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([SYSTEM, USER], [{"role": "user", "content": "Be brief.\n\nWhy?"}]),
        (
            [SYSTEM, USER, ANSWER, USER],
            [{"role": "user", "content": "Be brief.\n\nWhy?"}, ANSWER, USER],
        ),
        ([USER, ANSWER], [USER, ANSWER]),
        ([SYSTEM], [{"role": "user", "content": "Be brief."}]),
        ([SYSTEM, ANSWER, USER], [{"role": "user", "content": "Be brief."}, ANSWER, USER]),
    ],
)
def test_a_system_text_goes_before_the_users_in_one_message(messages, expected):
    assert system_in_user(messages) == expected


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
