"""Runs the programs whose verdicts no results file tells."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Self

from utilities.tasks.task import Task
from utilities.training_data.samples import SampleVerdict, TrainingSample
from utilities.verification.judging import judged_in_order
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import LocalVerifier, VerifierSettings

_SAMPLES_AHEAD = 128
_CHARACTERS_OF_A_SAMPLE = 250_000
"""A sample of so many characters more counts as one more."""


class Judge:
    """A sandbox that is opened when the first program has to run."""

    def __init__(self, settings: VerifierSettings) -> None:
        """Nothing starts yet."""
        self.programs = 0
        """How many programs it was given."""
        self._settings = settings
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._verifier: LocalVerifier | None = None

    async def __aenter__(self) -> Self:
        """Nothing starts before it is needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the sandbox, if there is one."""
        await self._stack.aclose()

    @property
    def layers(self) -> str:
        """One line on what is enforced where programs run; "" as long as none has."""
        return self._verifier.layers if self._verifier else ""

    async def judge(self, programs: Sequence[tuple[Task, str]]) -> list[Verdict]:
        """A labelled verdict for each program on its task, run side by side.

        Raises UsageError if programs cannot be run here.
        """
        if not programs:
            return []
        async with self._opening:
            if self._verifier is None:
                verifier = LocalVerifier(self._settings)
                self._verifier = await self._stack.enter_async_context(verifier)
        self.programs += len(programs)
        running = [self._verifier.judge(task, [code]) for task, code in programs]
        return [verdict for (verdict,) in await asyncio.gather(*running) if verdict is not None]


def judged(
    samples: Iterable[TrainingSample], judge: Judge, *, labels: bool = True
) -> AsyncGenerator[TrainingSample, None]:
    """The samples in their order, each program with its verdict.

    Without `labels` a verdict that a file tells is enough, even if it has no labels.
    """

    async def with_verdict(sample: TrainingSample) -> TrainingSample:
        (verdict,) = await judge.judge([(sample.task, sample.python_code or "")])
        return sample.judged(SampleVerdict.of(verdict, judge.layers))

    def begun(sample: TrainingSample) -> Awaitable[TrainingSample]:
        if sample.needs_judging and (labels or sample.verdict is None):
            return with_verdict(sample)
        as_it_is = asyncio.get_running_loop().create_future()  # cheaper than a task
        as_it_is.set_result(sample)
        return as_it_is

    return judged_in_order(samples, begun, weight=_weight, most_ahead=_SAMPLES_AHEAD)


def _weight(sample: TrainingSample) -> int:
    characters = len(sample.reasoning or "") + len(sample.python_code or "")
    return 1 + characters // _CHARACTERS_OF_A_SAMPLE
