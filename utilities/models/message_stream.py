"""Puts a reply together from the events of Anthropic's Messages stream."""

from __future__ import annotations

from collections.abc import Mapping

from utilities.models.interface import FinishReason, Reply, Usage
from utilities.models.json_fields import JSONObject, count_at, list_at, object_at, text_at
from utilities.models.triage import Triage

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class MessageStream:
    """Takes a message's events in order; a stream that ended early has no stop reason."""

    def __init__(self, triage: Triage) -> None:
        """`triage` says what an error event means."""
        self._triage = triage
        self._parts: dict[str, list[str]] = {"text": [], "thinking": []}
        self._usage: JSONObject = {}
        self._stop_reason = ""
        self._model = ""

    def take(self, event: object) -> None:
        """Take one event's JSON; raises what an error event means, passes over unknown ones."""
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
        """The whole message; raises AttemptFailed where the stream was cut or brought nothing."""
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
    """Messages' usage, whose `input_tokens` leaves the cache out, in the convention of Usage."""
    cached = count_at(usage, "cache_read_input_tokens")
    written = count_at(usage, "cache_creation_input_tokens")
    return Usage(
        input_tokens=count_at(usage, "input_tokens") + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=count_at(usage, "output_tokens"),
    )
