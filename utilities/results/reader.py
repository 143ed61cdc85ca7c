"""Entries of results files: today's JSON Lines and the older layouts, plain or gzipped."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, reported_reading
from utilities.files.json_stream import JsonStream
from utilities.tasks.task import Task, task_from_json

Entry = dict[str, Any]
SAMPLE_LISTS = ("reasoning", "python_code", "status")
"""Fields that hold one item a sample; in older files with one sample, that item itself."""
_CHUNK_BYTES = 1 << 18
_log = logging.getLogger(__name__)


def read_entries(path: Path) -> Iterator[Entry]:
    """Yield the entries of a results file, each with its `entry_type`, one of them in memory.

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
        yield _normalised(entry, path)
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
    for number, line in enumerate(_reading(path), start=1):
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


def _reading(path: Path, *, chunk_bytes: int | None = None) -> Iterator[bytes]:
    """The file's lines, or chunks of `chunk_bytes`; a gzip stream that ends early gives a part."""
    with (
        reported_reading(path),
        gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file,
    ):
        count = 0
        parts = file if chunk_bytes is None else iter(partial(file.read, chunk_bytes), b"")
        try:
            for count, part in enumerate(parts, start=1):  # noqa: B007 - told in the warning
                yield part
        except EOFError:
            unit = "line" if chunk_bytes is None else f"chunk of {chunk_bytes} bytes"
            _log.warning("%s: the gzip stream ends early, after %s %d", path, unit, count)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise UsageError(f"{path}: broken gzip ({error}); unpack what is whole") from error


def _parse(content: bytes, path: Path, first_line: int) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # the slower parser takes NaN, and knows line and column
        return parse_json(content, path, first_line=first_line)


def _entries_of_document(path: Path) -> Iterator[Entry]:
    stream = JsonStream(_reading(path, chunk_bytes=_CHUNK_BYTES), path)
    match stream.peek():
        case b"":
            raise UsageError(f"{path} is empty; give the results file of a run")
        case b"[":
            yield from _results(stream, path)
        case b"{":
            yield from _entries_of_object(stream, path)
        case _:
            _parse(stream.value(), path, stream.line)
            raise _no_results(path)
    if stream.peek():
        raise UsageError(f"{path}, line {stream.line}: the document has ended; remove the rest")


def _entries_of_object(stream: JsonStream, path: Path) -> Iterator[Entry]:
    """Metadata and results in the order in which they stand; other members are stepped over."""
    has_results = False
    for key in stream.members():
        name = _parse(key, path, stream.line)
        if name == "results" and stream.peek() == b"[":
            has_results = True
            yield from _results(stream, path)
            continue
        line = stream.line
        value = _parse(stream.value(), path, line)
        if name == "metadata" and isinstance(value, dict):
            yield {"entry_type": "metadata", **value}
    if not has_results:
        raise _no_results(path)


def _results(stream: JsonStream, path: Path) -> Iterator[Entry]:
    for position, (line, text) in enumerate(stream.items()):
        entry = _parse(text, path, line)
        if not isinstance(entry, dict):
            raise UsageError(f"{path}: results[{position}] is not an object; mend or remove it")
        yield entry


def _no_results(path: Path) -> UsageError:
    return UsageError(f"{path} holds no list of results; give the results file of a run")


def _normalised(entry: Entry, path: Path) -> Entry:
    entry.setdefault("entry_type", "result")
    if entry["entry_type"] != "result":
        return entry
    for field in SAMPLE_LISTS:
        if isinstance(entry.get(field), str):
            entry[field] = [entry[field]]
    messages = entry.get("prompt_messages")
    alone = isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages)
    if alone or isinstance(messages, str):
        entry["prompt_messages"] = [messages]
    for field in ("reasoning", "status", "prompt_messages"):
        if entry.get(field) is None:
            entry.pop(field, None)
        elif not isinstance(entry[field], list):
            raise UsageError(
                f"{path}: task {entry.get('task_id')}: {field} is no list; mend the entry"
            )
    if "status" not in entry:
        lists = [entry[field] for field in SAMPLE_LISTS if isinstance(entry.get(field), list)]
        entry["status"] = ["ok"] * max(map(len, lists), default=0)
    return entry
