"""The samples of results files, each with its task and its verdict, and what is known of runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from utilities.errors import UsageError
from utilities.results.entry import ResultEntry, RunMetadata, item_of
from utilities.sandbox.sandbox import MAX_INPUTS
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import LocalVerifier, judged_in_order

_SAMPLES_AHEAD = 128
_CHARACTERS_OF_A_SAMPLE = 250_000
"""A sample of so many characters more counts as one more."""
Level = Literal["train_and_test", "train", "failed", "unverified"]


@dataclass(frozen=True, slots=True)
class SampleVerdict:
    """What is known of a sample's program; `judged_by` says whether a file or this run told it."""

    train_passed: list[bool]
    test_passed: list[bool | None]
    execution_status: str
    execution_message: str | None
    train_outputs: list[Any]
    test_outputs: list[Any]
    deterministic: bool | None
    hardcoded: bool | None
    judged_by: Literal["results", "export"] = "export"
    sandbox: str | None = None

    @classmethod
    def of(cls, verdict: Verdict, sandbox: str) -> Self:
        """What this run found."""
        return cls(
            list(verdict.train),
            list(verdict.test),
            verdict.execution_status,
            verdict.message,
            list(verdict.train_outputs),
            list(verdict.test_outputs),
            verdict.deterministic,
            verdict.hardcoded,
            sandbox=sandbox,
        )

    @property
    def level(self) -> Level:
        """How much of the task the program solves; an unknown test output is not solved."""
        if not self.train_passed or not all(self.train_passed):
            return "failed"
        return "train_and_test" if all(self.test_passed) else "train"


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """One sample of one entry."""

    task: Task
    source: str
    """The name of the results file."""
    run_id: str | None
    model: str | None
    sample_index: int
    status: str | None
    reasoning: str | None
    python_code: str | None
    prompt_messages: list[Any]
    relabelled_from: dict[str, Any] | None = None
    is_refinement: bool = False
    """Whether its prompt showed earlier programs, of which its reasoning may speak."""
    verdict: SampleVerdict | None = None
    task_hash: str = ""
    """The canonical hash of its task."""
    task_content: str = ""
    """The hash of its task as it stands in the results."""
    augmentation: dict[str, Any] | None = None
    """What was done to the task and the program of the results, for further versions."""

    @property
    def level(self) -> Level:
        """How much of the task its program solves."""
        return "unverified" if self.verdict is None else self.verdict.level

    @property
    def needs_judging(self) -> bool:
        """Whether it has a program whose verdict, or whose labels if it passes, are missing."""
        if self.python_code is None or len(self.task.train) + len(self.task.test) > MAX_INPUTS:
            return False
        if self.verdict is None:
            return True
        # Programs that the search or a model got wrong need no labels.
        return self.verdict.hardcoded is None and self.verdict.level != "failed"

    @property
    def length(self) -> int:
        """Characters of reasoning and program together."""
        return len(self.reasoning or "") + len(self.python_code or "")

    def to_json(self) -> dict[str, Any]:
        """All of it, as `from_json` takes it back."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "task": [self.task.task_id, self.task.to_json()],
            "verdict": self.verdict and asdict(self.verdict),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Take back what `to_json` made."""
        verdict = content["verdict"]
        return cls(
            **{
                **content,
                "task": Task.from_json(*content["task"]),
                "verdict": verdict and SampleVerdict(**verdict),
            }
        )


@dataclass(slots=True)
class RunFacts:
    """What the metadata entries of the files say of the runs that made the entries."""

    runs: dict[str, RunMetadata] = field(default_factory=dict)
    sandboxes: dict[str, str] = field(default_factory=dict)
    """For each file that a verification wrote, what was enforced then."""

    def add(self, run: RunMetadata, source: str) -> None:
        """Take a metadata entry."""
        if run.run_id is not None:
            self.runs[run.run_id] = run
        if run.script == "verify_generated_code" and run.sandbox is not None:
            self.sandboxes[source] = str(run.sandbox)

    def of(self, sample: TrainingSample) -> dict[str, str | None]:
        """The prompt hash, dataset hash and sandbox layers of a sample, None if unknown."""
        run = self.runs.get(sample.run_id or "", RunMetadata())
        told = sample.verdict.sandbox if sample.verdict else None
        recorded = self.sandboxes.get(sample.source) or run.sandbox
        return {
            "prompt_hash": _text((run.configuration or {}).get("prompt_hash")),
            "dataset_hash": run.dataset_hash,
            "sandbox": told or (_text(recorded) if sample.verdict else None),
        }


def samples_of(
    entry: ResultEntry, path: Path, *, judge_again: bool = False
) -> Iterator[TrainingSample]:
    """Yield the samples of a result entry; raises UsageError if it carries no valid task.

    With `judge_again` the verdicts that the entry carries are not taken.
    """
    task = entry.task()
    for index, status in enumerate(entry.status):
        code, messages = entry.python_code[index], entry.prompt_messages[index]
        yield TrainingSample(
            task=task,
            source=path.name,
            run_id=entry.run_id,
            model=entry.model or entry.model_identifier,
            sample_index=index,
            status=status,
            reasoning=(entry.reasoning[index] or "").strip() or None,
            python_code=code,
            prompt_messages=messages if isinstance(messages, list) else [],
            relabelled_from=entry.relabelled_from[index],
            is_refinement=bool(entry.refinement_round[index]),
            verdict=None if judge_again or code is None else recorded_verdict(entry, index, task),
        )


def recorded_verdict(entry: ResultEntry, index: int, task: Task) -> SampleVerdict | None:
    """The verdict that an entry carries for a sample.

    None if it is not whole, or if its own outputs contradict it: the program runs again.
    """
    status = item_of(entry.execution_status, index)
    train, test = item_of(entry.train_passed, index), item_of(entry.test_passed, index)
    train_outputs = item_of(entry.train_outputs, index)
    test_outputs = item_of(entry.test_outputs, index)
    if status is None or train is None or test is None:
        return None
    if train_outputs is None or test_outputs is None:
        return None
    sizes = [len(values) for values in (train, test, train_outputs, test_outputs)]
    if sizes != [len(task.train), len(task.test)] * 2:
        return None
    outputs = (*train_outputs, *test_outputs)
    if not all(map(_agrees, (*task.train, *task.test), (*train, *test), outputs)):
        return None
    return SampleVerdict(
        train_passed=[passed is True for passed in train],
        test_passed=test,
        execution_status=status,
        execution_message=item_of(entry.execution_message, index),
        train_outputs=train_outputs,
        test_outputs=test_outputs,
        deterministic=item_of(entry.deterministic, index),
        hardcoded=item_of(entry.hardcoded, index),
        judged_by="results",
    )


def _agrees(pair: Pair, passed: object, output: Grid | None) -> bool:
    """Whether a pair is said to be solved if its output is the one wanted, and only there."""
    return passed is (None if pair.output is None else output == pair.output)


def usable_samples(
    entry: ResultEntry, path: Path, unusable: dict[str, str], *, judge_again: bool = False
) -> list[TrainingSample]:
    """The samples of an entry; none, and the reason under its task, if it has no valid task."""
    try:
        return list(samples_of(entry, path, judge_again=judge_again))
    except UsageError as error:
        unusable[str(entry.task_id)] = str(error)
        return []


def judged(
    samples: Iterable[TrainingSample], verifier: LocalVerifier, *, labels: bool = True
) -> AsyncGenerator[TrainingSample, None]:
    """The samples in their order, each program with its verdict.

    Without `labels` a verdict that a file tells is enough, even if it has no labels.
    """

    async def with_verdict(sample: TrainingSample) -> TrainingSample:
        (verdict,) = await verifier.judge(sample.task, [sample.python_code])
        assert verdict is not None
        return replace(sample, verdict=SampleVerdict.of(verdict, verifier.layers))

    def begun(sample: TrainingSample) -> Awaitable[TrainingSample]:
        if sample.needs_judging and (labels or sample.verdict is None):
            return with_verdict(sample)
        as_it_is = asyncio.get_running_loop().create_future()  # cheaper than a task
        as_it_is.set_result(sample)
        return as_it_is

    return judged_in_order(samples, begun, weight=_weight, most_ahead=_SAMPLES_AHEAD)


def _weight(sample: TrainingSample) -> int:
    return 1 + sample.length // _CHARACTERS_OF_A_SAMPLE


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
