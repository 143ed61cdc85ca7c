"""What can be merged: results, journals, other stores, and the data sets of others.

LARC (github.com/samacqua/LARC, `dataset/tasks_json`) has people's descriptions of ARC's tasks, and
of each whether others could build the output from it alone. H-ARC (github.com/Le-Gris/h-arc,
`summary_data.csv`) has a row for each attempt of a person, with the rule in their words. ARC-TGI
(github.com/Omega-Reasoning/ARC-Task-Generators-Inventory) writes CSV with a row for each task that
a generator made, and chains of reasoning about it. SOAR's tables on Hugging Face have a row for
each program, with `task_id`, `reasoning`, `model`, and which pairs it solves.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, read_json, reported_reading
from utilities.files.json_stream import JsonStream
from utilities.files.tables import column_names, is_table, read_rows
from utilities.results.reader import Entry, read_entries
from utilities.tasks.layouts import other_kind
from utilities.traces.store import Trace, iterate_store, origin

_LARC = origin("person", "LARC", "CC-BY-4.0")
_H_ARC = origin("person", "H-ARC", "CC0-1.0")
_ARC_TGI = origin("person", "ARC-TGI", "Apache-2.0")
_CHUNK_BYTES = 1 << 18
_SECTIONS = ("see_description", "grid_description", "do_description")
"""Of a LARC description: what is seen, the output's size, how to make the output."""
_ReadTable = Callable[[Path, Sequence[str]], Iterator[Trace]]


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
        if path.is_file() and is_table(path):
            return _open_table(path)
        if not path.name.endswith(".gz") and (kind := other_kind(path)) is not None:
            raise UsageError(
                f"{path} is {kind}; give results, a store of traces, LARC's tasks_json, or a "
                "table with task_id and reasoning"
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
            more = {"source": path.name, **fields}
            yield Trace(task_id, str(fields.get("username")), text, more)


def _larc_folder(folder: Path) -> Iterator[Trace]:
    files = sorted(folder.glob("[!.]*.json"))
    if not files:
        raise UsageError(f"no *.json in the folder {folder}; give LARC's tasks_json, or a file")
    for file in files:
        yield from _descriptions(file)


def _descriptions(path: Path) -> Iterator[Trace]:
    """The descriptions of one of LARC's tasks; their score is how many builds succeeded.

    Equal descriptions of a task are one trace, and their builds count together.
    """
    task = read_json(path)
    name = task.get("name") if isinstance(task, dict) else None
    found = task.get("descriptions") if isinstance(task, dict) else None
    if not isinstance(name, str) or not isinstance(found, dict):
        raise UsageError(f"{path} has no name and descriptions, as LARC's tasks have them")
    builds: defaultdict[str, list[bool]] = defaultdict(list)
    """Text → for each build from it whether it succeeded."""
    texts = {}
    for description_id, description in found.items():
        if not isinstance(description, dict):
            raise UsageError(f"{path}: description {description_id} is no object; remove it")
        sections = (description.get(section) for section in _SECTIONS)
        parts = (part.strip() for part in sections if isinstance(part, str))
        texts[description_id] = text = "\n\n".join(parts).strip()
        of_this = description.get("builds")
        builds[text] += [
            isinstance(build, dict) and build.get("success") is True
            for build in (of_this.values() if isinstance(of_this, dict) else ())
        ]
    for description_id, text in texts.items():
        built = sum(builds[text])
        figures = {"score": built, "builds": len(builds[text])}
        more = {**figures, **_LARC, "description_id": description_id}
        yield Trace(name.removesuffix(".json"), "LARC", text, more, is_verified=built > 0)


def _open_table(path: Path) -> Source:
    """What a table is, by its columns; raises UsageError if they are none that can be merged."""
    there = column_names(path)
    for kind, columns, read in _TABLES:
        if set(columns[:2]) <= set(there):
            return Source(kind, read(path, [name for name in columns if name in there]))
    raise UsageError(f"{path} has no columns task_id and reasoning; it has {', '.join(there[:8])}")


def _rows_of_table(path: Path, columns: Sequence[str]) -> Iterator[Trace]:
    """The rows of a table; a row without a model has the file's name in its place."""
    for row in read_rows(path, columns):
        author = str(row.get("model") or path.stem)
        passed = [row.get(column) for column in ("correct_train_input", "correct_test_input")]
        yield Trace(
            str(row["task_id"] or ""),
            author,
            str(row["reasoning"] or "").strip(),
            origin("model", path.name),
            is_verified=all(map(_all_true, passed)),
        )


def _all_true(passed: Sequence[Any] | Any) -> bool:
    values = passed if isinstance(passed, list) else [passed]
    return bool(values) and all(value is True for value in values)


@dataclass(slots=True)
class _Writers:
    """Who wrote a text, and who of them solved the task; people's ids, which go no further."""

    all: set[str] = field(default_factory=set)
    solvers: set[str] = field(default_factory=set)


def _written_solutions(path: Path, columns: Sequence[str]) -> Iterator[Trace]:
    """Every rule that H-ARC's people wrote, once for a task; its score is how many solved it so.

    What somebody wrote first counts as solving only if the first attempt solved.
    """
    texts: defaultdict[tuple[str, str], _Writers] = defaultdict(_Writers)
    for row in read_rows(path, columns):
        task_id = str(row.get("task_name") or "").removesuffix(".json")
        solved = str(row.get("solved")).lower() == "true"
        is_first = str(row.get("attempt_number") or "1") in {"1", "1.0"}
        for column, has_solved in (("first", solved and is_first), ("last", solved)):
            text = str(row.get(f"{column}_written_solution") or "").strip()
            writers = texts[task_id, text]
            writers.all.add(person := str(row.get("hashed_id")))
            if has_solved:
                writers.solvers.add(person)
    for (task_id, text), writers in texts.items():
        solvers = len(writers.solvers)
        more = {"score": solvers, "people": len(writers.all), **_H_ARC}
        yield Trace(task_id, "H-ARC", text, more, is_verified=solvers > 0)


def _chains(path: Path, columns: Sequence[str]) -> Iterator[Trace]:
    """ARC-TGI's chains, each about a task of its own, which the trace has with it."""
    for row in read_rows(path, columns):
        chains = [
            _json_of(row.get(f"{part}_reasoning_chain")) for part in ("input", "transformation")
        ]
        steps = ["\n".join(map(str, chain)) for chain in chains if isinstance(chain, list)]
        more = {**_ARC_TGI, "generator": row["generator_name"], "task": _json_of(row.get("data"))}
        yield Trace(str(row.get("task_id") or ""), "ARC-TGI", "\n\n".join(steps).strip(), more)


def _json_of(cell: Any) -> Any:
    """What a cell holds as JSON; None if that cannot be read."""
    try:
        return orjson.loads(cell or "null")
    except orjson.JSONDecodeError:
        return None


_TABLES: tuple[tuple[str, tuple[str, ...], _ReadTable], ...] = (
    (
        "H-ARC",
        (
            *("task_name", "last_written_solution"),
            *("first_written_solution", "attempt_number", "hashed_id", "solved"),
        ),
        _written_solutions,
    ),
    (
        "ARC-TGI",
        (
            *("generator_name", "transformation_reasoning_chain"),
            *("input_reasoning_chain", "task_id", "data"),
        ),
        _chains,
    ),
    (
        "table",
        ("task_id", "reasoning", "model", "correct_train_input", "correct_test_input"),
        _rows_of_table,
    ),
)
"""What a table is read as, its columns, of which it must have the first two, and by what."""
