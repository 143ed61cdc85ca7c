"""Asks for reasoning and a program."""

from __future__ import annotations

from typing import ClassVar

from agents.language_model_agent import LanguageModelAgent, status_of
from agents.reply_parsing import extract_code, extract_reasoning
from utilities.models.interface import Message, Reply
from utilities.results.entry import Sample
from utilities.tasks.task import Task


class ReasoningCodeGenerator(LanguageModelAgent):
    """Reasoning and a program `solve_task(grid)`, for training data."""

    prompt_name: ClassVar[str] = "reasoning_code"

    def read(self, task: Task, index: int, messages: list[Message], reply: Reply) -> Sample:
        """Take the program and the reasoning around it."""
        code = extract_code(reply.text)
        if reply.finish_reason == "length" and code is not None and code.entry_point is None:
            code = None  # the end of the program is missing
        return Sample(
            task_id=task.task_id,
            index=index,
            prompt_messages=messages,
            status=status_of(reply, usable=code is not None, otherwise="no_code"),
            reasoning=extract_reasoning(reply.text, reply.reasoning),
            python_code=None if code is None else code.python_code,
            reply=reply,
        )
