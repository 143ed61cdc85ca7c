"""The embedded agent: program search in worker processes, so that the event loop stays free."""

import asyncio
import os
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary

import orjson

from agents.program_search.ray_pool import RayPool
from agents.program_search.worker_pool import WorkerPool
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.errors import RequestFailed
from utilities.models.interface import Reply
from utilities.replies.journal import request_key
from utilities.replies.replies import Replies
from utilities.results.entry import Sample
from utilities.results.provenance import source_hash
from utilities.runs.options import AskingOptions
from utilities.tasks.task import Task


class ProgramSearchAgent(AbstractAsyncContextManager["ProgramSearchAgent"]):
    """Its samples of a task are the programs that the search found, all different, best first.

    Each is journalled as JSON, like a model's reply. The same task, budget and source give the
    same programs on any machine, however many tasks are searched at once. Leaving the agent ends
    its worker processes.
    """

    needs_model: ClassVar[bool] = False
    model_identifier: ClassVar[str] = "PROGRAM_SEARCH"
    """What stands in the records in place of a model's name."""
    samples_are_ranked: ClassVar[bool] = True
    """A sample's index is a place in the ranking, so that each view of a task begins with 0."""

    def __init__(
        self,
        replies: Replies,
        *,
        best_of: int,
        search_budget: int,
        pool: WorkerPool | RayPool | None = None,
    ) -> None:
        """`search_budget` is in cells touched; the `pool` has a worker a core by default."""
        self._replies = replies
        self._best_of = best_of
        self._search_budget = search_budget
        self._pool = pool or WorkerPool(os.cpu_count() or 1)
        self._searches: WeakValueDictionary[str, asyncio.Task[list[Any]]] = WeakValueDictionary()
        self._named = {"model_identifier": self.model_identifier, "model": self.model_identifier}
        self._identity = {
            "agent": type(self).__name__,
            **self._named,
            "search_budget": search_budget,
            "source_hash": source_hash(Path(__file__).parent),
        }

    @classmethod
    def for_run(cls, replies: Replies, options: AskingOptions) -> Self:
        """The agent for a run with these options; raises UsageError if Ray is not installed."""
        budget, pool = options.search_budget or DEFAULT_SEARCH_BUDGET, None
        if options.executor == "ray" and not options.asks_nothing:
            most, address = options.max_concurrent_tasks, options.ray_address
            here = min(most, os.cpu_count() or 1)
            pool = RayPool(address=address, most=most if address else here)
        return cls(replies, best_of=options.best_of, search_budget=budget, pool=pool)

    async def __aenter__(self) -> Self:
        """Connect to Ray if it is to be used; raises UsageError if that fails."""
        await self._pool.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """End the worker processes."""
        await self._pool.__aexit__(*raised)

    def identity(self) -> dict[str, Any]:
        """All that the programs depend on: the budget and the source of the search."""
        return self._identity

    async def sample(self, task: Task, index: int) -> Sample:
        """The program at this place of the ranking; status no_program_found if it is shorter."""
        key = request_key(task, [], self.model_identifier, self._identity, index)
        about = {"task_id": task.task_id, "sample_index": index, **self._named}
        about |= {} if task.view is None else {"view": task.view}
        try:
            async with self._replies.request(key, about) as request:
                reply = request.reply = request.reply or await self._reply(task, index)
        except RequestFailed as error:
            return Sample(task.task_id, index, [], error.status, error=str(error))
        found = orjson.loads(reply.text)
        if found is None:
            return Sample(task.task_id, index, [], "no_program_found", reply=reply)
        return Sample(
            task.task_id,
            index,
            [],
            "ok",
            reasoning=found["reasoning"],
            python_code=found["python_code"],
            answers=tuple(found["answers"]) or None,
            reply=reply,
            confidence=found["confidence"],
            verdict=found["kind"],
            rule_form=found.get("form"),
        )

    async def _reply(self, task: Task, index: int) -> Reply:
        started = time.monotonic()
        found = await self._search(task)
        return Reply(
            text=orjson.dumps(found[index] if index < len(found) else None).decode(),
            latency_s=round(time.monotonic() - started, 3),
            model=self.model_identifier,
            cost_usd=0.0,
        )

    async def _search(self, task: Task) -> list[Any]:
        """The programs of a task; its samples that wait at the same time share one search."""
        name = request_key(task, [], self.model_identifier, self._identity, 0)
        search = self._searches.get(name)
        if search is None:
            job = {
                "task_id": task.task_id,
                **task.without_test_outputs().to_json(),
                "best_of": self._best_of,
                "search_budget": self._search_budget,
            }
            search = self._searches[name] = asyncio.create_task(self._pool.run(job))
        return await search
