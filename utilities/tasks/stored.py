"""What a layout makes of a path: a dataset, and its tasks as they lie on disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StoredTask:
    """One task as it lies on disk."""

    task_id: str
    origin: str
    """Where to mend it: a file, or a file and a line."""
    load: Callable[[], object]
    """Gives `{"train", "test"}` or a list of pairs, unchecked; raises UsageError if the task
    cannot be read."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The tasks of a path whose layout was recognised."""

    files: Sequence[Path]
    """Every file that the tasks come from; their bytes make the dataset's hash."""
    tasks: Callable[[], Iterator[StoredTask]]
    """Begins anew with each call: every task in the dataset's order, repeated ids included."""
    known_ids: Callable[[], Sequence[str] | None] = lambda: None
    """Every id in order if that is cheap; None if the files would have to be read for it."""
