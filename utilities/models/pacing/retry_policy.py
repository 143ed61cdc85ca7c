"""How a failed attempt is told from a failed request, and how often and soon it is made again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how long and how soon a request is tried again."""

    max_attempts: int = 6
    # HTTP requests for one reply that fail otherwise than by a rate limit.
    max_rate_limited: int = 30
    # Requests that a rate limit rejects: they cost nothing, and a storm passes.
    max_total_s: float = 600.0
    # No pause that ends later than this after the first attempt began is entered; what a
    # request waits for its place, or for the limits of requests a minute, does not count.
    first_delay_s: float = 0.5
    # The pause after the first attempt; it doubles with each one.
    max_delay_s: float = 60.0
    # Where doubling ends. A provider's own Retry-After is not cut.
    jitter: float = 0.5
    # The share of a pause that is left to chance, so that requests do not return in step.
    max_attempts_unreachable: int = 3
    # While nothing has ever answered: more likely a wrong address than a bad moment.

    def delay_s(self, attempts: int, retry_after_s: float | None = None) -> float:
        """The pause after that many attempts; never less than the provider asked for."""
        chance = 1 - self.jitter * random.random()  # noqa: S311 (nobody guesses a pause)
        if retry_after_s is not None:
            return retry_after_s + self.first_delay_s * (1 - chance)
        doublings = min(attempts - 1, 32)
        return min(self.max_delay_s, self.first_delay_s * 2.0**doublings) * chance
