"""Reads results files and answers of others into tables: a model, a configuration, a dataset."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, product
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.results.program_tables import is_program_table
from utilities.results.result_entry import EntryKind, ResultEntry, RunMetadata
from utilities.scoring.answers_of_others import read_results
from utilities.scoring.outcomes import TaskOutcome, missing_outcome, missing_outcome_of, outcome_of
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
    dataset: str
    entry_key: str | None
    position: int
    """Among all entries that are read."""

    def repeats(self, other: "_Candidate") -> bool:
        """Whether both answer the task, in runs of their own.

        In one file a later run answers again only what it makes anew: with another key, or from
        the same replies. Then the newest counts, and nothing is repeated.
        """
        if not (self.complete and other.complete) or self.run_id == other.run_id:
            return False
        if self.place.path != other.place.path:
            return True
        mine, others = self.outcome, other.outcome
        same_replies = (mine.latency_s, mine.tokens) == (others.latency_s, others.tokens)
        return None is not self.entry_key == other.entry_key and not same_replies


@dataclass(slots=True)
class _Collected:
    """Entries of one kind and configuration, and what its runs say of themselves."""

    kind: EntryKind
    key: str
    """Of the configuration."""
    model: str
    configuration: dict[str, Any]
    candidates: dict[str, list[_Candidate]] = field(default_factory=dict)
    """By task id."""
    metadata: list[tuple[int, RunMetadata]] = field(default_factory=list)
    """With their positions among all entries that are read."""
    remarks: list[RunMetadata] = field(default_factory=list)
    """Metadata of its files that name no task: of a verification, say."""
    paths: list[Path] = field(default_factory=list)

    def repeats(self, other: "_Collected") -> bool:
        """Whether both answer a task, so that they are runs of their own."""
        return any(
            mine.repeats(others)
            for task_id in self.candidates.keys() & other.candidates.keys()
            for mine, others in product(self.candidates[task_id], other.candidates[task_id])
        )

    def join(self, other: "_Collected") -> None:
        """Take over what another file has of the same run."""
        for task_id, candidates in other.candidates.items():
            self.candidates.setdefault(task_id, []).extend(candidates)
        self.metadata += other.metadata
        self.remarks += [one for one in other.remarks if one not in self.remarks]
        self.paths += [path for path in other.paths if path not in self.paths]

    def keep_up_to(self, run_id: str) -> None:
        """Keep of each task what this run wrote, or what came before it if it wrote nothing."""
        self.metadata = [(at, one) for at, one in self.metadata if one.run_id == run_id]
        for task_id, some in list(self.candidates.items()):
            own = [one for one in some if one.run_id == run_id]
            kept = own or [one for one in some if _run_age(one.run_id) <= _run_age(run_id)]
            if kept:
                self.candidates[task_id] = kept
            else:
                del self.candidates[task_id]


_Groups = dict[tuple[EntryKind, str, str], _Collected]
"""By kind, configuration and run."""
_BENCHMARK: EntryKind = "benchmark"


def read_scored_runs(
    paths: Iterable[Path],
    *,
    tasks: Sequence[Task] = (),
    dataset: str = "",
    run_id: str | None = None,
    generated_too: bool = False,
) -> list[ScoredRun]:
    """The tables that results files hold, in the order in which they first appear.

    Runs of one configuration on one dataset share a table, since a run goes on where earlier ones
    stopped. If two of them answer the same task, they are repeats: each has its own table. For
    each task the newest complete entry counts, or the newest if none is complete.

    The tasks of a table are those that the metadata of its runs name, or `tasks` if given. With
    `run_id` a table holds what that run's own summary said: its entries, those that it took over
    from earlier runs, and as missing the tasks that it did not reach. With `generated_too` entries
    without attempts are scored by their samples (see `TaskOutcome`), in tables of their own;
    otherwise attempts are chosen from those samples.

    Raises UsageError for files that cannot be read and entries that cannot be scored.
    """
    given = {task.task_id: task for task in tasks}
    groups = _collected(paths, given, generated_too)
    if run_id is not None:
        groups = [one for one in groups if any(m.run_id == run_id for _, m in one.metadata)]
        if not groups:
            raise UsageError(f"--run_id {run_id}: no metadata of such a run in these files")
        for group in groups:
            group.keep_up_to(run_id)
    placed = [one for group in groups for one in _tables(group, of_one_run=run_id is not None)]
    runs = [run for _, run in sorted(placed, key=lambda one: one[0])]
    if tasks:
        for run in runs:
            _restrict(run, given, dataset)
    found_runs = [run for run in runs if run.outcomes]
    if not found_runs:
        raise UsageError("no benchmark result in these files; give results of a benchmark")
    _number_repeats(found_runs)
    return found_runs


def _collected(
    paths: Iterable[Path], given: Mapping[str, Task], generated_too: bool
) -> list[_Collected]:
    """What the files hold, a group for each table to come, parts of one run joined."""
    collected: dict[tuple[EntryKind, str], list[_Collected]] = {}
    positions = count()
    for path in paths:
        for found in _read_file(path, given, positions, generated_too).values():
            earlier = collected.setdefault((found.kind, found.key), [])
            whole = next((one for one in earlier if not one.repeats(found)), None)
            if whole is None:
                earlier.append(found)
            else:
                whole.join(found)
    return list(chain.from_iterable(collected.values()))


def _number_repeats(runs: Sequence[ScoredRun]) -> None:
    alike: dict[tuple[str, str, str], list[ScoredRun]] = {}
    for run in runs:
        alike.setdefault((run.kind, run.configuration_key, run.dataset), []).append(run)
    for repeats in alike.values():
        for number, run in enumerate(repeats, start=1):
            run.repeat, run.repeats = number, len(repeats)


def _read_file(
    path: Path, given: Mapping[str, Task], positions: Iterator[int], generated_too: bool
) -> _Groups:
    if is_program_table(path) and not generated_too:
        raise UsageError(
            f"{path} holds programs that were not run here; run synthetic_data_generators/"
            f"verify_generated_code.py {path} --dataset NAME, and give what that writes"
        )
    groups: _Groups = {}
    metadata: list[tuple[int, RunMetadata]] = []
    for number, (position, entry) in enumerate(
        zip(positions, read_results(path, given), strict=False)
    ):
        if isinstance(entry, RunMetadata):
            metadata.append((position, entry))
        elif isinstance(entry, ResultEntry):
            kind = entry.kind if generated_too else _BENCHMARK
            if entry.not_judged is not None and entry.task_data is None:
                continue  # a program of a task that nobody knows
            task = judged_task(entry, given, needed=kind == _BENCHMARK)
            candidate = _Candidate(
                outcome_of(entry, task, kind=kind, task_hash=task_hash(task) if task.test else ""),
                EntryPlace(path, number),
                entry.run_id or "",
                complete=entry.is_complete,
                dataset=entry.dataset or "",
                entry_key=entry.entry_key,
                position=position,
            )
            candidates = _group_of(entry, kind, path, groups).candidates
            candidates.setdefault(task.task_id, []).append(candidate)
    for position, told in metadata:
        _add_metadata(told, position, path, groups)
    return groups


def _group_of(
    entry: ResultEntry | RunMetadata, kind: EntryKind, path: Path, groups: _Groups
) -> _Collected:
    configuration_key = _configuration_key(entry)
    key = kind, configuration_key, entry.run_id or ""
    if key not in groups:
        configured = entry.model_name, entry.configuration or {}
        groups[key] = _Collected(kind, configuration_key, *configured, paths=[path])
    return groups[key]


def _add_metadata(entry: RunMetadata, position: int, path: Path, groups: _Groups) -> None:
    """Metadata that name no task are remarks on every entry that they can be about."""
    names_task = entry.missing_tasks or any(entry.named_task_ids())
    own = _configuration_key(entry)
    if names_task:
        kinds = dict.fromkeys(kind for kind, key, _ in groups if key == own) or (_BENCHMARK,)
        for kind in kinds:
            _group_of(entry, kind, path, groups).metadata.append((position, entry))
        return
    names_model = entry.configuration_hash or entry.model_identifier or entry.model
    for (_, key, _), group in groups.items():
        if key == own or not names_model:
            group.remarks.append(entry)


def _tables(group: _Collected, *, of_one_run: bool) -> Iterator[tuple[int, ScoredRun]]:
    """The tables of a group, each with the position at which it first appears."""
    grouped: dict[str, list[tuple[int, RunMetadata]]] = {}
    for position, entry in sorted(
        group.metadata, key=lambda one: (one[1].started_at or "", one[0])
    ):
        grouped.setdefault(entry.dataset_hash or entry.dataset or "", []).append((position, entry))
    for entries in grouped.values():
        first = min(position for position, _ in entries)
        yield first, _with_metadata(group, [one for _, one in entries], of_one_run)
    if of_one_run:
        return
    named = {
        task_id
        for _, entry in group.metadata
        for task_id in (*entry.named_task_ids(), *(entry.missing_tasks or ()))
    }
    left: dict[str, dict[str, list[_Candidate]]] = {}
    for task_id, some in group.candidates.items():
        if task_id not in named:
            left.setdefault(some[-1].dataset, {})[task_id] = some
    for dataset, candidates in left.items():
        run = _empty(group, dataset)
        run.without_metadata = True
        for task_id, some in candidates.items():
            _take(run, task_id, some, set())
        yield min(one.position for some in candidates.values() for one in some), run


def _with_metadata(
    group: _Collected, entries: Sequence[RunMetadata], of_one_run: bool
) -> ScoredRun:
    """The table of a dataset that metadata speaks of."""
    newest = entries[-1]
    run = _empty(group, newest.dataset or "")
    run.model_identifier, run.configuration = newest.model_name, newest.configuration or {}
    run.metadata = list(entries)
    run_ids = {entry.run_id or "" for entry in entries}
    for entry in entries:
        run.skipped |= entry.skipped_tasks or {}
        for task_id in _task_ids(entry, group.candidates):
            _take(run, task_id, group.candidates[task_id], run_ids)
    for entry in entries if group.kind == _BENCHMARK else ():
        unscored = set(entry.missing_unscored_task_ids or ())
        for task_id, outputs in (entry.missing_tasks or {}).items():
            if task_id in group.candidates and not of_one_run:
                _take(run, task_id, group.candidates[task_id], run_ids)
                continue
            left = missing_outcome(task_id, outputs, scored=task_id not in unscored)
            run.outcomes.setdefault(task_id, left)
    return run


def _empty(group: _Collected, dataset: str) -> ScoredRun:
    return ScoredRun(
        group.model,
        group.configuration,
        dataset,
        configuration_key=group.key,
        kind=group.kind,
        paths=tuple(group.paths),
        remarks=group.remarks,
    )


def _take(
    run: ScoredRun, task_id: str, candidates: Sequence[_Candidate], run_ids: set[str]
) -> None:
    """Let the newest complete entry count, else the newest.

    An entry of another dataset's run counts too if the task is the same: it was resumed.
    """
    by_age = sorted(candidates, key=lambda one: _run_age(one.run_id))
    own = [one for one in by_age if one.run_id in run_ids] or by_age
    content = own[-1].outcome.task_hash
    same = [one for one in by_age if one.outcome.task_hash == content]
    chosen = next((one for one in reversed(same) if one.complete), same[-1])
    run.outcomes[task_id] = chosen.outcome
    run.places[task_id] = chosen.place


def _run_age(run_id: str) -> str:
    """When the run began, to the second; older layouts have no run_id and come first."""
    return run_id.partition("-")[0]


def _restrict(run: ScoredRun, tasks: Mapping[str, Task], dataset: str) -> None:
    """Keep the given tasks only, every one of them, in their order, known by their content."""
    run.dataset, run.without_metadata, run.given = dataset, False, tasks
    seen = {task_id: one for task_id, one in run.outcomes.items() if not one.missing}
    run.outcomes = {}
    for task in tasks.values():
        found = seen.get(task.task_id)
        if found is None or found.task_hash != task_hash(task):  # ids are used twice
            found = missing_outcome_of(task)
            run.places.pop(task.task_id, None)
        run.outcomes[task.task_id] = found


def _task_ids(metadata: RunMetadata, candidates: Mapping[str, Any]) -> list[str]:
    """The tasks with an entry that a run's metadata names."""
    return [task_id for task_id in metadata.named_task_ids() if task_id in candidates]


def _configuration_key(entry: ResultEntry | RunMetadata) -> str:
    """The configuration's hash; of older entries the model's name has to do."""
    return entry.configuration_hash or hash_of([entry.model_name])
