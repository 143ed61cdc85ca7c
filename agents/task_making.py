"""New tasks asked of an agent: its programs run, judged, and perhaps solved by another agent."""

from dataclasses import dataclass, replace
from string import Template
from typing import Any, ClassVar

from agents.agent_choice import ChosenAgent, choose_agent
from agents.base import Agent, LanguageModelAgent
from agents.catalogue import AgentKind, agent_named_as_model
from agents.prompts.building import prompt_messages, prompt_text
from agents.strategies.strategy import check_samples, side_by_side
from agents.task_composing import TaskComposer
from agents.task_sources import MadeFrom, Source
from agents.tool_conversation import whole_reply
from utilities import config
from utilities.errors import ASK_AGAIN, UsageError
from utilities.files.hashing import hash_of
from utilities.replies.asked_model import AskedModel
from utilities.results.entry import Sample, entry_of
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions
from utilities.tasks.task import Task
from utilities.training_data.generators import GENERATOR
from utilities.training_data.new_tasks import Fault, NewTask, TaskMaker
from utilities.verification.verifier import Verifier


class NewTaskAgent(LanguageModelAgent):
    """Reasoning and a program that makes a new task of a source."""

    prompt_name: ClassVar[str] = "new_task"
    also_defines: ClassVar[tuple[str, ...]] = (GENERATOR,)

    def __init__(self, model: AskedModel, made_from: MadeFrom) -> None:
        """`made_from` is what its sources are."""
        super().__init__(model)
        self._made_from = made_from

    def identity(self) -> dict[str, Any]:
        """As of any agent; the prompt's hash is that of all its parts."""
        known = super().identity()
        return {**known, "prompt_hash": hash_of([known["prompt_hash"], self._starting_point])}

    async def sample(self, task: Task, index: int) -> Sample:
        """Ask for one sample; raises FatalModelError if no request could succeed."""
        assert isinstance(task, Source)
        said = Template(self._starting_point).safe_substitute(
            description=task.description, first=len(task.tasks[0].train) if task.tasks else 0
        )
        shown = task if task.tasks else replace(task, train=())
        messages = prompt_messages(
            self.prompt_name, shown, self.showing, self.answers, starting_point=said
        )
        return await self.sample_by(task, index, messages)

    @property
    def _starting_point(self) -> str:
        return prompt_text(f"new_task_from_{self._made_from}", self.showing.folders)


def choose_task_maker(
    options: AskingOptions, made_from: MadeFrom | None
) -> tuple[ChosenAgent, MadeFrom]:
    """The agent that makes new tasks, and of what; without any key it is the composer.

    Raises UsageError as `choose_agent` does, and for agents that make no tasks.
    """
    named = options.model_identifier
    if made_from == "programs":
        if options.base_url or options.agent or (named and not agent_named_as_model(named)):
            raise UsageError("--programs: no model is asked for these; leave out the model")
        return choose_agent(options, AgentKind("new_task", TaskComposer)), made_from
    if named is None and options.base_url is None:
        named = config.default_model_identifier()
    if options.agent is not None:
        chosen = choose_agent(options, "reasoning_code")
        if chosen.kind.file_hash is None:
            raise UsageError(
                f"--agent {options.agent}: it makes no tasks; leave it out, or give FILE.py:CLASS "
                f"for an agent of your own, whose programs define {GENERATOR} and solve_task"
            )
        return chosen, made_from or "task"
    if (named is None and options.base_url is None) or agent_named_as_model(named) is not None:
        if made_from not in (None, "nothing"):
            raise UsageError(
                f"--made_from {made_from}: {TaskComposer.model_identifier} makes tasks from "
                "nothing only; name a model as well"
            )
        return choose_agent(options, AgentKind("new_task", TaskComposer)), "nothing"
    made_from = made_from or "task"
    kind = AgentKind("new_task", NewTaskAgent, made_with={"made_from": made_from})
    return choose_agent(options, kind), made_from


def choose_solver(name: str, options: AskingOptions) -> ChosenAgent:
    """The agent that must solve a new task; raises UsageError as `choose_agent` does."""
    if agent_named_as_model(name) is not None:
        kept = {name: getattr(options, name) for name in SEARCH_OPTIONS}
        return choose_agent(AskingOptions(**kept), "program_search")
    if options.batch:
        raise UsageError(
            f"--solvable_by {name}: it is asked when a task is there, and a batch takes up to a "
            "day for that; leave out --batch, or solve the new tasks in a run of their own"
        )
    asking = replace(options, agent=None, model_identifier=name)
    try:
        return choose_agent(asking, "reasoning_code")
    except UsageError as error:
        raise UsageError(str(error).replace("--model_identifier", "--solvable_by", 1)) from error


@dataclass(frozen=True, slots=True)
class MakingTasks:
    """Makes an entry of each source: samples, and the new tasks that their programs make."""

    agent: Agent
    maker: TaskMaker
    verifier: Verifier
    best_of: int
    identity: dict[str, Any]
    solver: Agent | None = None

    async def answer(self, task: Task) -> dict[str, Any]:
        """The entry of a source; the agent sees no test pair of it."""
        assert isinstance(task, Source)
        seen = replace(task, test=())
        made: dict[int, NewTask] = {}
        samples = await side_by_side(
            self._sample(seen, index, made) for index in range(self.best_of)
        )
        new = (made.get(index) for index in range(self.best_of))
        told = [
            one and {"task_id": one.task.task_id, "task_data": one.task.to_json(), "seed": one.seed}
            for one in new
        ]
        return entry_of(task, samples, self.identity, new_tasks=told)

    async def _sample(self, source: Source, index: int, made: dict[int, NewTask]) -> Sample:
        """A sample that says what became of its program; its new task goes into `made`."""
        sample = await self.agent.sample(source, index)
        check_samples(self.agent, [sample])
        if sample.status != "ok" or sample.python_code is None:
            return sample
        new = await self.maker.made(sample.python_code, source.tasks)
        if isinstance(new, Fault):
            return replace(sample, status=new.status, error=new.reason)
        if self.solver is not None:  # its replies count to the source, like the maker's
            sample = await self._solved(sample, replace(new.task, task_id=source.task_id))
        if sample.status == "ok":
            made[index] = new
        return sample

    async def _solved(self, sample: Sample, task: Task) -> Sample:
        """The sample with the cost of the solver's; its status says whether that was right."""
        assert self.solver is not None
        tried = await self.solver.sample(task.without_test_outputs(), 0)
        paid = tried.reply is not None and any(tried.reply.usage.to_json().values())
        if paid and tried.reply is not None and sample.reply is not None:
            sample = replace(sample, reply=whole_reply([tried.reply, sample.reply]))
        if tried.status in ASK_AGAIN:
            return replace(sample, status=tried.status, error=f"the solver: {tried.error}")
        (verdict,) = await self.verifier.judge(task, [tried.python_code], labels=False)
        if verdict is not None and verdict.passed_all:
            return sample
        return replace(sample, status="not_solved", error=f"the solver: {tried.status}")
