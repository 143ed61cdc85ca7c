"""Programs that a fork server compiles for its children, and the pipe that these share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from utilities.sandbox.execution import Limits
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid

GRID: Grid = [[0, 1, 1], [2, 0, 0], [2, 0, 3]]
SAME = "def solve_task(grid):\n    return grid\n"


def costly_to_compile(depth: int) -> str:
    """Python writes a `finally` out twice, so that its code doubles with each that is inside it."""
    lines = [" " * n + line for n in range(depth) for line in ("try: a()", "finally:")]
    return "\n".join([*lines, " " * depth + "b()", SAME])


async def test_what_takes_too_long_to_compile_is_a_timeout_and_harms_no_other() -> None:
    async with Sandbox(Limits(cpu_s=0.2, wall_s=5.0), workers=1) as sandbox:
        (costly,), *others = await asyncio.gather(
            sandbox.run(costly_to_compile(17), [GRID]),
            *(sandbox.run(f"{SAME}# {n}", [GRID]) for n in range(5)),
        )
    assert costly.status == "timeout"
    assert [other.output for (other,) in others] == [GRID] * 5


async def test_no_program_is_blamed_for_what_others_do_to_the_compiler() -> None:
    costly = [f"# {n}\n{costly_to_compile(17)}" for n in range(4)]
    async with Sandbox(Limits(cpu_s=0.2, wall_s=5.0), workers=1) as sandbox:
        first, *rest = await asyncio.gather(*(sandbox.run(c, [GRID]) for c in (SAME, *costly)))
    assert first[0].output == GRID
    assert {execution.status for (execution,) in rest} == {"timeout"}


async def test_a_program_of_a_rare_kind_is_not_put_off_for_ever() -> None:
    done: list[int] = []

    async def run(position: int) -> None:
        kind = "import numpy\n" if position == 30 else ""
        await sandbox.run(f"{kind}{SAME}# {position}", [GRID])
        done.append(position)

    async with Sandbox(workers=1) as sandbox:
        await asyncio.gather(*map(run, range(400)))
    assert done.index(30) < 300


async def test_a_code_of_megabytes_reaches_its_process() -> None:
    async with Sandbox(workers=1) as sandbox:
        source = f"def never():\n{indented(costly_to_compile(13))}\n{SAME}"
        (execution,) = await sandbox.run(source, [GRID])
    assert execution.output == GRID


def indented(source: str) -> str:
    return "\n".join(f"    {line}" for line in source.splitlines())


async def test_sets_are_iterated_as_python_iterates_them() -> None:
    code = "def solve_task(grid):\n    return [[c for c in {9, 1}], [c for c in {8, 0}]]\n"
    names: dict[str, Any] = {}
    exec(code, names)
    async with Sandbox(workers=1) as sandbox:
        (execution,) = await sandbox.run(code, [GRID])
    assert execution.output == names["solve_task"](GRID)


async def test_constants_that_make_a_code_long_cost_a_program_nothing() -> None:
    long = ",".join(f"'{chr(0x4E00 + n)}'*4096" for n in range(4000))
    async with Sandbox(workers=1) as sandbox:
        (execution,) = await sandbox.run(f"def never():\n    return [{long}]\n{SAME}", [GRID])
    assert execution.output == GRID


async def test_no_server_is_lost_over_programs_that_end_when_they_are_looked_at() -> None:
    code = "import time\ndef solve_task(grid):\n    time.sleep(0.051)\n    return grid\n"
    async with Sandbox(workers=1) as sandbox:
        servers = sandbox.server_process_ids
        runs = await asyncio.gather(*(sandbox.run(f"{code}# {n}", [GRID]) for n in range(150)))
        assert sandbox.server_process_ids == servers
    assert all(execution.output == GRID for (execution,) in runs)


async def test_a_pipe_is_as_before_for_the_next_program_also_without_seccomp() -> None:
    code = "import os\ndef solve_task(grid):\n    os.set_blocking(3, False)\n    return grid\n"
    async with Sandbox(workers=1, withheld_layers=["seccomp"], unsafe_no_seccomp=True) as sandbox:
        await sandbox.run(code, [GRID])
        wide: Grid = [[1] * 30] * 30
        results = await sandbox.run(SAME, [wide] * 60)
    assert [result.output for result in results] == [wide] * 60


@pytest.mark.parametrize("attack", ["os.set_blocking(3, False)", "fcntl.fcntl(3, 1031, 4096)"])
async def test_no_program_changes_the_pipe_that_the_next_one_answers_through(attack: str) -> None:
    code = f"import fcntl, os\ndef solve_task(grid):\n    {attack}\n    return grid\n"
    async with Sandbox(workers=1) as sandbox:
        (execution,) = await sandbox.run(code, [GRID])
        wide: Grid = [[1] * 30] * 30
        results = await sandbox.run(SAME, [wide] * 60)
    assert execution.status == "exception"
    assert "not permitted" in execution.message or "Inappropriate ioctl" in execution.message
    assert [result.output for result in results] == [wide] * 60


async def test_what_a_program_wrote_and_nobody_read_is_not_the_next_ones() -> None:
    forging = (
        "import os, time\ndef solve_task(grid):\n"
        "    os.write(3, bytes([0, 0, 1, 1, 4, 0]) + bytes(5))\n    time.sleep(0.2)\n"
        "    for _ in range(500):\n        os.write(3, bytes([0, 0, 1, 1, 4, 0]) + bytes(5))\n"
    )
    async with Sandbox(workers=1) as sandbox:
        first, second = await asyncio.gather(*(sandbox.run(c, [GRID]) for c in (forging, SAME)))
    assert first[0].output == [[0]]
    assert second[0].output == GRID
