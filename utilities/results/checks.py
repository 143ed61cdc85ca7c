"""Whether the fields of a results file that scores are made of have the form that they should."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from utilities.errors import UsageError
from utilities.tasks.grids import check_grid

_Check = Callable[[object], bool]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _list(value: object) -> bool:
    return isinstance(value, list)


def _object(value: object) -> bool:
    return isinstance(value, dict)


def _or_null(check: _Check) -> _Check:
    return lambda value: value is None or check(value)


def _list_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _object_of(check: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _grid(value: object) -> bool:
    return check_grid(value) is None


def _output_count(value: object) -> bool:
    return type(value) is int and 1 <= value <= 254


_RESULT: dict[str, tuple[_Check, str]] = {
    "status": (_list_of(_text), "a list of texts"),
    "usage": (_list_of(_or_null(_object_of(_or_null(_number)))), "a list of objects of numbers"),
    "cost_usd": (_list_of(_or_null(_number)), "a list of numbers"),
    "latency_s": (_list_of(_or_null(_number)), "a list of numbers"),
    "python_code": (_list_of(_or_null(_text)), "a list of texts"),
    "reasoning": (_list_of(_or_null(_text)), "a list of texts"),
    "confidence": (_list_of(_or_null(_number)), "a list of numbers"),
    "train_passed": (_list_of(_or_null(_list)), "a list of lists"),
    "test_passed": (_list_of(_or_null(_list)), "a list of lists"),
    "test_outputs": (_list_of(_or_null(_list_of(_or_null(_grid)))), "a list of lists of grids"),
    "attempts": (_list_of(_list_of(_or_null(_grid))), "a list of lists of grids"),
    "refinement_round": (_list_of(_or_null(_number)), "a list of numbers"),
}
_METADATA: dict[str, tuple[_Check, str]] = {
    **{
        f"{name}_task_ids": (_list_of(_text), "a list of texts")
        for name in ("solved", "unsolved", "unscored", "failed", "missing_unscored")
    },
    "configuration": (_object, "an object"),
    "skipped_tasks": (_object, "an object"),
    "missing_tasks": (_object_of(_output_count), "an object of counts of test inputs"),
}


def check_entry(entry: Mapping[str, Any]) -> None:
    """Raise UsageError, naming task or run and the field, where one has another form.

    A field that is missing or null is none of this function's business.
    """
    is_result = entry["entry_type"] == "result"
    whose = f"task {entry.get('task_id')}" if is_result else f"run {entry.get('run_id')}: metadata"
    for name, (check, form) in (_RESULT if is_result else _METADATA).items():
        value = entry.get(name)
        if value is not None and not check(value):
            raise UsageError(f"{whose}: {name} is not {form}; mend the entry")
