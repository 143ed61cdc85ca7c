"""Claude, by the Messages API; always streamed, as long replies have to be."""

from __future__ import annotations

import json
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from utilities.config import sdk_variables_hidden
from utilities.model_catalogue import ModelEntry
from utilities.model_clients.base import FREE, AttemptMeter, Message, Reply, Sampling, Usage
from utilities.model_clients.costs import cost_of
from utilities.model_clients.message_stream import MessageStream
from utilities.model_clients.retry import Retrier
from utilities.model_clients.sampling import check_sampling
from utilities.model_clients.transport import sdk_options
from utilities.model_clients.triage import Triage

if TYPE_CHECKING:
    import anthropic
    import httpx2


class AnthropicClient:
    """A ModelClient on the anthropic SDK, which supplies connections, headers and events."""

    def __init__(
        self, entry: ModelEntry, key: str, *, max_connections: int, retrier: Retrier
    ) -> None:
        """Keep the settings; the SDK is imported when the client is entered."""
        self._entry, self._key = entry, key
        self._max_connections = max_connections
        self._retrier = retrier
        self._triage = Triage(entry, key)
        self._sdk: anthropic.AsyncAnthropic | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        import anthropic  # 2 s of CPU

        options = sdk_options(
            self._entry, self._key, anthropic.DefaultAioHttpClient, self._max_connections
        )
        with sdk_variables_hidden():
            self._sdk = anthropic.AsyncAnthropic(**options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection pool."""
        if self._sdk is not None:
            await self._sdk.close()

    async def complete(
        self, messages: list[Message], sampling: Sampling, meter: AttemptMeter = FREE
    ) -> Reply:
        """Ask once, retrying what may be retried; raises as ModelClient says, or UsageError."""
        check_sampling(self._entry, sampling)
        body = self._body(messages, sampling)
        return await self._retrier.run(lambda: self._attempt(body), meter)

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
        return body

    async def _attempt(self, body: dict[str, Any]) -> Reply:
        """One request; raises what went wrong."""
        import aiohttp  # loaded with the client
        import anthropic
        import httpx2

        assert self._sdk is not None, "the client was not entered"
        try:
            async with self._sdk.messages.with_streaming_response.create(**body) as response:
                reply = await self._read(response.http_response)
        except anthropic.APIStatusError as error:
            raise self._triage.answer(
                error.status_code, error.body or error.response.text, error.response.headers
            ) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError) as error:
            raise self._triage.connection(error) from error
        cost_usd = None if reply.usage == Usage() else cost_of(self._entry, reply.usage)
        return replace(reply, model=reply.model or self._entry.model_id, cost_usd=cost_usd)

    async def _read(self, response: httpx2.Response) -> Reply:
        import anthropic  # loaded with the client

        stream = MessageStream(self._triage)
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            raise self._not_a_stream(await response.aread())
        async for event in anthropic.AsyncStream.raw_events(response):
            try:
                stream.take(json.loads(event.data or "{}"))
            except (ValueError, RecursionError) as error:
                raise self._triage.no_reply("the stream has an event that is no JSON") from error
        return stream.reply()

    def _not_a_stream(self, content: bytes) -> Exception:
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            return self._triage.no_reply("the answer is neither a stream nor JSON")
        if isinstance(body, dict) and body.get("error"):
            return self._triage.error_in_success(body["error"])
        return self._triage.no_reply("the answer is no stream")
