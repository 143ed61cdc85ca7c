"""What the clients over the two SDKs have in common: connections, headers, one request."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from utilities.config import keys_hidden
from utilities.model_catalogue import ModelEntry
from utilities.models.costs import cost_of
from utilities.models.exchange import Exchange
from utilities.models.interface import (
    FREE,
    AttemptMeter,
    Message,
    Reply,
    Sampling,
    SharedPrompt,
    Usage,
)
from utilities.models.json_fields import parse_json
from utilities.models.pacing.rate_limits import RateLimits
from utilities.models.pacing.retry import Retrier
from utilities.models.sampling import check_sampling
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 30.0
"""For a connection to come about; how long a reply may take is the retry layer's to say."""


class VendorClient(Protocol):
    """What both SDKs' clients are, as far as they are used alike."""

    @property
    def auth_headers(self) -> Mapping[str, str]:
        """The key, as the vendor wants it."""

    @property
    def default_headers(self) -> Mapping[str, Any]:
        """The others; what is no string is to be left out."""

    async def close(self) -> None:
        """Close the connection pool."""


_NO_USAGE = Usage()

SDK = TypeVar("SDK", bound=VendorClient)


def characters_of(messages: Sequence[Message]) -> int:
    """The length of a prompt."""
    return sum(len(message["content"]) for message in messages)


def unheard() -> None:
    """What is called where nobody listens."""


class SDKClient(ABC, Generic[SDK]):
    """A ModelClient on a vendor's SDK, on its aiohttp backend and without its own retries."""

    path: ClassVar[str]
    """Where requests are posted, below the base URL."""

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
        self._checked: Sampling | None = None
        self._opened: SDK | None = None
        self._http: httpx2.AsyncClient
        self._exchange: Exchange

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        with keys_hidden():
            self._opened = sdk = self._open()
            headers = dict(sdk.default_headers) | dict(sdk.auth_headers)
        url = self._entry.base_url.rstrip("/") + self.path
        self._exchange = Exchange(self._http, url, headers, CONNECT_TIMEOUT_S)
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
        if sampling is not self._checked:
            check_sampling(self._entry, sampling)
            self._checked = sampling
        body = self._body(messages, sampling)
        return body if shared is None else body | self._caching()

    async def attempt(self, body: dict[str, Any], shared: SharedPrompt | None = None) -> Reply:
        """One request, without retries; raises what went wrong."""
        import aiohttp  # loaded with the SDK
        import httpx2

        try:
            async with self._exchange.post(body) as response:
                self._limits.hear(response.headers)
                if not response.is_success:
                    raise self._refusal(response, await response.aread())
                reply = await self._read(response, unheard if shared is None else shared.begun)
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            raise self._triage.connection(error) from error
        cost_usd = reply.cost_usd
        if cost_usd is None and reply.usage != _NO_USAGE:
            cost_usd = cost_of(self._entry, reply.usage)
        return replace(reply, model=reply.model or self._entry.model_id, cost_usd=cost_usd)

    def _refusal(self, response: httpx2.Response, content: bytes) -> Exception:
        try:
            body = parse_json(content)
        except (ValueError, RecursionError):
            body = content.decode("utf-8", "replace")
        return self._triage.answer(response.status_code, body, response.headers)

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
        # A redirected POST could be asked, and paid for, many times over.
        self._http = http_client(limits=limits, follow_redirects=False)
        return {
            "api_key": self._key,
            "base_url": self._entry.base_url,
            "max_retries": 0,
            "timeout": httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
            "http_client": self._http,
        }

    @abstractmethod
    def _open(self) -> SDK:
        """The SDK's client, made while the environment's variables are hidden from it."""

    @abstractmethod
    def _body(self, messages: list[Message], sampling: Sampling) -> dict[str, Any]:
        """What is sent."""

    @abstractmethod
    async def _read(self, response: httpx2.Response, begun: Callable[[], None]) -> Reply:
        """The reply in an answer that is no error; `begun` is to be called at its first byte."""
