"""Reads answers as the harness of ARC Prize does (github.com/arcprize/arc-agi-benchmarking).

What counts there are the rows in the first `\\boxed{}`, else in the last list or object of the
text. Rows may be ragged, and their numbers of any size: such an answer is wrong, but it is one.
"""

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from utilities.tasks.grids import check_grid
from utilities.tasks.task import Grid

if TYPE_CHECKING:  # slow to import, and seldom needed
    from pydantic import TypeAdapter

_BOXED = re.compile(r"\\boxed\{(.*?)\}", re.DOTALL)
_OPENING = {"]": "[", "}": "{"}


def grid_of_answer(answer: object) -> Grid | None:
    """The grid of an answer, a text or rows; None if the harness reads none, or no valid one."""
    rows = rows_of_answer(answer)
    return None if rows is None or check_grid(rows) else rows


def rows_of_answer(answer: object) -> list[list[int]] | None:
    """The rows that the harness takes for the answer; None if it asks the model again.

    Numbers may have other forms, as there: `"1"`, `1.0`, `true`.
    """
    from pydantic import ValidationError

    rows = _rows_in_text(answer) if isinstance(answer, str) else answer
    try:
        return None if rows is None else _whole_numbers().validate_python(rows)
    except ValidationError:
        return None


@cache
def _whole_numbers() -> "TypeAdapter[list[list[int]]]":
    """The rule of the harness, whose records are of pydantic too."""
    from pydantic import TypeAdapter

    return TypeAdapter(list[list[int]])


def _rows_in_text(text: str) -> list[list[Any]] | None:
    boxed = _BOXED.search(text)
    try:
        rows = None if boxed is None else _list_of_lists(boxed[1].strip())
        # An empty list is an answer in a box only.
        return rows if rows is not None else _list_of_lists(_last_brackets(text)) or None
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        return None


def _list_of_lists(text: str) -> list[list[Any]] | None:
    """The rows that the text is in JSON; raises as `json.loads` for what Python does not take."""
    try:
        rows = json.loads(text)
    except json.JSONDecodeError:
        return None
    is_rows = isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    return rows if is_rows else None


def _last_brackets(text: str) -> str:
    """From the text's last `]` or `}` back to its partner; empty if there is none."""
    last = max(map(text.rfind, _OPENING))
    if last < 0:
        return ""
    closing = text[last]
    depth = 0
    for start in range(last, -1, -1):
        if text[start] == closing:
            depth += 1
        elif text[start] == _OPENING[closing]:
            depth -= 1
            if not depth:
                return text[start : last + 1]
    return ""
