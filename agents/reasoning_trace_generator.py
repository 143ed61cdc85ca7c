"""Asks for a reasoning trace."""

from typing import ClassVar

from agents.base import LanguageModelAgent, status_of
from agents.reply_parsing import extract_reasoning
from utilities.models.interface import Message, Reply
from utilities.results.entry import Sample
from utilities.tasks.task import Task


class ReasoningTraceGenerator(LanguageModelAgent):
    """A step-by-step explanation of how a task's train inputs become their outputs."""

    prompt_name: ClassVar[str] = "reasoning_trace"

    def read(self, task: Task, index: int, messages: list[Message], reply: Reply) -> Sample:
        """Take the explanation; a cut one is kept and called truncated."""
        reasoning = extract_reasoning(reply.text, reply.reasoning)
        whole = reasoning is not None and reply.finish_reason in ("stop", "unknown")
        return Sample(
            task_id=task.task_id,
            index=index,
            prompt_messages=messages,
            status=status_of(reply, usable=whole, otherwise="unparsable"),
            reasoning=reasoning,
            reply=reply,
        )
