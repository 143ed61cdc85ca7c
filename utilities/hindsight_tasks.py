"""New tasks out of what programs give for a task's inputs, and which of them are worth solving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utilities.grids import content_hash
from utilities.tasks import Grid, Pair, Task

SYNTHETIC = "synthetic:"
MIN_INPUTS = 3
"""A rule that is to be found from pairs needs two to see it and one to try it on."""
_SMALLEST_MEAN_CELLS = 2


def misses(task: Task, outputs: Sequence[Grid | None]) -> bool:
    """Whether outputs, train pairs first, are others than those of the task that are known."""
    return any(_misses(pair, out) for pair, out in zip(_pairs(task), outputs, strict=True))


def relabelled_task(task: Task, outputs: Sequence[Grid]) -> Task:
    """The task with these outputs, train pairs first, under the name `synthetic:<hash>`.

    Where all train outputs are as they were, the new rule shows in test pairs only, and the train
    pairs would call for the old one. The first test pair that differs then changes places with
    the last train pair.
    """
    pairs = [Pair(pair.input, out) for pair, out in zip(_pairs(task), outputs, strict=True)]
    train, test = pairs[: len(task.train)], pairs[len(task.train) :]
    if not any(_misses(old, new.output) for old, new in zip(task.train, train, strict=True)):
        place = next(
            place
            for place, (old, new) in enumerate(zip(task.test, test, strict=True))
            if _misses(old, new.output)
        )
        train[-1], test[place] = test[place], train[-1]
    made = replace(task, train=tuple(train), test=tuple(test))
    return replace(made, task_id=f"{SYNTHETIC}{content_hash(made)[:16]}")


def fault_of(task: Task) -> str | None:
    """Why a task is not worth solving; None where it is."""
    pairs = [(pair.input, pair.output or []) for pair in _pairs(task)]
    outputs = [output for _, output in pairs]
    cells = [sum(map(len, output)) for output in outputs]
    inputs = [str(before) for before, _ in pairs]
    faults = {
        f"fewer than {MIN_INPUTS} different inputs": len(set(inputs)) < MIN_INPUTS,
        "identity": 2 * sum(before == after for before, after in pairs) >= len(pairs),
        "constant: every output is of one colour": all(map(_is_plain, outputs)),
        "constant: every output is the same": len(set(map(str, outputs))) == 1,
        "outputs too small": sum(cells) < _SMALLEST_MEAN_CELLS * len(cells),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _pairs(task: Task) -> tuple[Pair, ...]:
    return (*task.train, *task.test)


def _misses(pair: Pair, output: Grid | None) -> bool:
    """Whether an output is another than the one wanted; an unknown one is not missed."""
    return pair.output is not None and output != pair.output


def _is_plain(grid: Grid) -> bool:
    return len({cell for row in grid for cell in row}) == 1
