"""Entries of results files: today's JSON Lines and the older layouts, plain or gzipped."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError
from utilities.json_files import parse_json, reported_reading
from utilities.task_validation import task_from_json
from utilities.tasks import Task

Entry = dict[str, Any]
SAMPLE_LISTS = ("reasoning", "python_code", "status")
"""Fields that hold one item a sample; in older files with one sample, that item itself."""
_log = logging.getLogger(__name__)


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a results file, each with its `entry_type`, one line in memory.

    Takes JSON Lines and, where the name ends in `.json`, the older object `{metadata, results}`
    or a bare list of results; all of them also gzipped (`.gz`). An entry without `entry_type` is
    a result. What older results hold for their only sample becomes a list of one, and a missing
    `status` becomes "ok" for each sample: only usable replies were kept then. A torn last line
    is skipped with a warning in the log.

    Raises UsageError, naming file and line, where the file is missing, empty or broken.
    """
    whole = path.name.removesuffix(".gz").endswith(".json")
    found = False
    for entry in _entries_of_document(path) if whole else _entries_of_lines(path):
        found = True
        yield _normalised(entry)
    if not found:
        raise UsageError(f"{path} holds no entry; give the results file of a run")


def task_of(entry: Entry) -> Task:
    """The task that a result entry carries in `task_data`.

    Raises UsageError where there is none or it is not valid.
    """
    task_id = entry.get("task_id")
    if not isinstance(task_id, str):
        raise UsageError("an entry has no task_id; mend it in the results file")
    if "task_data" not in entry:
        raise UsageError(f"task {task_id}: the entry has no task_data to judge programs by")
    task = task_from_json(task_id, entry["task_data"])
    if isinstance(task, str):
        raise UsageError(f"task {task_id}: task_data: {task}")
    return task


def _entries_of_lines(path: Path) -> Iterator[Entry]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            entry = _parse(line.rstrip(), path, number)
        except UsageError:
            if line.endswith(b"\n"):
                raise
            _log.warning("%s: the torn last line %d is skipped", path, number)
            return
        if not isinstance(entry, dict):
            raise UsageError(f"{path}, line {number}: not an object; mend or remove the line")
        yield entry


def _lines(path: Path) -> Iterator[bytes]:
    with (
        reported_reading(path),
        gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file,
    ):
        number = 0
        try:
            for number, line in enumerate(file, start=1):  # noqa: B007 - told in the warning
                yield line
        except EOFError:
            _log.warning("%s: the gzip stream ends early, after line %d", path, number)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f"{path}, after line {number}: broken gzip ({error})") from error


def _parse(content: bytes, path: Path, first_line: int) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # the slower parser takes NaN, and knows line and column
        return parse_json(content, path, first_line=first_line)


def _entries_of_document(path: Path) -> Iterator[Entry]:
    content = b"".join(_lines(path))
    if not content.strip():
        raise UsageError(f"{path} is empty; give the results file of a run")
    document = _parse(content, path, 1)
    if isinstance(document, dict):
        metadata, results = document.get("metadata"), document.get("results")
    else:
        metadata, results = None, document
    if not isinstance(results, list):
        raise UsageError(f"{path} holds no list of results; give the results file of a run")
    if isinstance(metadata, dict):
        yield {"entry_type": "metadata", **metadata}
    for position, entry in enumerate(results):
        if not isinstance(entry, dict):
            raise UsageError(f"{path}: results[{position}] is not an object; mend or remove it")
        yield entry


def _normalised(entry: Entry) -> Entry:
    entry.setdefault("entry_type", "result")
    if entry["entry_type"] != "result":
        return entry
    for field in SAMPLE_LISTS:
        if isinstance(entry.get(field), str):
            entry[field] = [entry[field]]
    messages = entry.get("prompt_messages")
    if isinstance(messages, str) or (messages and all(isinstance(m, dict) for m in messages)):
        entry["prompt_messages"] = [messages]
    if "status" not in entry:
        lists = [entry[field] for field in SAMPLE_LISTS if isinstance(entry.get(field), list)]
        entry["status"] = ["ok"] * max(map(len, lists), default=0)
    return entry
