"""What both SDKs' connections have in common."""

from __future__ import annotations

import logging
from typing import Any

from utilities.model_catalogue import ModelEntry

CONNECT_TIMEOUT_S = 30.0
"""For a connection to come about; how long a reply may take is the retry layer's to say."""


def sdk_options(
    entry: ModelEntry, key: str, http_client: type[Any], max_connections: int
) -> dict[str, Any]:
    """The options for an SDK's client on its aiohttp backend, without retries of its own.

    Also keeps httpx2's line for each request out of the log.
    """
    import httpx2

    logging.getLogger("httpx2").setLevel(logging.WARNING)
    limits = httpx2.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections
    )
    return {
        "api_key": key,
        "base_url": entry.base_url,
        "max_retries": 0,
        "timeout": httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
        # A redirected POST could be asked, and paid for, many times over.
        "http_client": http_client(limits=limits, follow_redirects=False),
    }
