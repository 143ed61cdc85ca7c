"""The verifier says of the search's programs what the search claims of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest

from agents.program_search.solving import solve
from agents.program_search.worker_pool import WorkerPool
from tests.support.scripts import arc1_training
from utilities.config import DEFAULT_SEARCH_BUDGET
from utilities.tasks.task import Grid, Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings

SAMPLE = ("25ff71a9", "a416b8f3", "5582e5ca")


def training_task(name: str) -> Task:
    return Task.from_json(name, arc1_training()[name])


async def differences(
    verifier: LocalVerifier,
    task: Task,
    codes: Sequence[str],
    claims: Sequence[Sequence[Grid | None]],
) -> list[str]:
    """The programs whose verdict is not what was claimed, or that fail a train pair."""
    verdicts = await verifier.judge(task, codes)
    assert len(verdicts) == len(codes)
    wrong = []
    for number, (verdict, claimed) in enumerate(zip(verdicts, claims, strict=True), 1):
        assert verdict is not None
        given = [*verdict.train_outputs, *verdict.test_outputs][-len(claimed) :]
        if not verdict.passed_train or given != list(claimed) or verdict.hardcoded:
            wrong.append(f"{task.task_id} program {number}: {verdict.execution_status}")
    return wrong


async def test_verdicts_are_what_the_search_claims() -> None:
    async with LocalVerifier(VerifierSettings()) as verifier:
        for name in SAMPLE:
            task = training_task(name)
            found = solve(task.without_test_outputs(), best_of=2, search_budget=1_000_000)
            assert found
            codes = [one.python_code for one in found]
            claims = [one.outputs for one in found]
            assert await differences(verifier, task, codes, claims) == []


@pytest.mark.long
@pytest.mark.timeout(7200)
async def test_verdicts_of_all_training_tasks_are_what_the_search_claims() -> None:
    pool = WorkerPool(os.cpu_count() or 1)

    async def judged(name: str, verifier: LocalVerifier) -> list[str]:
        task = training_task(name)
        job = {
            "task_id": name,
            **task.without_test_outputs().to_json(),
            "best_of": 3,
            "search_budget": DEFAULT_SEARCH_BUDGET,
        }
        found = await pool.run(job)
        codes = [one["python_code"] for one in found]
        return await differences(verifier, task, codes, [one["answers"] for one in found])

    async with LocalVerifier(VerifierSettings()) as verifier:
        wrong = await asyncio.gather(*(judged(name, verifier) for name in arc1_training()))
    await pool.close()
    assert [line for lines in wrong for line in lines] == []
