"""The servers that one model is asked at: least busy first, a dead one left out for a while."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from utilities.models.pacing.rate_gate import RateGate

FAILURES_BEFORE_OUT = 3
"""Failures in a row that take a server out; if it cannot be reached, one suffices."""
FIRST_OUTAGE_S = 5.0
LONGEST_OUTAGE_S = 120.0

_log = logging.getLogger(__name__)


class Endpoint:
    """One server, its gate and its health."""

    def __init__(self, url: str, gate: RateGate, number: int = 0) -> None:
        """`number` is its place among the servers."""
        self.url, self.gate, self.number = url, gate, number
        self.failures_in_a_row = 0
        self.outages = 0
        self.out_until = float("-inf")


class Endpoints:
    """Gives each request a place at one of the servers, first come, first served.

    A server that fails repeatedly is out for 5 s. Then it gets one trial request; each time that
    this fails too, the server is out for twice as long. With one server, or when all are out, all
    are asked within the retry layer's bounds.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        *,
        most: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most `most` requests are under way at all servers together; `clock` gives seconds."""
        self._endpoints = tuple(endpoints)
        self._most = most or 10**9
        self._clock = clock
        self._under_way = 0
        self._waiting: deque[asyncio.Future[Endpoint]] = deque()

    def __len__(self) -> int:
        """How many servers there are."""
        return len(self._endpoints)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Endpoint]:
        """Wait for a place at the least busy server, and hold it until the block ends."""
        endpoint = None if self._waiting else self._choose()
        if endpoint is None:
            endpoint = await self._wait()
        else:
            self._enter(endpoint)
        try:
            yield endpoint
        finally:
            self._leave(endpoint)

    async def _wait(self) -> Endpoint:
        future: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._give_places()
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled():  # the place came in the same moment
                self._leave(future.result())
            raise

    def _enter(self, endpoint: Endpoint) -> None:
        endpoint.gate.under_way += 1
        self._under_way += 1
        if endpoint.outages and self._clock() >= endpoint.out_until:
            self._take_out(endpoint)  # this request is the trial, and the only one

    def _leave(self, endpoint: Endpoint) -> None:
        endpoint.gate.under_way -= 1
        self._under_way -= 1
        self._give_places()

    def _give_places(self) -> None:
        """Give free places to the requests that wait."""
        while self._waiting:
            if self._waiting[0].cancelled():
                self._waiting.popleft()
                continue
            endpoint = self._choose()
            if endpoint is None:
                return
            self._enter(endpoint)
            self._waiting.popleft().set_result(endpoint)

    def _choose(self) -> Endpoint | None:
        """The least busy server with room, of those that can be asked now; None if none has."""
        if self._under_way >= self._most:
            return None
        usable = [endpoint for endpoint in self._endpoints if self._is_in(endpoint)]
        usable = usable or list(self._endpoints)
        usable = [one for one in usable if not one.gate.pause_left_s] or usable
        free = [endpoint for endpoint in usable if endpoint.gate.has_room]
        if not free:
            return None
        return min(free, key=lambda endpoint: endpoint.gate.under_way / endpoint.gate.size)

    def _is_in(self, endpoint: Endpoint) -> bool:
        """In service, or due for a trial."""
        return not endpoint.outages or self._clock() >= endpoint.out_until

    def another_is_in(self, endpoint: Endpoint) -> bool:
        """Whether a request that failed here can go elsewhere at once."""
        return any(self._is_in(other) for other in self._endpoints if other is not endpoint)

    def answered(self, endpoint: Endpoint) -> None:
        """The server works: it is in service."""
        if endpoint.outages:
            _log.info("%s answers again", endpoint.url)
        endpoint.failures_in_a_row = endpoint.outages = 0
        self._give_places()  # the gate may have grown

    def paused(self, endpoint: Endpoint) -> None:
        """The server has named a pause; when it ends, requests that wait may get places."""
        self._look_again_in(endpoint.gate.pause_left_s)

    def failed(self, endpoint: Endpoint, *, unreachable: bool) -> None:
        """Count a failure of the server, and take it out if it is dead."""
        endpoint.failures_in_a_row += 1
        dead = unreachable or endpoint.failures_in_a_row >= FAILURES_BEFORE_OUT
        if dead and not endpoint.outages and len(self) > 1:
            self._take_out(endpoint)

    def _take_out(self, endpoint: Endpoint) -> None:
        outage_s = min(LONGEST_OUTAGE_S, FIRST_OUTAGE_S * 2.0**endpoint.outages)
        endpoint.outages = min(endpoint.outages + 1, 16)
        endpoint.out_until = self._clock() + outage_s
        _log.warning("%s is left out for %.0f s: it fails", endpoint.url, outage_s)
        self._look_again_in(outage_s)

    def _look_again_in(self, delay_s: float) -> None:
        if delay_s > 0 and len(self) > 1:
            asyncio.get_running_loop().call_later(delay_s, self._give_places)
