"""The lines that a run prints at its end."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.config import REPOSITORY
from utilities.models.costs import cost_text
from utilities.replies.budget import Spending
from utilities.runs.tally import Tally

BUILD_REPORT = REPOSITORY / "auxiliary_utilities" / "build_report.py"
_WIDTH = 10


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What the summary of a run says, apart from the script's own lines."""

    script: str
    """The stem of its results."""
    status: str
    duration_s: float
    tally: Tally
    spending: Spending
    skipped: int
    """Bad tasks."""
    chosen: int | None = None
    """All tasks that were chosen, bad ones too, if their number is known."""
    pays_for_samples: bool = True
    """Whether samples of new entries were paid for by this run."""
    batches: str | None = None
    """What became of its batches, if it asked by batches."""
    reparsed_best_of: int | None = None
    """Samples for each task, if the run asked nothing and read replies again."""

    def rows(self) -> dict[str, str]:
        """What was done, and what it cost, by name."""
        tally = self.tally
        samples = ", ".join(f"{count} {status}" for status, count in tally.statuses.most_common())
        left = f", {self._left()} left for the next run" if self._left() else ""
        failed = f", {len(tally.failed_task_ids)} failed" if tally.failed_task_ids else ""
        skipped = f", {self.skipped} bad and skipped" if self.skipped else ""
        is_partly_paid = tally.resumed_count or not self.pays_for_samples
        resumed_cost = f", ${self.spending.usd:.4f} of it now" if is_partly_paid else ""
        return {
            "tasks": f"{tally.done_count} done ({tally.asked_count} now, {tally.resumed_count} "
            f"by earlier runs){failed}{left}{skipped}",
            "samples": f"{tally.statuses.total()}: {samples or 'none'}",
            **({"requests": tally.requests_text()} if tally.requests else {}),
            **({} if self.reparsed_best_of is None else {"reparsed": self._reparsed()}),
            "tokens": tally.tokens_text(),
            "cost": tally.cost_text(may_be_more=self.spending.is_open)
            + self._unfinished()
            + resumed_cost
            + _lost_attempts(self.spending),
            **({"stopped": tally.stopped_text()} if tally.may_stop else {}),
            **({} if self.batches is None else {"batches": self.batches}),
        }

    def _left(self) -> int:
        """Tasks that were cut short, or never begun in a run that ended early."""
        never = 0
        if self.status != "completed" and self.chosen is not None:
            never = self.chosen - self.skipped - self.tally.done_count
        return max(self.tally.left_count, never)

    def _unfinished(self) -> str:
        tally, replies = self.tally, self.tally.unfinished_replies
        cost = cost_text(tally.unfinished_cost_usd, tally.unfinished_unknown_cost_count)
        return f", {cost} of it for {replies} replies to unfinished tasks" if replies else ""

    def _reparsed(self) -> str:
        tally = self.tally
        missing = tally.statuses["not_asked"] + tally.left_count * (self.reparsed_best_of or 0)
        return (
            f"{tally.asked_count} entries made anew, {tally.resumed_count} as they were; "
            f"{missing} samples without a reply in the journal left as they are"
        )


def summary_of(figures: RunFigures, lines: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """What came of a run, the script's own `lines`, and the `paths` that were written.

    The paths are those of the results, the journal, the log and the snapshot if there is one.
    """
    unfinished = bool(lines) and figures.status != "completed"
    names = ("results", "journal", "log", "snapshot")
    report = shlex.join(map(shown, (Path(sys.executable), BUILD_REPORT, paths[0])))
    written = [(name, shown(path)) for name, path in zip(names, paths, strict=False)]
    return [
        f"{figures.script}: {figures.status} in {figures.duration_s:.1f} s",
        *(f"  {name:{_WIDTH}}{text}" for name, text in figures.rows().items()),
        *(f"  {line}" for line in lines),
        *(["  unfinished: what is not done is not solved"] if unfinished else []),
        *(f"  {name:{_WIDTH}}{text}" for name, text in [*written, ("report", report)]),
    ]


def _lost_attempts(spending: Spending) -> str:
    most = f" (at most ${spending.lost_usd:.4f})" if spending.lost_usd else ""
    besides = f"; {spending.lost_count} attempts without a reply may have been billed besides{most}"
    return besides if spending.lost_count else ""


def shown(path: Path) -> str:
    """A path as the user would type it: relative if it lies below the working folder."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
