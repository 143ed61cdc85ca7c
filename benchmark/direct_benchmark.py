"""The benchmark of grids: asked for, chosen by vote and scored; or by ARC Prize's protocol."""

from functools import partial
from typing import Any, cast

from agents.arcprize_protocol import MOST_REQUESTS, ArcPrizeAgent, AskedTask, ProtocolPrompt
from agents.catalogue import AgentKind
from agents.opening import OpenAgent
from agents.strategies.strategy import BestOf, Limits, StopRule, no_verdicts
from benchmark.benchmark_call import Answers, BenchmarkCall
from benchmark.benchmark_options import DirectBenchmarkOptions
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.scoring.attempts import choose_by_vote
from utilities.scoring.outcomes import ATTEMPTS
from utilities.scoring.run_score import attempt_fields, choice_fields
from utilities.tasks.task import Task


async def benchmark(options: DirectBenchmarkOptions, place: OutputPlace) -> int:
    """Ask, choose and score; returns the exit code."""
    if options.protocol is None:
        call = BenchmarkCall(options, place, "direct_answer")
        return await call.run(partial(answers_by, options))
    prompt = ProtocolPrompt.read(options.protocol_directory)
    agent = AgentKind(
        options.protocol, ArcPrizeAgent, option="--protocol", made_with={"prompt": prompt}
    )
    call = BenchmarkCall(options, place, agent)
    return await call.run(partial(answers_by_protocol, prompt))


def answers_by(options: DirectBenchmarkOptions, opened: OpenAgent) -> Answers:
    """How an agent's samples become entries."""
    limits = Limits(options.asking.best_of, stop=StopRule.of(options.spending))
    strategy = BestOf(opened.agent, no_verdicts, limits)

    async def answer(task: Task) -> dict[str, Any]:
        judged = await strategy.all_samples(task)
        samples = [one.sample for one in judged]
        choices = choose_by_vote(
            [sample.answers or () for sample in samples], len(task.test), options.attempts
        )
        return entry_of(
            task,
            samples,
            opened.identity,
            test_outputs=[sample.answers for sample in samples],
            **choice_fields(task, choices, options.attempts),
            **strategy.stopping_fields(judged),
        )

    return Answers(
        answer,
        depends_on=limits.stop.identity(),
        most_later_samples=strategy.most_later_samples,
    )


def answers_by_protocol(prompt: ProtocolPrompt, opened: OpenAgent) -> Answers:
    """How a task that was asked by ARC Prize's protocol becomes an entry."""
    agent = cast("ArcPrizeAgent", opened.agent)

    async def answer(task: Task) -> dict[str, Any]:
        asked = await agent.all_samples(task.without_test_outputs())
        return entry_of(
            task,
            asked.samples,
            opened.identity,
            test_outputs=[sample.answers for sample in asked.samples],
            **_attempts_asked_for(task, asked),
        )

    return Answers(
        answer,
        metadata={"protocol": prompt.to_json()},
        most_asked_again=(MOST_REQUESTS - 1) * ATTEMPTS,
        notes=prompt.lines(),
    )


def _attempts_asked_for(task: Task, asked: AskedTask) -> dict[str, Any]:
    """The attempts as they were asked for, also two that are alike; each has its own vote."""
    grids = asked.grids()
    return {
        **attempt_fields(task, grids),
        "attempt_votes": [[int(grid is not None) for grid in pair] for pair in grids],
        "attempt_samples": [
            [at if grid is not None else None for at, grid in zip(*both, strict=True)]
            for both in zip(asked.attempts, grids, strict=True)
        ],
    }
