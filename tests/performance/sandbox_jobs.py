"""Programs and tasks to measure the sandbox with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.sandbox_programs import realistic_programs
from tests.support.scripts import arc1_training
from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry
from utilities.tasks.task import Grid

Job = tuple[str, list[Grid], list[Grid]]
"""A program, inputs, expected outputs."""
LOOP = "def solve_task(grid):\n    while True: pass\n"


def jobs_of(count: int) -> list[Job]:
    """Each program with the pairs of a real task of its own."""
    tasks = sorted(arc1_training().items())
    programs = realistic_programs()
    jobs = []
    for position, program in enumerate((programs * (count // len(programs) + 1))[:count]):
        _, task = tasks[position * 7 % len(tasks)]
        pairs = [*task["train"], *task["test"]]
        jobs.append((program, [p["input"] for p in pairs], [p["output"] for p in pairs]))
    return jobs


def jobs_in(results: Path, most: int) -> list[Job]:
    """Different programs of a results file, spread over it, each with its own task's pairs."""
    jobs: dict[tuple[str, str], Job] = {}
    for entry in read_entries(results):
        if isinstance(entry, ResultEntry):
            task = entry.task()
            inputs = [pair.input for pair in (*task.train, *task.test)]
            expected = [pair.output or [] for pair in (*task.train, *task.test)]
            for code in entry.python_code:
                if code is not None:
                    jobs[task.task_id, code] = code, inputs, expected
    found = list(jobs.values())
    return [found[n * len(found) // most] for n in range(most)] if len(found) > most else found


def with_loops(jobs: Sequence[Job]) -> list[Job]:
    """The same jobs with an endless loop in place of six in a hundred."""
    return [
        (LOOP + f"# {n}\n", inputs, expected)
        if n % 50 in {7, 23, 41}
        else (program, inputs, expected)
        for n, (program, inputs, expected) in enumerate(jobs)
    ]
