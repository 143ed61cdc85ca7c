"""The only retry layer: bounded by attempts and by time, every cause named.

The SDKs' own retries are off. They miss what fails in the middle of a reply, and multiplied with
these they would buy one reply several times over.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from utilities.config import DEFAULT_MAX_SILENCE_S, MAX_RETRY_DELAY_S
from utilities.errors import (
    AttemptFailed,
    FailedAttempt,
    FatalModelError,
    NotAsked,
    ProviderFailed,
    RateLimited,
    RequestFailed,
    ServerGone,
    ServerUnreachable,
    TimedOut,
    ToolkitError,
)
from utilities.models.interface import FREE, Meter, Reply
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_gate import pause
from utilities.models.pacing.rate_limits import Load

_log = logging.getLogger(__name__)

MOST_SILENT = 10
"""Attempts in a row; a single slow server may be silent for long, and well."""

Attempt: TypeAlias = Callable[[Endpoint], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how long and how soon a request is tried again."""

    max_attempts: int = 6
    # HTTP requests for one reply; those that a rate limit rejects do not count.
    max_rate_limited: int = 30
    # Requests that a rate limit rejects: they cost nothing, and it passes.
    max_total_s: float = 600.0
    # No pause begins that would end later than this after the first attempt began. The wait for a
    # place, or for the limits of requests a minute, does not count.
    first_delay_s: float = 0.5
    # The pause after the first attempt; it doubles with each one.
    max_delay_s: float = MAX_RETRY_DELAY_S
    # The longest such pause. A provider's own Retry-After is not shortened.
    jitter: float = 0.5
    # The share of a pause that is random, so that requests do not return all at once.
    max_silence_s: float = DEFAULT_MAX_SILENCE_S
    # When no server has answered for so long, and MOST_SILENT attempts in a row, the run ends.
    max_attempts_unreachable: int = 3
    # As long as nothing has ever answered: more likely a wrong address than a bad moment.

    def delay_s(self, attempts: int, retry_after_s: float | None = None) -> float:
        """The pause after that many attempts; never less than the provider asked for."""
        chance = 1 - self.jitter * random.random()  # noqa: S311 (no secret)
        if retry_after_s is not None:
            return retry_after_s + self.first_delay_s * (1 - chance)
        doublings = min(attempts - 1, 32)
        return min(self.max_delay_s, self.first_delay_s * 2.0**doublings) * chance


@dataclass(slots=True)
class _Request:
    """What has become of one request so far."""

    attempt: Attempt
    meter: Meter
    prompt_characters: int
    attempts: int = 0
    rate_limited: int = 0
    started: float = 0.0
    """When the first attempt began, later by the time that was waited for places and limits."""
    pause_s: float = 0.0
    """The pause before the next attempt."""
    cost_usd: float | None = None
    """What the reply costs."""
    failed: list[FailedAttempt] = field(default_factory=list)

    @contextmanager
    def metered(self) -> Iterator[None]:
        """Count an attempt, settle its cost, and write it down if it fails."""
        began = time.monotonic()
        self.started = self.started if self.attempts else began
        self.attempts += 1
        settle = self.meter.lost  # also if the attempt is cancelled
        try:
            yield
            settle = partial(self.meter.end, self.cost_usd)
        except ToolkitError as error:
            billable = isinstance(error, AttemptFailed) and error.billable
            if not billable:
                settle = partial(self.meter.end, 0.0)
            if isinstance(error, AttemptFailed | RequestFailed):
                worst_usd = self.meter.worst_usd if billable else 0.0
                self.failed.append(failed_attempt(error, time.monotonic() - began, worst_usd))
            raise
        finally:
            settle()


def failed_attempt(
    error: AttemptFailed | RequestFailed, latency_s: float, worst_usd: float | None
) -> FailedAttempt:
    """What is written down of an attempt that brought no reply."""
    cause = error.becomes.status if isinstance(error, AttemptFailed) else error.status
    return FailedAttempt(cause, error.status_code, round(latency_s, 3), worst_usd)


class Retrier:
    """Makes the attempts of one client's requests.

    Once `stopping` is set, no attempt begins and every pause ends; attempts in flight go on. With
    several servers, the attempt after a failure goes to the least busy of them.
    """

    def __init__(
        self,
        name: str,
        policy: RetryPolicy,
        *,
        endpoints: Endpoints,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """`name` is the model's, for messages; a request has its place at one of `endpoints`."""
        self._name = name
        self._policy = policy
        self._endpoints = endpoints
        self._stopping = stopping or asyncio.Event()
        self._reached = False
        self._silent_attempts = 0
        self._answered_at = time.monotonic()

    async def run(
        self, attempt: Attempt, meter: Meter = FREE, *, prompt_characters: int = 0
    ) -> Reply:
        """The reply of the first attempt that has one, with its own latency and the attempts spent.

        Raises NotAsked when stopping or when `meter` allows no attempt, the RequestFailed that the
        last failure became, or whatever final error an attempt raised.
        """
        request = _Request(attempt, meter, prompt_characters)
        try:
            while True:
                waiting_since = time.monotonic()
                async with self._endpoints.place() as endpoint:
                    request.started += time.monotonic() - waiting_since
                    while (reply := await self._attempt(endpoint, request)) is None:
                        if len(self._endpoints) > 1:
                            break  # the next attempt may be made at another server
                        await pause(request.pause_s, self._stopping)
                if reply is not None:
                    return reply
                await pause(request.pause_s, self._stopping)
        except RequestFailed as error:
            error.attempts, error.failed_attempts = request.attempts, tuple(request.failed)
            raise

    async def _attempt(self, endpoint: Endpoint, request: _Request) -> Reply | None:
        """One attempt; None if it failed and another may follow after `request.pause_s`."""
        load = await self._admit(endpoint, request)
        await request.meter.begin()
        if self._stopping.is_set():
            request.meter.end(0.0)
            raise NotAsked(f"{self._name}: the run was stopping")
        began = time.monotonic()
        try:
            with request.metered():
                reply = await request.attempt(endpoint)
                request.cost_usd = reply.cost_usd
        except AttemptFailed as failure:
            answered = failure.status_code is not None or failure.becomes is not TimedOut
            self._reached |= not failure.unreachable and answered
            self._listen(failure)
            self._tell(endpoint, failure)
            request.pause_s = self._pause_or_give_up(endpoint, failure, request)
            _log.debug("%s; attempt %d failed", failure, request.attempts)
            return None
        except FatalModelError as error:
            if not self._endpoints.another_is_in(endpoint):
                raise
            # One of several servers that knows no such key or model is left out like a dead one.
            left_out = AttemptFailed(ProviderFailed, str(error), unreachable=True)
            self._tell(endpoint, left_out)
            request.pause_s = self._pause_or_give_up(endpoint, left_out, request)
            return None
        self._reached = True
        self._silent_attempts, self._answered_at = 0, time.monotonic()
        endpoint.gate.limits.settle(load, request.prompt_characters, reply.usage)
        endpoint.gate.replied()
        self._endpoints.answered(endpoint)
        return replace(
            reply,
            latency_s=time.monotonic() - began,
            attempts=request.attempts,
            failed_attempts=tuple(request.failed),
        )

    async def _admit(self, endpoint: Endpoint, request: _Request) -> Load:
        """Wait until this server's limits allow an attempt."""
        waiting_since = time.monotonic()
        spent_s = waiting_since - request.started if request.attempts else 0.0
        patience_s = self._policy.max_total_s - spent_s
        load = await endpoint.gate.admit(request.prompt_characters, patience_s=patience_s)
        if load is None:
            pause_s = endpoint.gate.pause_left_s
            raise RateLimited(f"{self._name}: {endpoint.url} wants a pause of {pause_s:.0f} s")
        request.started += time.monotonic() - waiting_since
        return load

    def _pause_or_give_up(
        self, endpoint: Endpoint, failure: AttemptFailed, request: _Request
    ) -> float:
        """How long to pause, or the error that says why no attempt follows."""
        policy, attempts = self._policy, request.attempts
        request.rate_limited += failure.becomes is RateLimited
        others = attempts - request.rate_limited
        elsewhere = self._endpoints.another_is_in(endpoint)
        lost = failure.unreachable and not self._reached and not elsewhere
        if lost and attempts >= min(policy.max_attempts_unreachable, policy.max_attempts):
            raise ServerUnreachable(str(failure)) from failure
        pause_s = policy.delay_s(attempts, None if elsewhere else failure.retry_after_s)
        if elsewhere and failure.unreachable:
            pause_s = 0.0
        if failure.unreachable and self._reached:
            return pause_s  # it costs nothing; if the server stays away, the run ends
        late = time.monotonic() - request.started + pause_s > policy.max_total_s
        spent = others >= policy.max_attempts or request.rate_limited >= policy.max_rate_limited
        if late or spent:
            raise failure.becomes(str(failure)) from failure
        return pause_s

    def _listen(self, failure: AttemptFailed) -> None:
        """Raise ServerGone if nothing has answered for long; an error below 500 is an answer."""
        if failure.has_answer:
            self._silent_attempts, self._answered_at = 0, time.monotonic()
            return
        self._silent_attempts += 1
        silent_s = time.monotonic() - self._answered_at
        if self._silent_attempts >= MOST_SILENT and silent_s >= self._policy.max_silence_s:
            raise ServerGone(
                f"nothing has answered for {silent_s:.0f} s, in {self._silent_attempts} attempts; "
                f"the last one: {failure}"
            ) from failure

    def _tell(self, endpoint: Endpoint, failure: AttemptFailed) -> None:
        """Tell the gate and the endpoints of a failure."""
        if failure.becomes is RateLimited:
            endpoint.gate.limited(failure.retry_after_s)
            self._endpoints.paused(endpoint)
        else:
            endpoint.gate.failed()
            self._endpoints.failed(endpoint, unreachable=failure.unreachable)
