"""Opens the client for a model: one server or several, in the API that they speak."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from utilities.config import read_retry_delay_s
from utilities.errors import ToolkitError
from utilities.model_catalogue import ModelEntry
from utilities.models.anthropic_messages import MessagesClient
from utilities.models.api_client import APIClient
from utilities.models.batches.endpoint import PRICE_FACTOR, answer_in
from utilities.models.chat_completions import ChatCompletionsClient
from utilities.models.interface import (
    FREE,
    Begun,
    Message,
    Meter,
    ModelClient,
    Reply,
    Sampling,
    Tool,
    check_sampling,
    sent_text,
)
from utilities.models.json_fields import parse_json
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import START, RateGate
from utilities.models.pacing.rate_limits import RateLimits
from utilities.models.pacing.retry import Retrier, RetryPolicy
from utilities.models.responses import ResponsesClient

CLIENTS: dict[str, type[APIClient]] = {
    "chat": ChatCompletionsClient,
    "messages": MessagesClient,
    "responses": ResponsesClient,
}
"""The client of each API, by the name that a model's entry has in `api`."""


@asynccontextmanager
async def open_client(
    entry: ModelEntry,
    key: str,
    *,
    max_connections: int,
    start: int = START,
    stopping: asyncio.Event | None = None,
    retry: RetryPolicy | None = None,
) -> AsyncIterator[ModelClient]:
    """The client for a model; the API's SDK is imported, nothing is sent yet.

    At most `max_connections` requests are under way, fewer if the provider limits the rate, and
    `start` at each server at first. Once `stopping` is set, no attempt begins and every pause
    between attempts ends with NotAsked. Raises UsageError if RETRY_DELAY_S is no pause.
    """
    kind, servers, endpoints = CLIENTS[entry.api], [], []
    async with AsyncExitStack() as stack:
        for number, url in enumerate((entry.base_url, *entry.other_base_urls)):
            limits = RateLimits(entry.requests_per_minute, entry.tokens_per_minute)
            server = kind(replace(entry, base_url=url), key, limits)
            servers.append(await stack.enter_async_context(server.opened(max_connections)))
            gate = RateGate(max_connections, start=start, limits=limits, stopping=stopping)
            endpoints.append(Endpoint(url, gate, number))
        retrier = Retrier(
            entry.name,
            retry or RetryPolicy(first_delay_s=read_retry_delay_s()),
            endpoints=Endpoints(endpoints, most=max_connections),
            stopping=stopping,
        )
        yield _Client(servers, retrier)


def body_reader(entry: ModelEntry, key: str) -> Callable[[str], Reply]:
    """Reads journalled bodies of successes, one at a time, as if they came now.

    A line of a batch's results is read too. Raises ToolkitError for a body without a reply.
    """
    clients = [CLIENTS[entry.api]]
    if entry.api == "responses":  # batches and earlier versions have chat completions
        clients.append(ChatCompletionsClient)
    ways = [client(entry, key).read for client in clients]
    in_batch = replace(entry, price_factor=PRICE_FACTOR)
    ways_in_batch = [client(in_batch, key).read for client in clients]

    def read(body: str) -> Reply:
        with suppress(ValueError, RecursionError):
            document = parse_json(body)
            answer = answer_in(document) if isinstance(document, dict) else None
            if answer is not None:
                return _first_read(ways_in_batch, json.dumps(answer))
        return _first_read(ways, body)

    return read


def _first_read(ways: Sequence[Callable[[str], Reply]], body: str) -> Reply:
    """The body as the first of the ways that can reads it; raises what the last one says."""
    *others, last = ways
    for way in others:
        with suppress(ToolkitError):
            return way(body)
    return last(body)


class _Client:
    """The ModelClient over a model's servers; each attempt goes to the least busy one."""

    def __init__(self, servers: Sequence[APIClient], retrier: Retrier) -> None:
        """`servers` are in the order of the retrier's endpoints."""
        self._servers = servers
        self._retrier = retrier
        self._checked: Sampling | None = None

    def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: Meter = FREE,
        begun: Begun | None = None,
        tools: Sequence[Tool] = (),
    ) -> Coroutine[Any, Any, Reply]:
        """As ModelClient says; hands out the retrier's own coroutine, with none around it."""
        first = self._servers[0]
        if sampling is not self._checked:
            check_sampling(first.entry, sampling, has_tools=bool(tools))
            self._checked = sampling
        body = first.body(messages, sampling)
        if first.entry.streams:
            body |= first.streaming
        if tools:
            body |= first.tool_fields(tools)
        if begun is not None:
            body |= first.caching
        return self._retrier.run(
            lambda endpoint: self._servers[endpoint.number].send(body, meter, begun or _nothing),
            meter,
            prompt_characters=sum(len(sent_text(message)) for message in messages),
        )


def _nothing() -> None:
    """No-op callback."""
