"""Chat completions: OpenAI, OpenRouter, Gemini, DeepSeek and servers of your own."""

from __future__ import annotations

import json
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from utilities.config import sdk_variables_hidden
from utilities.model_catalogue import ModelEntry
from utilities.model_clients.base import FREE, AttemptMeter, Message, Reply, Sampling, Usage
from utilities.model_clients.chat_completion import read_completion
from utilities.model_clients.costs import cost_of
from utilities.model_clients.retry import Retrier
from utilities.model_clients.sampling import check_sampling
from utilities.model_clients.transport import sdk_options
from utilities.model_clients.triage import Triage

if TYPE_CHECKING:
    import openai


class OpenAIClient:
    """A ModelClient on the openai SDK, which supplies connections and headers.

    The body is read here and not by the SDK's types, which take any JSON for a completion.
    """

    def __init__(
        self, entry: ModelEntry, key: str, *, max_connections: int, retrier: Retrier
    ) -> None:
        """Keep the settings; the SDK is imported when the client is entered."""
        self._entry, self._key = entry, key
        self._max_connections = max_connections
        self._retrier = retrier
        self._triage = Triage(entry, key)
        self._sdk: openai.AsyncOpenAI | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        import openai  # 1 s of CPU

        options = sdk_options(
            self._entry, self._key, openai.DefaultAioHttpClient, self._max_connections
        )
        with sdk_variables_hidden():
            self._sdk = openai.AsyncOpenAI(**options)
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
        body: dict[str, Any] = {"model": self._entry.model_id, "messages": messages}
        if sampling.temperature is not None:
            body["temperature"] = sampling.temperature
        if sampling.max_tokens is not None:
            body[self._entry.max_tokens_parameter] = sampling.max_tokens
        if self._entry.provider == "openrouter":
            # Without it a parameter that the chosen server does not know is dropped silently.
            body["provider"] = {"require_parameters": True}
        return body

    async def _attempt(self, body: dict[str, Any]) -> Reply:
        reply = read_completion(await self._post(body), self._triage)
        cost_usd = reply.cost_usd
        if cost_usd is None and reply.usage != Usage():
            cost_usd = cost_of(self._entry, reply.usage)
        return replace(reply, model=reply.model or self._entry.model_id, cost_usd=cost_usd)

    async def _post(self, body: dict[str, Any]) -> object:
        """The JSON of a 200; raises what went wrong."""
        import aiohttp  # loaded with the client
        import httpx2
        import openai

        assert self._sdk is not None, "the client was not entered"
        try:
            response = await self._sdk.post("/chat/completions", body=body, cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            raise self._triage.answer(
                error.status_code, error.body or error.response.text, error.response.headers
            ) from error
        except (openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError) as error:
            raise self._triage.connection(error) from error
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._triage.no_reply("the answer is no JSON") from error
