"""The agents that need no more than a prompt and a way to read its reply."""

from typing import ClassVar

from agents.base import LanguageModelAgent, status_of
from agents.code_generating_agent import RefiningModelAgent
from agents.prompts.building import Answers
from agents.reply_parsing import extract_grids, extract_reasoning, extract_thinking
from utilities.models.interface import Message, Reply
from utilities.results.entry import Sample
from utilities.tasks.task import Task


class ReasoningCodeGenerator(RefiningModelAgent):
    """Reasoning and a program `solve_task(grid)`, for training data."""

    prompt_name: ClassVar[str] = "reasoning_code"


class ReasoningTraceGenerator(LanguageModelAgent):
    """A step-by-step explanation of how a task's train inputs become their outputs."""

    prompt_name: ClassVar[str] = "reasoning_trace"
    answers: ClassVar[Answers] = "reasoning"

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
            thinking=extract_thinking(reply.text, reply.reasoning),
            reply=reply,
        )


class DirectAnswerAgent(LanguageModelAgent):
    """The output grid of each test input, without a program."""

    prompt_name: ClassVar[str] = "direct_answer"
    answers: ClassVar[Answers] = "grids"

    def read(self, task: Task, index: int, messages: list[Message], reply: Reply) -> Sample:
        """Take a grid for each test input; usable if there is at least one."""
        answers = extract_grids(reply.answer, len(task.test), self.shown_by.grid_formats)
        usable = any(answer is not None for answer in answers)
        return Sample(
            task_id=task.task_id,
            index=index,
            prompt_messages=messages,
            status=status_of(reply, usable=usable, otherwise="unparsable"),
            reasoning=extract_reasoning(reply.text, reply.reasoning),
            thinking=extract_thinking(reply.text, reply.reasoning),
            answers=answers if usable else None,
            reply=reply,
        )
