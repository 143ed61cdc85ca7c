"""Chat completions: OpenAI, OpenRouter, Gemini, DeepSeek and servers of your own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from utilities.model_catalogue import ModelEntry
from utilities.models.api_client import APIClient, sdk_options
from utilities.models.content import chat_content
from utilities.models.costs import named_cost
from utilities.models.interface import FinishReason, Message, Reply, Sampling, Tool, Usage
from utilities.models.json_fields import (
    JSONObject,
    count_at,
    joined,
    list_at,
    object_at,
    text_at,
)
from utilities.models.tool_calls import CallPieces, chat_calls, plain_call, sent_back
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import httpx2
    import openai

_FAILED = ("error", "abort", "aborted", "cancelled")
"""The server's own failure: vLLM and SGLang abort what they cannot go on with."""
_IN_DELTAS = frozenset({"content", "reasoning", "reasoning_content", "refusal"})
_REASONING = ("reasoning", "reasoning_content", "reasoning_details")
"""Where servers have the reasoning; those that have it want it back beside the calls it led to."""
_NOTHING: JSONObject = {}
_FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
}


class ChatCompletionsClient(APIClient):
    """Asks one server for chat completions, over connections of the openai SDK.

    The body is read here and not by the SDK's types, which take any JSON for a completion.
    """

    path = "/chat/completions"
    streaming: ClassVar[Mapping[str, Any]] = {
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    droppable: ClassVar[Mapping[str, str]] = {
        "stream_options": r"\bstream_options\b",
        "stream": r"\bstream(ing)?\b",
        **{f"messages.{name}": rf"\b{name}\b" for name in _REASONING},
    }

    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        """Connections and headers of the openai SDK."""
        http, sdk = openai_sdk(self.entry, self.key, max_connections)
        return http, {**sdk.default_headers, **sdk.auth_headers}

    def body(self, messages: list[Message], sampling: Sampling) -> JSONObject:
        """As `chat_body`."""
        return chat_body(self.entry, messages, sampling)

    def tool_fields(self, tools: Sequence[Tool]) -> JSONObject:
        """Functions."""
        return {"tools": [{"type": "function", "function": one.to_json()} for one in tools]}

    def event_reader(self) -> CompletionStream:
        """Puts a completion together from its chunks, which come unasked from some servers."""
        return CompletionStream(self.triage)

    def read_document(self, document: object) -> Reply:
        """As `read_completion`."""
        return read_completion(document, self.triage)


class CompletionStream:
    """Puts a completion together from the chunks of a stream."""

    def __init__(self, triage: Triage) -> None:
        """`triage` says what an error means."""
        self._triage = triage
        self._texts: dict[str, list[str]] = {}
        self.pieces: list[str] = []
        self._finish_reason: object = None
        self._rest: JSONObject = {}
        self._calls = CallPieces()
        self._details: list[Any] = []

    def take(self, event: object) -> bool:
        """Take one chunk; usage may come after the reason to finish, so none ends the stream."""
        if not isinstance(event, dict):
            return False
        choices = event.get("choices")
        choice = choices[0] if choices and isinstance(choices, list) else _NOTHING
        if not isinstance(choice, dict):
            choice = _NOTHING
        if error := event.get("error") or choice.get("error"):
            raise self._triage.error_in_success(error)
        if model := event.get("model"):
            self._rest["model"] = model
        if usage := event.get("usage"):
            self._take_usage(usage)
        if reason := choice.get("finish_reason"):
            self._finish_reason = reason
        self._take_delta(object_at(choice, "delta") or object_at(choice, "message"))
        return False

    def _take_usage(self, usage: object) -> None:
        """Take a count; it may come in parts or grow, and a later zero takes nothing back."""
        if isinstance(usage, dict):
            known = self._rest.setdefault("usage", {})
            known |= {name: one for name, one in usage.items() if one or name not in known}

    def _take_delta(self, delta: JSONObject) -> None:
        for name, value in delta.items():  # one or two, nearly always
            if value and name in _IN_DELTAS:
                if isinstance(value, str):
                    self._add(name, value)
                elif name == "content":
                    self._add_parts(delta)
            elif value and name == "tool_calls":
                self.pieces += filter(None, map(self._calls.take, list_at(delta, name)))
            elif value and name == "reasoning_details":
                _join_details(self._details, list_at(delta, name))
                if not list_at(delta, "content"):
                    self._add_parts(delta)

    def _add(self, name: str, text: str) -> None:
        self._texts.setdefault(name, []).append(text)
        self.pieces.append(text)

    def _add_parts(self, delta: JSONObject) -> None:
        """Take what stands in lists of parts, if it does not stand in a field of its own, too."""
        if text := "".join(text_at(part, "text") for part in list_at(delta, "content")):
            self._add("content", text)
        is_new = not (text_at(delta, "reasoning") or text_at(delta, "reasoning_content"))
        if reasoning := _reasoning(delta) if is_new else None:
            self._add("reasoning", reasoning)

    def reply(self, *, ended: bool) -> Reply:
        """The whole completion; raises AttemptFailed if the stream was cut or brought nothing."""
        if not ended and not self._finish_reason:
            raise self._triage.no_reply("the stream ended in the middle of the reply")
        message: JSONObject = {name: "".join(texts) for name, texts in self._texts.items()}
        if self._calls.calls:
            message["tool_calls"] = self._calls.calls
        if self._details:
            message["reasoning_details"] = self._details
        choice = {"message": message, "finish_reason": self._finish_reason}
        return read_completion({**self._rest, "choices": [choice]}, self._triage)


def openai_sdk(
    entry: ModelEntry, key: str, max_connections: int
) -> tuple[httpx2.AsyncClient, openai.AsyncOpenAI]:
    """The connections, and the SDK over them; keys have to be hidden meanwhile."""
    import openai  # 1 s of CPU

    options = sdk_options(entry, key, openai.DefaultAioHttpClient, max_connections)
    return options["http_client"], openai.AsyncOpenAI(**options)


def chat_body(entry: ModelEntry, messages: list[Message], sampling: Sampling) -> JSONObject:
    """The body of a request for a chat completion."""
    body: JSONObject = {"model": entry.model_id, "messages": list(map(_chat_message, messages))}
    for name in ("temperature", "top_p", "seed"):
        if getattr(sampling, name) is not None:
            body[name] = getattr(sampling, name)
    if sampling.max_tokens is not None:
        body[entry.max_tokens_parameter] = sampling.max_tokens
    if (effort := sampling.reasoning_effort) is not None:
        nested = entry.nests_reasoning_effort
        body |= {"reasoning": {"effort": effort}} if nested else {"reasoning_effort": effort}
    return joined(body, entry.extra_body, sampling.extra_body)


def _chat_message(message: Message) -> JSONObject:
    """A message as chat completions take it; a reply that called tools as it came."""
    content = chat_content(message["content"])
    replay = message.get("replay") or [_NOTHING]
    if replay[0].get("role") == "assistant" and "type" not in replay[0]:
        return replay[0]
    told: JSONObject = {"role": message["role"], "content": content}
    if "tool_call_id" in message:
        told["tool_call_id"] = message["tool_call_id"]
    if calls := message.get("tool_calls"):
        told["content"] = content or None
        told["tool_calls"] = [
            sent_back(
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                }
            )
            for call in calls
        ]
    return told


def read_completion(body: object, triage: Triage) -> Reply:
    """The reply in a 200; its `cost_usd` is what the provider itself put into `usage.cost`.

    Raises what `triage` makes of an error object, and AttemptFailed if there is no reply: no
    choices, or nothing generated (common from an overloaded provider).
    """
    if not isinstance(body, dict):
        raise triage.no_reply("the answer is no JSON object")
    choices = list_at(body, "choices")
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    error = body.get("error") or choice.get("error")
    if error:
        raise triage.error_in_success(error)
    if not choice:
        raise triage.no_reply("the answer has no choices")
    message, usage = object_at(choice, "message"), read_usage(object_at(body, "usage"))
    text, reasoning, refusal = _text(message), _reasoning(message), _refusal(message)
    reason, calls = choice.get("finish_reason"), chat_calls(list_at(message, "tool_calls"))
    is_said = text or refusal or calls
    if reason in _FAILED or (not is_said and _is_empty(reason, reasoning, usage)):
        what = "gave up" if reason in _FAILED else "is empty"
        raise triage.no_reply(f"the reply {what} (finish_reason {reason})")
    return Reply(
        text=text or refusal,
        reasoning=reasoning,
        finish_reason="refusal" if refusal else _FINISH_REASONS.get(str(reason), "unknown"),
        usage=usage,
        model=text_at(body, "model"),
        cost_usd=named_cost(object_at(body, "usage").get("cost")),
        tool_calls=tuple(map(plain_call, calls)),
        replay=[_replayed(message, calls)] if calls else None,
    )


def _replayed(message: JSONObject, calls: Sequence[JSONObject]) -> JSONObject:
    """The message as its server wants it back, the reasoning under the names that it came by."""
    return {
        "role": "assistant",
        "content": message.get("content") or None,
        **{name: value for name in _REASONING if (value := message.get(name))},
        "tool_calls": list(map(sent_back, calls)),
    }


def _join_details(whole: list[Any], pieces: Sequence[object]) -> None:
    """Add pieces of OpenRouter's `reasoning_details`; texts of one index and type are joined."""
    for piece in pieces:
        last = whole[-1] if whole else None
        if not isinstance(piece, dict):
            continue
        if last is None or any(last.get(name) != piece.get(name) for name in ("type", "index")):
            whole.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in ("text", "summary", "data") and isinstance(value, str):
                last[name] = text_at(last, name) + value
            elif value is not None:
                last[name] = value


def read_usage(usage: JSONObject) -> Usage:
    """Chat completions' usage in the convention of Usage."""
    prompt_details = object_at(usage, "prompt_tokens_details")
    prompt = count_at(usage, "prompt_tokens") or count_at(usage, "input_tokens")
    completion = count_at(usage, "completion_tokens") or count_at(usage, "output_tokens")
    cached = count_at(prompt_details, "cached_tokens")
    # Gemini and Grok leave reasoning out of completion_tokens, though not out of the total.
    generated = max(completion, count_at(usage, "total_tokens") - prompt)
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=min(prompt, cached or count_at(usage, "prompt_cache_hit_tokens")),
        cache_write_tokens=min(prompt, count_at(prompt_details, "cache_write_tokens")),
        output_tokens=generated,
        reasoning_tokens=count_at(
            object_at(usage, "completion_tokens_details"), "reasoning_tokens"
        ),
    )


def _is_empty(reason: object, reasoning: str | None, usage: Usage) -> bool:
    """Whether a reply without text is no reply; one that was cut or paid for is kept."""
    if not reason:
        return True
    return reason == "stop" and not reasoning and usage.output_tokens == 0


def _text(message: JSONObject) -> str:
    """The content, a string or a list of parts; Mistral's parts of thinking are left out."""
    parts = [text_at(part, "text") for part in list_at(message, "content")]
    return text_at(message, "content") or "".join(parts)


def _refusal(message: JSONObject) -> str:
    """The model's words for not answering, in a field of their own or in a part."""
    parts = [text_at(part, "refusal") for part in list_at(message, "content")]
    return text_at(message, "refusal") or "".join(parts)


def _reasoning(message: JSONObject) -> str | None:
    """The reasoning under any of the names that servers use; the standard has none."""
    details = list_at(message, "reasoning_details")
    thinking = [one for part in list_at(message, "content") for one in list_at(part, "thinking")]
    return (
        text_at(message, "reasoning")
        or text_at(message, "reasoning_content")
        or "".join(text_at(part, "text") or text_at(part, "summary") for part in details)
        or "".join(text_at(part, "text") for part in thinking)
        or None
    )
