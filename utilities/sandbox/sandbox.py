"""Runs untrusted programs in confined processes that never see an expected output."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Literal, Self

from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.job import Flavour, prepare
from utilities.sandbox.layers import describe_layers
from utilities.sandbox.pool import Pool
from utilities.sandbox.records import to_executions
from utilities.sandbox.server_process import ServerProcess
from utilities.sandbox.wire import EVERY_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

    from utilities.sandbox.job import Prepared
    from utilities.sandbox.records import Response
    from utilities.sandbox.server_process import Listener
    from utilities.tasks.task import Grid

MAX_INPUTS = EVERY_INPUT - 1
"""How many inputs one run takes."""
_DEFAULT_LIMITS = Limits()
_STRICT_DEPTH = 4
"""Programs that a worker has at hand: enough that it never waits for the supervisor."""
_CHOICE = 16
"""Programs for each worker that wait, so that it finds one of the kind that it just ran."""
_BATCH = 32
"""Programs that may share a child in batch mode."""
_TRIVIAL = "def solve_task(grid):\n    return grid"


class Sandbox:
    """Runs programs on fork servers, one for each worker and kind of program.

    memory_bank/systemPatterns.md says how the parts fit.
    `mode` "strict" gives every program a process of its own. "batch" lets many share one: where
    nothing else is said, every program whose outputs are all grids then runs once more alone, and
    that second run counts; so does every program that ends abnormally behind others.
    """

    def __init__(
        self,
        limits: Limits = _DEFAULT_LIMITS,
        *,
        workers: int | None = None,
        mode: Literal["strict", "batch"] = "strict",
        retry_timeouts_s: float | None = None,
        unsafe_no_seccomp: bool = False,
        withheld_layers: Collection[str] = (),
    ) -> None:
        """Use one worker for each core where `workers` is None.

        With `retry_timeouts_s`, a program that timed out runs once more with that many processor
        seconds, as soon as no other program waits. `withheld_layers` (of "namespaces",
        "landlock", "seccomp") are not put on, to find out what the others hold.
        """
        self.limits = limits
        self.workers = workers or os.cpu_count() or 1
        self.mode = mode
        depth = _STRICT_DEPTH if mode == "strict" else 2 * _BATCH
        self.capacity = self.workers * (depth + _CHOICE)
        """How many calls of `run` are taken at a time; more wait for their turn."""
        self._batch = 1 if mode == "strict" else _BATCH
        self._retry_timeouts_s = retry_timeouts_s
        self._unsafe_no_seccomp = unsafe_no_seccomp
        self._withheld = withheld_layers
        self._slots = asyncio.Semaphore(self.capacity)
        self._pool = Pool(self._start_server, workers=self.workers, depth=depth)

    def _start_server(
        self,
        flavour: Flavour,
        worker: int,
        on_answer: Listener,
        on_loss: Listener,
    ) -> ServerProcess:
        return ServerProcess(
            flavour,
            self.limits,
            batch=self._batch,
            withheld=self._withheld,
            unsafe_no_seccomp=self._unsafe_no_seccomp,
            processor=self._processor_of(worker),
            on_answer=on_answer,
            on_loss=on_loss,
        )

    def _processor_of(self, worker: int) -> int | None:
        """The core for a worker: where every core has one, children need not move between them."""
        if sys.platform != "linux":
            return None
        cores = sorted(os.sched_getaffinity(0))
        return cores[worker] if len(cores) == self.workers > 1 else None

    async def __aenter__(self) -> Self:
        """Start the first fork server.

        Raises UsageError where this system has no seccomp and the sandbox may not do without,
        RuntimeError where no fork server can be started.
        """
        prepared = prepare(_TRIVIAL, [[[0]]], self.limits)
        assert not isinstance(prepared, Execution)
        try:
            await self._once(prepared, Flavour())
        except BaseException:
            await self._pool.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes of the sandbox and wait until they are gone."""
        await self._pool.close()

    @property
    def layers(self) -> str:
        """One line on what is enforced here, and what is not; known once a program has run."""
        return describe_layers(self._pool.report)

    @property
    def server_process_ids(self) -> list[int]:
        """The processes of the fork servers that run now."""
        return [server.process_id for server in self._pool.servers]

    async def run(
        self,
        code: str,
        inputs: Sequence[Grid],
        *,
        hash_seed: int = 0,
        counts: Callable[[tuple[Execution, ...]], bool] | None = None,
    ) -> tuple[Execution, ...]:
        """One Execution for each input (valid grids, at most MAX_INPUTS), in their order.

        The limits hold for all inputs together. Answers given before a limit was passed are
        kept. In batch mode, `counts` says whether executions are worth a run alone that confirms
        them (that they pass, say). Cancelling the call ends the program.
        """
        if len(inputs) > MAX_INPUTS:
            raise ValueError(f"{len(inputs)} inputs, where one run takes at most {MAX_INPUTS}")
        prepared = prepare(code, inputs, self.limits)
        if isinstance(prepared, Execution):
            return (prepared,) * len(inputs)
        flavour = Flavour(prepared.modules, hash_seed)
        async with self._slots:
            executions = await self._run_as_is_needed(prepared, flavour, counts or _all_ok)
        if self._retry_timeouts_s and any(one.status == "timeout" for one in executions):
            return await self._retry(prepared, flavour, self._retry_timeouts_s)
        return executions

    async def _run_as_is_needed(
        self,
        prepared: Prepared,
        flavour: Flavour,
        counts: Callable[[tuple[Execution, ...]], bool],
    ) -> tuple[Execution, ...]:
        """Run a program, and once more alone where that is what counts."""
        alone = self.mode == "strict" or prepared.uses_chance
        response, executions = await self._once(prepared, flavour, alone=alone)
        if not response.alone and (_is_abnormal(executions) or counts(executions)):
            _, executions = await self._once(prepared, flavour)
        return executions

    async def _once(
        self, prepared: Prepared, flavour: Flavour, *, alone: bool = True
    ) -> tuple[Response, tuple[Execution, ...]]:
        cpu_s, wall_s = self.limits.cpu_s, self.limits.wall_s
        response = await self._pool.run(prepared, flavour, cpu_s=cpu_s, wall_s=wall_s, alone=alone)
        return response, to_executions(response, prepared.inputs, cpu_s, wall_s)

    async def _retry(
        self, prepared: Prepared, flavour: Flavour, cpu_s: float
    ) -> tuple[Execution, ...]:
        """The longer pass; its wait holds nobody up, so it takes none of the slots."""
        wall_s = max(cpu_s, cpu_s * self.limits.wall_s / self.limits.cpu_s)
        response = await self._pool.run(prepared, flavour, cpu_s=cpu_s, wall_s=wall_s, late=True)
        return to_executions(response, prepared.inputs, cpu_s, wall_s)


def _all_ok(executions: tuple[Execution, ...]) -> bool:
    return all(execution.status == "ok" for execution in executions)


def _is_abnormal(executions: tuple[Execution, ...]) -> bool:
    """Whether memory ran out, which may be what earlier programs took."""
    return any(execution.status == "memory_limit" for execution in executions)
