"""Measures what the sandbox costs: every figure is a ratio of two timings of the same round.

    .venv/bin/python -m tests.performance.measure_sandbox
    .venv/bin/python -m tests.performance.measure_sandbox --rounds 7 --verdicts 100000
    .venv/bin/python -m tests.performance.measure_sandbox --results RESULTS

Over 200 programs such as models write run on the inputs of real tasks of ARC-1 training, or those
of a results file on the inputs of their own tasks, with two workers; "bare" is `exec` in processes
that are started beforehand, which is no protection: in as many as there are workers, or in one, as
where a script runs programs by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from tests.performance.sandbox_jobs import Job, jobs_in, jobs_of, with_loops
from utilities.sandbox.execution import Execution, Limits
from utilities.sandbox.sandbox import Sandbox

WORKERS = 2


def run_bare(jobs: Sequence[Job]) -> int:
    """The cheapest that can be done, without any protection; returns how many pass."""
    import numpy as np

    passed = 0
    for program, inputs, expected in jobs:
        names: dict[str, Any] = {"__name__": "program", "np": np}
        sys.modules["program"] = sys  # dataclasses look there
        try:
            exec(compile(program, "<program>", "exec"), names)
            given = [names["solve_task"]([row[:] for row in grid]) for grid in inputs]
            passed += [[list(map(int, row)) for row in grid] for grid in given] == expected
        except Exception:  # noqa: BLE001 - whatever the program raises
            continue
    return passed


def measure_bare(jobs: Sequence[Job], processes: int) -> tuple[float, float]:
    """Seconds by the clock and of processor time."""
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(run_bare, [jobs[:5]] * 2 * processes))  # imports, and warms up
        chunks = [jobs[start : start + 16] for start in range(0, len(jobs), 16)]
        began, began_cpu = time.perf_counter(), tree_cpu_s()
        list(pool.map(run_bare, chunks))
        return time.perf_counter() - began, tree_cpu_s() - began_cpu


def tree_cpu_s() -> float:
    """Processor time of this process and all below it, the living and the ended."""
    ticks = 0.0
    parents: dict[int, tuple[int, float]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    for number in parents:
        above = number
        while above in parents and above != os.getpid():
            above = parents[above][0]
        if above == os.getpid():
            ticks += parents[number][1]
    return ticks / os.sysconf("SC_CLK_TCK")


async def run_all(sandbox: Sandbox, jobs: Iterable[Job]) -> int:
    """Run programs, as many at a time as the sandbox takes; returns how many pass."""
    left = iter(jobs)

    async def run_some() -> int:
        return sum([await judge(sandbox, job) for job in left])

    return sum(await asyncio.gather(*(run_some() for _ in range(sandbox.capacity))))


async def judge(sandbox: Sandbox, job: Job) -> bool:
    """Whether a program gives what is expected; only passes are worth a run alone."""
    program, inputs, expected = job

    def passes(executions: tuple[Execution, ...]) -> bool:
        return [execution.output for execution in executions] == expected

    return passes(await sandbox.run(program, inputs, counts=passes))


async def measure(
    jobs: Sequence[Job], make: Callable[[], Sandbox], *, warm: bool = True
) -> tuple[float, float]:
    """Seconds by the clock and of processor time for all of them, start left out.

    They run once before, so that there is a fork server for each kind of program by then.
    """
    async with make() as sandbox:
        await run_all(sandbox, jobs if warm else jobs[:1])
        began, began_cpu = time.perf_counter(), tree_cpu_s()
        await run_all(sandbox, jobs)
        return time.perf_counter() - began, tree_cpu_s() - began_cpu


def measure_subprocesses(jobs: Sequence[Job]) -> float:
    """Seconds by the clock for a fresh interpreter each, as many at a time as workers."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(WORKERS) as pool:
        files = []
        for position, (program, inputs, _) in enumerate(jobs):
            path = Path(folder, f"{position}.py")
            end = f"\nfor grid in {inputs!r}:\n    print(solve_task(grid))\n"
            future = "from __future__ import annotations\n"
            whole = program.removeprefix(future)
            offered = "import numpy as np\n"  # as the sandbox offers it
            path.write_text((future if whole != program else "") + offered + whole + end)
            files.append(str(path))
        list(pool.map(run_file, files[:2]))
        began = time.perf_counter()
        list(pool.map(run_file, files))
        return time.perf_counter() - began


def run_file(path: str) -> int:
    """One program in one interpreter."""
    return subprocess.run([sys.executable, path], capture_output=True, check=False).returncode


def resident_mb() -> float:
    """Memory of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def measure_memory(verdicts: int) -> tuple[float, float]:
    """The supervisor's memory after 1,000 verdicts and after `verdicts`."""
    jobs = jobs_of(243)
    async with Sandbox(workers=WORKERS, mode="batch") as sandbox:
        await run_all(sandbox, (jobs[n % 243] for n in range(1000)))
        early = resident_mb()
        await run_all(sandbox, (jobs[n % 243] for n in range(verdicts - 1000)))
        return early, resident_mb()


def say(name: str, ratios: Sequence[float], wanted: str) -> None:
    """Print a figure's median and range."""
    low, high = min(ratios), max(ratios)
    print(
        f"{name:48} {median(ratios):7.3f}  ({low:.3f} to {high:.3f}; wanted: {wanted})", flush=True
    )


def main() -> None:
    """Measure in interleaved rounds and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--verdicts", type=int, default=100_000, help="0: leave memory out")
    parser.add_argument("--results", type=Path, help="measure up to 486 programs of this file")
    parser.add_argument("--loops", type=int, default=5, help="rounds of the file with loops")
    options = parser.parse_args()
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    jobs = jobs_in(options.results, 486) if options.results else jobs_of(486)
    rounds = [one_round(jobs) for _ in range(options.rounds)]
    bare, alone, strict, batch, fresh = zip(*rounds, strict=True)
    print(
        f"{len(jobs)} programs, {len({job[0] for job in jobs})} distinct, bare in a process: "
        f"{median(wall for wall, _ in bare) / len(jobs) * WORKERS * 1000:.2f} ms each"
    )
    pairs = list(zip(bare, strict, strict=True))
    for name, walls in (("one process", alone), ("two", bare)):
        for mode, taken, wanted in (("strict", strict, "0.30, aim 0.5"), ("batch", batch, "0.85")):
            ratios = [b[0] / s[0] for b, s in zip(walls, taken, strict=True)]
            say(f"{mode} throughput ÷ bare in {name}", ratios, wanted)
    say(
        "strict throughput ÷ a process each",
        [f / s[0] for f, s in zip(fresh, strict, strict=True)],
        "20",
    )
    say("strict CPU ÷ bare", [s[1] / b[1] for b, s in pairs], "at most 4")
    measure_loops(jobs, options.loops)
    if options.verdicts:
        early, late = asyncio.run(measure_memory(options.verdicts))
        say(f"supervisor's memory after {options.verdicts} ÷ 1000", [late / early], "at most 1.1")


def one_round(
    jobs: Sequence[Job],
) -> tuple[
    tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float], float
]:
    """Bare in two and in one, strict, batch and a process each, one after the other."""
    few = jobs[:40]
    return (
        measure_bare(jobs, WORKERS),
        measure_bare(jobs, 1),
        asyncio.run(measure(jobs, lambda: Sandbox(workers=WORKERS))),
        asyncio.run(measure(jobs, lambda: Sandbox(workers=WORKERS, mode="batch"))),
        measure_subprocesses(few) * len(jobs) / len(few),
    )


def measure_loops(jobs: Sequence[Job], rounds: int) -> None:
    """What endless loops cost, and what short limits with a longer second pass make of that."""
    looping = with_loops(jobs[:250])
    short = Limits(cpu_s=0.2, wall_s=1.0)
    plain, long_, brief = [], [], []
    for _ in range(rounds):
        usual = asyncio.run(measure(jobs[:250], lambda: Sandbox(workers=WORKERS)))[0]
        long_.append(
            usual / asyncio.run(measure(looping, lambda: Sandbox(workers=WORKERS), warm=False))[0]
        )
        brief.append(
            usual
            / asyncio.run(measure(looping, lambda: Sandbox(short, workers=WORKERS), warm=False))[0]
        )
        plain.append(usual)
    say("with 6 % loops ÷ without, limit 1 s", long_, "stated")
    say("with 6 % loops ÷ without, limit 0.2 s", brief, "stated")


if __name__ == "__main__":
    main()
