"""What becomes of a benchmark's attempts: the fields of an entry, and the score of a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from utilities.results.entry import ResultEntry
from utilities.scoring.attempts import Choices, grids_of
from utilities.scoring.contamination import ContaminationCheck
from utilities.scoring.outcomes import (
    ATTEMPTS,
    TaskOutcome,
    missing_outcome_of,
    outcome_of,
    score_attempts,
)
from utilities.scoring.scores import ScoreSummary, attempts_note, score
from utilities.tasks.task import Grid, Task
from utilities.verification.verdict import ProgramFaults


def attempt_fields(task: Task, attempts: Sequence[Sequence[Grid | None]]) -> dict[str, Any]:
    """An entry's `attempts` (the chosen grids for each test input), judged by the test outputs.

    `outputs_solved` has a bool for each test output, null if it is not known; `solved` says
    whether every one of them is, null if one is not known.
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
    """The score of a run, entry by entry, worked out as `score_results.py` does from its file."""

    def __init__(
        self,
        selected: Iterable[Task] = (),
        check: ContaminationCheck | None = None,
        attempts: int = ATTEMPTS,
    ) -> None:
        """`selected` are all tasks of the run; those without an entry at its end are missing.

        `check` looks each task up in the training data at hand; `attempts` is how many each test
        input has.
        """
        self._selected = selected
        self._check = check or ContaminationCheck()
        self._attempts = attempts
        self._outcomes: dict[str, TaskOutcome] = {}
        self._faults = ProgramFaults()
        self.summary = ScoreSummary()
        """The scores that `conclusion` came to, missing tasks included; none before."""

    def add(self, entry: ResultEntry) -> None:
        """Count an entry that `attempt_fields` is part of."""
        task = entry.task()
        self._outcomes[task.task_id] = outcome_of(entry, task)
        self._check.add(task)
        self._faults.add(entry.execution_status or (), entry.execution_message or ())

    def conclusion(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """What goes into the run's metadata, with `more`, and the lines of its summary.

        `missing_tasks` says of each task without an entry how many test inputs it has, and
        `missing_unscored_task_ids` of which of them the outputs are not known; `scores` is None
        if no test output is known.
        """
        left = [
            missing_outcome_of(task)
            for task in self._selected
            if task.task_id not in self._outcomes
        ]
        summary = self.summary = score([*self._outcomes.values(), *left])
        fields = {
            "scores": summary.to_json() if summary.tasks else None,
            "unscored_tasks": len(summary.unscored),
            "missing_tasks": {one.task_id: len(one.outputs_solved) for one in left},
            "missing_unscored_task_ids": [one.task_id for one in left if not one.scored],
            "contamination": self._check.to_json(),
            **self._faults.to_json(),
            **more,
        }
        noted = attempts_note(self._attempts) if summary.tasks else []
        told = summary.lines() + self._check.lines() + self._faults.lines()
        return fields, told + noted
