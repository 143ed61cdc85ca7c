"""What the four agents that ask a language model have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from agents import reply_parsing
from agents.prompts.building import prompt_hash, prompt_messages
from utilities.errors import RequestFailed
from utilities.models.interface import Message, Reply
from utilities.replies.asked_model import AskedModel
from utilities.results.entry import Sample, SampleStatus
from utilities.results.provenance import source_hash
from utilities.tasks.task import Task


class LanguageModelAgent(ABC):
    """Builds the prompt, asks once a sample, and leaves the reading of the reply to a subclass."""

    prompt_name: ClassVar[str]
    """The prompt is `agents/prompts/{prompt_name}_system.md` and `…_user.md`."""

    def __init__(self, model: AskedModel) -> None:
        """`model` journals each reply before this agent reads it."""
        self._model = model

    def identity(self) -> dict[str, Any]:
        """The agent, its prompt's hash, its parsers', and what the model's replies depend on.

        With better parsers, the next run makes new samples of the journalled replies for nothing.
        """
        return {
            "agent": type(self).__name__,
            "prompt_hash": prompt_hash(self.prompt_name),
            "parser_hash": source_hash(Path(reply_parsing.__file__).parent),
            **self._model.identity(),
        }

    async def sample(self, task: Task, index: int) -> Sample:
        """Ask for one sample; raises FatalModelError where no request could succeed."""
        return await self.sample_by(task, index, prompt_messages(self.prompt_name, task))

    async def sample_by(
        self,
        task: Task,
        index: int,
        messages: list[Message],
        *,
        known_by: list[Message] | None = None,
    ) -> Sample:
        """Ask for one sample by these messages; `known_by` is `key_messages` of AskedModel.ask."""
        try:
            reply = await self._model.ask(task, index, messages, key_messages=known_by)
        except RequestFailed as error:
            return Sample(
                task_id=task.task_id,
                index=index,
                prompt_messages=messages,
                status=error.status,
                error=str(error),
                failed_attempts=error.failed_attempts,
            )
        return self.read(task, index, messages, reply)

    @abstractmethod
    def read(self, task: Task, index: int, messages: list[Message], reply: Reply) -> Sample:
        """Make a sample of a reply; what cannot be read is its status."""


def status_of(reply: Reply, *, usable: bool, otherwise: SampleStatus) -> SampleStatus:
    """The status of a reply that was (or was not) usable.

    What could be read counts, also where the reply was cut or a filter stepped in after it.
    """
    if usable:
        return "ok"
    if reply.finish_reason == "length":
        return "truncated"
    if reply.finish_reason == "refusal":
        return "refused"
    return otherwise
