"""The code benchmark's solver."""

from __future__ import annotations

from typing import ClassVar

from agents.reasoning_code_generator import ReasoningCodeGenerator


class CodeGeneratingAgent(ReasoningCodeGenerator):
    """A program for a task whose test inputs it sees, and whose test outputs it never does.

    It is given `task.without_test_outputs()`, so there is nothing to leak.
    """

    prompt_name: ClassVar[str] = "code_generating"
