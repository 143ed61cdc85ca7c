"""From a task to its samples, and from samples to the entry of a results file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agents.base import ASK_AGAIN, Agent, Sample
from utilities.tasks import Task


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


def entry_of(
    task: Task, samples: Sequence[Sample], identity: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A result entry: one item a sample in every list, null where there is nothing.

    `confidence` stands in it where some sample states one.
    `task` is the whole task, test outputs included where they are known. `solved` means here that
    some sample is usable; benchmarks overrule it by `more`.
    """
    replies = [sample.reply for sample in samples]
    confidences = [sample.confidence for sample in samples]
    stated = {"confidence": confidences} if any(one is not None for one in confidences) else {}
    return {
        "task_id": task.task_id,
        "task_data": task.to_json(),
        "model_identifier": identity["model_identifier"],
        "model": identity["model"],
        "solved": any(sample.status == "ok" for sample in samples),
        "complete": _complete(samples),
        "prompt_messages": [sample.prompt_messages for sample in samples],
        "reasoning": [sample.reasoning for sample in samples],
        "python_code": [sample.python_code for sample in samples],
        "status": [sample.status for sample in samples],
        "error": [sample.error for sample in samples],
        "finish_reason": [reply and reply.finish_reason for reply in replies],
        "usage": [reply and reply.usage.to_json() for reply in replies],
        "cost_usd": [reply and reply.cost_usd for reply in replies],
        "latency_s": [reply and reply.latency_s for reply in replies],
        "request_attempts": [reply.attempts if reply else None for reply in replies],
        "failed_attempts": [_failed_attempts(sample) for sample in samples],
        **stated,
        **more,
    }


def _failed_attempts(sample: Sample) -> list[dict[str, Any]]:
    """The HTTP requests that brought no reply, before one did or in its place."""
    failed = sample.failed_attempts if sample.reply is None else sample.reply.failed_attempts
    return [asdict(attempt) for attempt in failed]


def _complete(samples: Sequence[Sample]) -> bool | None:
    """True: nothing to ask again; False: something failed; None: the run was being stopped."""
    statuses = {sample.status for sample in samples}
    if "not_asked" in statuses:
        return None
    return not statuses & ASK_AGAIN
