"""Programs that attack the sandbox: all of them, under every condition that it may meet."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.hostile_runs import EXPECTED, GRID, HOSTILE, INPUTS, SWIFT, failures, passes
from tests.support.scripts import REPOSITORY, clean_environment
from utilities.sandbox.execution import Execution
from utilities.sandbox.sandbox import Sandbox

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the layers are Linux's")
pytestmark = [linux_only, pytest.mark.timeout(300)]


def failures_of_another_process(*options: str) -> list[str]:
    """Run them where this process's own rights and filters cannot be had back."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile_runs", *options],
        cwd=REPOSITORY,
        env=clean_environment(),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found: list[str] = json.loads(run.stdout)["failures"]
    return found


async def test_every_hostile_program_meets_its_demand(tmp_path: Path) -> None:
    assert len(list(HOSTILE.glob("*.py"))) >= 48
    assert await failures(HOSTILE, tmp_path) == []


def test_they_do_where_user_namespaces_are_refused() -> None:
    assert failures_of_another_process("--refuse_namespaces") == []


@pytest.mark.slow
def test_they_do_without_namespaces_and_landlock() -> None:
    assert failures_of_another_process("--withheld", "namespaces", "landlock") == []


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_they_do_as_an_ordinary_user() -> None:
    if not others_can_use(Path(sys.executable).resolve(), REPOSITORY):
        pytest.skip("the interpreter or the checkout cannot be read by other users")
    assert failures_of_another_process("--user", "12345") == []


def others_can_use(*paths: Path) -> bool:
    return all(folder.stat().st_mode & 1 for path in paths for folder in (path, *path.parents))


def neighbours() -> list[str]:
    """Wrong programs that hostile ones would like to see pass."""
    return [f"def solve_task(grid):\n    return [[{number}]]\n" for number in range(10)]


async def test_in_batch_mode_hostile_programs_are_judged_as_alone_and_so_are_their_neighbours(
    tmp_path: Path,
) -> None:
    right = f"def solve_task(grid):\n    return {EXPECTED}\n"
    attacks = [
        path.read_text().replace("CANARY_FOLDER", str(tmp_path))
        for path in sorted(HOSTILE.glob("[!t]*.py"))
    ]
    programs = [
        program
        for number, attack in enumerate(attacks)
        for program in (*neighbours()[:2], attack, f"{right}# {number}", neighbours()[2])
    ]
    async with Sandbox(SWIFT, workers=1, mode="batch") as sandbox:
        verdicts = await asyncio.gather(*(verdict(sandbox, program) for program in programs))
    must_pass = (right, "# MUST: ok and judged right", f"# MUST: ok {EXPECTED}")
    for program, passed in zip(programs, verdicts, strict=True):
        assert passed == program.startswith(must_pass), program


async def verdict(sandbox: Sandbox, code: str) -> bool:
    def is_right(executions: Sequence[Execution]) -> bool:
        return passes(executions, EXPECTED)

    return is_right(await sandbox.run(code, [GRID] * INPUTS, counts=is_right))


async def test_a_program_that_writes_answers_ahead_makes_no_neighbour_pass_or_fail() -> None:
    forging = (HOSTILE / "poison_forge_for_neighbours.py").read_text().replace("os._exit(0)", "")
    forging += "    return [[0]]\n"
    right = f"def solve_task(grid):\n    return {EXPECTED}\n"
    async with Sandbox(SWIFT, workers=1, mode="batch") as sandbox:
        found = await asyncio.gather(
            *(verdict(sandbox, code) for code in (forging, neighbours()[0], right) * 20)
        )
    assert found == [False, False, True] * 20
