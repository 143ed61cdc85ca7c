"""A task out of JSON, or the reason why it is none."""

from __future__ import annotations

from utilities.grids import check_grid
from utilities.tasks import Pair, Task

MOST_PAIRS = 254
"""Train and test together; the sandbox numbers a program's inputs with a byte."""


def task_from_json(task_id: str, content: object) -> Task | str:
    """Read `{"train": [{"input", "output"}], "test": [{"input"}]}`, every grid checked.

    A test output may be missing or null. Returns the reason, in words that follow the task's id,
    where there is no such task: `train[1].output has ragged rows (3, 4)`.
    """
    if not isinstance(content, dict):
        return f"is of type {type(content).__name__}, not an object with train and test"
    pairs: dict[str, tuple[Pair, ...]] = {}
    for part in ("train", "test"):
        found = _read_pairs(content.get(part), part)
        if isinstance(found, str):
            return found
        pairs[part] = found
    if (count := sum(map(len, pairs.values()))) > MOST_PAIRS:
        return f"has {count} pairs; at most {MOST_PAIRS} can be run at once"
    return Task(task_id, train=pairs["train"], test=pairs["test"])


def _read_pairs(values: object, part: str) -> tuple[Pair, ...] | str:
    if values is None:
        return f"has no {part}"
    if not isinstance(values, list):
        return f"has a {part} of type {type(values).__name__}, not a list of pairs"
    if not values:
        return f"has no {part} pair"
    pairs = []
    for index, value in enumerate(values):
        pair = _read_pair(value, f"{part}[{index}]", output_needed=part == "train")
        if isinstance(pair, str):
            return pair
        pairs.append(pair)
    return tuple(pairs)


def _read_pair(value: object, name: str, *, output_needed: bool) -> Pair | str:
    if not isinstance(value, dict):
        return f"{name} is of type {type(value).__name__}, not an object with input and output"
    grid_in, grid_out = value.get("input"), value.get("output")
    if grid_in is None:
        return f"{name} has no input"
    if fault := check_grid(grid_in):
        return f"{name}.input {fault}"
    if grid_out is None:
        return f"{name} has no output" if output_needed else Pair(grid_in, None)
    if fault := check_grid(grid_out):
        return f"{name}.output {fault}"
    return Pair(grid_in, grid_out)
