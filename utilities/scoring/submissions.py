"""A run's attempts in the formats of others: Kaggle's file, and the harness of ARC Prize.

The latter (github.com/arcprize/arc-agi-benchmarking, `schemas.py` and `scoring/scoring.py`) reads a
folder with `TASK_ID.json` for each task: a list with one object a test input, of `attempt_1`,
`attempt_2`, each null or `{"answer", "correct", "metadata"}`. Its scorer adds cost, tokens and time
up over attempts, so what a task's samples cost together is spread over its attempts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from utilities.command_line.terminal import printable, show
from utilities.errors import UsageError
from utilities.files.atomic import LONGEST_NAME_BYTES, write_atomically
from utilities.results.result_entry import ResultEntry
from utilities.scoring.options import SubmissionFiles
from utilities.scoring.outcomes import ATTEMPTS, attempts_of, score_attempts
from utilities.scoring.scored_run import ScoredRun, counted_entries, file_names
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.task import Grid, Pair, Task

_NO_PART_OF_A_NAME = re.compile(r"[/%\x00-\x1f\x7f\ud800-\udfff]")
PLACEHOLDER: Grid = [[0, 0], [0, 0]]
"""What stands for an attempt that there is not; Kaggle's own sample file has it."""


def kaggle_attempts(entry: ResultEntry | None, task: Task) -> list[dict[str, Grid]]:
    """`{"attempt_1": grid, "attempt_2": grid}` for each test input, in the task's order.

    Whatever is missing, the entry itself included, is PLACEHOLDER.
    """
    attempts = [] if entry is None else attempts_of(entry, task)
    return [
        {f"attempt_{number + 1}": _at(tried, number) or PLACEHOLDER for number in range(ATTEMPTS)}
        for tried in _padded(attempts, len(task.test))
    ]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an attempt's metadata tells of its run."""

    name: str
    started_at: datetime
    configuration: Mapping[str, Any]


def harness_task(entry: ResultEntry | None, task: Task, run: RunFacts) -> list[dict[str, Any]]:
    """A task's file for the harness; null stands for the attempts of a task without an entry.

    An attempt that gave no grid has the answer `[]`. An unknown cost is 0 there, since the format
    has no word for it; `metadata.kwargs.cost_is_known` tells.
    """
    if entry is None:
        return [dict.fromkeys(("attempt_1", "attempt_2")) for _ in task.test]
    attempts = _padded(attempts_of(entry, task), len(task.test))
    width = max(ATTEMPTS, *map(len, attempts))
    parts = len(attempts) * width
    solved = [
        score_attempts([[_at(tried, number)] for tried in attempts], [p.output for p in task.test])
        for number in range(width)
    ]
    written: list[dict[str, Any]] = [{} for _ in attempts]
    for place, number in product(range(len(attempts)), range(width)):
        answer = _at(attempts[place], number)
        written[place][f"attempt_{number + 1}"] = {
            "answer": answer or [],
            "correct": solved[number][place],
            "metadata": {
                "task_id": task.task_id,
                "pair_index": place,
                "test_id": run.name,
                **_model(entry),
                **_choices(entry, place, answer),
                **_shares(entry, run, place * width + number, parts),
            },
        }
    return written


def _model(entry: ResultEntry) -> dict[str, str]:
    model = entry.model or entry.model_name
    provider, _, name = model.rpartition(":")
    return {"model": name, "provider": provider or model}


def _choices(entry: ResultEntry, place: int, answer: Grid | None) -> dict[str, Any]:
    """The first sample with this answer: its program or its reasoning as what the model said."""
    outputs = entry.test_outputs or []
    index = next(
        (i for i, out in enumerate(outputs) if out and answer and _at(out, place) == answer), None
    )
    code = None if index is None else entry.python_code[index]
    reasoning = None if index is None else entry.reasoning[index]
    message = {"role": "assistant", "content": code or reasoning or ""}
    return {"choices": [{"index": 0, "message": message}], "reasoning_summary": reasoning}


def _shares(entry: ResultEntry, run: RunFacts, part: int, parts: int) -> dict[str, Any]:
    """Usage, cost and time of a task, the part of one attempt; the parts add up to the whole."""

    def tokens(name: str) -> int:
        total = entry.total_tokens(name)
        return int(total * (part + 1) // parts - total * part // parts)

    share = entry.known_cost_usd / parts
    latency_s = entry.total_latency_s / parts
    prompt, completion = tokens("input_tokens"), tokens("output_tokens")
    return {
        "start_timestamp": run.started_at.isoformat(),
        "end_timestamp": (run.started_at + timedelta(seconds=latency_s)).isoformat(),
        "kwargs": {
            **run.configuration,
            "samples": entry.samples,
            "statuses": entry.status,
            "cost_is_known": not entry.unpriced,
            "shares_of_one_task": parts,
        },
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "completion_tokens_details": {
                "reasoning_tokens": tokens("reasoning_tokens"),
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        # Only the whole is known of a cost: it stands where the larger part belongs.
        "cost": {"prompt_cost": 0.0, "completion_cost": share, "total_cost": share},
    }


def run_start(text: object) -> datetime:
    """A metadata entry's `started_at`; the epoch if that is no time."""
    with suppress(ValueError):
        if isinstance(text, str):
            return datetime.fromisoformat(text)
    return datetime.fromtimestamp(0, UTC)


def _padded(attempts: Sequence[Sequence[Grid | None]], count: int) -> list[Sequence[Grid | None]]:
    return [*attempts, *[()] * count][:count]


def _at(values: Sequence[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def write_submissions(options: SubmissionFiles, runs: Sequence[ScoredRun]) -> Iterator[Path]:
    """Write what was asked for and yield the paths; several runs have a file or folder each.

    Raises UsageError if something cannot be written, or a folder holds other files.
    """
    names = file_names(runs)
    if options.submission_directory is not None:
        for run in runs:
            _task_files(run)  # refuses before anything is written
    for run, name in zip(runs, names, strict=True):
        if (file := options.submission) is not None:
            path = file if len(runs) == 1 else file.with_name(f"{file.stem}_{name}{file.suffix}")
            _write_kaggle(run, path)
            yield path
        if (folder := options.submission_directory) is not None:
            path = folder if len(runs) == 1 else folder / name
            _write_folder(run, path)
            yield path


def print_submissions(options: SubmissionFiles, results: Path, run_ids: Sequence[str]) -> None:
    """Write what was asked for of runs that have just ended, and print the paths.

    They are read back from the results file, so that nothing can disagree with it. Raises
    UsageError as write_submissions does.
    """
    if options.submission is None and options.submission_directory is None:
        return
    runs = [run for run_id in run_ids for run in read_scored_runs([results], run_id=run_id)]
    for path in write_submissions(options, runs):
        show(f"  submission {path}")


def _write_kaggle(run: ScoredRun, path: Path) -> None:
    submission = {task.task_id: kaggle_attempts(entry, task) for task, entry in _tasks(run)}
    write_atomically(path, orjson.dumps(submission) + b"\n", option="--submission")


def _write_folder(run: ScoredRun, folder: Path) -> None:
    facts = RunFacts(run.name, run_start(run.started_at), run.configuration)
    names = _task_files(run)
    others = sorted({path.name for path in folder.glob("*.json")} - set(names.values()))
    if others:  # the scorer would count them as tasks of this run
        raise UsageError(
            f"--submission_directory {folder} holds {others[0]}, which is no task of this run; "
            "give an empty folder"
        )
    for task, entry in _tasks(run):
        content = orjson.dumps(harness_task(entry, task, facts))
        path = folder / names[task.task_id]
        write_atomically(path, content + b"\n", option="--submission_directory")


def _task_files(run: ScoredRun) -> dict[str, str]:
    """The name of each task's file; raises UsageError for a task whose name is too long for one."""
    return {task_id: _task_file(task_id) for task_id in run.outcomes}


def _task_file(task_id: str) -> str:
    """A task's id in a form that is a file's name everywhere: all but plain ASCII as `%E8`.

    If that is too long, only what no name may hold is written so: no other task has this name,
    since the first form has no such letters.
    """
    plain = _NO_PART_OF_A_NAME.sub(lambda found: _quoted(found[0]), task_id)
    for name in (f"{_quoted(task_id)}.json", f"{plain}.json"):
        if len(name.encode()) <= LONGEST_NAME_BYTES:
            return name
    raise UsageError(
        f"--submission_directory: task {printable(task_id, 40)}: its id is too long for a file's "
        "name; leave the task out of the run, or write --submission alone"
    )


def _quoted(text: str) -> str:
    return quote(text, safe=" ", errors="surrogatepass")


def _tasks(run: ScoredRun) -> Iterator[tuple[Task, ResultEntry | None]]:
    """Every task of the run, with the entry that counts for it; None for the missing ones."""
    for _, task, entry in counted_entries(run):
        yield task, entry
    for task_id, outcome in run.outcomes.items():
        if outcome.missing:
            unseen = (Pair([[0]], None),) * len(outcome.outputs_solved)
            yield Task(task_id, (), unseen), None
