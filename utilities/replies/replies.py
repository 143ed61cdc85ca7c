"""Where agents get replies: from the journal if one was paid for, else from the model."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from utilities.errors import FailedAttempt, NotAsked, RequestFailed
from utilities.models.interface import Reply
from utilities.replies.budget import Budget
from utilities.replies.journal import Journal
from utilities.replies.request_plan import RequestPlan

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PendingRequest:
    """A request whose `reply` is in the journal, or None until somebody has asked for it."""

    reply: Reply | None


class Replies:
    """The replies of one run; each new one is journalled before anything is made of it."""

    def __init__(
        self,
        journal: Journal,
        budget: Budget,
        stopping: asyncio.Event,
        *,
        asks: bool = True,
        plan: RequestPlan | None = None,
    ) -> None:
        """Once `stopping` is set nothing new is asked; journalled replies are still recalled.

        Without `asks` nothing is asked at all: a request that failed fails again. With a `plan`
        requests are only counted, and not even recalled.
        """
        self.journal = journal
        self.budget = budget
        self.stopping = stopping
        self.plan = plan
        self._asks = asks
        self._asking: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def request(
        self, key: str, about: Mapping[str, Any], *, by_batch: bool = False
    ) -> AsyncIterator[PendingRequest]:
        """The request under `key`; if it has no `reply` yet, the block asks for it and sets it.

        The reply is journalled when the block ends, or its failure; `about` says there what it
        belongs to. Raises NotAsked if the run is stopping or asks nothing, and whatever the block
        raises. If the same request is being asked already, this waits for its end; with
        `by_batch` the queue of batches does that itself, and has journalled the reply.
        """
        if by_batch:
            async with self._journalled(key, about, records=False) as pending:
                yield pending
            return
        while (earlier := self._asking.get(key)) is not None:
            await earlier.wait()
        ended = self._asking[key] = asyncio.Event()
        try:
            async with self._journalled(key, about, records=True) as pending:
                yield pending
        finally:
            del self._asking[key]
            ended.set()

    @asynccontextmanager
    async def _journalled(
        self, key: str, about: Mapping[str, Any], *, records: bool
    ) -> AsyncIterator[PendingRequest]:
        pending = PendingRequest(self._recalled(key))
        if pending.reply is not None:
            yield pending
            return
        try:
            yield pending
        except NotAsked as error:
            self.stopping.set()  # the budget is spent, or the run was stopping anyway
            if error.failed_attempts:
                await self.journal.record_failure(key, error, about)
            raise
        except RequestFailed as error:
            _log.warning("%s: %s", about, error)
            await self.journal.record_failure(key, error, about)
            raise
        assert pending.reply is not None, "the block has asked"
        if records:
            await self.journal.record(key, pending.reply, about)
        _log.debug("%s: reply: %s", about, pending.reply.text)

    def _recalled(self, key: str) -> Reply | None:
        """The journalled reply, or None if one may be asked for; raises RequestFailed if not."""
        if self.plan is not None:
            raise NotAsked("this run only counts")
        if (reply := self.journal.recall(key)) is not None:
            return reply
        if not self._asks:
            raise recorded_failure(self.journal.recall_failure(key))
        if self.stopping.is_set():
            raise NotAsked("the run is stopping")
        return None


def recorded_failure(line: Mapping[str, Any] | None) -> RequestFailed:
    """The error in a journal's line about a failed request; NotAsked if there is no line."""
    if line is None or line.get("status") == NotAsked.status:
        return NotAsked("no reply of it is in the journal, and this run asks nothing")
    failure = RequestFailed(str(line.get("error")))
    failure.status = line["status"]
    failure.failed_attempts = tuple(
        FailedAttempt(**attempt) for attempt in line.get("failed_attempts", ())
    )
    return failure
