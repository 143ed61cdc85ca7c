"""What stands in a results file: an entry for each task, one item a sample in each list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from utilities.errors import ASK_AGAIN

if TYPE_CHECKING:
    from utilities.errors import FailedAttempt
    from utilities.models.interface import Message, Reply
    from utilities.tasks.task import Grid, Task

SampleStatus = Literal[
    "ok",
    "unparsable",
    "no_code",
    "truncated",
    "refused",
    "rejected",
    "rate_limited",
    "timed_out",
    "provider_error",
    "context_too_long",
    "no_program_found",
    "not_asked",
]


@dataclass(frozen=True, slots=True)
class Sample:
    """What an agent made of one reply to one task.

    `answers` holds one grid for each test input (None if that one could not be read), for
    agents that answer with grids; `reply` is None if no reply came.
    """

    task_id: str
    index: int
    prompt_messages: list[Message]
    status: SampleStatus
    reasoning: str | None = None
    python_code: str | None = None
    answers: tuple[Grid | None, ...] | None = None
    reply: Reply | None = None
    error: str | None = None
    """What the provider or the network said, in one line, if no reply came."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """The HTTP requests spent on it, if no reply came."""
    confidence: float | None = None
    """How likely the answer is right, 0-1, if the agent can tell."""


def entry_of(
    task: Task, samples: Sequence[Sample], identity: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A result entry: one item a sample in every list, null if there is nothing.

    `confidence` stands in it if some sample states one.
    `task` is the whole task, test outputs included if they are known. `solved` means here that
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


SCHEMA_VERSION = 1
