"""What becomes of a benchmark's attempts: the fields of an entry, and the score of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from utilities.attempts import Choices, grids_of
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


def choice_fields(task: Task, choices: Choices, attempts: int) -> dict[str, Any]:
    """`attempt_fields` of the chosen grids, with the votes and the sample behind each of them."""

    def filled(listed: list[int], filler: int | None) -> list[int | None]:
        return [*listed, *([filler] * (attempts - len(listed)))]

    return {
        **attempt_fields(task, grids_of(choices, attempts)),
        "attempt_votes": [filled([one.votes for one in chosen], 0) for chosen in choices],
        "attempt_samples": [filled([one.sample for one in chosen], None) for chosen in choices],
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

    @property
    def summary(self) -> ScoreSummary:
        """The scores over the tasks counted so far."""
        return self._scoreboard.summary()

    def conclusion(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What goes into the run's metadata, with `more`, and the lines of its summary.

        Where no test output is known, there is no score: `scores` is None.
        """
        summary = self.summary
        unscored = [f"{self._unscored} tasks without known outputs, not scored"]
        lines = summary.lines() if summary.tasks or not self._unscored else []
        return (
            {
                "scores": _scores(summary) if summary.tasks else None,
                "unscored_tasks": self._unscored,
                **more,
            },
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
