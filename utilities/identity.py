"""What tells records and requests apart: hashes of their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from utilities.model_clients.base import Message
from utilities.tasks import Task

SCHEMA_VERSION = 1
KEY_DIGITS = 32


def hash_of(value: Any) -> str:
    """32 hex digits of the SHA-256 of a JSON value with sorted keys."""
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # lone surrogates, or numbers beyond 64 bits
        canonical = json.dumps(value, sort_keys=True).encode("ascii")
    return hashlib.sha256(canonical).hexdigest()[:KEY_DIGITS]


def request_key(
    task: Task,
    messages: Sequence[Message],
    model: str,
    sampling: Mapping[str, Any],
    index: int,
) -> str:
    """The identity of a request: what was asked, of whom, how, and which sample it is."""
    return hash_of([task.to_json(), list(messages), model, dict(sampling), index])
