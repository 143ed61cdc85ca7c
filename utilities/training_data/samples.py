"""The samples of results files with their tasks and verdicts, and what is known of their runs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Self

from utilities.errors import UsageError
from utilities.results.result_entry import ResultEntry, RunMetadata, item_of
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verdict import Verdict, verdict_fields
from utilities.verification.verifier import LocalVerifier, judged_in_order
from utilities.views.changes import is_turned

_SAMPLES_AHEAD = 128
_CHARACTERS_OF_A_SAMPLE = 250_000
"""A sample counts once more for so many characters."""
_TOLD = (
    *("train_passed", "test_passed", "execution_status", "execution_message"),
    *("train_outputs", "test_outputs", "deterministic", "hardcoded"),
)
"""Fields of a results entry that tell a verdict."""
_FRESH = ("fresh_passed", "fresh_pairs", "generalises")
_FOLLOWED = ("followed", "followers")
Level = Literal["train_and_test", "train", "test", "failed", "unverified"]


@dataclass(frozen=True, slots=True)
class SampleVerdict:
    """What is known of a sample's program; `judged_by` says whether by a file or by this run."""

    train_passed: Sequence[bool]
    test_passed: Sequence[bool | None]
    execution_status: str
    execution_message: str | None
    train_outputs: Sequence[Any]
    test_outputs: Sequence[Any]
    deterministic: bool | None
    hardcoded: bool | None
    judged_by: Literal["results", "export"] = "export"
    sandbox: str | None = None

    @classmethod
    def of(cls, verdict: Verdict, sandbox: str) -> Self:
        """The verdict that this run found, and the layers of its sandbox."""
        found = verdict_fields([verdict], labels=True)
        return cls(**{name: found[name][0] for name in _TOLD}, sandbox=sandbox)


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
    thinking: str | None = None
    """What the model thought before it answered; `reasoning` has none of it."""
    answers: list[Grid] | None = None
    """The output of each test input, if it answers with grids and not with a program."""
    relabelled_from: dict[str, Any] | None = None
    turns: list[dict[str, Any]] | None = None
    """The conversation after the prompt, if tools could be called, as entries have it."""
    is_refinement: bool = False
    """Whether its prompt showed earlier programs: its reasoning may speak of them."""
    verdict: SampleVerdict | None = None
    task_hash: str = ""
    """The canonical hash of its task."""
    task_content: str = ""
    """The hash of its task as it stands in the results file."""
    fresh_passed: float | None = None
    """The share of fresh pairs that its program is right on, 0-1, if it ran on some."""
    fresh_pairs: int = 0
    generalises: bool | None = None
    followed: float | None = None
    """The share of followers that its reasoning led to the right output, 0-1, if some answered."""
    followers: int = 0
    """How many followers answered."""
    confidence: float | None = None
    """How likely its answer is right, 0-1, as its author stated it."""
    agent_verdict: str | None = None
    """What its author claims of its program (found, guess), if anything."""
    rule_form: str | None = None
    """What its reasoning tells (idea, table, layers), if its author says so."""
    cost_usd: float | None = None
    usage: dict[str, float | None] | None = None
    """Tokens by the provider's count, as `Usage` names them; None if it counted none."""
    augmentation: dict[str, Any] | None = None
    """How a further version was made of the task and the program in the results."""

    @property
    def level(self) -> Level:
        """How much of the task it solves; an unknown test output counts as not solved by a program.

        An answer of grids is compared with the test outputs; if one is unknown, nothing is known.
        """
        if self.verdict is None or (self.answers and None in self.verdict.test_passed):
            return "unverified"
        if self.answers:
            return "test" if all(self.verdict.test_passed) else "failed"
        if not self.verdict.train_passed or not all(self.verdict.train_passed):
            return "failed"
        return "train_and_test" if all(self.verdict.test_passed) else "train"

    @property
    def needs_judging(self) -> bool:
        """Whether it has a program without a verdict, or one that passes and has no labels."""
        if self.python_code is None:
            return False
        if self.verdict is None:
            return True
        return self.verdict.hardcoded is None and self.level != "failed"

    @property
    def length(self) -> int:
        """Characters of reasoning and program together; of grids, the cells and their spaces."""
        cells = sum(len(row) for grid in self.answers or () for row in grid)
        return len(self.reasoning or "") + len(self.python_code or "") + 2 * cells

    def to_json(self) -> dict[str, Any]:
        """All of it, for `from_json`."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "task": [self.task.task_id, self.task.to_json()],
            "verdict": self.verdict and asdict(self.verdict),
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Take back what `to_json` made."""
        task, verdict = Task.from_json(*content["task"]), content["verdict"]
        return cls(**content | {"task": task, "verdict": verdict and SampleVerdict(**verdict)})


@dataclass(slots=True)
class RunFacts:
    """What the metadata entries say of the runs that made the samples."""

    runs: dict[str, RunMetadata] = field(default_factory=dict)
    sandboxes: dict[str, str] = field(default_factory=dict)
    """File that a verification wrote → what its sandbox enforced."""

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
    entry: ResultEntry, path: Path, unusable: dict[str, str], *, judge_again: bool = False
) -> list[TrainingSample]:
    """The samples of an entry; none, and the reason under its task, if it has no valid task.

    With `judge_again` the verdicts that the entry carries are not taken. Of a sample that saw a
    turned view only the program is taken: prompt and reasoning speak of the view.
    """
    try:
        task = entry.task()
    except UsageError as error:
        unusable[str(entry.task_id)] = str(error)
        return []
    return [
        _sample_of(entry, index, task, path.name, judge_again=judge_again)
        for index in range(entry.samples)
    ]


def _sample_of(
    entry: ResultEntry, index: int, task: Task, source: str, *, judge_again: bool
) -> TrainingSample:
    messages, turned = entry.prompt_messages[index], is_turned(entry.view[index])
    answers = answers_of(entry, index, task)
    verdict = None if answers is None else verdict_on_answers(answers, task)
    if entry.python_code[index] is not None and not judge_again:
        verdict = recorded_verdict(entry, index, task)
    names = _FOLLOWED if judge_again else (*_FRESH, *_FOLLOWED)
    told = {name: item_of(getattr(entry, name), index) for name in names}
    return TrainingSample(
        task=task,
        source=source,
        run_id=entry.run_id,
        model=entry.model or entry.model_identifier,
        sample_index=index,
        status=entry.status[index],
        reasoning=None if turned else visible_reasoning(entry, index),
        thinking=None if turned else entry.thinking[index],
        python_code=entry.python_code[index],
        answers=answers,
        prompt_messages=messages if isinstance(messages, list) and not turned else [],
        relabelled_from=entry.relabelled_from[index],
        turns=None if turned else entry.turns[index],
        is_refinement=bool(entry.refinement_round[index]),
        verdict=verdict,
        confidence=entry.confidence[index],
        agent_verdict=entry.verdict[index],
        rule_form=entry.rule_form[index],
        cost_usd=entry.cost_usd[index],
        usage=item_of(entry.usage, index),
        **{name: value for name, value in told.items() if value is not None},
    )


def samples_of_task(task: Task, source: str) -> Iterator[TrainingSample]:
    """A sample for each train pair: the task of the others, whose test it is, and its output.

    The task's own test pairs are not used. A task of one train pair gives none.
    """
    for index, pair in enumerate(task.train if len(task.train) > 1 else ()):
        others = (*task.train[:index], *task.train[index + 1 :])
        shown = Task(task.task_id, train=others, test=(pair,))
        answers = [pair.output or []]
        yield TrainingSample(
            task=shown,
            source=source,
            run_id=None,
            model=None,
            sample_index=index,
            status="ok",
            reasoning=None,
            python_code=None,
            prompt_messages=[],
            answers=answers,
            verdict=verdict_on_answers(answers, shown),
        )


def visible_reasoning(entry: ResultEntry, index: int) -> str | None:
    """The reasoning that a sample's answer shows; None if the entry has its thinking instead."""
    reasoning = (entry.reasoning[index] or "").strip()
    is_thinking = reasoning == (entry.thinking[index] or "").strip()
    return None if is_thinking else reasoning or None


def answers_of(entry: ResultEntry, index: int, task: Task) -> list[Grid] | None:
    """The grids that a sample without a program answers with; None if one is missing."""
    if entry.python_code[index] is not None:
        return None
    grids = item_of(entry.test_outputs, index) or []
    known = [grid for grid in grids if grid is not None]
    return known if known and len(known) == len(grids) == len(task.test) else None


def verdict_on_answers(answers: list[Grid], task: Task) -> SampleVerdict:
    """The verdict on an answer of grids: nothing has to run for it."""
    passed = [
        None if pair.output is None else answer == pair.output
        for pair, answer in zip(task.test, answers, strict=True)
    ]
    return SampleVerdict((), passed, "ok", None, (), answers, None, None)


def recorded_verdict(entry: ResultEntry, index: int, task: Task) -> SampleVerdict | None:
    """The verdict that an entry has for a sample.

    None if parts of it are missing, or if the outputs beside it contradict it; the program must
    run again then.
    """
    told: dict[str, Any] = {name: item_of(getattr(entry, name), index) for name in _TOLD}
    passed = [told[name] for name in ("train_passed", "test_passed")]
    outputs = [told[name] for name in ("train_outputs", "test_outputs")]
    if None in (told["execution_status"], *passed, *outputs):
        return None
    if [len(values) for values in passed + outputs] != [len(task.train), len(task.test)] * 2:
        return None
    if not all(map(_agrees, task.pairs, chain(*passed), chain(*outputs))):
        return None
    return SampleVerdict(**told, judged_by="results")


def _agrees(pair: Pair, passed: object, output: Grid | None) -> bool:
    """Whether what is said of a pair is true: it is solved if its output is the expected one."""
    return passed is (None if pair.output is None else output == pair.output)


def judged(
    samples: Iterable[TrainingSample], verifier: LocalVerifier, *, labels: bool = True
) -> AsyncGenerator[TrainingSample, None]:
    """The samples in their order, each with its verdict; programs run if it is missing.

    With `labels` they also run if a file tells the verdict without them.
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

    def weight(sample: TrainingSample) -> int:
        return 1 + sample.length // _CHARACTERS_OF_A_SAMPLE

    return judged_in_order(samples, begun, weight=weight, most_ahead=_SAMPLES_AHEAD)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
