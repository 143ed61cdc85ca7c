"""Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from utilities.model_catalogue import ModelEntry
from utilities.models.api_client import APIClient, sdk_options
from utilities.models.content import messages_content, text_of
from utilities.models.interface import (
    FinishReason,
    Message,
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
    parse_json,
    text_at,
)
from utilities.models.tool_calls import arguments_sent_back, arguments_text, told_apart
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import anthropic
    import httpx2

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class MessagesClient(APIClient):
    """Asks one server for messages, over connections of the anthropic SDK."""

    path = "/v1/messages"
    # Writing to the cache costs a quarter more, reading a tenth: it pays from two samples on.
    caching: ClassVar[Mapping[str, Any]] = {"cache_control": {"type": "ephemeral"}}
    streaming: ClassVar[Mapping[str, Any]] = {"stream": True}

    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        """Connections and headers of the anthropic SDK."""
        http, sdk = anthropic_sdk(self.entry, self.key, max_connections)
        return http, {**sdk.default_headers, **sdk.auth_headers}

    def body(self, messages: list[Message], sampling: Sampling) -> JSONObject:
        """As `message_body`."""
        return message_body(self.entry, messages, sampling)

    def tool_fields(self, tools: Sequence[Tool]) -> JSONObject:
        """Tools of the client's own."""
        return {
            "tools": [
                {
                    "name": one.name,
                    "description": one.description,
                    "input_schema": dict(one.parameters),
                }
                for one in tools
            ]
        }

    def event_reader(self) -> MessageStream:
        """Puts a message together from its events."""
        return MessageStream(self.triage)

    def read_document(self, document: object) -> Reply:
        """As `read_message`."""
        return read_message(document, self.triage)


def anthropic_sdk(
    entry: ModelEntry, key: str, max_connections: int
) -> tuple[httpx2.AsyncClient, anthropic.AsyncAnthropic]:
    """The connections, and the SDK over them; keys have to be hidden meanwhile."""
    import anthropic  # 2 s of CPU

    options = sdk_options(entry, key, anthropic.DefaultAioHttpClient, max_connections)
    return options["http_client"], anthropic.AsyncAnthropic(**options)


def message_body(entry: ModelEntry, messages: list[Message], sampling: Sampling) -> JSONObject:
    """The body of a request for a message."""
    system = "\n\n".join(text_of(m["content"]) for m in messages if m["role"] == "system")
    body: JSONObject = {
        "model": entry.model_id,
        "messages": _turns(m for m in messages if m["role"] != "system"),
        "max_tokens": sampling.max_tokens or entry.max_output_tokens,
    }
    if system:
        body["system"] = system
    # Claude's newer models take none of them, and their entries say so; other servers do.
    for name in ("temperature", "top_p", "seed"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    if entry.thinking:
        body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if sampling.reasoning_effort is not None:
        body["output_config"] = {"effort": sampling.reasoning_effort}
    return joined(body, entry.extra_body, sampling.extra_body)


def _turns(messages: Iterator[Message]) -> list[JSONObject]:
    """Messages as Anthropic takes them: what all calls of a turn gave stands in one of them."""
    turns: list[JSONObject] = []
    are_results = False
    for message in messages:
        if message["role"] == "tool":
            block = {
                "type": "tool_result",
                "tool_use_id": message.get("tool_call_id", ""),
                "content": messages_content(message["content"]),
            }
            if are_results:
                turns[-1]["content"].append(block)
            else:
                turns.append({"role": "user", "content": [block]})
        else:
            content = _blocks_of(message) or messages_content(message["content"])
            turns.append({"role": message["role"], "content": content})
        are_results = message["role"] == "tool"
    return turns


def _blocks_of(message: Message) -> list[JSONObject]:
    """A reply that called tools, as it came; nothing if the message is none."""
    replay = message.get("replay") or []
    if any(block.get("type") == "tool_use" for block in replay):
        return replay
    calls = message.get("tool_calls", ())
    said = text_of(message["content"])
    texts = [{"type": "text", "text": said}] if calls and said.strip() else []
    return [
        *texts,
        *(
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["name"],
                "input": parse_json(arguments_sent_back(call["arguments"])),
            }
            for call in calls
        ),
    ]


class MessageStream:
    """Puts a message together from its events; a stream that ended early has no stop reason."""

    def __init__(self, triage: Triage) -> None:
        """`triage` says what an error event means."""
        self._triage = triage
        self._parts: dict[str, list[str]] = {"text": [], "thinking": []}
        self.pieces: list[str] = []
        self._usage: JSONObject = {}
        self._stop_reason = ""
        self._model = ""
        self._blocks: list[tuple[object, JSONObject, list[JSONObject]]] = []
        """Of each block its index, its beginning and its deltas."""

    def take(self, event: object) -> bool:
        """Take one event's JSON; raises what an error event means, ignores unknown events."""
        kind = text_at(event, "type")
        if not isinstance(event, dict):
            return False
        if kind == "content_block_delta":  # as nearly all are
            self._add(delta := object_at(event, "delta"))
            place = event.get("index")
            for index, _, deltas in reversed(self._blocks):  # the last one, nearly always
                if index == place:
                    deltas.append(delta)
                    break
        elif kind == "error":
            raise self._triage.error_in_success(object_at(event, "error"))
        elif kind == "message_start":
            message = object_at(event, "message")
            self._model = text_at(message, "model")
            self._usage |= object_at(message, "usage")
        elif kind == "content_block_start":
            self._add(block := object_at(event, "content_block"))
            self._blocks.append((event.get("index"), block, []))
        elif kind == "message_delta":  # several may come; the last may bring usage only
            reason = text_at(object_at(event, "delta"), "stop_reason")
            self._stop_reason = reason or self._stop_reason
            self._usage |= object_at(event, "usage")
        return kind == "message_stop"

    def reply(self, *, ended: bool) -> Reply:
        """The whole message; raises AttemptFailed if the stream was cut or brought nothing."""
        text, usage = "".join(self._parts["text"]), read_usage(self._usage)
        blocks, calls = self._whole_blocks()
        if not self._stop_reason and not (ended and (text or calls)):
            raise self._triage.no_reply("the stream ended in the middle of the reply")
        reason = _FINISH_REASONS.get(self._stop_reason, "unknown")
        if not (text or calls) and reason == "stop" and usage.output_tokens == 0:
            raise self._triage.no_reply("the reply is empty")
        return Reply(
            text=text,
            reasoning="".join(self._parts["thinking"]) or None,
            finish_reason=reason,
            usage=usage,
            model=self._model,
            tool_calls=calls,
            replay=blocks if calls else None,
        )

    def _whole_blocks(self) -> tuple[list[JSONObject], tuple[ToolCall, ...]]:
        """The blocks as they are sent back, signatures and all, and the calls among them."""
        blocks = [_whole_block(block, deltas) for _, block, deltas in self._blocks]
        used = [block for block in blocks if block.get("type") == "tool_use"]
        calls = told_apart(
            ToolCall(id=text_at(one, "id"), name=text_at(one, "name"), arguments=one["input"])
            for one in used
        )
        for block, call in zip(used, calls, strict=True):
            block |= {"id": call["id"], "input": parse_json(arguments_sent_back(block["input"]))}
        return list(filter(_is_taken_back, blocks)), calls

    def _add(self, piece: JSONObject) -> None:
        """A block's beginning or a delta: its text is under the name of its kind."""
        for name, parts in self._parts.items():
            text = piece.get(name)
            if text and isinstance(text, str):
                parts.append(text)
                self.pieces.append(text)
        if given := text_at(piece, "partial_json"):
            self.pieces.append(given)


def _is_taken_back(block: JSONObject) -> bool:
    """Anthropic refuses a text that it has sent if there are only blanks in it."""
    return block.get("type") != "text" or bool(text_at(block, "text").strip())


def _whole_block(begun: JSONObject, deltas: Sequence[JSONObject]) -> JSONObject:
    """A block put together; what a tool is given stays text."""
    block, given = dict(begun), "".join(text_at(delta, "partial_json") for delta in deltas)
    for name in ("text", "thinking", "signature"):
        if more := "".join(text_at(delta, name) for delta in deltas):
            block[name] = text_at(begun, name) + more
    if block.get("type") == "tool_use":
        block["input"] = given or arguments_text(begun.get("input"))
    return block


def read_message(message: object, triage: Triage) -> Reply:
    """The reply in a whole message; raises as MessageStream.reply does."""
    if error := object_at(message, "error"):
        raise triage.error_in_success(error)
    if not isinstance(message, dict) or not list_at(message, "content"):
        raise triage.no_reply("the answer is no message")
    stream = MessageStream(triage)
    stream.take({"type": "message_start", "message": message})
    for block in list_at(message, "content"):
        stream.take({"type": "content_block_start", "content_block": block})
    stream.take({"type": "message_delta", "delta": message})
    return stream.reply(ended=True)


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
