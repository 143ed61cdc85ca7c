"""Reads results files into typed entries: JSON Lines and older layouts, plain or gzipped."""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import orjson

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, read_parts
from utilities.files.json_stream import JsonStream
from utilities.results.result_entry import OtherEntry, ResultEntry, RunMetadata

Read = TypeVar("Read")
Entry = ResultEntry | RunMetadata | OtherEntry
Fields = dict[str, Any]
_Decode = Callable[[bytes, Path, int, str | None], Read]
"""Makes an entry of its JSON, its file, its first line, and its kind if the layout says it."""
_CHUNK_BYTES = 1 << 18
_ERROR_START = "ERROR:"
JOURNAL_KINDS = frozenset({"reply", "failed_request", "unread_body", "batch"})
"""Kinds of a journal's lines."""
_log = logging.getLogger(__name__)


class _Kind(msgspec.Struct):
    entry_type: Any = "result"


_read_kind = msgspec.json.Decoder(_Kind).decode
_read_result = msgspec.json.Decoder(ResultEntry).decode


def read_entries(path: Path, *, may_be_pipe: bool = False) -> Iterator[Entry]:
    """Yield the entries of a results file, one of them in memory.

    Takes JSON Lines and, if the name ends in `.json`, the older object `{metadata, results}` or a
    bare list of results; all of them also gzipped (`.gz`). An entry without `entry_type` is a
    result. What older results hold for their only sample becomes a list of one. A torn last line
    is skipped with a warning in the log.

    Raises UsageError, naming the file, the line or task and the field, if the file is missing,
    empty or broken, or if a field that figures need has another form than its type. Missing and
    null fields pass. Entries of a kind that no version writes are told in the log. A pipe is
    refused unless `may_be_pipe`: most callers read a file more than once.
    """
    strange: Counter[str] = Counter()
    for entry in _entries(path, _typed, may_be_pipe=may_be_pipe):
        if isinstance(entry, OtherEntry) and entry.entry_type not in JOURNAL_KINDS:
            strange[entry.entry_type] += 1
        yield entry
    if strange:
        _log.warning("%s: %s are passed over", path, strange_kinds(strange))


def strange_kinds(kinds: Counter[str]) -> str:
    """How many entries there are of unknown kinds: `2 entries of the kind 'reslt'`."""
    names = ", ".join(f"{kind!r}" for kind in kinds)
    return f"{kinds.total()} entries of the kind{'s' if len(kinds) > 1 else ''} {names}"


def read_fields(path: Path) -> Iterator[Fields]:
    """Yield the same entries as objects, unknown fields included, their known fields not checked.

    Each has its `entry_type`, and lists in place of single values. For code that writes entries
    again. Raises UsageError as `read_entries` does, for what is broken or not an object. The file
    may be a pipe.
    """
    yield from _entries(path, _fields, may_be_pipe=True)


def _entries(path: Path, decode: _Decode[Read], *, may_be_pipe: bool) -> Iterator[Read]:
    whole = path.name.removesuffix(".gz").endswith(".json")
    entries = _entries_of_document if whole else _entries_of_lines
    parts = read_parts(path, chunk_bytes=_CHUNK_BYTES if whole else None, may_be_pipe=may_be_pipe)
    found = False
    for entry in entries(parts, path, decode):
        found = True
        yield entry
    if not found:
        raise UsageError(f"{path} holds no entry; give the results file of a run")


def _typed(text: bytes, path: Path, line: int, kind: str | None) -> Entry:
    """Decode today's layout in one step, and all else by way of its fields."""
    try:
        if (kind or _read_kind(text).entry_type) == "result":
            return _read_result(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass  # an older layout, NaN, half a character, a fault: looked at more slowly
    return entry_of_fields(_fields(text, path, line, kind), f"{path}, line {line}")


def entry_of_fields(fields: Fields, place: Path | str) -> Entry:
    """The typed entry of an object with an `entry_type`; raises UsageError as `read_entries`.

    `place` stands in the message: the file, and the line if it is known.
    """
    kind = fields["entry_type"]
    if kind == "result":
        return result_of_fields(fields, place)
    if kind != "metadata":
        return OtherEntry(str(kind), fields)
    given = {name: value for name, value in fields.items() if value is not None}
    whose = f"{place}: run {fields.get('run_id')}"
    return _converted({**given, "": fields}, RunMetadata, whose)


def result_of_fields(fields: Fields, place: Path | str) -> ResultEntry:
    """The typed entry of a result in today's layout; raises UsageError as `read_entries`."""
    given = {name: value for name, value in fields.items() if value is not None}
    return _converted(given, ResultEntry, f"{place}: task {fields.get('task_id')}")


def _converted(given: Fields, form: type[Read], whose: str) -> Read:
    try:
        return msgspec.convert(given, form)
    except (msgspec.ValidationError, RecursionError, UnicodeEncodeError) as error:
        raise UsageError(
            f"{whose}: {_in_words(str(error))}; mend the entry or remove it"
        ) from error


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
    "str": "a text",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_FAULT = re.compile(r"Expected ([a-z| ]+?)(?: of length)?(?: ([<>]=) (\d+))?(?:, got ([a-z]+))?")


def _in_words(said: str) -> str:
    """What msgspec says of a field, as "cost_usd[0] should be a number or null, but is a text"."""
    fault, _, field = said.replace("`", "").rpartition(" - at $.")
    found = _FAULT.fullmatch(fault)
    if found is None:
        return f"{field}: {fault}" if fault else field
    expected, bound, limit, got = found.groups()
    types = expected.split(" | ")
    names = [_WORDS.get(name, name) for name in types if name != "int" or "float" not in types]
    should = " or ".join(names)
    if bound is None:
        return f"{field} should be {should}, but is {_WORDS.get(got, got)}"
    length, larger, smaller = "", "greater", "less"
    if types == ["array"]:
        length, larger, smaller = "length ", "longer", "shorter"
    allowed, got = ("less", larger) if bound == "<=" else ("more", smaller)
    return f"{field} should be {should} of {length}{limit} or {allowed}, but is {got}"


def object_of_line(text: bytes, path: Path, line: int) -> Fields:
    """The object of a line, as it is; raises UsageError, naming the line, if it is none."""
    fields = _parse(text, path, line)
    if not isinstance(fields, dict):
        raise UsageError(f"{path}, line {line}: not an object; mend or remove it")
    return fields


def _fields(text: bytes, path: Path, line: int, kind: str | None) -> Fields:
    fields = object_of_line(text, path, line)
    if kind == "metadata":
        fields = {"entry_type": kind, **fields}
    if fields.setdefault("entry_type", "result") is None:
        fields["entry_type"] = "result"
    if not isinstance(fields["entry_type"], str):
        raise UsageError(f"{path}, line {line}: entry_type should be a text; mend the entry")
    is_result = fields["entry_type"] == "result"
    return _with_lists(fields, f"{path}, line {line}") if is_result else fields


def _with_lists(fields: Fields, place: str) -> Fields:
    """Bring an older result into today's layout, in place: a list, one item a sample, each.

    Fields that are null instead of a list are removed, and a missing `status` is "ok" for
    each sample whose reasoning is no error's text: only usable replies were kept then.
    """
    for name in ("reasoning", "python_code", "status"):
        if isinstance(fields.get(name), str):
            fields[name] = [fields[name]]
    messages = fields.get("prompt_messages")
    alone = isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages)
    if alone or isinstance(messages, str):
        fields["prompt_messages"] = [messages]
    for name in ("reasoning", "status", "prompt_messages"):
        if fields.get(name) is None:
            fields.pop(name, None)
        elif not isinstance(fields[name], list):
            whose = f"{place}: task {fields.get('task_id')}"
            raise UsageError(f"{whose}: {name} should be a list; mend the entry or remove it")
    if "status" not in fields:
        lists = [fields.get(name) for name in ("reasoning", "python_code")]
        samples = max((len(values) for values in lists if isinstance(values, list)), default=0)
        fields["status"] = ["ok"] * samples
        _take_errors_out(fields)
    return fields


def _take_errors_out(fields: Fields) -> None:
    """What an older script wrote in place of reasoning that it did not get becomes its error."""
    texts = fields.get("reasoning", [])
    for index, text in enumerate(texts):
        if isinstance(text, str) and text.startswith(_ERROR_START):
            texts[index], fields["status"][index] = None, "provider_error"
            errors = fields.setdefault("error", [])
            errors += [None] * (index - len(errors)) + [text.removeprefix(_ERROR_START).strip()]


def _entries_of_lines(lines: Iterator[bytes], path: Path, decode: _Decode[Read]) -> Iterator[Read]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = decode(line.rstrip(), path, number, None)
        except UsageError:
            if line.endswith(b"\n") or _is_json(line):
                raise
            _log.warning("%s: the torn last line %d is skipped", path, number)
            return
        yield entry


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _parse(content: bytes, path: Path, first_line: int) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:  # the slower parser takes NaN, and knows line and column
        return parse_json(content, path, first_line=first_line)


def _entries_of_document(
    chunks: Iterator[bytes], path: Path, decode: _Decode[Read]
) -> Iterator[Read]:
    stream = JsonStream(chunks, path)
    match stream.peek():
        case b"":
            raise UsageError(f"{path} is empty; give the results file of a run")
        case b"[":
            yield from _results(stream, path, decode)
        case b"{":
            yield from _entries_of_object(stream, path, decode)
        case _:
            _parse(stream.value(), path, stream.line)
            raise _no_results(path)
    if stream.peek():
        raise UsageError(f"{path}, line {stream.line}: the document has ended; remove the rest")


def _entries_of_object(stream: JsonStream, path: Path, decode: _Decode[Read]) -> Iterator[Read]:
    """Metadata and results in the order in which they stand; other members are stepped over."""
    has_results = False
    told: Fields = {}
    for key in stream.members():
        name = _parse(key, path, stream.line)
        if name == "results" and stream.peek() == b"[":
            has_results = True
            for entry in _results(stream, path, decode):
                yield _with_model(entry, told)
            continue
        line = stream.line
        text = stream.value()
        metadata = _parse(text, path, line)
        if name == "metadata" and isinstance(metadata, dict):
            told = metadata
            yield decode(text, path, line, "metadata")
    if not has_results:
        raise _no_results(path)


def _with_model(entry: Read, metadata: Fields) -> Read:
    """The entry, with the model that only the metadata before it names."""
    known = {
        "model_identifier": metadata.get("model_identifier"),
        "model": metadata.get("model") or metadata.get("model_username"),
    }
    given = {name: value for name, value in known.items() if isinstance(value, str)}
    if isinstance(entry, ResultEntry) and entry.model is entry.model_identifier is None:
        for name, value in given.items():
            setattr(entry, name, value)
    elif isinstance(entry, dict) and not (entry.get("model") or entry.get("model_identifier")):
        entry.update(given)
    return entry


def _results(stream: JsonStream, path: Path, decode: _Decode[Read]) -> Iterator[Read]:
    for position, (line, text) in enumerate(stream.items()):
        if not text.lstrip().startswith(b"{"):
            _parse(text, path, line)
            raise UsageError(f"{path}: results[{position}] is not an object; mend or remove it")
        yield decode(text, path, line, None)


def _no_results(path: Path) -> UsageError:
    return UsageError(f"{path} holds no list of results; give the results file of a run")
