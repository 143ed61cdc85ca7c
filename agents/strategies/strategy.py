"""What a strategy is: it asks an agent for a task's samples, wave by wave, until it has enough.

What a wave asks for depends on the replies of the waves before it, never on which of them came
first. A stop is looked at between two waves, too, so that nothing is open then that would have to
be cancelled, and a resumed run ends a task where an unkilled one does.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, get_args

from agents.base import Agent
from utilities.errors import ASK_AGAIN, UsageError
from utilities.results.entry import Sample, SampleStatus
from utilities.runs.strategy_options import StopOptions, StrategyOptions
from utilities.scoring.attempts import Candidate
from utilities.tasks.task import Grid, Task
from utilities.verification.verdict import Verdict, normal_form

Judge = Callable[[Task, Sequence[str | None]], Awaitable[Sequence[Verdict | None]]]
"""Runs programs on a task without test outputs; None for a sample without a program."""


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """A sample, its program's verdict (None without a program), and its origin.

    The verdict is made without test outputs. `parents` are the indices of the samples whose
    programs the prompt showed, worst to best; round 0 has none. A round is what is asked for at
    the same time: a step of all chains, a generation of an evolution.
    """

    sample: Sample
    verdict: Verdict | None
    round: int = 0
    parents: tuple[int, ...] = ()
    chain: int | None = None

    @property
    def score(self) -> float | None:
        """The share of train pairs that the program solves; None without a program."""
        if self.verdict is None or not self.verdict.train:
            return None
        return sum(self.verdict.train) / len(self.verdict.train)

    @property
    def fits_train(self) -> bool:
        """Whether it is a program that solves all train pairs."""
        return self.verdict is not None and self.verdict.passed_train


@dataclass(frozen=True, slots=True)
class StopRule:
    """Ends a task when `count` samples agree on all test inputs, or are verified.

    Programs agree if they fit all train pairs and are not doubtful: no grid of the task is written
    in them, and a second run gives the same. Verified are different programs that fit all train
    pairs. Without a `count` no task ends early.
    """

    count: int | None = None
    is_about_agreement: bool = True
    wave: int | None = None
    """Independent samples asked for at once; as many as `count` if None."""

    @classmethod
    def of(cls, options: StopOptions) -> Self:
        """The rule that the options ask for."""
        if options.stop_when_agree is not None:
            return cls(options.stop_when_agree, wave=options.wave)
        if isinstance(options, StrategyOptions) and options.until_verified is not None:
            return cls(options.until_verified, is_about_agreement=False, wave=options.wave)
        return cls()

    @property
    def name(self) -> str:
        """The option that asks for it."""
        return "stop_when_agree" if self.is_about_agreement else "until_verified"

    def identity(self) -> dict[str, Any]:
        """What an entry depends on because of the rule; nothing without one."""
        if self.count is None:
            return {}
        return {self.name: self.count} | ({} if self.wave is None else {"wave": self.wave})

    def wave_size(self, best_of: int) -> int:
        """How many of `best_of` independent samples are asked for at once."""
        return best_of if self.count is None else min(best_of, self.wave or self.count)

    def is_met(self, done: Sequence[JudgedSample]) -> bool:
        """Whether these samples are enough."""
        if self.count is None:
            return False
        if self.is_about_agreement:
            answers = Counter(answer for one in done if (answer := _answer_of(one)) is not None)
            return max(answers.values(), default=0) >= self.count
        return len({_text_of(one.sample) for one in done if one.fits_train}) >= self.count


def _text_of(sample: Sample) -> str:
    return normal_form(sample.written_code or sample.python_code or "")


def _answer_of(one: JudgedSample) -> Hashable | None:
    """What a sample gives for all test inputs; None if it cannot be counted on."""
    grids: Sequence[Grid | None] = one.sample.answers or ()
    if (verdict := one.verdict) is not None:
        doubtful = verdict.hardcoded is True or verdict.deterministic is False
        grids = () if doubtful or not verdict.passed_train else verdict.test_outputs
    if not grids or any(grid is None for grid in grids):
        return None
    return tuple(tuple(map(tuple, grid or ())) for grid in grids)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many samples a task may get, and what a strategy needs to know besides."""

    best_of: int
    """Samples at the start, and in each further round."""
    refine: int = 0
    """Further rounds."""
    steps: int = 10
    """Programs of a chain, or generations of an evolution."""
    seed: int = 0
    """Of the order of pairs in chains, and of the draw of parents."""
    reshuffles: bool = True
    """Whether each step of a chain shows the train pairs in another order."""
    stop: StopRule = StopRule()
    evolution: StrategyOptions = field(default_factory=StrategyOptions)
    """How parents are drawn."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A sample that is asked for, and its origin as in JudgedSample."""

    sample: Awaitable[Sample]
    round: int = 0
    parents: tuple[int, ...] = ()
    """By the indices that the samples were asked for with."""
    chain: int | None = None


class Strategy(ABC):
    """Decides which samples of a task are asked for, one task after the other.

    A request's key may depend on the replies that came before it, never on their timing: a killed
    run then asks the same requests again and pays for nothing twice.
    """

    name: ClassVar[str] = ""
    """As --strategy has it; what an entry says of it, if that is not empty."""

    def __init__(self, agent: Agent, judge: Judge, limits: Limits) -> None:
        """`judge` gives the verdicts that further samples may depend on."""
        self.agent = agent
        self.judge = judge
        self.limits = limits

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What an entry depends on apart from the agent's identity and the number of samples."""

    @abstractmethod
    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        """What to ask for next, side by side; nothing if the task has had enough.

        `done` are the samples so far, with the indices that they were asked for with. It is not
        called again if the stop rule is met, or after a sample that failed for technical reasons:
        its reply is still to come, and a wave asked now might have to be asked again.
        """

    @property
    def most_samples(self) -> int:
        """How many samples a task may get."""
        return self.limits.best_of

    @property
    def least_samples(self) -> int:
        """How many independent samples every task gets, whatever they are."""
        return self.limits.best_of

    @property
    def most_later_samples(self) -> int:
        """How many samples a task may get that depend on its earlier ones."""
        return self.most_samples - self.least_samples

    async def samples(self, task: Task) -> AsyncIterator[JudgedSample]:
        """Yield samples until done, their indices counting up from 0.

        Raises FatalModelError if no request could succeed.
        """
        done: list[JudgedSample] = []
        places: dict[int, int] = {}
        while wave := self.wave(task, done):
            samples = await side_by_side(one.sample for one in wave)
            check_samples(self.agent, samples)
            verdicts = await self.judge(task, [sample.python_code for sample in samples])
            for asked, sample, verdict in zip(wave, samples, verdicts, strict=True):
                place = places[sample.index] = len(done)
                one = JudgedSample(sample, verdict, asked.round, asked.parents, asked.chain)
                done.append(one)
                yield replace(
                    one,
                    sample=sample if sample.index == place else replace(sample, index=place),
                    parents=tuple(places[parent] for parent in asked.parents),
                )
            has_failed = any(sample.status in ASK_AGAIN for sample in samples)
            if has_failed or self.limits.stop.is_met(done):
                break

    async def all_samples(self, task: Task) -> list[JudgedSample]:
        """All samples of a task; neither the agent nor the judge gets a test output."""
        return [one async for one in self.samples(task.without_test_outputs())]

    def origin_fields(self, samples: Sequence[JudgedSample]) -> dict[str, Any]:
        """The fields of an entry that say how its samples were spent: mostly one item a sample."""
        fields: dict[str, Any] = {
            "refinement_round": [one.round for one in samples],
            "parent_samples": [one.parents for one in samples],
        }
        if self.name:
            fields |= {"strategy": self.name, "score": [one.score for one in samples]}
        if any(one.chain is not None for one in samples):
            fields["chain"] = [one.chain for one in samples]
        return fields | self.stopping_fields(samples)

    def stopping_fields(self, samples: Sequence[JudgedSample]) -> dict[str, Any]:
        """What a stop rule did to a task; nothing without one.

        `least_samples` is how many independent samples the task was sure to get, and `not_asked` at
        most how many it did not get because the rule was met.
        """
        if (rule := self.limits.stop).count is None:
            return {}
        left = self.most_samples - len(samples) if rule.is_met(samples) else 0
        return {
            "stopping": {
                rule.name: rule.count,
                "least_samples": self.least_samples,
                "not_asked": left,
            }
        }


class BestOf(Strategy):
    """As many independent samples as the limits allow, asked for at the same time.

    With a stop rule they are asked for in waves.
    """

    def identity(self) -> dict[str, Any]:
        """No round of refinement."""
        return {"refine": 0, **self.limits.stop.identity()}

    @property
    def least_samples(self) -> int:
        """The samples of the waves before the stop rule can be met for the first time."""
        best_of, rule = self.limits.best_of, self.limits.stop
        if rule.count is None:
            return best_of
        size = rule.wave_size(best_of)
        return min(best_of, -(-rule.count // size) * size)

    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        """The next samples, all of them without a stop rule."""
        best_of = self.limits.best_of
        last = min(best_of, len(done) + self.limits.stop.wave_size(best_of))
        return [Asked(self.agent.sample(task, index)) for index in range(len(done), last)]


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


async def no_verdicts(_: Task, codes: Sequence[str | None]) -> list[None]:
    """A judge for samples that need no verdict."""
    return [None] * len(codes)


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
