"""Benchmark a model that answers tasks with grids, without code: votes, two attempts, scores.

    python benchmark/run_direct_benchmark.py --best_of 3
    python benchmark/run_direct_benchmark.py --dataset arc1_evaluation,arc2_evaluation \
--model_identifier GPT,GEMINI_PRO --best_of 5 --max_cost_usd 50

For each test input the grids that most samples gave are the attempts, two unless --attempts says
otherwise. The agent sees all test inputs and no test output. Each model runs on each dataset.
"""

from utilities.command_line.script import run_script

import sys
from functools import partial
from typing import Any

from agents.opening import OpenAgent
from agents.strategies.strategy import sample_task
from benchmark.benchmark_call import Answers, BenchmarkCall
from benchmark.benchmark_options import BenchmarkOptions, parse_benchmark_options
from utilities.command_line.signals import run_until_stopped
from utilities.config import DIRECT_BENCHMARK_DIRECTORY
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.scoring.attempts import choose_by_vote
from utilities.scoring.run_score import choice_fields
from utilities.tasks.task import Task

PLACE = OutputPlace(DIRECT_BENCHMARK_DIRECTORY, "direct_benchmark", "direct_benchmark.log")


async def benchmark(options: BenchmarkOptions) -> int:
    """Ask, choose and score; returns the exit code."""
    call = BenchmarkCall(options, PLACE, "direct_answer")
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


def main() -> int:
    """Run the script."""
    options = parse_benchmark_options(BenchmarkOptions, __doc__, PLACE.stem)
    return run_until_stopped(benchmark(options))


if __name__ == "__main__":
    sys.exit(run_script(main))
