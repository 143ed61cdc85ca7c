"""What a strategy is: it asks an agent for a task's samples until it has enough."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from agents.base import Agent
from utilities.errors import UsageError
from utilities.results.entry import Sample, SampleStatus
from utilities.scoring.attempts import Candidate
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict, normal_form

Judge = Callable[[Task, Sequence[str | None]], Awaitable[Sequence[Verdict | None]]]
"""Runs programs on a task without test outputs; None for a sample without a program."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many samples a task may get."""

    best_of: int
    """Samples at the start, and in each further round."""
    refine: int = 0
    """Further rounds."""


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """A sample, its program's verdict (None without a program), and its origin.

    The verdict is made without test outputs. `parents` are the indices of the samples whose
    programs the prompt showed, worst to best; round 0 has none.
    """

    sample: Sample
    verdict: Verdict | None
    round: int = 0
    parents: tuple[int, ...] = ()


class Strategy(ABC):
    """Decides which samples of a task are asked for, one task after the other.

    A request's key may depend on the replies that came before it, never on their timing: a killed
    run then asks the same requests again and pays for nothing twice.
    """

    def __init__(self, agent: Agent, judge: Judge, limits: Limits) -> None:
        """`judge` gives the verdicts that further samples may depend on."""
        self.agent = agent
        self.judge = judge
        self.limits = limits

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What an entry depends on apart from the agent's identity and the number of samples."""

    @abstractmethod
    def samples(self, task: Task) -> AsyncIterator[JudgedSample]:
        """Yield samples until done, their indices counting up from 0.

        Raises FatalModelError if no request could succeed.
        """

    @property
    def most_later_samples(self) -> int:
        """How many samples a task may get that depend on its earlier ones."""
        return 0

    async def all_samples(self, task: Task) -> list[JudgedSample]:
        """All samples of a task; neither the agent nor the judge gets a test output."""
        return [one async for one in self.samples(task.without_test_outputs())]

    async def judged(self, task: Task, samples: Sequence[Sample]) -> list[JudgedSample]:
        """Run the samples' programs; each sample gets its verdict."""
        check_samples(self.agent, samples)
        verdicts = await self.judge(task, [sample.python_code for sample in samples])
        return [JudgedSample(*pair) for pair in zip(samples, verdicts, strict=True)]


class BestOf(Strategy):
    """As many independent samples as the limits allow, asked for at the same time."""

    def identity(self) -> dict[str, Any]:
        """No round of refinement."""
        return {"refine": 0}

    async def samples(self, task: Task) -> AsyncIterator[JudgedSample]:
        """Ask for all at the same time."""
        requests = (self.agent.sample(task, index) for index in range(self.limits.best_of))
        for one in await self.judged(task, await side_by_side(requests)):
            yield one


def check_samples(agent: Agent, samples: Sequence[Sample]) -> None:
    """Raise UsageError if an agent, of a user's file perhaps, gave anything but samples."""
    for sample in samples:
        wrong = f"gave {type(sample).__name__} in place of a Sample"
        if isinstance(sample, Sample):
            if sample.status in get_args(SampleStatus):
                continue
            wrong = f"gave a sample of status {sample.status!r}"
        statuses = ", ".join(get_args(SampleStatus))
        raise UsageError(
            f"--agent {type(agent).__name__}: sample() {wrong}; it must return a Sample whose "
            f"status is one of {statuses}"
        )


async def sample_task(agent: Agent, task: Task, best_of: int) -> list[Sample]:
    """`best_of` samples without verdicts, in the order of their indices.

    Ends and raises as `side_by_side` and `check_samples` do.
    """
    samples = await side_by_side(agent.sample(task, index) for index in range(best_of))
    check_samples(agent, samples)
    return samples


async def side_by_side(requests: Iterable[Awaitable[Sample]]) -> list[Sample]:
    """The samples that are asked for at the same time, in their order.

    Every request has ended when it returns or raises (FatalModelError, as the agent does).
    """
    asked = list(requests)
    if len(asked) == 1:
        return [await asked[0]]  # a task of its own would only cost time
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    samples = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        samples.append(outcome)
    return samples


def candidates_of(samples: Sequence[JudgedSample]) -> list[Candidate]:
    """What the choice of attempts may know of each program: its train pairs and its answers.

    Comments, docstrings and layout do not count towards a program's length, nor does what turns a
    view back.
    """
    return [
        Candidate(
            one.sample.index,
            one.verdict.train,
            one.verdict.test_outputs,
            len(normal_form(one.sample.written_code or one.sample.python_code)),
            one.sample.confidence,
            is_doubtful=one.verdict.hardcoded is True or one.verdict.deterministic is False,
        )
        for one in samples
        if one.sample.python_code is not None and one.verdict is not None
    ]


def origin_fields(samples: Sequence[JudgedSample]) -> dict[str, list[Any]]:
    """The fields of a result entry that say each sample's origin: one item a sample."""
    return {
        "refinement_round": [one.round for one in samples],
        "parent_samples": [one.parents for one in samples],
    }
