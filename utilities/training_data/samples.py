"""The samples of results files, each with its task and its verdict, and what is known of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from utilities.errors import UsageError
from utilities.results.reader import Fields as Entry
from utilities.results.reader import task_of
from utilities.sandbox.sandbox import MAX_INPUTS
from utilities.tasks.grids import check_grid
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verdict import Verdict

Level = Literal["train_and_test", "train", "failed", "unverified"]
_LABELS = ("deterministic", "hardcoded")


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
    def of(cls, verdict: Verdict, sandbox: str) -> SampleVerdict:
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
        """Whether it has a program whose verdict, or whose labels where it passes, are missing."""
        if self.python_code is None or len(self.task.train) + len(self.task.test) > MAX_INPUTS:
            return False
        if self.verdict is None:
            return True
        # Programs that the search or a model got wrong need no labels.
        return self.verdict.hardcoded is None and self.verdict.level != "failed"

    def judged(self, verdict: SampleVerdict) -> TrainingSample:
        """The sample with a verdict."""
        return replace(self, verdict=verdict)

    def to_json(self) -> dict[str, Any]:
        """All of it, as `from_json` takes it back."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "task": [self.task.task_id, self.task.to_json()],
            "verdict": self.verdict and asdict(self.verdict),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrainingSample:
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

    runs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    sandboxes: dict[str, str] = field(default_factory=dict)
    """For each file that a verification wrote, what was enforced then."""

    def add(self, entry: Mapping[str, Any], source: str) -> None:
        """Take a metadata entry."""
        if isinstance(entry.get("run_id"), str):
            self.runs[entry["run_id"]] = entry
        if entry.get("script") == "verify_generated_code" and "sandbox" in entry:
            self.sandboxes[source] = str(entry["sandbox"])

    def of(self, sample: TrainingSample) -> dict[str, str | None]:
        """The prompt hash, dataset hash and sandbox layers of a sample, None where unknown."""
        run = self.runs.get(sample.run_id or "", {})
        configuration = run.get("configuration")
        known = configuration if isinstance(configuration, dict) else {}
        told = sample.verdict.sandbox if sample.verdict else None
        recorded = self.sandboxes.get(sample.source) or run.get("sandbox")
        return {
            "prompt_hash": _text(known.get("prompt_hash")),
            "dataset_hash": _text(run.get("dataset_hash")),
            "sandbox": told or (_text(recorded) if sample.verdict else None),
        }


def samples_of(entry: Entry, path: Path, *, judge_again: bool = False) -> Iterator[TrainingSample]:
    """Yield the samples of a result entry; raises UsageError where it carries no valid task.

    With `judge_again` the verdicts that the entry carries are not taken.
    """
    task = task_of(entry)
    lists = {name: _list(entry, name) for name in ("reasoning", "python_code", "prompt_messages")}
    for index, status in enumerate(entry["status"]):
        reasoning, code, messages = (_item(values, index) for values in lists.values())
        yield TrainingSample(
            task=task,
            source=path.name,
            run_id=_text(entry.get("run_id")),
            model=_text(entry.get("model") or entry.get("model_identifier")),
            sample_index=index,
            status=_text(status),
            reasoning=(_text(reasoning) or "").strip() or None,
            python_code=_text(code),
            prompt_messages=messages if isinstance(messages, list) else [],
            relabelled_from=_item(_list(entry, "relabelled_from"), index),
            is_refinement=bool(_item(_list(entry, "refinement_round"), index)),
            verdict=None if judge_again or code is None else recorded_verdict(entry, index, task),
        )


def recorded_verdict(entry: Entry, index: int, task: Task) -> SampleVerdict | None:
    """The verdict that an entry carries for a sample.

    None where it is not whole, or where its own outputs contradict it: the program runs again.
    """
    passed = [_item(_list(entry, f"{part}_passed"), index) for part in ("train", "test")]
    outputs = [_item(_list(entry, f"{part}_outputs"), index) for part in ("train", "test")]
    status = _item(_list(entry, "execution_status"), index)
    sizes = (len(task.train), len(task.test))
    if not isinstance(status, str) or not all(
        isinstance(values, list) and len(values) == size
        for part in (passed, outputs)
        for values, size in zip(part, sizes, strict=True)
    ):
        return None
    grids = [output for part in outputs for output in part if output is not None]
    if any(check_grid(grid) is not None for grid in grids):
        return None
    if not all(map(_agrees, (*task.train, *task.test), chain(*passed), chain(*outputs))):
        return None
    labels = [_flag(_item(_list(entry, name), index)) for name in _LABELS]
    return SampleVerdict(
        train_passed=passed[0],
        test_passed=passed[1],
        execution_status=status,
        execution_message=_text(_item(_list(entry, "execution_message"), index)),
        train_outputs=outputs[0],
        test_outputs=outputs[1],
        deterministic=labels[0],
        hardcoded=labels[1],
        judged_by="results",
    )


def _agrees(pair: Pair, passed: object, output: Grid | None) -> bool:
    """Whether a pair is said to be solved where its output is the one wanted, and only there."""
    return passed is (None if pair.output is None else output == pair.output)


def usable_samples(
    entry: Entry, path: Path, unusable: dict[str, str], *, judge_again: bool = False
) -> list[TrainingSample]:
    """The samples of an entry; none, and the reason under its task, where it has no valid task."""
    try:
        return list(samples_of(entry, path, judge_again=judge_again))
    except UsageError as error:
        unusable[str(entry.get("task_id"))] = str(error)
        return []


def _list(entry: Entry, name: str) -> list[Any]:
    value = entry.get(name)
    return value if isinstance(value, list) else []


def _item(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
