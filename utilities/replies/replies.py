"""Where agents get replies: from the journal where one was paid for, else from the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from utilities.errors import FailedAttempt, NotAsked, RequestFailed
from utilities.models.interface import Reply
from utilities.replies.budget import Budget
from utilities.replies.journal import Journal
from utilities.replies.request_plan import RequestPlan

if TYPE_CHECKING:
    pass


_log = logging.getLogger(__name__)


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
        """Once `stopping` is set nothing new is asked; what is journalled is still recalled.

        Without `asks` nothing is asked at all: a request that failed fails as it did. With a
        `plan` requests are counted, and not even recalled.
        """
        self.journal = journal
        self.budget = budget
        self.stopping = stopping
        self.plan = plan
        self._asks = asks
        self._asking: dict[str, asyncio.Event] = {}

    async def obtain(
        self,
        key: str,
        ask: Callable[[], Awaitable[Reply]],
        about: Mapping[str, Any],
        *,
        journals: bool = False,
    ) -> Reply:
        """Recall the reply under `key`, or ask for it and journal it, unless `ask` `journals` it.

        `about` says in the journal what the reply belongs to. Raises RequestFailed (NotAsked
        where the run is stopping or the budget spent) and FatalModelError as `ask` does. Whoever
        wants what is being asked waits for it; batches see to that themselves.
        """
        if journals:
            return await self._recalled_or_asked(key, ask, about, journals=True)
        while (earlier := self._asking.get(key)) is not None:
            await earlier.wait()
        ended = self._asking[key] = asyncio.Event()
        try:
            return await self._recalled_or_asked(key, ask, about, journals=False)
        finally:
            del self._asking[key]
            ended.set()

    async def _recalled_or_asked(
        self,
        key: str,
        ask: Callable[[], Awaitable[Reply]],
        about: Mapping[str, Any],
        *,
        journals: bool,
    ) -> Reply:
        recalled = self.journal.recall(key)
        if self.plan is not None:
            raise NotAsked("this run only counts")
        if recalled is not None:
            return recalled
        if not self._asks:
            raise recorded_failure(self.journal.recall_failure(key))
        if self.stopping.is_set():
            raise NotAsked("the run is stopping")
        try:
            reply = await ask()
            if not journals:
                await self.journal.record(key, reply, about)
        except NotAsked as error:
            self.stopping.set()  # the budget is spent, or the run was stopping anyway
            if error.failed_attempts:
                await self.journal.record_failure(key, error, about)
            raise
        except RequestFailed as error:
            _log.warning("%s: %s", about, error)
            await self.journal.record_failure(key, error, about)
            raise
        _log.debug("%s: reply: %s", about, reply.text)
        return reply


def recorded_failure(line: Mapping[str, Any] | None) -> RequestFailed:
    """The error that a journal's line of a failed request tells of; NotAsked without one."""
    if line is None or line.get("status") == NotAsked.status:
        return NotAsked("no reply of it is in the journal, and this run asks nothing")
    failure = RequestFailed(str(line.get("error")))
    failure.status = line["status"]
    failure.failed_attempts = tuple(
        FailedAttempt(**attempt) for attempt in line.get("failed_attempts", ())
    )
    return failure
