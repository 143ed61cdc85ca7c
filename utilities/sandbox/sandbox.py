"""Runs untrusted programs in confined processes that never see an expected output."""

import asyncio
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, Self

from utilities.sandbox.execution import ANSWERED, Execution, Limits, Response, to_executions
from utilities.sandbox.pool import Pool
from utilities.sandbox.preparation import Prepared, ServerKind, prepare
from utilities.sandbox.server_process import ServerProcess
from utilities.sandbox.wire import EVERY_INPUT
from utilities.tasks.task import Grid

Predicate = Callable[[tuple[Execution, ...]], bool]

_INPUTS_TOGETHER = EVERY_INPUT - 1
"""How many inputs a process takes: it numbers them with a byte."""
_DEFAULT_LIMITS = Limits()
_STRICT_DEPTH = 4
"""Programs that a worker is given ahead, so that it never waits for the supervisor."""
_CHOICE = 16
"""Further programs that wait for each worker: one may be of the kind that it just ran."""
_BATCH = 32
"""Programs that may share a child in batch mode."""
_NAMESPACES = ("user", "net", "pid", "ipc", "uts", "mnt")
_TRIVIAL = "def solve_task(grid):\n    return grid"


class Sandbox:
    """Runs programs on fork servers, one for each worker and kind of program.

    utilities/sandbox/readme.md says what it protects and how its parts fit.

    In `mode` "strict" every program gets a process of its own. In "batch" those of plain code
    (plain_code.py) share one. A program whose outputs may count (see `run`) then runs once more
    alone, and so does one that ran out of memory behind others; what it does alone decides.
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
        """Use one worker for each core if `workers` is None.

        With `retry_timeouts_s`, a program that timed out runs once more with that many processor
        seconds, as soon as no other program waits. `withheld_layers` ("namespaces", "landlock",
        "seccomp") are not put on: for tests of what the others hold.
        """
        self.limits = limits
        self.workers = workers or os.cpu_count() or 1
        self.mode = mode
        depth = _STRICT_DEPTH if mode == "strict" else 2 * _BATCH
        self.capacity = self.workers * (depth + _CHOICE)
        """How many calls of `run` are taken at a time; more wait for their turn."""
        self._retry_timeouts_s = retry_timeouts_s
        self._slots = asyncio.Semaphore(self.capacity)
        settings = {
            "batch": 1 if mode == "strict" else _BATCH,
            "withheld": sorted(withheld_layers),
            "unsafe_no_seccomp": unsafe_no_seccomp,
            "memory_mb": limits.memory_mb,
            "output_bytes": limits.output_bytes,
            "stdout_bytes": limits.stdout_bytes,
        }
        start = partial(ServerProcess, settings)
        self._pool = Pool(start, _processors(self.workers), depth=depth)

    async def __aenter__(self) -> Self:
        """Start the first fork server.

        Raises UsageError if this system has no seccomp and that is not allowed, or if no fork
        server can be started.
        """
        prepared = prepare(_TRIVIAL, [[[0]]], self.limits)
        assert not isinstance(prepared, Execution)
        try:
            await self._once(prepared, ServerKind())
        except BaseException:
            await self._pool.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
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
        counts: Predicate | None = None,
    ) -> tuple[Execution, ...]:
        """One Execution for each input (valid grids), in their order.

        The limits hold for all inputs together. Answers given before a limit was passed are
        kept. In batch mode, `counts` says whether executions need a run alone that confirms them,
        for instance because they pass; None: if all are grids. Cancelling the call ends the
        program.

        More than 254 inputs run in parts, each in a process of its own and with the whole limits.
        After a part that was cut short, no further part runs.
        """
        if len(inputs) <= _INPUTS_TOGETHER:
            return await self._run(code, inputs, hash_seed, counts)
        executions: tuple[Execution, ...] = ()
        while len(executions) < len(inputs):
            part = inputs[len(executions) :][:_INPUTS_TOGETHER]
            executions += await self._run(code, part, hash_seed, None, alone=True)
            if executions[-1].status not in ANSWERED:
                executions += (executions[-1],) * (len(inputs) - len(executions))
        return executions

    async def _run(
        self,
        code: str,
        inputs: Sequence[Grid],
        hash_seed: int,
        counts: Predicate | None,
        *,
        alone: bool = False,
    ) -> tuple[Execution, ...]:
        """Run a program on inputs that one process takes."""
        prepared = prepare(code, inputs, self.limits)
        if isinstance(prepared, Execution):
            return (prepared,) * len(inputs)
        kind = ServerKind(prepared.modules, hash_seed)
        async with self._slots:
            executions = (
                (await self._once(prepared, kind))[1]
                if alone
                else await self._confirmed(prepared, kind, counts or _all_ok)
            )
        if self._retry_timeouts_s and any(one.status == "timeout" for one in executions):
            return await self._retry(prepared, kind, self._retry_timeouts_s)
        return executions

    async def _confirmed(
        self, prepared: Prepared, kind: ServerKind, counts: Predicate
    ) -> tuple[Execution, ...]:
        """Run a program, and once more alone if only that counts."""
        response, executions = await self._once(prepared, kind, alone=self.mode == "strict")
        # Earlier programs in the same process may have taken the memory.
        short = any(execution.status == "memory_limit" for execution in executions)
        if not response.alone and (short or counts(executions)):
            _, executions = await self._once(prepared, kind)
        return executions

    async def _once(
        self, prepared: Prepared, kind: ServerKind, *, alone: bool = True
    ) -> tuple[Response, tuple[Execution, ...]]:
        response = await self._pool.run(prepared, kind, self.limits, alone=alone)
        return response, to_executions(response, prepared.inputs, self.limits)

    async def _retry(
        self, prepared: Prepared, kind: ServerKind, cpu_s: float
    ) -> tuple[Execution, ...]:
        """The longer pass. It waits behind all other programs, so it takes none of the slots."""
        wall_s = max(cpu_s, cpu_s * self.limits.wall_s / self.limits.cpu_s)
        limits = replace(self.limits, cpu_s=cpu_s, wall_s=wall_s)
        response = await self._pool.run(prepared, kind, limits, second_pass=True)
        return to_executions(response, prepared.inputs, limits)


def _processors(workers: int) -> Sequence[int | None]:
    """The core for each worker: if each has its own, children need not move between them."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    return cores if len(cores) == workers > 1 else [None] * workers


def _all_ok(executions: tuple[Execution, ...]) -> bool:
    return all(execution.status == "ok" for execution in executions)


def describe_layers(report: Mapping[str, Any] | None) -> str:
    """The line for messages and metadata; `report` is a fork server's, None if none has started."""
    if report is None:
        return "not started"
    namespaces = [name for name in _NAMESPACES if name in report["namespaces"]]
    here = [f"landlock ABI {report['landlock']}"] if report["landlock"] else []
    here += ["seccomp"] if report["seccomp"] else []
    here += [f"{'+'.join(namespaces)} namespaces"] if namespaces else []
    here += ["rlimits" if report["memory_limit"] else "rlimits without memory"]
    missing = _missing(report)
    if not missing:
        return f"full ({', '.join(here)})"
    where = f" on {sys.platform}" if sys.platform != "linux" else ""
    return f"partial{where} ({', '.join(here)}); MISSING: {'; '.join(missing)}"


def _missing(report: Mapping[str, Any]) -> list[str]:
    """What each layer that is not in force would have prevented."""
    no_seccomp = (
        "NO seccomp: programs may start processes, send signals and use the network, and nothing "
        f"keeps them from files that {report['user']} may touch"
    )
    no_landlock = (
        "no Landlock (programs may open no file at all, and import only what is preloaded)"
    )
    no_processes = (
        "no network and process namespaces (only seccomp keeps programs from sockets and signals)"
    )
    no_mounts = "no mount namespace (programs can tell whether a file exists)"
    layers = (
        (report["seccomp"], no_seccomp),
        (report["landlock"] or not report["seccomp"], no_landlock),
        ("pid" in report["namespaces"], no_processes),
        ("mnt" in report["namespaces"], no_mounts),
        (report["memory_limit"], "no limit on memory"),
    )
    return [costs for in_force, costs in layers if not in_force]
