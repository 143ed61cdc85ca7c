"""How many requests of one server are under way: as many as it bears, and as fast as it allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from utilities.models.pacing.rate_limits import Load, RateLimits

START = 20
"""Requests under way at first; up to here nothing has to be found out."""
FLOOR = 5
"""So few requests are never made fewer: their pauses suffice."""
HOLD_S = 15.0
"""After a cut the limit stays for so long: the rejections of one burst are one piece of news."""


class RateGate:
    """A number of places that follows the provider's rate limit, up to a ceiling.

    The size doubles with each round of replies until the first rejection (as TCP's slow start,
    RFC 5681). Each burst of rejections makes it 0.8 times itself; after a hold it grows by a
    twentieth a round, but only while four fifths of it are in use: what is not used proves
    nothing. A server's error begins the round anew. A request keeps its place during its pauses
    between attempts, so that a limited provider sees fewer requests at once.

    Before each attempt `admit` waits for what is shared by all of them: the pause that a rejection
    named, and the limits of requests and tokens a minute. Places are given by Endpoints.
    """

    def __init__(
        self,
        ceiling: int,
        *,
        start: int = START,
        limits: RateLimits | None = None,
        stopping: asyncio.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ceiling` is at least 1; once `stopping` is set nothing waits; `clock` gives seconds."""
        self._ceiling = max(1, ceiling)
        self._exact_size = float(max(1, min(start, self._ceiling)))
        self.limits = limits or RateLimits(clock=clock)
        self._stopping = stopping or asyncio.Event()
        self._clock = clock
        self.under_way = 0
        self._replies_in_round = 0
        self._hold_until = self._paused_until = float("-inf")
        self._was_limited = False
        self._line = asyncio.Lock()

    @property
    def size(self) -> int:
        """How many requests may be under way now."""
        return int(self._exact_size)

    @property
    def has_room(self) -> bool:
        """Whether one more request may begin."""
        return self.under_way < self.size

    @property
    def pause_left_s(self) -> float:
        """What is left of the pause that a rejection named, in seconds."""
        return max(0.0, self._paused_until - self._clock())

    async def admit(
        self, prompt_characters: int = 0, *, patience_s: float = float("inf")
    ) -> Load | None:
        """Wait until an attempt may be sent, first come, first served; what it is counted as.

        None, at once, where the provider's own pause is longer than `patience_s`.
        """
        async with self._line:
            load = self.limits.estimate(prompt_characters)
            while not self._stopping.is_set():
                pause_s = self.pause_left_s
                if pause_s > patience_s:
                    return None
                delay_s = max(pause_s, self.limits.wait_s(load))
                if delay_s <= 0:
                    break
                await self._wait(delay_s)
            self.limits.take(load)
        return load

    async def _wait(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    def replied(self) -> None:
        """Count a reply towards the round after which the size grows."""
        if self._clock() < self._hold_until or self.under_way < 0.8 * self.size:
            return
        self._replies_in_round += 1
        if self._replies_in_round >= self.size:
            step = max(1.0, self._exact_size * (0.05 if self._was_limited else 1.0))
            self._resize(min(self._ceiling, self._exact_size + step))

    def failed(self) -> None:
        """Begin the round anew: a server in trouble is not asked for more."""
        self._replies_in_round = 0

    def limited(self, retry_after_s: float | None) -> None:
        """Shrink after a rejection, unless it belongs to a burst that was heard of.

        A pause that the rejection names is everybody's.
        """
        now = self._clock()
        self._paused_until = max(self._paused_until, now + (retry_after_s or 0.0))
        if now < self._hold_until:
            return
        self._was_limited = True
        self._hold_until = now + max(HOLD_S, retry_after_s or 0.0)
        self._resize(max(min(FLOOR, self._ceiling), self._exact_size * 0.8))

    def _resize(self, exact_size: float) -> None:
        self._exact_size = exact_size
        self._replies_in_round = 0
