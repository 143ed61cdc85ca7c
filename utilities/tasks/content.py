"""Hashes of the content of grids, pairs and tasks, whatever their ids and order."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import orjson

from utilities.tasks.task import Grid, Pair, Task

if TYPE_CHECKING:
    from utilities.tasks.task import Grid, Task


def grid_hash(grid: Grid) -> bytes:
    """16 bytes that name a grid's content."""
    return hashlib.blake2b(orjson.dumps(grid), digest_size=16).digest()


def pair_hash(pair: Pair) -> bytes:
    """16 bytes that name a pair's content; of a pair without output, its input's."""
    content = pair.input if pair.output is None else [pair.input, pair.output]
    return hashlib.blake2b(orjson.dumps(content), digest_size=16).digest()


def task_hash(task: Task) -> str:
    """32 hex digits that name a task by its train pairs and test inputs, whatever their order.

    Test outputs are left out, so that it is the same whether or not they are known.
    """
    train = sorted(map(pair_hash, task.train))
    test = sorted(grid_hash(pair.input) for pair in task.test)
    return hashlib.blake2b(b"".join([*train, b"/", *test]), digest_size=16).hexdigest()


def content_hash(task: Task, *, with_test_outputs: bool = True) -> str:
    """Name a task by what it says: the SHA-256, in hex, of its pairs in their order.

    The id is left out, so that a renamed task keeps its hash. Without the test outputs the hash
    is the same whether or not they are known.
    """
    shown = task if with_test_outputs else task.without_test_outputs()
    canonical = json.dumps(shown.to_json(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
