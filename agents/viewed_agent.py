"""Any agent, made to see each sample's task in another view; what it answers is turned back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.base import Agent
from agents.strategies.feedback import EarlierProgram
from agents.strategies.rounds import RefiningAgent
from agents.strategies.strategy import JudgedSample, check_samples
from utilities.results.entry import Sample
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict
from utilities.views.changes import Change, Kind, view_of
from utilities.views.programs import wrapped_program


@dataclass(frozen=True, slots=True)
class Views:
    """Which views a task's samples see: view i for sample i."""

    kinds: tuple[Kind, ...]
    seed: int

    def identity(self) -> dict[str, Any]:
        """What a sample depends on besides the agent."""
        return {"vary": {"kinds": list(self.kinds), "seed": self.seed}}

    def of(self, task: Task, index: int) -> Change:
        """The change that makes the view."""
        return view_of(task, index, self.kinds, self.seed)


class ViewedAgent:
    """An agent's samples, each made of a view of the task.

    Answers and programs are those of the task as it is, so that they are judged and voted on like
    any others. Prompt and reasoning stay as they were: they speak of the view, which the sample
    names. The agent's requests are those of the changed task.
    """

    def __init__(self, agent: Agent, views: Views) -> None:
        """`agent` is opened already."""
        self.agent = agent
        self.views = views

    def identity(self) -> dict[str, Any]:
        """The agent's, and the views."""
        return {**self.agent.identity(), **self.views.identity()}

    async def sample(self, task: Task, index: int) -> Sample:
        """One sample of view `index`, turned back; raises FatalModelError as the agent does."""
        change, place = self.views.of(task, index), index
        if getattr(self.agent, "samples_are_ranked", False):  # the best of each view, then the next
            place = [self.views.of(task, earlier) for earlier in range(index)].count(change)
        sample = await self.agent.sample(_seen(task, change), place)
        check_samples(self.agent, [sample])
        return self._turned_back(replace(sample, index=index), change)

    def _turned_back(self, sample: Sample, change: Change) -> Sample:
        back, answers, code = change.undone, sample.answers, sample.python_code
        if answers is not None and len(answers) == len(back.test_order):
            answers = tuple(
                None if (grid := answers[place]) is None else back.of_grid(grid)
                for place in back.test_order
            )
        return replace(
            sample,
            answers=answers,
            python_code=None if code is None else _program(code, back),
            written_code=code,
            view=change.to_json(),
        )


class ViewedRefiningAgent(ViewedAgent):
    """The same of an agent that refines; a refinement's view also holds the earlier programs."""

    agent: RefiningAgent

    def refinement_identity(self) -> dict[str, Any]:
        """The agent's."""
        return self.agent.refinement_identity()

    def choose_parents(self, task: Task, earlier: Sequence[JudgedSample]) -> list[EarlierProgram]:
        """Those that the agent chooses; programs and verdicts are of the task as it is."""
        return self.agent.choose_parents(task, earlier)

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[JudgedSample],
    ) -> Sample:
        """One refinement of view `index`; each program is shown as one for that view."""
        change = self.views.of(task, index)
        written = {one.sample.index: one.sample.written_code for one in earlier}
        shown = [
            EarlierProgram(
                parent.sample,
                _program(
                    written.get(parent.sample) or parent.code,
                    self.views.of(task, parent.sample).undone.then(change),
                ),
                _seen_verdict(parent.verdict, change),
            )
            for parent in parents
        ]
        sample = await self.agent.refine(_seen(task, change), index, shown, earlier)
        check_samples(self.agent, [sample])
        return self._turned_back(sample, change)


def viewed(agent: Agent, views: Views) -> ViewedAgent:
    """The agent with views of tasks; it can refine if the agent can."""
    kind = ViewedRefiningAgent if isinstance(agent, RefiningAgent) else ViewedAgent
    return kind(agent, views)


def _seen(task: Task, change: Change) -> Task:
    """The changed task, which says so; a task that nothing changes is the same as ever."""
    return task if change.is_none else replace(change.of(task), view=change.to_json())


def _program(code: str, change: Change) -> str:
    """The program for the changed task; what is no Python stays as it is."""
    try:
        return wrapped_program(code, change)
    except SyntaxError:
        return code


def _seen_verdict(verdict: Verdict, change: Change) -> Verdict:
    """The verdict as it is on the changed task."""
    count = len(verdict.train)
    train, test = verdict.executions[:count], verdict.executions[count:]
    ordered = [train[place] for place in change.train_order]
    ordered += [test[place] for place in change.test_order]
    return replace(
        verdict,
        train=tuple(verdict.train[place] for place in change.train_order),
        test=tuple(verdict.test[place] for place in change.test_order),
        executions=tuple(
            one if one.output is None else replace(one, output=change.of_grid(one.output))
            for one in ordered
        ),
    )
