"""What the tests share: a clean environment, real tasks, and scripts run as a user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, arc1_training

# Hundreds of processes import the same modules: they shall be compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# A loopback server needs no time to recover.
os.environ["RETRY_DELAY_S"] = "0.02"


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a core, since the tests of scripts and servers wait more than they compute."""
    return 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that may take long, so that none of them is the last to run alone."""

    def may_take_s(item: pytest.Item) -> float:
        marker = item.get_closest_marker("timeout")
        return float(marker.args[0]) if marker else 0.0

    items.sort(key=may_take_s, reverse=True)


@pytest.fixture
def run_script(tmp_path: Path) -> Run:
    """Run a script to its end, in a folder that is not the checkout."""

    def run(
        script: str, *arguments: str | Path, timeout_s: float = 100, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        process = ScriptProcess(script, *arguments, folder=tmp_path, **environment)
        return process.completed(timeout_s)

    return run


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
