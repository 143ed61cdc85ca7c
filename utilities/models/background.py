"""Responses that the provider makes in the background: begun once, then fetched by their id.

The id is noted before the first fetch, so that a killed run's replies are fetched by the next one.
Only a run that is killed between the provider's start and the note loses a reply.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from utilities.errors import AttemptFailed, ProviderFailed, UnknownModel
from utilities.models.interface import Meter
from utilities.models.json_fields import JSONObject, encode_json, parse_json, text_at
from utilities.models.pacing.retry import RetryPolicy
from utilities.models.triage import Triage

if TYPE_CHECKING:
    import httpx2

_log = logging.getLogger(__name__)

_UNDER_WAY = frozenset({"queued", "in_progress"})
_EXCHANGE_TIMEOUT_S = 60.0
"""For one exchange: the provider answers at once, whatever has become of a response."""
_MAX_PAUSE_S = 15.0
"""The longest pause between two fetches."""


class BackgroundResponses:
    """The responses of one server."""

    def __init__(
        self, http: httpx2.AsyncClient, post: Mapping[str, Any], triage: Triage, delay_s: float
    ) -> None:
        """`post` is what each request has; the first fetch follows after about `delay_s`."""
        self._http = http
        self._post = post
        self._triage = triage
        self._pauses = RetryPolicy(first_delay_s=delay_s, max_delay_s=_MAX_PAUSE_S)

    async def begin(self, body: JSONObject, meter: Meter) -> str:
        """Have a response made, and its id noted; returns the id.

        Raises AttemptFailed if the provider may not have begun, else what an error means.
        """
        text = await self._exchange(self._post, encode_json(body))
        response_id = text_at(_object_in(text), "id")
        if not response_id:
            if meter.keep is not None:
                meter.keep(text)
            raise self._triage.no_reply("the answer names no response")
        if meter.note_response is not None:
            await meter.note_response(response_id)
        meter.response_id = response_id
        return response_id

    async def fetch(self, response_id: str, meter: Meter) -> str:
        """The response as it came, once it has ended; `meter` has no id any more then.

        Broken connections and busy servers are waited for: the response goes on meanwhile. Raises
        AttemptFailed if the provider does not know it any more, else what a final error means.
        """
        get = {
            **self._post, "method": "GET", "url": f"{self._post['url']}/{response_id}"
        }  # fmt: skip
        fetches = 0
        while True:
            fetches += 1
            try:
                text = await self._exchange(get, None)
            except AttemptFailed as failure:
                _log.debug("%s; fetched again", failure)
                pause_s = self._pauses.delay_s(fetches, failure.retry_after_s)
            except UnknownModel as error:  # a 404
                meter.response_id = None
                raise AttemptFailed(ProviderFailed, str(error), billable=True) from error
            else:
                if text_at(_object_in(text), "status") not in _UNDER_WAY:
                    meter.response_id = None
                    return text
                pause_s = self._pauses.delay_s(fetches)
            await asyncio.sleep(pause_s)

    async def _exchange(self, request: Mapping[str, Any], content: bytes | None) -> str:
        """The body of a success; raises what anything else means."""
        import aiohttp  # loaded with the SDK
        import httpx2

        try:
            async with asyncio.timeout(_EXCHANGE_TIMEOUT_S):
                response = await self._http.send(httpx2.Request(**request, content=content))
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            raise self._triage.connection(error) from error
        text = response.content.decode("utf-8", "replace")
        if not response.is_success:
            raise self._triage.answer(
                response.status_code, _object_in(text) or text, response.headers
            )
        return self._triage.without_key(text)


def _object_in(text: str) -> JSONObject:
    """The JSON object in a body; an empty one if there is none."""
    try:
        found = parse_json(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
