"""What stands in a results file: an entry's fields and those of a run's metadata, typed."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

import msgspec

from utilities.errors import ASK_AGAIN, UsageError
from utilities.tasks.grids import LONGEST_SIDE
from utilities.tasks.task import Task, task_from_json

SCHEMA_VERSION = 1
EntryKind = Literal["benchmark", "verified", "generated"]
"""What an entry can be judged by: its attempts, its programs' verdicts, or its statuses alone."""
_LARGEST_FLOAT = sys.float_info.max
Item = TypeVar("Item")
_Side = msgspec.Meta(min_length=1, max_length=LONGEST_SIDE)
_Grid = Annotated[list[Annotated[list[Annotated[int, msgspec.Meta(ge=0, le=9)]], _Side]], _Side]
_Number = int | float
_Flags = list[bool | None]
_Grids = list[_Grid | None]
_Texts = list[str | None]
_TaskIds = list[str] | None


class Stopping(msgspec.Struct):
    """The part of `stopping` that figures need."""

    least_samples: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Independent samples that the task was sure to get."""
    not_asked: Annotated[int, msgspec.Meta(ge=0)] = 0
    """At most how many samples it did not get because the rule was met."""


class JudgeCall(msgspec.Struct, kw_only=True):
    """One call of a judge: which answers it put first and second, and what that cost."""

    status: str | None = None
    first: int | None = None
    """A place in `Judging.answers`, as is `second`; None for an abstention."""
    second: int | None = None
    cost_usd: _Number | None = None
    usage: dict[str, _Number | None] | None = None
    latency_s: _Number | None = None
    request_attempts: int | None = None
    failed_attempts: list[dict[str, Any]] = []


class Judging(msgspec.Struct, kw_only=True):
    """What a judge made of the different answers to a task."""

    model_identifier: str | None = None
    answers: list[list[int]] = []
    """The samples of each different answer."""
    points: list[int] = []
    """Of each answer, over all calls."""
    calls: list[JudgeCall] = []
    """None were made if there were no two different answers."""
    voted_attempts: list[_Grids] | None = None
    """The attempts without the judge."""


class ResultEntry(msgspec.Struct, kw_only=True):
    """What a run, or a verification, wrote about one task.

    Each list below "one item a sample" has exactly one item a sample, None if there is nothing. A
    list that the file does not have is None if that means something, else a list of None. Grids
    are rows × columns of ints 0-9, 1-30 a side. Fields that nobody reads are not here, so that
    no damage to them can refuse a file.
    """

    task_id: str | None = None
    task_data: Any = None
    """The task as the file has it; `task` checks it."""
    run_id: str | None = None
    entry_key: str | None = None
    configuration_hash: str | None = None
    configuration: dict[str, Any] = {}
    model_identifier: str | None = None
    model: str | None = None
    dataset: str | None = None
    dataset_hash: str | None = None
    complete: bool | None = None
    solved: bool | None = None
    not_judged: str | None = None

    # One item a sample.
    status: _Texts = []
    reasoning: _Texts = []
    thinking: _Texts = []
    python_code: _Texts = []
    prompt_messages: list[Any] = []
    error: _Texts = []
    finish_reason: _Texts = []
    cost_usd: list[_Number | None] = []
    latency_s: list[_Number | None] = []
    request_attempts: list[int | None] = []
    failed_attempts: list[list[dict[str, Any]] | None] = []
    confidence: list[_Number | None] = []
    verdict: _Texts = []
    rule_form: _Texts = []
    refinement_round: list[int | None] = []
    parent_samples: list[list[int] | None] = []
    chain: list[int | None] = []
    score: list[_Number | None] = []
    """Share of train pairs that a program solves, 0-1."""
    relabelled_from: list[dict[str, Any] | None] = []
    view: list[dict[str, Any] | None] = []
    turns: list[list[dict[str, Any]] | None] = []
    test_input: list[int | None] = []
    combined_from: _Texts = []
    """Of runs combined: the name of the run that a sample is of."""
    new_tasks: list[dict[str, Any] | None] = []
    """The task that a sample's program makes: `task_id`, `task_data`, `seed`."""

    # One item a sample; None if the file does not have them: not counted, or not judged.
    usage: list[dict[str, _Number | None] | None] | None = None
    execution_status: _Texts | None = None
    execution_message: _Texts | None = None
    train_passed: list[_Flags | None] | None = None
    test_passed: list[_Flags | None] | None = None
    train_outputs: list[_Grids | None] | None = None
    test_outputs: list[_Grids | None] | None = None
    deterministic: _Flags | None = None
    hardcoded: _Flags | None = None
    uses_numpy_without_import: _Flags | None = None
    fresh_passed: list[_Number | None] | None = None
    """Share of fresh pairs that a program is right on, 0-1."""
    fresh_pairs: list[int | None] | None = None
    generalises: _Flags | None = None
    followed: list[_Number | None] | None = None
    """Share of followers that a reasoning led to the right output, 0-1."""
    followers: list[int | None] | None = None
    """How many followers answered."""

    # One item a test input, of benchmarks.
    attempts: list[_Grids] | None = None
    outputs_solved: _Flags | None = None
    attempt_runs: list[list[list[str]]] | None = None
    """Of runs combined: the names of those that gave each attempt."""

    strategy: str | None = None
    stopping: Stopping | None = None
    """What a stop rule did to the task; None without one."""
    ranking: list[int] | None = None
    """The samples with a program, best first, as the code benchmark ranked them."""
    judge: Judging | None = None
    asked_pairs: list[dict[str, Any]] | None = None
    """If the samples are followers of a trace: what is known of each test pair."""

    SAMPLE_LISTS: ClassVar[tuple[str, ...]] = (
        *("status", "reasoning", "thinking", "python_code", "prompt_messages", "error"),
        "finish_reason",
        *("cost_usd", "latency_s", "request_attempts", "failed_attempts", "confidence"),
        *("verdict", "rule_form"),
        *("refinement_round", "parent_samples", "chain", "score", "relabelled_from", "view"),
        *("turns", "usage", "test_input", "combined_from", "new_tasks"),
        *("execution_status", "execution_message", "train_passed", "test_passed"),
        *("train_outputs", "test_outputs", "deterministic", "hardcoded"),
        *("uses_numpy_without_import", "fresh_passed", "fresh_pairs", "generalises"),
        *("followed", "followers"),
    )

    def __post_init__(self) -> None:
        """Bring each list to one item a sample; `status` says how many samples there are.

        Raises ValueError, naming the field, if samples have no status (the reader gives one to
        those of older files), for numbers that are not finite, and for ragged grids.
        """
        count = len(self.status)
        if not count and (self.reasoning or self.python_code):
            raise ValueError("status is empty, but there are samples")
        for name in self.SAMPLE_LISTS:
            if (values := getattr(self, name)) is not None and len(values) != count:
                setattr(self, name, padded(values, count))
        self._check()

    def _check(self) -> None:
        for name in ("cost_usd", "latency_s", "confidence", "score", "fresh_passed", "followed"):
            numbers = getattr(self, name) or ()
            if not all(is_finite(number) for number in numbers if number is not None):
                raise ValueError(f"{name} has a number that is not finite")
        used = (number for usage in self.usage or () for number in (usage or {}).values())
        if not all(is_finite(number) for number in used if number is not None):
            raise ValueError("usage has a number that is not finite")
        for call in self.judge_calls:
            numbers = (call.cost_usd, call.latency_s, *(call.usage or {}).values())
            if not all(is_finite(number) for number in numbers if number is not None):
                raise ValueError("judge has a number that is not finite")
        for name in ("attempts", "test_outputs", "train_outputs"):
            for grids in getattr(self, name) or ():
                for grid in grids or ():
                    if grid is not None and len(set(map(len, grid))) > 1:
                        raise ValueError(f"{name} has a grid whose rows differ in length")

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.status)

    def is_verified(self, index: int) -> bool:
        """Whether a sample's program is right on every train and test pair."""
        lists = [values and values[index] for values in (self.train_passed, self.test_passed)]
        return all(bool(passed) and all(passed or ()) for passed in lists)

    @property
    def independent_samples(self) -> list[int]:
        """The samples of the first round, which no other sample is shown to.

        If a stop rule could end the task, only those that came whatever they were: a later one
        came because the earlier ones did not agree, so that its task is a hard one.
        """
        first = [index for index, one in enumerate(self.refinement_round) if not one]
        return first if self.stopping is None else first[: self.stopping.least_samples]

    @property
    def kind(self) -> EntryKind:
        """What the entry can be judged by."""
        if self.attempts is not None or self.outputs_solved is not None:
            return "benchmark"
        judged = self.test_passed is not None or self.not_judged is not None
        return "verified" if judged else "generated"

    @property
    def judge_calls(self) -> list[JudgeCall]:
        """The calls of a judge; costs, tokens and waiting times of the entry include them."""
        return [] if self.judge is None else self.judge.calls

    @property
    def known_cost_usd(self) -> float:
        """What the samples of known cost cost together."""
        return sum(cost or 0.0 for cost in (*self.cost_usd, *self._judge_costs))

    @property
    def _judge_costs(self) -> list[_Number | None]:
        return [call.cost_usd for call in self.judge_calls]

    @property
    def unpriced(self) -> int:
        """How many samples have a reply of unknown cost; without `usage`, how many have no cost."""
        judged = sum(one.usage is not None and one.cost_usd is None for one in self.judge_calls)
        if self.usage is None:
            return self.cost_usd.count(None) + judged
        both = zip(self.usage, self.cost_usd, strict=True)
        return sum(used is not None and cost is None for used, cost in both) + judged

    @property
    def total_latency_s(self) -> float:
        """The samples' waiting times, added up."""
        judged = (call.latency_s for call in self.judge_calls)
        return sum(seconds or 0.0 for seconds in (*self.latency_s, *judged))

    def total_tokens(self, kind: str) -> int:
        """Tokens of a kind over all samples: `input_tokens`, `output_tokens`, …"""
        used_by_all = (*(self.usage or ()), *(call.usage for call in self.judge_calls))
        return sum(int((used or {}).get(kind) or 0) for used in used_by_all)

    @property
    def is_complete(self) -> bool:
        """Whether no sample failed for a technical reason."""
        return not set(self.status) & ASK_AGAIN if self.complete is None else self.complete

    @property
    def model_name(self) -> str:
        """As asked for on the command line; older files have only the provider's name."""
        return self.model_identifier or self.model or "unnamed model"

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The entry of the fields that a run is about to write; they are trusted."""
        given = {name: value for name, value in fields.items() if value is not None}
        return msgspec.convert(given, cls)

    def task(self) -> Task:
        """The task that the entry carries; raises UsageError if it carries no valid one."""
        return task_of(self.task_id, self.task_data)


class RunMetadata(msgspec.Struct, kw_only=True):
    """What a run wrote about itself at its end; fields that nobody reads are only in `fields`."""

    run_id: str | None = None
    model_identifier: str | None = None
    model: str | None = None
    configuration: dict[str, Any] | None = None
    configuration_hash: str | None = None
    dataset: str | None = None
    dataset_hash: str | None = None
    unfinished_cost_usd: _Number | None = None
    """What replies to tasks without an entry cost, as far as it is known."""
    unfinished_replies_of_unknown_cost: _Number | None = None
    skipped_tasks: dict[str, Any] | None = None
    solved_task_ids: _TaskIds = None
    unsolved_task_ids: _TaskIds = None
    unscored_task_ids: _TaskIds = None
    failed_task_ids: _TaskIds = None
    missing_unscored_task_ids: _TaskIds = None
    missing_tasks: dict[str, Annotated[int, msgspec.Meta(ge=1)]] | None = None
    """Selected tasks without an entry, and how many test inputs each has."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict, name="")
    """All that the entry holds, as it is written; set by the reader."""

    # No figure needs these: one of another form than said here is None, and refuses no file.
    script: Any = None
    """A text."""
    started_at: Any = None
    """A text: the time in ISO 8601."""
    duration_s: Any = None
    """A number."""
    options: Any = None
    """An object: option names and values."""
    call: Any = None
    """An object: `id`, `part` and `parts` of a call of several runs."""
    sandbox: Any = None
    """Of any form."""

    FORMS_WITHOUT_FIGURES: ClassVar[Mapping[str, type | tuple[type, ...]]] = {
        "script": str,
        "started_at": str,
        "duration_s": (int, float),
        "options": dict,
        "call": dict,
    }

    def __post_init__(self) -> None:
        """Drop damaged values of the fields that no figure needs."""
        for name, form in self.FORMS_WITHOUT_FIGURES.items():
            if not isinstance(getattr(self, name), form):
                setattr(self, name, None)
        if self.duration_s is not None and not is_finite(self.duration_s):
            self.duration_s = None

    @property
    def model_name(self) -> str:
        """As asked for on the command line; older files have only the provider's name."""
        return self.model_identifier or self.model or "unnamed model"

    def named_task_ids(self) -> Iterator[str]:
        """The tasks that have an entry, each once."""
        lists = (
            self.solved_task_ids,
            self.unsolved_task_ids,
            self.unscored_task_ids,
            self.failed_task_ids,
        )
        yield from dict.fromkeys(task_id for ids in lists for task_id in ids or ())


class OtherEntry(msgspec.Struct):
    """A line of another kind: a journal's reply, or what a later version writes."""

    entry_type: str
    fields: dict[str, Any]


def is_finite(number: float) -> bool:
    """Whether a float can hold the number: no infinity, no NaN, no whole number beyond 1.8e308."""
    return -_LARGEST_FLOAT <= number <= _LARGEST_FLOAT


def padded(values: Sequence[Item | None], count: int) -> list[Item | None]:
    """The first `count` values, with None for each that is missing."""
    return [*values, *[None] * (count - len(values))][:count]


def item_of(values: Sequence[Item | None] | None, index: int) -> Item | None:
    """A sample's item of a list; None if there is no list."""
    return None if values is None else values[index]


def task_of(task_id: object, task_data: object) -> Task:
    """The task in an entry's fields; raises UsageError, naming it, if it is not valid."""
    if not isinstance(task_id, str):
        raise UsageError("an entry has no task_id; mend it in the results file")
    if task_data is None:
        raise UsageError(f"task {task_id}: the entry has no task_data to judge programs by")
    task = task_from_json(task_id, task_data)
    if isinstance(task, str):
        raise UsageError(f"task {task_id}: task_data: {task}")
    return task
