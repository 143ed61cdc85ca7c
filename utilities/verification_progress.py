"""What a person sees of a verification: progress on stderr, a summary at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tqdm import tqdm

from utilities.progress import PLAIN_LINE_EVERY_S, say
from utilities.verification_counts import VerificationCounts


class VerificationProgress:
    """A bar on a terminal, plain lines elsewhere, nothing where it is quiet."""

    def __init__(self, total: int | None, *, quiet: bool) -> None:
        """`total` is the number of entries, None where it is not known."""
        self._quiet = quiet
        self._of = f" of {total}" if total else ""
        self._seen = 0
        self._next_line = time.monotonic() + PLAIN_LINE_EVERY_S
        self._bar = tqdm(total=total, unit=" entries", disable=True if quiet else None, leave=False)

    def __enter__(self) -> Self:
        """Start showing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.close()

    def update(self, counts: VerificationCounts) -> None:
        """Show the counts after an entry."""
        self._seen += 1
        if not self._bar.disable:
            self._bar.set_postfix_str(_numbers(counts), refresh=False)
            self._bar.update()
        elif not self._quiet and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_LINE_EVERY_S
            say(f"{self._seen}{self._of} entries: {_numbers(counts)}")


def _numbers(counts: VerificationCounts) -> str:
    return f"{counts.programs} programs, {counts.passed_train} pass train"


def summary_lines(counts: VerificationCounts, layers: str, paths: Mapping[str, Path]) -> list[str]:
    """What came of the programs, how they were confined, and where it is written."""
    durations = (f"p{percent} {_milliseconds(counts, percent)}" for percent in (50, 95, 99))
    numbers = [
        ("programs", f"{counts.programs} in {counts.entries} entries"),
        *((f"  {status}", str(count)) for status, count in counts.statuses.most_common()),
        ("passing train", str(counts.passed_train)),
        ("passing train and test", str(counts.passed_train_and_test)),
        ("tasks with such a program", str(len(counts.verified_task_ids))),
        ("not deterministic", str(counts.labels["not_deterministic"])),
        ("hard-coded", str(counts.labels["hardcoded"])),
        ("time a program", ", ".join(durations)),
    ]
    if counts.resumed:
        numbers.append(("judged by an earlier run", f"{counts.resumed} entries"))
    if counts.skipped_count:
        reason = f"{counts.skipped_count}, the first: {counts.skipped[0]}"
        numbers.append(("entries not judged", reason))
    numbers += [("sandbox", layers), *((name, str(path)) for name, path in paths.items())]
    return [f"{name:25} {value}" for name, value in numbers]


def _milliseconds(counts: VerificationCounts, percent: float) -> str:
    duration_s = counts.durations.at(percent)
    return "-" if duration_s is None else f"{1000 * duration_s:.3g} ms"
