"""Reads fields of JSON that a stranger sent: whatever has another type than expected is absent."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import orjson

JSONObject: TypeAlias = dict[str, Any]
_MOST_TOKENS = 2**40


def parse_json(text: str | bytes) -> Any:
    """What `json.loads` makes of it, in a tenth of the time; raises ValueError, RecursionError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)  # lone surrogates, NaN, another encoding, deep nesting


def object_at(value: object, name: str) -> JSONObject:
    """The object under `name`, else an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def list_at(value: object, name: str) -> list[Any]:
    """The list under `name`, else an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def text_at(value: object, name: str) -> str:
    """The string under `name`, else an empty one."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def count_at(value: object, name: str) -> int:
    """The whole number under `name`, else 0; beyond any count of tokens it is an error, hence 0."""
    found = value.get(name) if isinstance(value, dict) else None
    if isinstance(found, bool) or not isinstance(found, int):
        return 0
    return found if 0 < found < _MOST_TOKENS else 0
