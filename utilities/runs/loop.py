"""The loop that every asking script shares: slots, resume, signals, and a whole results file."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from utilities.command_line.signals import hearing_signals
from utilities.command_line.terminal import Progress, say
from utilities.files.hashing import hash_of
from utilities.replies.budget import Budget
from utilities.results.result_entry import ResultEntry
from utilities.runs.store import ResultStore, entry_key, reparsed
from utilities.runs.tally import Tally
from utilities.tasks.task import Task

Entry = dict[str, Any]
Answer = Callable[[Task], Awaitable[Entry]]
"""Makes the entry of a task."""


class RunLoop:
    """Answers tasks side by side and writes an entry for each.

    A task is read when a slot is free, and dropped when its entry is written. The first SIGINT or
    SIGTERM stops the asking and lets what is in flight finish, the second cancels that, the third
    ends the process at once. After an error that further requests would meet too (FatalModelError,
    a bug) no task is begun; the others finish, and then it is raised.
    """

    def __init__(
        self,
        store: ResultStore,
        *,
        configuration: Entry,
        max_concurrent_tasks: int,
        budget: Budget,
        stopping: asyncio.Event,
        entry_fields: Mapping[str, Any] = MappingProxyType({}),
        asks_model: bool = True,
        reparsing: bool = False,
        outlasts_budget: bool = False,
    ) -> None:
        """`configuration` is all that an entry depends on besides its task.

        `entry_fields` are added to every entry. When `reparsing`, finished entries are made anew
        as well, from what is in the journal. With `outlasts_budget` tasks are also begun when
        nothing may be asked any more, unless a signal ends the run.
        """
        self.tally = Tally(asks_model)
        self.stopped_by: signal.Signals | None = None
        self.server_is_gone = False
        """To be set if the run ends because no server answers."""
        self._store = store
        self._entry_fields = entry_fields
        self._configuration_hash = hash_of(configuration)
        self._slots = asyncio.Semaphore(max_concurrent_tasks)
        self._budget = budget
        self._stopping = stopping
        self._reparsing = reparsing
        self._outlasts_budget = outlasts_budget
        self._jobs: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    async def run(
        self,
        tasks: Iterable[Task],
        answer: Answer,
        *,
        progress: Progress,
        observe: Callable[[ResultEntry], None] = lambda _: None,
    ) -> None:
        """Write `answer(task)` for each task that has no finished entry yet.

        `observe` gets every entry, new or of an earlier run. An entry with `complete` None was
        cut short by the stop: it is not written, and its journalled replies wait for the next run.
        Raises the first failure once all tasks that were begun have ended.
        """

        def count(entry: ResultEntry, *, resumed: bool) -> None:
            self.tally.add(entry, resumed=resumed)
            observe(entry)
            progress.update(self.tally.done_count, self.tally.progress_text)

        async def one(task: Task, key: str) -> None:
            entry, is_new = self._made({**await answer(task), **self._entry_fields}, key)
            if is_new and entry["complete"] is None:
                self.tally.left_count += 1
                return
            if is_new:
                keys = {"entry_key": key, "configuration_hash": self._configuration_hash}
                await self._store.append({**keys, **entry})
            count(ResultEntry.of(entry), resumed=not is_new)

        ending = asyncio.create_task(self._end_in_time())
        feeding = asyncio.create_task(self._begin_all(tasks, one, count))
        await asyncio.wait([feeding])
        while self._jobs:
            await asyncio.wait(self._jobs)
        ending.cancel()
        self._failure = self._failure or feeding.exception()
        if self._failure is not None:
            raise self._failure

    async def _end_in_time(self) -> None:
        """At the deadline, cancel what is still in flight: its time was judged too short."""
        if (deadline := self._budget.deadline) is None:
            return
        await asyncio.sleep(deadline.left_s)
        deadline.is_reached = True
        self._stopping.set()
        say(f"--deadline: the time is over; {len(self._jobs)} tasks in flight are cancelled")
        for job in self._jobs:
            job.cancel()

    def _made(self, entry: Entry, key: str) -> tuple[Entry, bool]:
        """The entry that counts, and whether it differs from the one that is written already."""
        if not self._reparsing:
            return entry, True
        finished = self._store.finished_fields(key)
        entry = reparsed(entry, finished)
        return entry, entry is not finished

    async def _begin_all(
        self,
        tasks: Iterable[Task],
        one: Callable[[Task, str], Coroutine[Any, Any, None]],
        count: Callable[..., None],
    ) -> None:
        """Read a task when a slot is free, and begin it unless it was finished before."""
        for task in tasks:
            key = entry_key(self._configuration_hash, task)
            finished = None if self._reparsing else self._store.finished_entry(key)
            if finished is not None:
                count(finished, resumed=True)
                await asyncio.sleep(0)  # signals are heard between resumed tasks too
                continue
            await self._slots.acquire()
            ends = self.stopped_by is not None or self._failure is not None
            if self._stopping.is_set() and (ends or not self._outlasts_budget):
                break
            job = asyncio.create_task(one(task, key))
            self._jobs.add(job)
            job.add_done_callback(self._finished)
            if not self._slots.locked():
                await asyncio.sleep(0)  # one is sent while the next is made ready

    @property
    def status(self) -> str:
        """How it ended: completed, interrupted, failed, budget_exhausted or deadline_reached."""
        if self._failure is not None:
            return "failed"
        if self.stopped_by is not None:
            return "interrupted"
        if self.server_is_gone:
            return "failed"
        if self._budget.exhausted:
            return "budget_exhausted"
        deadline = self._budget.deadline
        return "deadline_reached" if deadline and deadline.is_reached else "completed"

    def _finished(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self._slots.release()
        if job.cancelled():
            self.tally.left_count += 1
        elif (error := job.exception()) is not None:
            self._failure = self._failure or error
            self._stopping.set()

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM within the context, which should end after the last write."""
        received: list[signal.Signals] = []

        def stop(number: signal.Signals) -> None:
            received.append(number)
            self.stopped_by = received[0]
            self._stopping.set()
            if len(received) == 1:
                when = f" when {len(self._jobs)} tasks in flight are done; again cancels them"
                say(f"stopping{when if self._jobs else ''}")
            for job in self._jobs if len(received) > 1 else ():
                job.cancel()

        with hearing_signals(stop):
            yield
