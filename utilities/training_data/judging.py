"""Runs the programs whose verdicts no results file tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from utilities.tasks.task import Task
from utilities.training_data.samples import SampleVerdict, TrainingSample
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import LocalVerifier, VerifierSettings

_SAMPLES_AT_ONCE = 128
_CHARACTERS_AT_ONCE = 32_000_000


class Judge:
    """A sandbox that is opened when the first program has to run."""

    def __init__(self, settings: VerifierSettings) -> None:
        """Nothing starts yet."""
        self.programs = 0
        """How many programs it was given."""
        self._settings = settings
        self._stack = AsyncExitStack()
        self._verifier: LocalVerifier | None = None

    async def __aenter__(self) -> Self:
        """Nothing starts before it is needed."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the sandbox where there is one."""
        await self._stack.aclose()

    @property
    def layers(self) -> str:
        """One line on what is enforced where programs run; "" as long as none has."""
        return self._verifier.layers if self._verifier else ""

    async def judge(self, programs: Sequence[tuple[Task, str]]) -> list[Verdict]:
        """A labelled verdict for each program on its task, run side by side.

        Raises UsageError where programs cannot be run here.
        """
        if not programs:
            return []
        if self._verifier is None:
            verifier = LocalVerifier(self._settings)
            self._verifier = await self._stack.enter_async_context(verifier)
        self.programs += len(programs)
        running = [self._verifier.judge(task, [code]) for task, code in programs]
        return [verdict for (verdict,) in await asyncio.gather(*running) if verdict is not None]


async def judged(
    samples: Iterable[TrainingSample], judge: Judge, *, labels: bool = True
) -> AsyncIterator[TrainingSample]:
    """The samples in their order, each program with its verdict.

    Without `labels` a verdict that a file tells is enough, also where it has no labels.
    """
    waiting: list[TrainingSample] = []
    size = 0
    for sample in samples:
        waiting.append(sample)
        size += len(sample.reasoning or "") + len(sample.python_code or "")
        if len(waiting) == _SAMPLES_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            for done in await _all_judged(waiting, judge, labels=labels):
                yield done
            waiting, size = [], 0
    for done in await _all_judged(waiting, judge, labels=labels):
        yield done


async def _all_judged(
    samples: list[TrainingSample], judge: Judge, *, labels: bool
) -> list[TrainingSample]:
    wanted = [sample.needs_judging and (labels or sample.verdict is None) for sample in samples]
    programs = [
        (s.task, s.python_code or "") for s, is_so in zip(samples, wanted, strict=True) if is_so
    ]
    found = iter(await judge.judge(programs))
    return [
        sample.judged(SampleVerdict.of(next(found), judge.layers)) if is_so else sample
        for sample, is_so in zip(samples, wanted, strict=True)
    ]
