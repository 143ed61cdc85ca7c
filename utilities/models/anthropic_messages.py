"""Anthropic's Messages API; always streamed, as long replies have to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from utilities.model_catalogue import ModelEntry
from utilities.models.api_client import APIClient, sdk_options
from utilities.models.interface import Begun, FinishReason, Message, Reply, Sampling, Usage
from utilities.models.json_fields import (
    JSONObject,
    count_at,
    list_at,
    object_at,
    parse_json,
    text_at,
)
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import anthropic
    import httpx2

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class MessagesClient(APIClient):
    """Asks one server for messages, over connections of the anthropic SDK."""

    path = "/v1/messages"
    # Writing to the cache costs a quarter more, reading a tenth: it pays from two samples on.
    caching: ClassVar[Mapping[str, Any]] = {"cache_control": {"type": "ephemeral"}}

    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        """Connections and headers of the anthropic SDK."""
        http, sdk = anthropic_sdk(self.entry, self.key, max_connections)
        return http, {**sdk.default_headers, **sdk.auth_headers}

    def body(self, messages: list[Message], sampling: Sampling) -> JSONObject:
        """As `message_body`, for a stream."""
        return message_body(self.entry, messages, sampling) | {"stream": True}

    async def read(self, response: httpx2.Response, begun: Begun) -> Reply:
        """The reply in a stream of events."""
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise self._not_a_stream(await response.aread())
        events, stream = EventStream(), MessageStream(self.triage)
        async for chunk in response.aiter_bytes():
            for event in events.take(chunk):
                begun()
                try:
                    stream.take(parse_json(event or b"{}"))
                except (ValueError, RecursionError) as error:
                    message = "the stream has an event that is no JSON"
                    raise self.triage.no_reply(message) from error
        return stream.reply()

    def _not_a_stream(self, content: bytes) -> Exception:
        try:
            body = parse_json(content)
        except (ValueError, RecursionError):
            return self.triage.no_reply("the answer is neither a stream nor JSON")
        if isinstance(body, dict) and body.get("error"):
            return self.triage.error_in_success(body["error"])
        return self.triage.no_reply("the answer is no stream")


def anthropic_sdk(
    entry: ModelEntry, key: str, max_connections: int
) -> tuple[httpx2.AsyncClient, anthropic.AsyncAnthropic]:
    """The connections, and the SDK over them; keys have to be hidden meanwhile."""
    import anthropic  # 2 s of CPU

    options = sdk_options(entry, key, anthropic.DefaultAioHttpClient, max_connections)
    return options["http_client"], anthropic.AsyncAnthropic(**options)


def message_body(entry: ModelEntry, messages: list[Message], sampling: Sampling) -> JSONObject:
    """The body of a request for a message that is not streamed."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    body: JSONObject = {
        "model": entry.model_id,
        "messages": [m for m in messages if m["role"] != "system"],
        "max_tokens": sampling.max_tokens or entry.max_output_tokens,
    }
    if system:
        body["system"] = system
    if entry.thinking:
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if sampling.reasoning_effort is not None:
        body["output_config"] = {"effort": sampling.reasoning_effort}
    return {**body, **entry.extra_body}


class MessageStream:
    """Puts a message together from its events; a stream that ended early has no stop reason."""

    def __init__(self, triage: Triage) -> None:
        """`triage` says what an error event means."""
        self._triage = triage
        self._parts: dict[str, list[str]] = {"text": [], "thinking": []}
        self._usage: JSONObject = {}
        self._stop_reason = ""
        self._model = ""

    def take(self, event: object) -> None:
        """Take one event's JSON; raises what an error event means, ignores unknown events."""
        kind = text_at(event, "type")
        if kind == "content_block_delta":  # as nearly all are
            self._add(object_at(event, "delta"))
        elif kind == "error":
            raise self._triage.error_in_success(object_at(event, "error"))
        elif kind == "message_start":
            message = object_at(event, "message")
            self._model = text_at(message, "model")
            self._usage |= object_at(message, "usage")
        elif kind == "content_block_start":
            self._add(object_at(event, "content_block"))
        elif kind == "message_delta":
            self._stop_reason = text_at(object_at(event, "delta"), "stop_reason")
            self._usage |= object_at(event, "usage")

    def reply(self) -> Reply:
        """The whole message; raises AttemptFailed if the stream was cut or brought nothing."""
        text, usage = "".join(self._parts["text"]), read_usage(self._usage)
        if not self._stop_reason:
            raise self._triage.no_reply("the stream ended in the middle of the reply")
        reason = _FINISH_REASONS.get(self._stop_reason, "unknown")
        if not text and reason == "stop" and usage.output_tokens == 0:
            raise self._triage.no_reply("the reply is empty")
        return Reply(
            text=text,
            reasoning="".join(self._parts["thinking"]) or None,
            finish_reason=reason,
            usage=usage,
            model=self._model,
        )

    def _add(self, piece: JSONObject) -> None:
        """A block's beginning or a delta: its text is under the name of its kind."""
        for name, parts in self._parts.items():
            if name in piece:
                parts.append(text_at(piece, name))


def read_message(message: JSONObject, triage: Triage) -> Reply:
    """The reply in a whole message, as batches bring it; raises as MessageStream.reply does."""
    stream = MessageStream(triage)
    stream.take({"type": "message_start", "message": message})
    for block in list_at(message, "content"):
        stream.take({"type": "content_block_start", "content_block": block})
    stream.take({"type": "message_delta", "delta": message})
    return stream.reply()


def read_usage(usage: JSONObject) -> Usage:
    """Anthropic's usage in the convention of Usage; its `input_tokens` leave the cache out."""
    cached = count_at(usage, "cache_read_input_tokens")
    written = count_at(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=count_at(usage, "input_tokens") + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=count_at(usage, "output_tokens"),
    )


class EventStream:
    """Splits server-sent events (WHATWG HTML 9.2) and gives the data of each.

    The SDK's own reader takes as much CPU as the connection: it looks at each line three times.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._data: list[bytes] = []
        self._rest: list[bytes] = []
        self._feed_may_follow = False

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """The data of the events that end in this part of the stream, however it was cut."""
        if self._feed_may_follow:  # a line feed here is half of the line end before it
            chunk = chunk.removeprefix(b"\n")
        self._feed_may_follow = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._rest.append(chunk)
        if b"\n" not in chunk:  # a long event costs no more than its length
            return
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        for line in lines:
            if line.startswith(b"data:") or line == b"data":
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()
