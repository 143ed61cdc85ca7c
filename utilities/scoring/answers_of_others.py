"""Reads answers of others as entries: Kaggle's submission, and folders of ARC Prize's harness.

Both hold answers alone, so the tasks must be at hand. `submissions.py` tells the formats, and
writes them. An answer may be a text with a grid in it (`utilities/tasks/harness_answers.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from utilities.errors import UsageError
from utilities.files.json_files import refuse_what_is_no_file, reported_reading
from utilities.results.program_tables import is_program_table, program_entries
from utilities.results.reader import Entry, entry_of_fields, read_entries
from utilities.results.result_entry import ResultEntry
from utilities.scoring.outcomes import LEFT_OUT
from utilities.tasks.harness_answers import grid_of_answer
from utilities.tasks.task import Grid, Task

CHOSEN = "attempts_are_chosen"
"""In the configuration: the samples are attempts that were chosen to differ, as Kaggle's are."""
_ATTEMPT = "attempt_"
_KEY = rb'\s*"(?:[^"\\]|\\.)*"\s*:\s*'
_NOTHING = rb"(?:null|\[\s*(?:(?:null|\{\s*\})\s*,?\s*)*\])\s*"
_SUBMISSION = re.compile(
    rb"\s*\{(?:" + _KEY + _NOTHING + rb",)*" + _KEY + rb'\[\s*(?:null\s*,\s*)*\{\s*"attempt_'
)
"""A file that begins so is Kaggle's; tasks without an answer may come first."""
_Form = TypeVar("_Form")
_Count = int | None
_Text = str | None


class _Reasoning(msgspec.Struct):
    reasoning_tokens: _Count = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    completion_tokens_details: _Reasoning | None = None


class _Cost(msgspec.Struct):
    total_cost: float | None = None


class _Metadata(msgspec.Struct):
    """What the harness tells of an attempt; any part may be missing."""

    model: _Text = None
    provider: _Text = None
    test_id: _Text = None
    pair_index: _Count = None
    start_timestamp: _Text = None
    end_timestamp: _Text = None
    choices: list[dict[str, Any]] | None = None
    reasoning_summary: _Text = None
    reasoning_content: _Text = None
    kwargs: dict[str, Any] | None = None
    usage: _Usage | None = None
    cost: _Cost | None = None


class _Attempt(msgspec.Struct):
    answer: Any = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_Attempts = Mapping[str, _Attempt | None]
"""Of one test input: by `attempt_1`, `attempt_2`, …"""


def read_results(path: Path, given: Mapping[str, Task]) -> Iterator[Entry]:
    """The entries of a results file, of a table of programs, of Kaggle's submission, or of a folder
    of the harness.

    The last two are read for the `given` tasks, by id. Raises UsageError as `read_entries` does,
    and if they are given without tasks, or have none of them.
    """
    with reported_reading(path):
        is_folder = path.is_dir()
    if is_folder:
        answers = _folder_entries(path, given)
    elif _is_submission(path):
        answers = _submission_entries(path, given)
    elif is_program_table(path):
        yield from (entry_of_fields(fields, path) for fields in program_entries(path))
        return
    else:
        yield from read_entries(path)
        return
    if not given:
        raise UsageError(
            f"{path} holds answers without their tasks; name these by --dataset or "
            "--dataset_directory"
        )
    found = False
    for entry in answers:
        found = True
        yield entry
    if not found:
        raise UsageError(f"{path} answers none of these tasks; name others by --dataset")


def _is_submission(path: Path) -> bool:
    if path.suffix != ".json":
        return False
    with reported_reading(path):
        refuse_what_is_no_file(path)
    with reported_reading(path), path.open("rb") as file:
        return _SUBMISSION.match(file.read(1 << 16)) is not None


def _submission_entries(path: Path, given: Mapping[str, Task]) -> Iterator[ResultEntry]:
    answers = _read(path, dict[str, list[dict[str, Any] | None] | None])
    for task_id, pairs in answers.items():
        alone = [
            {name: None if one is None else _Attempt(one) for name, one in (pair or {}).items()}
            for pair in pairs or ()
        ]
        if (task := given.get(task_id)) is not None and _is_answered(alone):
            entry = _entry(task, alone, path.stem, str(path))
            entry.configuration[CHOSEN] = True
            yield entry


def _is_answered(pairs: Sequence[_Attempts]) -> bool:
    """Whether some attempt is not null; else the task counts as missing."""
    return any(attempt is not None for pair in pairs for attempt in pair.values())


def _folder_entries(folder: Path, given: Mapping[str, Task]) -> Iterator[ResultEntry]:
    """An entry for each `TASK_ID.json` of a given task that has an attempt.

    `results.json` and others are no task's. If all attempts are null, the harness gave up.
    """
    for path in sorted(folder.glob("*.json")):
        task = given.get(path.stem) or given.get(unquote(path.stem))
        if task is not None:
            pairs = [one or {} for one in _read(path, list[dict[str, _Attempt | None] | None])]
            if _is_answered(pairs):
                yield _entry(task, pairs, folder.resolve().name, str(folder))


def _read(path: Path, form: type[_Form]) -> _Form:
    with reported_reading(path):
        content = path.read_bytes()
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}; mend or remove it") from error


def _entry(task: Task, pairs: Sequence[_Attempts], name: str, source: str) -> ResultEntry:
    """An entry whose sample k has the k-th attempt at each test input."""
    placed = _in_order(pairs, len(task.test))
    counting = set(map(id, placed))
    left_out = sum(_is_answered([pair]) for pair in pairs if id(pair) not in counting)
    every = {name for pair in placed for name in pair if name.startswith(_ATTEMPT)}
    names = sorted(every, key=lambda one: (len(one), one))
    attempts = [[_grid_of(pair.get(name)) for name in names] for pair in placed]
    samples = [[pair.get(name) for pair in placed] for name in names]
    told = next((one.metadata for sample in samples for one in sample if one), _Metadata())
    model = ":".join(filter(None, (told.provider, told.model)))
    kwargs = {} if told.kwargs is None else {"kwargs": told.kwargs}
    return ResultEntry(
        task_id=task.task_id,
        run_id=source,  # each file or folder is a run of its own
        model_identifier=told.test_id or name,
        model=model or None,
        configuration={
            "attempts": len(names),
            **kwargs,
            **({LEFT_OUT: left_out} if left_out else {}),
        },
        complete=True,
        status=[_status_of(sample) for sample in samples],
        reasoning=[_said(sample) for sample in samples],
        prompt_messages=[_shown(sample) for sample in samples],
        cost_usd=[_cost_of(sample) for sample in samples],
        latency_s=[_latency_of(sample) for sample in samples],
        usage=[_usage_of(sample) for sample in samples],
        test_outputs=[[tried[at] for tried in attempts] for at in range(len(names))],
        attempts=attempts,
    )


def _in_order(pairs: Sequence[_Attempts], count: int) -> list[_Attempts]:
    """The attempts at each test input, which they name by `pair_index`; else their place counts.

    Those beyond the test inputs are left out, as the harness's scorer leaves them out.
    """
    placed: dict[int, _Attempts] = {}
    unnamed: dict[int, _Attempts] = {}
    for place, pair in enumerate(pairs):
        told = (one.metadata.pair_index for one in pair.values() if one is not None)
        index = next((at for at in told if at is not None and 0 <= at < count), None)
        (unnamed if index is None else placed).setdefault(place if index is None else index, pair)
    placed = unnamed | placed
    return [placed.get(index, {}) for index in range(count)]


def _grid_of(attempt: _Attempt | None) -> Grid | None:
    """The answer's grid; None if there is no answer, or none that is a grid."""
    answer = attempt and attempt.answer
    return None if answer is None else grid_of_answer(answer)


_Sample = Sequence[_Attempt | None]
"""An attempt at each test input; None if there is none, or the harness gave it up."""


def _status_of(sample: _Sample) -> str:
    """`no_answer` if an attempt is null: nobody knows whether for technical reasons."""
    if None in sample:
        return "no_answer"
    return "unparsable" if None in map(_grid_of, sample) else "ok"


def _messages(attempt: _Attempt | None) -> list[dict[str, Any]]:
    choices = (attempt and attempt.metadata.choices) or []
    return [one["message"] for one in choices if isinstance(one.get("message"), dict)]


def _said(sample: _Sample) -> str | None:
    """What the model said, the thinking that its provider showed first; one test input a part."""
    parts = []
    for attempt in filter(None, sample):
        told = attempt.metadata
        content = [one.get("content") for one in _messages(attempt)[-1:]]
        parts += [told.reasoning_content or told.reasoning_summary, *content]
    return "\n\n".join(part for part in parts if isinstance(part, str) and part) or None


def _shown(sample: _Sample) -> list[dict[str, Any]] | None:
    return [one for attempt in sample for one in _messages(attempt)[:-1]] or None


def _cost_of(sample: _Sample) -> float | None:
    """None if a cost is unknown, or is said to be."""
    total = 0.0
    for attempt in filter(None, sample):
        cost, kwargs = attempt.metadata.cost, attempt.metadata.kwargs or {}
        if cost is None or cost.total_cost is None or kwargs.get("cost_is_known") is False:
            return None
        total += cost.total_cost
    return total


def _usage_of(sample: _Sample) -> dict[str, int | float | None] | None:
    """None if there was no attempt."""
    told = [attempt.metadata.usage or _Usage() for attempt in sample if attempt]
    if not told:
        return None
    details = [one.completion_tokens_details or _Reasoning() for one in told]
    return {
        "input_tokens": sum(one.prompt_tokens or 0 for one in told),
        "output_tokens": sum(one.completion_tokens or 0 for one in told),
        "reasoning_tokens": sum(one.reasoning_tokens or 0 for one in details),
    }


def _latency_of(sample: _Sample) -> float | None:
    seconds = []
    for attempt in filter(None, sample):
        told = attempt.metadata
        with suppress(ValueError, TypeError):  # no time, or one of the two with a zone
            begun, ended = (
                datetime.fromisoformat(at or "")
                for at in (told.start_timestamp, told.end_timestamp)
            )
            seconds.append((ended - begun).total_seconds())
    return sum(seconds) if seconds else None
