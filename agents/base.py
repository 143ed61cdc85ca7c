"""What an agent is, and what it makes of a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from utilities.errors import ASK_AGAIN as ASK_AGAIN  # noqa: PLC0414 (re-exported)

if TYPE_CHECKING:
    from utilities.model_clients.base import FailedAttempt, Message, Reply
    from utilities.tasks import Grid, Task

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

    `answers` holds one grid for each test input (None where that one could not be read), for
    agents that answer with grids; `reply` is None where no reply came.
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
    """Where no reply came: what the provider or the network said, in one line."""
    failed_attempts: tuple[FailedAttempt, ...] = ()
    """Where no reply came: the HTTP requests spent on it."""
    confidence: float | None = None
    """How likely the answer is right, 0-1, where the agent can tell."""


class Agent(Protocol):
    """Makes samples of a task; a task's samples differ by their index only."""

    def identity(self) -> dict[str, Any]:
        """All that a sample depends on besides the task: agent, prompt hash, model, sampling."""

    async def sample(self, task: Task, index: int) -> Sample:
        """Make one sample; whatever goes wrong with it is its status.

        Raises FatalModelError where no sample of this run could succeed.
        """
