"""Where agents get replies: from the journal where one was paid for, else from the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from utilities.budget import Budget, Meter
from utilities.errors import NotAsked, RequestFailed
from utilities.model_clients.base import FREE, Message, ModelClient, Reply, Sampling
from utilities.result_store import Journal, request_key
from utilities.tasks import Task

if TYPE_CHECKING:
    from utilities.model_clients.batches.batch_queue import BatchQueue

_log = logging.getLogger(__name__)


class Replies:
    """The replies of one run; each new one is journalled before anything is made of it."""

    def __init__(self, journal: Journal, budget: Budget, stopping: asyncio.Event) -> None:
        """Once `stopping` is set nothing new is asked; what is journalled is still recalled."""
        self.journal = journal
        self.budget = budget
        self.stopping = stopping

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
        where the run is stopping or the budget spent) and FatalModelError as `ask` does.
        """
        recalled = self.journal.recall(key)
        if recalled is not None:
            return recalled
        if self.stopping.is_set():
            raise NotAsked("the run is stopping")
        try:
            reply = await ask()
            if not journals:
                await self.journal.record(key, reply, about)
        except NotAsked:
            self.stopping.set()  # the budget is spent, or the run was stopping anyway
            raise
        except RequestFailed as error:
            _log.warning("%s: %s", about, error)
            raise
        _log.debug("%s: reply: %s", about, reply.text)
        return reply


@dataclass(frozen=True, slots=True)
class Bound:
    """What keeps a reply's cost within the budget: what is sent, and what that costs at worst."""

    sampling: Sampling
    """As the user asked, with a limit on the tokens."""
    worst_usd_of: Callable[[Sequence[Message]], float]


class AskedModel:
    """A model as agents see it: `ask` about a task, sample by sample."""

    def __init__(
        self,
        client: ModelClient,
        sampling: Sampling,
        replies: Replies,
        *,
        model_identifier: str,
        model: str,
        bound: Bound | None = None,
        is_free: bool = False,
        batches: BatchQueue | None = None,
    ) -> None:
        """`model` is `provider:id`; `is_free` where nobody sends a bill. With `batches` the
        requests go through these.

        A run with a budget gives a `bound`. It does not change a request's key: what was paid for
        without a budget is recalled with one, and the other way round.
        """
        self._client = client
        self._sampling = sampling
        self._replies = replies
        self._bound = bound
        self._is_free = is_free
        self._batches = batches
        self.model_identifier = model_identifier
        self.model = model

    def identity(self) -> dict[str, Any]:
        """What a reply depends on besides the prompt and the sample's index."""
        return {
            "model_identifier": self.model_identifier,
            "model": self.model,
            "sampling": asdict(self._sampling),
        }

    async def ask(self, task: Task, index: int, messages: list[Message]) -> Reply:
        """The reply for one sample; raises as Replies.obtain does."""
        key = request_key(task, messages, self.model, asdict(self._sampling), index)
        about = {
            "task_id": task.task_id,
            "sample_index": index,
            "model_identifier": self.model_identifier,
            "model": self.model,
        }
        _log.debug("%s: prompt: %s", about, messages)
        sent, worst_usd = self._sampling, 0.0
        if self._bound is not None:
            sent, worst_usd = self._bound.sampling, self._bound.worst_usd_of(messages)
        meter = FREE if self._is_free else Meter(self._replies.budget, worst_usd)

        async def asked() -> Reply:
            if self._batches is not None:
                from utilities.model_clients.batches.slip import BatchRequest

                request = BatchRequest(key, about, messages, sent, worst_usd, meter)
                return await self._batches.complete(request)
            self._replies.journal.batches.check_is_in_none(key)
            return await self._client.complete(messages, sent, meter)

        return await self._replies.obtain(key, asked, about, journals=self._batches is not None)
