"""What the clients of all APIs share: connections, headers, and one HTTP exchange.

Connections and headers are those of a vendor's SDK. The SDKs' own layer above them takes as much
CPU as connection and journal together, for what is done here anyway: retries, the meaning of
errors, the reading of bodies.
"""

from __future__ import annotations

import asyncio
import logging
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from utilities.config import keys_hidden
from utilities.errors import (
    AttemptFailed,
    ProviderFailed,
    Rejected,
    ToolkitError,
    UsageError,
    WrongAddress,
)
from utilities.model_catalogue import ModelEntry
from utilities.models.bodies import Body, EventReader, packed_text
from utilities.models.costs import named_cost, priced
from utilities.models.interface import Begun, Message, Meter, Reply, Sampling, Tool
from utilities.models.json_fields import (
    JSONObject,
    encode_json,
    has_field,
    parse_json,
    without,
)
from utilities.models.pacing.rate_limits import RateLimits
from utilities.models.stream_watch import StreamWatch
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)

_END_TIMEOUT_S = 0.5
"""How long the end of a connection is waited for after a reply that is whole."""
_COST = "x-litellm-response-cost"
"""The header in which LiteLLM's proxy names the cost of a reply."""
_CONNECT_TIMEOUT_S = 30.0
"""To open a connection; the retry layer limits how long a reply may take."""


class APIClient(ABC):
    """One server of a model, asked in one API; `opened` before use. Nothing is retried here."""

    path: ClassVar[str]
    """Where requests are posted, below the base URL."""
    caching: ClassVar[Mapping[str, Any]] = {}
    """Added to a body so that the provider caches the prompt; most providers need nothing."""
    streaming: ClassVar[Mapping[str, Any]] = {}
    """Added to a body so that the reply comes as a stream; nothing if the API has none."""
    droppable: ClassVar[Mapping[str, str]] = {}
    """Fields that a server may not take, and a pattern of its words for that.

    A field is a path such as "reasoning.summary".
    """

    def __init__(self, entry: ModelEntry, key: str, limits: RateLimits | None = None) -> None:
        """`limits` are updated from the rate limits that the answers' headers name."""
        self.entry, self.key = entry, key
        self.triage = Triage(entry, key)
        self._limits = limits or RateLimits()
        self._urls: list[httpx2.URL] = []
        self._wrong_urls: dict[httpx2.URL, WrongAddress] = {}
        self._is_right_url = False
        self._dropped: set[str] = set()
        self._http: httpx2.AsyncClient
        self._post: dict[str, Any]

    @asynccontextmanager
    async def opened(self, max_connections: int) -> AsyncIterator[Self]:
        """Open the connection pool; the SDK is imported now, not before."""
        with keys_hidden():
            self._http, headers = self.connect(max_connections)
        import httpx2  # loaded with the SDK

        # A header that is no string is one that the SDK leaves out. Those about the SDK itself and
        # this machine serve no request, and each costs CPU.
        named = {
            name: value
            for name, value in headers.items()
            if isinstance(value, str) and not name.lower().startswith("x-stainless-")
        }
        # What this HTTP client can unpack, which is not all that the connections could announce.
        named["accept-encoding"] = self._http.headers["accept-encoding"]
        timeout = httpx2.Timeout(None, connect=_CONNECT_TIMEOUT_S)
        self._urls = [httpx2.URL(url) for url in self._usual_urls()]
        self._post = {
            "method": "POST",
            "url": self._urls[0],
            "headers": httpx2.Headers(named),
            "extensions": {"timeout": timeout.as_dict()},
        }
        async with aclosing(self._http):
            yield self

    async def send(self, body: JSONObject, meter: Meter, begun: Begun) -> Reply:
        """One request, within the model's time limits.

        Whatever ends it, also a time limit or a cancellation: what has come of a success is in
        the reply, or given to `meter.keep`. Raises AttemptFailed if the request may be made again,
        else what went wrong.
        """
        import aiohttp  # loaded with the SDK
        import httpx2

        body = without(body, self._dropped)
        request = httpx2.Request(**self._post, content=encode_json(body))
        received, reply, failure = Body(self.event_reader()), None, None
        limit = asyncio.timeout(self.entry.request_timeout_s)
        watch = StreamWatch(limit, received, self.entry.stall_timeout_s, meter.name)
        try:
            try:
                async with limit, aclosing(await self._http.send(request, stream=True)) as response:
                    self._limits.hear(response.headers)
                    if not response.is_success:
                        raise self._refusal(response, await response.aread(), body)
                    self._is_right_url = True
                    received.named_cost_usd = named_cost(response.headers.get(_COST))
                    with watch:
                        await _receive(_unpacked(response), received, watch, begun)
            except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
                failure = self._cut_short(error, watch)
            reply = self._reply_in(received, failure)
        finally:
            if reply is None and received.has_begun and meter.keep is not None:
                meter.keep(self.triage.without_key(received.text()))
        return reply

    def _cut_short(self, error: Exception, watch: StreamWatch) -> AttemptFailed:
        """The failure of an exchange whose connection broke or fell silent, or that was late."""
        failure = self.triage.connection(error)
        if watch.is_stalled:
            failure = self.triage.late(self.entry.stall_timeout_s, "nothing more of the reply")
        elif watch.limit.expired():
            failure = self.triage.late(self.entry.request_timeout_s, "no whole reply")
        failure.__cause__ = error
        return failure

    def _reply_in(self, body: Body, failure: AttemptFailed | None) -> Reply:
        """The reply in what has come; raises `failure`, if the exchange had one, if there is none.

        A reply may be whole although its connection broke.
        """
        if failure is not None and not body.has_begun:
            raise failure
        try:
            return self._priced(body)
        except ToolkitError as error:
            told = failure or error
            if isinstance(told, AttemptFailed):
                told.has_answer = True
            raise told from told.__cause__

    def read(self, text: str) -> Reply:
        """The reply in a body that `keep` was given; raises ToolkitError if there is none."""
        body = Body(self.event_reader())
        body.take(text.encode("utf-8", "replace"))
        return self._priced(body)

    def _priced(self, body: Body) -> Reply:
        """The reply in a body, with its cost and the body itself."""
        reply, text = self._reply(body), self.triage.without_key(body.text())
        reply = _without_secrets(reply, self.triage)
        if body.is_stream:  # no header before a stream can know what it will cost
            return priced(self.entry, reply, body_zlib=packed_text(text))
        return priced(self.entry, reply, cost_usd=body.named_cost_usd, body=text)

    def _reply(self, body: Body) -> Reply:
        try:
            if body.is_stream:
                return body.streamed_reply()
            return self.read_document(body.document())
        except (ValueError, RecursionError) as error:
            raise self.triage.unreadable(body.text(), is_stream=body.is_stream) from error

    def _refusal(self, response: httpx2.Response, content: bytes, sent: JSONObject) -> Exception:
        """What an answer means that is no success."""
        try:
            body = parse_json(content)
        except (ValueError, RecursionError):
            body = content.decode("utf-8", "replace")
        url = response.request.url
        found = self.triage.answer(response.status_code, body, response.headers, str(url))
        if not isinstance(found, WrongAddress):
            self._is_right_url = True
            return self._asked_for_less(found, sent, response.status_code)
        if url != self._post["url"]:  # sent before the right one was found
            return _at_the_other_path(found, response.status_code)
        if not self._is_right_url:
            return self._elsewhere(url, found, response.status_code)
        return found

    def _asked_for_less(
        self, refusal: ToolkitError, sent: JSONObject, status_code: int
    ) -> ToolkitError:
        """Have requests do without a field that is only added here, if it is what was refused."""
        if not isinstance(refusal, Rejected):
            return refusal
        words = str(refusal).lower()
        for path, pattern in self.droppable.items():
            if has_field(sent, path) and re.search(pattern, words):
                if path not in self._dropped:
                    _log.warning("%s; asked without %s from now on", refusal, path)
                self._dropped.add(path)
                return AttemptFailed(
                    ProviderFailed, str(refusal), retry_after_s=0.0, status_code=status_code
                )
        return refusal

    def _elsewhere(self, url: httpx2.URL, wrong: WrongAddress, status_code: int) -> Exception:
        """Have requests sent to the other usual path from now on; the error if it is wrong too.

        Servers have their API at the root or below /v1, and a user may know either.
        """
        self._wrong_urls[url] = wrong
        left = [other for other in self._urls if other not in self._wrong_urls]
        if not left:
            said = "; ".join(map(str, self._wrong_urls.values()))
            return WrongAddress(f"{said}: mend --base_url")
        self._post["url"] = left[0]
        return _at_the_other_path(wrong, status_code)

    def _usual_urls(self) -> tuple[str, str]:
        """Where requests are posted: as the base URL says, then with or without /v1 instead."""
        url = self.entry.base_url.rstrip("/") + self.path
        end = self.path.removeprefix("/v1")
        root = url.removesuffix(end)
        without = root.removesuffix("/v1")
        return url, (root + "/v1" if without == root else without) + end

    @abstractmethod
    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        """The connection pool, and the headers of each request, the key among them.

        No variable of the environment that could hold a key is visible meanwhile.
        """

    @abstractmethod
    def body(self, messages: list[Message], sampling: Sampling) -> JSONObject:
        """What is posted."""

    def tool_fields(self, tools: Sequence[Tool]) -> JSONObject:
        """What a body has besides if the model may call tools; raises UsageError if none can be."""
        del tools
        raise UsageError(
            f"{self.entry.name}: no tools can be called by the API {self.entry.api}; use "
            "--tools python_text"
        )

    def event_reader(self) -> EventReader | None:
        """Puts a reply together from the events of a stream; None if the API has no streams."""
        return None

    @abstractmethod
    def read_document(self, document: object) -> Reply:
        """The reply in a whole answer; raises what `triage` makes of one that is no reply."""


def _without_secrets(reply: Reply, triage: Triage) -> Reply:
    """The reply without a key in its words, which a gateway may put there."""
    text = triage.without_key(reply.text)
    reasoning = reply.reasoning and triage.without_key(reply.reasoning)
    if (text, reasoning) == (reply.text, reply.reasoning):
        return reply
    return replace(reply, text=text, reasoning=reasoning)


def _at_the_other_path(wrong: WrongAddress, status_code: int) -> AttemptFailed:
    return AttemptFailed(
        ProviderFailed, str(wrong), retry_after_s=0.0, has_answer=True, status_code=status_code
    )


def _unpacked(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body's bytes as they come."""
    encoding = response.headers.get("content-encoding")
    if encoding is None:  # no layer between that would look at each part
        return response.aiter_raw()
    return _unzipped(response.aiter_raw()) if encoding == "gzip" else response.aiter_bytes()


async def _unzipped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes of a gzip body; from where it is not packed as it says, they are left as is."""
    packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
    is_packed = True
    async for chunk in chunks:
        part = chunk
        if is_packed:
            try:
                part = packed.decompress(chunk)
            except zlib.error:
                is_packed = False
        if part:
            yield part


async def _receive(
    chunks: AsyncIterator[bytes], body: Body, watch: StreamWatch, begun: Begun
) -> None:
    """Take a body to its end; after a whole stream the end is not waited for long."""
    async for chunk in chunks:
        begun()
        body.take(chunk)
        watch.hear()
        if body.is_whole:
            break
    with suppress(TimeoutError):  # so that the connection can be used again
        async with asyncio.timeout(_END_TIMEOUT_S):
            async for chunk in chunks:
                body.take(chunk)


def sdk_options(
    entry: ModelEntry, key: str, http_client: type[httpx2.AsyncClient], max_connections: int
) -> dict[str, Any]:
    """The options for a vendor's SDK: on its aiohttp backend and without its own retries."""
    import httpx2

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs a line a request
    limits = httpx2.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections
    )
    return {
        "api_key": key,
        "base_url": entry.base_url,
        "default_headers": dict(entry.extra_headers),
        "max_retries": 0,
        "timeout": httpx2.Timeout(None, connect=_CONNECT_TIMEOUT_S),
        # A redirected POST could be sent, and paid for, many times over.
        "http_client": http_client(limits=limits, follow_redirects=False),
    }
