"""An export from its options to its files."""

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from utilities.command_line.terminal import first_of
from utilities.errors import UsageError
from utilities.files.atomic import write_atomically
from utilities.files.hashing import file_sha256
from utilities.files.spool import open_spool
from utilities.training_data.augmentation import changed_sample, draw_changes
from utilities.training_data.collecting import SAMPLES_TABLE, Collected, Collector, load
from utilities.training_data.judging import Judge, judged
from utilities.training_data.known_tasks import EVALUATION_SETS, KnownTasks
from utilities.training_data.options import ExportOptions
from utilities.training_data.row_files import Row, RowFile, check_parquet, open_parts
from utilities.training_data.rows import RowMaker
from utilities.training_data.samples import TrainingSample
from utilities.training_data.selection import Choice
from utilities.training_data.splits import part_of

_NAMES_SHOWN = 12


@dataclass(slots=True)
class WrittenPart:
    """A file of rows; its name is "" if there is no split."""

    name: str
    path: Path
    rows: int
    tasks: int
    sha256: str


@dataclass(slots=True)
class Export:
    """What came of an export."""

    collected: Collected
    programs_run: int = 0
    parts: list[WrittenPart] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)
    """Rows by model."""
    task_ids: set[str] = field(default_factory=set)
    versions: int = 0
    """Rows made by augmentation."""
    left_out: Counter[str] = field(default_factory=Counter)
    """What passed the filters and is no row, by reason."""
    card: Path | None = None


async def export(options: ExportOptions) -> Export:
    """Read, judge, choose and write.

    Raises UsageError if results cannot be read, nothing is left to write, or evaluation tasks
    are among them and are to be refused; nothing is written then.
    """
    if options.row_format.is_folder:
        check_parquet()
    guard = None if options.evaluation_tasks == "allow" else KnownTasks(EVALUATION_SETS)
    with open_spool(options.output.parent, SAMPLES_TABLE) as spool:
        async with Judge(options.settings) as judge:
            collector = Collector(
                spool,
                judge,
                options.filters,
                options.row_format,
                guard,
                with_groups=options.is_split,
            )
            found = await collector.read(options.results, judge_again=options.verify_again)
            if found.evaluation_tasks and options.evaluation_tasks == "refuse":
                raise UsageError(_refusal(found))
            exported = Export(found)
            await _write(options, exported, spool, judge)
            exported.programs_run = judge.programs
    return exported


def _refusal(found: Collected) -> str:
    return (
        f"{evaluation_names(found)}; --evaluation_tasks leave_out leaves them out, allow takes them"
    )


def evaluation_names(found: Collected) -> str:
    """The evaluation tasks met, the first of them by name."""
    tasks = found.evaluation_tasks
    names = [
        task_id if known.split(" ")[0] == task_id else f"{task_id} (that is {known})"
        for task_id, known in sorted(tasks.items())
    ]
    many = "tasks are ARC-AGI evaluation tasks" if len(names) > 1 else "task is an evaluation task"
    return f"{len(names)} {many}: {first_of(names, _NAMES_SHOWN)}"


async def _write(
    options: ExportOptions, exported: Export, spool: sqlite3.Connection, judge: Judge
) -> None:
    names = [name for name, _ in options.split]
    parquet = options.row_format.is_folder
    with open_parts(options.output, names, parquet=parquet) as files:
        async for sample, row in _rows(options, exported, spool, judge):
            file = files[_part(sample, options, exported.collected)]
            file.write(row, sample.task_hash)
            exported.models[sample.model or "unknown"] += 1
            exported.task_ids.add(sample.task.task_id)
            exported.versions += sample.augmentation is not None
        if not any(file.rows for file in files.values()):
            raise UsageError(_nothing(exported))
    exported.parts = [_written(name, file) for name, file in files.items()]


def _part(sample: TrainingSample, options: ExportOptions, found: Collected) -> str:
    if not options.is_split:
        return ""
    return part_of(found.groups.of(found.keys[sample.task_hash]), options.split, options.seed)


def _written(name: str, file: RowFile) -> WrittenPart:
    return WrittenPart(name, file.path, file.rows, len(file.tasks), file_sha256(file.path))


def _nothing(exported: Export) -> str:
    reasons = exported.collected.refused + exported.left_out
    told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(6) if count)
    return (
        f"none of {exported.collected.samples} samples becomes a row ({told or 'there are none'}); "
        "give other results or wider filters; nothing is written"
    )


async def _rows(
    options: ExportOptions, exported: Export, spool: sqlite3.Connection, judge: Judge
) -> AsyncIterator[tuple[TrainingSample, Row]]:
    """Each row with the sample that it is right by."""
    facts = exported.collected.facts
    maker = RowMaker(options.row_format, facts, recorded_prompts=options.prompt == "recorded")
    choice = Choice(options.deduplicate, options.max_per_task, exported.left_out)
    if options.row_format.of_pair is not None:
        for right, wrong in choice.pairs(spool):
            sample = load(spool, right)
            yield sample, maker.of_pair(sample, load(spool, wrong))
        return
    chosen = (load(spool, position) for position in choice.singles(spool))
    async with aclosing(judged(_with_versions(chosen, options, exported), judge)) as stream:
        async for sample in stream:
            if sample.augmentation and options.filters.refusal_of_verdict(sample):
                exported.left_out["version that does not verify"] += 1
            else:
                yield sample, maker.of(sample)


def _with_versions(
    samples: Iterator[TrainingSample], options: ExportOptions, exported: Export
) -> Iterator[TrainingSample]:
    """Each sample and its further versions, which are not verified yet."""
    for sample in samples:
        yield sample
        if sample.python_code is None or sample.level in ("failed", "unverified"):
            continue
        seed = f"{options.seed} {sample.task_hash} {sample.sample_index} {sample.run_id}"
        for change in draw_changes(sample.task, options.augment, options.augment_with, seed):
            try:
                yield changed_sample(sample, change)
            except SyntaxError:
                exported.left_out["version whose program cannot be wrapped"] += 1


def write_card(exported: Export, path: Path, text: str) -> None:
    """Write the data card."""
    write_atomically(path, text.encode("utf-8", "replace"))
    exported.card = path
