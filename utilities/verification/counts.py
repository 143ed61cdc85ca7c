"""What came of the programs of a file, counted in constant memory."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LABELS = ("deterministic", "hardcoded", "uses_numpy_without_import")
_REASONS_KEPT = 100
_GROWTH = math.log(1.01)


class Percentiles:
    """Percentiles of any number of durations, each within 1 %: counts on a logarithmic scale."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: Counter[int] = Counter()

    def add(self, duration_s: float) -> None:
        """Count one; what is below a microsecond counts as one."""
        self._counts[round(math.log(max(duration_s, 1e-6)) / _GROWTH)] += 1

    def at(self, percent: float) -> float | None:
        """The smallest duration that so many of a hundred do not exceed; None without any."""
        left = math.ceil(self._counts.total() * percent / 100)
        for step, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return float(f"{math.exp(step * _GROWTH):.3g}")
        return None


@dataclass
class VerificationCounts:
    """What came of the programs; `skipped` holds why entries could not be judged, the first few."""

    entries: int = 0
    resumed: int = 0
    """Entries that an earlier run had judged."""
    programs: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    passed_train: int = 0
    passed_train_and_test: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    """Programs with each of LABELS; `not_deterministic` are those known not to be."""
    durations: Percentiles = field(default_factory=Percentiles)
    """Of the programs that were not cut short."""
    skipped: list[str] = field(default_factory=list)
    skipped_count: int = 0
    verified_task_ids: set[str] = field(default_factory=set)
    """Tasks with a program that is right on every train and test pair."""

    def add(self, entry: Mapping[str, Any], *, resumed: bool) -> None:
        """Count an entry by its fields, which this run or an earlier one wrote."""
        if entry["entry_type"] != "result":
            return
        self.resumed += resumed
        if "not_judged" in entry:
            self.skipped_count += 1
            self.skipped += [entry["not_judged"]][: _REASONS_KEPT - len(self.skipped)]
            return
        self.entries += 1
        lists = (
            entry["execution_status"],
            entry["execution_duration_s"],
            entry["train_passed"],
            entry["test_passed"],
        )
        for status, duration_s, train, test in zip(*lists, strict=True):
            if status is None:
                continue
            self.programs += 1
            self.statuses[status] += 1
            if duration_s is not None:
                self.durations.add(duration_s)
            if not train or not all(train):
                continue
            self.passed_train += 1
            if all(test):
                self.passed_train_and_test += 1
                self.verified_task_ids.add(entry["task_id"])
        self._count_labels(entry)

    def _count_labels(self, entry: Mapping[str, Any]) -> None:
        for label in LABELS:
            self.labels[label] += sum(value is True for value in entry[label])
        self.labels["not_deterministic"] += entry["deterministic"].count(False)

    def progress_text(self) -> str:
        """The counts in a few words, to be shown while programs are judged."""
        return f"{self.programs} programs, {self.passed_train} pass train"

    def to_json(self) -> dict[str, Any]:
        """The part of the metadata that counts."""
        return {
            "entries": self.entries,
            "entries_resumed": self.resumed,
            "entries_not_judged": self.skipped,
            "entries_not_judged_count": self.skipped_count,
            "programs": self.programs,
            "execution_statuses": dict(self.statuses.most_common()),
            "execution_duration_s": {
                f"p{percent}": self.durations.at(percent) for percent in (50, 95, 99)
            },
            "passed_train": self.passed_train,
            "passed_train_and_test": self.passed_train_and_test,
            "labels": dict(self.labels),
            "verified_task_ids": sorted(self.verified_task_ids),
        }
