"""What the clients over the two SDKs have in common: connections, headers, one request."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from utilities.config import keys_hidden
from utilities.model_catalogue import ModelEntry
from utilities.model_clients.base import (
    FREE,
    AttemptMeter,
    Message,
    Reply,
    Sampling,
    SharedPrompt,
)
from utilities.model_clients.rate_limits import RateLimits
from utilities.model_clients.retry import Retrier
from utilities.model_clients.sampling import check_sampling
from utilities.model_clients.triage import Triage

CONNECT_TIMEOUT_S = 30.0
"""For a connection to come about; how long a reply may take is the retry layer's to say."""


class Closable(Protocol):
    """What both SDKs' clients are, as far as their end is concerned."""

    async def close(self) -> None:
        """Close the connection pool."""


SDK = TypeVar("SDK", bound=Closable)


def characters_of(messages: Sequence[Message]) -> int:
    """The length of a prompt."""
    return sum(len(message["content"]) for message in messages)


def unheard() -> None:
    """What is called where nobody listens."""


class SDKClient(ABC, Generic[SDK]):
    """A ModelClient on a vendor's SDK, on its aiohttp backend and without its own retries."""

    def __init__(
        self,
        entry: ModelEntry,
        key: str,
        *,
        max_connections: int,
        retrier: Retrier,
        limits: RateLimits | None = None,
    ) -> None:
        """Keep the settings; the SDK is imported when the client is entered.

        `limits` are told what the answers' headers say of the server's rate limits.
        """
        self._entry, self._key = entry, key
        self._max_connections = max_connections
        self._retrier = retrier
        self._limits = limits or RateLimits()
        self._triage = Triage(entry, key)
        self._opened: SDK | None = None

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        with keys_hidden():
            self._opened = self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection pool."""
        if self._opened is not None:
            await self._opened.close()

    async def complete(
        self,
        messages: list[Message],
        sampling: Sampling,
        meter: AttemptMeter = FREE,
        shared: SharedPrompt | None = None,
    ) -> Reply:
        """Ask once, retrying what may be retried; raises as ModelClient says, or UsageError."""
        body = self.body(messages, sampling, shared)
        return await self._retrier.run(
            lambda _: self.attempt(body, shared), meter, prompt_characters=characters_of(messages)
        )

    def body(
        self, messages: list[Message], sampling: Sampling, shared: SharedPrompt | None
    ) -> dict[str, Any]:
        """What is sent; raises UsageError where the model does not take `sampling`."""
        check_sampling(self._entry, sampling)
        body = self._body(messages, sampling)
        return body if shared is None else body | self._caching()

    async def attempt(self, body: dict[str, Any], shared: SharedPrompt | None = None) -> Reply:
        """One request, without retries; raises what went wrong."""
        return await self._attempt(body, unheard if shared is None else shared.begun)

    def _caching(self) -> dict[str, Any]:
        """What is sent besides so that the provider caches the prompt; most do by themselves."""
        return {}

    @property
    def _sdk(self) -> SDK:
        assert self._opened is not None, "the client was not entered"
        return self._opened

    def _options(self, http_client: type[Any]) -> dict[str, Any]:
        """The options for the SDK's client; keeps httpx2's line a request out of the log, too."""
        import httpx2

        logging.getLogger("httpx2").setLevel(logging.WARNING)
        limits = httpx2.Limits(
            max_connections=self._max_connections, max_keepalive_connections=self._max_connections
        )
        return {
            "api_key": self._key,
            "base_url": self._entry.base_url,
            "max_retries": 0,
            "timeout": httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # A redirected POST could be asked, and paid for, many times over.
            "http_client": http_client(limits=limits, follow_redirects=False),
        }

    @abstractmethod
    def _open(self) -> SDK:
        """The SDK's client, made while the environment's variables are hidden from it."""

    @abstractmethod
    def _body(self, messages: list[Message], sampling: Sampling) -> dict[str, Any]:
        """What is sent."""

    @abstractmethod
    async def _attempt(self, body: dict[str, Any], begun: Callable[[], None] = unheard) -> Reply:
        """One request; `begun` is called at a reply's first byte; raises what went wrong."""
