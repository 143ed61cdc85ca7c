"""Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Self

from tqdm import tqdm

from utilities.tally import Tally

PLAIN_LINE_EVERY_S = 10.0


def say(line: str) -> None:
    """Print a line on stderr without breaking a bar; a run outlives whoever reads it."""
    if sys.stderr is not None:
        with suppress(OSError):
            tqdm.write(printable(line), file=sys.stderr)


def printable(line: str) -> str:
    """The line with control characters (of a stranger's task id, say) spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class Progress:
    """Shows how far a run is; closed by leaving its context."""

    def __init__(self, total: int | None, *, quiet: bool) -> None:
        """`total` is the number of tasks, None where it is not known."""
        self._total = total
        self._quiet = quiet
        self._started = self._last_line = time.monotonic()
        hidden = True if quiet or sys.stderr is None else None
        self._bar = tqdm(total=total, unit="task", file=sys.stderr, disable=hidden, leave=False)

    def __enter__(self) -> Self:
        """Start showing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._bar.close()

    def update(self, tally: Tally) -> None:
        """Show the counts after a task."""
        if not self._bar.disable:
            self._bar.set_postfix_str(_numbers(tally), refresh=False)
            self._bar.update(tally.done_count - self._bar.n)
            return
        now = time.monotonic()
        if self._quiet or now - self._last_line < PLAIN_LINE_EVERY_S:
            return
        self._last_line = now
        of = f" of {self._total}" if self._total else ""
        rate = tally.asked_count / (now - self._started)
        say(f"{tally.done_count}{of} tasks: {_numbers(tally)}, {rate:.2f} tasks a second")


def _numbers(tally: Tally) -> str:
    return (
        f"solved {len(tally.solved_task_ids)}, failed {len(tally.failed_task_ids)}, "
        f"cost {tally.cost_text()}"
    )
