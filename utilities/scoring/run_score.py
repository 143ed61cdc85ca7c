"""What becomes of a benchmark's attempts: the fields of an entry, and the score of a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from utilities.models.costs import cost_text
from utilities.results.result_entry import ResultEntry
from utilities.scoring.attempts import Choices, grids_of
from utilities.scoring.contamination import ContaminationCheck
from utilities.scoring.intervals import mcnemar_p_value
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


class JudgeFigures:
    """What a judge of answers gained and lost against the votes, and what it cost."""

    def __init__(self) -> None:
        """Start with no task."""
        self.name: str | None = None
        """The judge's; None until a task was judged."""
        self.asked, self.scored, self.calls, self.abstained = 0, 0, 0, 0
        self.gained: list[str] = []
        self.lost: list[str] = []
        self.known_cost_usd, self.unpriced = 0.0, 0

    def add(self, entry: ResultEntry, task: Task) -> None:
        """Count an entry that a judge has seen; others pass."""
        if entry.judge is None:
            return
        self.name = entry.judge.model_identifier or "a judge"
        self.asked += bool(entry.judge.calls)
        for call in entry.judge.calls:
            self.calls += 1
            self.abstained += call.first is None
            self.known_cost_usd += call.cost_usd or 0.0
            self.unpriced += call.usage is not None and call.cost_usd is None
        if task.is_scorable and entry.judge.voted_attempts is not None:
            self.scored += 1
            expected = [pair.output for pair in task.test]
            tried = (entry.attempts or (), entry.judge.voted_attempts)
            now, voted = (all(score_attempts(one[: len(expected)], expected)) for one in tried)
            if now != voted:
                (self.gained if now else self.lost).append(task.task_id)

    def lines(self) -> list[str]:
        """One line; nothing if there was no judge."""
        if self.name is None:
            return []
        gain = ""
        if self.scored:
            gained, lost = len(self.gained), len(self.lost)
            p_value = mcnemar_p_value(gained, lost)
            gain = f"+{gained} −{lost} tasks against the votes (McNemar p = {p_value:.3g}), "
        cost = cost_text(self.known_cost_usd, self.unpriced)
        calls = f"{cost} for {self.calls} calls on {self.asked} tasks"
        without = f", {self.abstained} of them without a choice" if self.abstained else ""
        return [f"{'judge':10}{self.name}: {gain}{calls}{without}"]

    def to_json(self) -> dict[str, Any]:
        """For the metadata; nothing if there was no judge."""
        if self.name is None:
            return {}
        gain = {"gained_task_ids": self.gained, "lost_task_ids": self.lost} if self.scored else {}
        told = {
            "model_identifier": self.name,
            "tasks_asked": self.asked,
            "calls": self.calls,
            "without_choice": self.abstained,
            "known_cost_usd": self.known_cost_usd,
            "calls_of_unknown_cost": self.unpriced,
            **gain,
        }
        return {"judge": told}


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
        self._judge = JudgeFigures()
        self.summary = ScoreSummary()
        """The scores that `conclusion` came to, missing tasks included; none before."""

    def add(self, entry: ResultEntry) -> None:
        """Count an entry that `attempt_fields` is part of."""
        task = entry.task()
        self._outcomes[task.task_id] = outcome_of(entry, task)
        self._check.add(task)
        self._judge.add(entry, task)
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
            **self._judge.to_json(),
            **more,
        }
        noted = attempts_note(self._attempts) if summary.tasks else []
        told = summary.lines() + self._judge.lines() + self._check.lines() + self._faults.lines()
        return fields, told + noted
