"""Samples in rounds: after the first one, refinements of the programs made so far."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from agents.base import Agent
from agents.strategies.feedback import EarlierProgram
from agents.strategies.strategy import Asked, JudgedSample, Strategy
from utilities.results.entry import Sample
from utilities.tasks.task import Task


@runtime_checkable
class RefiningAgent(Agent, Protocol):
    """An agent that can be asked again, with what became of its programs."""

    def refinement_identity(self) -> dict[str, Any]:
        """What a refinement depends on in addition to `identity`."""

    def choose_parents(self, task: Task, earlier: Sequence[JudgedSample]) -> list[EarlierProgram]:
        """The programs that a refinement is shown."""

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[JudgedSample],
    ) -> Sample:
        """Make one sample, `index` counting on from those of the rounds before, `earlier`.

        Raises FatalModelError as `sample` does.
        """


class Rounds(Strategy):
    """`best_of` samples, and as many more in each of up to `refine` further rounds.

    A round is added while no program solves all train pairs. Once one does, no program that solves
    fewer can come before it, and the rounds end.
    """

    agent: RefiningAgent

    def identity(self) -> dict[str, Any]:
        """The number of rounds, and what a refinement depends on."""
        refine = {"refine": self.limits.refine, **self.agent.refinement_identity()}
        return {**refine, **self.limits.stop.identity()}

    @property
    def most_samples(self) -> int:
        """Those of all rounds."""
        return (1 + self.limits.refine) * self.limits.best_of

    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        """A round's samples, if no program fits all train pairs yet."""
        places = range(self.limits.best_of)
        if not done:
            return [Asked(self.agent.sample(task, index)) for index in places]
        number = done[-1].round + 1
        if number > self.limits.refine or any(one.fits_train for one in done):
            return []
        parents = self.agent.choose_parents(task, done)
        shown = tuple(parent.sample for parent in parents)
        return [
            Asked(self.agent.refine(task, len(done) + place, parents, done), number, shown)
            for place in places
        ]


def programs_of(samples: Sequence[JudgedSample]) -> list[EarlierProgram]:
    """The programs of those samples that have one and its verdict."""
    return [
        EarlierProgram(one.sample.index, one.sample.python_code, one.verdict)
        for one in samples
        if one.sample.python_code is not None and one.verdict is not None
    ]
