"""Benchmark a model that answers tasks with grids, without code: votes, two attempts, scores.

    python benchmark/run_direct_benchmark.py --best_of 3
    python benchmark/run_direct_benchmark.py --dataset arc1_evaluation,arc2_evaluation \
--model_identifier GPT,GEMINI_PRO --best_of 5 --max_cost_usd 50

For each test input the grids that most samples gave are the attempts, two unless --attempts says
otherwise. The agent sees all test inputs and no test output. Each model runs on each dataset.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from agents.direct_answer_agent import DirectAnswerAgent
from agents.sampling import sample_task
from benchmark.benchmark_call import BenchmarkCall, BenchmarkRun
from benchmark.benchmark_options import BenchmarkOptions, parse_benchmark_options
from utilities.command_line.script import run_script
from utilities.config import DIRECT_BENCHMARK_DIRECTORY
from utilities.results.entry import entry_of
from utilities.runs.store import OutputPlace
from utilities.scoring.attempts import choose_by_vote
from utilities.scoring.run_score import choice_fields
from utilities.tasks.task import Task

PLACE = OutputPlace(DIRECT_BENCHMARK_DIRECTORY, "direct_benchmark", "direct_benchmark.log")


async def benchmark(options: BenchmarkOptions) -> int:
    """Ask, choose and score; returns the exit code."""
    call = BenchmarkCall(options, PLACE, DirectAnswerAgent)
    best_of, attempts = options.asking.best_of, options.attempts

    async def over(run: BenchmarkRun) -> int:
        async def answer(task: Task) -> dict[str, Any]:
            samples = await sample_task(run.agent, task.without_test_outputs(), best_of)
            choices = choose_by_vote(
                [sample.answers or () for sample in samples], len(task.test), attempts
            )
            return entry_of(
                task,
                samples,
                run.agent.identity(),
                test_outputs=[sample.answers for sample in samples],
                **choice_fields(task, choices, attempts),
            )

        return await run.over_tasks(answer, {}, more={})

    return await call.over_runs(over)


def main() -> int:
    """Run the script."""
    options = parse_benchmark_options(BenchmarkOptions, __doc__, PLACE.stem)
    return asyncio.run(benchmark(options))


if __name__ == "__main__":
    sys.exit(run_script(main))
