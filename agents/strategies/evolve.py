"""Samples in generations, each shown programs that are drawn from all earlier generations."""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from agents.strategies.feedback import EarlierProgram, different_programs, worst_to_best
from agents.strategies.rounds import RefiningAgent, programs_of
from agents.strategies.strategy import Asked, JudgedSample, Strategy
from utilities.models.interface import Reply
from utilities.results.entry import Sample
from utilities.runs.strategy_options import StrategyOptions
from utilities.tasks.task import Task
from utilities.verification.verdict import normal_form

_FEWEST_TO_CROSS = 3


class Evolve(Strategy):
    """`best_of` independent samples, then as many in each further generation, up to `steps`.

    Each request draws its own parents from the different programs of all earlier generations that
    do not fit all train pairs; without any it is an independent sample. Parents drawn earlier in
    the same generation count as used. The draw is seeded by the seed, the task and the sample's
    index, so that a killed run draws the same ones again. It ends with the generation that has a
    program which fits all train pairs; with a stop rule it goes on until that is met.
    """

    name = "evolve"
    agent: RefiningAgent

    def identity(self) -> dict[str, Any]:
        """The number of generations, the draw, and what a refinement depends on."""
        told = {"strategy": self.name, "steps": self.limits.steps, **self._drawing}
        return {**told, **self.agent.refinement_identity(), **self.limits.stop.identity()}

    @property
    def _drawing(self) -> dict[str, Any]:
        return {"seed": self.limits.seed, **self.limits.evolution.parent_settings()}

    @property
    def most_samples(self) -> int:
        """Those of all generations."""
        return self.limits.best_of * self.limits.steps

    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        """The next generation."""
        generation = done[-1].round + 1 if done else 0
        is_over = self.limits.stop.count is None and any(one.fits_train for one in done)
        if generation == self.limits.steps or is_over:
            return []
        unfit = [one for one in done if not one.fits_train]
        population = list(different_programs(programs_of(unfit)).values())[::-1]
        used = _times_used(done)
        # The key of a request holds how parents are drawn, and the replies that they come from; not
        # the draw, which a program that runs out of time on a busy machine could change.
        drawing = orjson.dumps({**self._drawing, "best_of": self.limits.best_of}).decode()
        mark = JudgedSample(Sample(task.task_id, -1, [], "ok", reply=Reply(drawing)), None)
        asked = []
        for index in range(len(done), len(done) + self.limits.best_of):
            chance = random.Random(f"{self.limits.seed} {task.task_id} {index}")  # noqa: S311
            drawn = self._drawn(population, used, chance)
            used.update(normal_form(parent.code) for parent in drawn)
            parents = worst_to_best(drawn, task)
            sample = (
                self.agent.refine(task, index, parents, [mark, *done])
                if parents
                else self.agent.sample(task, index)
            )
            asked.append(Asked(sample, generation, tuple(parent.sample for parent in parents)))
        return asked

    def _drawn(
        self,
        population: Sequence[EarlierProgram],
        used: Mapping[str, int],
        chance: random.Random,
    ) -> list[EarlierProgram]:
        """The parents of one request: one, sometimes two, none if there is no program."""
        if not population:
            return []
        children = [used.get(normal_form(program.code), 0) for program in population]
        shares = [share_solved(program) for program in population]
        settings = self.limits.evolution
        if settings.parents == "rex":
            worth = [
                thompson_sample(share, times, settings.exploration, chance)
                for share, times in zip(shares, children, strict=True)
            ]
            return [population[worth.index(max(worth))]]
        weights = parent_weights(shares, children, settings)
        crosses = len(population) >= _FEWEST_TO_CROSS and chance.random() < settings.crossover
        drawn = chance.choices(range(len(population)), weights)
        if crosses:
            weights[drawn[0]] = 0.0
            drawn += chance.choices(range(len(population)), weights)
        return [population[place] for place in drawn]


def _times_used(done: Sequence[JudgedSample]) -> Counter[str]:
    """How often each program was a parent, by its normal form."""
    codes = {one.sample.index: one.sample.python_code or "" for one in done}
    return Counter(normal_form(codes[parent]) for one in done for parent in one.parents)


def share_solved(program: EarlierProgram) -> float:
    """The share of train pairs that a program solves."""
    return sum(program.verdict.train) / max(1, len(program.verdict.train))


def thompson_sample(
    share: float, times_used: int, exploration: float, chance: random.Random
) -> float:
    """One draw of Beta(1 + C h, 1 + C (1 - h) + N); the program with the largest is the parent.

    REx (H. Tang et al., Code Repair with LLMs gives an Exploration-Exploitation Tradeoff, 2024), as
    SOAR uses it with C = 20.
    """
    solved, missed = exploration * share, exploration * (1 - share)
    return chance.betavariate(1 + solved, 1 + missed + times_used)


def parent_weights(
    shares: Sequence[float], children: Sequence[int], settings: StrategyOptions
) -> list[float]:
    """The weights of programs by score and novelty, with Imbue's figures.

    A sigmoid of the score around a percentile of all scores (between two, in proportion), divided
    by 1 + novelty × children.
    """
    ordered = sorted(shares)
    place = settings.midpoint / 100 * (len(ordered) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    midpoint = below + (place - math.floor(place)) * (above - below)
    return [
        1 / (1 + math.exp(-settings.sharpness * (share - midpoint))) / (1 + settings.novelty * born)
        for share, born in zip(shares, children, strict=True)
    ]
