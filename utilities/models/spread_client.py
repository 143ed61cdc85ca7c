"""Several servers of one model, asked side by side."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from utilities.models.interface import FREE, AttemptMeter, Message, Reply, Sampling, SharedPrompt
from utilities.models.pacing.retry import Retrier
from utilities.models.sdk_client import SDKClient, characters_of


class SpreadClient:
    """A ModelClient over one client for each server; each attempt goes to the least busy one."""

    def __init__(self, clients: Sequence[SDKClient[Any]], retrier: Retrier) -> None:
        """`clients` are in the order of the retrier's endpoints."""
        self._clients = tuple(clients)
        self._retrier = retrier
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the connection pools."""
        async with AsyncExitStack() as stack:
            for client in self._clients:
                await stack.enter_async_context(client)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection pools."""
        await self._stack.aclose()

    async def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: AttemptMeter = FREE,
        shared: SharedPrompt | None = None,
    ) -> Reply:
        """Ask once, retrying what may be retried; raises as ModelClient says, or UsageError."""
        body = self._clients[0].body(messages, sampling, shared)
        return await self._retrier.run(
            lambda endpoint: self._clients[endpoint.number].attempt(body, shared),
            meter,
            prompt_characters=characters_of(messages),
        )
