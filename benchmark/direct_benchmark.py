"""The benchmark of grids: asked for, chosen by vote and scored."""

from functools import partial
from typing import Any

from agents.opening import OpenAgent
from agents.strategies.strategy import sample_task
from benchmark.benchmark_call import Answers, BenchmarkCall
from benchmark.benchmark_options import BenchmarkOptions
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.scoring.attempts import choose_by_vote
from utilities.scoring.run_score import choice_fields
from utilities.tasks.task import Task


async def benchmark(options: BenchmarkOptions, place: OutputPlace) -> int:
    """Ask, choose and score; returns the exit code."""
    call = BenchmarkCall(options, place, "direct_answer")
    return await call.run(partial(answers_by, options))


def answers_by(options: BenchmarkOptions, opened: OpenAgent) -> Answers:
    """How an agent's samples become entries."""

    async def answer(task: Task) -> dict[str, Any]:
        seen = task.without_test_outputs()
        samples = await sample_task(opened.agent, seen, options.asking.best_of)
        choices = choose_by_vote(
            [sample.answers or () for sample in samples], len(task.test), options.attempts
        )
        return entry_of(
            task,
            samples,
            opened.identity,
            test_outputs=[sample.answers for sample in samples],
            **choice_fields(task, choices, options.attempts),
        )

    return Answers(answer)
