"""A sample of an agent, and how an entry of a results file is made of a task's samples."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from utilities.errors import ASK_AGAIN, FailedAttempt
from utilities.models.interface import Message, Reply, recorded
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
    "out_of_turns",
    "not_asked",
    # Programs that make no new task.
    "no_generator",
    "generator_failed",
    "solution_failed",
    "invalid_grid",
    "not_deterministic",
    "too_few_inputs",
    "identity",
    "constant",
    "outputs_too_small",
    "known_task",
    "not_solved",
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
    verdict: str | None = None
    """What the agent claims of its program: `found` or `guess`; None if it claims nothing."""
    rule_form: str | None = None
    """What its reasoning tells: an `idea`, a `table` of cases, or `layers`; None if not known."""
    view: Mapping[str, Any] | None = None
    """How the task was changed before the agent saw it, if tasks are varied; answers and program
    are turned back, reasoning and prompt are not."""
    written_code: str | None = None
    """The program as the agent wrote it for its view."""
    thinking: str | None = None
    """What the model thought before it answered, as far as it is shown."""
    test_input: int | None = None
    """The only test input that it is about; None if it is about all of them."""
    turns: tuple[Mapping[str, Any], ...] | None = None
    """The conversation after the prompt, if tools could be called; `reply` has what all of its
    replies cost together."""


_ONLY_IF_TOLD = (
    *("thinking", "confidence", "verdict", "rule_form", "view", "test_input", "turns"),
)


def entry_of(
    task: Task, samples: Sequence[Sample], identity: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A result entry: one item a sample in every list, null if there is nothing.

    It has `thinking`, `confidence`, `verdict`, `rule_form`, `view`, `test_input` and `turns` only
    if some sample has one.
    `task` is the whole task, with its test outputs if they are known. `solved` means here that some
    sample is usable; benchmarks replace it by `more`.
    """
    replies = [sample.reply for sample in samples]
    told = {name: [getattr(one, name) for one in samples] for name in _ONLY_IF_TOLD}
    stated = {name: told[name] for name in told if any(one is not None for one in told[name])}
    return {
        "task_id": task.task_id,
        "task_data": task.to_json(),
        "model_identifier": identity["model_identifier"],
        "model": identity["model"],
        "solved": any(sample.status == "ok" for sample in samples),
        "complete": _complete(samples),
        "prompt_messages": [recorded(sample.prompt_messages) for sample in samples],
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
