"""A library: programs verified on other tasks, of which a prompt shows those that come nearest.

Nothing is taken of evaluation tasks, and a task is shown no program that was written for it, in any
symmetry and colours.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import log
from string import Template
from typing import Any

from agents.prompts.building import fenced, prompt_text
from utilities.command_line.terminal import say
from utilities.errors import UsageError
from utilities.files.hashing import hash_of
from utilities.results.reader import read_entries
from utilities.results.result_entry import ResultEntry
from utilities.runs.options import LibraryOptions
from utilities.tasks.hashes import canonical_hash, content_hash, identifying_hashes
from utilities.tasks.public_sets import read_part
from utilities.tasks.task import Grid, Pair, Task
from utilities.training_data.known_tasks import EVALUATION_SETS, KnownTasks
from utilities.verification.verdict import Verdict, normal_form

Judge = Callable[[Task, Sequence[str | None]], Awaitable[Sequence[Verdict | None]]]
MOST_SHOWN = 2
_VERSION = 1
"""Part of the library's hash, and so of the keys of requests: raise it if other programs are tried
or shown for the same files."""
_PART = "library_part"
_LONGEST_CHARS = 6_000
"""Longer programs are left out: a prompt shows them whole."""
_TASKS_REMEMBERED = 256

Looks = tuple[str, bool, float]
"""How the sizes of outputs follow from those of inputs, whether their colours are the inputs', and
the logarithm of the inputs' mean number of cells."""


@dataclass(slots=True)
class LibraryProgram:
    """A program, and the tasks that it was verified on."""

    code: str
    tasks: list[Task]
    ids: set[str]
    """Of these tasks, and of those that it was written for if they are other ones."""
    _names: frozenset[str] = frozenset()

    def is_of(self, task_id: str, names: frozenset[str]) -> bool:
        """Whether one of its tasks is that of the id or the names, or has a pair of it."""
        if not self._names:
            self._names = frozenset(name for one in self.tasks for name in names_of(one))
        return task_id in self.ids or not self._names.isdisjoint(names)


def names_of(task: Task) -> Iterator[str]:
    """Hashes of a task, of its inputs and of each pair; symmetries and colours change none."""
    yield from identifying_hashes(task)
    yield identifying_hashes(task.train_pairs_only())[-1]
    for pair in task.pairs:
        if pair.output is not None:
            yield canonical_hash(Task("", (pair,), ()))


def looks_of(task: Task) -> Looks:
    """What programs for the task must do, as far as the sizes and colours of train pairs tell."""
    pairs = [(pair.input, pair.output or []) for pair in task.train]
    ratios = {_ratio(before, after) for before, after in pairs}
    if ratios == {(1.0, 1.0)}:
        sizes = "same"
    elif len(ratios) == 1:
        sizes = "scaled"
    elif len({_shape(after) for _, after in pairs}) == 1:
        sizes = "fixed"
    elif all(height <= 1 and width <= 1 for height, width in ratios):
        sizes = "smaller"
    else:
        sizes = "other"
    keeps_colours = all(_colours(after) <= _colours(before) for before, after in pairs)
    return sizes, keeps_colours, log(sum(_cells(before) for before, _ in pairs) / len(pairs))


def _shape(grid: Grid) -> tuple[int, int]:
    return len(grid), len(grid[0]) if grid else 0


def _ratio(before: Grid, after: Grid) -> tuple[float, float]:
    (height, width), (new_height, new_width) = _shape(before), _shape(after)
    return new_height / height, new_width / width


def _colours(grid: Grid) -> set[int]:
    return {cell for row in grid for cell in row}


def _cells(grid: Grid) -> int:
    return sum(map(len, grid))


def share_right(outputs: Iterable[Grid | None], pairs: Sequence[Pair]) -> float:
    """The share of all cells of the pairs' outputs that are right; none of another shape is."""
    right = total = 0
    for output, pair in zip(outputs, pairs, strict=True):
        expected = pair.output or []
        total += _cells(expected)
        if output is not None and _shape(output) == _shape(expected):
            rows = zip(output, expected, strict=True)
            right += sum(a == b for got, want in rows for a, b in zip(got, want, strict=True))
    return right / max(1, total)


@dataclass(slots=True)
class ProgramLibrary:
    """The programs of verified results; `part_for` says which of them a task's prompt shows."""

    programs: list[LibraryProgram]
    judge: Judge
    """Runs programs on a task."""
    most_tried: int
    """Programs that run for a task, those first whose tasks look like it."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Programs that were not taken, by reason."""
    key: str = ""
    """Names what may be shown; it is part of the keys of requests."""
    _parts: OrderedDict[str, asyncio.Task[str]] = field(default_factory=OrderedDict)
    _looks: list[list[Looks]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Name the library by its programs, their tasks, their order, and how it is used."""
        told = [[one.code, [content_hash(task) for task in one.tasks]] for one in self.programs]
        texts = [prompt_text(_PART), _VERSION, MOST_SHOWN, self.most_tried]
        self.key = f"library {hash_of([told, texts])}"
        self._looks = [[looks_of(task) for task in one.tasks] for one in self.programs]

    def identity(self) -> dict[str, Any]:
        """What a sample depends on because of the library."""
        return {"library": self.key.removeprefix("library ")}

    def line(self) -> str:
        """What it holds, for a person to read."""
        without = f"; left out: {_told(self.left_out)}" if +self.left_out else ""
        return f"library: {len(self.programs)} programs{without}"

    async def part_for(self, task: Task) -> str:
        """What the prompt for a task says of programs of others; nothing if none comes near."""
        seen = task.train_pairs_only()
        name = f"{task.task_id} {content_hash(seen)}"
        if name not in self._parts:
            self._parts[name] = asyncio.create_task(self._part(seen, self._to_try(task)))
            while len(self._parts) > _TASKS_REMEMBERED:
                self._parts.popitem(last=False)
        return await asyncio.shield(self._parts[name])

    async def _part(self, task: Task, tried: Sequence[LibraryProgram]) -> str:
        verdicts = await self.judge(task, [one.code for one in tried])
        shown: list[tuple[float, LibraryProgram, Verdict]] = []
        least = share_right([pair.input for pair in task.train], task.train)
        near = [
            (share_right(verdict.train_outputs, task.train), one, verdict)
            for one, verdict in zip(tried, verdicts, strict=True)
            if verdict is not None
        ]
        for share, one, verdict in sorted(near, key=lambda found: -found[0]):
            outputs = [other.train_outputs for _, _, other in shown]
            if share > least and len(shown) < MOST_SHOWN and verdict.train_outputs not in outputs:
                shown.append((share, one, verdict))
        if not shown:
            return ""
        texts = (_shown(number, *one) for number, one in enumerate(shown, start=1))
        return Template(prompt_text(_PART)).safe_substitute(programs="\n\n".join(texts))

    def _to_try(self, task: Task) -> list[LibraryProgram]:
        """Programs of other tasks, those first whose tasks look most like this one."""
        sizes, keeps_colours, cells = looks_of(task)

        def unlikeness(looks: Looks) -> tuple[bool, bool, float]:
            return looks[0] != sizes, looks[1] != keeps_colours, round(abs(looks[2] - cells), 6)

        names = frozenset(names_of(task))
        ranks = [min(map(unlikeness, looks)) for looks in self._looks]
        tried: list[LibraryProgram] = []
        for place in sorted(range(len(ranks)), key=ranks.__getitem__):
            if len(tried) == self.most_tried:
                break
            if not self.programs[place].is_of(task.task_id, names):
                tried.append(self.programs[place])
        return tried


def _shown(number: int, share: float, program: LibraryProgram, verdict: Verdict) -> str:
    solved = f"{sum(verdict.train)} of {len(verdict.train)} train pairs"
    return (
        f"## Program {number}, of another puzzle: it gives {solved}, and {share:.0%} of the cells "
        f"of all of them\n\n{fenced(program.code)}"
    )


def _told(left_out: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in (+left_out).most_common())


def read_library(options: LibraryOptions, judge: Judge) -> ProgramLibrary | None:
    """The programs of results files that are right on every train and test pair of their task.

    Left out are programs that are hardcoded or not deterministic, long ones, and those of tasks
    that are, or share a pair with, a public evaluation task. Says what the library holds; None
    without files. Raises UsageError for files that cannot be read, or if no program is left.
    """
    if not options.library:
        return None
    guard, guarded_ids = _evaluation_tasks()
    found: dict[str, LibraryProgram] = {}
    left_out: Counter[str] = Counter()
    for path in options.library:
        for entry in read_entries(path):
            if isinstance(entry, ResultEntry):
                _take(entry, guard, guarded_ids, found, left_out)
    if not found:
        raise UsageError(
            f"--library: no program is left to show ({_told(left_out) or 'there is none'}); give "
            "results of verify_generated_code.py or relabel_programs.py"
        )
    library = ProgramLibrary(list(found.values()), judge, options.library_programs, left_out)
    say(library.line())
    return library


@cache
def _evaluation_tasks() -> tuple[KnownTasks, frozenset[str]]:
    """The public evaluation tasks, and their ids; reading them takes 0.3 s."""
    ids = frozenset(task_id for name in EVALUATION_SETS for task_id in read_part(name))
    return KnownTasks(EVALUATION_SETS), ids


def _take(
    entry: ResultEntry,
    guard: KnownTasks,
    guarded_ids: frozenset[str],
    found: dict[str, LibraryProgram],
    left_out: Counter[str],
) -> None:
    """Add an entry's programs by their normal form, so that equal ones are one."""
    verified = [i for i in range(entry.samples) if entry.python_code[i] and entry.is_verified(i)]
    left_out["not verified"] += sum(map(bool, entry.python_code)) - len(verified)
    if not verified:
        return
    task = entry.task()
    is_guarded = guard.name_of(task) is not None or guard.name_by_pair(task) is not None
    for index in verified:
        code = entry.python_code[index] or ""
        origin = str((entry.relabelled_from[index] or {}).get("task_id", task.task_id))
        guarded = is_guarded or origin in guarded_ids
        if reason := _fault(entry, index, code, is_guarded=guarded):
            left_out[reason] += 1
            continue
        program = found.setdefault(normal_form(code), LibraryProgram(code.strip(), [], set()))
        program.ids |= {task.task_id, origin}
        if task not in program.tasks:
            program.tasks.append(task)


def _fault(entry: ResultEntry, index: int, code: str, *, is_guarded: bool) -> str | None:
    """Why a verified program is not taken."""
    if is_guarded:
        return "of evaluation tasks"
    if entry.hardcoded is not None and entry.hardcoded[index]:
        return "hardcoded"
    if entry.deterministic is not None and entry.deterministic[index] is False:
        return "not deterministic"
    return "too long" if len(code) > _LONGEST_CHARS else None
