"""Gathers what agents ask into batches and hands each its reply."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from utilities.command_line.terminal import first_of
from utilities.errors import AttemptFailed, FailedAttempt, NotAsked, RateLimited, RequestFailed
from utilities.models.batches.endpoint import Outcome, custom_id_of
from utilities.models.interface import Message, Meter, Reply, Sampling
from utilities.replies.batch_ledger import OpenBatch, PlannedRequest
from utilities.replies.batches.batch import Batch
from utilities.replies.batches.service import BatchRequest, BatchService, QueuedRequest
from utilities.replies.budget import Budget, BudgetMeter

MOST_BATCHES = 3
"""How many batches a request is put into before it counts as failed."""
_FULL_POLLS = 10
"""A full queue at the provider is tried again after the time of this many polls."""
_SETTLE_S = 0.05
"""The samples of a task are asked for within this time."""
_LAST_EXCHANGE_S = 10.0
"""How long a batch that is being created at the end of the run is waited for."""

_Task = TypeVar("_Task")
_Entry = TypeVar("_Entry")


@dataclass(slots=True, eq=False)
class _TaskUnderWay:
    """One task, and how many of its samples wait for their replies."""

    waiting_count: int = 0


_TASK: ContextVar[_TaskUnderWay] = ContextVar("task")
"""Set while a task is answered; the coroutines that make its samples inherit it."""


class Admission:
    """Counts the tasks under way, and those of them that wait for a batch.

    When all wait, nothing more is asked before a batch ends: it is time to submit.
    """

    def __init__(self, max_requests: int, best_of: int, *, at_least: int) -> None:
        """Admit tasks of `max_requests` requests in all at once, but at least `at_least` tasks."""
        self.max_tasks = max(at_least, math.ceil(max_requests / best_of))
        self.changed: Callable[[], None] = lambda: None
        """Called when it may be time to submit."""
        self._exhausted = False
        self._active_count = 0
        self._waiting_count = 0

    @property
    def all_wait(self) -> bool:
        """Whether no more tasks can begin, and all that have begun wait for a batch."""
        admitted = self._exhausted or self._active_count >= self.max_tasks
        return admitted and self._waiting_count == self._active_count

    def watched(self, tasks: Iterable[_Task]) -> Iterator[_Task]:
        """The tasks; knows then whether any is left."""
        yield from tasks
        self._exhausted = True
        self.changed()

    def answering(
        self, answer: Callable[[_Task], Awaitable[_Entry]]
    ) -> Callable[[_Task], Awaitable[_Entry]]:
        """`answer`, counted."""

        async def counted(task: _Task) -> _Entry:
            self._active_count += 1
            before = _TASK.set(_TaskUnderWay())
            try:
                return await answer(task)
            finally:
                _TASK.reset(before)
                self._active_count -= 1
                self.changed()

        return counted

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A sample of the current task waits for its reply during the block."""
        task = _TASK.get()
        task.waiting_count += 1
        self._waiting_count += task.waiting_count == 1
        self.changed()
        try:
            yield
        finally:
            task.waiting_count -= 1
            self._waiting_count -= task.waiting_count == 0


class BatchQueue:
    """Submits requests as soon as a batch is full, or every task waits for its replies.

    Takes up the batches that earlier runs left open; `opened` before use. Once `stopping` is set
    nothing is submitted, and all that wait get NotAsked: batches at the provider go on there.
    """

    def __init__(
        self,
        service: BatchService,
        admission: Admission,
        *,
        batch_size: int,
        budget: Budget,
        stopping: asyncio.Event,
    ) -> None:
        """A batch has at most `batch_size` requests, and what the provider's limits allow."""
        self.admission = admission
        self._service = service
        self._batch_size = min(batch_size, service.endpoint.limits.requests)
        self._budget, self._stopping = budget, stopping
        self._token = secrets.token_hex(6)
        self._queued: dict[str, QueuedRequest] = {}
        self._queued_bytes = 0
        self._asking: dict[str, asyncio.Task[Reply]] = {}
        self._taken_up: dict[str, QueuedRequest] = {}
        self._batches: list[Batch] = []
        self._running: dict[asyncio.Task[None], Batch] = {}
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Take up open batches; at the end, let exchanges under way end, and no poll begin."""
        for record in self._service.journal.batches.open_of(self._service.model):
            batch = Batch(self._service, record.token, self._requests_of(record))
            self._taken_up |= batch.requests
            self._begin(batch, batch.take_up)
        self.admission.changed = self._changed.set
        watchers = [
            asyncio.create_task(self._submit_when_all_wait()),
            asyncio.create_task(self._release_when_stopping()),
        ]
        try:
            yield self
        finally:
            self._stopping.set()
            if self._running:
                await asyncio.wait(self._running, timeout=_LAST_EXCHANGE_S)
            left = [*self._running, *self._asking.values(), *watchers]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def finish(self) -> None:
        """Wait until batches that are being collected are closed."""
        tasks = [task for task, batch in self._running.items() if batch.is_collecting]
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_EXCHANGE_S if self._stopping.is_set() else None)

    def _requests_of(self, record: OpenBatch) -> Iterator[QueuedRequest]:
        """Each request of an earlier run's batch that is not journalled yet."""
        for key, planned in record.requests.items():
            if not self._service.journal.holds(key):
                meter = BudgetMeter(self._budget, planned.worst_usd)
                meter.take_up()
                yield QueuedRequest(key, planned, meter)

    async def complete(
        self,
        key: str,
        about: Mapping[str, Any],
        messages: list[Message],
        sampling: Sampling,
        meter: Meter,
    ) -> Reply:
        """The reply, which then stands in the journal already; raises as ModelClient.complete.

        `about` says in the journal what the reply belongs to.
        """
        with self.admission.waiting():
            asking = self._asking.get(key)
            if asking is None:
                request = BatchRequest(key, about, messages, sampling, meter)
                asking = asyncio.create_task(self._ask(request))
                self._asking[key] = asking
                asking.add_done_callback(lambda _: self._asking.pop(key))
            return await asyncio.shield(asking)

    async def _ask(self, request: BatchRequest) -> Reply:
        """Put the request into one batch after the other until one brings its reply."""
        queued = self._taken_up.pop(request.key, None)
        is_earlier_runs = queued is not None
        failed: tuple[FailedAttempt, ...] = ()
        while True:
            queued = queued or await self._put(request, failed)
            outcome = await queued.outcome
            if isinstance(outcome, Reply):
                return outcome
            if isinstance(outcome, RequestFailed):
                raise queued.final(outcome) from outcome
            if not isinstance(outcome, AttemptFailed):
                raise outcome
            if not (await self._has_room_again(outcome) or is_earlier_runs):
                failed = queued.failed_with(outcome)
            if len(failed) >= MOST_BATCHES:
                error = outcome.becomes(str(outcome), attempts=len(failed))
                error.failed_attempts = failed
                raise error from outcome
            queued, is_earlier_runs = None, False

    async def _has_room_again(self, outcome: AttemptFailed) -> bool:
        """If the provider's queue was full: wait until another batch ends, if there is one."""
        if outcome.becomes is not RateLimited:
            return False
        others = [task for task, batch in self._running.items() if batch.is_open]
        if not others:
            await self._service.exchanges.pause(_FULL_POLLS * self._service.poll_s)
            return False
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def _put(self, request: BatchRequest, failed: tuple[FailedAttempt, ...]) -> QueuedRequest:
        """Reserve the cost and queue; raises NotAsked if nothing more is to be asked."""
        try:
            await request.meter.begin()
            if self._stopping.is_set() or self._failure is not None:
                request.meter.end(0.0)
                raise self._failure or NotAsked("the run was stopping")
        except NotAsked as error:
            error.failed_attempts, error.attempts = failed, len(failed)
            raise
        planned = PlannedRequest(request.about, request.meter.worst_usd or 0.0)
        queued = QueuedRequest(request.key, planned, request.meter, self._encoded(request), failed)
        most_bytes = self._service.endpoint.limits.size_bytes // 10 * 9
        if self._queued_bytes + len(queued.line) + 1 > most_bytes:
            self._submit()
            queued.line = self._encoded(request)  # with the next batch's token
        self._queued[request.key] = queued
        self._queued_bytes += len(queued.line) + 1
        if len(self._queued) >= self._batch_size:
            self._submit()
        self._changed.set()
        return queued

    def _encoded(self, request: BatchRequest) -> bytes:
        custom_id = custom_id_of(request.key, self._token)
        return self._service.endpoint.encode(custom_id, request.messages, request.sampling)

    def _submit(self) -> None:
        """Begin a batch of what is queued."""
        if not self._queued:
            return
        batch = Batch(self._service, self._token, self._queued.values())
        self._queued, self._queued_bytes = {}, 0
        self._token = secrets.token_hex(6)
        self._begin(batch, batch.submit_and_follow)

    def _begin(self, batch: Batch, live: Callable[[], Any]) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._running.pop(task)
            error = None if task.cancelled() else task.exception()
            self._failure = self._failure or error
            for queued in batch.requests.values():
                if not queued.outcome.done():  # a bug's traceback goes to those who wait
                    queued.outcome.set_exception(error or asyncio.CancelledError())

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
        """Give NotAsked to all that is queued; batches under way do so themselves."""
        await self._stopping.wait()
        outcome: Outcome = NotAsked("the run was stopping")
        released, self._queued = self._queued, {}
        for queued in released.values():
            queued.settle(outcome)

    def to_json(self) -> dict[str, Any]:
        """The part of the metadata that is about batches; `replies` counts this run's."""
        return {
            "batches": [
                {
                    "batch_id": batch.batch_id,
                    "requests": len(batch.requests),
                    "replies": batch.reply_count,
                    "open": batch.is_open,
                }
                for batch in self._batches
                if batch.batch_id is not None or batch.is_open
            ]
        }

    def summary(self) -> str:
        """The summary's line about the batches of a run."""
        known = self.to_json()["batches"]
        if not known:
            return "none"
        replies = sum(batch["replies"] for batch in known)
        text = f"{len(known)}: {replies} replies collected, at half price"
        if waiting := [batch for batch in known if batch["open"]]:
            count = sum(batch["requests"] for batch in waiting)
            names = first_of([one["batch_id"] or "one being created" for one in waiting], 5)
            text += (
                f"; {len(waiting)} with {count} requests ({names}) go on at the provider: the same "
                "command takes them up"
            )
        return text
