"""Scores as ARC Prize counts them, and how sure one can be of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import prod, sqrt

from utilities.tasks import Grid

_Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
_MOST_LISTED = 10
"""How many task ids a summary spells out."""


def score_attempts(
    attempts: Sequence[Sequence[Grid | None]], expected: Sequence[Grid | None]
) -> tuple[bool | None, ...]:
    """For each test output whether one of its attempts equals it; None where it is not known.

    A test input without attempts is not solved. Raises ValueError where there are attempts for
    more test inputs than the task has.
    """
    if len(attempts) > len(expected):
        raise ValueError(f"attempts for {len(attempts)} test inputs; the task has {len(expected)}")
    padded = chain(attempts, repeat(()))
    return tuple(
        None if output is None else output in tried
        for output, tried in zip(expected, padded, strict=False)
    )


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion (E. B. Wilson, JASA 22, 1927, pp. 209-212).

    Without trials it is (0, 1): nothing is known. Raises ValueError where successes are not
    within 0-trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    spread = _Z_95**2 / trials
    share = successes / trials
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that of k samples drawn from these at least one is correct, without bias.

    1 - C(samples - correct, k) / C(samples, k), as a product (M. Chen et al., Evaluating Large
    Language Models Trained on Code, 2021, section 2.1). Raises ValueError unless
    0 <= correct <= samples and 1 <= k <= samples.
    """
    if not (0 <= correct <= samples and 1 <= k <= samples):
        raise ValueError(f"pass@{k} of {samples} samples, {correct} of them correct")
    # Where fewer than k are wrong, drawn = k makes the product 0.
    return 1.0 - prod(1.0 - k / drawn for drawn in range(samples - correct + 1, samples + 1))


@dataclass(frozen=True, slots=True)
class TaskScore:
    """How many of a task's test outputs are solved."""

    outputs_solved: int
    outputs: int
    failed_for_technical_reasons: bool = False

    @property
    def solved(self) -> bool:
        """Whether all outputs are."""
        return self.outputs_solved == self.outputs


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """The three scores in use, the counts behind them, and which tasks they come from.

    Each task id is in exactly one of the three tuples; `failed_task_ids` are the tasks that are
    not solved and that failed for technical reasons. Without tasks every score is 0.
    """

    outputs_solved: int
    outputs: int
    task_score_sum: float
    solved_task_ids: tuple[str, ...]
    unsolved_task_ids: tuple[str, ...]
    failed_task_ids: tuple[str, ...]

    @property
    def tasks_solved(self) -> int:
        """Tasks with all of their outputs solved."""
        return len(self.solved_task_ids)

    @property
    def tasks(self) -> int:
        """All tasks, whatever became of them."""
        return self.tasks_solved + len(self.unsolved_task_ids) + len(self.failed_task_ids)

    @property
    def strict(self) -> float:
        """Tasks with all outputs solved ÷ tasks."""
        return self.tasks_solved / max(1, self.tasks)

    @property
    def macro(self) -> float:
        """The mean over tasks of outputs solved ÷ outputs, as in the ARC Prize harness."""
        return self.task_score_sum / max(1, self.tasks)

    @property
    def micro(self) -> float:
        """Outputs solved ÷ outputs, as on Kaggle."""
        return self.outputs_solved / max(1, self.outputs)

    @property
    def strict_interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of `strict`."""
        return wilson_interval(self.tasks_solved, self.tasks)

    @property
    def micro_interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of `micro`, which takes the outputs of a task as independent."""
        return wilson_interval(self.outputs_solved, self.outputs)

    def lines(self) -> list[str]:
        """The summary for a person to read."""
        if not self.tasks:
            return ["no task scored"]
        rows = (
            ("strict", self.strict, self.strict_interval,
             f"{self.tasks_solved} of {self.tasks} tasks with all outputs solved"),
            ("macro", self.macro, None,
             f"{self.task_score_sum:.2f} ÷ {self.tasks} tasks, the mean task score (ARC Prize)"),
            ("micro", self.micro, self.micro_interval,
             f"{self.outputs_solved} of {self.outputs} outputs solved (Kaggle)"),
        )  # fmt: skip
        lines = [
            f"{name:8}{score:7.2%}  {_between(interval):18}{counts}"
            for name, score, interval, counts in rows
        ]
        if failed := self.failed_task_ids:
            more = ", …" if len(failed) > _MOST_LISTED else ""
            lines.append(
                f"of these, {len(failed)} not solved for technical reasons "
                f"({', '.join(failed[:_MOST_LISTED])}{more})"
            )
        return lines


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"({interval[0]:.1%} – {interval[1]:.1%})"


class Scoreboard:
    """Adds up the tasks of a run, keeping a few numbers for each."""

    def __init__(self) -> None:
        """Start with no task."""
        self._tasks: dict[str, TaskScore] = {}

    def add(
        self,
        task_id: str,
        outputs_solved: Sequence[bool],
        *,
        failed_for_technical_reasons: bool = False,
    ) -> TaskScore:
        """Count a task, with one bool a test output; a task added again replaces what it was.

        A missing or failed task is added too, with False for each of its outputs. Raises
        ValueError where there are no outputs.
        """
        if not outputs_solved:
            raise ValueError(f"task {task_id}: no test output to score")
        score = TaskScore(sum(outputs_solved), len(outputs_solved), failed_for_technical_reasons)
        self._tasks[task_id] = score
        return score

    def summary(self) -> ScoreSummary:
        """What the tasks added so far come to."""
        scores = self._tasks
        unsolved = {name: score for name, score in scores.items() if not score.solved}
        failed = [name for name, one in unsolved.items() if one.failed_for_technical_reasons]
        return ScoreSummary(
            outputs_solved=sum(score.outputs_solved for score in scores.values()),
            outputs=sum(score.outputs for score in scores.values()),
            task_score_sum=sum(score.outputs_solved / score.outputs for score in scores.values()),
            solved_task_ids=tuple(name for name in scores if name not in unsolved),
            unsolved_task_ids=tuple(name for name in unsolved if name not in set(failed)),
            failed_task_ids=tuple(failed),
        )
