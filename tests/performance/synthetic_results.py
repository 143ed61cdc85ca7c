"""Results files as large as one likes, of real programs with true verdicts, the same each time.

.venv/bin/python -m tests.performance.synthetic_results --entries 1000 --output RESULTS.jsonl \
--fresh_pairs FOLDER
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from utilities.files.json_lines import encode_line
from utilities.tasks.task import Grid, Pair, Task

PROGRAMS = (
    "def solve_task(grid):\n    return [row[::-1] for row in grid]\n",
    "def solve_task(grid):\n    return grid[::-1]\n",
    "def solve_task(grid):\n    return [list(column) for column in zip(*grid)]\n",
    "def solve_task(grid):\n    return [[9 - cell for cell in row] for row in grid]\n",
    "def solve_task(grid):\n    return [row + row for row in grid]\n",
    "def solve_task(grid):\n    return grid + grid[::-1]\n",
    "def solve_task(grid):\n    return [[cell or grid[0][0] for cell in row] for row in grid]\n",
    "def solve_task(grid):\n    return [row[1:] + row[:1] for row in grid]\n",
    "def solve_task(grid):\n    return grid[1:] + grid[:1]\n",
    "def solve_task(grid):\n    return grid\n",
)
WORDS = ("each", "cell", "that", "touches", "a", "larger", "region", "takes", "its", "colour")
Entry = dict[str, Any]


def compiled(program: str) -> Callable[[Grid], Grid]:
    """The function that a program defines."""
    names: dict[str, Any] = {}
    exec(program, names)
    function: Callable[[Grid], Grid] = names["solve_task"]
    return function


FUNCTIONS = [compiled(program) for program in PROGRAMS]


def random_grid(chance: random.Random) -> Grid:
    """A grid of 3-15 rows and columns."""
    rows, columns = chance.randint(3, 15), chance.randint(3, 15)
    return [chance.choices(range(10), k=columns) for _ in range(rows)]


def synthetic_task(number: int, chance: random.Random) -> tuple[Task, int]:
    """A task that one of PROGRAMS solves, and which one."""
    program = chance.randrange(len(PROGRAMS) - 1)
    inputs = [random_grid(chance) for _ in range(4)]
    pairs = tuple(Pair(grid, FUNCTIONS[program](grid)) for grid in inputs)
    return Task(f"{number:08x}", train=pairs[:3], test=pairs[3:]), program


def synthetic_entries(
    count: int, *, samples: int = 4, seed: int = 0, reasoning_words: int = 300
) -> Iterator[Entry]:
    """`count` entries as `verify_generated_code.py` writes them, then the run's metadata."""
    chance = random.Random(seed)
    for number in range(count):
        yield synthetic_entry(number, samples, chance, reasoning_words)
    yield {
        "entry_type": "metadata",
        "schema_version": 1,
        "run_id": "20261101T000000Z-000000",
        "status": "completed",
        "script": "code_data",
        "duration_s": count * 1.5,
        "model_identifier": "SYNTHETIC",
        "model": "synthetic:model",
        "configuration": {"best_of": samples},
        "configuration_hash": "0" * 32,
        "counts": {"tasks": count},
    }


def synthetic_entry(
    number: int, samples: int, chance: random.Random, reasoning_words: int
) -> Entry:
    """One entry: about half of its samples are right, a tenth have no reply."""
    task, right = synthetic_task(number, chance)
    chosen = [
        None if draw < 0.1 else right if draw < 0.5 else chance.randrange(len(PROGRAMS))
        for draw in (chance.random() for _ in range(samples))
    ]
    return {
        "entry_type": "result",
        "schema_version": 1,
        "run_id": "20261101T000000Z-000000",
        "entry_key": f"{number:032x}",
        "configuration_hash": "0" * 32,
        "task_id": task.task_id,
        "task_data": task.to_json(),
        "model_identifier": "SYNTHETIC",
        "model": "synthetic:model",
        "solved": any(one is not None for one in chosen),
        "complete": None not in chosen,
        "prompt_messages": [[{"role": "user", "content": "Find the rule."}]] * samples,
        **reply_fields(chosen, chance, reasoning_words),
        **verdict_fields(chosen, task),
    }


def reply_fields(chosen: list[int | None], chance: random.Random, words: int) -> Entry:
    """What the replies brought, one item a sample."""
    usage = {"input_tokens": 2000, "output_tokens": 900, "reasoning_tokens": 500}
    usage |= {"cached_input_tokens": 0, "cache_write_tokens": 0}
    text = [" ".join(chance.choices(WORDS, k=words)) for _ in chosen]
    asked = [one is not None for one in chosen]
    return {
        "reasoning": [one if ok else None for one, ok in zip(text, asked, strict=True)],
        "python_code": [None if one is None else PROGRAMS[one] for one in chosen],
        "status": ["ok" if ok else "timed_out" for ok in asked],
        "error": [None if ok else "no reply within 600 s" for ok in asked],
        "finish_reason": ["stop" if ok else None for ok in asked],
        "usage": [usage if ok else None for ok in asked],
        "cost_usd": [0.01 if ok else None for ok in asked],
        "latency_s": [round(chance.uniform(1, 60), 3) if ok else None for ok in asked],
        "request_attempts": [1 if ok else 5 for ok in asked],
    }


def verdict_fields(chosen: list[int | None], task: Task) -> Entry:
    """What running the programs gives, one item a sample."""
    outputs = [
        None if one is None else [FUNCTIONS[one](pair.input) for pair in (*task.train, *task.test)]
        for one in chosen
    ]
    wanted = [pair.output for pair in (*task.train, *task.test)]
    passed = [
        grids and [grid == output for grid, output in zip(grids, wanted, strict=True)]
        for grids in outputs
    ]
    split = len(task.train)
    return {
        "execution_status": [grids and "ok" for grids in outputs],
        "execution_message": [None] * len(chosen),
        "execution_duration_s": [grids and 0.001 for grids in outputs],
        "train_passed": [one and one[:split] for one in passed],
        "test_passed": [one and one[split:] for one in passed],
        "train_outputs": [grids and grids[:split] for grids in outputs],
        "test_outputs": [grids and grids[split:] for grids in outputs],
        "entry_point": [grids and "solve_task" for grids in outputs],
        "uses_numpy_without_import": [grids and False for grids in outputs],
        "deterministic": [True if one and all(one[:split]) else None for one in passed],
        "hardcoded": [False if one and all(one[:split]) else None for one in passed],
    }


def write_synthetic_results(path: Path, count: int, *, samples: int = 4) -> None:
    """Write `count` entries and the metadata as JSON Lines."""
    with path.open("wb") as file:
        for entry in synthetic_entries(count, samples=samples):
            file.write(encode_line(entry))


def write_fresh_pairs(results: Path, folder: Path, *, pairs: int = 20) -> None:
    """Write further pairs of each task's rule, as files that `--fresh_pairs` reads."""
    chance = random.Random(1)
    folder.mkdir()
    with results.open("rb") as lines:
        entries = map(orjson.loads, lines)
        for entry in (entry for entry in entries if entry["entry_type"] == "result"):
            task = Task.from_json(entry["task_id"], entry["task_data"])
            right = next(
                function
                for function in FUNCTIONS
                if all(function(pair.input) == pair.output for pair in task.pairs)
            )
            grids = [random_grid(chance) for _ in range(pairs)]
            fresh = [{"input": grid, "output": right(grid)} for grid in grids]
            (folder / f"{task.task_id}.json").write_bytes(orjson.dumps(fresh))


def main() -> None:
    """Write a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--fresh_pairs", type=Path, help="a folder for fresh pairs, 20 a task")
    options = parser.parse_args()
    write_synthetic_results(options.output, options.entries, samples=options.samples)
    if options.fresh_pairs is not None:
        write_fresh_pairs(options.output, options.fresh_pairs)


if __name__ == "__main__":
    main()
