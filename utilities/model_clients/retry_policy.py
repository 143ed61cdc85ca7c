"""How a failed attempt is told from a failed request, and how often and soon it is made again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from utilities.errors import RequestFailed, ToolkitError


class AttemptFailed(ToolkitError):
    """One attempt failed in a way that may pass; it never leaves the retry layer.

    `becomes` is the error to raise when no attempt is left. `retry_after_s` is what the provider
    asked for. `unreachable`: no connection was made at all. `billable`: the provider may have
    made a reply, and charge for it. `status_code` is the HTTP status, None where none came.
    """

    def __init__(
        self,
        becomes: type[RequestFailed],
        message: str,
        *,
        retry_after_s: float | None = None,
        unreachable: bool = False,
        billable: bool = False,
        status_code: int | None = None,
    ) -> None:
        """Keep the cause for the log, and for the error that it may become."""
        super().__init__(message)
        self.becomes = becomes
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable
        self.billable = billable
        self.status_code = status_code


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
