"""What an agent is, and what it makes of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from utilities.results.entry import Sample
    from utilities.tasks.task import Task


class Agent(Protocol):
    """Makes samples of a task; a task's samples differ by their index only."""

    def identity(self) -> dict[str, Any]:
        """All that a sample depends on besides the task: agent, prompt hash, model, sampling."""

    async def sample(self, task: Task, index: int) -> Sample:
        """Make one sample; whatever goes wrong with it is its status.

        Raises FatalModelError where no sample of this run could succeed.
        """
