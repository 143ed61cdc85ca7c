"""OpenAI's Responses API, which shows more of a model's reasoning than chat completions do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from utilities.config import read_retry_delay_s
from utilities.errors import ToolkitError
from utilities.model_catalogue import ModelEntry
from utilities.models.api_client import APIClient
from utilities.models.background import BackgroundResponses
from utilities.models.chat_completions import openai_sdk
from utilities.models.content import responses_content
from utilities.models.interface import (
    FREE,
    Begun,
    FinishReason,
    Message,
    Meter,
    Reply,
    Sampling,
    Tool,
    ToolCall,
    Usage,
)
from utilities.models.json_fields import (
    JSONObject,
    count_at,
    joined,
    list_at,
    object_at,
    text_at,
    without,
)
from utilities.models.tool_calls import arguments_text, told_apart
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import httpx2

_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""The events that hold the whole response."""
_ANSWERS = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
    }
)
_REASONS: Mapping[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "refusal",
}
"""Why a response is incomplete."""


class ResponsesClient(APIClient):
    """Asks one server for responses, over connections of the openai SDK."""

    path = "/responses"
    streaming: ClassVar[Mapping[str, Any]] = {"stream": True}
    droppable: ClassVar[Mapping[str, str]] = {
        "reasoning.summary": r"reasoning[. ]summar",
        "include": r"\binclude\b|encrypted[_ ]content",
        "stream": r"\bstream(ing)?\b",
    }

    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        """Connections and headers of the openai SDK."""
        http, sdk = openai_sdk(self.entry, self.key, max_connections)
        return http, {**sdk.default_headers, **sdk.auth_headers}

    def body(self, messages: list[Message], sampling: Sampling) -> JSONObject:
        """As `response_body`."""
        return response_body(self.entry, messages, sampling)

    def tool_fields(self, tools: Sequence[Tool]) -> JSONObject:
        """Functions, whose arguments the server makes fit their schema."""
        return {"tools": [{"type": "function", "strict": True, **one.to_json()} for one in tools]}

    async def send(self, body: JSONObject, meter: Meter, begun: Begun) -> Reply:
        """As any client's; or in the background, where an earlier run may have begun it.

        What fails while a response is under way does not end it: the next attempt, or the next
        run, fetches it by its id.
        """
        if not self.entry.background and meter.response_id is None:
            return await super().send(body, meter, begun)
        meter = Meter() if meter is FREE else meter  # which all requests without a bill share
        responses = BackgroundResponses(self._http, self._post, self.triage, read_retry_delay_s())
        try:
            async with asyncio.timeout(self.entry.request_timeout_s):
                response_id = meter.response_id
                if response_id is None:
                    asked = {**body, "background": True, "store": True, "stream": False}
                    response_id = await responses.begin(without(asked, self._dropped), meter)
                begun()
                text = await responses.fetch(response_id, meter)
        except TimeoutError as error:
            raise self.triage.late(self.entry.request_timeout_s) from error
        try:
            return self.read(text)
        except ToolkitError:
            if meter.keep is not None:
                meter.keep(text)
            raise

    def event_reader(self) -> ResponseStream:
        """Waits for the event that holds the whole response."""
        return ResponseStream(self.triage)

    def read_document(self, document: object) -> Reply:
        """As `read_response`."""
        return read_response(document, self.triage)


def response_body(entry: ModelEntry, messages: list[Message], sampling: Sampling) -> JSONObject:
    """The body of a request for a response, which the server need not keep.

    A model that thinks gives summaries of its reasoning, and the reasoning itself, encrypted.
    """
    told = [item for message in messages for item in _items_of(message)]
    body: JSONObject = {"model": entry.model_id, "input": told, "store": False}
    for name in ("temperature", "top_p"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    if sampling.max_tokens is not None:
        body["max_output_tokens"] = sampling.max_tokens
    effort = sampling.reasoning_effort
    reasoning = {} if effort is None else {"effort": effort}
    if entry.thinking and effort != "none":
        reasoning["summary"] = "auto"
        body["include"] = ["reasoning.encrypted_content"]
    if reasoning:
        body["reasoning"] = reasoning
    return joined(body, entry.extra_body, sampling.extra_body)


def _items_of(message: Message) -> list[JSONObject]:
    """A message as items of the input; a reply that called tools as it came."""
    content = responses_content(message["content"])
    if message["role"] == "tool":
        call_id = message.get("tool_call_id", "")
        return [{"type": "function_call_output", "call_id": call_id, "output": content}]
    replay = message.get("replay") or []
    if any(item.get("type") == "function_call" for item in replay):
        return replay
    calls = message.get("tool_calls", ())
    return [
        *([{"role": message["role"], "content": content}] if content or not calls else []),
        *(
            {
                "type": "function_call",
                "call_id": call["id"],
                "name": call["name"],
                "arguments": call["arguments"],
            }
            for call in calls
        ),
    ]


class ResponseStream:
    """Takes a response out of the event that ends its stream and holds all of it."""

    def __init__(self, triage: Triage) -> None:
        """`triage` says what an error event means."""
        self._triage = triage
        self._response: JSONObject = {}
        self.pieces: list[str] = []
        """Those of the answer: summaries of the reasoning come with long pauses."""

    def take(self, event: object) -> bool:
        """Take one event's JSON; raises what an error event means, ignores unknown events."""
        kind = text_at(event, "type")
        if kind in _ANSWERS:
            self.pieces.append(text_at(event, "delta"))
        elif kind in _ENDS:
            self._response = object_at(event, "response")
        elif kind == "error":
            raise self._triage.error_in_success(object_at(event, "error") or event)
        return kind in _ENDS

    def reply(self, *, ended: bool) -> Reply:
        """The whole response; raises AttemptFailed if the stream was cut or brought nothing."""
        if not (ended and self._response):
            raise self._triage.no_reply("the stream ended in the middle of the reply")
        return read_response(self._response, self._triage)


def read_response(response: object, triage: Triage) -> Reply:
    """The reply in a whole response.

    Raises what `triage` makes of an error in it, and AttemptFailed if there is no reply: the
    response has not ended, has failed, or has nothing in it.
    """
    if not isinstance(response, dict):
        raise triage.no_reply("the answer is no JSON object")
    if error := response.get("error"):
        raise triage.error_in_success(error)
    status, items = text_at(response, "status"), list_at(response, "output")
    if status not in {"completed", "incomplete", ""} or not (items or status == "incomplete"):
        raise triage.no_reply(f"the response is {status or 'empty'}")
    contents = [part for item in items for part in _parts(item, "message", "content")]
    text, refusal = _joined(contents, "text"), _joined(contents, "refusal")
    thinking = [part for item in items for part in _parts(item, "reasoning", "summary", "content")]
    usage, reason = read_usage(object_at(response, "usage")), _finish_reason(response)
    calls, replay = _calls_in(items)
    if not text and not refusal and not calls and reason == "stop" and usage.output_tokens == 0:
        raise triage.no_reply("the reply is empty")
    return Reply(
        text=text or refusal,
        reasoning="\n\n".join(filter(None, (text_at(part, "text") for part in thinking))) or None,
        finish_reason="refusal" if refusal else reason,
        usage=usage,
        model=text_at(response, "model"),
        replay=replay or None,
        tool_calls=calls,
    )


def _calls_in(items: Sequence[object]) -> tuple[tuple[ToolCall, ...], list[JSONObject]]:
    """The calls in a response, and what is sent back of it: all of it if there are any.

    Without calls that is the encrypted reasoning.
    """
    known = [dict(item) for item in items if isinstance(item, dict)]
    called = [item for item in known if item.get("type") == "function_call"]
    calls = told_apart(
        ToolCall(
            id=text_at(item, "call_id"),
            name=text_at(item, "name"),
            arguments=arguments_text(item.get("arguments")),
        )
        for item in called
    )
    for item, call in zip(called, calls, strict=True):
        item |= {"call_id": call["id"], "arguments": call["arguments"]}
    if not calls:
        return (), [item for item in known if item.get("type") == "reasoning"]
    return calls, known


def read_usage(usage: JSONObject) -> Usage:
    """The usage of a response in the convention of Usage."""
    prompt = count_at(usage, "input_tokens")
    cached = count_at(object_at(usage, "input_tokens_details"), "cached_tokens")
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=min(prompt, cached),
        output_tokens=count_at(usage, "output_tokens"),
        reasoning_tokens=count_at(object_at(usage, "output_tokens_details"), "reasoning_tokens"),
    )


def _finish_reason(response: JSONObject) -> FinishReason:
    if text_at(response, "status") != "incomplete":
        return "stop"
    reason = text_at(object_at(response, "incomplete_details"), "reason")
    return _REASONS.get(reason, "unknown")


def _parts(item: object, kind: str, *names: str) -> Sequence[object]:
    """The parts of an item of this kind, under whichever of the names has some."""
    if text_at(item, "type") != kind:
        return ()
    return next((parts for name in names if (parts := list_at(item, name))), ())


def _joined(parts: Sequence[object], name: str) -> str:
    return "".join(text_at(part, name) for part in parts)
