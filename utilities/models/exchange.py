"""One HTTP exchange over the connections, and with the headers, of a vendor's SDK.

The SDKs' own layer above these takes as much CPU as connection and journal together, for what is
done here anyway: retries, the meaning of errors, the reading of bodies.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import httpx2


class Exchange:
    """Posts JSON to one address."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        url: str,
        headers: Mapping[str, Any],
        connect_timeout_s: float,
    ) -> None:
        """`headers` are the SDK's; where one is no string, the SDK means to leave it out."""
        import httpx2  # loaded with the SDK

        named = {name: value for name, value in headers.items() if isinstance(value, str)}
        # What this HTTP client can unpack, which is not all that the connections could announce.
        named["accept-encoding"] = http.headers["accept-encoding"]
        self._http = http
        self._url = httpx2.URL(url)
        self._headers = httpx2.Headers(named)
        timeout = httpx2.Timeout(None, connect=connect_timeout_s)
        self._extensions = {"timeout": timeout.as_dict()}

    @asynccontextmanager
    async def post(self, body: dict[str, Any]) -> AsyncIterator[httpx2.Response]:
        """The answer, its body still to be read; raises what HTTP client and connection raise."""
        import httpx2

        request = httpx2.Request(
            "POST",
            self._url,
            headers=self._headers,
            content=encoded(body),
            extensions=self._extensions,
        )
        response = await self._http.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()


def encoded(body: dict[str, Any]) -> bytes:
    """A body as JSON."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # lone surrogates, or numbers beyond 64 bits
        return json.dumps(body).encode("ascii")
