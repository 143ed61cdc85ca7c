"""How many requests of one client are under way: as many as the provider bears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

START = 20
"""Requests under way at first; up to here nothing has to be found out."""
FLOOR = 5
"""So few requests are never made fewer: their pauses suffice."""
HOLD_S = 15.0
"""After a cut the limit stays for so long: the rejections of one burst are one piece of news."""


class RateGate:
    """A semaphore whose size follows the provider's rate limit, up to a ceiling.

    The size doubles with each round of replies until the first rejection (as TCP's slow start,
    RFC 5681). Each burst of rejections makes it 0.8 times itself; after a hold it grows by a
    twentieth a round, but only while four fifths of it are in use: what is not used proves
    nothing. A server's error begins the round anew. A request keeps its slot during its pauses
    between attempts, so that a limited provider sees fewer requests at once.
    """

    def __init__(self, ceiling: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`ceiling` is at least 1; `clock` gives seconds."""
        self._ceiling = max(1, ceiling)
        self._exact_size = float(min(START, self._ceiling))
        self._slots = asyncio.Semaphore(self.size)
        self._debt = 0  # Slots to be withdrawn as requests end.
        self._clock = clock
        self._under_way = 0
        self._replies_in_round = 0
        self._hold_until = float("-inf")
        self._was_limited = False

    @property
    def size(self) -> int:
        """How many requests may be under way now."""
        return int(self._exact_size)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait until a request may begin, and hold its place until the block ends."""
        await self._slots.acquire()
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._give_back(1)

    def replied(self) -> None:
        """Count a reply towards the round after which the size grows."""
        if self._clock() < self._hold_until or self._under_way < 0.8 * self.size:
            return
        self._replies_in_round += 1
        if self._replies_in_round >= self.size:
            step = max(1.0, self._exact_size * (0.05 if self._was_limited else 1.0))
            self._resize(min(self._ceiling, self._exact_size + step))

    def failed(self) -> None:
        """Begin the round anew: a server in trouble is not asked for more."""
        self._replies_in_round = 0

    def limited(self, retry_after_s: float | None) -> None:
        """Shrink after a rejection, unless it belongs to a burst that was heard of."""
        now = self._clock()
        if now < self._hold_until:
            return
        self._was_limited = True
        self._hold_until = now + max(HOLD_S, retry_after_s or 0.0)
        self._resize(max(min(FLOOR, self._ceiling), self._exact_size * 0.8))

    def _resize(self, exact_size: float) -> None:
        before, self._exact_size = self.size, exact_size
        self._replies_in_round = 0
        self._debt += max(0, before - self.size)
        self._give_back(max(0, self.size - before))

    def _give_back(self, count: int) -> None:
        for _ in range(count):
            if self._debt:
                self._debt -= 1
            else:
                self._slots.release()
