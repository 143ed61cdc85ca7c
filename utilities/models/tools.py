"""The tools that a conversation offers, and how results are shown where a server knows no tools."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from utilities.models.interface import Tool

_CODE: Mapping[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string"}},
    "required": ["code"],
    "additionalProperties": False,
}
_GRIDS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "outputs": {
            "type": "array",
            "items": {
                "type": "array",
                "items": {"type": "array", "items": {"type": "integer"}},
            },
        }
    },
    "required": ["outputs"],
    "additionalProperties": False,
}
PYTHON = Tool(
    "python",
    "Runs Python code and returns what it printed, the value of a last expression, and the "
    "traceback if it failed. Variables stay from call to call.",
    _CODE,
)
SUBMITS: Mapping[str, Tool] = {
    "program": Tool(
        "submit",
        "Hands in the final answer and ends the conversation: `code` is a whole program that "
        "defines solve_task(grid). Nothing of earlier calls is known to it.",
        _CODE,
    ),
    "grids": Tool(
        "submit",
        "Hands in the final answer and ends the conversation: `outputs` has the output grid of "
        "each test input, in order, each a list of rows of ints 0-9.",
        _GRIDS,
    ),
}


def results_in_text(results: Sequence[str]) -> str:
    """The results of a reply's blocks, as the user's next message."""
    return "\n\n".join(
        f"Result of block {number}:\n\n{fenced(result)}"
        for number, result in enumerate(results, start=1)
    )


def fenced(text: str, label: str = "") -> str:
    """The text between fences longer than any within it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{label}\n{text.strip(chr(10))}\n{fence}"
