"""Short names for content: SHA-256 of files, and of JSON values in one canonical form."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

KEY_DIGITS = 32


def hash_of(value: Any) -> str:
    """32 hex digits of the SHA-256 of a JSON value with sorted keys."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # lone surrogates, or numbers beyond 64 bits
        canonical = json.dumps(value, sort_keys=True).encode("ascii")
    return hashlib.sha256(canonical).hexdigest()[:KEY_DIGITS]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_sha256(paths: Iterable[Path]) -> str:
    """The SHA-256, in hex, of the names and hashes of files, in the order given."""
    lines = "".join(f"{path.name} {file_sha256(path)}\n" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()
