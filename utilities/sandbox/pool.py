"""Spreads jobs over workers, each with a fork server for each kind of program."""

import asyncio
import signal
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

from utilities.command_line.signals import uncancelled
from utilities.errors import UsageError
from utilities.sandbox.execution import Limits, Response
from utilities.sandbox.preparation import Prepared, ServerKind
from utilities.sandbox.server_process import Job, ServerProcess, Starter
from utilities.sandbox.wire import Ending

_LOSSES = 3
"""A program is given up after this many fork servers were lost while it ran. A child cannot harm
its server, so even the second loss nearly always has another cause."""
_FAILED_STARTS = 5
"""So many starts of fork servers may fail in a row before any is ready. Ten times as many once one
was ready, or if the system has no process left: that may pass."""
_FIRST_PAUSE_S = 0.1
"""How long nothing is started after a failure; twice as long after each further one."""
_MOST_OVERTAKING = 32
"""How many jobs may overtake the one that has waited longest."""
_OVERDUE_S = 20.0
"""A fork server is taken for dead this long after its program's limit."""
_START_S = 60.0
NO_SECCOMP = (
    "this system has no seccomp, without which programs could reach the rest of it: "
    "run them on Linux (x86-64 or arm64), or take the risk with --unsafe_no_seccomp"
)


class _Worker:
    """One fork server of each kind that was needed so far; they share a place in line."""

    def __init__(self, processor: int | None) -> None:
        self.processor = processor
        self.servers: dict[ServerKind, ServerProcess] = {}
        self.kind: ServerKind | None = None
        """The kind of the last job that it was given."""

    @property
    def jobs(self) -> int:
        """How many jobs its servers have, together."""
        return sum(len(server.jobs) for server in self.servers.values())


class Pool:
    """Jobs wait here until a worker is free. Those of a second pass wait until no other waits.

    A worker takes them in their order, except that jobs of the kind that it had last overtake.
    """

    def __init__(
        self,
        start: Starter,
        processors: Sequence[int | None],
        *,
        depth: int,
        longest_pause_s: float = 0.5,
    ) -> None:
        """Make a worker for each processor (None: any), and give each up to `depth` jobs.

        `start` makes a fork server when one is needed. If it fails, it is called again after a
        pause.
        """
        self._start = start
        self._workers = list(map(_Worker, processors))
        self._depth = depth
        self._waiting: deque[Job] = deque()
        self._second_pass: deque[Job] = deque()
        self._ids = count(1)
        self._failed_starts = 0
        self._longest_pause_s = longest_pause_s
        self._pause: asyncio.TimerHandle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        self.report: dict[str, Any] | None = None
        """The layers that the fork servers report as in force; None before the first is ready."""

    @property
    def servers(self) -> list[ServerProcess]:
        """All running fork servers."""
        return [server for worker in self._workers for server in worker.servers.values()]

    async def run(
        self,
        prepared: Prepared,
        kind: ServerKind,
        limits: Limits,
        *,
        alone: bool = True,
        second_pass: bool = False,
    ) -> Response:
        """Run one program; cancelling this ends the program.

        Raises UsageError if this system has no seccomp and that is not allowed, or if no fork
        server gets ready, RuntimeError if the pool is closed.
        """
        if self._closed:
            raise RuntimeError("the sandbox is closed")
        queue = self._second_pass if second_pass else self._waiting
        for _ in range(_LOSSES):
            answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            number = next(self._ids) % 2**32
            job = Job(number, kind, prepared, limits, alone, answer)
            response = await self._wait_for(job, queue)
            if (response.ending, response.code) != (Ending.SIGNALLED, signal.SIGKILL):
                break
        return response  # no program can send itself SIGKILL: the kernel may have, short of memory

    async def _wait_for(self, job: Job, queue: deque[Job]) -> Response:
        queue.append(job)
        self._dispatch()
        try:
            return await job.answer
        except asyncio.CancelledError:
            self._abandon(job)
            raise

    def _dispatch(self) -> None:
        if self._closed or self._pause:
            return
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(1.0, self._end_overdue)
        for queue, most in ((self._waiting, self._depth), (self._second_pass, 1)):
            while queue and (worker := self._least_busy(queue[0])).jobs < most:
                job = self._next_for(worker) if queue is self._waiting else queue.popleft()
                self._give(worker, job)
                if self._pause:
                    return

    def _least_busy(self, job: Job) -> _Worker:
        """The worker with the fewest jobs; of equals, one that has a server of the job's kind."""
        return min(self._workers, key=lambda worker: (worker.jobs, job.kind not in worker.servers))

    def _next_for(self, worker: _Worker) -> Job:
        """The first waiting job of the kind that the worker had last, else the first of all.

        So servers take turns seldom: two that run on one core at a time slow each other down.
        """
        first = self._waiting[0]
        if first.overtaken < _MOST_OVERTAKING:
            for position, job in enumerate(self._waiting):
                if job.kind == worker.kind:
                    first.overtaken += position > 0
                    del self._waiting[position]
                    return job
        return self._waiting.popleft()

    def _give(self, worker: _Worker, job: Job) -> None:
        if job.answer.done():
            return
        server = worker.servers.get(job.kind)
        if server is None:
            try:
                server = self._start(job.kind, worker.processor, self._answered, self._lost)
            except OSError as error:  # no process or no descriptor is left
                self._start_later([job], str(error), _FAILED_STARTS * 10)
                return
            worker.servers[job.kind] = server
        worker.kind = job.kind
        server.submit(job)

    def _answered(self, server: ServerProcess) -> None:
        self._failed_starts = 0
        self.report = server.report
        self._dispatch()

    def _lost(self, server: ServerProcess, *, by_itself: bool = True) -> None:
        """Replace a fork server that ended, and give its jobs to others."""
        for worker in self._workers:
            if worker.servers.get(server.kind) is server:
                del worker.servers[server.kind]
        said = server.kill()
        jobs = [job for job in server.jobs if not job.answer.done()]
        server.jobs.clear()
        if server.report is None and by_itself:
            self._start_later(jobs, said, _FAILED_STARTS * (1 if self.report is None else 10))
            return
        if server.refuses:
            self._fail(jobs, UsageError(NO_SECCOMP))
            return
        if by_itself:
            self._blame(jobs)
        self._waiting.extendleft(reversed(jobs))
        self._dispatch()

    def _start_later(self, jobs: list[Job], said: str, most: int) -> None:
        """Pause after a failed start, then try again; fail all jobs after `most` in a row."""
        pause_s = min(_FIRST_PAUSE_S * 2**self._failed_starts, self._longest_pause_s)
        self._failed_starts += 1
        if self._failed_starts >= most:
            reason = said.splitlines()[-1] if said else "it ends without a word"
            self._fail(jobs, UsageError(f"no fork server of the sandbox starts: {reason}"))
            self._failed_starts = 0
            return
        self._waiting.extendleft(reversed(jobs))
        if self._pause is None:
            self._pause = asyncio.get_running_loop().call_later(pause_s, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        self._dispatch()

    def _blame(self, jobs: list[Job]) -> None:
        """Find the job that ended a fork server, and give it up if it did so too often.

        It was the first in line, which ran, unless the server was just compiling a later one. So
        as long as any job was still to be compiled by the server, none is blamed, and all of
        them are compiled by their own children from now on.
        """
        trusted = [job for job in jobs if not job.distrusted]
        for job in trusted:
            job.distrusted = True
        if jobs and not trusted:
            jobs[0].losses += 1
            if jobs[0].losses >= _LOSSES:
                lost = jobs.pop(0)
                response = Response(lost.request_id, Ending.COMPLETE, True, 0, 0.0, b"")
                lost.answer.set_result(response)

    def _fail(self, jobs: list[Job], reason: Exception) -> None:
        for job in (*jobs, *self._waiting, *self._second_pass):
            if not job.answer.done():
                job.answer.set_exception(reason)
        self._waiting.clear()
        self._second_pass.clear()

    def _abandon(self, job: Job) -> None:
        """End a cancelled job: end its server if it runs, else only take it out of its queue."""
        for queue in (self._waiting, self._second_pass):
            if job in queue:
                queue.remove(job)
        for server in self.servers:
            if server.jobs and server.jobs[0] is job:
                self._lost(server, by_itself=False)

    def _end_overdue(self) -> None:
        """Replace fork servers that do not enforce the limits of their programs."""
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(1.0, self._end_overdue) if self.servers else None
        for server in self.servers:
            if server.jobs:
                head = server.jobs[0]
                patience = _OVERDUE_S + (_START_S if server.report is None else head.limits.wall_s)
                if loop.time() - head.began_s > patience:
                    self._lost(server)

    async def close(self) -> None:
        """End all fork servers and wait until they are gone."""
        self._closed = True
        for timer in (self._watch, self._pause):
            if timer:
                timer.cancel()
        servers = self.servers
        for worker in self._workers:
            worker.servers.clear()
        jobs = [job for server in servers for job in server.jobs]
        self._fail(jobs, RuntimeError("the sandbox is closed"))
        for server in servers:
            server.disconnect()
        await uncancelled(asyncio.gather(*(asyncio.to_thread(server.wait) for server in servers)))
