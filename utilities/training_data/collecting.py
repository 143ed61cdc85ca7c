"""Reads results into a spool of samples that may become rows."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from utilities.files.json_lines import encode_line
from utilities.results.entry import ResultEntry, RunMetadata
from utilities.results.reader import read_entries
from utilities.tasks.hashes import canonical_hash, content_hash, identifying_hashes
from utilities.tasks.task import Task
from utilities.training_data.filters import Filters
from utilities.training_data.judging import Judge, judged
from utilities.training_data.known_tasks import KnownTasks
from utilities.training_data.rows import RowFormat
from utilities.training_data.samples import RunFacts, TrainingSample, usable_samples
from utilities.training_data.splits import TaskGroups
from utilities.verification.verdict import normal_form

SAMPLES_TABLE = (
    "samples (position INTEGER PRIMARY KEY, task_hash TEXT, content TEXT, form BLOB,"
    " outputs BLOB, is_right INTEGER, body BLOB)"
)


@dataclass(slots=True)
class Collected:
    """What was read, besides the samples themselves."""

    facts: RunFacts = field(default_factory=RunFacts)
    samples: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Samples that are no row, by reason."""
    evaluation_tasks: dict[str, str] = field(default_factory=dict)
    """Task id → the evaluation task that it is."""
    unusable_tasks: dict[str, str] = field(default_factory=dict)
    groups: TaskGroups = field(default_factory=TaskGroups)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Canonical hash → identifying hashes."""


class Collector:
    """Reads files, filters and judges samples, and keeps those of use in the spool."""

    def __init__(
        self,
        spool: sqlite3.Connection,
        judge: Judge,
        filters: Filters,
        form: RowFormat,
        guard: KnownTasks | None,
        *,
        with_groups: bool,
    ) -> None:
        """`guard` knows the evaluation tasks to leave out; groups are for splits."""
        self.collected = Collected()
        self._spool = spool
        self._judge = judge
        self._filters = filters
        self._form = form
        self._guard = guard
        self._with_groups = with_groups
        self._names: dict[str, tuple[str, str | None]] = {}
        """Content hash → canonical hash, and the evaluation task that it is."""

    async def read(self, paths: Sequence[Path], *, judge_again: bool) -> Collected:
        """Read all files; raises UsageError if one cannot be read."""
        samples = (s for path in paths for s in self._samples(path, judge_again=judge_again))
        async with aclosing(judged(samples, self._judge)) as stream:
            async for sample in stream:
                self._keep(sample)
        self._spool.execute("CREATE INDEX by_task ON samples (task_hash, content, position)")
        return self.collected

    def _samples(self, path: Path, *, judge_again: bool) -> Iterator[TrainingSample]:
        """The samples of a file that are rows if their programs are right."""
        found = self.collected
        for entry in read_entries(path):
            if isinstance(entry, RunMetadata):
                found.facts.add(entry, path.name)
            elif not isinstance(entry, ResultEntry):
                found.refused["a journal's reply: give the results file"] += 1
            else:
                samples = usable_samples(entry, path, found.unusable_tasks, judge_again=judge_again)
                found.refused["without a valid task"] += 0 if samples else entry.samples
                yield from self._wanted(samples)

    def _wanted(self, samples: list[TrainingSample]) -> Iterator[TrainingSample]:
        content = content_hash(samples[0].task) if samples else ""  # they share their task
        for sample in samples:
            self.collected.samples += 1
            reason = self._filters.refusal_before_running(sample)
            if reason is not None:
                self.collected.refused[reason] += 1
                continue
            task_hash, evaluation_task = self._named(sample.task, content)
            if evaluation_task is not None:
                self.collected.evaluation_tasks[sample.task.task_id] = evaluation_task
                self.collected.refused["an evaluation task"] += 1
                continue
            yield replace(sample, task_hash=task_hash, task_content=content)

    def _named(self, task: Task, content: str) -> tuple[str, str | None]:
        if content not in self._names:
            evaluation_task = self._evaluation_task(task)
            task_hash = "" if evaluation_task else canonical_hash(task)
            self._names[content] = task_hash, evaluation_task
            if self._with_groups and evaluation_task is None:
                keys = identifying_hashes(task)
                self.collected.groups.add(keys)
                self.collected.keys[task_hash] = keys
        return self._names[content]

    def _evaluation_task(self, task: Task) -> str | None:
        if self._guard is None:
            return None
        return self._guard.name_of(task) or self._guard.name_by_pair(task)

    def _keep(self, sample: TrainingSample) -> None:
        reason = self._filters.refusal_of_verdict(sample)
        if reason is not None:
            self.collected.refused[reason] += 1
        if reason is not None and not self._serves_as_failure(sample):
            return
        row = (
            sample.task_hash,
            sample.task_content,
            _form_of(sample),
            _outputs_of(sample),
            reason is None,
            encode_line(sample.to_json()),
        )
        self._spool.execute(
            "INSERT INTO samples (task_hash, content, form, outputs, is_right, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )

    def _serves_as_failure(self, sample: TrainingSample) -> bool:
        return self._form.serves_as_failed(sample)


def load(spool: sqlite3.Connection, position: int) -> TrainingSample:
    """A sample that was kept."""
    (body,) = spool.execute("SELECT body FROM samples WHERE position = ?", (position,)).fetchone()
    return TrainingSample.from_json(orjson.loads(body))


def _form_of(sample: TrainingSample) -> bytes:
    """The same for programs that are the same but for layout; without a program, for one text."""
    text = sample.reasoning or "" if sample.python_code is None else normal_form(sample.python_code)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _outputs_of(sample: TrainingSample) -> bytes:
    """The same for programs that give the same; samples without outputs are all different."""
    if sample.verdict is None:
        return _form_of(sample)
    outputs = [sample.verdict.train_outputs, sample.verdict.test_outputs]
    return hashlib.sha256(orjson.dumps(outputs)).digest()
