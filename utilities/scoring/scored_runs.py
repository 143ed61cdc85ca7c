"""Reads results files of benchmarks into tables: a model, a configuration, a dataset each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.results.entry import ResultEntry, RunMetadata
from utilities.results.reader import Entry, read_entries
from utilities.scoring.outcomes import TaskOutcome, missing_outcome, outcome_of
from utilities.scoring.scored_run import EntryPlace, ScoredRun, judged_task
from utilities.tasks.hashes import task_hash
from utilities.tasks.task import Task


@dataclass(slots=True)
class _Candidate:
    """An entry that may count for its task."""

    outcome: TaskOutcome
    place: EntryPlace
    run_id: str
    complete: bool


class _Collection:
    """Candidates and metadata of all files, before they are sorted into tables."""

    def __init__(self, tasks: Mapping[str, Task]) -> None:
        self.tasks = tasks
        self.candidates: dict[str, dict[str, list[_Candidate]]] = {}
        """By configuration, then by task id."""
        self.models: dict[str, tuple[str, dict[str, Any]]] = {}
        self.metadata: list[tuple[str, RunMetadata]] = []
        self.of_one_run = False

    def add(self, entry: Entry, place: EntryPlace) -> None:
        if isinstance(entry, RunMetadata):
            self.metadata.append((_configuration_key(entry), entry))
        elif isinstance(entry, ResultEntry):
            self._add_result(entry, place)

    def _add_result(self, entry: ResultEntry, place: EntryPlace) -> None:
        task = judged_task(entry, self.tasks)
        key = _configuration_key(entry)
        candidate = _Candidate(
            outcome_of(entry, task, task_hash=task_hash(task)),
            place,
            entry.run_id or "",
            complete=entry.is_complete,
        )
        self.models.setdefault(key, (entry.model_name, entry.configuration))
        self.candidates.setdefault(key, {}).setdefault(task.task_id, []).append(candidate)

    def keep_up_to(self, run_id: str) -> None:
        """Keep of each task what this run wrote, or where it wrote nothing what came before it."""
        self.of_one_run = True
        for by_task in self.candidates.values():
            for task_id, some in list(by_task.items()):
                own = [one for one in some if one.run_id == run_id]
                kept = own or [one for one in some if run_age(one.run_id) <= run_age(run_id)]
                if kept:
                    by_task[task_id] = kept
                else:
                    del by_task[task_id]


def read_scored_runs(
    paths: Iterable[Path],
    *,
    tasks: Sequence[Task] = (),
    dataset: str = "",
    run_id: str | None = None,
) -> list[ScoredRun]:
    """The tables that results files hold, in the order in which they first appear.

    For each task the newest complete entry counts, and where there is none the newest. Selected
    tasks are those that the metadata of the table's runs name, or `tasks` where they are given:
    then tasks outside them do not count. With `run_id` a table is what that run's own summary said:
    what it wrote, what it took over from earlier runs, and missing what it did not come to.

    Raises UsageError for files that cannot be read and entries that cannot be scored.
    """
    collection = _Collection({task.task_id: task for task in tasks})
    for path in paths:
        for number, entry in enumerate(read_entries(path)):
            collection.add(entry, EntryPlace(path, number))
    metadata = collection.metadata
    if run_id is not None:
        metadata = [(key, one) for key, one in metadata if one.run_id == run_id]
        if not metadata:
            raise UsageError(f"--run_id {run_id}: no metadata of such a run in these files")
        collection.keep_up_to(run_id)
    runs = list(_with_metadata(collection, metadata))
    if run_id is None:
        runs += _without_metadata(collection)
    if tasks:
        for run in runs:
            _restrict(run, tasks, dataset)
    found = [run for run in runs if run.outcomes]
    if not found:
        raise UsageError("no benchmark result in these files; give results of a benchmark")
    return found


def _with_metadata(
    collection: _Collection, metadata: list[tuple[str, RunMetadata]]
) -> Iterator[ScoredRun]:
    """A table for each configuration and dataset that metadata speaks of."""
    grouped: dict[tuple[str, str], list[RunMetadata]] = {}
    for key, entry in metadata:
        grouped.setdefault((key, _dataset_key(entry)), []).append(entry)
    for (key, _), entries in grouped.items():
        newest = entries[-1]
        run = ScoredRun(newest.model_name, newest.configuration or {}, newest.dataset or "")
        run.started_at = newest.started_at
        run_ids = {entry.run_id or "" for entry in entries}
        candidates = collection.candidates.get(key, {})
        for entry in entries:
            run.skipped |= entry.skipped_tasks or {}
            for task_id in _task_ids(entry, candidates):
                _take(run, task_id, candidates[task_id], run_ids)
        for entry in entries:
            unscored = set(entry.missing_unscored_task_ids or ())
            for task_id, outputs in (entry.missing_tasks or {}).items():
                if task_id in candidates and not collection.of_one_run:
                    _take(run, task_id, candidates[task_id], run_ids)
                    continue
                left = missing_outcome(task_id, outputs, scored=task_id not in unscored)
                run.outcomes.setdefault(task_id, left)
        yield run


def _without_metadata(collection: _Collection) -> Iterator[ScoredRun]:
    """A table for each configuration whose entries no metadata names."""
    named = {
        (key, task_id)
        for key, entry in collection.metadata
        for task_id in _task_ids(entry, collection.candidates.get(key, {}))
    }
    for key, candidates in collection.candidates.items():
        left = {name: some for name, some in candidates.items() if (key, name) not in named}
        if left:
            model, configuration = collection.models[key]
            run = ScoredRun(model, configuration, "", without_metadata=True)
            for task_id, some in left.items():
                _take(run, task_id, some, set())
            yield run


def _take(
    run: ScoredRun, task_id: str, candidates: Sequence[_Candidate], run_ids: set[str]
) -> None:
    """Let the newest complete entry count, else the newest.

    An entry of another dataset's run counts too where the task is the same: it was resumed.
    """
    by_age = sorted(candidates, key=lambda one: run_age(one.run_id))
    own = [one for one in by_age if one.run_id in run_ids] or by_age
    content = own[-1].outcome.task_hash
    same = [one for one in by_age if one.outcome.task_hash == content]
    chosen = next((one for one in reversed(same) if one.complete), same[-1])
    run.outcomes[task_id] = chosen.outcome
    run.places[task_id] = chosen.place


def run_age(run_id: str) -> str:
    """When the run began, to the second; older layouts have no run_id and come first."""
    return run_id.partition("-")[0]


def _restrict(run: ScoredRun, tasks: Sequence[Task], dataset: str) -> None:
    """Keep the given tasks only, every one of them, in their order, known by their content."""
    run.dataset, run.without_metadata = dataset, False
    run.given = {task.task_id: task for task in tasks}
    seen = {task_id: one for task_id, one in run.outcomes.items() if not one.missing}
    run.outcomes = {}
    for task in tasks:
        found = seen.get(task.task_id)
        if found is None or found.task_hash != task_hash(task):  # ids are used twice
            found = missing_outcome(task.task_id, len(task.test), scored=task.is_scorable)
            run.places.pop(task.task_id, None)
        run.outcomes[task.task_id] = found


def _task_ids(metadata: RunMetadata, candidates: Mapping[str, Any]) -> list[str]:
    """The tasks with an entry that a run's metadata names."""
    return [task_id for task_id in metadata.named_task_ids() if task_id in candidates]


def _configuration_key(entry: ResultEntry | RunMetadata) -> str:
    """The configuration's hash; of older entries the model's name has to do."""
    return entry.configuration_hash or hash_of([entry.model_name])


def _dataset_key(metadata: RunMetadata) -> str:
    return metadata.dataset_hash or metadata.dataset or ""
