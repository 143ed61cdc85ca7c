"""Judges programs on this machine, each one once however often it comes."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self

import orjson

from utilities.sandbox.execution import Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict, labelled, normal_form, verify

_DEFAULT_LIMITS = Limits()
_PROGRAMS_AHEAD = 128
"""For each worker: verdicts are written in order, and a slow program must not stall the rest."""
_CELLS_REMEMBERED = 400_000
_CELLS_OF_A_VERDICT = 200
"""What a verdict weighs besides its grids."""


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """How programs are run; the same settings give the same verdicts."""

    limits: Limits = _DEFAULT_LIMITS
    mode: Literal["strict", "batch"] = "strict"
    retry_timeouts_s: float | None = None
    """Processor seconds of one longer pass for programs that timed out; None: no second pass."""
    unsafe_no_seccomp: bool = False

    def open_sandbox(self, workers: int | None) -> Sandbox:
        """A sandbox of this kind, to be entered; one worker a core if `workers` is None."""
        return Sandbox(
            self.limits,
            workers=workers,
            mode=self.mode,
            retry_timeouts_s=self.retry_timeouts_s,
            unsafe_no_seccomp=self.unsafe_no_seccomp,
        )

    def to_json(self) -> dict[str, Any]:
        """What a verdict depends on besides the program and the task."""
        return asdict(self)


class Verifier(Protocol):
    """What judges programs, here or elsewhere; entered as an async context manager."""

    programs_ahead: int
    """How many programs it likes to have at hand."""

    @property
    def layers(self) -> str:
        """One line on what is enforced where the programs run."""

    async def judge(self, task: Task, codes: Sequence[str | None]) -> list[Verdict | None]:
        """A labelled verdict for each program, None if there is no code."""

    async def __aenter__(self) -> Self:
        """Make ready; raises UsageError if programs cannot be run here."""

    async def __aexit__(self, *raised: object) -> None:
        """Leave nothing behind."""


class LocalVerifier:
    """Judges in one sandbox; programs that are equal on the same task run once.

    Verdicts are remembered as long as they are among the last that were asked for, together
    400,000 cells.
    """

    def __init__(self, settings: VerifierSettings, *, workers: int | None = None) -> None:
        """One worker a core if `workers` is None."""
        self._sandbox = settings.open_sandbox(workers)
        # A program's second run follows its first one, not the first ones of all that wait.
        self._slots = asyncio.Semaphore(self._sandbox.capacity)
        self._remembered: OrderedDict[bytes, asyncio.Task[Verdict]] = OrderedDict()
        self._cells = 0
        self.programs_ahead = _PROGRAMS_AHEAD * self._sandbox.workers

    @property
    def layers(self) -> str:
        """One line on what is enforced."""
        return self._sandbox.layers

    async def __aenter__(self) -> Self:
        """Start the sandbox."""
        await self._sandbox.__aenter__()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop what is running, then the sandbox."""
        unfinished = [work for work in self._remembered.values() if not work.done()]
        for work in unfinished:
            work.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._sandbox.__aexit__(*raised)

    async def judge(self, task: Task, codes: Sequence[str | None]) -> list[Verdict | None]:
        """A labelled verdict for each program, None if there is no code."""
        task_key = orjson.dumps(task.to_json())
        running = [None if code is None else self._started(task, task_key, code) for code in codes]
        return [None if work is None else await asyncio.shield(work) for work in running]

    def _started(self, task: Task, task_key: bytes, code: str) -> asyncio.Task[Verdict]:
        form = normal_form(code).encode("utf-8", "surrogatepass")
        key = hashlib.sha256(b"%d " % len(task_key) + task_key + form).digest()
        if key in self._remembered:
            self._remembered.move_to_end(key)
        else:
            self._remembered[key] = asyncio.create_task(self._verdict(task, code))
        return self._remembered[key]

    async def _verdict(self, task: Task, code: str) -> Verdict:
        async with self._slots:
            verdict = await verify(self._sandbox, code, task)
            verdict = await labelled(self._sandbox, code, task, verdict)
        self._cells += _weight(verdict)
        while self._cells > _CELLS_REMEMBERED and len(self._remembered) > 1:
            oldest = next(iter(self._remembered))
            if not self._remembered[oldest].done():
                break
            self._cells -= _weight(self._remembered.pop(oldest).result())
        return verdict


def _weight(verdict: Verdict) -> int:
    grids = (execution.output or [] for execution in verdict.executions)
    return _CELLS_OF_A_VERDICT + sum(map(len, (row for grid in grids for row in grid)))
