"""What becomes of a benchmark's attempts: the fields of an entry, and the score of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from utilities.scoring import Scoreboard, ScoreSummary, score_attempts
from utilities.tasks import Grid, Task


def attempt_fields(task: Task, attempts: Sequence[Sequence[Grid | None]]) -> dict[str, Any]:
    """An entry's `attempts` (the chosen grids for each test input), judged by the test outputs.

    `outputs_solved` has a bool for each test output, null where it is not known; `solved` says
    whether every one of them is, null where one is not known.
    """
    outputs_solved = score_attempts(attempts, [pair.output for pair in task.test])
    return {
        "attempts": attempts,
        "outputs_solved": outputs_solved,
        "solved": None if None in outputs_solved else all(outputs_solved),
    }


class BenchmarkOutcome:
    """The score of a run, entry by entry; tasks without known test outputs are counted apart."""

    def __init__(self) -> None:
        """Start with no entry."""
        self._scoreboard = Scoreboard()
        self._unscored = 0

    def add(self, entry: Mapping[str, Any]) -> None:
        """Count an entry that `attempt_fields` is part of."""
        outputs_solved = entry["outputs_solved"]
        if None in outputs_solved:
            self._unscored += 1
            return
        self._scoreboard.add(
            entry["task_id"], outputs_solved, failed_for_technical_reasons=not entry["complete"]
        )

    def conclusion(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What goes into the run's metadata, with `more`, and the lines of its summary."""
        summary = self._scoreboard.summary()
        unscored = [f"{self._unscored} tasks without known outputs, not scored"]
        lines = summary.lines() if summary.tasks or not self._unscored else []
        return (
            {"scores": _scores(summary), **more},
            lines + (unscored if self._unscored else []),
        )


def _scores(summary: ScoreSummary) -> dict[str, Any]:
    return {
        "strict": summary.strict,
        "strict_interval_95": summary.strict_interval,
        "macro": summary.macro,
        "micro": summary.micro,
        "micro_interval_95": summary.micro_interval,
        "tasks": summary.tasks,
        "outputs": summary.outputs,
        "outputs_solved": summary.outputs_solved,
    }
