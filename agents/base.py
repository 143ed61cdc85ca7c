"""What an agent is, and what all agents that ask a language model have in common."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from agents import reply_parsing
from agents.prompts.building import PLAIN, Answers, Showing, prompt_hash, prompt_messages, with_part
from agents.reply_parsing import extract_code, extract_reasoning, extract_thinking
from agents.tool_conversation import ToolConversation
from utilities.errors import RequestFailed
from utilities.models.interface import Message, Reply
from utilities.replies.asked_model import AskedModel
from utilities.results.entry import Sample, SampleStatus
from utilities.results.provenance import source_hash
from utilities.tasks.task import Task


class Agent(Protocol):
    """Makes samples of a task; a task's samples differ by their index only.

    Its class may also have `needs_model`, `model_identifier` and `for_run` (see
    `agents.catalogue.AgentKind`).
    """

    def identity(self) -> dict[str, Any]:
        """All that a sample depends on apart from the task: agent, prompt hash, model, sampling."""

    async def sample(self, task: Task, index: int) -> Sample:
        """Make one sample; its status says what went wrong with it.

        Raises FatalModelError if no sample of this run could succeed.
        """


class Library(Protocol):
    """What a prompt shows besides its task: programs of other tasks (`agents.program_library`)."""

    key: str
    """Names all that it may show; the keys of requests have it in place of what is shown."""

    def identity(self) -> dict[str, Any]:
        """What a sample depends on because of it."""

    async def part_for(self, task: Task) -> str:
        """The part of the prompt for a task; may be empty."""


class LanguageModelAgent:
    """Builds the prompt, asks once a sample, and reads the reply.

    A subclass gives its prompt's name, and its own `read` if a reply is not reasoning and a
    program.
    """

    needs_model: ClassVar[bool] = True
    prompt_name: ClassVar[str]
    """The prompt is `{prompt_name}_system.md` and `{prompt_name}_user.md`."""
    prompt_folder: ClassVar[Path | None] = None
    """Where the prompt's files are looked for before `agents/prompts`."""
    further_prompts: ClassVar[tuple[str, ...]] = ()
    """The names of other prompts that the agent uses."""
    answers: ClassVar[Answers] = "program"
    """What the prompt asks for."""
    also_defines: ClassVar[tuple[str, ...]] = ()
    """Further functions of the program, besides the one that answers."""
    shown_by: Showing = PLAIN
    """How tasks are shown; the run sets it by its options."""
    conversation: ToolConversation | None = None
    """How samples take several turns; the run sets it if tools may be called."""
    library: Library | None = None
    """Set by the run as well; refinements show none of it."""

    def __init__(self, model: AskedModel) -> None:
        """`model` journals each reply before this agent reads it."""
        self._model = model

    def identity(self) -> dict[str, Any]:
        """The agent, its prompt's hash, its parsers', and what the model's replies depend on.

        After a change of the parsers, the next run makes new samples of the journalled replies, and
        pays for nothing.
        """
        return {
            "agent": type(self).__name__,
            "prompt_hash": prompt_hash(self.prompt_name, self.showing, self.answers),
            "parser_hash": source_hash(Path(reply_parsing.__file__).parent),
            **self.shown_by.identity(),
            **({} if self.conversation is None else self.conversation.identity()),
            **({} if self.library is None else self.library.identity()),
            **self._model.identity(),
        }

    @property
    def showing(self) -> Showing:
        """How tasks are shown; prompts of the agent's own folder come after those of the run's."""
        own = () if self.prompt_folder is None else (self.prompt_folder,)
        return replace(self.shown_by, folders=(*self.shown_by.folders, *own))

    async def sample(self, task: Task, index: int) -> Sample:
        """Ask for one sample; raises FatalModelError if no request could succeed."""
        messages = prompt_messages(self.prompt_name, task, self.showing, self.answers)
        if self.library is None:
            return await self.sample_by(task, index, messages)
        shown = with_part(messages, await self.library.part_for(task))
        named = with_part(messages, self.library.key)
        return await self.sample_by(task, index, shown, key_messages=named)

    async def sample_by(
        self,
        task: Task,
        index: int,
        messages: list[Message],
        *,
        key_messages: list[Message] | None = None,
    ) -> Sample:
        """Ask for one sample by these messages; `key_messages` as for AskedModel.ask."""
        if self.conversation is not None:
            return await self.conversation.sample(
                self._model,
                task,
                index,
                messages,
                key_messages=key_messages,
                read=partial(self.read, task, index, messages),
            )
        try:
            reply = await self._model.ask(task, index, messages, key_messages=key_messages)
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

    def read(self, task: Task, index: int, messages: list[Message], reply: Reply) -> Sample:
        """Make a sample of a reply; here: take the program and the reasoning around it."""
        code = extract_code(reply.answer, self.also_defines)
        if reply.finish_reason == "length" and code is not None and code.entry_point is None:
            code = None  # the end of the program is missing
        return Sample(
            task_id=task.task_id,
            index=index,
            prompt_messages=messages,
            status=status_of(reply, usable=code is not None, otherwise="no_code"),
            reasoning=extract_reasoning(reply.text, reply.reasoning),
            thinking=extract_thinking(reply.text, reply.reasoning),
            python_code=None if code is None else code.python_code,
            reply=reply,
        )


def status_of(reply: Reply, *, usable: bool, otherwise: SampleStatus) -> SampleStatus:
    """The status of a reply that was (or was not) usable.

    A usable answer counts even if the reply was cut off, or stopped by a filter, after it.
    """
    if usable:
        return "ok"
    if reply.finish_reason == "length":
        return "truncated"
    if reply.finish_reason == "refusal":
        return "refused"
    return otherwise
