"""Measures the supervisor's CPU for long programs that pass, in units of bare `ast.parse`.

    .venv/bin/python -m tests.performance.measure_labels
    .venv/bin/python -m tests.performance.measure_labels --programs 1000 --rounds 5

Programs of 36 KB, each another, run with two workers. All figures of a round are taken one after
the other; CPU is of this process alone, with what starting the label process takes of it.
"""

import argparse
import ast
import asyncio
import time
from statistics import median

from tests.support.sandbox_programs import realistic_programs
from utilities.tasks.task import Pair, Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings

SOURCE_CHARS = 36_000
GRID = [[1, 2, 3], [4, 5, 6]]
PAIR = Pair(GRID, [row[::-1] for row in GRID])
TASK = Task("flip", (PAIR, PAIR, PAIR), (PAIR,))


def long_program() -> str:
    """A program of about 36 KB: what models write, under other names, before what answers."""
    parts, length = [], 0
    for number, program in enumerate(realistic_programs()):
        if "__future__" not in program and length + len(program) < SOURCE_CHARS:
            parts.append(program.replace("def solve_task", f"def other_{number}"))
            length += len(parts[-1])
    return "".join(parts) + "\n\ndef solve_task(grid):\n    return [row[::-1] for row in grid]\n"


def parsing_s(program: str, times: int) -> float:
    """CPU seconds of `ast.parse`, the mean of some times."""
    began = time.process_time()
    for _ in range(times):
        ast.parse(program)
    return (time.process_time() - began) / times


async def judge(programs: list[str], *, labels: bool) -> tuple[float, float]:
    """Seconds of CPU and by the clock, the start of the sandbox left out."""
    async with LocalVerifier(VerifierSettings(), labels=labels, workers=2) as verifier:
        await verifier.judge(TASK, ["def solve_task(grid):\n    return [r[::-1] for r in grid]\n"])
        began, began_cpu = time.perf_counter(), time.process_time()
        verdicts = await verifier.judge(TASK, list(programs))
        taken = time.process_time() - began_cpu, time.perf_counter() - began
    assert all(verdict is not None and verdict.passed_all for verdict in verdicts)
    return taken


def main() -> None:
    """Measure in rounds and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--programs", type=int, default=300)
    options = parser.parse_args()
    program = long_program()
    programs = [f"{program}# {number}\n" for number in range(options.programs)]
    rounds = []
    for _ in range(options.rounds):
        parsing = parsing_s(program, 20)
        both = [asyncio.run(judge(programs, labels=labels)) for labels in (True, False)]
        rounds.append((parsing, *(taken / len(programs) for one in both for taken in one)))
    parsing, *judging = map(median, zip(*rounds, strict=True))
    many = f"{len(programs)} programs of {len(program)} characters"
    print(f"{many}; bare ast.parse {1000 * parsing:.2f} ms each")
    for name, cpu, wall in (("with", *judging[:2]), ("without", *judging[2:])):
        print(
            f"supervisor's CPU {name} labels {1000 * cpu:.2f} ms each, {cpu / parsing:.3f} of "
            f"ast.parse (wanted: at most 0.5); by the clock {1000 * wall:.1f} ms"
        )


if __name__ == "__main__":
    main()
