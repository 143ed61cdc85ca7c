"""Gathers results files into what the page shows, with no more text in memory than the page has."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utilities.files.json_lines import encode_line
from utilities.report.records import (
    Record,
    attempt_texts,
    content_key,
    kind_of,
    precedence,
    result_record,
    sample_records,
    task_record,
)
from utilities.results.reader import Fields as Entry
from utilities.results.reader import read_fields
from utilities.tasks.task import MOST_PAIRS


@dataclass
class ShownRun:
    """The entries of one configuration in one file: a run and the runs that took it up again."""

    path: Path
    configuration_hash: str | None
    model: str
    kind: str
    results: dict[int, Record] = field(default_factory=dict)
    """What the table needs, by the task's number; a task's newest complete entry counts."""
    precedences: dict[int, tuple[bool, str]] = field(default_factory=dict)
    """Of the entries that `results` were made of."""
    metadata: list[Entry] = field(default_factory=list)
    dataset: str = ""
    """As a benchmark's entries name it."""
    missing: dict[str, int] = field(default_factory=dict)
    """Task id → test inputs, of the tasks that were to be answered and have no entry."""


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
    room.
    """

    def __init__(self, *, longest_text: int, most_bytes: int) -> None:
        """Texts are cut to `longest_text` characters; all blocks together to `most_bytes`."""
        self.tasks: list[ShownTask] = []
        self.runs: list[ShownRun] = []
        self.blocks: dict[str, bytes] = {}
        self.left_out = 0
        self.cut_texts = 0
        self._longest_text = longest_text
        self._room = most_bytes
        self._numbers: dict[tuple[str, str], int] = {}
        self._addresses: set[str] = set()

    def read(self, paths: Iterable[Path]) -> None:
        """Take in every file; each gets an equal share of the room that is left.

        Raises UsageError where a file cannot be used.
        """
        waiting = list(paths)
        while waiting:
            share = self._room // len(waiting)
            unused = self._read_file(waiting.pop(0), share)
            self._room -= share - unused
        self.runs = [run for run in self.runs if run.results]

    def _read_file(self, path: Path, room: int) -> int:
        runs: dict[str, ShownRun] = {}
        metadata: list[Entry] = []
        for entry in read_fields(path):
            if entry["entry_type"] == "metadata":
                metadata.append(entry)
            elif entry["entry_type"] == "result":
                room = self._add(entry, path, runs, room)
        for entry in metadata:
            for run in runs.values():
                if entry.get("configuration_hash") in (None, run.configuration_hash):
                    run.metadata.append(entry)
        for run in runs.values():
            run.missing = self._missing(run)
        return room

    def _missing(self, run: ShownRun) -> dict[str, int]:
        """What a benchmark's metadata calls missing and no run brought later.

        Tasks whose test outputs are not known count in no figure, so they are left out.
        """
        answered = {self.tasks[number].task_id for number in run.results}
        missing: dict[str, int] = {}
        for entry in run.metadata if run.kind == "benchmark" else ():
            told, unscored = entry.get("missing_tasks"), entry.get("missing_unscored_task_ids")
            left_out = [*answered, *(unscored if isinstance(unscored, list) else ())]
            for task_id, outputs in told.items() if isinstance(told, dict) else ():
                is_count = type(outputs) is int and 0 < outputs <= MOST_PAIRS
                if is_count and task_id not in left_out:
                    missing[task_id] = outputs
        return missing

    def _add(self, entry: Entry, path: Path, runs: dict[str, ShownRun], room: int) -> int:
        """Add an entry; returns the room that it leaves."""
        model = str(entry.get("model") or entry.get("model_identifier") or "unknown model")
        hash_ = entry.get("configuration_hash")
        name = f"{hash_ or model} {kind_of(entry)}"
        if name not in runs:
            runs[name] = ShownRun(path, hash_ and str(hash_), model, kind_of(entry))
            self.runs.append(runs[name])
        run, task = runs[name], task_record(entry)
        run.dataset = run.dataset or str(entry.get("dataset") or "")
        number = self._number_of(task)
        ranked = precedence(entry)
        if number in run.precedences and ranked < run.precedences[number]:
            return room
        run.precedences[number] = ranked
        samples = sample_records(entry, task, self._longest_text)
        run.results[number] = result_record(entry, samples, task)
        self.cut_texts += self._texts_cut_in(entry)
        block = f"t{number}r{self.runs.index(run)}"
        room += len(self.blocks.pop(block, b""))
        content = as_json({"samples": samples, "attempts": attempt_texts(entry)})
        if len(content) > room:
            self.left_out += 1
            return room
        self.blocks[block] = content
        return room - len(content)

    def _texts_cut_in(self, entry: Entry) -> int:
        lists = [entry.get(name) for name in ("reasoning", "python_code")]
        texts = [text for values in lists if isinstance(values, list) for text in values]
        return sum(isinstance(text, str) and len(text) > self._longest_text for text in texts)

    def _number_of(self, task: Record) -> int:
        key = task["id"], content_key(task)
        if key not in self._numbers:
            self._numbers[key] = len(self.tasks)
            self.blocks[f"t{len(self.tasks)}"] = as_json(task)
            self.tasks.append(self._shown(task))
        return self._numbers[key]

    def _shown(self, task: Record) -> ShownTask:
        texts = [text for pair in (*task["train"], *task["test"]) for text in pair if text]
        address, number = task["id"], 2
        while address in self._addresses:  # other pairs under the same id
            address, number = f"{task['id']}~{number}", number + 1
        self._addresses.add(address)
        cells = max((len(text) - text.count("/") for text in texts), default=0)
        return ShownTask(task["id"], address, len(task["train"]), len(task["test"]), cells)


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
