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
NEIGHBOURS = HONEST | {
    path.stem: path.read_text()
    for kind in (
        "batch",
        "poison",
        "output_forged",
        "output_equal",
        "kernel_lifts",
        "secrets_frames",
    )
    for path in HOSTILE.glob(f"{kind}*.py")
}


async def passes(sandbox: Sandbox, code: str) -> bool:
    def is_right(executions: Sequence[Execution]) -> bool:
        return all(execution.output == EXPECTED for execution in executions)

    return is_right(await sandbox.run(code, [GRID] * INPUTS, counts=is_right))


def test_run_alone_only_the_right_ones_pass() -> None:
    async def verdicts() -> dict[str, bool]:
        async with Sandbox(SWIFT, workers=1) as sandbox:
            return {name: await passes(sandbox, code) for name, code in NEIGHBOURS.items()}

    found = asyncio.run(verdicts())
    assert {name for name, passed in found.items() if passed} == RIGHT


RIGHT = {"right", "right with numpy", "right with a class"}
companies = st.lists(st.sampled_from(sorted(NEIGHBOURS)), min_size=2, max_size=24)


@pytest.mark.parametrize("mode", ["strict", "batch"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(company=companies)
def test_in_company_the_same_ones_pass(
    mode: Literal["strict", "batch"], company: list[str]
) -> None:
    async def verdicts() -> list[bool]:
        async with Sandbox(SWIFT, workers=1, mode=mode) as sandbox:
            runs = (passes(sandbox, f"{NEIGHBOURS[name]}\n# {n}") for n, name in enumerate(company))
            return await asyncio.gather(*runs)

    assert asyncio.run(verdicts()) == [name in RIGHT for name in company]
