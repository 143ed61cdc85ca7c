"""One request on its way through a batch, and what all batches of a run work with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from utilities.errors import AttemptFailed, FailedAttempt, NotAsked, RequestFailed
from utilities.models.batches.endpoint import BatchProvider, Outcome
from utilities.models.batches.exchanges import Calls
from utilities.models.interface import AttemptMeter, Message, Reply, Sampling
from utilities.replies.batch_ledger import PlannedRequest

if TYPE_CHECKING:
    from utilities.replies.journal import Journal


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One sample that is to be asked; `about` says in the journal what it belongs to."""

    key: str
    about: Mapping[str, Any]
    messages: list[Message]
    sampling: Sampling
    worst_usd: float
    meter: AttemptMeter


@dataclass(slots=True, eq=False)
class Slip:
    """One request on its way through a batch.

    `outcome` is set once; a failure is its result, not its exception, since nobody may be waiting.
    """

    key: str
    planned: PlannedRequest
    meter: AttemptMeter
    line: bytes = b""
    """As the provider wants it; let go when the batch is created."""
    failed: tuple[FailedAttempt, ...] = ()
    """What became of the request in the batches before this one."""
    began: float = field(default_factory=time.monotonic)
    may_be_billed: bool = False
    """Whether it has no reply and may be paid for all the same."""
    outcome: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)

    def settle(self, outcome: Outcome, *, maybe_billed: bool = False) -> None:
        """Tell the meter and whoever waits; the first outcome counts."""
        if self.outcome.done():
            return
        if isinstance(outcome, Reply):
            self.meter.end(outcome.cost_usd)
        elif maybe_billed or (isinstance(outcome, AttemptFailed) and outcome.billable):
            self.may_be_billed = True
            self.meter.lost()
        else:
            self.meter.end(0.0)
        self.outcome.set_result(outcome)

    def failed_with(self, failure: AttemptFailed | RequestFailed) -> tuple[FailedAttempt, ...]:
        """All failed attempts at the request, this batch's included."""
        cause = failure.becomes.status if isinstance(failure, AttemptFailed) else failure.status
        latency_s = round(time.monotonic() - self.began, 3)
        worst_usd = self.meter.worst_usd if self.may_be_billed else 0.0
        return (*self.failed, FailedAttempt(cause, failure.status_code, latency_s, worst_usd))

    def final(self, error: RequestFailed) -> RequestFailed:
        """The error of this request alone, with all its attempts; a batch has one for all."""
        own = copy(error)
        own.failed_attempts = (
            self.failed if isinstance(error, NotAsked) else self.failed_with(error)
        )
        own.attempts = len(own.failed_attempts)
        return own


@dataclass(frozen=True, slots=True)
class Desk:
    """What all batches of a run work with."""

    provider: BatchProvider
    calls: Calls
    journal: Journal
    announce: Callable[[str], None]
    model: str
    base_url: str
    poll_s: float
    """Seconds before a batch is asked about for the first time; later ones are longer."""
