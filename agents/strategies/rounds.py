"""A task's samples in rounds: after the first one, refinements of the programs made so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from agents.base import Agent
from agents.sampling import sample_task, side_by_side
from agents.strategies.feedback import EarlierProgram
from utilities.errors import ASK_AGAIN
from utilities.results.entry import Sample
from utilities.sandbox.sandbox import Sandbox
from utilities.scoring.attempts import Candidate
from utilities.tasks.task import Task
from utilities.verification.verdict import Verdict, normal_form, verify_samples


@dataclass(frozen=True, slots=True)
class RoundSample:
    """A sample, its program's verdict (None without a program), and where it comes from.

    The verdict knows nothing of test outputs. `parents` are the indices of the samples whose
    programs its prompt showed, worst to best; in round 0 there are none.
    """

    sample: Sample
    verdict: Verdict | None
    round: int = 0
    parents: tuple[int, ...] = ()


@runtime_checkable
class RefiningAgent(Agent, Protocol):
    """An agent that can be asked again, with what became of its programs."""

    def refinement_identity(self) -> dict[str, Any]:
        """What a refinement depends on besides `identity`."""

    def choose_parents(self, task: Task, earlier: Sequence[RoundSample]) -> list[EarlierProgram]:
        """The programs that a refinement is shown."""

    async def refine(
        self,
        task: Task,
        index: int,
        parents: Sequence[EarlierProgram],
        earlier: Sequence[RoundSample],
    ) -> Sample:
        """Make one sample, `index` counting on from those of the rounds before, `earlier`.

        Raises FatalModelError as `sample` does.
        """


async def sample_in_rounds(
    agent: Agent, sandbox: Sandbox, task: Task, *, best_of: int, refine: int
) -> list[RoundSample]:
    """`best_of` samples, and as many more in each of up to `refine` further rounds.

    A round is added while no program solves all train pairs: once one does, no program that solves
    fewer can come before it, and the rounds end. They end too where a sample failed for technical
    reasons: its reply is missing, and what is asked now would be asked again when it is there. An
    agent that cannot refine has round 0 only. Neither agent nor sandbox gets a test output.
    """
    task = task.without_test_outputs()
    samples = await sample_task(agent, task, best_of)
    done = await _judged(sandbox, task, samples)
    if not isinstance(agent, RefiningAgent):
        return done
    for number in range(1, refine + 1):
        if not _wants_refinement(done):
            break
        parents = agent.choose_parents(task, done)
        samples = await side_by_side(
            agent.refine(task, len(done) + place, parents, done) for place in range(best_of)
        )
        shown = tuple(parent.sample for parent in parents)
        judged = await _judged(sandbox, task, samples)
        done += [replace(one, round=number, parents=shown) for one in judged]
    return done


def _wants_refinement(done: Sequence[RoundSample]) -> bool:
    if any(one.sample.status in ASK_AGAIN for one in done):
        return False
    return not any(one.verdict is not None and one.verdict.passed_train for one in done)


async def _judged(sandbox: Sandbox, task: Task, samples: Sequence[Sample]) -> list[RoundSample]:
    verdicts = await verify_samples(sandbox, [sample.python_code for sample in samples], task)
    return [RoundSample(*pair) for pair in zip(samples, verdicts, strict=True)]


def candidates_of(samples: Sequence[RoundSample]) -> list[Candidate]:
    """What the choice may know of each program: its train pairs and its answers, no more.

    Comments, docstrings and layout do not count towards a program's length.
    """
    return [
        Candidate(
            one.sample.index,
            one.verdict.train,
            one.verdict.test_outputs,
            len(normal_form(one.sample.python_code)),
            one.sample.confidence,
        )
        for one in samples
        if one.sample.python_code is not None and one.verdict is not None
    ]


def round_fields(samples: Sequence[RoundSample]) -> dict[str, list[Any]]:
    """A result entry's fields that say where each sample comes from: one item a sample."""
    return {
        "refinement_round": [one.round for one in samples],
        "parent_samples": [one.parents for one in samples],
    }
