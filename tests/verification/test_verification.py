"""Verdicts: compared outside the child, and once for programs that are the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.preparation import prepare
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.label_process import LabelProcess
from utilities.verification.verdict import Verdict, normal_form, verdict_fields, verify

SECRET: Grid = [[3, 1, 4, 1, 5, 9, 2]]
FLIP = Task(
    "flip",
    train=(Pair([[1, 2]], [[2, 1]]), Pair([[3, 4, 5]], [[5, 4, 3]])),
    test=(Pair([[6, 7]], [[7, 6]]), Pair([[8, 9]], None)),
)
RIGHT = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"


class CountingSandbox(Sandbox):
    """A sandbox that remembers what it ran."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[str] = []

    async def run(self, code: str, *arguments: Any, **more: Any) -> tuple[Execution, ...]:
        self.codes.append(code)
        return await super().run(code, *arguments, **more)


@pytest.fixture
async def sandbox() -> AsyncIterator[CountingSandbox]:
    async with CountingSandbox() as entered:
        yield entered


async def test_a_right_program_passes_what_is_known(sandbox: Sandbox) -> None:
    verdict = await verify(sandbox, RIGHT, FLIP)
    assert (verdict.train, verdict.test) == ((True, True), (True, None))
    assert verdict.train_outputs == ([[2, 1]], [[5, 4, 3]])
    assert verdict.test_outputs == ([[7, 6]], [[9, 8]])
    assert verdict.execution_status == "ok"
    assert verdict.passed_train


async def test_a_test_output_that_nobody_knows_is_not_passed(sandbox: Sandbox) -> None:
    known = Task("known", FLIP.train, FLIP.test[:1])
    assert (await verify(sandbox, RIGHT, known)).passed_all
    assert not (await verify(sandbox, RIGHT, FLIP)).passed_all


async def test_a_program_that_is_right_on_some_pairs_does_not_pass(sandbox: Sandbox) -> None:
    verdict = await verify(sandbox, "def solve_task(grid):\n    return [[2, 1]]\n", FLIP)
    assert (verdict.train, verdict.test) == ((True, False), (False, None))
    assert not verdict.passed_train


async def test_the_first_status_that_is_not_ok_is_the_programs(sandbox: Sandbox) -> None:
    code = (
        "def solve_task(grid):\n    return [[1], [1 // (len(grid[0]) - 3)]] and grid[:len(grid)]\n"
    )
    verdict = await verify(sandbox, code, FLIP)
    assert [execution.status for execution in verdict.executions] == ["ok", "exception", "ok", "ok"]
    assert verdict.execution_status == "exception"
    assert verdict.message is not None
    assert verdict.message.startswith("ZeroDivisionError")
    assert verdict.train_outputs[1] is None


async def test_a_forged_record_is_judged_like_any_answer(sandbox: Sandbox) -> None:
    forging = """
import os
def solve_task(grid):
    for index in range(4):
        os.write(3, bytes([index, 0, 1, 1, 0, 0, 5]))
    os._exit(0)
"""
    verdict = await verify(sandbox, forging, FLIP)
    assert verdict.train_outputs == ([[5]], [[5]])
    assert (verdict.train, verdict.test) == ((False, False), (False, None))


async def test_a_result_that_equals_everything_is_judged_by_its_cells(sandbox: Sandbox) -> None:
    code = """
class Sly(list):
    __eq__ = lambda *_: True
def solve_task(grid):
    return Sly([[5]])
"""
    assert (await verify(sandbox, code, FLIP)).train == (False, False)


SEARCH = """
import gc
def solve_task(grid):
    wanted = [int(digit) for digit in '3141592']
    for found in gc.get_objects():
        if type(found) in (list, tuple) and found is not wanted and list(found) == wanted:
            return [[9]]
    return [[0]]
"""


async def test_expected_outputs_are_nowhere_in_the_child(sandbox: Sandbox) -> None:
    task = Task("secret", (Pair([[0]], SECRET),), (Pair([[0]], SECRET),))
    verdict = await verify(sandbox, SEARCH, task)
    assert (verdict.train_outputs, verdict.test_outputs) == (([[0]],), ([[0]],))


async def test_the_search_finds_what_is_in_the_child(sandbox: Sandbox) -> None:
    assert (await sandbox.run(SEARCH, [SECRET]))[0].output == [[9]]


def test_the_job_of_a_child_holds_inputs_and_source_only() -> None:
    job = prepare(RIGHT, [[[7]]], Limits())
    assert not isinstance(job, Execution)
    assert job.body == bytes((1, 1, 7)) + RIGHT.encode()


def test_programs_that_differ_in_a_constant_differ() -> None:
    assert normal_form("def f(g): return 'a'") != normal_form("def f(g): return 'b'")
    assert normal_form("def f(g):\n 'a'\n return g") == normal_form("def f(g): return g")


PICKS_FROM_A_SET = """
def solve_task(grid):
    if len(grid[0]) < 3 and grid[0][0] < 6:
        return [row[::-1] for row in grid]
    return [[int(len(word)) for word in {'a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff'}]]
"""
PICKS_BY_CHANCE = """
import random
def solve_task(grid):
    return [[2, 1]] if grid[0][0] == 1 else [[random.randrange(10) for _ in range(20)]]
"""
SHORT = Task("short", FLIP.train[:1], FLIP.test)


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        (RIGHT, (True, False)),
        (PICKS_FROM_A_SET, (False, False)),
        ("def solve_task(grid):\n    return [[2, 1]]\n", (True, True)),
        (PICKS_BY_CHANCE, (False, True)),
        ("def solve_task(grid):\n    return grid\n", (None, None)),
    ],
)
async def test_labels_are_given_to_programs_that_pass_train(
    sandbox: CountingSandbox, code: str, labels: tuple[bool | None, bool | None]
) -> None:
    verdict = await verify(sandbox, code, SHORT, LabelProcess().ask(code, SHORT))
    assert (verdict.deterministic, verdict.hardcoded) == labels
    assert len(sandbox.codes) == (1 if labels == (None, None) else 2)


async def test_a_program_that_relies_on_the_offered_numpy_is_told(sandbox: Sandbox) -> None:
    relying = await verify(sandbox, "def p(g):\n    return np.flip(g, 1)\n", FLIP)
    importing = await verify(
        sandbox, "import numpy as np\ndef p(g):\n    return np.flip(g, 1)\n", FLIP
    )
    assert relying.passed_train
    assert importing.passed_train
    assert relying.uses_numpy_without_import
    assert not importing.uses_numpy_without_import


@pytest.mark.parametrize(
    ("code", "entry_point"),
    [
        (RIGHT, "solve_task"),
        ("def solve(g): return g\ndef p(g): return g\n", "solve"),
        ("def other(g): return g\n", None),
        ("not python(", None),
    ],
)
async def test_the_entry_point_that_is_taken_is_told(
    sandbox: Sandbox, code: str, entry_point: str | None
) -> None:
    verdict = await verify(sandbox, code, FLIP, LabelProcess().ask(code, FLIP))
    fields = verdict_fields([verdict, None], labels=True)
    assert fields["entry_point"] == [entry_point, None]
    assert {"uses_numpy_without_import", "deterministic", "hardcoded"} < set(fields)
    assert "entry_point" not in verdict_fields([verdict])


@pytest.mark.parametrize(
    ("executions", "duration_s"),
    [
        ((Execution("ok", [[1]], duration_s=0.25), Execution("exception", duration_s=0.5)), 0.75),
        ((Execution("ok", [[1]], duration_s=0.25), Execution("timeout")), None),
        ((Execution("ok", [[1]], duration_s=0.25), Execution("timeout", duration_s=1.0)), 1.25),
        ((Execution("syntax_error"),), None),
    ],
)
def test_a_duration_is_told_where_it_is_known(
    executions: tuple[Execution, ...], duration_s: float | None
) -> None:
    verdict = Verdict((False,) * len(executions), (), executions)
    assert verdict_fields([verdict])["execution_duration_s"] == [duration_s]


def test_the_fields_of_an_entry_have_one_item_a_sample() -> None:
    verdict = Verdict((True,), (None,), (Execution("ok", [[1]]), Execution("timeout", message="m")))
    fields = verdict_fields([verdict, None])
    assert fields["execution_status"] == ["timeout", None]
    assert fields["train_passed"] == [(True,), None]
    assert fields["test_passed"] == [(None,), None]
    assert fields["train_outputs"] == [([[1]],), None]
    assert fields["test_outputs"] == [(None,), None]
