"""Bodies of successes that are odd: what is paid for is read once, or kept for later."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback_server import LoopbackServer, body, html, reply, status
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.errors import ProviderFailed
from utilities.models.bodies import unpacked_text
from utilities.models.factory import open_client
from utilities.models.interface import Reply, Sampling
from utilities.models.pacing.retry import RetryPolicy

TEXT = "It is mirrored: é"
COMPLETION = {
    "model": "m",
    "choices": [{"message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37},
}
MESSAGE = {
    "type": "message",
    "model": "m",
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 30, "output_tokens": 7},
}
STREAM = [
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 30}}},
    {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT[:5]}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": TEXT[5:]}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
CHUNKS = [
    {"model": "m", "choices": [{"delta": {"role": "assistant", "content": TEXT[:5]}}]},
    {"choices": [{"delta": {"content": TEXT[5:]}}]},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    {"choices": [], "usage": COMPLETION["usage"]},
]
JSON, SSE = "application/json", "text/event-stream"


def document(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def stream(*events: dict[str, Any], end: str = "") -> bytes:
    lines = "".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in events)
    return (lines + end).encode()


def announced(content: bytes, kind: str, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (
        kind.encode(), size, content,
    )  # fmt: skip


def chunked(content: bytes, kind: str, *, ended: bool) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n"
    last = b"0\r\n\r\n" if ended else b""
    return head % kind.encode() + b"%x\r\n%s\r\n" % (len(content), content) + last


Server = tuple[str, list[bytes]]


@asynccontextmanager
async def raw_server(answer: bytes, *, held_s: float = 0.0) -> AsyncIterator[Server]:
    """Answers each request with these very bytes, and closes `held_s` later."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.splitlines()
            if line.lower().startswith(b"content-length")
        )
        requests.append(await reader.readexactly(length))
        writer.write(answer)
        await writer.drain()
        await asyncio.sleep(held_s)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", requests
    finally:
        server.close()


async def asked(model: str, url: str) -> Reply:
    entry = find_model(model, base_url=url.removesuffix("/v1") if "CLAUDE" in model else url)
    policy = RetryPolicy(max_attempts=3, first_delay_s=0.01)
    async with open_client(entry, "key", max_connections=5, retry=policy) as client:
        return await client.complete([{"role": "user", "content": "x"}], Sampling())


STOPPED = stream(*STREAM)
ODD: dict[str, tuple[str, bytes, float]] = {
    "chat: the last chunk is missing": (
        "GPT", chunked(document(COMPLETION), JSON, ended=False), 0),
    "chat: fewer bytes than announced": (
        "GPT", announced(document(COMPLETION), JSON, len(document(COMPLETION)) + 1), 0),
    "chat: a stream though none was asked for": (
        "GPT", chunked(stream(*CHUNKS, end="data: [DONE]\n\n"), SSE, ended=True), 0),
    "chat: a stream that says it is JSON, and breaks after its end": (
        "GPT", chunked(stream(*CHUNKS, end="data: [DONE]\n\n"), JSON, ended=False), 0),
    "chat: held open after its end": (
        "GPT", chunked(stream(*CHUNKS, end="data: [DONE]\n\n"), SSE, ended=False), 300),
    "messages: [DONE] after the last event": (
        "CLAUDE_OPUS", chunked(STOPPED + b"data: [DONE]\n\n", SSE, ended=True), 0),
    "messages: a second delta with usage only": (
        "CLAUDE_OPUS", chunked(
            stream(*STREAM[:5], {"type": "message_delta", "delta": {}, "usage":
                                 {"output_tokens": 7}}, STREAM[5]), SSE, ended=True), 0),
    "messages: a whole message though a stream was asked for": (
        "CLAUDE_OPUS", announced(document(MESSAGE), JSON), 0),
    "messages: dropped after the last event": (
        "CLAUDE_OPUS", chunked(STOPPED, SSE, ended=False), 0),
    "messages: held open after the last event": (
        "CLAUDE_OPUS", chunked(STOPPED, SSE, ended=False), 300),
    "messages: a stream behind a byte order mark": (
        "CLAUDE_OPUS", chunked(b"\xef\xbb\xbf" + STOPPED, SSE, ended=True), 0),
    "chat: a document that says it is a stream": (
        "GPT", announced(document(COMPLETION), SSE), 0),
    "chat: no empty line after the last event": (
        "GPT", chunked(stream(*CHUNKS).rstrip(), SSE, ended=True), 0),
    "messages: a stream that says it is JSON": (
        "CLAUDE_OPUS", chunked(STOPPED, JSON, ended=True), 0),
}  # fmt: skip


@pytest.mark.parametrize(("model", "answer", "held_s"), ODD.values(), ids=ODD.keys())
async def test_a_whole_reply_is_bought_once_whatever_befalls_its_transport(
    model: str, answer: bytes, held_s: float
) -> None:
    async with raw_server(answer, held_s=held_s) as (url, requests):
        found = await asyncio.wait_for(asked(model, url), 60)
    assert (found.text, found.finish_reason) == (TEXT, "stop")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (30, 7)
    assert len(requests) == 1


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "not packed"])
async def test_a_body_that_says_it_is_packed_is_read_whether_it_is_or_not(
    pack: Callable[[bytes], bytes],
) -> None:
    answer = announced(pack(document(COMPLETION)), JSON)
    answer = answer.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)
    async with raw_server(answer) as (url, requests):
        assert (await asked("GPT", url)).text == TEXT
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("model", "content", "kind"),
    [("GPT", document(COMPLETION), JSON), ("CLAUDE_OPUS", STOPPED, SSE),
     ("GPT", stream(*CHUNKS), SSE)],
)  # fmt: skip
async def test_bytes_that_are_no_utf8_become_replacement_characters(
    model: str, content: bytes, kind: str
) -> None:
    broken = content.replace("é".encode(), b"\xe9")
    async with raw_server(announced(broken, kind)) as (url, requests):
        found = await asked(model, url)
    assert found.text == TEXT.replace("é", "\ufffd")
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("model", "content"),
    [("GPT", stream(*CHUNKS[:2])), ("CLAUDE_OPUS", stream(*STREAM[:4])),
     ("CLAUDE_OPUS", stream(*STREAM[:3]) + b"data: {oh\n\n" + stream(*STREAM[3:]))],
    ids=["chat", "messages", "an event that is no JSON"],
)  # fmt: skip
async def test_a_stream_that_lacks_a_part_is_no_reply(model: str, content: bytes) -> None:
    async with raw_server(chunked(content, SSE, ended=True)) as (url, requests):
        with pytest.raises(ProviderFailed):
            await asked(model, url)
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("change", "finish_reason", "text"),
    [
        ({"finish_reason": "max_tokens"}, "length", TEXT),
        ({"finish_reason": "model_length"}, "length", TEXT),
        ({"message": {"content": [{"type": "refusal", "refusal": "I will not."}]}}, "refusal",
         "I will not."),
        ({"message": {"content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": TEXT}]}}, "stop", TEXT),
    ],
)  # fmt: skip
async def test_what_servers_say_in_their_own_words_is_understood(
    change: dict[str, Any], finish_reason: str, text: str
) -> None:
    choice = {**COMPLETION["choices"][0], **change}
    answer = announced(document({**COMPLETION, "choices": [choice]}), JSON)
    async with raw_server(answer) as (url, _):
        found = await asked("GPT", url)
    assert (found.finish_reason, found.text) == (finish_reason, text)


@pytest.mark.parametrize("reason", ["abort", "error"])
async def test_a_reply_that_the_server_gave_up_is_asked_again(reason: str) -> None:
    choice = {**COMPLETION["choices"][0], "finish_reason": reason}
    answer = announced(document({**COMPLETION, "choices": [choice]}), JSON)
    async with raw_server(answer) as (url, requests):
        with pytest.raises(ProviderFailed, match="gave up"):
            await asked("GPT", url)
    assert len(requests) == 3


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 30.0, "completion_tokens": 7.0},
        {"prompt_tokens": "30", "completion_tokens": "7"},
        {"input_tokens": 30, "output_tokens": 7},
    ],
)
async def test_tokens_are_counted_in_whatever_form_they_come(usage: dict[str, Any]) -> None:
    async with raw_server(announced(document({**COMPLETION, "usage": usage}), JSON)) as (url, _):
        found = await asked("GPT", url)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (30, 7)


UNREADABLE = ['{"choices": [{"message": {"content": "hel', "<html>busy</html>", '{"choices": 3}']


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_body_that_cannot_be_read_stands_in_the_journal_as_it_came(
    content: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(first=[body(content)], then=reply(maker="identity_program")) as server:
        done = run_script(
            "synthetic_data_generators/generate_code_data.py", "--model_identifier", "openai:m",
            "--base_url", server.openai_url, "--dataset_directory", dataset(count=1),
            "--output_directory", tmp_path / "out", OPENAI_API_KEY="0123456789",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "out" / "code_data_partial_results.jsonl").read_text().splitlines()
    unread, answer = map(json.loads, lines)
    assert (unread["entry_type"], unread["body"]) == ("unread_body", content)
    assert unread["key"] == answer["key"]
    assert '"choices"' in unpacked_text(answer["reply"]["body_zlib"])
    (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert entry["status"] == ["ok"]


async def test_the_cost_that_a_proxy_names_in_a_header_is_believed() -> None:
    answer = announced(document({**COMPLETION, "usage": {}}), JSON)
    answer = answer.replace(b"\r\n\r\n", b"\r\nx-litellm-response-cost: 0.125\r\n\r\n", 1)
    async with raw_server(answer) as (url, _):
        found = await asked("GPT", url)
    assert found.cost_usd == 0.125


@pytest.mark.parametrize("status_line", [b"401 Unauthorized", b"404 Not Found"])
async def test_one_of_several_servers_that_knows_no_such_key_or_model_is_left_out(
    status_line: bytes,
) -> None:
    refusal = b"HTTP/1.1 " + status_line + b"\r\ncontent-length: 8\r\n\r\nno model"
    good = announced(document(COMPLETION), JSON)
    async with raw_server(refusal) as (bad_url, refused), raw_server(good) as (url, answered):
        entry = replace(find_model("GPT", base_url=bad_url), other_base_urls=(url,))
        async with open_client(entry, "key", max_connections=2) as client:
            for number in range(4):
                message = {"role": "user", "content": str(number)}
                assert (await client.complete([message], Sampling())).text == TEXT
    assert (len(refused), len(answered)) == (1, 4)


def test_a_run_whose_every_request_is_rejected_ends_with_the_servers_words(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    words = "System role not supported"
    with LoopbackServer(then=status(400, words)) as server:
        done = run_script(
            "synthetic_data_generators/generate_code_data.py", "--model_identifier", "local:m",
            "--base_url", server.openai_url, "--dataset_directory", dataset(count=60),
            "--max_concurrent_tasks", "5", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert len(server.ledger()) <= 30
    assert done.returncode == 2
    first, *_, last = [line for line in done.stderr.splitlines() if words in line]
    assert first.startswith("rejected: ")
    assert last.startswith("error: the first 20 requests were all rejected")


@pytest.mark.parametrize(
    ("name", "words", "most"), [("page", "Bad gateway", 150), ("redirection", "e.org/login", 30)]
)
def test_a_run_that_gets_pages_or_redirections_alone_ends_with_their_words(
    name: str, words: str, most: int, run_script: Run, dataset: Callable[..., Path]
) -> None:
    redirection = replace(status(302), headers={"location": "https://e.org/login"})
    tasks = dataset(count=60)
    with LoopbackServer(then={"page": html(), "redirection": redirection}[name]) as server:
        done = run_script(
            "synthetic_data_generators/generate_code_data.py", "--model_identifier", "local:m",
            "--base_url", server.openai_url, "--dataset_directory", tasks,
            "--max_concurrent_tasks", "5", "--output_directory", tasks.with_name("out"),
            RETRY_DELAY_S="0.01",
        )  # fmt: skip
        assert len(server.ledger()) <= most
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: the first 20 requests were all ")
    assert words in last


def test_an_answer_in_the_reasoning_alone_counts(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    program = "```python\ndef solve_task(grid):\n    return grid\n```"
    with LoopbackServer(then=reply("", reasoning=f"It stays. {program}")) as server:
        done = run_script(
            "synthetic_data_generators/generate_code_data.py", "--model_identifier", "local:m",
            "--base_url", server.openai_url, "--dataset_directory", dataset(count=1),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert entry["status"] == ["ok"]
    assert entry["python_code"][0].startswith("def solve_task")


PER_DAY = [
    "Rate limit reached for gpt-x on requests per day (RPD): Limit 200, Used 200.",
    "Quota exceeded for quota metric 'GenerateRequestsPerDayPerProjectPerModel-FreeTier'",
    "Rate limit exceeded: free-models-per-day",
]


@pytest.mark.parametrize("words", PER_DAY)
def test_a_days_quota_ends_the_run_at_once(
    words: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(then=status(429, words)) as server:
        done = run_script(
            "synthetic_data_generators/generate_code_data.py", "--model_identifier", "local:m",
            "--base_url", server.openai_url, "--dataset_directory", dataset(count=1),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert len(server.ledger()) == 1
    assert done.returncode == 2
    assert "the quota is for a day or longer" in done.stderr
