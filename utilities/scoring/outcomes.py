"""What one entry of a benchmark comes to, in a few numbers: attempts, samples, failures, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import orjson

from utilities.errors import ASK_AGAIN, UsageError
from utilities.scoring.attempts import Candidate, choose_attempts, choose_voted_attempts
from utilities.tasks.task import Grid, Task
from utilities.verification.verdict import normal_form

ATTEMPTS = 2
"""How many answers to a test input ARC Prize and Kaggle take."""
Attempts = Sequence[Sequence[Grid | None]]
"""For each test input the grids chosen; None where there was none to choose."""


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """A task's part in the figures of a benchmark; one that is `missing` has no samples."""

    task_id: str
    outputs_solved: tuple[bool | None, ...]
    """For each test output whether an attempt is right; None where the output is not known."""
    samples: int = 0
    independent_samples: int = 0
    """Of these, the samples of the first round, which no other sample is shown to."""
    independent_right: int = 0
    """Of the latter, those with every test output right."""
    outputs_reached: int = 0
    """Test outputs that some sample has right."""
    majority_right: bool = False
    """Whether for each test input the grid that most samples gave is right."""
    train_fits: int | None = None
    """Programs that solve every train pair; None where the samples are no programs."""
    false_positives: int | None = None
    """Of these, programs that miss a test output."""
    failures: Counter[str] = field(default_factory=Counter)
    """Samples that failed for technical reasons, by status."""
    missing: bool = False
    """Selected, but without an entry."""
    cost_usd: float | None = None
    """Over all samples; None where any part is unknown."""
    tokens: int = 0
    """Input and output, over all samples."""
    latency_s: float = 0.0
    """The samples' waiting times, added up."""
    task_hash: str = ""
    """Names the task by its train pairs and test inputs, so that two runs can be compared."""

    @property
    def scored(self) -> bool:
        """Whether every test output is known."""
        return None not in self.outputs_solved

    @property
    def solved(self) -> bool:
        """Whether every test output is known and solved."""
        return all(self.outputs_solved)

    @property
    def score(self) -> float:
        """Test outputs solved ÷ test outputs."""
        return sum(map(bool, self.outputs_solved)) / len(self.outputs_solved)


def missing_outcome(task_id: str, outputs: int, *, scored: bool = True) -> TaskOutcome:
    """A task that was to be answered and has no entry: nothing of it is solved.

    Without `scored` its test outputs are not known, and it counts in no figure.
    """
    solved: tuple[bool | None, ...] = (False if scored else None,) * outputs
    return TaskOutcome(task_id, solved, missing=True, cost_usd=0.0)


def score_attempts(attempts: Attempts, expected: Sequence[Grid | None]) -> tuple[bool | None, ...]:
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


def outcome_of(entry: Mapping[str, Any], task: Task, *, task_hash: str = "") -> TaskOutcome:
    """What a benchmark's entry comes to, judged anew by the test outputs of `task`.

    Raises UsageError where the entry has neither attempts nor test outputs to choose them from.
    """
    expected = [pair.output for pair in task.test]
    attempts = attempts_of(entry, task)
    try:
        solved = score_attempts(attempts, expected)
    except ValueError as error:
        raise UsageError(f"task {task.task_id}: {error}; mend the entry") from error
    right = _outputs_right(entry, expected)
    usage = [item for item in entry.get("usage") or () if item]
    fits = _train_fits(entry)
    first = _first_round(entry)
    return TaskOutcome(
        task.task_id,
        solved,
        samples=len(entry["status"]),
        independent_samples=len(first),
        independent_right=sum(all(right[index]) for index in first if index < len(right)),
        outputs_reached=sum(map(any, zip(*right, strict=True))),
        majority_right=_majority_right(entry, expected),
        train_fits=None if fits is None else sum(fits),
        false_positives=None
        if fits is None
        else sum(fit and not all(one) for fit, one in zip(fits, right, strict=False)),
        failures=Counter(status for status in entry["status"] if status in ASK_AGAIN),
        cost_usd=cost_of(entry),
        tokens=sum(
            item.get(f"{kind}_tokens") or 0 for item in usage for kind in ("input", "output")
        ),
        latency_s=sum(seconds or 0.0 for seconds in entry.get("latency_s") or ()),
        task_hash=task_hash,
    )


def attempts_of(entry: Mapping[str, Any], task: Task) -> Attempts:
    """The entry's attempts; where it has none, those that the benchmarks would choose.

    Raises UsageError where there is nothing to choose from.
    """
    attempts = entry.get("attempts")
    if isinstance(attempts, list | tuple) and all(isinstance(a, list | tuple) for a in attempts):
        return attempts
    if attempts is not None or not isinstance(entry.get("test_outputs"), list):
        raise UsageError(
            f"task {task.task_id}: no attempts and no test_outputs; give a benchmark's results"
        )
    outputs = [_padded(sample, len(task.test)) for sample in entry["test_outputs"]]
    passed = entry.get("train_passed")
    if not isinstance(passed, list):
        return choose_voted_attempts(outputs, len(task.test))
    codes = entry.get("python_code") or [""] * len(outputs)
    stated = entry.get("confidence") or [None] * len(outputs)
    samples = enumerate(zip(passed, outputs, codes, stated, strict=False))
    candidates = [
        Candidate(index, tuple(train), tuple(output), len(normal_form(code)), confidence)
        for index, (train, output, code, confidence) in samples
        if train is not None and code is not None
    ]
    return choose_attempts(candidates, len(task.test))


def cost_of(entry: Mapping[str, Any]) -> float | None:
    """What the samples cost together, in USD; None where that is not known of one that answered."""
    costs = entry.get("cost_usd") or ()
    usage = entry.get("usage") or ()
    known = [cost for used, cost in zip(usage, costs, strict=False) if used is not None]
    return None if not usage or None in known else float(sum(known))


def _outputs_right(
    entry: Mapping[str, Any], expected: Sequence[Grid | None]
) -> list[tuple[bool, ...]]:
    """For each sample whether each test output is right; unknown ones are not."""
    outputs = entry.get("test_outputs")
    if isinstance(outputs, list):
        return [
            tuple(
                want is not None and got == want
                for want, got in zip(expected, _padded(sample, len(expected)), strict=True)
            )
            for sample in outputs
        ]
    passed = entry.get("test_passed") or [None] * len(entry["status"])
    return [tuple(map(bool, _padded(sample, len(expected)))) for sample in passed]


def _majority_right(entry: Mapping[str, Any], expected: Sequence[Grid | None]) -> bool:
    """Whether for each test input the grid given most often is right; of equals, the first seen."""
    samples = [_padded(sample, len(expected)) for sample in entry.get("test_outputs") or ()]
    for place, want in enumerate(expected):
        given = (sample[place] for sample in samples)
        votes = Counter(orjson.dumps(grid) for grid in given if grid is not None)
        if not votes or want is None or votes.most_common(1)[0][0] != orjson.dumps(want):
            return False
    return True


def _first_round(entry: Mapping[str, Any]) -> list[int]:
    """The samples that are no refinements of others."""
    rounds = entry.get("refinement_round") or [0] * len(entry["status"])
    return [index for index, number in enumerate(rounds) if not number]


def _train_fits(entry: Mapping[str, Any]) -> list[bool] | None:
    passed = entry.get("train_passed")
    if not isinstance(passed, list):
        return None
    return [bool(sample) and all(sample) for sample in passed]


def _padded(sample: Sequence[Any] | None, count: int) -> list[Any]:
    """A sample's items, one a test input: None for those that it lacks."""
    return [*(sample or ()), *[None] * count][:count]
