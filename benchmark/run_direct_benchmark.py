"""Benchmark a model that answers tasks with grids, without code: votes, two attempts, scores.

    python benchmark/run_direct_benchmark.py --best_of 3
    python benchmark/run_direct_benchmark.py --dataset arc2_evaluation \
--model_identifier GPT --best_of 5 --max_cost_usd 50

For each test input the two grids that most samples gave are the attempts. The agent sees all test
inputs and no test output.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from agents.choosing import choose_model, open_agent
from agents.direct_answer_agent import DirectAnswerAgent
from agents.sampling import entry_of, sample_task
from utilities.asking_run import open_run
from utilities.attempts import choose_voted_attempts
from utilities.benchmark_outcome import BenchmarkOutcome, attempt_fields
from utilities.cli import AskingOptions, OneLineParser, add_asking_options, run_script
from utilities.config import DIRECT_BENCHMARK_DIRECTORY, TRACES_STORE_PATH
from utilities.result_store import OutputPlace
from utilities.submission_files import print_submissions
from utilities.submission_options import SubmissionOptions, add_submission_options
from utilities.tasks import Task
from utilities.training_sources import open_check

PLACE = OutputPlace(DIRECT_BENCHMARK_DIRECTORY, "direct_benchmark", "direct_benchmark.log")


def parse_arguments() -> tuple[AskingOptions, SubmissionOptions]:
    """The shared options, and what is written besides the results."""
    parser = OneLineParser(__doc__)
    add_asking_options(parser)
    add_submission_options(parser)
    parsed = parser.parse_args()
    return AskingOptions.of(parsed), SubmissionOptions.of(parsed)


async def benchmark(options: AskingOptions, submission: SubmissionOptions) -> int:
    """Ask, choose and score; returns the exit code."""
    chosen = choose_model(options)
    check = open_check(TRACES_STORE_PATH, submission.training_data)
    async with (
        open_run(options, PLACE, keys=chosen.keys) as run,
        open_agent(run, chosen, DirectAnswerAgent) as agent,
    ):
        outcome = BenchmarkOutcome(run.tasks.again(), check)
        identity = agent.identity()

        async def answer(task: Task) -> dict[str, Any]:
            samples = await sample_task(agent, task.without_test_outputs(), options.best_of)
            answers = [sample.answers or () for sample in samples]
            attempts = choose_voted_attempts(answers, len(task.test))
            outputs = [sample.answers for sample in samples]
            return entry_of(
                task, samples, identity, test_outputs=outputs, **attempt_fields(task, attempts)
            )

        code = await run.over_tasks(
            answer, identity, observe=outcome.add, conclude=lambda: outcome.conclusion({})
        )
        print_submissions(submission, run.store.place.results, run.store.run_id)
        return code


def main() -> int:
    """Run the script."""
    return asyncio.run(benchmark(*parse_arguments()))


if __name__ == "__main__":
    sys.exit(run_script(main))
