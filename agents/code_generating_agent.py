"""The code benchmark's solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from agents.prompts.building import prompt_hash, prompt_messages
from agents.reasoning_code_generator import ReasoningCodeGenerator
from agents.strategies.feedback import (
    FEEDBACK_VERSION,
    EarlierProgram,
    choose_parents,
    feedback_text,
)
from agents.strategies.rounds import RoundSample
from utilities.models.interface import Message
from utilities.results.entry import Sample
from utilities.tasks.task import Task

_REFINEMENT = "code_refinement"


class CodeGeneratingAgent(ReasoningCodeGenerator):
    """A program for a task whose test inputs it sees, and whose test outputs it never does.

    It is given `task.without_test_outputs()`, so there is nothing to leak.
    """

    prompt_name: ClassVar[str] = "code_generating"

    def refinement_identity(self) -> dict[str, Any]:
        """What a refinement depends on besides `identity`: its prompt's wording and feedback."""
        return {
            "refinement_prompt_hash": prompt_hash(_REFINEMENT),
            "feedback_hash": FEEDBACK_VERSION,
        }

    def choose_parents(self, task: Task, earlier: Sequence[RoundSample]) -> list[EarlierProgram]:
        """The best programs so far, each solved train pair solved by one of them."""
        programs = [
            EarlierProgram(one.sample.index, one.sample.python_code, one.verdict)
            for one in earlier
            if one.sample.python_code is not None and one.verdict is not None
        ]
        return choose_parents(programs, task)

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[RoundSample],
    ) -> Sample:
        """Ask for a better program than `parents`; raises FatalModelError as `sample` does.

        The request is known in the journal by the replies of `earlier`, not by the feedback: a
        program that runs out of time on a busy machine, or asks the clock, is described otherwise
        the next time, and what builds on it must not be paid for twice.
        """
        messages = prompt_messages(_REFINEMENT, task, feedback=feedback_text(parents, task))
        return await self.sample_by(
            task, index, messages, known_by=self._key_messages(task, earlier)
        )

    def _key_messages(self, task: Task, earlier: Sequence[RoundSample]) -> list[Message]:
        feedback_hash = self.refinement_identity()["feedback_hash"]
        replies = (one.sample.reply for one in earlier)
        return [
            *prompt_messages(_REFINEMENT, task, feedback=feedback_hash),
            *(Message(role="assistant", content=reply.text if reply else "") for reply in replies),
        ]
