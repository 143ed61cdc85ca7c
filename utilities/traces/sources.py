"""What can be merged: results, journals, other stores, LARC's descriptions, tables of rows.

LARC (github.com/samacqua/LARC, `dataset/tasks_json`) has people's descriptions of ARC's tasks, and
of each whether others could build the output from it alone. SOAR's tables on Hugging Face have a
row for each program, with `task_id`, `reasoning`, `model`, and which pairs it solves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, read_json, reported_reading
from utilities.files.json_stream import JsonStream
from utilities.files.tables import column_names, read_rows
from utilities.results.reader import Entry, read_entries
from utilities.tasks.layouts import other_kind
from utilities.traces.store import Trace, iterate_store

LARC_LICENCE = "CC-BY-4.0"
_CHUNK_BYTES = 1 << 18
_SECTIONS = ("see_description", "grid_description", "do_description")
"""Of a LARC description: what is seen, the output's size, how to make the output."""
_NEEDED = ("task_id", "reasoning")
_USEFUL = (*_NEEDED, "model", "correct_train_input", "correct_test_input")


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder, and what it was taken for."""

    kind: str
    entries: Iterable[Entry | Trace]
    """Read when they are taken; raises UsageError for what cannot be read."""


def open_source(path: Path) -> Source:
    """Look at what stands in a file or folder; raises UsageError if nothing there can be merged."""
    with reported_reading(path):
        if path.is_dir():
            return Source("LARC", _larc_folder(path))
        if not path.name.endswith(".gz"):
            kind = other_kind(path)
            if kind == "a Parquet file":
                return Source("table", _rows_of_table(path))
            if kind is not None:
                raise UsageError(
                    f"{path} is {kind}; give results, a store of traces, LARC's tasks_json or a "
                    "Parquet file with task_id and reasoning"
                )
        if path.suffix == ".json" and path.is_file():
            kind = _kind_of_document(path)
            if kind == "LARC":
                return Source(kind, _descriptions(path))
            if kind == "traces":
                return Source(kind, _stored_traces(path))
    return Source("results", read_entries(path, may_be_pipe=True))


def _kind_of_document(path: Path) -> str | None:
    """Whether an object is one of LARC's tasks or a store of traces, by its first members."""
    with path.open("rb") as file:
        stream = JsonStream(iter(partial(file.read, _CHUNK_BYTES), b""), path)
        if stream.peek() != b"{":
            return None
        is_empty = True
        for key in stream.members():
            is_empty = False
            name = parse_json(key, path, first_line=stream.line)
            if name in {"descriptions", "name", "train", "test"}:
                return "LARC"
            if name == "results" or stream.peek() != b"[":
                return None
            traces = parse_json(stream.value(), path, first_line=stream.line)
            if traces:
                is_trace = isinstance(traces[0], dict) and "text" in traces[0]
                return "traces" if is_trace else None
        return "traces" if is_empty else None


def _stored_traces(path: Path) -> Iterator[Trace]:
    """The traces of another store, with their votes and all other fields."""
    for task_id, traces in iterate_store(path):
        for fields in traces:
            text = str(fields.get("text") or "").strip()
            yield Trace(task_id, str(fields.get("username")), text, fields)


def _larc_folder(folder: Path) -> Iterator[Trace]:
    files = sorted(folder.glob("[!.]*.json"))
    if not files:
        raise UsageError(f"no *.json in the folder {folder}; give LARC's tasks_json, or a file")
    for file in files:
        yield from _descriptions(file)


def _descriptions(path: Path) -> Iterator[Trace]:
    """The descriptions of one of LARC's tasks; their score is how many builds succeeded."""
    task = read_json(path)
    name = task.get("name") if isinstance(task, dict) else None
    found = task.get("descriptions") if isinstance(task, dict) else None
    if not isinstance(name, str) or not isinstance(found, dict):
        raise UsageError(f"{path} has no name and descriptions, as LARC's tasks have them")
    for description_id, description in found.items():
        if not isinstance(description, dict):
            raise UsageError(f"{path}: description {description_id} is no object; remove it")
        sections = (description.get(section) for section in _SECTIONS)
        text = "\n\n".join(part.strip() for part in sections if isinstance(part, str))
        builds = description.get("builds")
        built = sum(
            isinstance(build, dict) and build.get("success") is True
            for build in (builds.values() if isinstance(builds, dict) else ())
        )
        more = {
            "score": built,
            "kind": "person",
            "source": "LARC",
            "licence": LARC_LICENCE,
            "description_id": description_id,
        }
        yield Trace(name.removesuffix(".json"), "LARC", text.strip(), more, is_verified=built > 0)


def _rows_of_table(path: Path) -> Iterator[Trace]:
    """The rows of a Parquet file; a row without a model has the file's name in its place."""
    there = column_names(path)
    if missing := [name for name in _NEEDED if name not in there]:
        raise UsageError(f"{path} has no column {missing[0]}; it has {', '.join(there[:8])}")
    for row in read_rows(path, [name for name in _USEFUL if name in there]):
        yield _trace_of_row(row, path.stem)


def _trace_of_row(row: dict[str, Any], name: str) -> Trace:
    passed = [row.get(column) for column in ("correct_train_input", "correct_test_input")]
    return Trace(
        str(row["task_id"]),
        str(row.get("model") or name),
        str(row["reasoning"] or "").strip(),
        is_verified=all(map(_all_true, passed)),
    )


def _all_true(passed: Sequence[Any] | Any) -> bool:
    values = passed if isinstance(passed, list) else [passed]
    return bool(values) and all(value is True for value in values)
