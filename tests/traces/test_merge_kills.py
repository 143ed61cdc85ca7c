"""A merge that is killed leaves the old store or the new one, whenever it dies."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.entries import write_entries
from tests.traces.test_merge_reasoning import (
    merge,
    merge_entries,
    result,
    start_merge,
    texts,
)
from utilities.traces.store import read_store

TASKS = 1000


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that takes a while to write."""
    path = tmp_path / "store.json"
    merge_entries([result(f"old{task}", ["x" * 4000]) for task in range(TASKS)], path)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_entries(tmp_path / "results.jsonl", result("new", ["y"]))


def state_of(store: Path) -> tuple[int, set[str]]:
    """Changes as soon as something begins to write the store, in whatever way."""
    return store.stat().st_mtime_ns, {path.name for path in store.parent.glob("*.tmp")}


def is_new(store: Path, old: bytes) -> bool:
    """Whether the merge got through; fails where the store is neither the old nor the new one."""
    for left in store.parent.glob(".store.json.*.tmp"):
        left.unlink()
    if store.read_bytes() == old:
        return False
    assert texts(store).pop("new") == ["y"]
    assert len(read_store(store)) == TASKS + 1
    return True


def test_a_merge_killed_while_it_writes_leaves_the_old_store_or_the_new(
    store: Path, results: Path
) -> None:
    old = store.read_bytes()
    for delay_ms in range(0, 20, 4):
        store.write_bytes(old)
        with start_merge(results, store) as process:
            before = state_of(store)
            while process.poll() is None and state_of(store) == before:
                time.sleep(0.0005)
            time.sleep(delay_ms / 1000)  # from the first byte written to past the rename
            process.kill()
        is_new(store, old)

    assert merge_entries([result("new", ["y"])], store).traces == TASKS + 1


def seconds_of_a_merge(results: Path, store: Path) -> float:
    started = time.monotonic()
    assert merge(results, store)[0] == 0
    return time.monotonic() - started


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_fifty_merges_killed_at_random_leave_the_old_store_or_the_new(
    store: Path, results: Path
) -> None:
    old = store.read_bytes()
    whole_s = seconds_of_a_merge(results, store)
    chance = random.Random(0)
    outcomes = []
    for _ in range(50):
        store.write_bytes(old)
        process = start_merge(results, store)
        with process:
            try:
                process.wait(chance.uniform(0, 1.3 * whole_s))
            except subprocess.TimeoutExpired:
                process.kill()
        outcomes.append((process.returncode, is_new(store, old)))

    assert {code for code, _ in outcomes} <= {0, -9}
    assert all(new for code, new in outcomes if code == 0)
    assert (-9, False) in outcomes
    assert merge_entries([result("new", ["y"])], store).traces == TASKS + 1
