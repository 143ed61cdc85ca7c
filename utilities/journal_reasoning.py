"""The reasoning in a journalled reply, where it can be told without knowing the agent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

_THINKING_END = "</think>"
_BLOCK = re.compile(r"<reasoning>(.*?)(?:</reasoning>|\Z)", re.IGNORECASE | re.DOTALL)
_CUT_SHORT = {"length": "truncated", "refusal": "refused"}


def reasoning_of_reply(reply: Mapping[str, Any]) -> tuple[str | None, str]:
    """The reasoning of a reply, as a results file has it, and its status.

    What the embedded agent journals is JSON with its reasoning; a model's stands between
    <reasoning> and </reasoning>. Other replies are for the parsers of the agents to read: their
    status sends the user to the results file.
    """
    finish, text = str(reply.get("finish_reason")), reply.get("text")
    if finish in _CUT_SHORT:
        return None, _CUT_SHORT[finish]
    if not isinstance(text, str):
        return None, "no reasoning"
    if text == "null":
        return None, "no_program_found"
    found = _embedded(text)
    if found is None:
        visible = text.replace("\r\n", "\n").rpartition(_THINKING_END)[2]
        blocks = [block.strip() for block in _BLOCK.findall(visible)]
        found = "\n\n".join(filter(None, blocks))
    return (found, "ok") if found else (None, "journal without <reasoning>: merge its results")


def _embedded(text: str) -> str | None:
    if not text.startswith('{"'):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    reasoning = found.get("reasoning")
    return reasoning if isinstance(reasoning, str) else None
