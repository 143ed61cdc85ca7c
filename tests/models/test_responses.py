"""OpenAI's Responses API against a server on the loopback interface."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.agent_choice import choose_agent
from tests.support.loopback_server import (
    Behaviour,
    LoopbackServer,
    body,
    cut_off,
    dropped,
    empty_reply,
    error_in_200,
    reply,
    stalled,
    status,
)
from tests.support.script_process import ScriptProcess, wait_until
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.errors import ProviderFailed, RateLimited, Refused, ToolkitError
from utilities.model_catalogue import ModelEntry
from utilities.models.factory import open_client
from utilities.models.interface import Message, Meter, Reply, Sampling, Usage
from utilities.models.pacing.retry import RetryPolicy
from utilities.runs.options import AskingOptions

CODE = "synthetic_data_generators/generate_code_data.py"
ONCE = RetryPolicy(max_attempts=1, max_rate_limited=1, first_delay_s=0.001)
PROMPT: list[Message] = [
    {"role": "system", "content": "You solve grids."},
    {"role": "user", "content": "Go."},
]


def entry_at(url: str) -> ModelEntry:
    return replace(find_model("GPT"), api="responses", base_url=url, thinking=True)


def ask(
    server: LoopbackServer,
    sampling: Sampling | None = None,
    retry: RetryPolicy = ONCE,
    meter: Meter | None = None,
    **fields: Any,
) -> Reply:
    """One reply of the server, by a model with these fields."""
    entry = replace(entry_at(server.openai_url), **fields)

    async def asked() -> Reply:
        async with open_client(entry, "sk-test-123456", max_connections=1, retry=retry) as client:
            return await client.complete(PROMPT, sampling or Sampling(), meter or Meter())

    return asyncio.run(asked())


def paths(server: LoopbackServer) -> list[str]:
    return [request.path for request in server.ledger()]


def test_text_summaries_usage_and_encrypted_reasoning_are_read() -> None:
    said = reply(
        "the answer", reasoning="I looked.", input_tokens=1000, cached_input_tokens=400,
        output_tokens=70, reasoning_tokens=50,
    )  # fmt: skip
    with LoopbackServer(then=said) as server:
        got = ask(server)
    assert (got.text, got.reasoning, got.finish_reason) == ("the answer", "I looked.", "stop")
    assert got.usage == Usage(1000, 400, 0, 70, 50)
    assert got.replay is not None
    assert [item["encrypted_content"] for item in got.replay] == ["?"]


def test_a_request_asks_for_summaries_and_has_nothing_kept_by_the_server() -> None:
    with LoopbackServer() as server:
        ask(server, Sampling(max_tokens=900, reasoning_effort="high"))
        (request,) = server.ledger()
    assert request.path == "/v1/responses"
    assert request.body["input"] == PROMPT
    assert request.body["max_output_tokens"] == 900
    assert request.body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert (request.body["store"], request.body["include"]) == (
        False,
        ["reasoning.encrypted_content"],
    )


def test_a_model_that_does_not_think_is_asked_for_no_reasoning() -> None:
    with LoopbackServer() as server:
        ask(server, thinking=False)
        (request,) = server.ledger()
    assert not {"reasoning", "include"} & set(request.body)


@pytest.mark.parametrize(
    ("finish_reason", "expected"), [("length", "length"), ("refusal", "refusal")]
)
def test_a_response_that_is_cut_or_refused_says_so(finish_reason: str, expected: str) -> None:
    with LoopbackServer(then=reply("words", finish_reason=finish_reason)) as server:
        got = ask(server)
    assert (got.text, got.finish_reason) == ("words", expected)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (cut_off(), ProviderFailed),
        (empty_reply("stop"), ProviderFailed),
        (error_in_200("server_error"), ProviderFailed),
        (error_in_200("rate_limit_exceeded"), RateLimited),
        (error_in_200("invalid_prompt", "the prompt was flagged"), Refused),
        (body('{"status": "failed", "error": {"code": "server_error"}}'), ProviderFailed),
        (body('{"status": "in_progress", "output": []}'), ProviderFailed),
        (body('{"status": "completed", "output": [7, {"type": "message"}]}'), ProviderFailed),
        (body("[]"), ProviderFailed),
        (status(503), ProviderFailed),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_is_no_response_is_a_failure_by_name(
    behaviour: Behaviour, error: type[ToolkitError]
) -> None:
    with LoopbackServer(then=behaviour) as server, pytest.raises(error):
        ask(server)


def test_reasoning_that_stands_in_content_is_read() -> None:
    whole = (
        '{"status": "completed", "output": ['
        '{"type": "reasoning", "summary": [], '
        '"content": [{"type": "reasoning_text", "text": "so"}]},'
        '{"type": "message", "content": [{"type": "output_text", "text": "yes"}]}]}'
    )
    with LoopbackServer(then=body(whole)) as server:
        got = ask(server)
    assert (got.reasoning, got.text) == ("so", "yes")


class NotedMeter(Meter):
    """Notes the ids of responses in the background, and how each attempt ended."""

    def __init__(self, response_id: str | None = None) -> None:
        self.response_id = response_id
        self.noted: list[str] = []
        self.note_response = self.note

    async def note(self, response_id: str) -> None:
        self.noted.append(response_id)


def test_a_response_in_the_background_is_begun_once_noted_and_fetched_until_it_is_ready() -> None:
    meter = NotedMeter()
    with LoopbackServer(then=reply("slow", fetches_until_done=2)) as server:
        got = ask(server, meter=meter, background=True)
        begun, *fetched = server.ledger()
    assert (got.text, got.attempts, got.usage.output_tokens) == ("slow", 1, 200)
    assert meter.noted == ["resp_0"]
    assert (begun.body["background"], begun.body["store"], begun.body["stream"]) == (
        True,
        True,
        False,
    )
    assert [request.path for request in fetched] == ["/v1/responses/resp_0"] * 3


def test_a_response_that_an_earlier_run_began_is_fetched_and_not_begun_again() -> None:
    with LoopbackServer(then=reply("paid for")) as server:
        ask(server, background=True)
        before = len(server.ledger())
        got = ask(server, meter=NotedMeter("resp_0"), background=False)
        after = paths(server)[before:]
    assert got.text == "paid for"
    assert set(after) == {"/v1/responses/resp_0"}


@pytest.mark.parametrize("fault", [status(500), status(429), dropped(), status(503)])
def test_what_goes_wrong_while_it_is_fetched_buys_no_second_response(fault: Behaviour) -> None:
    with LoopbackServer(then=reply("slow"), fetches=[fault, fault, fault]) as server:
        got = ask(server, background=True)
        asked = paths(server)
    assert (got.text, got.failed_attempts) == ("slow", ())
    assert asked.count("/v1/responses") == 1


def test_a_response_that_is_late_is_fetched_on_by_the_next_attempt() -> None:
    retry = RetryPolicy(max_attempts=4, first_delay_s=0.001)
    meter = NotedMeter()
    with LoopbackServer(then=reply("slow"), fetches=[stalled()]) as server:
        got = ask(server, retry=retry, meter=meter, background=True, request_timeout_s=1.0)
        asked = paths(server)
    assert (got.text, [failed.cause for failed in got.failed_attempts]) == ("slow", ["timed_out"])
    assert asked.count("/v1/responses") == 1


def test_a_response_that_the_provider_lost_is_begun_anew() -> None:
    retry = RetryPolicy(max_attempts=2, first_delay_s=0.001)
    with LoopbackServer(then=reply("again")) as server:
        got = ask(server, retry=retry, meter=NotedMeter("resp_of_long_ago"), background=True)
        asked = paths(server)
    assert (got.text, got.attempts) == ("again", 2)
    assert asked.count("/v1/responses") == 1


def test_a_killed_run_is_gone_on_with_by_fetching_what_it_had_begun(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    said = reply(maker="identity_program", fetches_until_done=6)
    with LoopbackServer(then=said, fetches=[stalled()] * 3) as server:
        (tmp_path / "models.toml").write_text(
            f'[MINE]\nmodel = "m"\napi = "responses"\nbase_url = "{server.openai_url}"\n'
        )
        arguments = (
            CODE, "--model_identifier", "MINE", "--models", tmp_path / "models.toml",
            "--background", "--dataset_directory", dataset(count=3),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        first = ScriptProcess(*arguments, folder=tmp_path)
        wait_until(lambda: sum(path != "/v1/responses" for path in paths(server)) >= 3)
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = ScriptProcess(*arguments, folder=tmp_path).completed(100)
        asked = paths(server)
    assert second.returncode == 0, second.stderr
    assert asked.count("/v1/responses") == 3
    results = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert [entry["status"] for entry in results] == [["ok"]] * 3
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert metadata["counts"]["requests"] == 3


@pytest.mark.parametrize("words", [("--seed", "1"), ("--batch",), ("--base_url", "http://h/v1")])
def test_the_background_is_refused_where_no_response_is_asked_for(
    words: tuple[str, ...], tmp_path: Path, run_script: Run, dataset: Callable[..., Path]
) -> None:
    done = run_script(
        CODE, "--model_identifier", "GPT", "--background", *words,
        "--dataset_directory", dataset(count=1), OPENAI_API_KEY="0123456789",
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--background: GPT is not asked by the Responses API" in done.stderr


def test_a_seed_is_asked_for_by_chat_completions() -> None:
    options = AskingOptions(model_identifier="GPT", seed=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "0123456789")
        model = choose_agent(options, "reasoning_code").model
    assert model is not None
    assert model.entry.api == "chat"
