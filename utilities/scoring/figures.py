"""The figures of a benchmark, from its tasks' outcomes; ARC Prize's score comes first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from utilities.scoring.intervals import Interval, share_interval
from utilities.scoring.outcomes import TaskOutcome


@cache
def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that of k samples drawn from these at least one is correct, without bias.

    1 - C(samples - correct, k) / C(samples, k), as a product (M. Chen et al., Evaluating Large
    Language Models Trained on Code, 2021, section 2.1). Raises ValueError unless
    0 <= correct <= samples and 1 <= k <= samples.
    """
    if not (0 <= correct <= samples and 1 <= k <= samples):
        raise ValueError(f"pass@{k} of {samples} samples, {correct} of them correct")
    # If fewer than k are wrong, drawn = k makes the product 0.
    return 1.0 - prod(1.0 - k / drawn for drawn in range(samples - correct + 1, samples + 1))


@dataclass(frozen=True, slots=True)
class Figure:
    """A share: Σ numerators ÷ Σ denominators over tasks, with its 95 % interval."""

    name: str
    key: str
    """Its name in the metadata; `pass_at_k` is shared by all k."""
    value: float
    interval: Interval
    meaning: str

    def line(self) -> str:
        """The figure for a person to read."""
        between = f"({self.interval[0]:.1%} – {self.interval[1]:.1%})"
        return f"{self.name:15}{self.value:7.2%}  {between:18}{self.meaning}".rstrip()


def _figure(
    name: str,
    key: str,
    numerators: Sequence[float],
    denominators: Sequence[float],
    trials: float,
    *,
    meaning: str = "",
) -> Figure:
    total = sum(denominators)
    value = sum(numerators) / total if total else 0.0
    interval = share_interval(numerators, denominators, trials)
    return Figure(name, key, value, interval, meaning)


def figures_of(tasks: Sequence[TaskOutcome]) -> list[Figure]:
    """Every figure of these tasks, at least one, whose test outputs are all known."""
    return [*_score_figures(tasks), *_sample_figures(tasks), *_program_figures(tasks)]


def _score_figures(tasks: Sequence[TaskOutcome]) -> list[Figure]:
    each = [1.0] * len(tasks)
    solved = [float(sum(map(bool, one.outputs_solved))) for one in tasks]
    outputs = [float(len(one.outputs_solved)) for one in tasks]
    scores = [one.score for one in tasks]
    whole = [float(one.solved) for one in tasks]
    count = len(tasks)
    return [
        _figure("macro", "macro", scores, each, sum(outputs),
                meaning=f"{sum(scores):.2f} ÷ {count} tasks, the mean task score (ARC Prize)"),
        _figure("micro", "micro", solved, outputs, sum(outputs),
                meaning=f"{sum(solved):.0f} of {sum(outputs):.0f} outputs solved (Kaggle)"),
        _figure("strict", "strict", whole, each, count,
                meaning=f"{sum(whole):.0f} of {count} tasks with all outputs solved"),
    ]  # fmt: skip


def _sample_figures(tasks: Sequence[TaskOutcome]) -> list[Figure]:
    """What the samples hold, whatever was chosen of them; a task counts if all outputs are."""
    samples = max(one.samples for one in tasks)
    if not samples:
        return []
    each = [1.0] * len(tasks)
    reached = [float(one.outputs_reached == len(one.outputs_solved)) for one in tasks]
    agreed = [float(one.majority_right) for one in tasks]
    figures = [
        _figure(f"oracle@{samples}", "oracle", reached, each, len(tasks),
                meaning=f"{sum(reached):.0f} tasks with each output in some sample"),
        _figure(f"majority@{samples}", "majority", agreed, each, len(tasks),
                meaning=f"{sum(agreed):.0f} tasks by the most frequent answer alone"),
    ]  # fmt: skip
    drawn = sum(one.independent_samples for one in tasks)
    independent = max(one.independent_samples for one in tasks)
    for k in range(1, independent + 1):
        chances = [_chance(one, k) for one in tasks]
        meaning = "the chance that one of k samples is right" if k == 1 else ""
        if k == 1 and any(one.may_stop for one in tasks):
            meaning += "; of the first samples only, which every task was sure to get"
        figures.append(_figure(f"pass@{k}", "pass_at_k", chances, each, drawn, meaning=meaning))
    return figures


def _chance(task: TaskOutcome, k: int) -> float:
    """pass@k; a task with fewer samples than k has no more chances than those."""
    drawn = min(k, task.independent_samples)
    if not drawn:
        return 0.0
    return pass_at_k(task.independent_samples, task.independent_right, drawn)


def _program_figures(tasks: Sequence[TaskOutcome]) -> list[Figure]:
    if all(one.train_fits is None for one in tasks):
        return []
    samples = [float(one.samples) for one in tasks]
    fits = [float(one.train_fits or 0) for one in tasks]
    wrong = [float(one.false_positives or 0) for one in tasks]
    fresh = [float(one.fresh_judged) for one in tasks]
    held = [float(one.generalising) for one in tasks]
    figures = [
        _figure("train-fit", "train_fit", fits, samples, sum(samples),
                meaning=f"{sum(fits):.0f} of {sum(samples):.0f} samples solve all train pairs"),
        _figure("false-positive", "false_positive", wrong, fits, sum(fits),
                meaning=f"{sum(wrong):.0f} of these {sum(fits):.0f} miss a test output"),
    ]  # fmt: skip
    if sum(fresh):
        meaning = f"{sum(held):.0f} of {sum(fresh):.0f} train fits hold on fresh pairs"
        figures.append(_figure("generalising", "generalising", held, fresh, sum(fresh),
                               meaning=meaning))  # fmt: skip
    return figures
