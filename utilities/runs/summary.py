"""The lines that a run prints at its end."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utilities.config import REPOSITORY

if TYPE_CHECKING:
    from utilities.replies.budget import Spending
    from utilities.runs.loop import RunLoop
    from utilities.runs.run import AskingRun
    from utilities.runs.tally import Tally

BUILD_REPORT = REPOSITORY / "auxiliary_utilities" / "build_report.py"
_WIDTH = 10


def summary_of(
    run: AskingRun, loop: RunLoop, lines: Sequence[str], paths: Sequence[Path]
) -> list[str]:
    """What came of a run, the script's own `lines`, and the `paths` that were written."""
    unfinished = bool(lines) and loop.status != "completed"
    rows = _rows(run, loop.tally)
    return [
        f"{run.store.place.stem}: {loop.status} in {time.monotonic() - run.started:.1f} s",
        *(f"  {name:{_WIDTH}}{text}" for name, text in rows.items()),
        *(f"  {line}" for line in lines),
        *(["  unfinished: what is not done is not solved"] if unfinished else []),
        *(f"  {name:{_WIDTH}}{shown(path)}" for name, path in zip(
            ("results", "journal", "log", "snapshot"), paths, strict=False
        )),
        f"  {'report':{_WIDTH}}{_report_command(run.store.place.results)}",
    ]  # fmt: skip


def _rows(run: AskingRun, tally: Tally) -> dict[str, str]:
    samples = ", ".join(f"{count} {status}" for status, count in tally.statuses.most_common())
    left = f", {tally.left_count} left for the next run" if tally.left_count else ""
    failed = f", {len(tally.failed_task_ids)} failed" if tally.failed_task_ids else ""
    skipped = f", {len(run.tasks.skipped)} bad and skipped" if run.tasks.skipped else ""
    resumed_cost = f", ${run.spending.usd:.4f} of it now" if tally.resumed_count else ""
    return {
        "tasks": f"{tally.done_count} done ({tally.asked_count} now, {tally.resumed_count} "
        f"by earlier runs){failed}{left}{skipped}",
        "samples": f"{tally.statuses.total()}: {samples or 'none'}",
        **({"requests": tally.requests_text()} if tally.requests else {}),
        **({"reparsed": _reparsed(run, tally)} if run.options.reparse else {}),
        "tokens": tally.tokens_text(),
        "cost": tally.cost_text() + resumed_cost + _lost_attempts(run.spending),
        **({} if run.batches is None else {"batches": run.batches.summary()}),
    }


def _reparsed(run: AskingRun, tally: Tally) -> str:
    missing = tally.statuses["not_asked"] + tally.left_count * run.options.best_of
    return (
        f"{tally.asked_count} entries made anew, {tally.resumed_count} as they were; "
        f"{missing} samples without a reply in the journal left as they are"
    )


def _lost_attempts(spending: Spending) -> str:
    most = f" (at most ${spending.lost_usd:.4f})" if spending.lost_usd else ""
    besides = f"; {spending.lost_count} attempts without a reply may have been billed besides{most}"
    return besides if spending.lost_count else ""


def _report_command(results: Path) -> str:
    return shlex.join(map(shown, (Path(sys.executable), BUILD_REPORT, results)))


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the working folder."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
