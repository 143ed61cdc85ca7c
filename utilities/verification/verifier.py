"""The verifier that gives verdicts: programs of the same text run once, many side by side."""

import asyncio
import hashlib
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar

import orjson

from utilities.sandbox.execution import Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Task
from utilities.verification.label_process import LabelProcess
from utilities.verification.verdict import Verdict, verify

Item = TypeVar("Item")
Judged = TypeVar("Judged")

_DEFAULT_LIMITS = Limits()
_PROGRAMS_AHEAD = 128
"""Programs at hand for each worker: verdicts are written in order, and a slow program must not
stall the rest."""
_CELLS_REMEMBERED = 400_000
_CELLS_OF_A_VERDICT = 200
"""What a verdict counts for, besides the cells of its grids."""


@dataclass(frozen=True, slots=True)
class VerifierSettings:
    """How programs are run; the same settings give the same verdicts."""

    limits: Limits = _DEFAULT_LIMITS
    mode: Literal["strict", "batch"] = "strict"
    retry_timeouts_s: float | None = None
    """Processor seconds of one longer pass for programs that timed out; None: no second pass."""
    unsafe_no_seccomp: bool = False


class Verifier(Protocol):
    """What judges programs, here or elsewhere; entered as an async context manager."""

    programs_ahead: int
    """How many programs should be at hand, so that it never waits for more."""

    @property
    def layers(self) -> str:
        """One line on what is enforced where the programs run."""

    async def judge(
        self, task: Task, codes: Sequence[str | None], *, labels: bool = True
    ) -> list[Verdict | None]:
        """A verdict for each program, None if there is no code; labelled unless told otherwise."""

    async def __aenter__(self) -> Self:
        """Make ready; raises UsageError if programs cannot be run here."""

    async def __aexit__(self, *raised: object) -> None:
        """Leave nothing behind."""


class LocalVerifier:
    """Judges in one sandbox; programs of the same text run once on the same task.

    The verdicts that were asked for last are remembered, up to 400,000 cells together.
    """

    def __init__(
        self,
        settings: VerifierSettings,
        *,
        workers: int | None = None,
        labels: bool = True,
        opens_late: bool = False,
    ) -> None:
        """One worker a core if `workers` is None.

        Without `labels`, verdicts have no labels, and no program runs a second time for them.
        With `opens_late` the sandbox starts when the first program comes.
        """
        self.settings = settings
        self.programs = 0
        """How many programs it was given, equal ones included."""
        self._sandbox = Sandbox(
            settings.limits,
            workers=workers,
            mode=settings.mode,
            retry_timeouts_s=settings.retry_timeouts_s,
            unsafe_no_seccomp=settings.unsafe_no_seccomp,
        )
        self._labels = LabelProcess() if labels else None
        self._opens_late = opens_late
        self._is_open = False
        self._opening = asyncio.Lock()
        # So that a program's second run comes right after its first, not behind all that wait.
        self._slots = asyncio.Semaphore(self._sandbox.capacity)
        self._remembered: OrderedDict[bytes, asyncio.Task[Verdict]] = OrderedDict()
        self._cells = 0
        self.programs_ahead = _PROGRAMS_AHEAD * self._sandbox.workers

    @property
    def layers(self) -> str:
        """One line on what is enforced; "" as long as the sandbox has not started."""
        return self._sandbox.layers if self._is_open else ""

    async def __aenter__(self) -> Self:
        """Start the sandbox, unless it opens late."""
        if not self._opens_late:
            await self._open()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Stop what is running, then the sandbox."""
        unfinished = [work for work in self._remembered.values() if not work.done()]
        for work in unfinished:
            work.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        if self._labels:
            await self._labels.close()
        if self._is_open:
            await self._sandbox.__aexit__(*raised)

    async def _open(self) -> None:
        async with self._opening:
            if not self._is_open:
                await self._sandbox.__aenter__()
                self._is_open = True

    async def judge(
        self, task: Task, codes: Sequence[str | None], *, labels: bool = True
    ) -> list[Verdict | None]:
        """A verdict for each program, None if there is no code; without labels if told so.

        Raises UsageError if programs cannot be run here.
        """
        await self._open()
        label_process = self._labels if labels else None
        task_key = orjson.dumps([task.to_json(), label_process is not None])
        running = [
            None if code is None else self._started(task, task_key, code, label_process)
            for code in codes
        ]
        return [None if work is None else await asyncio.shield(work) for work in running]

    def _started(
        self, task: Task, task_key: bytes, code: str, label_process: LabelProcess | None
    ) -> asyncio.Task[Verdict]:
        self.programs += 1
        # Only the very same text: a program can read its docstrings and the numbers of its lines.
        text = code.encode("utf-8", "surrogatepass")
        key = hashlib.sha256(b"%d " % len(task_key) + task_key + text).digest()
        if key in self._remembered:
            self._remembered.move_to_end(key)
        else:
            self._remembered[key] = asyncio.create_task(self._verdict(task, code, label_process))
        return self._remembered[key]

    async def _verdict(self, task: Task, code: str, label_process: LabelProcess | None) -> Verdict:
        async with self._slots:
            # They count only if it passes train, but may well be read while it runs.
            labels = label_process.ask(code, task) if label_process else None
            verdict = await verify(self._sandbox, code, task, labels)
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


async def judged_in_order(
    items: Iterable[Item],
    judge: Callable[[Item], Awaitable[Judged]],
    *,
    weight: Callable[[Item], int],
    most_ahead: int,
) -> AsyncGenerator[Judged, None]:
    """Judge items side by side and yield what comes of each, in the order of the items.

    Items are read ahead up to the weight `most_ahead` together, but at least one: a slow program
    must not stall the rest, and memory must not grow with the number of items. Raises the first
    error of `judge`, in the order of the items. What still runs is then cancelled, also if the
    caller stops early. Use it with `contextlib.aclosing`.
    """
    running: deque[tuple[int, asyncio.Future[Judged]]] = deque()
    ahead = 0
    try:
        for item in items:
            weighs = weight(item)
            running.append((weighs, asyncio.ensure_future(judge(item))))
            ahead += weighs
            while ahead > most_ahead:
                weighs, first = running.popleft()
                ahead -= weighs
                yield await first
        while running:
            yield await running.popleft()[1]
    finally:
        for _, unfinished in running:
            unfinished.cancel()
        await asyncio.gather(*(work for _, work in running), return_exceptions=True)
