"""Traces of results or of a store given to followers, and the file written anew with scores."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

from agents.agent_choice import choose_agent
from agents.catalogue import AgentKind
from agents.opening import open_agent
from agents.strategies.strategy import BestOf, Limits, no_verdicts
from agents.trace_follower import (
    AskedPair,
    FollowedTask,
    Score,
    TraceFollower,
    asked_pairs,
    entry_fields,
)
from utilities.command_line.terminal import printable, show
from utilities.command_line.words import is_one_of
from utilities.errors import UsageError
from utilities.files.atomic import file_to_write, replacing
from utilities.files.hashing import file_sha256, hash_of
from utilities.files.json_files import refuse_what_is_no_file, reported_reading, stem_of
from utilities.files.json_lines import encode_line
from utilities.models.content import text_of
from utilities.results.entry import entry_of
from utilities.results.provenance import run_metadata
from utilities.results.reader import Fields, read_fields, result_of_fields
from utilities.results.result_entry import ResultEntry
from utilities.runs.options import AskingOptions, OutputPlace
from utilities.runs.run import open_run, selection_of
from utilities.runs.summary import shown
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.task import Task, task_from_json
from utilities.traces.sources import open_source
from utilities.traces.store import TracesOfTask, iterate_store, write_store
from utilities.verification.fresh_pairs import FreshPairs
from utilities.views.changes import is_turned

_KEY_DIGITS = 12
Scores = Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class FoundTrace:
    """A trace of a file, its task, and the prompt that it answers, if that is known."""

    task: Task
    text: str
    prompt: str | None = None

    @property
    def key(self) -> str:
        """Names the trace, and with it its followers' entry: traces that are the same share it."""
        named = hash_of([self.task.to_json(), self.text])[:_KEY_DIGITS]
        return f"{self.task.task_id}:{named}"


Found = FoundTrace | str
"""A trace, or why there is none to follow."""


class TraceFile(Protocol):
    """A file with traces; what is found is the same each time, in the same order."""

    ending: ClassVar[str]
    """Of the name of what `write` writes."""

    def traces(self) -> Iterator[Found]:
        """Every trace, or why it is none."""

    def write(self, path: Path, scores: Scores, metadata: Fields) -> None:
        """Write the file anew, each trace with its score."""


def scored(found: Found, scores: Scores) -> dict[str, Any]:
    """The fields of a trace's score, null if it has none."""
    score = None if isinstance(found, str) else scores.get(found.key)
    names = ("followed", "followers", "followed_by")
    return {name: score and getattr(score, name) for name in names}


class ResultsFile:
    """The samples of a results file that have reasoning."""

    ending: ClassVar[str] = ".jsonl"

    def __init__(self, path: Path) -> None:
        """Nothing is read yet."""
        self._path = path

    def traces(self) -> Iterator[Found]:
        """Raises UsageError for what cannot be read."""
        for _, traces in self._entries():
            yield from traces

    def write(self, path: Path, scores: Scores, metadata: Fields) -> None:
        """Entries of other kinds stay as they are; the metadata of this run come last."""
        with replacing(path) as file:
            for fields, traces in self._entries():
                columns = [scored(one, scores) for one in traces]
                lists = {name: [one[name] for one in columns] for name in (columns or [{}])[0]}
                file.write(encode_line(fields | lists))
            file.write(encode_line(metadata))

    def _entries(self) -> Iterator[tuple[Fields, list[Found]]]:
        for fields in read_fields(self._path):
            traces: list[Found] = []
            if fields["entry_type"] == "result":
                traces = list(_traces_of(result_of_fields(fields, self._path)))
            yield fields, traces


def _traces_of(entry: ResultEntry) -> Iterator[Found]:
    if entry.asked_pairs is not None:
        yield from ["a follower of a trace"] * entry.samples
        return
    try:
        task = entry.task()
    except UsageError:
        yield from ["without a valid task"] * entry.samples
        return
    for status, text, messages, view in zip(
        entry.status, entry.reasoning, entry.prompt_messages, entry.view, strict=True
    ):
        if status != "ok":
            yield str(status)
        elif text is None or not text.strip():
            yield "no reasoning"
        elif is_turned(view):
            yield "of a turned view"
        else:
            yield FoundTrace(task, text.strip(), _prompt_text(messages))


def _prompt_text(messages: Any) -> str | None:
    """All text of a recorded prompt; None for one that older versions kept in another form."""
    try:
        return "\n\n".join(text_of(message["content"]) for message in messages) or None
    except (KeyError, TypeError):
        return None


@dataclass
class StoreFile:
    """The traces of a store; their tasks are their own, as ARC-TGI's, or those of a dataset."""

    ending: ClassVar[str] = ".json"
    path: Path
    dataset: TaskSource

    @cached_property
    def _tasks(self) -> dict[str, Task]:
        return {task.task_id: task for task in self.dataset}

    def traces(self) -> Iterator[Found]:
        """Raises UsageError for what cannot be read."""
        for task_id, traces in iterate_store(self.path):
            for trace in traces:
                yield self._found(task_id, trace)

    def _found(self, task_id: str, trace: Mapping[str, Any]) -> Found:
        text, task = trace.get("text"), self._tasks.get(task_id)
        if "task" in trace:
            own = task_from_json(task_id, trace["task"])
            task = own if isinstance(own, Task) else None
        if task is None:
            return "of an unknown task"
        if not isinstance(text, str) or not text.strip():
            return "no reasoning"
        return (
            "of a turned view" if is_turned(trace.get("view")) else FoundTrace(task, text.strip())
        )

    def write(self, path: Path, scores: Scores, metadata: Fields) -> None:  # noqa: ARG002
        """The same store; it has no place for metadata, which stand in the followers' results."""

        def all_scored() -> Iterator[TracesOfTask]:
            for task_id, traces in iterate_store(self.path):
                yield task_id, [one | scored(self._found(task_id, one), scores) for one in traces]

        write_store(path, all_scored(), option="--output")


class TracesToFollow(TaskSource):
    """Each different trace as a task of its own, one in memory."""

    def __init__(
        self,
        path: Path,
        file: TraceFile,
        options: AskingOptions,
        seed: int,
        fresh: FreshPairs | None,
    ) -> None:
        """`options` say how many inputs a trace may be followed on, and which tasks count."""
        self.path = path
        self.skipped = {}
        self.total = None
        self.left_out: Counter[str] = Counter()
        self._file, self._most, self._seed, self._fresh = file, options.best_of, seed, fresh
        self._selection = selection_of(options)
        with reported_reading(path):
            refuse_what_is_no_file(path)
            self.dataset_hash = file_sha256(path)

    def __iter__(self) -> Iterator[Task]:
        """Yield the traces; raises UsageError if there are none, or for what cannot be read."""
        self.left_out.clear()
        keys: set[str] = set()
        task_ids: set[str] = set()
        for found in self._file.traces():
            if isinstance(found, str):
                self.left_out[found] += 1
            elif found.key in keys:
                self.left_out["the same as another"] += 1
            elif not self._is_chosen(found.task, task_ids):
                self.left_out["of a task that was not chosen"] += 1
            else:
                keys.add(found.key)
                task_ids.add(found.task.task_id)
                asked = self._asked(found)
                yield FollowedTask.of(found.key, found.task, found.text, asked)
        if not keys:
            told = f": {reasons_text(self.left_out)}" if self.left_out else ""
            raise UsageError(f"{self.path} holds no trace to follow{told}")

    def _is_chosen(self, task: Task, task_ids: set[str]) -> bool:
        wanted = self._selection
        is_one_more = task.task_id not in task_ids and len(task_ids) == wanted.max_tasks
        is_named = wanted.task_ids is None or task.task_id in wanted.task_ids
        return is_named and wanted.takes(task) and not is_one_more

    def _asked(self, found: FoundTrace) -> list[AskedPair]:
        fresh = () if self._fresh is None else self._fresh.of(found.task.task_id)
        return asked_pairs(
            found.task,
            found.text,
            prompt=found.prompt,
            fresh=fresh,
            most=self._most,
            seed=f"{self._seed} {found.key}",
        )


def opened(path: Path, asking: AskingOptions) -> TraceFile:
    """The file of traces; raises UsageError if it is none, or for a dataset beside results."""
    kind = open_source(path).kind
    if kind == "traces":
        return StoreFile(
            path,
            open_tasks(
                dataset_directory=asking.dataset_directory,
                dataset=asking.dataset,
                draw=asking.draw.draw,
            ),
        )
    if kind != "results":
        raise UsageError(
            f"{path} is {kind}, not results or a store of traces; put it into a store first, with "
            "merge_reasoning.py --traces_path STORE"
        )
    for name in ("dataset", "dataset_directory"):
        if getattr(asking, name) is not None:
            raise UsageError(f"--{name}: results carry their tasks; leave it out")
    return ResultsFile(path)


async def follow(
    source: Path,
    output: Path | None,
    asking: AskingOptions,
    place: OutputPlace,
    *,
    seed: int,
    fresh: FreshPairs | None,
    shown_options: Mapping[str, Any],
) -> int:
    """Ask `asking.best_of` followers about each trace, and write the scores; the exit code.

    They are written to `output`, else beside the source. What a stopped run knows is written, too.
    Raises UsageError for files that cannot be read or written, and
    for a model that cannot be asked.
    """
    chosen = choose_agent(asking, AgentKind("follower", TraceFollower, option="the"))
    file = opened(source, asking)
    output = output or _beside(source, file.ending)
    file_to_write(output)
    if is_one_of(output, [source]):
        raise UsageError("--output is SOURCE itself; choose another place")
    traces = TracesToFollow(source, file, asking, seed, fresh)
    started_at, scores = datetime.now(UTC), dict[str, Score]()
    async with (
        open_run(asking, place, keys=chosen.keys, shown_options=shown_options, tasks=traces) as run,
        open_agent(run, chosen) as follower,
    ):
        own = run.store.place
        if is_one_of(output, [own.results, own.journal, own.log]):
            raise UsageError(f"--output {output} is a file of the followers; choose another place")
        strategy = BestOf(follower.agent, no_verdicts, Limits(asking.best_of))

        async def answer(task: Task) -> dict[str, Any]:
            assert isinstance(task, FollowedTask), "TracesToFollow has no others"
            samples = [one.sample for one in await strategy.all_samples(task)]
            return entry_of(task, samples, follower.identity, **entry_fields(task, samples))

        def observe(entry: ResultEntry) -> None:
            scores[entry.task_id or ""] = Score.of(entry)

        code = await run.answer_tasks(answer, follower.identity, observe=observe)
        if asking.dry_run:
            return code
        ran = {
            "source": str(source),
            "source_sha256": traces.dataset_hash,
            "followers_results": str(run.store.place.results),
            "configuration": {**follower.identity, "best_of": asking.best_of},
            **counts_of(scores.values(), traces.left_out),
            "options": dict(shown_options),
            **run.provenance,
        }
    status = "unfinished" if code else "completed"
    metadata = run_metadata("verify_reasoning", status, started_at, ran)
    if any(score.followers for score in scores.values()):
        await asyncio.to_thread(file.write, output, scores, metadata)
    show(*summary_lines(ran, output))
    return code


def _beside(source: Path, ending: str) -> Path:
    """Such as `code_data_results.jsonl.gz` → `code_data_results_followed.jsonl`."""
    stem = stem_of(Path(os.path.realpath(source)).name)
    return source.parent / f"{stem}_followed{ending}"


def counts_of(scores: Iterable[Score], left_out: Counter[str]) -> dict[str, Any]:
    """What came of the traces, for the metadata and the summary."""
    known = [score for score in scores if score.followed is not None]
    shares = [score.followed or 0.0 for score in known]
    pairs = [pair for score in known for pair in score.followed_by["pairs"]]
    return {
        "traces_followed": len(known),
        "mean_followed": round(sum(shares) / len(shares), 4) if shares else None,
        "followed_by_all": shares.count(1.0),
        "followed_by_none": shares.count(0.0),
        "pairs_asked": dict(Counter(pair["part"] for pair in pairs)),
        "outputs_in_traces": sum(pair["in_trace"] for pair in pairs),
        "traces_left_out": dict(left_out.most_common()),
    }


def reasons_text(left_out: Mapping[str, int]) -> str:
    """Why traces were left out, and how many: the commonest reasons first."""
    return printable(", ".join(f"{reason} {count}" for reason, count in left_out.items()), 300)


def summary_lines(ran: Mapping[str, Any], output: Path) -> list[str]:
    """What a person wants to know of the scores."""
    if not ran["traces_followed"]:
        return ["  followed  nothing is known of any trace; no output is written"]
    told = f"{ran['followed_by_all']} led all of them there, {ran['followed_by_none']} none"
    pairs = ", ".join(f"{count} {part}" for part, count in ran["pairs_asked"].items())
    quoted = ran["outputs_in_traces"]
    rows = {
        "followed": f"{ran['traces_followed']} traces: {ran['mean_followed']:.1%} of followers "
        f"arrived on average; {told}",
        "pairs": f"{pairs}; {quoted} of them with the output in the trace, hidden",
        "left out": reasons_text(ran["traces_left_out"]),
        "output": shown(output),
    }
    return [f"  {name:10}{text}" for name, text in rows.items() if text]
