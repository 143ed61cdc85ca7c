"""JSON files read whole; every fault is one line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError

_DEEPEST_OBJECT = 8
"""A task's pairs lie four deep."""


def stem_of(name: str) -> str:
    """A file's name without its endings: `code_data.jsonl.gz` → `code_data`."""
    return name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")


def read_json(path: Path) -> Any:
    """Parse a file of tasks; raises UsageError as `parse_task_json` does, or if it is empty."""
    with reported_reading(path):
        content = path.read_bytes()
    if not content.strip():
        raise UsageError(f"{path} is empty")
    return parse_task_json(content, path)


class RepeatedKeys(dict[str, Any]):
    """An object that names a key twice: the first value counts, `pairs` has them all."""

    pairs: list[tuple[str, Any]]


def _keep_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeated = RepeatedKeys(reversed(pairs))
    repeated.pairs = pairs
    return repeated


def parse_json(content: bytes, path: Path, *, first_line: int = 1) -> Any:
    """Parse UTF-8 JSON that stands in `path` from line `first_line` on.

    An object that repeats a key comes as RepeatedKeys. Raises UsageError naming file, line and
    column.
    """
    try:
        return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_keep_pairs)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        place = f"{path}, line {line}, column {error.colno}"
        raise UsageError(f"{place}: broken JSON ({error.msg}); mend it there") from error
    except UnicodeDecodeError as error:
        line = first_line + content.count(b"\n", 0, error.start)
        raise UsageError(f"{path}, line {line}: not UTF-8; convert it") from error
    except (ValueError, RecursionError) as error:  # an endless number, or brackets without end
        raise UsageError(f"{path} cannot be read: {error}") from error


def parse_task_json(content: bytes, path: Path, *, first_line: int = 1) -> Any:
    """As `parse_json` in a third of the time; whole numbers beyond 64 bits may come as floats."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return parse_json(content, path, first_line=first_line)
    # orjson does not report a repeated key. There is none if each colon belongs to a key; a file
    # with other colons (in a title, say) is read again.
    if _keys_in(value, _DEEPEST_OBJECT) == content.count(b":"):
        return value
    return parse_json(content, path, first_line=first_line)


def _keys_in(value: Any, depth: int) -> int:
    """How many keys the objects have, down to `depth`, and in lists that begin with an object."""
    if depth and isinstance(value, dict):
        return len(value) + sum(_keys_in(item, depth - 1) for item in value.values())
    if depth and isinstance(value, list) and value and isinstance(value[0], dict):
        return sum(_keys_in(item, depth - 1) for item in value)
    return 0


@contextmanager
def reported_reading(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file into one line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
