"""Short names for content: SHA-256 over canonical JSON."""

from __future__ import annotations

import hashlib
import json
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
