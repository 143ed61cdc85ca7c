"""What new tasks are made from: a task, two tasks, a description, or nothing."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import orjson

from utilities.command_line.terminal import say
from utilities.errors import UsageError
from utilities.files.hashing import file_sha256, hash_of
from utilities.files.json_files import reported_reading
from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry
from utilities.tasks.datasets import TaskSource
from utilities.tasks.selection import Selection
from utilities.tasks.task import Pair, Task
from utilities.training_data.known_tasks import EVALUATION_SETS, KnownTasks
from utilities.training_data.samples import TrainingSample, samples_of
from utilities.verification.verdict import normal_form

MadeFrom = Literal["task", "two_tasks", "descriptions", "programs", "nothing"]
FROM_NOTHING = 100
"""Sources that have nothing but a number, if no other number is asked for."""
_T = TypeVar("_T", bound=Task)
_STAND_IN = tuple(Pair([[0]], [[colour]]) for colour in (1, 2, 3))
"""The pairs of a source that has none, so that its entry is read like any other. They contradict
each other: no program solves them."""


@dataclass(frozen=True, slots=True)
class Source(Task):
    """What a new task is made from; its pairs are those of its `tasks`, one after the other.

    Without tasks it has pairs that say nothing and are not to be shown.
    """

    tasks: tuple[Task, ...] = ()
    description: str = ""
    licence: str | None = None
    program: str | None = None
    """The new task's rule, if there is one."""
    number: int | None = None
    """What tells it from others without pairs or description."""

    def to_json(self) -> dict[str, Any]:
        """As a task's, and the description, the program or the number if there is one."""
        told = {
            "description": self.description or None,
            "program": self.program,
            "number": self.number,
        }
        known = {name: value for name, value in told.items() if value is not None}
        return {**Task.to_json(self), **known}


class Sources(TaskSource):
    """The sources of a run; all are in memory."""

    def __init__(
        self, path: Path, dataset_hash: str, sources: Sequence[Source], skipped: Mapping[str, str]
    ) -> None:
        """`skipped` are the bad tasks of the dataset, by id."""
        self.path = path
        self.dataset_hash = dataset_hash
        self.sources = sources
        self.skipped = dict(skipped)
        self.total = len(sources) + len(skipped)

    def __iter__(self) -> Iterator[Task]:
        """Yield each source."""
        yield from self.sources


def sources_of_tasks(
    tasks: TaskSource, *, in_twos: bool, seed: int, allow_evaluation: bool
) -> Sources:
    """Each task alone, or with another one of them, which the seed and its id decide.

    Raises UsageError if two are needed and there is one only, or as `_not_of_evaluation` does.
    """
    known = list(tasks)
    if not allow_evaluation:
        sets = KnownTasks(EVALUATION_SETS)
        known = _not_of_evaluation(known, lambda one: sets.name_of(one) or sets.name_by_pair(one))
    sources = [Source(one.task_id, one.train, one.test, tasks=(one,)) for one in known]
    if in_twos:
        if len(known) < 2:
            raise UsageError("--made_from two_tasks: one task is selected; select two or more")
        sources = [_with_another(one, known, seed) for one in known]
    return Sources(tasks.path, tasks.dataset_hash, sources, tasks.skipped)


def _with_another(task: Task, tasks: Sequence[Task], seed: int) -> Source:
    chance = random.Random(f"{seed} {task.task_id}")  # noqa: S311 - can be repeated, no secret
    other = task
    while other is task:
        other = chance.choice(tasks)
    train, test = (*task.train, *other.train), (*task.test, *other.test)
    return Source(f"{task.task_id}+{other.task_id}", train, test, tasks=(task, other))


def sources_from_nothing(chosen: Selection) -> Sources:
    """Sources with a number each: those of the slice, or as many as are chosen, from 0 on."""
    first, end = chosen.positions()
    most = chosen.max_tasks or FROM_NOTHING
    numbers = range(first, first + most if end is None else min(end, first + most))
    sources = [
        Source(f"nothing_{number}", _STAND_IN[:2], _STAND_IN[2:], number=number)
        for number in numbers
    ]
    return Sources(Path("nothing"), hash_of(["nothing"]), sources, {})


def sources_of_descriptions(path: Path, chosen: Selection, *, allow_evaluation: bool) -> Sources:
    """A file with a description a line, or JSON Lines of `description`, `task_id`, `licence`.

    The last two may be missing. Raises UsageError, naming the line, if it cannot be read, or as
    `_not_of_evaluation` does.
    """
    with reported_reading(path):
        lines = path.read_bytes().splitlines()
    is_json = path.suffix in (".jsonl", ".ndjson")
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    numbered = numbered[slice(*chosen.positions())][: chosen.max_tasks]
    sources = [_described(path, number, line, is_json) for number, line in numbered]
    if not sources:
        raise UsageError(f"--descriptions {path} holds no description; write one a line")
    (task_id, count), *_ = Counter(one.task_id for one in sources).most_common(1)
    if count > 1:
        raise UsageError(f"--descriptions {path}: task_id {task_id} is there twice; rename one")
    if not allow_evaluation:
        sets = KnownTasks(EVALUATION_SETS)
        sources = _not_of_evaluation(sources, lambda one: sets.name_by_id(one.task_id))
    return Sources(path, file_sha256(path), sources, {})


def sources_of_programs(
    paths: Sequence[Path], chosen: Selection, *, allow_evaluation: bool
) -> Sources:
    """Each different program of the results files, with the task that it was written for.

    A relabelled program solves the task that stands beside it, which is no public one; any other
    program that solves its task makes nothing new. Raises UsageError if a file cannot be read, if
    none has a program, or as `_not_of_evaluation` does.
    """
    unusable: dict[str, str] = {}
    found: dict[str, Source] = {}
    for path in paths:
        for entry in read_entries(path):
            samples = samples_of(entry, path, unusable) if isinstance(entry, ResultEntry) else []
            for sample in samples:
                if sample.python_code is not None:
                    source = _of_program(sample, sample.python_code)
                    found.setdefault(normal_form(sample.python_code), source)
    if not found:
        raise UsageError("--programs: no program in these files; give results of code")
    sources = list(found.values())[slice(*chosen.positions())][: chosen.max_tasks]
    if not allow_evaluation:
        sets = KnownTasks(EVALUATION_SETS)
        names = {one.task_id: sets.name_of(one) or sets.name_by_id(one.task_id) for one in sources}
        sources = _not_of_evaluation(sources, lambda one: names[one.task_id])
    return Sources(paths[0], hash_of([file_sha256(path) for path in paths]), sources, unusable)


def _of_program(sample: TrainingSample, code: str) -> Source:
    task, origin = sample.task, sample.relabelled_from
    old = str((origin or {}).get("task_id") or task.task_id)
    name = f"{old}_{hash_of([normal_form(code)])[:8]}"
    return Source(name, task.train, task.test, tasks=() if origin else (task,), program=code)


def _described(path: Path, number: int, line: bytes, is_json: bool) -> Source:
    try:
        value = orjson.loads(line) if is_json else {"description": line.decode("utf-8-sig")}
    except ValueError as error:
        raise UsageError(f"--descriptions {path}, line {number}: {error}; mend it") from error
    said = value.get("description") if isinstance(value, dict) else None
    if not isinstance(said, str) or not said.strip():
        raise UsageError(f"--descriptions {path}, line {number}: it has no text as `description`")
    name, licence = value.get("task_id"), value.get("licence")
    return Source(
        name if isinstance(name, str) and name else f"{path.stem}_{number}",
        _STAND_IN[:2],
        _STAND_IN[2:],
        description=said.strip(),
        licence=licence if isinstance(licence, str) else None,
    )


def _not_of_evaluation(tasks: list[_T], name_of: Callable[[_T], str | None]) -> list[_T]:
    """The tasks that are none of ARC's evaluation sets; what is left out is said in one line.

    Raises UsageError if none is left.
    """
    found = {one.task_id: name for one in tasks if (name := name_of(one)) is not None}
    if not found:
        return tasks
    task_id, name = next(iter(found.items()))
    known = f"{len(found)} of {len(tasks)} sources are evaluation tasks ({task_id} is {name})"
    if len(found) == len(tasks):
        raise UsageError(
            f"{known}: who trains on tasks made of them is no longer tested by them; choose "
            "training tasks (--dataset arc1_training), or give --allow_evaluation_sources"
        )
    say(f"{known} and left out; --allow_evaluation_sources takes them, too")
    return [one for one in tasks if one.task_id not in found]
