"""Puts the reasoning of results files into the store of traces, each trace once."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from utilities.files.atomic import locked
from utilities.files.spool import open_spool
from utilities.results.reader import Entry
from utilities.results.result_entry import OtherEntry, ResultEntry, item_of
from utilities.traces.store import (
    Trace,
    TracesOfTask,
    iterate_store,
    names_of,
    origin,
    write_store,
)
from utilities.views.changes import is_turned

_TABLE = (
    "traces (position INTEGER PRIMARY KEY, trace_id BLOB UNIQUE, own_id BLOB UNIQUE,"
    " source INTEGER, task_id BLOB, username BLOB, text BLOB, more BLOB)"
)
_DELETE = "DELETE FROM traces WHERE trace_id IN (?, ?) OR own_id IN (?, ?)"


@dataclass(frozen=True, slots=True)
class MergeRules:
    """Which samples become traces."""

    only_verified: bool = False
    """Only samples whose program passes every train and test pair."""
    min_length: int = 1
    """Fewest characters of a reasoning, without the blank space around it."""
    turned_views: bool = False
    """Also reasoning about a task that was turned, recoloured or reordered; its trace says so."""


_EVERY_TRACE = MergeRules()
_NO_TEXT = "no reasoning"
_SEARCH = "PROGRAM_SEARCH"
_NO_TASK = "no task_id or model"
_TURN = "one turn of several"
_KINDS_IN_JOURNALS = frozenset({"reply", "failed_request", "unread_body", "batch"})


@dataclass(slots=True)
class MergeCounts:
    """What came of one source; `skipped` counts the samples that are no traces, by reason."""

    added: int = 0
    already_there: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Merged:
    """What a merge did with each source, and what the store holds after it."""

    sources: dict[str, MergeCounts]
    traces: int = 0
    tasks: int = 0

    @property
    def total(self) -> MergeCounts:
        """All sources together."""
        every = self.sources.values()
        return MergeCounts(
            sum(counts.added for counts in every),
            sum(counts.already_there for counts in every),
            sum((counts.skipped for counts in every), Counter()),
        )

    @property
    def brought_nothing(self) -> bool:
        """Whether there were samples, and none of them is a trace, neither new nor known."""
        total = self.total
        return bool(total.skipped) and not total.added and not total.already_there


def traces_of(
    entry: Entry | Trace,
    skipped: Counter[str],
    rules: MergeRules = _EVERY_TRACE,
    source: str = "",
) -> Iterator[Trace]:
    """Yield the usable reasoning of an entry's samples; count the other samples in `skipped`.

    A sample is usable if its status is "ok", its reasoning is not blank, and its task and model
    are known (older entries may lack them). An entry may also be a reply in a journal, or a trace
    of another source. `source` names the file that it stands in.
    """
    if isinstance(entry, Trace):
        if (fault := _fault_of(entry, rules)) is None:
            yield entry
        else:
            skipped[fault] += 1
        return
    if isinstance(entry, ResultEntry) and not entry.samples:
        skipped["an entry without samples"] += 1
    elif isinstance(entry, OtherEntry) and entry.entry_type not in _KINDS_IN_JOURNALS:
        skipped[f"an entry of the unknown type {entry.entry_type}"] += 1
    if isinstance(entry, ResultEntry) and entry.asked_pairs is not None:
        skipped["a follower of a trace"] += entry.samples
        return
    for task_id, model, text, status, verified, told in _samples_of(entry):
        if status != "ok":
            skipped[str(status or "no status")] += 1
        elif text is None or not text.strip():
            skipped[_NO_TEXT] += 1
        elif not isinstance(task_id, str) or not isinstance(model, str):
            skipped[_NO_TASK] += 1
        else:
            more = origin("search" if model == _SEARCH else "model", source) | told
            trace = Trace(task_id, model, text.strip(), more, is_verified=verified)
            yield from traces_of(trace, skipped, rules)


def _fault_of(trace: Trace, rules: MergeRules) -> str | None:
    """Why the rules leave a trace out."""
    if not trace.text:
        return _NO_TEXT
    if not trace.task_id:
        return _NO_TASK
    if rules.only_verified and not trace.is_verified:
        return "not verified"
    if is_turned(trace.more.get("view")) and not rules.turned_views:
        return "of a turned view"
    short = len(trace.text) < rules.min_length
    return f"shorter than {rules.min_length}" if short else None


def _samples_of(
    entry: Entry,
) -> Iterator[tuple[object, object, str | None, str | None, bool, dict[str, Any]]]:
    """Task id, model, reasoning, status, whether it is verified, and more fields of its trace."""
    if isinstance(entry, ResultEntry):
        model = entry.model or entry.model_identifier
        for index, (text, status) in enumerate(zip(entry.reasoning, entry.status, strict=True)):
            verified = entry.is_verified(index)
            yield entry.task_id, model, text, status, verified, _told(entry, index)
    elif isinstance(entry, OtherEntry) and entry.entry_type == "reply":
        found = entry.fields
        reply = found.get("reply")
        text, status = reasoning_of_reply(reply if isinstance(reply, dict) else {})
        if "turn" in found:  # the results have the whole conversation
            status = _TURN
        model = found.get("model") or found.get("model_identifier")
        yield found.get("task_id"), model, text, status, False, _view(found.get("view"))


def _told(entry: ResultEntry, index: int) -> dict[str, Any]:
    """What an entry knows of a sample that its trace shall tell, too."""
    scores = {name: item_of(getattr(entry, name), index) for name in ("followed", "followers")}
    return _view(entry.view[index]) | ({} if scores["followed"] is None else scores)


def _view(view: object) -> dict[str, Any]:
    return {"view": view} if is_turned(view) else {}


def merge_sources(
    sources: Mapping[str, Iterable[Entry | Trace]],
    path: Path,
    *,
    rules: MergeRules = _EVERY_TRACE,
    dry_run: bool = False,
) -> Merged:
    """Put the reasoning of each source's entries into the store at `path`, each trace once.

    What is in the store stays as it is, with votes and unknown fields. All entries are read first,
    into a spool on the disk; then the store is read and replaced under its lock, task by task.
    With `dry_run` nothing is written. Raises UsageError, and leaves the store as it is, if an
    entry or the store cannot be read, or the store cannot be written.
    """
    merged = Merged({name: MergeCounts() for name in sources})
    with open_spool(path.parent, _TABLE) as spool:
        for number, (name, entries) in enumerate(sources.items()):
            counts = merged.sources[name]
            for entry in entries:
                for trace in traces_of(entry, counts.skipped, rules, Path(name).name):
                    counts.already_there += 1  # until it turns out to be new
                    _keep(trace, number, spool)
        spool.execute("CREATE INDEX by_task ON traces (task_id, position)")
        with nullcontext() if dry_run else locked(path, option="--traces_path"):
            there = set()
            for task_id, traces in iterate_store(path):
                there.add(task_id)
                merged.traces += len(traces)
                names = (names_of(task_id, trace) for trace in traces)
                for two in names:
                    spool.execute(_DELETE, [*map(_bytes, two)] * 2)
            _count_new(spool, list(merged.sources.values()))
            found = (_text(task_id) for task_id, _ in _counted(spool, "task_id"))
            new_tasks = [task_id for task_id in found if task_id not in there]
            merged.traces += merged.total.added
            merged.tasks = len(there) + len(new_tasks)
            if merged.total.added and not dry_run:
                write_store(path, _with_new_traces(path, spool, new_tasks))
    return merged


def _count_new(spool: sqlite3.Connection, sources: Sequence[MergeCounts]) -> None:
    """Count what is left in the spool as added; until now it counted as already there."""
    for number, count in _counted(spool, "source"):
        sources[number].added += count
        sources[number].already_there -= count


def _keep(trace: Trace, source: int, spool: sqlite3.Connection) -> None:
    more = json.dumps(trace.more)  # keeps half a surrogate pair and numbers of any size
    ids = map(_bytes, (trace.trace_id, trace.own_id))
    texts = map(_bytes, (trace.task_id, trace.username, trace.text, more))
    spool.execute(
        "INSERT OR IGNORE INTO traces (trace_id, own_id, source, task_id, username, text, more)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*ids, source, *texts),
    )


def _counted(spool: sqlite3.Connection, column: str) -> list[tuple[Any, int]]:
    order = f"GROUP BY {column} ORDER BY MIN(position)"
    return spool.execute(f"SELECT {column}, COUNT(*) FROM traces {order}").fetchall()  # noqa: S608


def _with_new_traces(
    path: Path, spool: sqlite3.Connection, new_tasks: list[str]
) -> Iterator[TracesOfTask]:
    timestamp = datetime.now(UTC).isoformat(timespec="seconds")
    for task_id, traces in iterate_store(path):
        yield task_id, [*traces, *_new_traces(task_id, spool, timestamp)]
    for task_id in new_tasks:
        yield task_id, list(_new_traces(task_id, spool, timestamp))


def _new_traces(
    task_id: str, spool: sqlite3.Connection, timestamp: str
) -> Iterator[dict[str, Any]]:
    rows = spool.execute(
        "SELECT username, text, more FROM traces WHERE task_id = ? ORDER BY position",
        (_bytes(task_id),),
    )
    for username, text, more in rows:
        trace = Trace(task_id, _text(username), _text(text), json.loads(_text(more)))
        yield trace.to_json(timestamp)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


_THINKING_END = "</think>"
_BLOCK = re.compile(r"<reasoning>(.*?)(?:</reasoning>|\Z)", re.IGNORECASE | re.DOTALL)
_CUT_SHORT = {"length": "truncated", "refusal": "refused"}


def reasoning_of_reply(reply: Mapping[str, Any]) -> tuple[str | None, str]:
    """The reasoning of a journalled reply, as a results file would have it, and its status.

    A reply of the embedded agent is JSON with its reasoning; a model's reasoning stands between
    <reasoning> and </reasoning>. Other replies can only be read by the agents' parsers; their
    status sends the user to the results file.
    """
    finish, text = str(reply.get("finish_reason")), reply.get("text")
    if finish in _CUT_SHORT:
        return None, _CUT_SHORT[finish]
    if not isinstance(text, str):
        return None, "no reasoning"
    if text == "null":
        return None, "no_program_found"
    found = _embedded(text)
    if found is None:
        visible = text.replace("\r\n", "\n").rpartition(_THINKING_END)[2]
        blocks = [block.strip() for block in _BLOCK.findall(visible)]
        found = "\n\n".join(filter(None, blocks))
    return (found, "ok") if found else (None, "journal without <reasoning>: merge its results")


def _embedded(text: str) -> str | None:
    if not text.startswith('{"'):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    reasoning = found.get("reasoning")
    return reasoning if isinstance(reasoning, str) else None
