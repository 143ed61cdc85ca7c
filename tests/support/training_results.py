"""A small results file of hand-made programs, some of them right, as generators write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.entries import result_entry, run_metadata, write_entries
from utilities.tasks.public_sets import read_part
from utilities.tasks.symmetries import SYMMETRIES, changed_task
from utilities.tasks.task import Task

Grid = list[list[int]]
RIGHT = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
RIGHT_LAID_OUT = (
    'def solve_task(grid):\n    """Mirror."""\n    # a\n    return [row[::-1] for row in grid]'
)
RIGHT_OTHERWISE = (
    "def solve_task(grid):\n"
    "    def one(row):\n"
    "        return solve_task([row])[0] if False else list(reversed(row))\n"
    "    return [one(row) for row in grid]\n"
)
RIGHT_BY_ANOTHER_NAME = (
    "import numpy as np\ndef transform(grid):\n    return np.fliplr(np.array(grid))\n"
)
TRAIN_ONLY = (
    "def solve_task(grid):\n    return [r[::-1] for r in grid] if len(grid) < 4 else grid[::-1]\n"
)
WRONG = "def solve_task(grid):\n    return grid[::-1]\n"
IDENTITY = "def solve_task(grid):\n    return grid\n"
CRASHES = "def solve_task(grid):\n    return grid[99]\n"
INPUTS: list[Grid] = [
    [[1, 2, 3], [4, 5, 6]],
    [[7, 0, 0], [0, 8, 0], [0, 0, 9]],
    [[2, 2, 0, 1], [3, 0, 0, 3]],
    [[5, 0, 1], [0, 5, 2], [6, 0, 5], [1, 1, 4]],
]
_TABLE = [(grid, [row[::-1] for row in grid]) for grid in INPUTS]
HARDCODED = (
    f"TABLE = {{str(i): o for i, o in {_TABLE}}}\n"
    "def solve_task(grid):\n    return TABLE[str(grid)]\n"
)
PROMPT = [{"role": "system", "content": "Between <reasoning> and </reasoning>."},
          {"role": "user", "content": "Find the rule."}]  # fmt: skip


def mirror_task(add: int = 0) -> dict[str, Any]:
    """Three train pairs and a test pair, mirrored; `add` makes it another task."""
    grids = [[[*row, add] for row in grid] for grid in INPUTS] if add else INPUTS
    pairs = [{"input": grid, "output": [row[::-1] for row in grid]} for grid in grids]
    return {"train": pairs[:3], "test": pairs[3:]}


def entry(
    task_id: str, task: dict[str, Any], codes: list[str | None], **more: Any
) -> dict[str, Any]:
    """A generator's entry: nobody has judged its programs."""
    fields = {
        "run_id": "run-1",
        "model": "maker:model",
        "task_data": task,
        "status": ["ok" if code else "no_code" for code in codes],
        "prompt_messages": [PROMPT for _ in codes],
        "reasoning": [f"Reasoning {number} of {task_id}." for number, _ in enumerate(codes)],
        "python_code": codes,
    }
    return result_entry(task_id, **(fields | more))


METADATA = run_metadata(
    run_id="run-1",
    script="code_data",
    configuration={"prompt_hash": "hash-of-the-prompt"},
    dataset_hash="hash-of-the-dataset",
)


def write(path: Path, *entries: dict[str, Any]) -> Path:
    """A results file with its metadata."""
    return write_entries(path, *entries, METADATA)


def evaluation_task() -> dict[str, Any]:
    """`070dd51e` of ARC-1 evaluation, turned and recoloured."""
    colours = (3, 1, 4, 5, 9, 2, 6, 8, 7, 0)
    task = Task.from_json("", read_part("arc1_evaluation")["070dd51e"])
    return changed_task(task, SYMMETRIES[5], colours).to_json()
