"""The score of a benchmark: its figures, and the tasks that have no answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from utilities.command_line.terminal import first_of
from utilities.scoring.figures import Figure, figures_of
from utilities.scoring.intervals import Interval
from utilities.scoring.outcomes import ATTEMPTS, TaskOutcome

_MOST_LISTED = 10
"""How many task ids a summary spells out."""
_EVERY_K_UP_TO = 10
"""From here on a summary shows pass@k for k = 20, 50, 100, 200 … only."""


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """What a benchmark's tasks come to; without tasks there are no figures."""

    figures: tuple[Figure, ...] = ()
    tasks: int = 0
    tasks_solved: int = 0
    outputs: int = 0
    outputs_solved: int = 0
    samples: int = 0
    """The most that a task has."""
    failed: dict[str, list[str]] = field(default_factory=dict)
    """Tasks not solved of which a sample failed for a technical reason, by status."""
    missing: tuple[str, ...] = ()
    """Tasks without an entry; those among `unscored` count in no figure, the others as 0."""
    unscored: tuple[str, ...] = ()
    """Tasks whose test outputs are not all known: they count in no figure."""

    @property
    def macro(self) -> float:
        """The mean over tasks of outputs solved ÷ outputs: ARC Prize's score."""
        return self.value("macro")

    @property
    def micro(self) -> float:
        """Outputs solved ÷ outputs: Kaggle's score."""
        return self.value("micro")

    @property
    def strict(self) -> float:
        """Tasks with all outputs solved ÷ tasks."""
        return self.value("strict")

    def value(self, key: str) -> float:
        """The figure of this key; 0 if there is none."""
        return next((figure.value for figure in self.figures if figure.key == key), 0.0)

    def interval(self, key: str) -> Interval:
        """The 95 % interval of the figure of this key; (0, 1) if there is none."""
        found = (figure.interval for figure in self.figures if figure.key == key)
        return next(found, (0.0, 1.0))

    def lines(self) -> list[str]:
        """The figures for a person to read, then the tasks that have no answer."""
        lines = [one.line() for one in self.figures if self._shown(one)]
        if not self.tasks and not self.unscored:
            lines.append("no task scored")
        for status, ids in self.failed.items():
            lines.append(f"of these, not solved for technical reasons ({status}): {_listed(ids)}")
        if counted := [one for one in self.missing if one not in self.unscored]:
            lines.append(f"of these, without an entry: {_listed(counted)}")
        if self.unscored:
            left = len(self.missing) - len(counted)
            besides = f"; {left} of them without an entry" if left else ""
            lines.append(f"not scored, test outputs unknown: {_listed(self.unscored)}{besides}")
        return lines

    def _shown(self, figure: Figure) -> bool:
        if figure.key != "pass_at_k":
            return True
        k = int(figure.name.removeprefix("pass@"))
        most = sum(one.key == "pass_at_k" for one in self.figures)
        return k <= _EVERY_K_UP_TO or k == most or k in _round_numbers(most)

    def to_json(self) -> dict[str, Any]:
        """The figures as they go into the metadata; `pass_at_k` is a list from k = 1 on."""
        shares: dict[str, Any] = {}
        for one in self.figures:
            if one.key == "pass_at_k":
                shares.setdefault("pass_at_k", []).append(one.value)
                shares.setdefault("pass_at_k_intervals_95", []).append(one.interval)
            else:
                shares |= {one.key: one.value, f"{one.key}_interval_95": one.interval}
        return {
            **shares,
            "tasks": self.tasks,
            "tasks_solved": self.tasks_solved,
            "outputs": self.outputs,
            "outputs_solved": self.outputs_solved,
            "samples": self.samples,
            "failed_task_ids": self.failed,
            "missing_task_ids": self.missing,
            "unscored_task_ids": self.unscored,
        }


def score(outcomes: Iterable[TaskOutcome]) -> ScoreSummary:
    """Work all figures out; the order of the outcomes changes nothing."""
    ordered = sorted(outcomes, key=lambda one: one.task_id)
    tasks = [one for one in ordered if one.scored]
    failed: dict[str, list[str]] = {}
    for one in tasks:
        if one.failures and not one.solved:
            failed.setdefault(", ".join(sorted(one.failures)), []).append(one.task_id)
    return ScoreSummary(
        figures=tuple(figures_of(tasks)) if tasks else (),
        tasks=len(tasks),
        tasks_solved=sum(one.solved for one in tasks),
        outputs=sum(len(one.outputs_solved) for one in tasks),
        outputs_solved=sum(sum(map(bool, one.outputs_solved)) for one in tasks),
        samples=max((one.samples for one in tasks), default=0),
        failed=failed,
        missing=tuple(one.task_id for one in ordered if one.missing),
        unscored=tuple(one.task_id for one in ordered if not one.scored),
    )


def attempts_note(attempts: object) -> list[str]:
    """What must be said of scores with more attempts than the benchmark's rules allow."""
    if not isinstance(attempts, int) or attempts <= ATTEMPTS:
        return []
    return [f"of {attempts} attempts a test input, where ARC Prize and Kaggle allow {ATTEMPTS}"]


def _round_numbers(most: int) -> set[int]:
    return {step * 10**power for power in range(len(str(most))) for step in (1, 2, 5)}


def _listed(ids: Sequence[str]) -> str:
    return f"{len(ids)} task{'s' * (len(ids) != 1)} ({first_of(ids, _MOST_LISTED)})"
