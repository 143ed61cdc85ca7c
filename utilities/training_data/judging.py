"""Runs the programs whose verdicts no results file tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from utilities.tasks import Task
from utilities.training_data.samples import SampleVerdict, TrainingSample
from utilities.verification import Verdict
from utilities.verifier import LocalVerifier, VerifierSettings

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

    async def verdicts(self, programs: Sequence[tuple[Task, str]]) -> list[SampleVerdict | None]:
        """A labelled verdict for each program on its task, run side by side.

        Raises UsageError where programs cannot be run here.
        """
        if not programs:
            return []
        if self._verifier is None:
            verifier = LocalVerifier(self._settings)
            self._verifier = await self._stack.enter_async_context(verifier)
        self.programs += len(programs)
        verifier = self._verifier
        judged = await asyncio.gather(*(verifier.judge(task, [code]) for task, code in programs))
        return [self._verdict(verdict) for (verdict,) in judged]

    def _verdict(self, verdict: Verdict | None) -> SampleVerdict | None:
        assert self._verifier is not None
        return None if verdict is None else SampleVerdict.of(verdict, self._verifier.layers)


async def judged(samples: Iterable[TrainingSample], judge: Judge) -> AsyncIterator[TrainingSample]:
    """The samples in their order, each program with its verdict."""
    waiting: list[TrainingSample] = []
    size = 0
    for sample in samples:
        waiting.append(sample)
        size += len(sample.reasoning or "") + len(sample.python_code or "")
        if len(waiting) == _SAMPLES_AT_ONCE or size > _CHARACTERS_AT_ONCE:
            for done in await _all_judged(waiting, judge):
                yield done
            waiting, size = [], 0
    for done in await _all_judged(waiting, judge):
        yield done


async def _all_judged(samples: list[TrainingSample], judge: Judge) -> list[TrainingSample]:
    wanted = [s for s in samples if s.needs_judging]
    found = await judge.verdicts([(s.task, s.python_code or "") for s in wanted])
    verdicts = iter(found)
    return [s.judged(next(verdicts)) if s.needs_judging else s for s in samples]
