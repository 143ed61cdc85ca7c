"""Samples in chains side by side, each program fed with what became of those before it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agents.strategies.feedback import EarlierProgram, choose_parents
from agents.strategies.rounds import RefiningAgent, programs_of
from agents.strategies.strategy import Asked, JudgedSample, Strategy
from utilities.results.entry import Sample
from utilities.tasks.symmetries import SAME_COLOURS, SYMMETRIES
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict
from utilities.views.changes import Change


class Chains(Strategy):
    """`best_of` chains of up to `steps` programs each, as poetiq-ai/poetiq-arc-agi-solver makes.

    A step shows up to five programs of its own chain, worst to best, and the train pairs in another
    order: that of seed + step, chain c counting on from seed + c × steps. A chain ends at its first
    program that fits all train pairs, or after `steps` programs. All chains that go on take their
    next step together. Samples are in the order of steps, then of chains.
    """

    name = "chains"
    agent: RefiningAgent

    def identity(self) -> dict[str, Any]:
        """The number of steps, the order of the pairs, and what a refinement depends on."""
        limits = self.limits
        order = {"seed": limits.seed, "reshuffles": limits.reshuffles}
        told = {"strategy": self.name, "steps": limits.steps, **order}
        return {**told, **self.agent.refinement_identity(), **limits.stop.identity()}

    @property
    def most_samples(self) -> int:
        """Those of all chains."""
        return self.limits.best_of * self.limits.steps

    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        """The next step of each chain that goes on."""
        chains = [[one for one in done if one.chain == c] for c in range(self.limits.best_of)]
        return [
            self._step(task, number, chain)
            for number, chain in enumerate(chains)
            if len(chain) < self.limits.steps and not any(one.fits_train for one in chain)
        ]

    def _step(self, task: Task, number: int, chain: Sequence[JudgedSample]) -> Asked:
        step, count = len(chain), len(task.train)
        order = list(range(count))
        if self.limits.reshuffles:
            seed = self.limits.seed + number * self.limits.steps + step
            random.Random(seed).shuffle(order)  # noqa: S311 - no secret
        index = step * self.limits.best_of + number
        parents = choose_parents(programs_of(chain), task)
        shown = tuple(parent.sample for parent in parents)
        return Asked(self._asked(task, index, order, parents, chain), step, shown, number)

    async def _asked(
        self,
        task: Task,
        index: int,
        order: Sequence[int],
        parents: Sequence[EarlierProgram],
        chain: Sequence[JudgedSample],
    ) -> Sample:
        """A sample of the task with its train pairs in this order."""
        if is_same := list(order) == sorted(order):
            seen, shown = task, list(parents)
        else:
            change = Change(SYMMETRIES[0], SAME_COLOURS, tuple(order), tuple(range(len(task.test))))
            seen = replace(change.of(task), view=change.to_json())
            shown = [
                replace(parent, verdict=_reordered(parent.verdict, order)) for parent in parents
            ]
        if chain:
            sample = await self.agent.refine(seen, index, shown, chain)
        else:
            sample = await self.agent.sample(seen, index)
        return sample if is_same else replace(sample, view=seen.view)


def _reordered(verdict: Verdict, order: Sequence[int]) -> Verdict:
    """The verdict as it is on the task with its train pairs in this order."""
    train, test = verdict.executions[: len(order)], verdict.executions[len(order) :]
    return replace(
        verdict,
        train=tuple(verdict.train[place] for place in order),
        executions=(*(train[place] for place in order), *test),
    )
