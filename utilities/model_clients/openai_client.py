"""Chat completions: OpenAI, OpenRouter, Gemini, DeepSeek and servers of your own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from utilities.model_clients.base import Message, Reply, Sampling, Usage
from utilities.model_clients.chat_completion import read_completion
from utilities.model_clients.costs import cost_of
from utilities.model_clients.sdk_client import SDKClient, unheard

if TYPE_CHECKING:
    import openai


class OpenAIClient(SDKClient["openai.AsyncOpenAI"]):
    """A ModelClient on the openai SDK, which supplies connections and headers.

    The body is read here and not by the SDK's types, which take any JSON for a completion.
    """

    def _open(self) -> openai.AsyncOpenAI:
        import openai  # 1 s of CPU

        return openai.AsyncOpenAI(**self._options(openai.DefaultAioHttpClient))

    def _body(self, messages: list[Message], sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._entry.model_id, "messages": messages}
        for name in ("temperature", "top_p", "seed"):
            if getattr(sampling, name) is not None:
                body[name] = getattr(sampling, name)
        if sampling.max_tokens is not None:
            body[self._entry.max_tokens_parameter] = sampling.max_tokens
        effort, openrouter = sampling.reasoning_effort, self._entry.provider == "openrouter"
        if effort is not None:
            body |= {"reasoning": {"effort": effort}} if openrouter else {
                "reasoning_effort": effort
            }  # fmt: skip
        if openrouter:
            # Without it a parameter that the chosen server does not know is dropped silently.
            body["provider"] = {"require_parameters": True}
        return body

    async def _attempt(self, body: dict[str, Any], begun: Callable[[], None] = unheard) -> Reply:
        answer = await self._post(body)
        begun()
        reply = read_completion(answer, self._triage)
        cost_usd = reply.cost_usd
        if cost_usd is None and reply.usage != Usage():
            cost_usd = cost_of(self._entry, reply.usage)
        return replace(reply, model=reply.model or self._entry.model_id, cost_usd=cost_usd)

    async def _post(self, body: dict[str, Any]) -> object:
        """The JSON of a 200; raises what went wrong."""
        import aiohttp  # loaded with the client
        import httpx2
        import openai

        try:
            response = await self._sdk.post("/chat/completions", body=body, cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            self._limits.hear(error.response.headers)
            raise self._triage.answer(
                error.status_code, error.body or error.response.text, error.response.headers
            ) from error
        except (openai.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError) as error:
            raise self._triage.connection(error) from error
        self._limits.hear(response.headers)
        try:
            return json.loads(response.content)
        except (ValueError, RecursionError) as error:
            raise self._triage.no_reply("the answer is no JSON") from error
