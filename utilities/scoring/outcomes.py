"""One entry of a benchmark in a few numbers: attempts, samples, failures, cost."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import Any

import orjson

from utilities.errors import ASK_AGAIN, UsageError
from utilities.results.result_entry import EntryKind, ResultEntry, item_of, padded
from utilities.sandbox.python_source import parse_python
from utilities.scoring.attempts import (
    NO_POINTS,
    Candidate,
    Choices,
    Points,
    choose,
    choose_by_vote,
    different_answers,
    grids_of,
    ranked,
)
from utilities.tasks.task import Grid, Task
from utilities.verification.labels import source_labels
from utilities.verification.verdict import normal_form

ATTEMPTS = 2
"""How many answers to a test input ARC Prize and Kaggle take."""
LEFT_OUT = "answers_left_out"
"""In the configuration of answers of others: so many of the entry's belong to no test input."""
Attempts = Sequence[Sequence[Grid | None]]
"""For each test input the grids chosen; None if there was none to choose."""


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """A task's part in the figures of a run; one that is `missing` has no samples.

    Without attempts a task counts as one output. It is solved if some sample's program is right
    on every pair or, if nothing was judged, if some sample is usable.
    """

    task_id: str
    outputs_solved: tuple[bool | None, ...]
    """For each test output whether an attempt is right; None if the output is not known."""
    attempts: int = 0
    """The most that were handed in for a test input."""
    samples: int = 0
    independent_samples: int = 0
    """Of these, the samples of the first round, which no other sample is shown to; if a stop rule
    could end the task, those that came whatever they were."""
    may_stop: bool = False
    """Whether a stop rule could end the task early."""
    left_out: int = 0
    """Answers to test inputs that the task does not have, or has others for; they do not count."""
    not_asked: int = 0
    """At most how many samples it did not get because of that."""
    independent_right: int = 0
    """Of the latter, those with every test output right."""
    outputs_reached: int = 0
    """Test outputs that some sample has right."""
    majority_right: bool = False
    """Whether for each test input the grid that most samples gave is right."""
    train_fits: int | None = None
    """Programs that solve every train pair; None if the samples are no programs."""
    false_positives: int | None = None
    """Of these, programs that miss a test output."""
    fresh_judged: int = 0
    """Of the train fits, programs that ran on enough fresh pairs of the task's rule."""
    generalising: int = 0
    """Of the latter, programs that hold on them."""
    failures: Counter[str] = field(default_factory=Counter)
    """Samples that failed for technical reasons, by status."""
    missing: bool = False
    """Selected, but without an entry."""
    known_cost_usd: float = 0.0
    """Over all samples whose cost is known."""
    unpriced: int = 0
    """Samples of unknown cost."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Over all samples, as are the input tokens."""
    latency_s: float = 0.0
    """The samples' waiting times, added up."""
    task_hash: str = ""
    """Names the task by its train pairs and test inputs, so that two runs can be compared."""
    train_pairs: int = 0
    """0 if nobody knows the task's pairs."""
    largest_grid: int = 0
    """In cells, over all known grids of the task."""

    @property
    def cost_usd(self) -> float | None:
        """Over all samples; None if any part is unknown."""
        return None if self.unpriced else self.known_cost_usd

    @property
    def tokens(self) -> int:
        """Input and output, over all samples."""
        return self.input_tokens + self.output_tokens

    @property
    def scored(self) -> bool:
        """Whether every test output is known."""
        return None not in self.outputs_solved

    @property
    def is_answered(self) -> bool:
        """Whether it has an entry, and no technical failure that could have cost it its answer."""
        return not self.missing and (self.solved or not self.failures)

    @property
    def solved(self) -> bool:
        """Whether every test output is known and solved."""
        return all(self.outputs_solved)

    @property
    def score(self) -> float:
        """Test outputs solved ÷ test outputs."""
        return sum(map(bool, self.outputs_solved)) / len(self.outputs_solved)

    def to_json(self) -> dict[str, Any]:
        """What `--json` says of a task; the score is null if a test output is not known."""
        return {
            "task_id": self.task_id,
            "score": self.score if self.scored else None,
            "outputs_solved": self.outputs_solved,
            "missing": self.missing,
            "failures": self.failures,
            "samples": self.samples,
            "known_cost_usd": self.known_cost_usd,
            "samples_of_unknown_cost": self.unpriced,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "latency_s": self.latency_s,
        }


def missing_outcome(task_id: str, outputs: int, *, scored: bool = True) -> TaskOutcome:
    """A task that was to be answered and has no entry: nothing of it is solved.

    Without `scored` its test outputs are not known, and it counts in no figure.
    """
    solved: tuple[bool | None, ...] = (False if scored else None,) * outputs
    return TaskOutcome(task_id, solved, missing=True)


def missing_outcome_of(task: Task) -> TaskOutcome:
    """`missing_outcome` of a task that is at hand."""
    left = missing_outcome(task.task_id, len(task.test), scored=task.is_scorable)
    return replace(left, **_shape(task))


def _shape(task: Task) -> dict[str, Any]:
    pairs = (*task.train, *task.test)
    grids = [grid for pair in pairs for grid in (pair.input, pair.output) if grid]
    cells = max((len(grid) * len(grid[0]) for grid in grids), default=0)
    return {"train_pairs": len(task.train), "largest_grid": cells}


def score_attempts(attempts: Attempts, expected: Sequence[Grid | None]) -> tuple[bool | None, ...]:
    """For each test output whether one of its attempts equals it; None if it is not known.

    A test input without attempts is not solved. Raises ValueError if there are attempts for
    more test inputs than the task has.
    """
    if len(attempts) > len(expected):
        raise ValueError(f"attempts for {len(attempts)} test inputs; the task has {len(expected)}")
    padded = chain(attempts, repeat(()))
    return tuple(
        None if output is None else output in tried
        for output, tried in zip(expected, padded, strict=False)
    )


def outcome_of(
    entry: ResultEntry, task: Task, *, kind: EntryKind = "benchmark", task_hash: str = ""
) -> TaskOutcome:
    """What an entry comes to; a benchmark's is judged anew by the test outputs of `task`.

    Raises UsageError if a benchmark's entry has neither attempts nor test outputs to choose them
    from.
    """
    judge = _judged_by_attempts if kind == "benchmark" else _judged_by_samples
    return TaskOutcome(
        task.task_id,
        samples=entry.samples,
        failures=Counter(status for status in entry.status if status in ASK_AGAIN),
        known_cost_usd=entry.known_cost_usd,
        unpriced=entry.unpriced,
        input_tokens=entry.total_tokens("input_tokens"),
        output_tokens=entry.total_tokens("output_tokens"),
        latency_s=entry.total_latency_s,
        task_hash=task_hash,
        **_shape(task),
        not_asked=entry.stopping.not_asked if entry.stopping else 0,
        may_stop=entry.stopping is not None,
        left_out=_left_out(entry, len(task.test)),
        **judge(entry, task, entry.independent_samples),
    )


def _left_out(entry: ResultEntry, count: int) -> int:
    """How many answers belong to none of the `count` test inputs."""
    most = max((len(sample or ()) for sample in entry.test_outputs or ()), default=0)
    return max(int((entry.configuration or {}).get(LEFT_OUT, 0)), most - count)


def _judged_by_attempts(entry: ResultEntry, task: Task, first: Sequence[int]) -> dict[str, Any]:
    expected = [pair.output for pair in task.test]
    attempts = attempts_of(entry, task)
    try:
        solved = score_attempts(attempts, expected)
    except ValueError as error:
        raise UsageError(f"task {task.task_id}: {error}; mend the entry") from error
    right = outputs_right(entry, expected)
    independent = [right[index] for index in first]
    if any(place is not None for place in entry.test_input):  # a sample is a part of an attempt
        independent = _attempts_right(attempts, expected)
    judged: dict[str, Any] = {
        "outputs_solved": solved,
        "attempts": max(map(len, attempts), default=0),
        "independent_samples": len(independent),
        "independent_right": sum(map(all, independent)),
        "outputs_reached": sum(map(any, zip(*right, strict=True))),
        "majority_right": _majority_right(entry, expected),
    }
    if entry.train_passed is not None:
        fits = [bool(sample) and all(sample or ()) for sample in entry.train_passed]
        missed = (fit and not all(one) for fit, one in zip(fits, right, strict=True))
        held = entry.generalises or ()
        judged |= {
            "train_fits": sum(fits),
            "false_positives": sum(missed),
            "fresh_judged": sum(one is not None for one in held),
            "generalising": sum(one is True for one in held),
        }
    return judged


def _judged_by_samples(entry: ResultEntry, _: Task, first: Sequence[int]) -> dict[str, Any]:
    if entry.kind == "verified":
        right = [entry.is_verified(index) for index in range(entry.samples)]
    else:
        right = [status == "ok" for status in entry.status]
    return {
        "outputs_solved": (any(right),),
        "independent_samples": len(first),
        "independent_right": sum(right[index] for index in first),
        "outputs_reached": int(any(right)),
    }


def attempts_of(entry: ResultEntry, task: Task) -> Attempts:
    """The entry's attempts; if it has none, those that the benchmarks would choose.

    Raises UsageError if there is nothing to choose from.
    """
    if entry.attempts is not None:
        return entry.attempts
    return grids_of(choices_of(entry, task))


def choices_of(
    entry: ResultEntry, task: Task, attempts: int = ATTEMPTS, points: Points = NO_POINTS
) -> Choices:
    """What the benchmarks choose from the samples of an entry, which has `test_outputs`.

    Test outputs of the task are not looked at.
    """
    if entry.train_passed is None:
        return choose_by_vote(sample_outputs(entry, task), len(task.test), attempts, points)
    return choose(_candidates(entry, task), len(task.test), attempts, points)


def ranked_samples(entry: ResultEntry, task: Task) -> list[int]:
    """The samples with an answer, by index, best first; those with more votes, of grids."""
    if entry.train_passed is not None:
        return [candidate.index for candidate in _candidates(entry, task)]
    groups = different_answers(dict(enumerate(sample_outputs(entry, task))))
    return [index for group in sorted(groups, key=len, reverse=True) for index in group]


def _candidates(entry: ResultEntry, task: Task) -> list[Candidate]:
    """The programs of an entry, ranked; a run's own order counts, if the entry has it."""
    order = {index: place for place, index in enumerate(entry.ranking or ())}
    candidates = unranked_candidates(entry, task, is_ordered=bool(order))
    if not order:
        return ranked(candidates)
    return sorted(candidates, key=lambda one: order.get(one.index, len(order)))


def unranked_candidates(
    entry: ResultEntry, task: Task, *, is_ordered: bool = False
) -> list[Candidate]:
    """The programs of an entry as they were sampled.

    Those of an order of their own (`is_ordered`) come without what `ranked` needs.
    """
    outputs = sample_outputs(entry, task)
    codes = entry.python_code if any(entry.python_code) else [""] * entry.samples
    samples = zip(entry.train_passed or (), outputs, codes, entry.confidence, strict=True)
    unseen = task.without_test_outputs()
    return [
        Candidate(
            index,
            tuple(map(bool, train)),
            tuple(given),
            0 if is_ordered else len(normal_form(code)),
            confidence,
            is_doubtful=not is_ordered and all(train) and is_doubtful(entry, index, code, unseen),
        )
        for index, (train, given, code, confidence) in enumerate(samples)
        if train is not None and code is not None
    ]


def sample_outputs(entry: ResultEntry, task: Task) -> list[list[Grid | None]]:
    """For each sample a grid, or None, for each test input; of samples without outputs only None.

    Raises UsageError if the entry has none at all.
    """
    if entry.test_outputs is None:
        raise UsageError(
            f"task {task.task_id}: no attempts and no test_outputs; give a benchmark's results, or "
            "let verify_generated_code.py run the programs first"
        )
    return [padded(sample or (), len(task.test)) for sample in entry.test_outputs]


def is_doubtful(entry: ResultEntry, index: int, code: str, task: Task) -> bool:
    """As the code benchmark finds it: the `hardcoded` of an entry may have seen test outputs."""
    if item_of(entry.deterministic, index) is False:
        return True
    return source_labels(parse_python(code), task).hardcoded is True


def outputs_right(
    entry: ResultEntry, expected: Sequence[Grid | None]
) -> list[tuple[bool | None, ...]]:
    """For each sample whether each test output is right; None if the output is not known."""
    if entry.test_outputs is None:
        passed = entry.test_passed or [None] * entry.samples
        given = [list(map(bool, padded(sample or (), len(expected)))) for sample in passed]
    else:
        given = [
            [
                got == want
                for got, want in zip(padded(one or (), len(expected)), expected, strict=True)
            ]
            for one in entry.test_outputs
        ]
    return [
        tuple(None if want is None else right for right, want in zip(one, expected, strict=True))
        for one in given
    ]


def _attempts_right(
    attempts: Attempts, expected: Sequence[Grid | None]
) -> list[tuple[bool | None, ...]]:
    """For each attempt, the first of all test inputs and so on, whether each output is right."""
    count = max(map(len, attempts), default=0)
    columns = zip(*(padded(tried, count) for tried in attempts), strict=True)
    return [
        tuple(
            None if want is None else got == want
            for got, want in zip(padded(column, len(expected)), expected, strict=True)
        )
        for column in columns
    ]


def _majority_right(entry: ResultEntry, expected: Sequence[Grid | None]) -> bool:
    """Whether for each test input the grid given most often is right; of equals, the first seen."""
    samples = [padded(sample or (), len(expected)) for sample in entry.test_outputs or ()]
    for place, want in enumerate(expected):
        given = (sample[place] for sample in samples)
        votes = Counter(orjson.dumps(grid) for grid in given if grid is not None)
        if not votes or want is None or votes.most_common(1)[0][0] != orjson.dumps(want):
            return False
    return True
