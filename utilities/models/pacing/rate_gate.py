"""Limits the requests under way at one server to what it can take and allows."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from utilities.models.pacing.rate_limits import Load, RateLimits

START = 20
"""Requests under way at first; every server can take these."""
FLOOR = 5
"""No fewer requests than these: the pauses between them suffice."""
HOLD_S = 15.0
"""After a cut the size stays for so long: the rejections of one burst count once."""


async def pause(delay_s: float, stopping: asyncio.Event) -> None:
    """Wait for `delay_s` seconds, or until the run is stopping."""
    with suppress(TimeoutError):
        async with asyncio.timeout(delay_s):
            await stopping.wait()


class RateGate:
    """A number of places that follows the provider's rate limit, up to a ceiling.

    The size doubles with each round of replies until the first rejection (as TCP's slow start,
    RFC 5681). Each burst of rejections multiplies it by 0.8. After a hold it grows by a twentieth
    a round, but only if four fifths of it are in use: unused places prove nothing. A server's
    error begins the round anew. A request keeps its place during its pauses between attempts, so
    that a limited provider sees fewer requests at once.

    Before each attempt `admit` waits for what all of them share: the pause that a rejection named,
    and the limits of requests and tokens a minute. Endpoints hands out the places.
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
        """Wait until an attempt may be sent, first come, first served; the load that it counts as.

        Returns None at once if the provider's own pause is longer than `patience_s`.
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
                await pause(delay_s, self._stopping)
            self.limits.take(load)
        return load

    def replied(self) -> None:
        """Count a reply towards the round after which the size grows."""
        if self._clock() < self._hold_until or self.under_way < 0.8 * self.size:
            return
        self._replies_in_round += 1
        if self._replies_in_round >= self.size:
            step = max(1.0, self._exact_size * (0.05 if self._was_limited else 1.0))
            self._resize(min(self._ceiling, self._exact_size + step))

    def failed(self) -> None:
        """Begin the round anew: a server in trouble gets no more requests."""
        self._replies_in_round = 0

    def limited(self, retry_after_s: float | None) -> None:
        """Shrink after a rejection, unless it belongs to a burst that was counted.

        A pause that the rejection names holds for all requests.
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
