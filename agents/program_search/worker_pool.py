"""Worker processes that search: each reads a task a line, and answers with its programs in a line.

They run this module (`python -m`); the search is imported by them only, since that is slow.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import orjson

from utilities.command_line.signals import uncancelled
from utilities.errors import ProviderFailed
from utilities.tasks.task import Task

_LONGEST_ANSWER_BYTES = 1 << 26
ATTEMPTS = 2
"""Workers that a job is given to, one after the other, if they die."""
_GRACE_S = 60.0
_SLOWEST_CELLS_PER_S = 100_000
"""Far slower than any task was: counted work limits a search, and this is only a guard."""
_VARIABLES = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


class WorkerPool(AbstractAsyncContextManager["WorkerPool"]):
    """Up to `size` worker processes, started when they are needed.

    If a worker dies, another one tries its job once more; the other jobs do not notice. A worker
    ends by itself when its standard input closes, so a killed parent leaves none behind.
    """

    def __init__(self, size: int) -> None:
        """`size` is the greatest number of processes."""
        self._free = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._all: set[Process] = set()
        self._starting: set[asyncio.Task[Process]] = set()

    async def run(self, job: dict[str, Any]) -> list[Any]:
        """A worker's answer to a job; raises ProviderFailed if two workers died of it."""
        line = orjson.dumps(job) + b"\n"
        async with self._free:
            for _ in range(ATTEMPTS):
                answer = await self._ask(line)
                if answer.endswith(b"\n"):
                    found: list[Any] = orjson.loads(answer)
                    return found
        raise ProviderFailed(
            f"task {job['task_id']}: the search's process died {ATTEMPTS} times; its last words "
            "are on stderr",
            attempts=ATTEMPTS,
        )

    async def _ask(self, line: bytes) -> bytes:
        """A worker's answer to a line; cut or empty if the worker died."""
        worker = await self._worker_given(line)
        answer = b""
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            with suppress(BrokenPipeError, ConnectionResetError):
                await worker.stdin.drain()
                answer = await worker.stdout.readline()
        finally:
            if answer.endswith(b"\n"):
                self._idle.append(worker)
            else:
                await self._end(worker)
        return answer

    async def _worker_given(self, line: bytes) -> Process:
        """A worker that was sent the line: an idle one, or a new one if no idle one is alive.

        A write to a dead process breaks its pipe at once, even if the event loop has not yet heard
        of its end. So a worker that died while idle costs the job no attempt.
        """
        while self._idle:
            worker = self._idle.pop()
            if _took(worker, line):
                return worker
            self._all.discard(worker)
            await worker.wait()
        worker = await self._start()
        _took(worker, line)
        return worker

    async def _start(self) -> Process:
        """A new worker; if this is cancelled, the worker is started all the same.

        Python loses a process whose start is cancelled, and may wait for it for ever.
        """
        start = asyncio.ensure_future(self._started())
        self._starting.add(start)
        start.add_done_callback(self._starting.discard)
        return await asyncio.shield(start)

    async def _started(self) -> Process:
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # import nothing from the folder that the user happens to be in
            "-m",
            "agents.program_search.worker_pool",
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_ANSWER_BYTES,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent
            env=_VARIABLES | kept,  # no keys, and the same hashes everywhere
        )
        self._all.add(worker)
        return worker

    async def _end(self, worker: Process) -> None:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()
        self._all.discard(worker)

    async def __aexit__(self, *_: object) -> None:
        """End every worker; jobs under way are lost."""
        await self.close()

    async def close(self) -> None:
        """End every worker; jobs under way are lost."""
        await uncancelled(self._end_all())

    async def _end_all(self) -> None:
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*map(self._end, set(self._all)))
        self._idle.clear()


def _took(worker: Process, line: bytes) -> bool:
    """Write a line to a worker; False if its pipe is broken."""
    assert worker.stdin is not None
    worker.stdin.write(line)
    return not worker.stdin.is_closing()


def most_cpu_s(job: dict[str, Any]) -> float:
    """The CPU seconds after which a search must be one that never ends."""
    return float(_GRACE_S + job["search_budget"] / _SLOWEST_CELLS_PER_S)


def answer(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The programs for one job: reasoning, code, and the outputs for the test inputs."""
    from agents.program_search.solving import solve

    task = Task.from_json(job["task_id"], job)
    return [
        {
            "reasoning": solution.reasoning,
            "python_code": solution.python_code,
            "answers": list(solution.outputs[len(task.train) :]),
            "kind": solution.kind,
            "search": solution.search,
            "form": solution.form,
            "confidence": solution.confidence,
        }
        for solution in solve(task, best_of=job["best_of"], search_budget=job["search_budget"])
    ]


def main() -> None:
    """Answer each line until the input ends; whatever else is printed goes to stderr."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        job = orjson.loads(line)
        # SIGPROF ends a search that never ends; its task is then reported as failed.
        signal.setitimer(signal.ITIMER_PROF, most_cpu_s(job))
        replies.write(orjson.dumps(answer(job)) + b"\n")
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        replies.flush()


if __name__ == "__main__":
    main()
