"""The benchmark of programs: asked for, run, refined, chosen and scored."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from agents.opening import OpenAgent
from agents.program_library import read_library
from agents.strategies import strategy_of
from agents.strategies.strategy import JudgedSample, candidates_of
from benchmark.benchmark_call import Answers, BenchmarkCall
from benchmark.benchmark_options import CodeBenchmarkOptions
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.scoring.attempts import choose, ranked
from utilities.scoring.run_score import choice_fields
from utilities.tasks.task import Task
from utilities.verification.verdict import compared_with_tests, verdict_fields
from utilities.verification.verifier import LocalVerifier, VerifierSettings


async def benchmark(options: CodeBenchmarkOptions, place: OutputPlace) -> int:
    """Ask, run, refine, choose and score; returns the exit code."""
    verifier = LocalVerifier(VerifierSettings(unsafe_no_seccomp=options.unsafe_no_seccomp))
    library = read_library(options.library, verifier.judge)
    call = BenchmarkCall(options, place, "code_generating", library)
    async with verifier:
        return await call.run(partial(answers_by, options, verifier))


def answers_by(
    options: CodeBenchmarkOptions, verifier: LocalVerifier, opened: OpenAgent
) -> Answers:
    """How an agent's samples become entries."""
    strategy = strategy_of(
        options.spending,
        options.asking,
        opened.agent,
        verifier.judge,
        opened.identity["model_identifier"],
    )

    async def answer(task: Task) -> dict[str, Any]:
        samples = await strategy.all_samples(task)
        origin = strategy.origin_fields(samples)
        return entry_from(task, samples, opened.identity, options.attempts, origin)

    return Answers(
        answer,
        depends_on={"limits": asdict(verifier.settings.limits), **strategy.identity()},
        metadata={"sandbox": verifier.layers, "seeds": {"sandbox_hash_seed": 0}},
        most_later_samples=strategy.most_later_samples,
    )


def entry_from(
    task: Task,
    samples: list[JudgedSample],
    identity: dict[str, Any],
    attempts: int,
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """Choose the attempts, and only then look at the test outputs.

    `origin` are the fields that say how the samples were spent.
    """
    candidates = ranked(candidates_of(samples))
    choices = choose(candidates, len(task.test), attempts)
    verdicts = [one.verdict and compared_with_tests(one.verdict, task) for one in samples]
    return entry_of(
        task,
        [one.sample for one in samples],
        identity,
        **origin,
        **verdict_fields(verdicts),
        **choice_fields(task, choices, attempts),
        ranking=[one.index for one in candidates],
    )
