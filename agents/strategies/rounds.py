"""Samples in rounds: after the first one, refinements of the programs made so far."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from agents.base import Agent
from agents.strategies.feedback import EarlierProgram
from agents.strategies.strategy import JudgedSample, Strategy, side_by_side
from utilities.errors import ASK_AGAIN
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
    fewer can come before it, and the rounds end. They also end after a sample that failed for
    technical reasons. Its reply is still to come and will change what a next round is shown, so
    that a round asked now would have to be asked again.
    """

    agent: RefiningAgent

    def identity(self) -> dict[str, Any]:
        """The number of rounds, and what a refinement depends on."""
        return {"refine": self.limits.refine, **self.agent.refinement_identity()}

    @property
    def most_later_samples(self) -> int:
        """All those of the further rounds."""
        return self.limits.refine * self.limits.best_of

    async def samples(self, task: Task) -> AsyncIterator[JudgedSample]:
        """Ask for a round's samples side by side, and for the next round when all are judged."""
        places = range(self.limits.best_of)
        samples = await side_by_side(self.agent.sample(task, index) for index in places)
        done = await self.judged(task, samples)
        for one in done:
            yield one
        for number in range(1, self.limits.refine + 1):
            if not _wants_refinement(done):
                break
            parents = self.agent.choose_parents(task, done)
            samples = await side_by_side(
                self.agent.refine(task, len(done) + place, parents, done) for place in places
            )
            shown = tuple(parent.sample for parent in parents)
            judged = await self.judged(task, samples)
            refined = [replace(one, round=number, parents=shown) for one in judged]
            for one in refined:
                yield one
            done = [*done, *refined]


def _wants_refinement(done: Sequence[JudgedSample]) -> bool:
    if any(one.sample.status in ASK_AGAIN for one in done):
        return False
    return not any(one.verdict is not None and one.verdict.passed_train for one in done)
