"""Whatever runs beside a program, in any order and mode, its verdict is that of a run alone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.hostile_runs import EXPECTED, GRID, HOSTILE, INPUTS, SWIFT
from utilities.sandbox.execution import Execution
from utilities.sandbox.sandbox import Sandbox

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's"),
    pytest.mark.timeout(300),
]
HONEST = {
    "right": f"def solve_task(grid):\n    return {EXPECTED}\n",
    "right with numpy": f"def solve_task(grid):\n    return np.array({EXPECTED})\n",
    "right with a class": "class Answer:\n    def __init__(self): self.grid = "
    f"{EXPECTED}\ndef solve_task(grid):\n    return Answer().grid\n",
    "right, then wrong": "SEEN = []\ndef solve_task(grid):\n    SEEN.append(grid)\n"
    f"    return {EXPECTED} if len(SEEN) < 3 else grid\n",
    "wrong": "def solve_task(grid):\n    return [[9]]\n",
    "no grid": "def solve_task(grid):\n    return None\n",
    "an exception": "def solve_task(grid):\n    return grid[7]\n",
    "no entry point": "answer = 42\n",
    "no Python": "def solve_task(grid:\n",
}
RIGHT = {"right", "right with numpy", "right with a class"}
DEMANDS_A_PASS = ("# MUST: ok and judged right", f"# MUST: ok {EXPECTED}")
ATTACKS = {path.stem: path.read_text("utf-8", "replace") for path in HOSTILE.glob("*.py")}
NEIGHBOURS = HONEST | ATTACKS
BRISK = sorted(name for name in NEIGHBOURS if not name.startswith(("time_", "memory_", "process_")))
"""Those that use up no limit."""


def should_pass(name: str) -> bool:
    """Whether a program passes when it runs alone, which `test_hostile.py` holds of attacks."""
    return name in RIGHT or ATTACKS.get(name, "").startswith(DEMANDS_A_PASS)


async def passes(sandbox: Sandbox, code: str) -> bool:
    def is_right(executions: Sequence[Execution]) -> bool:
        return all(execution.output == EXPECTED for execution in executions)

    return is_right(await sandbox.run(code, [GRID] * INPUTS, counts=is_right))


async def passing(mode: Literal["strict", "batch"], company: Sequence[str]) -> list[bool]:
    """Which programs pass if all are given to one worker at once."""
    async with Sandbox(SWIFT, workers=1, mode=mode) as sandbox:
        runs = (passes(sandbox, f"{NEIGHBOURS[name]}\n# {n}") for n, name in enumerate(company))
        return await asyncio.gather(*runs)


def test_run_alone_only_the_right_ones_pass() -> None:
    async def verdicts() -> dict[str, bool]:
        async with Sandbox(SWIFT, workers=1) as sandbox:
            return {name: await passes(sandbox, code) for name, code in HONEST.items()}

    found = asyncio.run(verdicts())
    assert {name for name, passed in found.items() if passed} == RIGHT


def companies(names: Sequence[str], most: int) -> st.SearchStrategy[list[str]]:
    """Programs beside honest ones, in any order, any of them more than once."""
    drawn = st.one_of(st.sampled_from(sorted(HONEST)), st.sampled_from(names))
    return st.lists(drawn, min_size=2, max_size=most)


@pytest.mark.parametrize("mode", ["strict", "batch"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(company=companies(BRISK, 24))
def test_in_company_the_same_ones_pass(
    mode: Literal["strict", "batch"], company: list[str]
) -> None:
    assert asyncio.run(passing(mode, company)) == [should_pass(name) for name in company]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["strict", "batch"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(company=companies(sorted(ATTACKS), 16))
def test_in_company_of_any_attack_the_same_ones_pass(
    mode: Literal["strict", "batch"], company: list[str]
) -> None:
    assert asyncio.run(passing(mode, company)) == [should_pass(name) for name in company]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["strict", "batch"])
def test_between_honest_programs_each_attack_changes_no_verdict(
    mode: Literal["strict", "batch"],
) -> None:
    for attack in sorted(ATTACKS):
        company = ["right", "wrong", attack, "right", "wrong", attack, "right with numpy"]
        wanted = [should_pass(name) for name in company]
        assert asyncio.run(passing(mode, company)) == wanted, attack
