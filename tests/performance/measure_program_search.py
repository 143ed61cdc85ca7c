"""Measures the program search on ARC-1 training, its development set.

    .venv/bin/python -m tests.performance.measure_program_search
    .venv/bin/python -m tests.performance.measure_program_search --tasks 0:100 --budget 40000000
    .venv/bin/python -m tests.performance.measure_program_search --left_out
    .venv/bin/python -m tests.performance.measure_program_search --train_only
    .venv/bin/python -m tests.performance.measure_program_search --fresh_pairs DIR

Each emitted program is run in a clean namespace and compared with the outputs claimed for it.
With --left_out every train pair in turn is the test, and the search gets only the task's others.
Then the figures for the confidences do not rest on the pairs that the programs were fitted to.
With --fresh_pairs the first program of each task runs on up to 50 fresh pairs of the task's rule
(a folder or zip archive that ARC-GEN or RE-ARC wrote, a file of pairs for each task), and a table
tells by verdict how many hold, that is, are right on at least 95 % of 20 pairs or more.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.support.scripts import arc1_training
from utilities.scoring.intervals import score_interval
from utilities.tasks.task import Pair, Task
from utilities.verification.fresh_pairs import FEWEST_PAIRS, FreshPairs

HOLDING_SHARE = 0.95
"""A program holds if it is right on at least this share of the fresh pairs."""


class Result(NamedTuple):
    """What the search made of one task.

    `right` has for each solution a flag for each test output, `confidence` what was stated,
    `search` which of the two searches made it, and `evidence` the kind of what speaks for it.
    """

    task_id: str
    cpu_s: float
    right: list[list[bool]]
    confidence: list[float]
    found: bool
    mismatches: int
    search: list[str]
    evidence: list[str]
    fresh: tuple[int, int] = (0, 0)
    """How many fresh pairs the first program is right on, and how many there are."""

    def is_solved(self, attempts: int) -> bool:
        """Whether one of the first solutions is right on every test output."""
        return any(map(all, self.right[:attempts]))

    def outputs_right(self, attempts: int) -> int:
        """The test outputs that one of the first solutions gives."""
        return sum(map(any, zip(*self.right[:attempts], strict=True)))


def left_out_tasks(tasks: list[Task]) -> list[Task]:
    """For each train pair of the tasks (three at least) the others, with that pair as the test."""
    return [
        Task(
            f"{task.task_id} without pair {number + 1}",
            (*task.train[:number], *task.train[number + 1 :]),
            (task.train[number],),
        )
        for task in tasks
        if len(task.train) > 2
        for number in range(len(task.train))
    ]


class Job(NamedTuple):
    """A task, how to search, and the fresh pairs to run its first program on."""

    task: Task
    best_of: int
    budget: int
    train_only: bool = False
    fresh: tuple[Pair, ...] = ()


def outputs_of(code: str, pairs: Sequence[Pair]) -> tuple[Any, ...]:
    """What the program gives for the pairs' inputs; nothing if it fails."""
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    try:
        return tuple(namespace["solve_task"](pair.input) for pair in pairs)
    except Exception:  # noqa: BLE001 - a program may fail in any way
        return ()


def right_on(code: str, pair: Pair) -> bool:
    """Whether the program gives the pair's output; a program that fails does not."""
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    try:
        return bool(namespace["solve_task"](pair.input) == pair.output)
    except Exception:  # noqa: BLE001 - a program may fail in any way
        return False


def measure(job: Job) -> Result:
    """Solve one task without its test outputs, then compare."""
    from agents.program_search.solving import solve

    task, best_of, budget, train_only, fresh = job
    given = Task(task.task_id, task.train, ()) if train_only else task.without_test_outputs()
    start = time.process_time()
    solutions = solve(given, best_of=best_of, search_budget=budget)
    cpu_s = time.process_time() - start
    mismatches = 0
    for solution in solutions:
        mismatches += outputs_of(solution.python_code, (*given.train, *given.test)) != (
            solution.outputs
        )
    right = [[right_on(one.python_code, pair) for pair in task.test] for one in solutions]
    found = bool(solutions) and solutions[0].kind == "found"
    confidences = [one.confidence or 0.0 for one in solutions]
    held = sum(right_on(solutions[0].python_code, pair) for pair in fresh) if solutions else 0
    passed = held, len(fresh) if solutions else 0
    searches = [one.search for one in solutions]
    kinds = [
        one.evidence.kind() if given.test else one.evidence.kind_of_program() for one in solutions
    ]
    return Result(
        task.task_id, cpu_s, right, confidences, found, mismatches, searches, kinds, passed
    )


def main() -> None:
    """Measure with two worker processes and print the figures."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    from utilities.config import DEFAULT_SEARCH_BUDGET

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", default=":", help="a slice of the 400 tasks, such as 0:100")
    parser.add_argument("--budget", type=int, default=DEFAULT_SEARCH_BUDGET)
    parser.add_argument("--best_of", type=int, default=2)
    parser.add_argument(
        "--left_out", action="store_true", help="train pairs left out in turn as the test"
    )
    parser.add_argument(
        "--fresh_pairs", type=Path, metavar="DIR", help="a folder or zip archive of fresh pairs"
    )
    parser.add_argument(
        "--train_only", action="store_true", help="without test inputs, as scripts search for data"
    )
    parser.add_argument("--save", type=Path, help="where to write the results as JSON")
    options = parser.parse_args()
    first, last = (int(part) if part else None for part in options.tasks.split(":"))
    contents = list(arc1_training().items())[first:last]
    tasks = [Task.from_json(name, content) for name, content in contents]
    tasks = left_out_tasks(tasks) if options.left_out else tasks
    fresh = FreshPairs(options.fresh_pairs) if options.fresh_pairs else None
    jobs = [
        Job(
            task,
            options.best_of,
            options.budget,
            options.train_only,
            fresh.of(task.task_id) if fresh else (),
        )
        for task in tasks
    ]
    with Pool(2) as pool:
        results = list(pool.imap_unordered(measure, jobs, chunksize=1))
    if options.save:
        options.save.write_text(json.dumps([one._asdict() for one in sorted(results)]))
    print_figures(results)
    print_calibration(results)
    if fresh:
        print_truth(results)


def print_figures(results: list[Result]) -> None:
    """Solved tasks, claims, CPU seconds and mismatches."""
    cpu = sorted(one.cpu_s for one in results)
    claims = [one for one in results if one.found]
    print(f"tasks {len(results)}, answered {sum(bool(one.right) for one in results)}")
    for attempts in (1, 2):
        solved = sum(one.is_solved(attempts) for one in results)
        outputs = sum(one.outputs_right(attempts) for one in results)
        print(f"@{attempts}: {solved} tasks solved, {outputs} test outputs right")
    for search in ("rules", "stacking"):
        firsts = [one for one in results if search in one.search]
        flags = [one.right[one.search.index(search)] for one in firsts]
        print(f"first answer of {search}: {sum(map(sum, flags))} test outputs right")
    print(f"found: right {sum(all(one.right[0]) for one in claims)} of {len(claims)} claimed")
    print(f"CPU s: median {median(cpu):.2f}, ", end="")
    print(f"p95 {cpu[int(0.95 * len(cpu))]:.2f}, max {cpu[-1]:.2f}")
    print(
        f"programs that do not give their claimed outputs: {sum(one.mismatches for one in results)}"
    )


def print_calibration(results: list[Result]) -> None:
    """For each kind of evidence: the confidence stated, and the share of answers that was right."""
    answers = [
        (-stated, kind, all(right))
        for one in results
        for stated, kind, right in zip(one.confidence, one.evidence, one.right, strict=True)
    ]
    print("| confidence stated | evidence | right | 95 % interval |\n|---|---|---|---|")
    for stated, kind in sorted({one[:2] for one in answers}):
        right = [flag for *evidence, flag in answers if evidence == [stated, kind]]
        low, high = score_interval(sum(right), len(right))
        count = f"{sum(right)} of {len(right)} ({100 * sum(right) / len(right):.0f} %)"
        print(f"| {-stated:.2f} | {kind} | {count} | {100 * low:.0f} – {100 * high:.0f} % |")


def print_truth(results: list[Result]) -> None:
    """By verdict, how many first programs hold on fresh pairs."""
    ran = [one for one in results if one.fresh[1] >= FEWEST_PAIRS]
    rows = {
        "found": [one for one in ran if one.found],
        "guess": [one for one in ran if not one.found],
        "right on the test": [one for one in ran if all(one.right[0])],
    }
    print(
        "| first programs | number | hold on 95 % of the fresh pairs | names of those that do not |"
    )
    print("|---|---|---|---|")
    for name, those in rows.items():
        fails = [one.task_id for one in those if one.fresh[0] < HOLDING_SHARE * one.fresh[1]]
        shown = " ".join(fails) if name == "found" else ""
        print(f"| {name} | {len(those)} | {len(those) - len(fails)} | {shown} |")


if __name__ == "__main__":
    main()
