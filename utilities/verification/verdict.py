"""Verdicts on programs, and the verifier that gives them: equal programs once, many side by side.

Expected outputs stay in this process.
"""

import ast
import asyncio
import hashlib
import re
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self, TypeVar

import orjson

from utilities.sandbox.execution import ANSWERED, Execution, ExecutionStatus, Limits
from utilities.sandbox.python_source import Unparsable, parse_python
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid, Task
from utilities.verification.label_process import LabelProcess
from utilities.verification.labels import SourceLabels, is_deterministic

Item = TypeVar("Item")
Judged = TypeVar("Judged")

_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(\w{1,40})")
_MODULES_KEPT = 100
_MODULES_SHOWN = 8
SECOND_HASH_SEED = 1
"""Programs run under hash seed 0; those that pass run again under this one."""
_DEFAULT_LIMITS = Limits()
_PROGRAMS_AHEAD = 128
"""Programs at hand for each worker: verdicts are written in order, and a slow program must not
stall the rest."""
_CELLS_REMEMBERED = 400_000
_CELLS_OF_A_VERDICT = 200
"""What a verdict counts for, besides the cells of its grids."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a program does on a task, in the order of its pairs.

    An item of `test` is None if the expected output is not known. `executions` holds those of the
    train inputs, then those of the test inputs. The labels `deterministic` and `hardcoded`
    (`labels.py`) are None for a program that does not pass train, or if they were not asked for.
    """

    train: tuple[bool, ...]
    test: tuple[bool | None, ...]
    executions: tuple[Execution, ...]
    entry_point: str | None = None
    """The function that answers; None if the source does not tell it, or without labels."""
    deterministic: bool | None = None
    hardcoded: bool | None = None

    @property
    def train_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the train inputs, None if there is none."""
        return tuple(execution.output for execution in self.executions[: len(self.train)])

    @property
    def test_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the test inputs, None if there is none."""
        return tuple(execution.output for execution in self.executions[len(self.train) :])

    @property
    def execution_status(self) -> ExecutionStatus:
        """The first status that is not ok, over all inputs; ok if there is none."""
        return next((e.status for e in self.executions if e.status != "ok"), "ok")

    @property
    def duration_s(self) -> float | None:
        """Seconds that the program ran, over all inputs; None if it was cut short unmeasured."""
        if any(e.status not in ANSWERED and not e.duration_s for e in self.executions):
            return None
        return round(sum(execution.duration_s for execution in self.executions), 6)

    @property
    def uses_numpy_without_import(self) -> bool:
        """Whether the program used the `np` that it was offered, without importing it."""
        return any(execution.uses_numpy_without_import for execution in self.executions)

    @property
    def message(self) -> str | None:
        """The message of the first execution that is not ok; None if all are ok."""
        return next((e.message for e in self.executions if e.status != "ok"), None)

    @property
    def passed_train(self) -> bool:
        """Whether there are train pairs, and all are right."""
        return bool(self.train) and all(self.train)

    @property
    def passed_all(self) -> bool:
        """Whether all train and test pairs are right; a test output that is not known is not."""
        return self.passed_train and all(self.test)


async def verify(
    sandbox: Sandbox, code: str, task: Task, labels: Awaitable[SourceLabels] | None = None
) -> Verdict:
    """Run a program on a task's inputs, train then test, and compare its outputs.

    With the labels of its source the verdict gets labels: a program that passes train then runs
    once more, under another hash seed.
    """

    def verdict_on(executions: tuple[Execution, ...]) -> Verdict:
        right = tuple(
            None if pair.output is None else execution.output == pair.output
            for pair, execution in zip(task.pairs, executions, strict=True)
        )
        count = len(task.train)
        return Verdict(tuple(map(bool, right[:count])), right[count:], executions)

    def passes_train(executions: tuple[Execution, ...]) -> bool:
        return verdict_on(executions).passed_train

    def differ(executions: tuple[Execution, ...]) -> bool:
        return is_deterministic(verdict.executions, executions) is not True

    inputs = [pair.input for pair in task.pairs]
    verdict = verdict_on(await sandbox.run(code, inputs, counts=passes_train))
    if labels is None:
        return verdict
    entry_point, hardcoded = await labels
    verdict = replace(verdict, entry_point=entry_point)
    if not verdict.passed_train:
        return verdict
    again = await sandbox.run(code, inputs, hash_seed=SECOND_HASH_SEED, counts=differ)
    return replace(
        verdict,
        deterministic=is_deterministic(verdict.executions, again),
        hardcoded=hardcoded,
    )


def compared_with_tests(verdict: Verdict, task: Task) -> Verdict:
    """The verdict that a program got without test outputs, now compared with them; nothing runs."""
    right = tuple(
        None if pair.output is None else output == pair.output
        for pair, output in zip(task.test, verdict.test_outputs, strict=True)
    )
    return replace(verdict, test=right)


class ProgramFaults:
    """Counts programs that did badly for a reason which the user can remedy.

    They wanted a module which is not to be had, by what they say of it, or they timed out.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.missing_modules: Counter[str] = Counter()
        self.timed_out = 0

    def add(self, statuses: Iterable[str | None], messages: Iterable[str | None]) -> None:
        """Count programs by status and message; names of at most 100 modules are kept."""
        self.timed_out += sum(status == "timeout" for status in statuses)
        for found in map(_NO_MODULE.match, filter(None, messages)):
            if found and (
                found[1] in self.missing_modules or len(self.missing_modules) < _MODULES_KEPT
            ):
                self.missing_modules[found[1]] += 1

    def to_json(self) -> dict[str, Any]:
        """Both counts, for metadata."""
        return {
            "missing_modules": dict(self.missing_modules.most_common()),
            "programs_timed_out": self.timed_out,
        }

    def lines(self, *, retried: bool = False) -> list[str]:
        """Up to two lines for a summary; `retried`: those that timed out had a longer pass."""
        lines = []
        if self.timed_out:
            advice = (
                "also in the longer pass; a larger --retry_timeouts gives them more"
                if retried
                else "verify_generated_code.py --retry_timeouts S gives them a pass of S seconds"
            )
            lines.append(f"programs that timed out: {self.timed_out} ({advice})")
        if counts := self.missing_modules.most_common(_MODULES_SHOWN):
            told = ", ".join(f"{name} ({count})" for name, count in counts)
            more = " …" if len(self.missing_modules) > len(counts) else ""
            lines.append(f"programs that import what is not to be had: {told}{more}")
        return lines


def normal_form(code: str) -> str:
    """A text that is the same for programs that differ only in layout, comments or docstrings.

    It is the code itself if that cannot be parsed.
    """
    return normal_form_of(parse_python(code)) or code


def normal_form_of(tree: ast.Module | Unparsable) -> str | None:
    """The normal form of a tree, which loses its docstrings; None if it cannot be written."""
    if isinstance(tree, Unparsable):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *_]:
                    del node.body[0]
    try:
        return ast.dump(tree)
    except ValueError:  # a number that is too long for Python to write
        return None


_ATTRIBUTES = {
    "execution_status": "execution_status",
    "execution_message": "message",
    "execution_duration_s": "duration_s",
    "train_passed": "train",
    "test_passed": "test",
    "train_outputs": "train_outputs",
    "test_outputs": "test_outputs",
}
"""Field of an entry → attribute of a verdict."""
_LABELS = ("entry_point", "uses_numpy_without_import", "deterministic", "hardcoded")
VERDICT_FIELDS = (*_ATTRIBUTES, *_LABELS)
"""All fields of an entry that tell verdicts."""


def verdict_fields(
    verdicts: Sequence[Verdict | None], *, labels: bool = False
) -> dict[str, list[Any]]:
    """The fields of a results entry that tell verdicts: one item a sample, null without code.

    With `labels` the fields of the labels too.
    """
    names = _ATTRIBUTES | (dict(zip(_LABELS, _LABELS, strict=True)) if labels else {})
    return {
        field: [verdict and getattr(verdict, name) for verdict in verdicts]
        for field, name in names.items()
    }


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
