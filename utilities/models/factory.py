"""Opens the client that speaks a model's API."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from utilities.model_catalogue import ModelEntry
from utilities.models.anthropic_client import AnthropicClient
from utilities.models.interface import ModelClient
from utilities.models.openai_client import OpenAIClient
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import START, RateGate
from utilities.models.pacing.rate_limits import RateLimits
from utilities.models.pacing.retry import Retrier
from utilities.models.pacing.retry_policy import RetryPolicy
from utilities.models.spread_client import SpreadClient

_DEFAULT_POLICY = RetryPolicy()


def open_client(
    entry: ModelEntry,
    key: str,
    *,
    max_connections: int,
    start: int = START,
    stopping: asyncio.Event | None = None,
    retry: RetryPolicy = _DEFAULT_POLICY,
) -> ModelClient:
    """The client for a model, to be entered with `async with`; nothing is imported or sent yet.

    At most `max_connections` requests are under way, fewer where the provider limits the rate, and
    `start` at each server at first. Once `stopping` is set, no attempt begins and every pause
    between attempts ends with NotAsked.
    """
    endpoints = [
        Endpoint(url, _gate(entry, max_connections, start, stopping), number)
        for number, url in enumerate((entry.base_url, *entry.other_base_urls))
    ]
    retrier = Retrier(
        entry.name,
        entry.request_timeout_s,
        retry,
        endpoints=Endpoints(endpoints, most=max_connections),
        stopping=stopping,
    )
    client = AnthropicClient if entry.provider == "anthropic" else OpenAIClient
    clients = [
        client(
            replace(entry, base_url=endpoint.url),
            key,
            max_connections=max_connections,
            retrier=retrier,
            limits=endpoint.gate.limits,
        )
        for endpoint in endpoints
    ]
    return clients[0] if len(clients) == 1 else SpreadClient(clients, retrier)


def _gate(entry: ModelEntry, most: int, start: int, stopping: asyncio.Event | None) -> RateGate:
    limits = RateLimits(entry.requests_per_minute, entry.tokens_per_minute)
    return RateGate(most, start=start, limits=limits, stopping=stopping)
