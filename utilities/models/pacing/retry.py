"""The only retry layer: bounded by attempts and by time, every cause named.

The SDKs' own retries are off. They miss what fails in the middle of a reply, and multiplied with
ours they would buy one reply several times over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from utilities.errors import (
    AttemptFailed,
    FailedAttempt,
    NotAsked,
    RateLimited,
    RequestFailed,
    ServerUnreachable,
    TimedOut,
    ToolkitError,
)
from utilities.models.interface import FREE, AttemptMeter, Reply
from utilities.models.pacing.endpoints import Endpoint, Endpoints
from utilities.models.pacing.rate_limits import Load
from utilities.models.pacing.retry_policy import RetryPolicy

logger = logging.getLogger(__name__)

Attempt: TypeAlias = Callable[[Endpoint], Awaitable[Reply]]


@dataclass(slots=True)
class _Request:
    """What has become of one request so far."""

    attempt: Attempt
    meter: AttemptMeter
    prompt_characters: int
    attempts: int = 0
    rate_limited: int = 0
    started: float = 0.0
    """When the first attempt began, put off by what was waited for places and limits since."""
    pause_s: float = 0.0
    """Before the next attempt."""
    failed: list[FailedAttempt] = field(default_factory=list)

    def note(
        self, error: AttemptFailed | RequestFailed, *, latency_s: float, worst_usd: float | None
    ) -> None:
        """Write a failed attempt down."""
        cause = error.becomes.status if isinstance(error, AttemptFailed) else error.status
        failed = FailedAttempt(cause, error.status_code, round(latency_s, 3), worst_usd)
        self.failed.append(failed)


class Retrier:
    """Makes the attempts of one client's requests.

    Each attempt has `timeout_s` in total, however the server spends it: the SDKs' timeouts are
    for each read, and a server that trickles would hold them for ever. Once `stopping` is set, no
    attempt begins and every pause ends; attempts in flight go on. Where there are several servers,
    the attempt after a failure goes to the least busy of them.
    """

    def __init__(
        self,
        name: str,
        timeout_s: float,
        policy: RetryPolicy,
        *,
        endpoints: Endpoints,
        stopping: asyncio.Event | None = None,
    ) -> None:
        """`name` is the model's, for messages; a request has its place at one of `endpoints`."""
        self._name = name
        self._timeout_s = timeout_s
        self._policy = policy
        self._endpoints = endpoints
        self._stopping = stopping or asyncio.Event()
        self._reached = False

    async def run(
        self, attempt: Attempt, meter: AttemptMeter = FREE, *, prompt_characters: int = 0
    ) -> Reply:
        """The reply of the first attempt that has one, with its own latency and the attempts spent.

        Raises NotAsked when stopping or when `meter` allows no attempt, the RequestFailed that the
        last failure became, or whatever final error an attempt raised.
        """
        request = _Request(attempt, meter, prompt_characters)
        try:
            return await self._until_replied(request)
        except RequestFailed as error:
            error.attempts, error.failed_attempts = request.attempts, tuple(request.failed)
            raise

    async def _until_replied(self, request: _Request) -> Reply:
        while True:
            waiting_since = time.monotonic()
            async with self._endpoints.place() as endpoint:
                request.started += time.monotonic() - waiting_since
                reply = await self._stay(endpoint, request)
            if reply is not None:
                if request.attempts == 1:
                    return reply
                failed = tuple(request.failed)
                return replace(reply, attempts=request.attempts, failed_attempts=failed)
            await self._pause(request.pause_s)

    async def _stay(self, endpoint: Endpoint, request: _Request) -> Reply | None:
        """Attempts at one server; None when the next one may be made at another."""
        while True:
            load = await self._admit(endpoint, request)
            await request.meter.begin()
            self._check_stopping(request.meter)
            request.started = request.started if request.attempts else time.monotonic()
            request.attempts += 1
            try:
                reply = await self._metered(endpoint, request)
            except AttemptFailed as failure:
                self._tell(endpoint, failure)
                request.pause_s = self._pause_or_give_up(endpoint, failure, request)
                logger.debug("%s; attempt %d failed", failure, request.attempts)
            else:
                gate = endpoint.gate
                gate.limits.settle(load, request.prompt_characters, reply.usage)
                gate.replied()
                self._endpoints.answered(endpoint)
                return reply
            if len(self._endpoints) > 1:
                return None
            await self._pause(request.pause_s)

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

    async def _metered(self, endpoint: Endpoint, request: _Request) -> Reply:
        """One attempt; its cost, and its failure if it fails, are written down."""
        began, meter = time.monotonic(), request.meter
        end = meter.lost  # also of an attempt that is cancelled
        try:
            reply = await self._once(endpoint, request.attempt)
            end = partial(meter.end, reply.cost_usd)
        except ToolkitError as error:
            billable = isinstance(error, AttemptFailed) and error.billable
            if not billable:
                end = partial(meter.end, 0.0)
            if isinstance(error, AttemptFailed | RequestFailed):
                worst_usd = meter.worst_usd if billable else 0.0
                request.note(error, latency_s=time.monotonic() - began, worst_usd=worst_usd)
            raise
        finally:
            end()
        return reply

    async def _once(self, endpoint: Endpoint, attempt: Attempt) -> Reply:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = await attempt(endpoint)
        except TimeoutError as error:
            message = f"{self._name}: no whole reply within {self._timeout_s:g} s"
            raise AttemptFailed(TimedOut, message, billable=True) from error
        except AttemptFailed as failure:
            self._reached |= not failure.unreachable
            raise
        self._reached = True
        return replace(reply, latency_s=time.monotonic() - began)

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
        late = time.monotonic() - request.started + pause_s > policy.max_total_s
        spent = others >= policy.max_attempts or request.rate_limited >= policy.max_rate_limited
        if late or spent:
            raise failure.becomes(str(failure)) from failure
        return pause_s

    def _tell(self, endpoint: Endpoint, failure: AttemptFailed) -> None:
        """What the gate and the line of those who wait may learn of a failure."""
        if failure.becomes is RateLimited:
            endpoint.gate.limited(failure.retry_after_s)
            self._endpoints.paused(endpoint)
        else:
            endpoint.gate.failed()
            self._endpoints.failed(endpoint, unreachable=failure.unreachable)

    def _check_stopping(self, meter: AttemptMeter) -> None:
        if self._stopping.is_set():
            meter.end(0.0)
            raise NotAsked(f"{self._name}: the run was stopping")

    async def _pause(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(delay_s):
                await self._stopping.wait()
        except TimeoutError:
            return
