"""Asks for reasoning and a program."""

from typing import ClassVar

from agents.base import LanguageModelAgent


class ReasoningCodeGenerator(LanguageModelAgent):
    """Reasoning and a program `solve_task(grid)`, for training data."""

    prompt_name: ClassVar[str] = "reasoning_code"
