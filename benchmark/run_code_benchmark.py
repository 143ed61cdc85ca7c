"""Benchmark a model that answers tasks with programs: best of N, two attempts, ARC Prize scores.

    python benchmark/run_code_benchmark.py --best_of 3
    python benchmark/run_code_benchmark.py --dataset arc2_evaluation \
--model_identifier CLAUDE_OPUS --best_of 5 --max_cost_usd 50

Each program runs in a sandbox on the train and test inputs. Those that solve most train pairs
count first, then the answers that most programs share, then the shorter program; the two best
different answers are the attempts. Neither the agent nor the choice sees a test output.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import asdict
from typing import Any

from agents.choosing import choose_model, open_agent
from agents.code_generating_agent import CodeGeneratingAgent
from agents.sampling import entry_of, sample_task
from utilities.asking_run import open_run
from utilities.attempts import Candidate, choose_attempts
from utilities.benchmark_outcome import BenchmarkOutcome, attempt_fields
from utilities.cli import AskingOptions, OneLineParser, add_asking_options, run_script
from utilities.config import CODE_BENCHMARK_DIRECTORY, TRACES_STORE_PATH
from utilities.result_store import OutputPlace
from utilities.sandbox.sandbox import Sandbox
from utilities.submission_files import print_submissions
from utilities.submission_options import SubmissionOptions, add_submission_options
from utilities.tasks import Task
from utilities.training_sources import open_check
from utilities.verification import Verdict, verdict_fields, verify_samples

PLACE = OutputPlace(CODE_BENCHMARK_DIRECTORY, "code_benchmark", "code_benchmark.log")


def parse_arguments() -> tuple[AskingOptions, SubmissionOptions, bool]:
    """The shared options, what is written besides, and --unsafe_no_seccomp."""
    parser = OneLineParser(__doc__)
    add_asking_options(parser)
    add_submission_options(parser)
    parser.add_argument(
        "--unsafe_no_seccomp",
        action="store_true",
        help="run programs also where system calls cannot be filtered; only if you trust them",
    )
    parsed = parser.parse_args()
    return AskingOptions.of(parsed), SubmissionOptions.of(parsed), parsed.unsafe_no_seccomp


async def benchmark(
    options: AskingOptions, submission: SubmissionOptions, *, unsafe_no_seccomp: bool
) -> int:
    """Ask, run, choose and score; returns the exit code."""
    chosen = choose_model(options)
    check = open_check(TRACES_STORE_PATH, submission.training_data)
    async with (
        open_run(options, PLACE, keys=chosen.keys) as run,
        open_agent(run, chosen, CodeGeneratingAgent) as agent,
        Sandbox(unsafe_no_seccomp=unsafe_no_seccomp) as sandbox,
    ):
        outcome = BenchmarkOutcome(run.tasks.again(), check)
        identity = {**agent.identity(), "limits": asdict(sandbox.limits)}

        async def answer(task: Task) -> dict[str, Any]:
            samples = await sample_task(agent, task.without_test_outputs(), options.best_of)
            codes = [sample.python_code for sample in samples]
            verdicts = await verify_samples(sandbox, codes, task)
            attempts = choose_attempts(candidates_of(codes, verdicts), len(task.test))
            return entry_of(
                task,
                samples,
                identity,
                **verdict_fields(verdicts),
                **attempt_fields(task, attempts),
            )

        code = await run.over_tasks(
            answer,
            identity,
            observe=outcome.add,
            conclude=lambda: outcome.conclusion({"sandbox": sandbox.layers}),
        )
        print_submissions(submission, run.store.place.results, run.store.run_id)
        return code


def candidates_of(codes: list[str | None], verdicts: list[Verdict | None]) -> list[Candidate]:
    """What the choice may know of each program: its train pairs and its answers, no more."""
    return [
        Candidate(index, verdict.train, verdict.test_outputs, len(code))
        for index, (code, verdict) in enumerate(zip(codes, verdicts, strict=True))
        if code is not None and verdict is not None
    ]


def main() -> int:
    """Run the script."""
    options, submission, unsafe_no_seccomp = parse_arguments()
    return asyncio.run(benchmark(options, submission, unsafe_no_seccomp=unsafe_no_seccomp))


if __name__ == "__main__":
    sys.exit(run_script(main))
