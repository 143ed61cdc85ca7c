"""A provider's batch endpoint as a run uses it: each step journalled, none made twice."""

import asyncio
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from utilities.errors import (
    AttemptFailed,
    FailedAttempt,
    NotAsked,
    ProviderFailed,
    RateLimited,
    RequestFailed,
    ToolkitError,
)
from utilities.models.batches.endpoint import (
    BatchEndpoint,
    BatchState,
    Exchanges,
    LostBatch,
    Outcome,
    Submission,
)
from utilities.models.interface import Message, Meter, Reply, Sampling
from utilities.models.pacing.retry import failed_attempt
from utilities.replies.batch_ledger import PlannedRequest, event_of
from utilities.replies.journal import Journal

FOUND_WITHIN_S = 20.0
"""A batch whose creation had no answer is in the provider's list by then, or does not exist."""
LONGEST_POLL_S = 300.0
_SLOWER = 1.25
_MOST_FAILED_POLLS = 20
_CLOCKS_DIFFER_S = 300.0


class NeverCreated(Exception):
    """No batch was created, for certain; the cause says why."""


@dataclass(frozen=True, slots=True)
class BatchService:
    """Creates, finds and follows the batches of a run."""

    endpoint: BatchEndpoint
    exchanges: Exchanges
    journal: Journal
    announce: Callable[[str], None]
    """Shows a line to the user."""
    model: str
    base_url: str
    poll_s: float
    """Seconds before a batch is asked about for the first time; later pauses are longer."""

    async def create(self, submission: Submission) -> BatchState:
        """Create a planned batch; after an unclear answer look for it before the next try.

        Raises NeverCreated if there is none, and NotAsked or RequestFailed if there may be one.
        """
        token, attempts = submission.token, 0
        while True:
            attempts += 1
            await self.journal.note_batch(event_of("creating", token))
            try:
                return await self.exchanges.once(lambda: self.endpoint.create(submission))
            except AttemptFailed as error:
                failure = error
            except ToolkitError as error:
                raise NeverCreated from error
            if failure.becomes is not RateLimited and not failure.unreachable:
                state = await self.search(token)
                if state is not None:
                    return state
            try:
                await self.exchanges.pause(self.exchanges.delay_s(attempts, failure))
            except ToolkitError as error:
                raise NeverCreated from error

    async def search(self, token: str) -> BatchState | None:
        """Look for the batch whose creation had no answer; None if there is none."""
        record = self.journal.batches.get(token)
        creating_at = record.creating_at or time.time()
        lost = LostBatch(
            token,
            request_count=len(record.requests),
            created_after=creating_at - _CLOCKS_DIFFER_S,
            other_ids=self.journal.batches.known_ids,
        )
        while True:
            for candidate in await self.exchanges.again(lambda: self.endpoint.candidates(lost)):
                if (state := await self._confirmed(token, candidate)) is not None:
                    return state
            left_s = creating_at + FOUND_WITHIN_S - time.time()
            if left_s <= 0:
                return None
            await self.exchanges.pause(min(left_s, self.poll_s))

    async def _confirmed(self, token: str, state: BatchState) -> BatchState | None:
        """The candidate if it is this batch; some batches show that only when they have ended."""
        while (found := await self._token_of(state)) is None:
            self.announce(
                f"batch {state.batch_id} may be one whose creation was cut short; that shows when "
                f"it has ended: {progress_of(state)}"
            )
            state = await self.until_ended(state)
        return state if found == token else None

    async def _token_of(self, state: BatchState) -> str | None:
        return await self.exchanges.again(lambda: self.endpoint.token_of(state))

    async def until_ended(self, state: BatchState) -> BatchState:
        """Ask again and again, ever slower, until the batch has ended.

        Raises NotAsked if the run is stopping (the batch goes on at the provider), and what the
        last failure becomes if the provider cannot be asked for long.
        """
        batch_id, delay_s, failures = state.batch_id, self.poll_s, 0
        while not state.ended:
            await self.exchanges.pause(delay_s)
            delay_s = max(self.poll_s, min(delay_s * _SLOWER, LONGEST_POLL_S))
            try:
                latest = await self.exchanges.once(lambda: self.endpoint.state(batch_id))
            except AttemptFailed as failure:
                failures += 1
                if failures >= _MOST_FAILED_POLLS:
                    raise failure.becomes(str(failure), attempts=failures) from failure
                continue
            if latest is None:
                raise ProviderFailed(f"batch {batch_id} is gone from {self.base_url}")
            if (latest.word, latest.done_count) != (state.word, state.done_count):
                self.announce(f"batch {batch_id}: {progress_of(latest)}")
            state, failures = latest, 0
        return state


def progress_of(state: BatchState) -> str:
    """How far a batch is, in a few words."""
    return f"{state.done_count} of {state.total_count} done ({state.word})"


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """One sample that is to be asked; `about` says in the journal what it belongs to."""

    key: str
    about: Mapping[str, Any]
    messages: list[Message]
    sampling: Sampling
    meter: Meter


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """One request on its way through a batch.

    `outcome` is set once. A failure is its result, not its exception: maybe nothing waits for it.
    """

    key: str
    planned: PlannedRequest
    meter: Meter
    line: bytes = b""
    """As the provider wants it; dropped when the batch is created."""
    failed: tuple[FailedAttempt, ...] = ()
    """What became of the request in the batches before this one."""
    began: float = field(default_factory=time.monotonic)
    may_be_billed: bool = False
    """Whether it has no reply and may be billed all the same."""
    outcome: asyncio.Future[Outcome] = field(default_factory=asyncio.Future)

    def settle(self, outcome: Outcome, *, maybe_billed: bool = False) -> None:
        """Tell the meter and those that wait; the first outcome counts."""
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
        worst_usd = self.meter.worst_usd if self.may_be_billed else 0.0
        return (*self.failed, failed_attempt(failure, time.monotonic() - self.began, worst_usd))

    def final(self, error: RequestFailed) -> RequestFailed:
        """The error of this request alone, with its attempts; a batch has one error for all."""
        own = copy(error)
        own.failed_attempts = (
            self.failed if isinstance(error, NotAsked) else self.failed_with(error)
        )
        own.attempts = len(own.failed_attempts)
        return own
