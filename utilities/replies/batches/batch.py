"""The life of one batch: submitted or found again, followed to its end, collected."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import replace

from utilities.errors import AttemptFailed, NotAsked, ProviderFailed, ToolkitError, UsageError
from utilities.models.batches.endpoint import BatchState, Outcome, Submission, parts_of
from utilities.models.interface import Reply
from utilities.replies.batch_ledger import event_of, planned_event
from utilities.replies.batches.service import (
    BatchService,
    NeverCreated,
    QueuedRequest,
    progress_of,
)

_KEPT_S = 29 * 86_400.0
"""Both providers delete results about 30 days after a batch was created."""
_DOWNLOADS = 3
"""How often results are read if they hold fewer replies than the provider counts."""

_log = logging.getLogger(__name__)


class Batch:
    """One batch of this run, or of an earlier one that left it open."""

    def __init__(
        self, service: BatchService, token: str, requests: Iterable[QueuedRequest]
    ) -> None:
        """`token` names the batch in the journal, and in what the provider is told."""
        self._service = service
        self.token = token
        self.requests: Mapping[str, QueuedRequest] = {one.key: one for one in requests}
        self.batch_id: str | None = None
        self.reply_count = 0
        self.is_open = True
        """Whether the provider may have replies of it that are not journalled."""
        self.is_collecting = False

    async def submit_and_follow(self) -> None:
        """Submit the requests as a new batch and see it to its end; settles every request."""
        await self._to_the_end(self._submitted)

    async def take_up(self) -> None:
        """See a batch to its end that an earlier run left open; settles every request."""
        await self._to_the_end(self._found_again)

    async def _to_the_end(self, begin: Callable[[], Awaitable[BatchState | None]]) -> None:
        """Raises UsageError, with all requests settled, if the whole run has to end."""
        try:
            state = await begin()
            if state is not None:
                await self._collect(await self._service.until_ended(state))
        except ToolkitError as error:
            _log.info("batch %s: %s", self.batch_id or self.token, error)
            # If the run goes on, what the provider may bill counts against the cap.
            maybe_billed = self.is_open and not isinstance(error, NotAsked)
            self._settle_all(error, maybe_billed=maybe_billed)
            if isinstance(error, UsageError):
                raise

    def _settle_all(self, outcome: Outcome, *, maybe_billed: bool = False) -> None:
        for request in self.requests.values():
            request.settle(outcome, maybe_billed=maybe_billed)

    async def _submitted(self) -> BatchState:
        """Plan, prepare and create; each step is journalled before the next."""
        service = self._service
        planned = [(request.key, request.planned) for request in self.requests.values()]
        await service.journal.note_batch(
            planned_event(self.token, service.model, service.base_url, planned)
        )
        try:
            submission = await self._prepared()
            service.exchanges.check_stopping()
        except ToolkitError:
            await self._close("never_created")
            raise
        try:
            state = await service.create(submission)
        except NeverCreated as error:
            await self._close("never_created")
            assert error.__cause__ is not None, "it says why"
            raise error.__cause__ from None
        await self._note_created(state)
        service.announce(f"batch {state.batch_id}: {len(planned)} requests submitted")
        return state

    async def _prepared(self) -> Submission:
        submission = Submission(self.token, [request.line for request in self.requests.values()])
        await self._service.exchanges.again(lambda: self._service.endpoint.prepare(submission))
        submission.requests = ()
        for request in self.requests.values():
            request.line = b""
        return submission

    async def _found_again(self) -> BatchState | None:
        """The state of an earlier run's batch; None, with all requests settled, if it is gone."""
        service = self._service
        record = service.journal.batches.get(self.token)
        self.batch_id = record.batch_id
        if record.batch_id is not None:
            batch_id = record.batch_id
            state = await service.exchanges.again(lambda: service.endpoint.state(batch_id))
            if state is None:
                self._check_is_old(batch_id, record.created_at, record.base_url)
                await self._give_up("results_deleted")
                return None
        else:
            state = None if record.creating_at is None else await service.search(self.token)
            if state is None:
                await self._give_up("never_created")
                return None
            await self._note_created(state)
        service.announce(f"batch {state.batch_id}: taken up, {progress_of(state)}")
        return state

    async def _give_up(self, why: str) -> None:
        """Close a batch that will bring no reply: its requests are asked again."""
        await self._close(why)
        self._settle_all(AttemptFailed(ProviderFailed, f"an earlier run's batch: {why}"))

    def _check_is_old(self, batch_id: str, created_at: float, base_url: str) -> None:
        """Raise UsageError if the batch should be there: its requests must not be bought again."""
        if time.time() - created_at < _KEPT_S:
            raise UsageError(
                f"{self._service.base_url} knows no batch {batch_id}, which an earlier run created "
                f"at {base_url}: use that account's key and --base_url, or --no_resume"
            )

    async def _collect(self, state: BatchState) -> None:
        """Journal every reply, then close the batch and tell those that wait."""
        self.is_collecting = True
        outcomes: dict[str, ToolkitError] = {}
        missing = state.unanswered
        for _ in range(_DOWNLOADS):
            count = await self._service.exchanges.again(lambda: self._download(state, outcomes))
            if count >= state.replied_count:
                break
        else:
            _log.warning("batch %s: %d of %d replies", state.batch_id, count, state.replied_count)
            missing = ProviderFailed(f"batch {state.batch_id} keeps a reply from us")
        await self._close(state.word)
        default = missing or ProviderFailed(f"batch {state.batch_id} has no result for it")
        for request in self.requests.values():
            request.settle(outcomes.get(request.key, default))
        left = len(self.requests) - self.reply_count
        more = f", {left} requests without one" if left else ""
        self._service.announce(
            f"batch {state.batch_id}: {self.reply_count} replies collected{more}"
        )

    async def _download(self, state: BatchState, outcomes: dict[str, ToolkitError]) -> int:
        """Read all results and journal new replies; returns how many requests succeeded."""
        count = 0
        async with aclosing(self._service.endpoint.results(state)) as results:
            async for result in results:
                count += result.succeeded
                key, _ = parts_of(result.custom_id)
                request = self.requests.get(key)
                if request is None:  # journalled by an earlier run
                    continue
                if isinstance(result.outcome, Reply):
                    await self._take_reply(request, result.outcome)
                    continue
                if result.succeeded and key not in outcomes:
                    about = {**request.planned.about, "batch_id": self.batch_id}
                    self._service.journal.record_body(key, about, result.line)
                outcomes[key] = result.outcome
        return count

    async def _take_reply(self, request: QueuedRequest, reply: Reply) -> None:
        """Journal a reply and hand it out, unless an earlier download had it."""
        if request.outcome.done():
            return
        journal = self._service.journal
        latency_s = max(0.0, time.time() - journal.batches.get(self.token).created_at)
        reply = replace(
            reply,
            attempts=len(request.failed) + 1,
            failed_attempts=request.failed,
            latency_s=round(latency_s, 3),
        )
        await journal.record(
            request.key, reply, {**request.planned.about, "batch_id": self.batch_id}
        )
        self.reply_count += 1
        request.settle(reply)

    async def _note_created(self, state: BatchState) -> None:
        self.batch_id = state.batch_id
        event = event_of("created", self.token, batch_id=state.batch_id)
        await self._service.journal.note_batch(event)

    async def _close(self, why: str) -> None:
        self.is_open = False
        event = event_of("closed", self.token, batch_id=self.batch_id, why=why)
        await self._service.journal.note_batch(event)
