"""The store of reasoning traces that people read and vote on.

`{task_id: [{trace_id, task_id, username, text, score, timestamp, voters}, …]}`, in one JSON file;
`username` is the model that wrote the trace.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from utilities.atomic_files import locked, write_atomically
from utilities.errors import UsageError
from utilities.json_files import RepeatedKeys, read_json

Store = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Trace:
    """A usable reasoning: whose, for which task."""

    task_id: str
    username: str
    text: str

    @property
    def trace_id(self) -> str:
        """The same for the same text of the same model for the same task, and for no other."""
        content = json.dumps([self.task_id, self.username, self.text])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def to_json(self, timestamp: str) -> dict[str, Any]:
        """An entry of the store that nobody has voted on."""
        return {
            "trace_id": self.trace_id,
            "task_id": self.task_id,
            "username": self.username,
            "text": self.text,
            "score": 0,
            "timestamp": timestamp,
            "voters": [],
        }


@dataclass(slots=True)
class MergeCounts:
    """What a merge did; `skipped` counts samples by the reason why they are no trace."""

    added: int = 0
    already_there: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    traces: int = 0
    tasks: int = 0


def traces_of(entry: Mapping[str, Any], skipped: Counter[str]) -> Iterator[Trace]:
    """Yield the usable reasoning of a result entry's samples; count the others in `skipped`.

    A sample is usable where its status is "ok" and its reasoning is not blank; older entries may
    also lack what says whose it is.
    """
    task_id, model = entry.get("task_id"), entry.get("model") or entry.get("model_identifier")
    for text, status in zip_longest(entry.get("reasoning") or (), entry["status"]):
        if status != "ok":
            skipped[str(status or "no status")] += 1
        elif not isinstance(text, str) or not text.strip():
            skipped["no reasoning"] += 1
        elif not isinstance(task_id, str) or not isinstance(model, str):
            skipped["no task_id or model"] += 1
        else:
            yield Trace(task_id, model, text.strip())


def merge_entries(
    entries: Iterable[Mapping[str, Any]], path: Path, *, dry_run: bool = False
) -> MergeCounts:
    """Put the reasoning of result entries into the store at `path`, each trace once.

    What is in the store stays as it is, votes and unknown fields included. All entries are read
    first; then the store is read, changed and replaced under its lock. With `dry_run` nothing is
    written. Raises UsageError where the store cannot be read or written; it is then untouched.
    """
    counts = MergeCounts()
    traces = [
        trace
        for entry in entries
        if entry["entry_type"] == "result"
        for trace in traces_of(entry, counts.skipped)
    ]
    with nullcontext() if dry_run else locked(path):
        store = read_store(path)
        _add(traces, store, counts)
        if counts.added and not dry_run:
            write_atomically(path, _encode(store))
    counts.traces = sum(map(len, store.values()))
    counts.tasks = len(store)
    return counts


def read_store(path: Path) -> Store:
    """Read the store; one that does not exist yet is empty.

    Raises UsageError where the file is no store, rather than let a merge overwrite it.
    """
    if not path.exists():
        return {}
    advice = "the store is left as it is: mend it, or move it away to begin a new one"
    try:
        store = read_json(path)
    except UsageError as error:
        raise UsageError(f"{error}; {advice}") from error
    if fault := _fault_of(store):
        raise UsageError(f"{path} is no store of traces ({fault}); {advice}")
    checked: Store = store
    return checked


def _fault_of(store: object) -> str | None:
    """Why this is no store; a repeated key counts, since writing would drop one of the two."""
    if not isinstance(store, dict) or isinstance(store, RepeatedKeys):
        return "not an object with each task once"
    for task_id, traces in store.items():
        if not isinstance(traces, list):
            return f"task {task_id} has no list"
        for trace in traces:
            if not isinstance(trace, dict) or isinstance(trace, RepeatedKeys):
                return f"task {task_id} has a trace that is no object with each field once"
    return None


def _add(traces: list[Trace], store: Store, counts: MergeCounts) -> None:
    timestamp = datetime.now(UTC).isoformat(timespec="seconds")
    # Traces that came by other ways have ids of their own: those are known by author and text.
    ids = {trace.get("trace_id") for there in store.values() for trace in there}
    texts = {
        (task_id, str(trace.get("username")), str(trace.get("text")).strip())
        for task_id, there in store.items()
        for trace in there
    }
    for trace in traces:
        key = (trace.task_id, trace.username, trace.text)
        if trace.trace_id in ids or key in texts:
            counts.already_there += 1
            continue
        texts.add(key)
        store.setdefault(trace.task_id, []).append(trace.to_json(timestamp))
        counts.added += 1


def _encode(store: Store) -> bytes:
    try:
        text = json.dumps(store, ensure_ascii=False, indent=2)
        return f"{text}\n".encode()
    except UnicodeEncodeError:  # half a character in someone's text: only an escape can hold it
        return f"{json.dumps(store, indent=2)}\n".encode()
