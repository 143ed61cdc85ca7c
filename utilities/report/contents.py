"""Gathers results files into what the page shows, with no more text in memory than the page has."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from utilities.files.json_lines import encode_line
from utilities.report.raw_replies import RawReplies
from utilities.report.records import (
    Record,
    grid_texts,
    judge_text,
    prompt_text,
    result_record,
    sample_records,
    task_record,
)
from utilities.results.result_entry import ResultEntry
from utilities.scoring.scored_run import ScoredRun, counted_entries
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.hashes import task_hash
from utilities.tasks.task import Task


@dataclass
class ShownRun:
    """A run as the scorer reads it, and what the page's table needs of its tasks."""

    scored: ScoredRun
    results: dict[int, Record] = field(default_factory=dict)
    """By the task's number."""


@dataclass
class ShownTask:
    """A task of any run: its id, the name in its address, its shape."""

    task_id: str
    address: str
    train: int
    test: int
    cells: int
    """Of its largest grid."""


class ReportContents:
    """All that a page shows of results files.

    `blocks` are the parts that the page reads when a task is opened, as JSON: `t3` the pairs of
    task 3, `t3r0` what run 0 made of it. `left_out` counts the results whose blocks found no
    room. `replies` are the raw replies, whole ones, with a room of their own.
    """

    def __init__(self, *, longest_text: int, most_bytes: int, most_reply_bytes: int = 0) -> None:
        """Texts are cut to `longest_text` characters; all blocks together to `most_bytes`."""
        self.tasks: list[ShownTask] = []
        self.runs: list[ShownRun] = []
        self.blocks: dict[str, bytes] = {}
        self.replies = RawReplies(most_reply_bytes)
        self.left_out = 0
        self.cut_texts = 0
        self._longest_text = longest_text
        self._room = most_bytes
        self._numbers: dict[tuple[str, str], int] = {}
        self._addresses: set[str] = set()

    def read(self, paths: Sequence[Path], *, tasks: Sequence[Task] = (), dataset: str = "") -> None:
        """Take in every file; each gets an equal share of the room that is left.

        With `tasks` exactly these, of this dataset, are shown. Raises UsageError if a file cannot
        be used.
        """
        scored = read_scored_runs(paths, tasks=tasks, dataset=dataset, generated_too=True)
        self.runs = [ShownRun(run) for run in scored]
        numbers = {id(run.scored): number for number, run in enumerate(self.runs)}
        counted = counted_entries(*(run.scored for run in self.runs))
        files = len({place.path for run in self.runs for place in run.scored.places.values()})
        for done, (_, entries) in enumerate(groupby(counted, key=_path_of)):
            share = room = self._room // (files - done)
            for run, task, entry in entries:
                room = self._add(numbers[id(run)], task, entry, room)
            self._room -= share - room
        if self.replies.most_bytes:
            self.replies.read()

    def _add(self, run: int, task: Task, entry: ResultEntry, room: int) -> int:
        """Add an entry; returns the room that it leaves."""
        number = self._number_of(task)
        samples = sample_records(entry, task, self._longest_text)
        scored = self.runs[run].scored
        outcome = scored.outcomes[task.task_id]
        self.runs[run].results[number] = result_record(outcome, samples)
        texts = (*entry.reasoning, *entry.python_code)
        self.cut_texts += sum(len(text or "") > self._longest_text for text in texts)
        attempts = None
        if entry.attempts is not None:
            attempts = [grid_texts(tried) for tried in entry.attempts]
        prompts = [prompt_text(messages, self._longest_text) for messages in entry.prompt_messages]
        distinct = list(dict.fromkeys(prompts))
        for sample, prompt in zip(samples, prompts, strict=True):
            sample["prompt"] = distinct.index(prompt)
        content = as_json({
            "samples": samples,
            "attempts": attempts,
            "from": entry.attempt_runs,
            "judge": judge_text(entry),
            "prompts": distinct,
        })  # fmt: skip
        if len(content) > room:
            self.left_out += 1
            return room
        self.blocks[f"t{number}r{run}"] = content
        self.replies.want(entry, _sources(scored, task.task_id), f"t{number}r{run}")
        return room - len(content)

    def _number_of(self, task: Task) -> int:
        key = task.task_id, task_hash(task)
        if key not in self._numbers:
            self._numbers[key] = len(self.tasks)
            self.blocks[f"t{len(self.tasks)}"] = as_json(task_record(task))
            self.tasks.append(self._shown(task))
        return self._numbers[key]

    def _shown(self, task: Task) -> ShownTask:
        address, number = task.task_id, 2
        while address in self._addresses:  # other pairs under the same id
            address, number = f"{task.task_id}~{number}", number + 1
        self._addresses.add(address)
        pairs = (*task.train, *task.test)
        grids = [grid for pair in pairs for grid in (pair.input, pair.output) if grid]
        cells = max((len(grid) * len(grid[0]) for grid in grids), default=0)
        return ShownTask(task.task_id, address, len(task.train), len(task.test), cells)


def _sources(run: ScoredRun, task_id: str) -> dict[str | None, list[Path]]:
    """Results files whose journals may have the replies, by the run that a sample was combined of.

    None stands for a sample of the run itself.
    """
    own = run.places[task_id].path
    found: dict[str | None, list[Path]] = {None: [own]}
    for told in (*run.remarks, *run.metadata):
        files = told.fields.get("combined_files")
        for name, paths in files.items() if isinstance(files, dict) else ():
            texts = paths if isinstance(paths, list) else []
            found[name] = [own.parent / one for one in texts if isinstance(one, str)]
    return found


def _path_of(counted: tuple[ScoredRun, Task, ResultEntry]) -> Path:
    run, task, _ = counted
    return run.places[task.task_id].path


def as_json(value: dict[str, Any]) -> bytes:
    r"""JSON that may stand in a page: what could end its element or a line is written `\u003c`."""
    content = encode_line(value).rstrip(b"\n")
    for character, escaped in (
        (b"<", rb"\u003c"),
        (b">", rb"\u003e"),
        (b"&", rb"\u0026"),
        ("\u2028".encode(), rb"\u2028"),
        ("\u2029".encode(), rb"\u2029"),
    ):
        content = content.replace(character, escaped)
    return content
