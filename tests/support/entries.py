"""The one builder of entries: what stands in results files, made by hand for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from utilities.errors import ASK_AGAIN

Entry = dict[str, Any]


def result_entry(task_id: str, *, status: list[str], **fields: Any) -> Entry:
    """A result entry with one item a sample in each list; `fields` add to it or overrule it."""
    return {
        "entry_type": "result",
        "schema_version": 1,
        "run_id": "20260101T000000Z-aaaaaa",
        "task_id": task_id,
        "model_identifier": "MODEL",
        "model": "vendor:model-1",
        "complete": not ASK_AGAIN & set(status),
        "status": status,
        "reasoning": ["because" if word == "ok" else None for word in status],
        "python_code": [None for _ in status],
    } | fields


def run_metadata(**fields: Any) -> Entry:
    """A metadata entry; `fields` add to it or overrule it."""
    return {
        "entry_type": "metadata",
        "run_id": "20260101T000000Z-aaaaaa",
        "status": "completed",
        "model_identifier": "MODEL",
        "model": "vendor:model-1",
    } | fields


def write_entries(path: Path, *entries: Entry) -> Path:
    """A results file; lone surrogates stand in it as escapes, as other tools write them."""
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    return path
