"""Where agents get replies: from the journal if one was paid for, else from the model."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from utilities.command_line.terminal import say
from utilities.errors import (
    AllRejected,
    FailedAttempt,
    NotAsked,
    RequestFailed,
    ServerGone,
    ToolkitError,
)
from utilities.models.interface import Reply
from utilities.replies.budget import Budget
from utilities.replies.journal import Journal
from utilities.replies.request_plan import RequestPlan

_log = logging.getLogger(__name__)

MOST_REJECTED = 20
"""A run ends after so many requests if the server rejected each, or answered each with no JSON."""
NO_JSON = "no JSON"

ReadBody: TypeAlias = Callable[[str], Reply]
"""The reply in the body of a success; raises ToolkitError if there is none."""


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
        self.of_unfinished: dict[str, list[Reply | RequestFailed]] = {}
        """What tasks under way got, by task id; to be taken out when a task has its entry."""
        self._failures: Counter[str] = Counter()
        self.server_is_gone = False
        """Whether the run ends because no server has answered for long."""
        self._has_replies = False
        self._asks = asks
        self._asking: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def request(
        self,
        key: str,
        about: Mapping[str, Any],
        read_body: ReadBody | None = None,
        *,
        by_batch: bool = False,
    ) -> AsyncIterator[PendingRequest]:
        """The request under `key`; if it has no `reply` yet, the block asks for it and sets it.

        The reply is journalled when the block ends, or its failure; `about` says there what it
        belongs to. Bodies that an earlier version could not read are tried by `read_body` before
        anything is asked. Raises NotAsked if the run is stopping or asks nothing, and whatever the
        block raises. If the same request is being asked already, this waits for its end; with
        `by_batch` the queue of batches does that itself, and has journalled the reply.
        """
        if by_batch:
            async with self._journalled(key, about, read_body, records=False) as pending:
                yield pending
            return
        while (earlier := self._asking.get(key)) is not None:
            await earlier.wait()
        ended = self._asking[key] = asyncio.Event()
        try:
            async with self._journalled(key, about, read_body, records=True) as pending:
                yield pending
        finally:
            del self._asking[key]
            ended.set()

    @asynccontextmanager
    async def _journalled(
        self, key: str, about: Mapping[str, Any], read_body: ReadBody | None, *, records: bool
    ) -> AsyncIterator[PendingRequest]:
        reply = None if self.plan is not None else self.journal.recall(key)
        if reply is None and read_body is not None and self.plan is None:
            reply = await self._read_again(key, about, read_body)
        if reply is None:
            self.check_may_ask(key)
        pending = PendingRequest(reply)
        got = self.of_unfinished.setdefault(str(about["task_id"]), [])
        if pending.reply is not None:
            got.append(pending.reply)
            yield pending
            return
        try:
            yield pending
        except NotAsked as error:
            self.stopping.set()  # the budget is spent, or the run was stopping anyway
            if isinstance(error, ServerGone) and not self.server_is_gone:
                self.server_is_gone = True
                say(f"the run ends: {error}; the same command asks what is left")
            if error.failed_attempts:
                got.append(error)
                await self.journal.record_failure(key, error, about)
            raise
        except RequestFailed as error:
            _log.warning("%s: %s", shortly(about), error)
            got.append(error)
            await self.journal.record_failure(key, error, about)
            self._tell(error)
            raise
        assert pending.reply is not None, "the block has asked"
        got.append(pending.reply)
        self._has_replies = True
        if records:
            await self.journal.record(key, pending.reply, about)
        calls = pending.reply.tool_calls
        said = f" and calls {calls}" if calls else ""
        _log.debug("%s: reply: %s%s", shortly(about), pending.reply.text, said)

    def _tell(self, error: RequestFailed) -> None:
        """Say the first failure of each kind; raises AllRejected if nothing else ever came."""
        if not self._failures[error.status]:
            say(f"{error.status}: {error}")
        self._failures[error.status] += 1
        said = {"rejected": "rejected", NO_JSON: "answered by what is no JSON"}
        if error.failed_attempts and all(one.status_code == 200 for one in error.failed_attempts):
            self._failures[NO_JSON] += 1
        for kind, words in said.items():
            if not self._has_replies and self._failures[kind] >= MOST_REJECTED:
                raise AllRejected(
                    f"the first {MOST_REJECTED} requests were all {words}, the last one so: "
                    f"{error}; mend the options or the server, and run the same command again"
                )

    async def _read_again(
        self, key: str, about: Mapping[str, Any], read_body: ReadBody
    ) -> Reply | None:
        """The reply in a body that could not be read when it came; it is journalled as one now."""
        if (reply := readable_body(self.journal, key, read_body)) is None:
            return None
        failed = list(recorded_failure(self.journal.recall_failure(key)).failed_attempts)
        billable = [attempt for attempt in failed if attempt.worst_case_usd != 0]
        if billable:  # one of them brought this reply
            failed.remove(billable[0])
        reply = replace(reply, attempts=len(failed) + 1, failed_attempts=tuple(failed))
        await self.journal.record(key, reply, {**about, "read_again": True})
        return reply

    def check_may_ask(self, key: str) -> None:
        """Raise RequestFailed if nothing is to be asked under this key."""
        if self.plan is not None:
            raise NotAsked("this run only counts")
        if not self._asks:
            raise recorded_failure(self.journal.recall_failure(key))
        if self.stopping.is_set():
            raise NotAsked("the run is stopping")


def shortly(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a log line says of a request: tools' results stand in another line already."""
    return {name: value for name, value in about.items() if name != "tool_results"}


def readable_body(journal: Journal, key: str, read_body: ReadBody) -> Reply | None:
    """The reply in the first body under this key that can be read today, if there is one."""
    for body in journal.recall_bodies(key):
        with suppress(ToolkitError):
            return read_body(body)
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
