"""Exchanges with a batch endpoint: read, triaged, and made again where that may help."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from utilities.errors import AttemptFailed, NotAsked, TimedOut
from utilities.models.json_fields import JSONObject
from utilities.models.pacing.retry_policy import RetryPolicy
from utilities.models.triage import Triage

if TYPE_CHECKING:
    from types import ModuleType

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@contextmanager
def triaged(triage: Triage, sdk: ModuleType) -> Iterator[None]:
    """Turn what the SDK (`openai` or `anthropic`) raises into the errors of this toolkit."""
    import aiohttp  # loaded with the client
    import httpx2

    try:
        yield
    except sdk.APIStatusError as error:
        raise triage.answer(
            error.status_code, error.body or error.response.text, error.response.headers
        ) from error
    except (sdk.APIConnectionError, httpx2.HTTPError, aiohttp.ClientError) as error:
        raise triage.connection(error) from error


def object_of(content: bytes, triage: Triage) -> JSONObject:
    """The JSON object in an answer; raises AttemptFailed where there is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise triage.no_reply("the answer is no JSON") from error
    if not isinstance(found, dict):
        raise triage.no_reply("the answer is no JSON object")
    if found.get("error"):
        raise triage.error_in_success(found["error"])
    return found


async def json_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[JSONObject]:
    """The objects of a JSON Lines stream; a line that is none is passed over.

    Lines end at newlines only: replies may hold other characters that Python takes for line ends.
    """
    rest = bytearray()
    async for chunk in chunks:
        rest += chunk
        if b"\n" not in chunk:
            continue
        *whole, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in whole:
            if (found := _object_in(line)) is not None:
                yield found
    if (found := _object_in(bytes(rest))) is not None:
        yield found


def _object_in(line: bytes) -> dict[str, Any] | None:
    if not line.strip():
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        _log.warning("a line of a batch's results is no JSON: %.200r", line)
        return None
    return found if isinstance(found, dict) else None


class Calls:
    """Makes exchanges again after what may pass, each with a total timeout.

    Only for those that buy nothing, or nothing twice.
    """

    def __init__(
        self, name: str, timeout_s: float, policy: RetryPolicy, stopping: asyncio.Event
    ) -> None:
        """`name` is the model's, for messages."""
        self._name, self._timeout_s = name, timeout_s
        self.policy, self._stopping = policy, stopping

    async def once(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """One exchange; raises AttemptFailed after its time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await call()
        except TimeoutError as error:
            message = f"{self._name}: no whole answer within {self._timeout_s:g} s"
            raise AttemptFailed(TimedOut, message) from error

    async def again(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Up to the policy's attempts; raises what the last failure becomes.

        Raises NotAsked where the run is stopping instead of trying again.
        """
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self.once(call)
            except AttemptFailed as failure:
                delay_s = self.delay_s(attempts, failure)
                _log.info("%s; attempt %d, again in %.1f s", failure, attempts, delay_s)
            await self.pause(delay_s)

    def delay_s(self, attempts: int, failure: AttemptFailed) -> float:
        """The pause before the next attempt; raises what `failure` becomes where none follows."""
        delay_s = self.policy.delay_s(attempts, failure.retry_after_s)
        if attempts >= self.policy.max_attempts or delay_s > self.policy.max_total_s:
            raise failure.becomes(str(failure), attempts=attempts) from failure
        return delay_s

    async def pause(self, delay_s: float) -> None:
        """Wait; raises NotAsked as soon as the run is stopping."""
        with suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        self.check_stopping()

    def check_stopping(self) -> None:
        """Raise NotAsked where the run is stopping."""
        if self._stopping.is_set():
            raise NotAsked(f"{self._name}: the run was stopping")
