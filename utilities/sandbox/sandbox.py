"""Runs untrusted programs, each in a process of its own that never sees an expected output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from utilities.sandbox import child
from utilities.sandbox.base import Execution, ExecutionStatus, Limits
from utilities.sandbox.job import prepare
from utilities.sandbox.records import RecordReader, RecordsRefused

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence
    from types import TracebackType

    from utilities.tasks import Grid

MAX_INPUTS = child.EVERY_INPUT
"""How many inputs one run takes."""
START_S = 60.0
"""How long a child may take until it is ready, before anything of the program has run."""
REAP_S = 10.0
"""How long a killed child may take to be gone; only a process that left its group takes longer."""
LAYERS = (
    "interim sandbox: a process and session for each program, a clean environment, limits on "
    "processor, memory, time, open files, file size and processes, {user}; NOT enforced: what it "
    "may read, empty files it may create, the network, signals to processes of the same user, "
    "other system calls"
)
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",  # threads would count as processes, and there may be none
    "PYTHONHASHSEED": "0",  # the same verdict each time, also for programs that iterate over sets
}
_FLAGS = ("-P", "-s", "-S", "-B", "-X", "utf8", "-W", "ignore")
"""As -I, but for the hash seed; and no site-packages."""
_OVERTIME = (signal.SIGPROF, signal.SIGXCPU, signal.SIGALRM)
_DEFAULT_LIMITS = Limits()


class Sandbox:
    """Runs programs in child processes, at most `workers` at a time.

    `async with Sandbox() as sandbox` starts a first child, so that a system on which none can
    run is found out at once.
    """

    def __init__(self, limits: Limits = _DEFAULT_LIMITS, *, workers: int | None = None) -> None:
        """Use one worker for each core where `workers` is None."""
        self.limits = limits
        self.workers = workers or os.cpu_count() or 1
        self._slots = asyncio.Semaphore(self.workers)
        self._not_enforced: str | None = None

    async def __aenter__(self) -> Self:
        """Start the sandbox; raises RuntimeError where no child can be started."""
        await self.run("def solve_task(grid):\n    return grid", [[[0]]])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing outlives a call of `run`, so there is nothing left to stop."""

    @property
    def layers(self) -> str:
        """One line on what is enforced here and what is not; complete once a program has run."""
        user = "user nobody" if os.getuid() == 0 else "the user's own account"
        line = LAYERS.format(user=user)
        return f"{line}, {self._not_enforced}" if self._not_enforced else line

    async def run(self, code: str, inputs: Sequence[Grid]) -> tuple[Execution, ...]:
        """One Execution for each input (valid grids, at most MAX_INPUTS), in their order.

        The limits hold for all inputs together. Answers given before a limit was passed are
        kept. Cancelling the call kills the child.
        """
        if len(inputs) > MAX_INPUTS:
            raise ValueError(f"{len(inputs)} inputs, where one run takes at most {MAX_INPUTS}")
        job = prepare(code, inputs, self.limits)
        if isinstance(job, Execution):
            return (job,) * len(inputs)
        reader = RecordReader(len(inputs), self.limits.output_bytes)
        async with self._slots:
            rest = await self._run_child(job, reader)
        return tuple(reader.executions.get(index, rest) for index in range(len(inputs)))

    async def _run_child(self, job: bytes, reader: RecordReader) -> Execution:
        """Fill `reader`; returns what the inputs without an answer get."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_FLAGS,
            str(Path(child.__file__)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        try:
            await self._start(process, job, reader)
            return await self._follow(process, reader)
        except RecordsRefused as refused:  # the first answers may come along with "ready"
            return _unanswered(refused.status, str(refused))
        finally:
            await _end(process)

    async def _start(self, process: Process, job: bytes, reader: RecordReader) -> None:
        """Hand the job over and wait until the child is about to run the program."""
        assert process.stdin and process.stdout and process.stderr
        with suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(job)
            await process.stdin.drain()
            process.stdin.close()
        async with asyncio.timeout(START_S):
            while reader.not_enforced is None:
                received = await process.stdout.read(2**16)
                if not received:
                    reason = (await process.stderr.read()).decode("utf-8", "replace").strip()
                    raise RuntimeError(f"the sandbox's child did not start: {reason[-2000:]}")
                reader.feed(received, 0.0)
        self._not_enforced = reader.not_enforced

    async def _follow(self, process: Process, reader: RecordReader) -> Execution:
        """Read records until all are in, the child ends or a limit is passed."""
        assert process.stdout
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(self.limits.wall_s):
                while not reader.complete:
                    received = await process.stdout.read(2**16)
                    if not received:
                        return await self._ending(process, loop.time() - started)
                    reader.feed(received, loop.time() - started)
        except TimeoutError:
            return _unanswered("timeout", f"no answer within {self.limits.wall_s:g} s")
        return _unanswered("crashed", "unreachable: every input has its answer")

    async def _ending(self, process: Process, elapsed_s: float) -> Execution:
        """What the end of a child means that has closed its result pipe."""
        try:
            async with asyncio.timeout(1):
                code = await process.wait()
        except TimeoutError:
            return _unanswered("crashed", "closed the result descriptor")
        if code == child.MEMORY_EXHAUSTED:
            return _unanswered("memory_limit", "memory ran out")
        if code >= 0:
            return _unanswered("crashed", f"left with exit code {code} before it answered")
        # The hard limit kills a program that ignores the soft one; so may others, but sooner.
        if -code in _OVERTIME or (-code == signal.SIGKILL and elapsed_s >= self.limits.cpu_s):
            return _unanswered("timeout", f"used over {self.limits.cpu_s:g} s of processor time")
        return _unanswered("crashed", f"killed by {signal.Signals(-code).name}")


async def _end(process: Process) -> None:
    """Kill a child with all that it started, and wait until it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(REAP_S):
            await process.communicate()  # a pipe that is full would keep `wait` waiting


def _unanswered(status: ExecutionStatus, message: str) -> Execution:
    return Execution(status, message=message)
