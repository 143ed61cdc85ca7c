"""Writes a model's table as a `models.toml` has it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from utilities.model_catalogue import SERVER_KEY_VARIABLE, ModelEntry

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PARAMETERS = ("temperature", "top_p", "max_tokens", "reasoning_effort", "seed")


def table_of(entry: ModelEntry) -> list[str]:
    """The lines of the table; `read_models` reads them again.

    A price that is not known stands there as a comment.
    """
    name = entry.name.rpartition(":")[2] or "my-model"
    urls = [entry.base_url, *entry.other_base_urls]
    told: dict[str, Any] = {
        "model": entry.model_id,
        "base_url": urls if len(urls) > 1 else urls[0],
        "api": entry.api,
        "context": entry.context_tokens,
        "max_tokens_parameter": entry.max_tokens_parameter,
        "images": entry.images,
        "tools": entry.tools,
        **entry.asked,
    }
    if entry.key_variable not in (None, SERVER_KEY_VARIABLE):
        told["api_key_env"] = entry.key_variable
    if missing := [one for one in _PARAMETERS if one not in entry.accepts]:
        told["accepts"] = [one for one in _PARAMETERS if one not in missing]
    if entry.price_override is not None:
        told["price"] = dict(zip(("in", "out"), entry.price_override, strict=True))
    lines = [f"{_key(key)} = {_value(one)}" for key, one in told.items() if one is not None]
    if entry.price_override is None:
        lines.append("# price = { in = 0.0, out = 0.0 }  # USD per million tokens; not known yet")
    return [f"[{_key(name)}]", *lines]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """A value as TOML has it; null, which TOML lacks, is left out of tables."""
    if isinstance(value, Mapping):
        fields = [
            f"{_key(str(key))} = {_value(one)}" for key, one in value.items() if one is not None
        ]
        return f"{{ {', '.join(fields)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value).replace("\x7f", "\\u007f")
