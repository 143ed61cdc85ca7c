"""The results file of several runs as one."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from utilities.files.atomic import replacing
from utilities.files.hashing import hash_of
from utilities.files.json_lines import encode_line
from utilities.results.provenance import new_run_id, run_metadata
from utilities.results.result_entry import SCHEMA_VERSION, ResultEntry
from utilities.scoring.combined_runs import Combination
from utilities.scoring.outcomes import ATTEMPTS
from utilities.scoring.run_score import attempt_fields


def write(combination: Combination, path: Path, spool: sqlite3.Connection, dataset: str) -> None:
    """Write every task's attempts as the results file of one run; raises UsageError.

    An entry has the samples of all runs, one run's after the other's, so that cost, tokens and
    oracle are those of all. `combined_from` says of each sample which run it is of, and
    `combined_files` of the metadata where that run's results are, seen from this file.
    """
    started_at = datetime.now(UTC)
    about = _about(combination, new_run_id(started_at), dataset)
    named: dict[str, list[str]] = {"solved": [], "unsolved": [], "unscored": []}
    with replacing(path) as file:
        for task_id, parts in _entries(combination, spool):
            entry = about | _entry(combination, task_id, parts)
            solved = {True: "solved", False: "unsolved", None: "unscored"}[entry["solved"]]
            named[solved].append(task_id)
            file.write(encode_line(entry))
        left = {
            one: count for one, count in combination.outputs.items() if one not in combination.tasks
        }
        fields = {
            **about,
            **{f"{name}_task_ids": ids for name, ids in named.items()},
            "combined_files": {
                one.name: [os.path.relpath(file, path.parent) for file in one.run.paths]
                for one in combination.members
            },
            "missing_tasks": left,
            "missing_unscored_task_ids": [one for one in left if not combination.is_scored(one)],
        }
        told = run_metadata("combine_runs.py", "completed", started_at, fields)
        file.write(encode_line(told))


def _about(combination: Combination, run_id: str, dataset: str) -> dict[str, Any]:
    """What every entry says of the run."""
    models = " + ".join(dict.fromkeys(one.run.model_identifier for one in combination.members))
    configuration = {
        "combined": [one.run.name for one in combination.members],
        "weights": [round(one.weight, 6) for one in combination.members],
        "attempts": ATTEMPTS,
        "dataset": dataset,
    }
    return {
        "run_id": run_id,
        "configuration": configuration,
        "configuration_hash": hash_of(configuration),
        "model_identifier": models,
        "model": models,
        "dataset": dataset,
    }


def _entries(
    combination: Combination, spool: sqlite3.Connection
) -> Iterator[tuple[str, Mapping[int, ResultEntry]]]:
    """Each task with the entries of the runs that answered it."""
    decode = msgspec.json.Decoder(ResultEntry).decode
    for task_id in combination.tasks:
        rows = spool.execute(
            "SELECT run, content FROM entries WHERE task = ? ORDER BY run", (task_id,)
        )
        yield task_id, {number: decode(content) for number, content in rows}


def _entry(
    combination: Combination, task_id: str, parts: Mapping[int, ResultEntry]
) -> dict[str, Any]:
    task, choices = combination.tasks[task_id], combination.choices(task_id)
    grids = [[one.output for one in tried] + [None] * (ATTEMPTS - len(tried)) for tried in choices]
    lists = _joined(list(parts.values()))
    return {
        "entry_type": "result",
        "schema_version": SCHEMA_VERSION,
        "task_id": task_id,
        "task_data": task.to_json(),
        "complete": True,
        **lists,
        "combined_from": [
            combination.members[number].name for number, part in parts.items() for _ in part.status
        ],
        **attempt_fields(task, grids),
        "attempt_runs": [
            [[combination.members[run].name for run in one.runs] for one in tried]
            for tried in choices
        ],
    }


def _joined(parts: Sequence[ResultEntry]) -> dict[str, list[Any]]:
    """The samples of several entries as those of one; what none of them has is left out."""
    joined: dict[str, list[Any]] = {}
    for name in ResultEntry.SAMPLE_LISTS:
        lists = [getattr(part, name) for part in parts]
        if any(values is not None and any(one is not None for one in values) for values in lists):
            joined[name] = [
                one
                for part, values in zip(parts, lists, strict=True)
                for one in (values if values is not None else [None] * part.samples)
            ]
    if parents := joined.get("parent_samples"):
        starts = [start for start, part in _starts(parts) for _ in range(part.samples)]
        joined["parent_samples"] = [
            one and [start + parent for parent in one]
            for start, one in zip(starts, parents, strict=True)
        ]
    return joined


def _starts(parts: Sequence[ResultEntry]) -> Iterator[tuple[int, ResultEntry]]:
    """Each entry with the number of samples before its own."""
    before = 0
    for part in parts:
        yield before, part
        before += part.samples
