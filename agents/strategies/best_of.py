"""N independent samples, asked for at the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from agents.base import Agent
from agents.strategies.strategy import JudgedSample, Strategy, side_by_side
from utilities.results.entry import Sample
from utilities.tasks.task import Task


class BestOf(Strategy):
    """As many independent samples as the limits allow."""

    def identity(self) -> dict[str, Any]:
        """No round of refinement."""
        return {"refine": 0}

    async def samples(self, task: Task) -> AsyncIterator[JudgedSample]:
        """Ask for all at the same time."""
        requests = (self.agent.sample(task, index) for index in range(self.limits.best_of))
        for one in await self.judged(task, requests):
            yield one


async def sample_task(agent: Agent, task: Task, best_of: int) -> list[Sample]:
    """`best_of` samples, which nobody judges, in the order of their indices.

    Ends and raises as `side_by_side` does.
    """
    return await side_by_side(agent.sample(task, index) for index in range(best_of))
