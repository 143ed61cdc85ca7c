"""Claude, by the Messages API; always streamed, as long replies have to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from utilities.models.event_stream import EventStream
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.json_fields import parse_json
from utilities.models.message_stream import MessageStream
from utilities.models.sdk_client import SDKClient

if TYPE_CHECKING:
    import anthropic
    import httpx2


class AnthropicClient(SDKClient["anthropic.AsyncAnthropic"]):
    """A ModelClient on the anthropic SDK, which supplies connections and headers."""

    path = "/v1/messages"

    def _open(self) -> anthropic.AsyncAnthropic:
        import anthropic  # 2 s of CPU

        return anthropic.AsyncAnthropic(**self._options(anthropic.DefaultAioHttpClient))

    def _body(self, messages: list[Message], sampling: Sampling) -> dict[str, Any]:
        system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
        body: dict[str, Any] = {
            "model": self._entry.model_id,
            "messages": [m for m in messages if m["role"] != "system"],
            "max_tokens": sampling.max_tokens or self._entry.max_output_tokens,
            "stream": True,
        }
        if system:
            body["system"] = system
        if self._entry.thinking:
            body["thinking"] = {"type": "adaptive", "display": "summarized"}
        if sampling.reasoning_effort is not None:
            body["output_config"] = {"effort": sampling.reasoning_effort}
        return body

    def _caching(self) -> dict[str, Any]:
        # Writing to the cache costs a quarter more, reading a tenth: it pays from two samples on.
        return {"cache_control": {"type": "ephemeral"}}

    async def _read(self, response: httpx2.Response, begun: Callable[[], None]) -> Reply:
        events, stream = EventStream(), MessageStream(self._triage)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise self._not_a_stream(await response.aread())
        async for chunk in response.aiter_bytes():
            for data in events.take(chunk):
                begun()
                try:
                    event = parse_json(data or b"{}")
                except (ValueError, RecursionError) as error:
                    message = "the stream has an event that is no JSON"
                    raise self._triage.no_reply(message) from error
                stream.take(event)
        return stream.reply()

    def _not_a_stream(self, content: bytes) -> Exception:
        try:
            body = parse_json(content)
        except (ValueError, RecursionError):
            return self._triage.no_reply("the answer is neither a stream nor JSON")
        if isinstance(body, dict) and body.get("error"):
            return self._triage.error_in_success(body["error"])
        return self._triage.no_reply("the answer is no stream")
