"""Gathers what agents ask into batches and hands each its reply."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from utilities.errors import AttemptFailed, FailedAttempt, NotAsked, RateLimited, RequestFailed
from utilities.models.batches.endpoint import Outcome, custom_id_of
from utilities.models.interface import Reply
from utilities.replies.batch_ledger import OpenBatch, PlannedRequest
from utilities.replies.batches.admission import Admission
from utilities.replies.batches.batch import Batch
from utilities.replies.batches.slip import BatchRequest, Desk, Slip
from utilities.replies.budget import Budget, Meter

MOST_BATCHES = 3
"""How many batches a request is put into before it counts as failed."""
_FULL_POLLS = 10
"""So many polls' time passes before a full queue that is not ours is tried again."""
_SETTLE_S = 0.05
"""A task's samples ask within so short a time of each other."""
_LAST_EXCHANGE_S = 10.0
"""What a batch that is being created when the run ends is given."""

_log = logging.getLogger(__name__)


class BatchQueue:
    """Submits what waits as soon as a batch is full, or nothing more comes before one returns.

    Takes up the batches that earlier runs left open; used as an async context manager. Once
    `stopping` is set nothing is submitted, and everyone who waits gets NotAsked: what is at the
    provider goes on there.
    """

    def __init__(
        self,
        desk: Desk,
        admission: Admission,
        *,
        batch_size: int,
        budget: Budget,
        stopping: asyncio.Event,
    ) -> None:
        """A batch has at most `batch_size` requests, and what the provider's limits allow."""
        self.admission = admission
        self._desk = desk
        self._batch_size = min(batch_size, desk.provider.limits.requests)
        self._budget, self._stopping = budget, stopping
        self._token = secrets.token_hex(6)
        self._queued: dict[str, Slip] = {}
        self._queued_bytes = 0
        self._asking: dict[str, asyncio.Task[Reply]] = {}
        self._taken_up: dict[str, Slip] = {}
        self._batches: list[Batch] = []
        self._running: dict[asyncio.Task[None], Batch] = {}
        self._changed = asyncio.Event()
        self._watchers: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        """Take up open batches."""
        for record in self._desk.journal.batches.open_of(self._desk.model):
            batch = Batch(self._desk, record.token, self._slips_of(record))
            self._taken_up |= batch.slips
            self._begin(batch, batch.take_up)
        self.admission.changed = self._changed.set
        self._watchers = [
            asyncio.create_task(self._submit_when_all_wait()),
            asyncio.create_task(self._release_when_stopping()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let exchanges end that are under way, and no poll begin."""
        self._stopping.set()
        if self._running:
            await asyncio.wait(self._running, timeout=_LAST_EXCHANGE_S)
        left = [*self._running, *self._asking.values(), *self._watchers]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def finish(self) -> None:
        """Let batches that are being collected be closed: their last replies are handed out."""
        tasks = [task for task, batch in self._running.items() if batch.is_collecting]
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_EXCHANGE_S if self._stopping.is_set() else None)

    def _slips_of(self, record: OpenBatch) -> Iterator[Slip]:
        """A slip for each request of an earlier run's batch that is not journalled yet."""
        for key, planned in record.requests.items():
            if not self._desk.journal.holds(key):
                meter = Meter(self._budget, planned.worst_usd)
                meter.take_up()
                yield Slip(key, planned, meter)

    async def complete(self, request: BatchRequest) -> Reply:
        """The reply, which then stands in the journal already; raises as ModelClient.complete."""
        with self.admission.waiting():
            asking = self._asking.get(request.key)
            if asking is None:
                asking = asyncio.create_task(self._ask(request))
                self._asking[request.key] = asking
                asking.add_done_callback(lambda _: self._asking.pop(request.key))
            return await asyncio.shield(asking)

    async def _ask(self, request: BatchRequest) -> Reply:
        """Put the request into one batch after the other until one brings its reply."""
        slip = self._taken_up.pop(request.key, None)
        is_earlier_runs = slip is not None
        failed: tuple[FailedAttempt, ...] = ()
        while True:
            slip = slip or await self._put(request, failed)
            outcome = await slip.outcome
            if isinstance(outcome, Reply):
                return outcome
            if isinstance(outcome, RequestFailed):
                raise slip.final(outcome) from outcome
            if not isinstance(outcome, AttemptFailed):
                raise outcome
            if not (await self._has_room_again(outcome) or is_earlier_runs):
                failed = slip.failed_with(outcome)
            if len(failed) >= MOST_BATCHES:
                error = outcome.becomes(str(outcome), attempts=len(failed))
                error.failed_attempts = failed
                raise error from outcome
            slip, is_earlier_runs = None, False

    async def _has_room_again(self, outcome: AttemptFailed) -> bool:
        """Where the provider's queue was full: wait until another batch ends, if there is one."""
        if outcome.becomes is not RateLimited:
            return False
        others = [task for task, batch in self._running.items() if batch.is_open]
        if not others:
            await self._desk.calls.pause(_FULL_POLLS * self._desk.poll_s)
            return False
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def _put(self, request: BatchRequest, failed: tuple[FailedAttempt, ...]) -> Slip:
        """Reserve the cost and queue; raises NotAsked where nothing more is to be asked."""
        try:
            await request.meter.begin()
            if self._stopping.is_set() or self._failure is not None:
                request.meter.end(0.0)
                raise self._failure or NotAsked("the run was stopping")
        except NotAsked as error:
            error.failed_attempts, error.attempts = failed, len(failed)
            raise
        planned = PlannedRequest(request.about, request.worst_usd)
        slip = Slip(request.key, planned, request.meter, self._encoded(request), failed)
        most_bytes = self._desk.provider.limits.size_bytes // 10 * 9
        if self._queued_bytes + len(slip.line) + 1 > most_bytes:
            self._submit()
            slip.line = self._encoded(request)  # with the next batch's token
        self._queued[request.key] = slip
        self._queued_bytes += len(slip.line) + 1
        if len(self._queued) >= self._batch_size:
            self._submit()
        self._changed.set()
        return slip

    def _encoded(self, request: BatchRequest) -> bytes:
        custom_id = custom_id_of(request.key, self._token)
        return self._desk.provider.encode(custom_id, request.messages, request.sampling)

    def _submit(self) -> None:
        """Begin a batch of what is queued."""
        if not self._queued:
            return
        batch = Batch(self._desk, self._token, self._queued.values())
        self._queued, self._queued_bytes = {}, 0
        self._token = secrets.token_hex(6)
        self._begin(batch, batch.submit_and_follow)

    def _begin(self, batch: Batch, live: Callable[[], Any]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._running.pop(task)
            error = None if task.cancelled() else task.exception()
            self._failure = self._failure or error
            for slip in batch.slips.values():
                if not slip.outcome.done():  # a bug's traceback goes to those who wait
                    slip.outcome.set_exception(error or asyncio.CancelledError())

        self._batches.append(batch)
        task = asyncio.create_task(live())
        self._running[task] = batch
        task.add_done_callback(ended)

    async def _submit_when_all_wait(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self._queued or not self.admission.all_wait:
                continue
            await asyncio.sleep(_SETTLE_S)
            if not self._changed.is_set() and not self._stopping.is_set():
                self._submit()

    async def _release_when_stopping(self) -> None:
        """Give NotAsked to what is queued; batches under way do so when they hear of the stop."""
        await self._stopping.wait()
        outcome: Outcome = NotAsked("the run was stopping")
        queued, self._queued = self._queued, {}
        for slip in queued.values():
            slip.settle(outcome)

    def to_json(self) -> dict[str, Any]:
        """The part of the metadata that is about batches; `replies` counts this run's."""
        return {
            "batches": [
                {
                    "batch_id": batch.batch_id,
                    "requests": len(batch.slips),
                    "replies": batch.reply_count,
                    "open": batch.is_open,
                }
                for batch in self._batches
                if batch.batch_id is not None or batch.is_open
            ]
        }

    def summary(self) -> str:
        """What a person wants to know of the batches at the end of a run."""
        known = self.to_json()["batches"]
        if not known:
            return "none"
        replies = sum(batch["replies"] for batch in known)
        text = f"{len(known)}: {replies} replies collected, at half price"
        if waiting := [batch for batch in known if batch["open"]]:
            count = sum(batch["requests"] for batch in waiting)
            names = ", ".join(batch["batch_id"] or "one being created" for batch in waiting[:5])
            text += (
                f"; {len(waiting)} with {count} requests ({names}) go on at the provider: the same "
                "command takes them up"
            )
        return text
