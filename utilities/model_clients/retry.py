"""The only retry layer: bounded by attempts and by time, every cause named.

The SDKs' own retries are off. They miss what fails in the middle of a reply, and multiplied with
ours they would buy one reply several times over.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from utilities.errors import (
    NotAsked,
    RateLimited,
    RequestFailed,
    ServerUnreachable,
    TimedOut,
    ToolkitError,
)
from utilities.model_clients.base import FREE, AttemptMeter, Reply
from utilities.model_clients.rate_gate import RateGate

logger = logging.getLogger(__name__)


class AttemptFailed(ToolkitError):
    """One attempt failed in a way that may pass; it never leaves the retry layer.

    `becomes` is the error to raise when no attempt is left. `retry_after_s` is what the provider
    asked for. `unreachable`: no connection was made at all. `billable`: the provider may have
    made a reply, and charge for it.
    """

    def __init__(
        self,
        becomes: type[RequestFailed],
        message: str,
        *,
        retry_after_s: float | None = None,
        unreachable: bool = False,
        billable: bool = False,
    ) -> None:
        """Keep the cause for the log, and for the error that it may become."""
        super().__init__(message)
        self.becomes = becomes
        self.retry_after_s = retry_after_s
        self.unreachable = unreachable
        self.billable = billable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, how long and how soon a request is tried again."""

    max_attempts: int = 6
    # HTTP requests for one reply, the first included.
    max_total_s: float = 600.0
    # No pause that ends later than this after the first attempt began is entered.
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


class Retrier:
    """Makes the attempts of one client's requests.

    Each attempt has `timeout_s` in total, however the server spends it: the SDKs' timeouts are
    for each read, and a server that trickles would hold them for ever. Once `stopping` is set, no
    attempt begins and every pause ends; attempts in flight go on.
    """

    def __init__(
        self,
        name: str,
        timeout_s: float,
        policy: RetryPolicy,
        *,
        gate: RateGate,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """`name` is the model's, for messages; a request holds its slot of `gate` to its end."""
        self._name = name
        self._timeout_s = timeout_s
        self._policy = policy
        self._gate = gate
        self._stopping = stopping or asyncio.Event()
        self._reached = False

    async def run(
        self, attempt: Callable[[], Awaitable[Reply]], meter: AttemptMeter = FREE
    ) -> Reply:
        """The reply of the first attempt that has one, with its own latency and the attempts spent.

        Raises NotAsked when stopping or when `meter` allows no attempt, the RequestFailed that the
        last failure became, or whatever final error an attempt raised.
        """
        async with self._gate.slot():
            return await self._run(attempt, meter)

    async def _run(self, attempt: Callable[[], Awaitable[Reply]], meter: AttemptMeter) -> Reply:
        started = time.monotonic()
        attempts = 0
        while True:
            await meter.begin()
            self._check_stopping(attempts, meter)
            attempts += 1
            try:
                reply = await self._metered(attempt, meter)
            except AttemptFailed as failure:
                self._tell_gate(failure)
                delay_s = self._delay_or_give_up(failure, attempts, started)
                logger.debug("%s; attempt %d, again in %.1f s", failure, attempts, delay_s)
            except RequestFailed as error:
                error.attempts = attempts
                raise
            else:
                self._gate.replied()
                return replace(reply, attempts=attempts)
            await self._pause(delay_s)

    async def _metered(self, attempt: Callable[[], Awaitable[Reply]], meter: AttemptMeter) -> Reply:
        end = meter.lost  # also of an attempt that is cancelled
        try:
            reply = await self._once(attempt)
            end = partial(meter.end, reply.cost_usd)
        except ToolkitError as error:
            if not (isinstance(error, AttemptFailed) and error.billable):
                end = partial(meter.end, 0.0)
            raise
        finally:
            end()
        return reply

    async def _once(self, attempt: Callable[[], Awaitable[Reply]]) -> Reply:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await attempt()
        except TimeoutError as error:
            message = f"{self._name}: no whole reply within {self._timeout_s:g} s"
            raise AttemptFailed(TimedOut, message, billable=True) from error
        except AttemptFailed as failure:
            self._reached |= not failure.unreachable
            raise
        self._reached = True
        return replace(reply, latency_s=time.monotonic() - began)

    def _delay_or_give_up(self, failure: AttemptFailed, attempts: int, started: float) -> float:
        """How long to pause, or the error that says why no attempt follows."""
        policy = self._policy
        lost = failure.unreachable and not self._reached
        if lost and attempts >= min(policy.max_attempts_unreachable, policy.max_attempts):
            raise ServerUnreachable(str(failure)) from failure
        delay_s = policy.delay_s(attempts, failure.retry_after_s)
        late = time.monotonic() - started + delay_s > policy.max_total_s
        if late or attempts >= policy.max_attempts:
            raise failure.becomes(str(failure), attempts=attempts) from failure
        return delay_s

    def _tell_gate(self, failure: AttemptFailed) -> None:
        if failure.becomes is RateLimited:
            self._gate.limited(failure.retry_after_s)
        else:
            self._gate.failed()

    def _check_stopping(self, attempts: int, meter: AttemptMeter) -> None:
        if self._stopping.is_set():
            meter.end(0.0)
            error = NotAsked(f"{self._name}: the run was stopping")
            error.attempts = attempts
            raise error

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return
