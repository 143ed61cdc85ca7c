"""One request on its way through a batch, and what all batches of a run work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from utilities.model_clients.base import AttemptMeter, Message, Reply, Sampling
from utilities.model_clients.batches.base import BatchProvider, Outcome
from utilities.model_clients.batches.calls import Calls
from utilities.model_clients.batches.ledger import PlannedRequest
from utilities.model_clients.retry_policy import AttemptFailed

if TYPE_CHECKING:
    from utilities.journal import Journal


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
    attempt: int = 1
    line: bytes = b""
    """As the provider wants it; let go when the batch is created."""
    outcome: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)

    def settle(self, outcome: Outcome, *, maybe_billed: bool = False) -> None:
        """Tell the meter and whoever waits; the first outcome counts."""
        if self.outcome.done():
            return
        if isinstance(outcome, Reply):
            self.meter.end(outcome.cost_usd)
        elif maybe_billed or (isinstance(outcome, AttemptFailed) and outcome.billable):
            self.meter.lost()
        else:
            self.meter.end(0.0)
        self.outcome.set_result(outcome)


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
