"""JSON files read whole; every fault is one line."""

import gzip
import json
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
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
        refuse_what_is_no_file(path)
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
        place = f"{path}, line {first_line}"
        raise UsageError(f"{place}: cannot be read ({error}); mend or remove it") from error


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


def read_parts(
    path: Path, *, chunk_bytes: int | None = None, may_be_pipe: bool = False
) -> Iterator[bytes]:
    """Yield a file's lines, or chunks of `chunk_bytes`, unpacked if its name ends in `.gz`.

    Raises UsageError if it cannot be read, is not a file, or is broken gzip. A gzip stream that
    ends early gives what it holds first: the rest is missing, and no figure may hide that.
    """
    with reported_reading(path):
        refuse_what_is_no_file(path, may_be_pipe=may_be_pipe)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            parts = file if chunk_bytes is None else iter(partial(file.read, chunk_bytes), b"")
            lines = 0
            try:
                for part in parts:
                    lines += part.count(b"\n")
                    yield part
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                what = "the gzip stream ends early" if isinstance(error, EOFError) else str(error)
                raise UsageError(
                    f"{path}, line {lines + 1}: broken gzip ({what}); unpack what is whole "
                    f"(gzip -dc {path.name} > WHOLE) and give that"
                ) from error


def refuse_what_is_no_file(path: Path, *, may_be_pipe: bool = False) -> None:
    """Raise UsageError for a device, and for a pipe, which would wait for a writer.

    A folder, and what is not there, the system refuses itself.
    """
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode) and not may_be_pipe:
        raise UsageError(
            f"{path} is a pipe, and is read more than once; write it to a file and give that"
        )
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISFIFO(mode)):
        raise UsageError(f"{path} is a device, not a file; give a file")


@contextmanager
def reported_reading(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file into one line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
