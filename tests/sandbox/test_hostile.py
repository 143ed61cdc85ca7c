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


MODES = pytest.mark.parametrize("mode", ["strict", "batch"])


def failures_of_another_process(*options: str, prefix: Sequence[str] = ()) -> list[str]:
    """Run them where this process's own rights and filters cannot be had back."""
    run = subprocess.run(
        [*prefix, sys.executable, "-m", "tests.support.hostile_runs", *options],
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
@pytest.mark.parametrize(
    "options",
    [
        ("--mode", "batch"),
        ("--mode", "batch", "--refuse_namespaces"),
        ("--withheld", "namespaces", "landlock"),
        ("--withheld", "namespaces", "landlock", "--mode", "batch"),
        ("--sessions",),
        ("--sessions", "--refuse_namespaces"),
        ("--sessions", "--withheld", "namespaces", "landlock"),
    ],
    ids=" ".join,
)
def test_they_do_in_every_mode_and_without_layers(options: tuple[str, ...]) -> None:
    assert failures_of_another_process(*options) == []


@pytest.mark.slow
@MODES
@pytest.mark.parametrize("more", [(), ("--refuse_namespaces",)], ids=["namespaces", "refused"])
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_they_do_as_an_ordinary_user(mode: str, more: tuple[str, ...]) -> None:
    prefix = in_sight_of_all(Path(sys.base_prefix).resolve(), REPOSITORY)
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("the interpreter or the checkout cannot be shown to other users")
    assert (
        failures_of_another_process("--user", "12345", "--mode", mode, *more, prefix=prefix) == []
    )


def in_sight_of_all(*paths: Path) -> list[str]:
    """What to put before a command of root's, so that other users find these folders there.

    In a mount namespace of its own, an empty folder that all may enter lies over each folder that
    only root may enter, and the paths are bound there again.
    """
    closed = {
        path: next(folder for folder in path.parents[::-1] if not folder.stat().st_mode & 1)
        for path in paths
        if not all(folder.stat().st_mode & 1 for folder in path.parents)
    }
    saved = {path: f"$saved/{number}" for number, path in enumerate(closed)}
    lines = ["set -e; saved=$(mktemp -d)"]
    lines += [f"mkdir {kept}; mount --bind '{path}' {kept}" for path, kept in saved.items()]
    lines += [f"mount -t tmpfs -o mode=755 none '{folder}'" for folder in {*closed.values()}]
    lines += [f"mkdir -p '{path}'; mount --bind {kept} '{path}'" for path, kept in saved.items()]
    return ["unshare", "--mount", "sh", "-c", "; ".join([*lines, 'exec "$@"']), "sh"]


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
