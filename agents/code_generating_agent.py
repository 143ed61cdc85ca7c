"""The agents that write programs: the code benchmark's solver, and what refines programs."""

from collections.abc import Sequence
from typing import Any, ClassVar

from agents.base import LanguageModelAgent
from agents.prompts.building import prompt_hash, prompt_messages
from agents.strategies.feedback import (
    FEEDBACK_VERSION,
    EarlierProgram,
    choose_parents,
    feedback_text,
)
from agents.strategies.rounds import programs_of
from agents.strategies.strategy import JudgedSample
from utilities.models.interface import Message
from utilities.results.entry import Sample
from utilities.tasks.task import Task

_REFINEMENT = "code_refinement"


class RefiningModelAgent(LanguageModelAgent):
    """Can be asked again for a better program, with what became of earlier ones."""

    further_prompts: ClassVar[tuple[str, ...]] = (_REFINEMENT,)

    def refinement_identity(self) -> dict[str, Any]:
        """What a refinement also depends on: the wording of its prompt and of the feedback."""
        return {
            "refinement_prompt_hash": prompt_hash(_REFINEMENT, self.showing),
            "feedback_hash": FEEDBACK_VERSION,
        }

    def choose_parents(self, task: Task, earlier: Sequence[JudgedSample]) -> list[EarlierProgram]:
        """The best programs so far, each solved train pair solved by one of them."""
        return choose_parents(programs_of(earlier), task)

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[JudgedSample],
    ) -> Sample:
        """Ask for a better program than `parents`; raises FatalModelError as `sample` does.

        The journal's key is made of the replies of `earlier`, not of the feedback. The feedback can
        differ the next time: a program may run out of time on a busy machine, or read the clock.
        The refinement must not be paid for twice for that.
        """
        messages = self._messages(task, feedback_text(parents, task))
        replies = (one.sample.reply for one in earlier)
        key_messages = [
            *self._messages(task, FEEDBACK_VERSION),
            *(Message(role="assistant", content=reply.text if reply else "") for reply in replies),
        ]
        return await self.sample_by(task, index, messages, key_messages=key_messages)

    def _messages(self, task: Task, feedback: str) -> list[Message]:
        return prompt_messages(_REFINEMENT, task, self.showing, feedback=feedback)


class CodeGeneratingAgent(RefiningModelAgent):
    """Writes a program for a task whose test inputs it sees, and whose test outputs it does not.

    It is given `task.without_test_outputs()`, so there is nothing to leak.
    """

    prompt_name: ClassVar[str] = "code_generating"
