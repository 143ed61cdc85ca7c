"""Chat completions: OpenAI, OpenRouter, Gemini, DeepSeek and servers of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from utilities.models.chat_completion import read_completion
from utilities.models.interface import Message, Reply, Sampling
from utilities.models.json_fields import parse_json
from utilities.models.sdk_client import SDKClient

if TYPE_CHECKING:
    import httpx2
    import openai


class OpenAIClient(SDKClient["openai.AsyncOpenAI"]):
    """A ModelClient on the openai SDK, which supplies connections and headers.

    The body is read here and not by the SDK's types, which take any JSON for a completion.
    """

    path = "/chat/completions"

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

    async def _read(self, response: httpx2.Response, begun: Callable[[], None]) -> Reply:
        content = await response.aread()
        begun()
        try:
            answer = parse_json(content)
        except (ValueError, RecursionError) as error:
            raise self._triage.no_reply("the answer is no JSON") from error
        return read_completion(answer, self._triage)
