"""Results files of benchmarks, made by hand: small tasks, entries in the format of the scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.entries import result_entry, run_metadata, write_entries

Grid = list[list[int]]
RIGHT = "right"
WRONG, OTHER = [[9]], [[8, 8]]


def task_data(number: int, outputs: int = 1, *, known: bool = True) -> dict[str, Any]:
    """A task of its own content, with two train pairs and so many test outputs."""
    train = [{"input": [[number % 10, place]], "output": [[place]]} for place in (1, 2)]
    test = [
        {"input": [[number % 10, number // 10, place]], "output": right(number, place)}
        for place in range(outputs)
    ]
    if not known:
        test = [{"input": pair["input"]} for pair in test]
    return {"train": train, "test": test}


def right(number: int, place: int = 0) -> Grid:
    """The right answer for a test input of `task_data(number)`."""
    return [[number % 10, number // 10 % 10], [place, 7]]


def entry(
    number: int,
    samples: list[list[Grid | None] | None],
    attempts: list[list[Grid | None]],
    *,
    train_passed: list[list[bool] | None] | None = None,
    status: list[str] | None = None,
    outputs: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """An entry of task `tNN` with a list of test outputs for each sample."""
    statuses = status or ["ok" if sample else "no_code" for sample in samples]
    programs = {} if train_passed is None else {"train_passed": train_passed}
    fields = {
        "configuration_hash": "c1",
        "task_data": task_data(number, outputs),
        "reasoning": ["because" if sample else None for sample in samples],
        "python_code": ["def solve_task(grid): ..." if sample else None for sample in samples],
        "usage": [
            {"input_tokens": 100, "output_tokens": 11, "reasoning_tokens": 5} if sample else None
            for sample in samples
        ],
        "cost_usd": [0.25 if sample else None for sample in samples],
        "latency_s": [1.5 if sample else None for sample in samples],
        **programs,
        "test_outputs": samples,
        "attempts": attempts,
        **more,
    }
    return result_entry(f"t{number:02}", status=statuses, **fields)


def metadata(task_ids: list[str], **more: Any) -> dict[str, Any]:
    """The metadata of a run that named these tasks."""
    fields = {
        "started_at": "2026-01-01T00:00:00+00:00",
        "configuration": {"model_identifier": "MODEL", "best_of": 3},
        "configuration_hash": "c1",
        "dataset": "data/set.json",
        "dataset_hash": "d1",
        "skipped_tasks": {},
        "solved_task_ids": [],
        "unsolved_task_ids": task_ids,
        "unscored_task_ids": [],
        "failed_task_ids": [],
        **more,
    }
    return run_metadata(**fields)


def write(path: Path, entries: list[dict[str, Any]]) -> Path:
    return write_entries(path, *entries)
