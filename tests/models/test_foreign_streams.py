"""Streams of servers that others wrote, in forms that no standard forbids and some do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.raw_server import raw_server
from utilities.config import find_model
from utilities.errors import ContextTooLong, ProviderFailed, RateLimited, Rejected, RequestFailed
from utilities.models.factory import open_client
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.pacing.retry import RetryPolicy

TEXT = "Grüße, 漢字 and 🟦"
APIS = {"chat": "GPT_MINI", "messages": "CLAUDE_OPUS", "responses": "GPT_MINI"}
EACH_API = pytest.mark.parametrize("api", APIS)
PROMPT: list[Message] = [{"role": "user", "content": "Go."}]
ONCE = RetryPolicy(max_attempts=1, max_rate_limited=1, first_delay_s=0.001)
TWICE = RetryPolicy(max_attempts=2, first_delay_s=0.001)
USAGE = {"prompt_tokens": 12, "completion_tokens": 7}


def event(fields: object) -> str:
    """An event as the APIs write it; text beyond ASCII is not escaped."""
    kind = fields.get("type") if isinstance(fields, dict) else None
    named = f"event: {kind}\n" if kind else ""
    return f"{named}data: {json.dumps(fields, ensure_ascii=False)}\n\n"


def chunk(text: str | None = None, reason: str | None = None, **more: object) -> str:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return event({"object": "chat.completion.chunk", "choices": [choice], **more})


def stream_of(api: str) -> str:
    """A usual stream of this API, with TEXT in two pieces."""
    first, second = TEXT[:4], TEXT[4:]
    if api == "chat":
        last = event({"choices": [], "usage": USAGE})
        return chunk(first) + chunk(second) + chunk(reason="stop") + last + "data: [DONE]\n\n"
    usage = {"input_tokens": 12, "output_tokens": 7}
    if api == "messages":
        kind, deltas = "content_block_delta", [{"type": "text_delta", "text": first}]
        deltas.append({"type": "text_delta", "text": second})
        parts: list[dict[str, object]] = [{"type": "message_start", "message": {"usage": usage}}]
        parts += [{"type": kind, "index": 0, "delta": delta} for delta in deltas]
        parts.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
        return "".join(map(event, [*parts, {"type": "message_stop"}]))
    kind = "response.output_text.delta"
    item = {"type": "message", "content": [{"type": "output_text", "text": TEXT}]}
    whole = {"status": "completed", "output": [item], "usage": usage}
    parts = [{"type": kind, "delta": first}, {"type": kind, "delta": second}]
    return "".join(map(event, [*parts, {"type": "response.completed", "response": whole}]))


def http(body: str | bytes, status: str = "200 OK", kind: str = "text/event-stream") -> bytes:
    content = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n\r\n".encode() + content


def ask(
    url: str, api: str = "chat", retry: RetryPolicy = ONCE, count: int = 1
) -> list[Reply | RequestFailed]:
    """What each of so many requests, one after the other, brought."""
    url = url if api == "messages" else f"{url}/v1"
    entry = replace(find_model(APIS[api]), api=api, base_url=url)

    async def asked() -> list[Reply | RequestFailed]:
        got: list[Reply | RequestFailed] = []
        async with open_client(entry, "sk-test-123456", max_connections=1, retry=retry) as client:
            for _ in range(count):
                try:
                    got.append(await client.complete(PROMPT, Sampling()))
                except RequestFailed as error:
                    got.append(error)
        return got

    return asyncio.run(asked())


def told(body: str | bytes, api: str = "chat", piece_size: int = 0) -> Reply | RequestFailed:
    """What a stream of these bytes brings."""
    with raw_server(lambda _, __: http(body), piece_size=piece_size) as server:
        return ask(server.url, api)[0]


def reply_of(body: str | bytes, api: str = "chat", piece_size: int = 0) -> Reply:
    reply = told(body, api, piece_size)
    assert isinstance(reply, Reply), reply
    return reply


FORMS: dict[str, Callable[[str], str]] = {
    "carriage returns": lambda stream: stream.replace("\n", "\r\n"),
    "comments between": lambda stream: stream.replace("\n\n", "\n\n: ping\n\n"),
    "a comment first": lambda stream: ": OPENROUTER PROCESSING\n\n" + stream,
    "a comment in an event": lambda stream: stream.replace("data:", ": keep-alive\ndata:"),
    "ids and retries": lambda stream: stream.replace("data:", "id: 7\nretry: 3000\ndata:"),
    "no space": lambda stream: stream.replace("data: ", "data:"),
    "a byte order mark": lambda stream: "\ufeff" + stream,
    "no [DONE]": lambda stream: stream.replace("data: [DONE]\n\n", ""),
    "no empty line at the end": lambda stream: stream.rstrip("\n"),
    "pings as events": lambda stream: "event: ping\ndata: {}\n\n" + stream,
}


@EACH_API
@pytest.mark.parametrize("form", FORMS)
def test_a_stream_in_another_form_is_the_same_reply(api: str, form: str) -> None:
    reply = reply_of(FORMS[form](stream_of(api)), api)
    assert (reply.text, reply.finish_reason) == (TEXT, "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (12, 7)


@EACH_API
@pytest.mark.parametrize("size", [1, 3])
def test_events_and_letters_may_be_cut_at_any_byte(api: str, size: int) -> None:
    reply = reply_of(stream_of(api).replace("\n", "\r\n"), api, piece_size=size)
    assert (reply.text, reply.usage.output_tokens) == (TEXT, 7)


OTHER_USAGES = {
    "beside the reason to finish": chunk(TEXT) + chunk(reason="stop", usage=USAGE),
    "in each chunk": chunk(TEXT, usage={"prompt_tokens": 12, "completion_tokens": 6})
    + chunk(reason="stop", usage=USAGE),
    "in parts": chunk(TEXT, usage={"prompt_tokens": 12})
    + chunk(reason="stop", usage={"completion_tokens": 7}),
    "in the first chunk with nothing after it": chunk(usage=USAGE)
    + chunk(TEXT, usage=None)
    + chunk(reason="stop", usage={"prompt_tokens": 0, "completion_tokens": 0}),
    "after the last choice, with choices of null": chunk(TEXT, "stop")
    + event({"choices": None, "usage": USAGE}),
}


@pytest.mark.parametrize("where", OTHER_USAGES)
def test_usage_counts_wherever_a_stream_has_it(where: str) -> None:
    reply = reply_of(OTHER_USAGES[where])
    assert reply.text == TEXT
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (12, 7)


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "Unrecognized request argument supplied: stream_options"}},
        {"error": {"message": "Unknown parameter.", "param": "stream_options"}},
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"],
                     "msg": "Extra inputs are not permitted"}]},
        {"detail": "stream_options: unknown field"},
        {"object": "error", "message": "[{'loc': ('body', 'stream_options'), 'msg': 'no'}]"},
    ],
    ids=["message", "param", "fastapi", "detail", "vllm"],
)  # fmt: skip
def test_a_server_without_stream_options_is_asked_without_them(
    status: str, refusal: dict[str, object]
) -> None:
    def answer(number: int, path: str) -> bytes:
        refused = http(json.dumps(refusal), status, "application/json")
        return http(stream_of("chat")) if number else refused

    with raw_server(answer) as server:
        got = ask(server.url, retry=TWICE, count=2)
    assert [isinstance(one, Reply) and one.text for one in got] == [TEXT, TEXT]
    sent = [json.loads(body) for _, body in server.requests]
    assert ["stream_options" in body for body in sent] == [True, False, False]
    assert all(body["stream"] for body in sent)


def test_a_cost_of_nothing_in_a_stream_is_nothing_and_not_unknown() -> None:
    reply = reply_of(chunk(TEXT) + chunk(reason="stop", usage={**USAGE, "cost": 0}))
    assert reply.cost_usd == 0.0


@EACH_API
def test_without_usage_the_reply_stands_and_its_cost_is_unknown(api: str) -> None:
    uncounted = stream_of(api).replace('"usage"', '"no_usage"')
    reply = reply_of(uncounted, api)
    assert (reply.text, reply.usage.output_tokens, reply.cost_usd) == (TEXT, 0, None)


LATE_ERRORS = {
    "chat": {"error": {"message": "no", "code": 503}},
    "messages": {"type": "error", "error": {"type": "api_error", "message": "no"}},
    "responses": {"type": "error", "code": "server_error", "message": "no"},
}


@EACH_API
def test_an_error_in_mid_stream_is_a_named_status_and_may_be_billed(api: str) -> None:
    begun = stream_of(api)[: len(stream_of(api)) // 2].rpartition("\n\n")[0]
    failure = told(f"{begun}\n\n{event(LATE_ERRORS[api])}", api)
    assert isinstance(failure, ProviderFailed)
    (attempt,) = failure.failed_attempts
    assert (attempt.cause, attempt.worst_case_usd) == ("provider_error", 0.0)


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        ({"message": "slow down", "code": 429}, RateLimited),
        ({"message": "maximum context length is 4096 tokens", "code": 400}, ContextTooLong),
        ({"message": "top_k must be -1 or at least 1", "type": "invalid_request_error"}, Rejected),
        ("something broke", ProviderFailed),
    ],
    ids=["429", "context", "rejected", "words"],
)
def test_an_error_in_mid_stream_means_what_its_code_says(
    error: object, becomes: type[RequestFailed]
) -> None:
    assert type(told(chunk("half") + event({"error": error}))) is becomes


@EACH_API
def test_a_stream_that_ends_in_the_middle_is_asked_again(api: str) -> None:
    cut = stream_of(api)[: len(stream_of(api)) // 2]

    with raw_server(lambda number, _: http(stream_of(api) if number else cut)) as server:
        (reply,) = ask(server.url, api, TWICE)
    assert isinstance(reply, Reply), reply
    assert (reply.text, reply.attempts) == (TEXT, 2)
    assert reply.failed_attempts[0].cause == "provider_error"


def test_a_document_in_place_of_the_stream_is_read_as_such() -> None:
    choice = {"message": {"content": TEXT}, "finish_reason": "stop"}
    reply = reply_of(json.dumps({"choices": [choice], "usage": USAGE}, ensure_ascii=False))
    assert (reply.text, reply.usage.output_tokens) == (TEXT, 7)
