"""The store of reasoning traces that people read and vote on.

One JSON file, `{task_id: [{trace_id, task_id, username, text, score, timestamp, voters}, …]}`;
`username` is the model that wrote the trace. It is read and written task by task.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from utilities.errors import UsageError
from utilities.files.atomic import replacing
from utilities.files.json_files import RepeatedKeys, parse_json, reported_reading
from utilities.files.json_stream import JsonStream

Store = dict[str, list[dict[str, Any]]]
TracesOfTask = tuple[str, list[dict[str, Any]]]
_CHUNK_BYTES = 1 << 18
Kind = Literal["person", "model", "search"]
_LICENCES: dict[Kind, str] = {
    "model": "terms of use of the model's provider",
    "search": "that of this toolkit",
}
_ADVICE = "the store is left as it is: mend it, or move it away to begin a new one"


@dataclass(frozen=True, slots=True)
class Trace:
    """A reasoning, by which model or person and for which task."""

    task_id: str
    username: str
    text: str
    more: dict[str, Any] = field(default_factory=dict, compare=False)
    """Further fields of its entry in the store, which stand in place of those of a new trace."""
    is_verified: bool = False
    """Whether a program, or somebody else, came from it to the right outputs."""

    @property
    def trace_id(self) -> str:
        """An id that only the same text of the same model for the same task has."""
        content = json.dumps([self.task_id, self.username, self.text])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    @property
    def own_id(self) -> str:
        """The id that it has in the store that it comes from; else its `trace_id`."""
        return str(self.more.get("trace_id", self.trace_id))

    def to_json(self, timestamp: str) -> dict[str, Any]:
        """An entry of the store; without votes, unless it comes with some."""
        return {
            "trace_id": self.trace_id,
            "task_id": self.task_id,
            "username": self.username,
            "text": self.text,
            "score": 0,
            "timestamp": timestamp,
            "voters": [],
            **self.more,
        }


def origin(kind: Kind, source: str, licence: str | None = None) -> dict[str, Any]:
    """What a trace says of where it comes from: who wrote it, where it stood, under which terms."""
    return {"kind": kind, "source": source, "licence": licence or _LICENCES[kind]}


def names_of(task_id: str, trace: dict[str, Any]) -> tuple[str, str]:
    """The ids of a stored trace: its own, and the one that a merge would give it.

    The two differ for traces that came into the store in another way.
    """
    author, text = str(trace.get("username")), str(trace.get("text")).strip()
    return str(trace.get("trace_id")), Trace(task_id, author, text).trace_id


def iterate_store(path: Path) -> Iterator[TracesOfTask]:
    """Yield each task of the store with its traces; nothing if there is no file yet.

    Raises UsageError if the file is no store, so that no merge overwrites it.
    """
    if not path.exists():
        return
    try:
        yield from _checked(path)
    except UsageError as error:
        raise UsageError(f"{error}; {_ADVICE}") from error


def read_store(path: Path) -> Store:
    """The whole store in memory; raises UsageError as `iterate_store` does."""
    return dict(iterate_store(path))


def write_store(
    path: Path, store: Iterable[TracesOfTask], *, option: str = "--traces_path"
) -> None:
    """Replace the store by these tasks, atomically; raises UsageError if that fails.

    `option` is the one that chooses another place.
    """
    with replacing(path, option=option) as file:
        before = "{\n  "
        for task_id, traces in store:
            file.write(f"{before}{_encoded(task_id)}: {_encoded(traces)}".encode())
            before = ",\n  "
        file.write(b"\n}\n" if before.startswith(",") else b"{}\n")


def _checked(path: Path) -> Iterator[TracesOfTask]:
    seen: set[str] = set()
    with reported_reading(path), path.open("rb") as file:
        stream = JsonStream(iter(partial(file.read, _CHUNK_BYTES), b""), path)
        match stream.peek():
            case b"":
                raise UsageError(f"{path} is empty")
            case b"{":
                pass
            case _:
                parse_json(stream.value(), path, first_line=stream.line)
                raise _no_store(path, "not an object of tasks")
        for key in stream.members():
            task_id = parse_json(key, path, first_line=stream.line)
            stream.peek()
            line = stream.line
            traces = parse_json(stream.value(), path, first_line=line)
            if task_id in seen:
                raise _no_store(path, f"task {task_id} stands there twice")
            if fault := _fault_of(traces):
                raise _no_store(path, f"task {task_id} {fault}")
            seen.add(task_id)
            yield task_id, traces
        if stream.peek():
            raise UsageError(f"{path}, line {stream.line}: the document has ended; cut the rest")


def _no_store(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path} is no store of traces ({reason})")


def _fault_of(traces: object) -> str | None:
    """Why these are no traces. A repeated key is a fault: writing would drop one of the two."""
    if not isinstance(traces, list):
        return "has no list"
    for trace in traces:
        if not isinstance(trace, dict) or isinstance(trace, RepeatedKeys):
            return "has a trace that is no object with each field once"
    return None


def _encoded(value: object) -> str:
    """JSON as it is written one level deep in the store."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if not _is_utf8(text):  # half a surrogate pair in a text: only an escape can hold it
        text = json.dumps(value, indent=2)
    return text.replace("\n", "\n  ")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
