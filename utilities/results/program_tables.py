"""Reads tables of programs as entries: SOAR's Parquet files, and those of projects that follow it.

A row is a program: `task_id`, `code`, and often `reasoning`, `model`, `row_id`, and what its own
project says of it (`correct_train_input`, `predicted_test_output` and others). That is not taken
over: programs are judged here, in the sandbox.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.tables import column_names, read_rows

_NEEDED = ("task_id", "code")
_READ = (*_NEEDED, "reasoning", "model")


def is_program_table(path: Path) -> bool:
    """Whether a file is a Parquet file: among results its rows can only be programs."""
    return path.suffix.lower() == ".parquet" and path.is_file()


def program_entries(path: Path) -> Iterator[dict[str, Any]]:
    """An entry for each task and model, as the code generator writes them, a sample a row.

    The tasks' order is that of their first rows; all programs are in memory. Raises UsageError for
    what cannot be read, and for a table without the columns.
    """
    there = column_names(path)
    if missing := [name for name in _NEEDED if name not in there]:
        raise UsageError(
            f"{path} has no column {missing[0]}; it has {', '.join(there[:8])}, and tables among "
            "results hold programs (task_id, code)"
        )
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in read_rows(path, [name for name in _READ if name in there]):
        if row.get("task_id") is not None:
            key = str(row["task_id"]), str(row.get("model") or path.stem)
            found.setdefault(key, []).append(row)
    for (task_id, model), rows in found.items():
        codes = [_text(row.get("code")) for row in rows]
        yield {
            "entry_type": "result",
            "task_id": task_id,
            "run_id": f"{path.stem} of {model}",
            "model_identifier": model,
            "model": model,
            "complete": True,
            "status": ["no_code" if code is None else "ok" for code in codes],
            "reasoning": [_text(row.get("reasoning")) for row in rows],
            "python_code": codes,
        }


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
