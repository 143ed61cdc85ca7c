"""Worker processes that take a JSON line each and answer with one."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

import orjson

from utilities.errors import ProviderFailed

_LONGEST_ANSWER_BYTES = 1 << 26
_ATTEMPTS = 2
_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "TMPDIR")


class WorkerPool:
    """Up to `size` processes of `agents.program_search.worker`, started when they are needed.

    A worker that dies is replaced and its job tried once more; the other jobs do not notice. A
    worker ends by itself when its standard input closes, so a killed parent leaves none behind.
    """

    def __init__(self, size: int) -> None:
        """`size` is the number of processes at the most."""
        self._free = asyncio.Semaphore(size)
        self._idle: list[Process] = []
        self._all: set[Process] = set()

    async def run(self, job: dict[str, Any]) -> list[Any]:
        """The worker's answer to a job; raises ProviderFailed if workers died of it twice."""
        line = orjson.dumps(job) + b"\n"
        async with self._free:
            for _ in range(_ATTEMPTS):
                answer = await self._ask(line)
                if answer.endswith(b"\n"):
                    found: list[Any] = orjson.loads(answer)
                    return found
        raise ProviderFailed(
            f"task {job['task_id']}: the search's process died {_ATTEMPTS} times; its last words "
            "are on stderr",
            attempts=_ATTEMPTS,
        )

    async def _ask(self, line: bytes) -> bytes:
        """One line to one worker and its answer; cut or empty if the worker died."""
        worker = await self._worker_given(line)
        answer = b""
        try:
            assert worker.stdin is not None
            assert worker.stdout is not None
            await worker.stdin.drain()
            answer = await worker.stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        finally:
            if answer.endswith(b"\n"):
                self._idle.append(worker)
            else:
                await self._end(worker)
        return answer

    async def _worker_given(self, line: bytes) -> Process:
        """A worker to whom the line was written: an idle one, or a new one if none lives.

        A write to a process that is dead breaks its pipe at once, also if the event loop has not
        heard of its end yet. So a worker that died while idle costs the job no attempt.
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
        kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing is imported from the folder that the user happens to be in
            "-m",
            "agents.program_search.worker",
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_ANSWER_BYTES,
            # Ctrl-C in the terminal is for the parent; no keys; the same hashes everywhere.
            start_new_session=True,
            env={
                **kept,
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "PYTHONHASHSEED": "0",
            },
        )
        self._all.add(worker)
        return worker

    async def _end(self, worker: Process) -> None:
        self._all.discard(worker)
        if worker.returncode is None:
            worker.kill()
        await worker.wait()

    async def close(self) -> None:
        """End every worker; jobs under way are lost."""
        for worker in list(self._all):
            await self._end(worker)
        self._idle.clear()


def _took(worker: Process, line: bytes) -> bool:
    """Write a line to a worker; whether its pipe took it."""
    assert worker.stdin is not None
    worker.stdin.write(line)
    return not worker.stdin.is_closing()
