"""The sandbox's fork servers: their layers, their number, their loss and their end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Never

import pytest

from tests.support.sandbox_processes import descendants, parents, until
from tests.support.sandbox_programs import realistic_programs
from tests.support.scripts import REPOSITORY
from utilities.errors import UsageError
from utilities.sandbox.execution import Limits
from utilities.sandbox.frontend import Follower
from utilities.sandbox.pool import Pool
from utilities.sandbox.preparation import Prepared, ServerKind, prepare
from utilities.sandbox.sandbox import Sandbox, describe_layers
from utilities.sandbox.server_process import ServerProcess
from utilities.sandbox.wire import BORN, CANNOT_FORK, ENDED, RECORD, Ending, Pipes, Request
from utilities.tasks.task import Grid

GRID: Grid = [[0, 1, 1], [2, 0, 0], [2, 0, 3]]
SAME = "def solve_task(grid):\n    return grid\n"
SLEEPING = "import time\ndef solve_task(grid):\n    time.sleep(1e6)\n"
SETTINGS = {
    "batch": 1,
    "withheld": [],
    "unsafe_no_seccomp": False,
    "memory_mb": 512,
    "output_bytes": 65536,
    "stdout_bytes": 4096,
}
OPENING = "def solve_task(grid):\n    open(__import__('os').__file__)\n    return grid\n"


def killed(process: int) -> None:
    """Kill a fork server: the process that was started, or the one below it that forks."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


async def verdicts(
    sandbox: Sandbox, programs: list[str], on_verdict: Callable[[], None] = lambda: None
) -> list[str]:
    async def verdict(program: str) -> str:
        (execution,) = await sandbox.run(program, [GRID])
        on_verdict()
        return f"{execution.status} {execution.output} {execution.message}"

    return await asyncio.gather(*map(verdict, programs))


class Killer:
    """Kills a process of the sandbox after every so many verdicts.

    It counts verdicts, not seconds: a program that loses its process three times is given up, and
    on a busy machine a killer by the clock would strike it that often.
    """

    def __init__(self, every: int) -> None:
        self.kills = 0
        self._every, self._verdicts, self._chance = every, 0, random.Random(3)

    def __call__(self) -> None:
        self._verdicts += 1
        if self._verdicts % self._every == 0:
            killed(self._chance.choice(sorted(descendants())))
            self.kills += 1


@pytest.mark.parametrize(
    ("programs", "every"), [(200, 10), pytest.param(2000, 10, marks=pytest.mark.slow)]
)
async def test_killing_fork_servers_changes_no_verdict(programs: int, every: int) -> None:
    known = realistic_programs()
    sources = [f"# {n}\n{known[n % len(known)]}" for n in range(programs)]
    killer = Killer(every)
    async with Sandbox(Limits(wall_s=60.0), workers=2) as sandbox:
        undisturbed = await verdicts(sandbox, sources)
        disturbed = await verdicts(sandbox, sources, killer)
    assert killer.kills == programs // every
    assert disturbed == undisturbed


async def test_a_program_whose_servers_are_lost_again_and_again_is_given_up() -> None:
    async with Sandbox(workers=1) as sandbox:
        running = asyncio.create_task(sandbox.run(SLEEPING, [GRID]))
        while not running.done():
            below = descendants()
            if len(below) > 1 and max(parents().get(process, 0) for process in below):
                killed(sandbox.server_process_ids[0] if sandbox.server_process_ids else 0)
            await asyncio.sleep(0.5)
        (execution,) = await running
        assert execution.status == "crashed"
        assert "fork server was lost" in execution.message
        (control,) = await sandbox.run(SAME, [GRID])
    assert control.output == GRID


async def test_where_no_server_can_be_started_each_run_says_so_in_one_line() -> None:
    def start(*_: object) -> Never:
        raise BlockingIOError("no process is left")

    pool = Pool(start, [None, None], depth=1, longest_pause_s=0.01)
    prepared = Prepared(1, b"", ())
    runs = [pool.run(prepared, ServerKind(), Limits()) for _ in range(5)]
    outcomes = await asyncio.gather(*runs, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [UsageError] * 5
    assert str(outcomes[0]) == "no fork server of the sandbox starts: no process is left"
    await pool.close()


async def test_a_start_that_fails_for_want_of_a_process_is_tried_again() -> None:
    tries = []

    def start(*arguments: Any) -> ServerProcess:
        tries.append(None)
        if len(tries) in {1, 2, 3, 5}:
            raise BlockingIOError("no process is left")
        return ServerProcess(SETTINGS, *arguments)

    pool = Pool(start, [None, None], depth=1)
    prepared = prepare(SAME, [GRID], Limits())
    assert isinstance(prepared, Prepared)
    runs = [pool.run(prepared, ServerKind(), Limits()) for _ in range(5)]
    responses = await asyncio.gather(*runs)
    assert {response.ending for response in responses} == {Ending.COMPLETE}
    assert len(tries) >= 5
    await pool.close()


def refusing_server(pipes: Pipes, refusals: int) -> None:
    """Do a fork server's part: refuse so many times, then have a child that answers one input."""
    for number in range(refusals + 1):
        os.read(pipes.orders[0], 1)
        if number < refusals:
            os.write(pipes.births[1], BORN.pack(-1))
            os.write(pipes.endings[1], ENDED.pack(CANNOT_FORK))
    child = subprocess.Popen(["sleep", "100"])
    os.write(pipes.births[1], BORN.pack(child.pid))
    os.write(pipes.results[1], RECORD.pack(0, 0, 1, 1, 0) + b"\1")
    os.write(pipes.endings[1], ENDED.pack(abs(child.wait())))


@pytest.mark.parametrize("shared", [False, True])
def test_a_fork_that_fails_is_tried_again_and_takes_none_of_the_programs_time(
    *, shared: bool
) -> None:
    pipes = Pipes(*(os.pipe() for _ in Pipes._fields))
    supervisor, socket = os.pipe()
    server = threading.Thread(target=refusing_server, args=(pipes, 4))
    server.start()
    follower = Follower(pipes, supervisor, 1000)
    request = Request(1, 0.1, 0.2, alone=True, distrusted=False, inputs=((1, b"\1"),), source=b"")
    follower.begin(0.1, shared=shared)
    outcome = follower.follow(request, b"")
    assert (outcome.ending, outcome.written[-1:]) == (Ending.COMPLETE, b"\1")
    follower.end()
    server.join()
    for descriptor in (*sum(pipes, ()), supervisor, socket):
        os.close(descriptor)


async def test_a_program_that_somebody_kills_is_run_again() -> None:
    code = "import time\ndef solve_task(grid):\n    time.sleep(0.6)\n    return grid\n"
    async with Sandbox(Limits(cpu_s=0.1, wall_s=5.0), workers=1) as sandbox:
        servers = descendants()
        running = asyncio.create_task(sandbox.run(code, [GRID]))
        await until(lambda: bool(descendants() - servers))
        await asyncio.sleep(0.3)  # longer by the clock than it may use of the processor
        for program in descendants() - servers:
            killed(program)
        (execution,) = await running
    assert execution.output == GRID


async def test_nothing_is_left_when_the_sandbox_is_left() -> None:
    async with Sandbox(workers=2) as sandbox:
        await verdicts(sandbox, [f"{SAME}# {n}" for n in range(20)])
        assert descendants()
    assert descendants() == set()


async def test_nothing_is_left_when_it_is_left_amid_programs() -> None:
    async with Sandbox(workers=2) as sandbox:
        runs = [asyncio.create_task(sandbox.run(SLEEPING, [GRID])) for _ in range(8)]
        await asyncio.sleep(0.3)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
    await until(lambda: descendants() == set())


async def test_cancelling_a_run_ends_its_program_and_no_other() -> None:
    async with Sandbox(workers=1) as sandbox:
        (server,) = sandbox.server_process_ids
        running = asyncio.create_task(sandbox.run(SLEEPING, [GRID]))
        await asyncio.sleep(0.2)
        other = asyncio.create_task(sandbox.run(SAME, [GRID]))
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert server not in parents()
        assert (await other)[0].output == GRID


PARENT = """
import asyncio, sys
from utilities.sandbox.sandbox import Sandbox
code = "import time\\ndef solve_task(grid): time.sleep(1e6)"
async def main():
    async with Sandbox(workers=2) as sandbox:
        print("ready", flush=True)
        await asyncio.gather(*(sandbox.run(code, [[[0]]]) for _ in range(6)))
asyncio.run(main())
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_nothing_outlives_a_supervisor(ending: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout
    await process.stdout.readline()
    await asyncio.sleep(0.3)
    left = descendants(process.pid)
    assert left
    process.send_signal(ending)
    await process.wait()
    await until(lambda: not left & parents().keys())


async def test_there_are_no_more_servers_than_workers() -> None:
    async with Sandbox(workers=2) as sandbox:
        await verdicts(sandbox, [f"{SAME}# {n}" for n in range(30)])
        assert len(sandbox.server_process_ids) == 2


async def test_the_layers_in_force_are_named() -> None:
    async with Sandbox(workers=1) as sandbox:
        assert sandbox.layers.startswith(("full (landlock ABI", "partial"))
        assert "seccomp" in sandbox.layers
        assert "\n" not in sandbox.layers


def test_a_missing_layer_says_what_it_costs() -> None:
    report = {"landlock": 0, "seccomp": True, "namespaces": [], "memory_limit": True, "user": "you"}
    line = describe_layers(report)
    assert line.startswith("partial (seccomp, rlimits); MISSING: no Landlock (programs may open no")
    assert "no network and process namespaces (only seccomp" in line
    assert "no mount namespace (programs can tell whether a file exists)" in line


async def test_without_seccomp_it_refuses_to_run() -> None:
    with pytest.raises(UsageError, match="--unsafe_no_seccomp"):
        async with Sandbox(workers=1, withheld_layers=["seccomp"]):
            pass
    assert descendants() == set()


async def test_without_seccomp_it_refuses_also_where_nobody_asked_before() -> None:
    sandbox = Sandbox(workers=1, withheld_layers=["seccomp"])
    with pytest.raises(UsageError, match="no seccomp"):
        await sandbox.run(SAME, [GRID])
    await until(lambda: descendants() == set())


async def test_without_seccomp_it_runs_on_demand_and_says_so() -> None:
    async with Sandbox(withheld_layers=["seccomp"], unsafe_no_seccomp=True, workers=1) as sandbox:
        assert (await sandbox.run(SAME, [GRID]))[0].output == GRID
        assert "NO seccomp" in sandbox.layers


async def test_without_landlock_nothing_can_be_opened() -> None:
    async with Sandbox(withheld_layers=["landlock"], workers=1) as sandbox:
        (opening,) = await sandbox.run(OPENING, [GRID])
        assert "PermissionError" in opening.message
        (importing,) = await sandbox.run(f"import statistics, glob\n{SAME}", [GRID])
        assert importing.output == GRID


async def test_with_landlock_the_standard_library_can_be_read() -> None:
    async with Sandbox(workers=1) as sandbox:
        if sandbox.layers.startswith("full"):
            (opening,) = await sandbox.run(OPENING, [GRID])
            assert opening.status == "ok"


async def test_after_its_end_a_sandbox_runs_nothing() -> None:
    async with Sandbox(Limits(), workers=1) as sandbox:
        waiting = [asyncio.create_task(sandbox.run(SLEEPING, [GRID])) for _ in range(2)]
        await asyncio.sleep(0.1)
    for run in waiting:
        with pytest.raises(RuntimeError, match="closed"):
            await run
    with pytest.raises(RuntimeError, match="closed"):
        await sandbox.run(SAME, [GRID])
