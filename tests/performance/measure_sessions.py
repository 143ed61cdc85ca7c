"""Measures Python sessions: processor time of a call, memory of open ones, what they leave.

    .venv/bin/python -m tests.performance.measure_sessions
    .venv/bin/python -m tests.performance.measure_sessions --calls 10000 --open 200

The cost of a call is the processor time of all the session's processes and of this one, less that
of the same code by `exec` in this process. Memory is the proportional set size (PSS) of the
server's whole tree while so many sessions are open, each after a call that makes arrays of the
train pairs and one that labels them with scipy, if that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.support.sandbox_processes import descendants
from utilities.sandbox.namespaces import NOBODY
from utilities.sandbox.preparation import package_folders
from utilities.sandbox.session import Session, SessionLimits, Sessions
from utilities.tasks.task import Pair

LIMITS = replace(SessionLimits(), calls=10**6, session_cpu_s=10**6, cpu_s=60, wall_s=300)
PAIRS = [Pair(input=[[n % 10] * 20] * 20, output=[[n % 10] * 10] * 10) for n in range(4)]
CALLS = (
    "grids = [np.array(pair['input']) for pair in train]\n[grid.shape for grid in grids]",
    "def mirrored(grid):\n    return [row[::-1] for row in grid]\nmirrored(train[0]['input'])",
    "for grid in grids:\n    print(np.unique(grid, return_counts=True))",
)
LABEL = "from scipy import ndimage\nndimage.label(grids[1] > 0)[1]"
CHUNK = 50
"""Calls of one session before the next is opened."""


def cpu_s(server: int) -> float:
    """Processor time of this process and of the server's tree, those that have ended included."""
    ticks = 0
    for process in (server, *descendants(server)):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += sum(map(int, fields[11:15]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def bare_s() -> float:
    """Processor seconds of CALLS by `exec`, as they would be in this process."""
    import numpy as np

    names: dict[str, Any] = {
        "np": np,
        "train": [{"input": pair.input, "output": pair.output} for pair in PAIRS],
    }
    began = time.process_time()
    for code in CALLS:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, names)
    return time.process_time() - began


async def call_all(session: Session, calls: Sequence[str] = CALLS) -> None:
    for code in calls:
        result = await session.run(code)
        assert result.status == "ok", result


async def measure_calls(sessions: Sessions, calls: int) -> tuple[float, float]:
    """Milliseconds of processor time of a call over what it runs, and of opening a session."""
    (server,) = sessions.server_process_ids
    rounds = calls // len(CALLS)
    bare = median(bare_s() for _ in range(50))
    async with sessions.open(PAIRS, []) as session:
        await call_all(session)
        began = cpu_s(server)
        for _ in range(rounds):
            await call_all(session)
        over_s = (cpu_s(server) - began - rounds * bare) / (rounds * len(CALLS))
    began = cpu_s(server)
    for _ in range(CHUNK):
        async with sessions.open(PAIRS, []) as session:
            await session.run("1")
    return 1000 * over_s, 1000 * (cpu_s(server) - began) / CHUNK


async def measure_memory(sessions: Sessions, count: int) -> tuple[float, float]:
    """MiB (PSS) of the server's tree without a session, and with so many that are open and idle."""
    (server,) = sessions.server_process_ids
    alone = pss_mb(server)
    calls = (*CALLS, LABEL) if "scipy" in package_folders() else CALLS
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            session = await stack.enter_async_context(sessions.open(PAIRS, []))
            await call_all(session, calls)
        assert len(descendants(server)) == 2 + count
        return alone, pss_mb(server)


def pss_mb(server: int) -> float:
    kilobytes = 0
    for process in (server, *descendants(server)):
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text().split()
        kilobytes += int(rollup[rollup.index("Pss:") + 1])
    return kilobytes / 1024


async def measure_leftovers(sessions: Sessions, calls: int) -> tuple[int, int, int]:
    """How many processes, descriptors and files are there after so many calls that were not before.

    Every seventh session is ended by its code, every eleventh is left in the middle of a call.
    """
    await one_session(sessions, 0)
    await asyncio.sleep(1)
    before = held(sessions)
    width = 8
    for number in range(0, calls // CHUNK, width):
        await asyncio.gather(*(one_session(sessions, number + each) for each in range(width)))
    await asyncio.sleep(1)
    after = held(sessions)
    return after[0] - before[0], after[1] - before[1], after[2] - before[2]


async def one_session(sessions: Sessions, number: int) -> None:
    async with sessions.open(PAIRS, []) as session:
        for call in range(CHUNK):
            await session.run(f"kept = {call}\nkept")
        if number % 7 == 1:
            assert (await session.run("import os; os._exit(1)")).status == "died"
        if number % 11 == 1:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await session.run("while True: pass")


def held(sessions: Sessions) -> tuple[int, int, int]:
    """Processes and descriptors of this process and the server's tree; files of theirs."""
    (server,) = sessions.server_process_ids
    tree = (os.getpid(), server, *descendants(server))
    open_files = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in tree)
    return len(tree), open_files, sum(map(files_of_nobody, ("/tmp", "/var/tmp", "/dev/shm")))


def files_of_nobody(folder: str) -> int:
    """How many files in a folder belong to the user that sessions have if root starts them."""
    count = 0
    for file in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # somebody else's, and gone
            count += file.stat(follow_symlinks=False).st_uid == NOBODY
    return count


async def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=900)
    parser.add_argument("--open", type=int, default=200)
    options = parser.parse_args()
    async with Sessions(LIMITS, most_open=options.open, workers=2) as sessions:
        over_ms, opening_ms = await measure_calls(sessions, min(options.calls, 900))
        print(f"a call: {over_ms:.2f} ms of processor time over what it runs; the limit is 3")
        print(f"opening a session and its first call: {opening_ms:.1f} ms")
        alone_mb, open_mb = await measure_memory(sessions, options.open)
        print(f"memory: {alone_mb:.0f} MiB without a session, {open_mb:.0f} with {options.open}")
        left = await measure_leftovers(sessions, options.calls)
        print(f"after {options.calls:,} calls: {left} more processes, descriptors, files")


if __name__ == "__main__":
    asyncio.run(main())
