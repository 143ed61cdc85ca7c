"""One table of a benchmark: what a model, in a configuration, made of the tasks of a dataset."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utilities.results.result_entry import EntryKind, ResultEntry, RunMetadata
from utilities.scoring.answers_of_others import read_results
from utilities.scoring.outcomes import ATTEMPTS, TaskOutcome
from utilities.scoring.scores import ScoreSummary, attempts_note, score
from utilities.tasks.task import Pair, Task

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class EntryPlace:
    """Where an entry stands, so that it can be read again: file, and number within it."""

    path: Path
    number: int


@dataclass(slots=True)
class ScoredRun:
    """The tasks of one model, configuration and dataset, over however many runs of it."""

    model_identifier: str
    configuration: Mapping[str, Any]
    dataset: str
    configuration_key: str = ""
    """The same for runs of one configuration."""
    kind: EntryKind = "benchmark"
    paths: tuple[Path, ...] = ()
    """The files that it stands in."""
    outcomes: dict[str, TaskOutcome] = field(default_factory=dict)
    """By task id; those selected but without an entry are there as missing."""
    places: dict[str, EntryPlace] = field(default_factory=dict)
    """Where the entry that counts stands."""
    metadata: list[RunMetadata] = field(default_factory=list)
    """Of the runs that made it, the newest last."""
    remarks: list[RunMetadata] = field(default_factory=list)
    """What else its files say of it: metadata that name no task."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Unusable tasks, and why."""
    given: Mapping[str, Task] = field(default_factory=dict)
    """The tasks that the user named, by id: they know what older entries lack."""
    repeat: int = 1
    """Which of the runs of its configuration on its dataset it is, from 1."""
    repeats: int = 1
    """How many there are."""
    without_metadata: bool = False
    """Nobody knows which tasks were selected: the run was killed, or its file holds no metadata."""

    @property
    def started_at(self) -> str | None:
        """When its newest run began, ISO 8601."""
        return self.metadata[-1].started_at if self.metadata else None

    @property
    def known_cost_usd(self) -> float:
        """Over all samples of known cost, with what its newest run spent on unfinished tasks."""
        unfinished = self.metadata[-1].unfinished_cost_usd if self.metadata else None
        return sum(one.known_cost_usd for one in self.outcomes.values()) + (unfinished or 0.0)

    @property
    def unpriced(self) -> int:
        """Samples of unknown cost, with its newest run's replies to unfinished tasks."""
        return sum(one.unpriced for one in self.outcomes.values()) + self._unfinished_unpriced

    @property
    def cost_is_unknown(self) -> bool:
        """Whether replies are there and the cost of none is known."""
        samples = sum(one.samples for one in self.outcomes.values())
        return self.unpriced > 0 and self.unpriced >= samples + self._unfinished_unpriced

    @property
    def _unfinished_unpriced(self) -> int:
        newest = self.metadata[-1] if self.metadata else None
        return int((newest and newest.unfinished_replies_of_unknown_cost) or 0)

    @property
    def name(self) -> str:
        """Model, kind of answer, what the user set, and dataset, for a heading.

        It does not depend on the entries as far as the configuration tells.
        """
        told = self.configuration
        agent, attempts = told.get("agent"), told.get("attempts", ATTEMPTS)
        kind = f", {agent}" if agent and "sampling" in told else ""  # else it is all there is
        most = max((one.samples for one in self.outcomes.values()), default=0)
        answers = "programs" if self.has_programs else "grids"
        besides = [f"refine {told['refine']}"] if told.get("refine") else []
        if "strategy" in told:
            drawn = f" {told['parents']}" if "parents" in told else ""
            besides.append(f"{told['strategy']}{drawn}, {told.get('steps')} steps")
        stops = ("stop_when_agree", "until_verified")
        besides += [f"{name} {told[name]}" for name in stops if name in told]
        besides += [f"{attempts} attempts"] if attempts != ATTEMPTS else []
        besides += shown_by(told)
        if isinstance(judge := told.get("judge"), Mapping):
            besides.append(f"judged by {judge.get('model_identifier')} × {judge.get('calls')}")
        sampling = told.get("sampling")
        if isinstance(sampling, Mapping):
            besides += [f"{key} {value}" for key, value in sampling.items() if value is not None]
        where = f" on {Path(self.dataset).stem}" if self.dataset else ""
        samples = f"best of {told.get('best_of') or most} {answers}"
        return f"{', '.join([f'{self.model_identifier}{kind}', samples, *besides])}{where}"

    @property
    def has_programs(self) -> bool:
        """Whether the samples are programs: those of the code benchmark have limits."""
        judged = (one.train_fits is not None for one in self.outcomes.values())
        return "limits" in self.configuration or any(judged)

    @property
    def attempts(self) -> int:
        """How many attempts a test input may have had, or has: what allows most counts."""
        told = self.configuration.get("attempts")
        handed_in = (one.attempts for one in self.outcomes.values())
        return max(told if isinstance(told, int) else 0, *handed_in, 0)

    def scores(self) -> ScoreSummary:
        """The figures of this table."""
        return score(self.outcomes.values())

    def to_json(self) -> dict[str, Any]:
        """What `--json` says of a run; `scores` is what the metadata of a run has too."""
        outcomes = self.outcomes.values()
        return {
            "model_identifier": self.model_identifier,
            "configuration": self.configuration,
            "dataset": self.dataset,
            "repeat": self.repeat,
            "repeats": self.repeats,
            "skipped_tasks": self.skipped,
            "known_cost_usd": self.known_cost_usd,
            "samples_of_unknown_cost": self.unpriced,
            "input_tokens": sum(one.input_tokens for one in outcomes),
            "output_tokens": sum(one.output_tokens for one in outcomes),
            "latency_s": sum(one.latency_s for one in outcomes),
            "scores": self.scores().to_json(),
            "tasks": [one.to_json() for one in outcomes],
        }

    def notes(self) -> list[str]:
        """What a reader of the figures must know besides."""
        notes = attempts_note(self.attempts)
        if left_out := [one.task_id for one in self.outcomes.values() if one.left_out]:
            shown = ", ".join(left_out[:_MOST_NAMED]) + (", …" if left_out[_MOST_NAMED:] else "")
            notes.append(
                "answers beyond the test inputs, or to one for the second time, do not count: "
                f"{shown}"
            )
        if self.repeats > 1:
            notes.append(f"run {self.repeat} of {self.repeats} of this configuration")
        if self.skipped:
            notes.append(f"unusable tasks, in no figure: {', '.join(sorted(self.skipped))}")
        if self.without_metadata:
            notes.append(
                "no metadata tells which tasks were selected: missing ones are seen only with "
                "--dataset or --dataset_directory"
            )
        return notes


def shown_by(configuration: Mapping[str, Any]) -> list[str]:
    """In words how tasks were shown, as far as that is not the usual way."""
    words = []
    if protocol := configuration.get("protocol"):
        whose = {"official": "its prompt", "own": "a prompt of our own"}
        prompt = whose.get(str(configuration.get("prompt")), "another prompt")
        words.append(f"protocol {protocol} with {prompt}")
    if directory := configuration.get("prompt_directory"):
        words.append(f"prompts {directory} {str(configuration.get('prompt_hash'))[:6]}")
    if formats := configuration.get("grid_format"):
        words.append(f"grids as {'+'.join(map(str, formats))}")
    if isinstance(images := configuration.get("images"), Mapping):
        digits = " with digits" if images.get("digits") else ""
        only = " only" if images.get("only") else ""
        cells = f"{images.get('cell_px')} px{digits}"
        words.append(f"pictures{only} ({images.get('layout')}, {cells})")
    if isinstance(vary := configuration.get("vary"), Mapping):
        seed = f" of seed {vary['seed']}" if vary.get("seed") else ""
        words.append(f"views by {'+'.join(vary.get('kinds', ()))}{seed}")
    return words


def judged_task(entry: ResultEntry, given: Mapping[str, Task], *, needed: bool = True) -> Task:
    """The entry's task, with what the `given` one knows and the entry does not.

    That is the whole task for an older entry, which has none, and test outputs. Raises UsageError
    if there is no task, or none that is valid. Unless a task is `needed`, one without pairs
    stands for a missing one.
    """
    known = given.get(str(entry.task_id))
    if entry.task_data is None and known is not None:
        return known
    if entry.task_data is None and entry.task_id is not None and not needed:
        return Task(entry.task_id, (), ())
    task = entry.task()
    if known is None or [p.input for p in known.test] != [p.input for p in task.test]:
        return task
    test = tuple(
        Pair(pair.input, told.output if pair.output is None else pair.output)
        for pair, told in zip(task.test, known.test, strict=True)
    )
    return Task(task.task_id, task.train, test)


def counted_entries(
    *runs: ScoredRun, task_id: str | None = None
) -> Iterator[tuple[ScoredRun, Task, ResultEntry]]:
    """Read the entries that count once more, one in memory, in the order of the files.

    With each comes its run, and its task as it was judged. With `task_id` those of this task.
    """
    wanted: dict[Path, dict[int, list[ScoredRun]]] = {}
    for run in runs:
        for name, place in run.places.items():
            if name in run.outcomes and task_id in (None, name):
                wanted.setdefault(place.path, {}).setdefault(place.number, []).append(run)
    for path, by_number in wanted.items():
        given = {task_id: task for run in runs for task_id, task in run.given.items()}
        for number, entry in enumerate(read_results(path, given)):
            if not isinstance(entry, ResultEntry):
                continue
            for run in by_number.get(number, ()):
                needed = run.kind == "benchmark"
                yield run, judged_task(entry, run.given, needed=needed), entry


def file_names(runs: Sequence[ScoredRun]) -> list[str]:
    """A name for each run that can be part of a path, no two alike."""
    names = [re.sub(r"[^A-Za-z0-9.]+", "_", run.name).strip("_") for run in runs]
    return [
        name if names.count(name) == 1 else f"{name}_{position}"
        for position, name in enumerate(names, start=1)
    ]
