"""From a task to its samples, and from samples to the entry of a results file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from agents.base import Agent
from utilities.results.entry import Sample
from utilities.tasks.task import Task


async def sample_task(agent: Agent, task: Task, best_of: int) -> list[Sample]:
    """`best_of` samples in the order of their indices; ends and raises as `side_by_side`."""
    return await side_by_side(agent.sample(task, index) for index in range(best_of))


async def side_by_side(requests: Iterable[Awaitable[Sample]]) -> list[Sample]:
    """The samples that are asked for at the same time, in their order.

    Every request has ended when it returns or raises (FatalModelError, as the agent does).
    """
    asked = list(requests)
    if len(asked) == 1:
        return [await asked[0]]  # a task of its own would only cost time
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    samples = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        samples.append(outcome)
    return samples
