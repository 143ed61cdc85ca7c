from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.base import LanguageModelAgent
from agents.code_generating_agent import CodeGeneratingAgent
from agents.language_model_agents import (
    DirectAnswerAgent,
    ReasoningCodeGenerator,
    ReasoningTraceGenerator,
)
from agents.prompts.building import prompt_messages
from agents.strategies.strategy import side_by_side
from utilities.errors import NotAsked, RateLimited, RequestFailed
from utilities.models.interface import FREE, Begun, Message, Meter, Reply, Sampling
from utilities.replies.asked_model import AskedModel
from utilities.replies.budget import Budget
from utilities.replies.replies import Replies
from utilities.results.entry import Sample, entry_of
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore
from utilities.tasks.grids import COLOUR_NAMES
from utilities.tasks.task import Pair, Task

TASK = Task(
    "t",
    train=(Pair([[1, 2, 3]], [[4], [5]]), Pair([[6, 6]], [[7, 7]])),
    test=(Pair([[1, 0, 1, 0]], [[9, 8, 9, 8]]), Pair([[2, 0, 2, 0]], [[8, 9, 8, 9]])),
)
PROMPTS = ("reasoning_trace", "reasoning_code", "code_generating", "direct_answer")
PROGRAM = "```python\ndef solve_task(grid):\n    return grid\n```"


class ScriptedClient:
    """A model client that gives these replies, or raises these errors, one after the other."""

    def __init__(self, *script: Reply | RequestFailed) -> None:
        self.script = list(script)
        self.asked: list[list[Message]] = []

    async def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: Meter = FREE,
        begun: Begun | None = None,
    ) -> Reply:
        self.asked.append(messages)
        await asyncio.sleep(0)
        step = self.script.pop(0)
        if isinstance(step, RequestFailed):
            raise step
        return step


@asynccontextmanager
async def model_of(folder: Path, client: ScriptedClient) -> AsyncIterator[AskedModel]:
    place = OutputPlace(folder, "code_data", "log")
    async with ResultStore(place, run_id="run") as store:
        replies = Replies(store.journal, Budget(), asyncio.Event())
        yield AskedModel(client, Sampling(), replies, model_identifier="X", model="local:x")


async def sampled(
    folder: Path, kind: type[LanguageModelAgent], step: Reply | RequestFailed
) -> Sample:
    async with model_of(folder, ScriptedClient(step)) as model:
        return await kind(model).sample(TASK, 0)


@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_teaches_the_colour_of_each_number(name: str) -> None:
    system = prompt_messages(name, TASK)[0]["content"]
    for number, colour in enumerate(COLOUR_NAMES):
        assert f"{number} {colour}" in system


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_shows_all_train_pairs_and_never_a_test_output(name: str) -> None:
    user = prompt_messages(name, TASK)[1]["content"]
    for text in ("1 2 3", "4\n5", "6 6", "7 7", "1 row × 3 columns"):
        assert text in user
    assert "9 8 9 8" not in user
    assert "8 9 8 9" not in user
    assert "$" not in user


@pytest.mark.parametrize("name", ["code_generating", "direct_answer"])
def test_the_benchmarks_prompts_show_all_test_inputs(name: str) -> None:
    user = prompt_messages(name, TASK)[1]["content"]
    assert "1 0 1 0" in user
    assert "2 0 2 0" in user


@pytest.mark.parametrize(
    ("kind", "reply", "status"),
    [
        (ReasoningTraceGenerator, Reply("<reasoning>why</reasoning>"), "ok"),
        (ReasoningTraceGenerator, Reply("", reasoning="why"), "ok"),
        (ReasoningTraceGenerator, Reply("  "), "unparsable"),
        (ReasoningTraceGenerator, Reply("it is", finish_reason="length"), "truncated"),
        (ReasoningTraceGenerator, Reply("no", finish_reason="refusal"), "refused"),
        (ReasoningCodeGenerator, Reply(f"why\n{PROGRAM}"), "ok"),
        (ReasoningCodeGenerator, Reply("no idea"), "no_code"),
        (ReasoningCodeGenerator, Reply("why", finish_reason="length"), "truncated"),
        (CodeGeneratingAgent, Reply(PROGRAM, finish_reason="length"), "ok"),
        (DirectAnswerAgent, Reply("Test output 1:\n1 2\nTest output 2:\n3 4"), "ok"),
        (DirectAnswerAgent, Reply("I do not know"), "unparsable"),
        (DirectAnswerAgent, Reply("", finish_reason="refusal"), "refused"),
    ],
)
async def test_a_reply_gets_the_status_it_deserves(
    kind: type[LanguageModelAgent], reply: Reply, status: str, tmp_path: Path
) -> None:
    sample = await sampled(tmp_path, kind, reply)
    assert sample.status == status
    assert sample.reply == reply


async def test_a_failed_request_is_a_sample_with_its_cause(tmp_path: Path) -> None:
    sample = await sampled(tmp_path, CodeGeneratingAgent, RateLimited("slow down", attempts=6))
    assert (sample.status, sample.error, sample.reply) == ("rate_limited", "slow down", None)


async def test_answers_go_to_their_test_inputs(tmp_path: Path) -> None:
    text = "Test output 2:\n```\n3 4\n```\nTest output 1:\n```\n1 2\n```"
    sample = await sampled(tmp_path, DirectAnswerAgent, Reply(text))
    assert sample.answers == ([[1, 2]], [[3, 4]])


async def test_code_and_reasoning_are_told_apart(tmp_path: Path) -> None:
    sample = await sampled(tmp_path, ReasoningCodeGenerator, Reply(f"Because.\n{PROGRAM}"))
    assert sample.reasoning == "Because."
    assert sample.python_code is not None
    assert sample.python_code.startswith("def solve_task")


async def test_a_sample_that_was_paid_for_is_not_asked_again(tmp_path: Path) -> None:
    for script in ([Reply(PROGRAM)], []):
        client = ScriptedClient(*script)
        async with model_of(tmp_path, client) as model:
            sample = await CodeGeneratingAgent(model).sample(TASK, 0)
        assert sample.status == "ok"
        assert len(client.asked) == len(script)


async def test_an_unparsable_reply_is_journalled_and_kept(tmp_path: Path) -> None:
    await sampled(tmp_path, CodeGeneratingAgent, Reply("paid, but no code"))
    async with model_of(tmp_path, ScriptedClient()) as model:
        sample = await CodeGeneratingAgent(model).sample(TASK, 0)
    assert sample.reply is not None
    assert (sample.status, sample.reply.text) == ("no_code", "paid, but no code")


async def test_samples_of_a_task_are_asked_side_by_side_and_keep_their_order(
    tmp_path: Path,
) -> None:
    client = ScriptedClient(*(Reply(f"<reasoning>{word}</reasoning>") for word in "abc"))
    async with model_of(tmp_path, client) as model:
        samples = await side_by_side(
            ReasoningTraceGenerator(model).sample(TASK, i) for i in range(3)
        )
    assert [sample.index for sample in samples] == [0, 1, 2]
    assert sorted(sample.reasoning or "" for sample in samples) == ["a", "b", "c"]


def identity() -> dict[str, Any]:
    return {"model_identifier": "X", "model": "local:x"}


def test_an_entry_has_one_item_a_sample_also_for_what_failed() -> None:
    good = Sample("t", 0, [], "ok", reasoning="why", python_code="pass", reply=Reply("raw"))
    bad = Sample("t", 1, [], "rate_limited", error="slow down")
    entry = entry_of(TASK, [good, bad], identity())
    assert entry["status"] == ["ok", "rate_limited"]
    assert entry["reasoning"] == ["why", None]
    assert entry["python_code"] == ["pass", None]
    assert entry["usage"][1] is None
    assert entry["error"] == [None, "slow down"]
    assert entry["complete"] is False


@pytest.mark.parametrize(
    ("statuses", "complete"),
    [
        (["ok", "no_code"], True),
        (["ok", "timed_out"], False),
        (["rate_limited", "not_asked"], None),
    ],
)
def test_an_entry_knows_whether_something_must_be_asked_again(
    statuses: list[Any], complete: bool | None
) -> None:
    blank = Sample("t", 0, [], "ok")
    samples = [replace(blank, status=status) for status in statuses]
    assert entry_of(TASK, samples, identity())["complete"] is complete


async def test_nothing_new_is_asked_once_the_run_is_stopping(tmp_path: Path) -> None:
    client = ScriptedClient(Reply(PROGRAM))
    place = OutputPlace(tmp_path, "code_data", "log")
    stopping = asyncio.Event()
    stopping.set()
    async with ResultStore(place, run_id="run") as store:
        replies = Replies(store.journal, Budget(), stopping)
        model = AskedModel(client, Sampling(), replies, model_identifier="X", model="local:x")
        sample = await CodeGeneratingAgent(model).sample(TASK, 0)
    assert sample.status == NotAsked.status
    assert client.asked == []
