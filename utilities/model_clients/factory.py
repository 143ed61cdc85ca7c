"""Opens the client that speaks a model's API."""

from __future__ import annotations

import asyncio

from utilities.model_catalogue import ModelEntry
from utilities.model_clients.anthropic_client import AnthropicClient
from utilities.model_clients.base import ModelClient
from utilities.model_clients.openai_client import OpenAIClient
from utilities.model_clients.rate_gate import RateGate
from utilities.model_clients.retry import Retrier, RetryPolicy

_DEFAULT_POLICY = RetryPolicy()


def open_client(
    entry: ModelEntry,
    key: str,
    *,
    max_connections: int,
    stopping: asyncio.Event | None = None,
    retry: RetryPolicy = _DEFAULT_POLICY,
) -> ModelClient:
    """The client for a model, to be entered with `async with`; nothing is imported or sent yet.

    At most `max_connections` requests are under way, fewer where the provider limits the rate.
    Once `stopping` is set, no attempt begins and every pause between attempts ends with NotAsked.
    """
    gate = RateGate(max_connections)
    retrier = Retrier(entry.name, entry.request_timeout_s, retry, gate=gate, stopping=stopping)
    client = AnthropicClient if entry.provider == "anthropic" else OpenAIClient
    return client(entry, key, max_connections=max_connections, retrier=retrier)
