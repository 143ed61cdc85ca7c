"""The benchmark of programs: asked for, run, refined, chosen and scored."""

from dataclasses import asdict
from functools import partial
from typing import Any

from agents.opening import OpenAgent
from agents.strategies import STRATEGIES
from agents.strategies.rounds import RefiningAgent
from agents.strategies.strategy import JudgedSample, Limits, candidates_of, origin_fields
from benchmark.benchmark_call import Answers, BenchmarkCall
from benchmark.benchmark_options import CodeBenchmarkOptions
from utilities.command_line.terminal import say
from utilities.results.entry import entry_of
from utilities.runs.options import OutputPlace
from utilities.scoring.attempts import choose, ranked
from utilities.scoring.run_score import choice_fields
from utilities.tasks.task import Task
from utilities.verification.verdict import (
    LocalVerifier,
    VerifierSettings,
    compared_with_tests,
    verdict_fields,
)


async def benchmark(options: CodeBenchmarkOptions, place: OutputPlace) -> int:
    """Ask, run, refine, choose and score; returns the exit code."""
    call = BenchmarkCall(options, place, "code_generating")
    settings = VerifierSettings(unsafe_no_seccomp=options.unsafe_no_seccomp)
    async with LocalVerifier(settings) as verifier:
        return await call.run(partial(answers_by, options, verifier))


def answers_by(
    options: CodeBenchmarkOptions, verifier: LocalVerifier, opened: OpenAgent
) -> Answers:
    """How an agent's samples become entries."""
    can_refine = isinstance(opened.agent, RefiningAgent)
    if options.refine and not can_refine:
        name = opened.identity["model_identifier"]
        say(f"--refine: {name} has nothing to refine; it gets no further rounds")
    strategy = STRATEGIES["rounds" if options.refine and can_refine else "best_of"](
        opened.agent,
        verifier.judge,
        Limits(best_of=options.asking.best_of, refine=options.refine),
    )

    async def answer(task: Task) -> dict[str, Any]:
        samples = await strategy.all_samples(task)
        return entry_from(task, samples, opened.identity, options.attempts)

    return Answers(
        answer,
        depends_on={"limits": asdict(verifier.settings.limits), **strategy.identity()},
        metadata={"sandbox": verifier.layers, "seeds": {"sandbox_hash_seed": 0}},
        most_later_samples=strategy.most_later_samples,
    )


def entry_from(
    task: Task, samples: list[JudgedSample], identity: dict[str, Any], attempts: int
) -> dict[str, Any]:
    """Choose the attempts, and only then look at the test outputs."""
    candidates = ranked(candidates_of(samples))
    choices = choose(candidates, len(task.test), attempts)
    verdicts = [one.verdict and compared_with_tests(one.verdict, task) for one in samples]
    return entry_of(
        task,
        [one.sample for one in samples],
        identity,
        **origin_fields(samples),
        **verdict_fields(verdicts),
        **choice_fields(task, choices, attempts),
        ranking=[one.index for one in candidates],
    )
