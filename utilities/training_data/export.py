"""An export, from its options to its files: results go into a spool, then rows are chosen."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import orjson

from utilities.command_line.terminal import first_of
from utilities.errors import UsageError
from utilities.files.json_lines import encode_line
from utilities.files.spool import open_spool
from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry, RunMetadata
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.hashes import canonical_hash, content_hash, identifying_hashes
from utilities.tasks.task import Task
from utilities.training_data.augmentation import changed_sample, draw_changes
from utilities.training_data.conversations import shown_turns
from utilities.training_data.known_tasks import EVALUATION_SETS, KnownTasks
from utilities.training_data.options import ExportOptions
from utilities.training_data.row_files import RowFile, check_parquet, open_parts
from utilities.training_data.row_parts import Row, parts_of
from utilities.training_data.samples import (
    RunFacts,
    TrainingSample,
    judged,
    samples_of,
    samples_of_task,
)
from utilities.training_data.selection import Choice, TaskGroups, parts_of_groups
from utilities.verification.verdict import normal_form
from utilities.verification.verifier import LocalVerifier

_NAMES_SHOWN = 12
_SAMPLES_TABLE = (
    "samples (position INTEGER PRIMARY KEY, task_hash TEXT, content TEXT, form BLOB,"
    " outputs BLOB, is_right INTEGER, body BLOB)"
)


@dataclass(slots=True)
class Exported:
    """What was read, what became of it, and what was written."""

    facts: RunFacts = field(default_factory=RunFacts)
    samples: int = 0
    """Samples that were read."""
    programs_run: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """Samples that are no rows, by reason."""
    evaluation_tasks: dict[str, str] = field(default_factory=dict)
    """Task id → the name of the evaluation task that it is."""
    unusable_tasks: dict[str, str] = field(default_factory=dict)
    parts: dict[str, RowFile] = field(default_factory=dict)
    """Name → file; without a split there is one named ""."""
    models: Counter[str] = field(default_factory=Counter)
    """Rows by model."""
    task_ids: set[str] = field(default_factory=set)
    versions: int = 0
    """Rows made by augmentation."""
    without_thinking: int = 0
    """Samples whose thinking is known and left out."""

    def reasons(self, most: int | None = None) -> list[tuple[str, int]]:
        """Why samples are no rows, and how many: the commonest reasons first."""
        return [(reason, count) for reason, count in self.left_out.most_common(most) if count]

    def evaluation_names(self) -> str:
        """How many evaluation tasks there were, and the names of the first."""
        names = [
            task_id if known.split(" ")[0] == task_id else f"{task_id} (that is {known})"
            for task_id, known in sorted(self.evaluation_tasks.items())
        ]
        many = "tasks are ARC-AGI evaluation tasks" if names[1:] else "task is an evaluation task"
        return f"{len(names)} {many}: {first_of(names, _NAMES_SHOWN)}"


async def export(options: ExportOptions) -> Exported:
    """Read, judge, choose and write.

    Raises UsageError, with nothing written, if results cannot be read, if they hold evaluation
    tasks that are to be refused, or if no sample becomes a row.
    """
    if options.row_format.is_folder:
        check_parquet()
    with open_spool(options.output.parent, _SAMPLES_TABLE) as spool:
        async with LocalVerifier(options.settings, opens_late=True) as verifier:
            exporter = Exporter(options, spool, verifier)
            await exporter.read()
            await exporter.write()
            exporter.exported.programs_run = verifier.programs
    return exporter.exported


class Exporter:
    """Reads files, keeps the useful samples in the spool, and writes rows of the chosen ones."""

    def __init__(
        self, options: ExportOptions, spool: sqlite3.Connection, verifier: LocalVerifier
    ) -> None:
        """The spool has the table of samples, empty."""
        self.exported = Exported()
        self._options = options
        self._spool = spool
        self._verifier = verifier
        allowed = options.evaluation_tasks == "allow"
        self._guard = None if allowed else KnownTasks(EVALUATION_SETS)
        self._names: dict[str, tuple[str, str | None]] = {}
        """Content hash → canonical hash, and the name of the evaluation task that it is."""
        self._groups = TaskGroups()
        self._keys: dict[str, tuple[str, ...]] = {}
        """Canonical hash → identifying hashes; filled only for a split."""

    async def read(self) -> None:
        """Read all files and run the programs whose verdicts or labels are missing.

        Raises UsageError if a file cannot be read, or for evaluation tasks that are refused.
        """
        if self._options.from_dataset is not None:
            samples = self._samples_of_tasks(open_tasks(**self._options.tasks))
        else:
            samples = (sample for path in self._options.results for sample in self._samples(path))
        async with aclosing(judged(samples, self._verifier)) as stream:
            async for sample in stream:
                self._keep(sample)
        self._spool.execute("CREATE INDEX by_task ON samples (task_hash, content, position)")
        if self.exported.evaluation_tasks and self._options.evaluation_tasks == "refuse":
            raise UsageError(
                f"{self.exported.evaluation_names()}; --evaluation_tasks leave_out leaves them "
                "out, allow takes them"
            )

    def _samples(self, path: Path) -> Iterator[TrainingSample]:
        """The samples of a file that become rows if their programs are right."""
        found, again = self.exported, self._options.verify_again
        for entry in read_entries(path):
            if isinstance(entry, RunMetadata):
                found.facts.add(entry, path.name)
            elif not isinstance(entry, ResultEntry):
                found.left_out["a journal's reply: give the results file"] += 1
            elif entry.asked_pairs is not None:
                found.left_out["a follower of a trace"] += entry.samples
            else:
                samples = samples_of(entry, path, found.unusable_tasks, judge_again=again)
                found.left_out["without a valid task"] += 0 if samples else entry.samples
                yield from self._wanted(samples)

    def _samples_of_tasks(self, tasks: TaskSource) -> Iterator[TrainingSample]:
        """Each train pair of a task as the test of the others, with its output as the answer."""
        for task in tasks:
            content = content_hash(task)
            task_hash, evaluation_task = self._named(task, content)
            for number, sample in enumerate(samples_of_task(task, tasks.path.name)):
                self.exported.samples += 1
                if evaluation_task is not None:
                    self.exported.evaluation_tasks[task.task_id] = evaluation_task
                    self.exported.left_out["an evaluation task"] += 1
                else:
                    named = f"{content} without pair {number}"
                    yield replace(sample, task_hash=task_hash, task_content=named)

    def _wanted(self, samples: list[TrainingSample]) -> Iterator[TrainingSample]:
        content = content_hash(samples[0].task) if samples else ""  # they share their task
        for sample in samples:
            self.exported.samples += 1
            reason = self._options.filters.refusal_before_running(sample)
            if reason is not None:
                self.exported.left_out[reason] += 1
                continue
            task_hash, evaluation_task = self._named(sample.task, content)
            if evaluation_task is not None:
                self.exported.evaluation_tasks[sample.task.task_id] = evaluation_task
                self.exported.left_out["an evaluation task"] += 1
                continue
            yield replace(sample, task_hash=task_hash, task_content=content)

    def _named(self, task: Task, content: str) -> tuple[str, str | None]:
        if self._guard is not None and (name := self._guard.name_by_id(task.task_id)) is not None:
            return "", name
        if content not in self._names:
            evaluation_task = None
            if self._guard is not None:
                evaluation_task = self._guard.name_of(task) or self._guard.name_by_pair(task)
            task_hash = "" if evaluation_task else canonical_hash(task)
            self._names[content] = task_hash, evaluation_task
            if self._options.is_split and evaluation_task is None:
                self._keys[task_hash] = identifying_hashes(task)
                self._groups.add(self._keys[task_hash])
        return self._names[content]

    def _shown(self, sample: TrainingSample) -> TrainingSample:
        """The sample with as much of its reasoning and thinking as rows shall have."""
        options = self._options
        words, thinking = options.reasoning in {"visible", "both"}, options.keeps_thinking
        if sample.thinking and not thinking:
            self.exported.without_thinking += 1
        return replace(
            sample,
            reasoning=sample.reasoning if words else None,
            thinking=sample.thinking if thinking else None,
            turns=shown_turns(sample, words=words, thinking=thinking),
        )

    def _keep(self, sample: TrainingSample) -> None:
        sample = self._shown(sample)
        reason = self._options.filters.refusal_of_verdict(sample)
        if lack := self._options.row_format.lacks(sample):
            self.exported.left_out[lack] += 1
            return
        if reason is None and not sample.length:
            reason = "nothing but reasoning, which is left out"
        if reason is not None:
            self.exported.left_out[reason] += 1
            serves = self._options.row_format.serves_as_failed
            if serves is None or not serves(sample):
                return
        row = (
            sample.task_hash,
            f"{sample.task_content}{'' if sample.answers is None else ' grids'}",
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

    async def write(self) -> None:
        """Write the rows; raises UsageError, and leaves no file, if there are none."""
        options, exported = self._options, self.exported
        names = [name for name, _ in options.split]
        choice = Choice(options.deduplicate, options.max_per_task, exported.left_out)
        is_paired = options.row_format.is_paired
        chosen = list(choice.pairs(self._spool) if is_paired else choice.singles(self._spool))
        part_of = self._parts([task_hash for task_hash, _ in chosen])
        with open_parts(
            options.output,
            names,
            options.row_format.columns,
            thinking_field=options.has_thinking_field,
        ) as files:
            async for sample, row in self._rows([positions for _, positions in chosen]):
                files[part_of.get(sample.task_hash, "")].write(row, sample.task_hash)
                exported.models[sample.model or "unknown"] += 1
                exported.task_ids.add(sample.task.task_id)
                exported.versions += sample.augmentation is not None
            if not any(file.rows for file in files.values()):
                told = ", ".join(f"{reason} {count}" for reason, count in exported.reasons(6))
                raise UsageError(
                    f"none of {exported.samples} samples becomes a row "
                    f"({told or 'there are none'}); give other results or wider filters; "
                    "nothing is written"
                )
        exported.parts = files

    def _parts(self, task_hashes: Sequence[str]) -> dict[str, str]:
        """The part of each task that has rows; nothing without a split."""
        if not self._options.is_split or not task_hashes:
            return {}
        groups = {one: self._groups.of(self._keys[one]) for one in dict.fromkeys(task_hashes)}
        parts = parts_of_groups(Counter(groups.values()), self._options.split, self._options.seed)
        return {task_hash: parts[group] for task_hash, group in groups.items()}

    async def _rows(
        self, positions: Sequence[Sequence[int]]
    ) -> AsyncIterator[tuple[TrainingSample, Row]]:
        """Each row, with the sample whose answer it teaches."""
        options, make = self._options, self._options.row_format.make
        parts = partial(
            parts_of,
            facts=self.exported.facts,
            recorded_prompts=options.prompt == "recorded",
            thinking_field=options.has_thinking_field,
            with_turns=options.row_format.needs == "turns",
        )
        if options.row_format.is_paired:
            for right, wrong in positions:
                sample = self._load(right)
                yield sample, make(parts(sample), parts(self._load(wrong)))
            return
        chosen = (self._load(position) for (position,) in positions)
        async with aclosing(judged(self._with_versions(chosen), self._verifier)) as stream:
            async for sample in stream:
                if sample.augmentation and options.filters.refusal_of_verdict(sample):
                    self.exported.left_out["version that does not verify"] += 1
                else:
                    yield sample, make(parts(sample))

    def _load(self, position: int) -> TrainingSample:
        found = self._spool.execute("SELECT body FROM samples WHERE position = ?", (position,))
        return TrainingSample.from_json(orjson.loads(found.fetchone()[0]))

    def _with_versions(self, samples: Iterator[TrainingSample]) -> Iterator[TrainingSample]:
        """Each sample, then its further versions, which are not verified yet."""
        options = self._options
        for sample in samples:
            yield sample
            if sample.level in ("failed", "unverified"):
                continue
            seed = f"{options.seed} {sample.task_hash} {sample.sample_index} {sample.run_id}"
            for change in draw_changes(sample.task, options.augment, options.augment_with, seed):
                try:
                    yield changed_sample(sample, change)
                except SyntaxError:
                    self.exported.left_out["version whose program cannot be wrapped"] += 1


def _form_of(sample: TrainingSample) -> bytes:
    """A hash that programs of another layout share; without a program, that of the reasoning."""
    text = sample.reasoning or "" if sample.python_code is None else normal_form(sample.python_code)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _outputs_of(sample: TrainingSample) -> bytes:
    """A hash that programs with the same outputs share; without a verdict, that of the program."""
    if sample.verdict is None:
        return _form_of(sample)
    outputs = [sample.verdict.train_outputs, sample.verdict.test_outputs]
    return hashlib.sha256(orjson.dumps(outputs)).digest()
