"""Replies that come as streams: asked for so, watched, and kept if they break off."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback_server import (
    LoopbackServer,
    reply,
    stalled_stream,
    status,
    trickling,
)
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.errors import Rejected, TimedOut
from utilities.models.factory import open_client
from utilities.models.interface import Reply, Sampling
from utilities.models.pacing.retry import RetryPolicy

CODE = "synthetic_data_generators/generate_code_data.py"
APIS = {"chat": "GPT_MINI", "messages": "CLAUDE_OPUS", "responses": "GPT_MINI"}
EACH_API = pytest.mark.parametrize("api", APIS)
ONCE = RetryPolicy(max_attempts=1, first_delay_s=0.001)
TWICE = RetryPolicy(max_attempts=2, first_delay_s=0.001)
OF_ANSWER = {"chat": 1, "messages": 3, "responses": 2}
"""The events of each API's stream up to the first piece of the answer."""


def ask(
    server: LoopbackServer, api: str, retry: RetryPolicy = ONCE, count: int = 1, **fields: Any
) -> list[Reply]:
    """Replies of the server, one after the other, by a model with these fields."""
    url = server.anthropic_url if api == "messages" else server.openai_url
    entry = replace(find_model(APIS[api]), api=api, base_url=url, **fields)

    async def asked() -> list[Reply]:
        async with open_client(entry, "sk-test-123456", max_connections=2, retry=retry) as client:
            prompt = [{"role": "user", "content": "Go."}]
            return [await client.complete(prompt, Sampling()) for _ in range(count)]  # type: ignore[list-item]

    return asyncio.run(asked())


@EACH_API
def test_a_stream_is_asked_for_and_read_to_the_same_reply_as_a_document(api: str) -> None:
    said = reply("the whole answer", reasoning="because", input_tokens=900, output_tokens=80)
    with LoopbackServer(then=said) as server:
        (streamed,) = ask(server, api)
        (whole,) = ask(server, api, streams=False)
        first, second = (request.body.get("stream") for request in server.ledger())
    assert (first, second) == (True, None)
    assert (streamed.text, streamed.reasoning) == ("the whole answer", "because")
    for name in ("text", "reasoning", "finish_reason", "usage", "cost_usd"):
        assert getattr(streamed, name) == getattr(whole, name), name
    assert streamed.usage.output_tokens == 80


@EACH_API
def test_a_stream_that_falls_silent_in_its_answer_is_ended_and_asked_for_again(api: str) -> None:
    silent = stalled_stream(OF_ANSWER[api], text="half of it")
    with LoopbackServer(first=[silent], then=reply("all of it")) as server:
        (got,) = ask(server, api, TWICE, stall_timeout_s=0.2)
    assert (got.text, got.attempts) == ("all of it", 2)
    (failed,) = got.failed_attempts
    assert (failed.cause, failed.latency_s < 30) == ("timed_out", True)


@EACH_API
def test_a_model_that_thinks_for_long_before_its_answer_is_waited_for(api: str) -> None:
    with (
        LoopbackServer(then=reply("late", delay_s=0.7)) as server,
    ):
        (got,) = ask(server, api, stall_timeout_s=0.2)
    assert got.text == "late"


def test_a_stream_that_comes_slowly_has_not_fallen_silent() -> None:
    with LoopbackServer(then=trickling(0.002)) as server:
        (got,) = ask(server, "chat", stall_timeout_s=0.2)
    assert got.text == "hello"


def test_without_an_answer_the_whole_time_limit_holds() -> None:
    with (
        LoopbackServer(then=stalled_stream(0)) as server,
        pytest.raises(TimedOut, match="within 1"),
    ):
        ask(server, "chat", stall_timeout_s=0.1, request_timeout_s=1.0)


@pytest.mark.parametrize(
    ("words", "dropped"),
    [
        ("Unknown parameter: 'stream_options'", {"stream_options"}),
        ("Your organization must be verified to stream this model.", {"stream"}),
    ],
)
def test_what_a_server_does_not_take_is_left_out_from_then_on(
    words: str, dropped: set[str]
) -> None:
    with LoopbackServer(globally=[status(400, words)]) as server:
        first, second = ask(server, "chat", TWICE, count=2)
        sent = [set(request.body) for request in server.ledger()]
    assert (first.text, second.text) == ("hello", "hello")
    assert (first.attempts, second.attempts) == (2, 1)
    assert sent[0] - sent[1] >= dropped
    assert sent[1] == sent[2]


def test_summaries_are_left_out_if_the_account_may_not_have_them() -> None:
    words = "Your organization must be verified to generate reasoning summaries."
    with LoopbackServer(globally=[status(400, words)]) as server:
        ask(server, "responses", TWICE, thinking=True)
        first, second = (request.body["reasoning"] for request in server.ledger())
    assert first == {"summary": "auto"}
    assert second == {}


def test_a_rejection_that_names_nothing_added_here_is_final() -> None:
    with (
        LoopbackServer(then=status(400, "Unsupported value: 'temperature'")) as server,
        pytest.raises(Rejected),
    ):
        ask(server, "chat", TWICE)


def test_what_had_come_of_a_silent_stream_is_kept_and_its_cost_counted(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    silent = stalled_stream(1, text="half of it")
    with LoopbackServer(first=[silent], then=reply(maker="identity_program")) as server:
        done = run_script(
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--price", "1,1000", "--max_tokens", "1000", "--stall_timeout_s", "0.3",
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out" / "code_data_partial_results.jsonl").read_text().splitlines()
    partial, answer = map(json.loads, lines)
    assert partial["entry_type"] == "unread_body"
    assert "half " in partial["body"]
    (failed,) = answer["reply"]["failed_attempts"]
    assert (failed["cause"], failed["worst_case_usd"] > 1) == ("timed_out", True)
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert metadata["lost_attempts"] == 1


def test_no_stream_asks_for_documents_and_verbose_shows_streams_as_they_come(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=trickling(0.004)) as server:
        common = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url, "--verbose",
            "--dataset_directory", dataset("007bbfb7"), "--output_directory",
        )  # fmt: skip
        streamed = run_script(*common, tmp_path / "streamed")
        whole = run_script(*common, tmp_path / "whole", "--no_stream")
        asked = ["stream" in request.body for request in server.ledger()]
    assert asked == [True, False]
    assert "007bbfb7, sample 0: arriving: hello" in streamed.stderr + log_of(tmp_path / "streamed")
    assert "arriving" not in whole.stderr + log_of(tmp_path / "whole")


def log_of(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("*.log"))


def test_a_summary_estimates_what_a_server_did_not_count_and_says_so(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply(maker="identity_program", usage=False)) as server:
        done = run_script(
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--price", "1,10", "--dataset_directory", dataset(count=2),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = re.search(
        r"0 in, 0 out, and 2 replies that the server did not count, "
        r"estimated at ([\d,]+) in, ([\d,]+) out",
        done.stdout,
    )
    assert said is not None, done.stdout
    prompt, answer = (int(count.replace(",", "")) for count in said.groups())
    assert prompt > 500
    assert 20 < answer < 200
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert (metadata["replies_without_usage"], metadata["cost_usd"]) == (2, None)
