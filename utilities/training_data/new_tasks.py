"""New tasks, made of programs: one writes inputs, the other one says what becomes of them.

A program has two functions, `generate_input(rng)` and `solve_task(grid)`. Both are untrusted and
run in the sandbox only, each without the other. An input is named by the seed of its `rng`, so a
new task has as many pairs as anybody wants, now or later.
"""

import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from utilities.files.atomic import replacing, write_atomically
from utilities.files.json_lines import encode_line
from utilities.results.result_entry import ResultEntry
from utilities.sandbox.execution import Execution
from utilities.tasks.hashes import content_hash, identifying_hashes
from utilities.tasks.symmetries import SYMMETRIES, changed_task
from utilities.tasks.task import Draw, Grid, Pair, Task
from utilities.training_data.generators import (
    GENERATOR,
    LINE_OF_RUNNER,
    halves_of,
    runner_of,
    seed_grid,
)
from utilities.training_data.known_tasks import KnownTasks
from utilities.training_data.relabelling import SYNTHETIC, entry_of, fault_of
from utilities.training_data.samples import TrainingSample
from utilities.verification.verdict import Verdict
from utilities.verification.verifier import Verifier, judged_in_order

FaultStatus = Literal[
    "no_generator",
    "generator_failed",
    "solution_failed",
    "invalid_grid",
    "not_deterministic",
    "too_few_inputs",
    "identity",
    "constant",
    "outputs_too_small",
    "known_task",
]
_STATUS_OF_FAULT: dict[str, FaultStatus] = {
    "fewer": "too_few_inputs",
    "identity": "identity",
    "constant": "constant",
    "outputs": "outputs_too_small",
}
"""First word of what `fault_of` says → status."""
_TASKS_AT_ONCE = 32
_PLACE_OPTION = "--output_directory"
_TRIES = 4
"""Seeds that are tried for each fresh pair, at most."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that a program made, of inputs of the seeds from `seed` on."""

    task: Task
    generator: str
    solution: str
    seed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a program makes no new task."""

    status: FaultStatus
    reason: str = ""


class TaskMaker:
    """Makes tasks of programs, by a verifier that runs them."""

    def __init__(self, verifier: Verifier, known: KnownTasks, draw: Draw) -> None:
        """A task gets the train pairs that `draw` says and one test pair, from its seed on."""
        self._verifier = verifier
        self._known = known
        self._pairs = draw.train_pairs + 1
        self._seed = draw.seed
        self._smallest: dict[bool, list[tuple[Task, Pair, str]]] = {}

    async def made(self, code: str, sources: Sequence[Task] = ()) -> NewTask | Fault:
        """The task that a program makes; none of the `sources` may be solved by its solution."""
        halves = halves_of(code)
        if halves is None:
            return Fault("no_generator", f"the program does not define {GENERATOR} and solve_task")
        generator, solution = halves
        task = await self._task(generator, solution)
        if isinstance(task, Fault):
            return task
        old = await self._old(task, solution, sources)
        return old or NewTask(task, generator, solution, self._seed)

    async def _task(self, generator: str, solution: str) -> Task | Fault:
        """The task of the first different inputs, if it is worth solving."""
        inputs = await self._inputs(generator)
        if isinstance(inputs, Fault):
            return inputs
        pairs = await self._solved(solution, inputs)
        if isinstance(pairs, Fault):
            return pairs
        pairs = tuple(sorted(pairs, key=lambda pair: pair.input != pair.output))
        task = Task("", train=pairs[:-1], test=pairs[-1:])  # so the test pair is no copy
        if (fault := fault_of(task)) is not None:
            return Fault(_STATUS_OF_FAULT[fault.split()[0].rstrip(":")], fault)
        return replace(task, task_id=f"{SYNTHETIC}{content_hash(task)[:16]}")

    async def _old(self, task: Task, solution: str, sources: Sequence[Task]) -> Fault | None:
        """Why a task cannot count as new."""
        if not await self._repeats(task.pairs, solution):
            return Fault("not_deterministic", "the solution gives another output when run again")
        known = self._known.name_of(task) or self._known.name_by_two_pairs(task)
        known = known or await self._rule_known(task, solution, sources)
        return None if known is None else Fault("known_task", f"it is {known}")

    async def fresh_pairs(self, new: NewTask, count: int) -> list[Pair]:
        """Up to so many further pairs with inputs that the task does not have.

        Seeds on which the generator or the solution fails are passed over.
        """
        used = [pair.input for pair in new.task.pairs]
        runner, size = runner_of(new.generator), 2 * self._pairs
        pairs: list[Pair] = []
        for portion in range(1, 1 + -(-_TRIES * count // size)):
            if len(pairs) >= count:
                break
            first = new.seed + portion * size
            seeds = [seed_grid(seed) for seed in range(first, first + size)]
            grids = []
            for one in await self._outputs(runner, seeds):
                if one.output is not None and one.output not in used:
                    used.append(one.output)
                    grids.append(one.output)
            outputs = await self._outputs(new.solution, grids) if grids else ()
            both = zip(grids, outputs, strict=True)
            pairs += [Pair(grid, one.output) for grid, one in both if one.output is not None]
        return pairs[:count]

    async def _inputs(self, generator: str) -> list[Grid] | Fault:
        """Different inputs, as many as a task has pairs, of twice as many seeds."""
        seeds = [seed_grid(self._seed + place) for place in range(2 * self._pairs)]
        runner = runner_of(generator)
        executions = await self._outputs(runner, seeds)
        if (fault := _fault_in(executions, "generator_failed")) is not None:
            return replace(fault, reason=fault.reason.split(LINE_OF_RUNNER)[0])
        grids = [one.output for one in executions if one.output is not None]
        if not await self._repeats(tuple(map(Pair, seeds, grids)), runner):
            return Fault("not_deterministic", "the same seed gives another input when run again")
        different = [grid for place, grid in enumerate(grids) if grid not in grids[:place]]
        if len(different) < self._pairs:
            return Fault(
                "too_few_inputs", f"{len(seeds)} seeds give {len(different)} different inputs"
            )
        return different[: self._pairs]

    async def _solved(self, solution: str, inputs: Sequence[Grid]) -> tuple[Pair, ...] | Fault:
        executions = await self._outputs(solution, inputs)
        fault = _fault_in(executions, "solution_failed")
        outputs = (one.output for one in executions)
        return fault or tuple(map(Pair, inputs, outputs))

    async def _outputs(self, code: str, inputs: Sequence[Grid]) -> tuple[Execution, ...]:
        task = Task("", train=(), test=tuple(Pair(grid, None) for grid in inputs))
        return (await self.verdict(task, code, labels=False)).executions

    async def _repeats(self, pairs: Sequence[Pair], code: str) -> bool:
        """Whether a program gives the same again, last input first, under both hash seeds."""
        backwards = Task("", train=tuple(reversed(pairs)), test=())
        verdict = await self.verdict(backwards, code, labels=True)
        return verdict.passed_all and verdict.deterministic is True

    async def _rule_known(self, task: Task, solution: str, sources: Sequence[Task]) -> str | None:
        """The known task whose train pairs the solution solves: the rule is not new then.

        Sources are tried in every symmetry. Known tasks are tried as they are: all of those that
        keep or change the grid's size as the task does in one run, by their smallest train pairs,
        and only those that are right there on all of them.
        """
        for source in sources:
            for symmetry in SYMMETRIES:
                if await self._solves(solution, changed_task(source, symmetry)):
                    return f"the rule of {source.task_id}"
        keeps_sizes = all(_size(pair.input) == _size(pair.output or []) for pair in task.pairs)
        if keeps_sizes not in self._smallest:
            self._smallest[keeps_sizes] = self._known.smallest_pairs(keeping_sizes=keeps_sizes)
        alike = self._smallest[keeps_sizes]
        inputs = [pair.input for _, pair, _ in alike]
        executions = await self._outputs(solution, inputs) if inputs else ()
        for (known, pair, name), one in zip(alike, executions, strict=True):
            if one.output == pair.output and await self._solves(solution, known):
                return f"the rule of {name}"
        return None

    async def _solves(self, solution: str, task: Task) -> bool:
        return (await self.verdict(task.train_pairs_only(), solution, labels=False)).passed_train

    async def verdict(self, task: Task, code: str, *, labels: bool) -> Verdict:
        """How a program does on a task."""
        (verdict,) = await self._verifier.judge(task, [code], labels=labels)
        assert verdict is not None, "there is code"
        return verdict


def _size(grid: Grid) -> list[int]:
    return [len(row) for row in grid]


def _fault_in(executions: Sequence[Execution], otherwise: FaultStatus) -> Fault | None:
    bad = next((one for one in executions if one.output is None), None)
    if bad is None:
        return None
    status: FaultStatus = "invalid_grid" if bad.status == "invalid_output" else otherwise
    return Fault(status, f"{bad.status}: {bad.message}")


@dataclass(frozen=True, slots=True)
class _Kept:
    """A new task, the sample that made it, and what its record says besides."""

    new: NewTask
    sample: TrainingSample
    fields: Mapping[str, Any]


class NewTasks:
    """The new tasks of a run, and the folder that they are written to.

    `dataset.json` has the tasks, so that --dataset_directory takes the folder.
    `new_tasks_results.jsonl` has a results entry for each: its solution, verdict and generator.
    `fresh_pairs.zip` has fresh pairs of each, as --fresh_pairs takes them.
    """

    def __init__(self, folder: Path, records: Mapping[str, Mapping[str, Any]]) -> None:
        """`records` says for each source what the records of its tasks say of it.

        Its order is that of the tasks, whichever entry comes first.
        """
        self.folder = folder
        self._records = records
        self._found: dict[str, list[_Kept]] = {}

    def add(self, entry: ResultEntry) -> None:
        """Take the new tasks of an entry, in the order of its samples."""
        source = entry.task_id or ""
        found = self._found[source] = []
        for index, (made, code) in enumerate(zip(entry.new_tasks, entry.python_code, strict=True)):
            halves = None if code is None else halves_of(code)
            if made is None or halves is None:
                continue
            task = Task.from_json(made["task_id"], made["task_data"])
            model, solution = entry.model_identifier, halves[1]
            sample = TrainingSample(
                task, "", entry.run_id, model, index, "ok", None, solution, prompt_messages=[]
            )
            fields = {
                **self._records[source],
                "source_task_id": source,
                "sample_index": index,
                "cost_usd": [entry.cost_usd[index]],
            }
            found.append(_Kept(NewTask(task, *halves, made["seed"]), sample, fields))

    def conclusion(self) -> tuple[dict[str, Any], list[str]]:
        """For metadata and summary: how many are different from each other."""
        found, kept = sum(map(len, self._found.values())), len(self._different())
        copies = f"; {found - kept} are copies of another one and left out" if found > kept else ""
        counts = {"new_tasks": {"kept": kept, "duplicates": found - kept}}
        return counts, [f"new tasks {kept}{copies}"]

    def _different(self) -> list[_Kept]:
        """The tasks without those that are an earlier one in some symmetry and colours."""
        seen: set[str] = set()
        first = []
        for one in (one for source in self._records for one in self._found.get(source, ())):
            hashes = identifying_hashes(one.new.task)[:2]
            if seen.isdisjoint(hashes):
                first.append(one)
            seen.update(hashes)
        return first

    async def write(self, maker: TaskMaker, fresh_per_task: int) -> list[str]:
        """Replace the files, each at once; returns lines about them.

        Without a new task nothing is written. Raises UsageError if a file cannot be written, or
        if programs cannot be run here.
        """
        kept = self._different()
        if not kept:
            return ["  written   nothing: there is no new task"]
        programs, fresh = self.folder / "new_tasks_results.jsonl", self.folder / "fresh_pairs.zip"
        with (
            replacing(programs, option=_PLACE_OPTION) as records,
            replacing(fresh, option=_PLACE_OPTION) as packed,
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            count = 0
            async for one, pairs, verdict in _completed(kept, maker, fresh_per_task):
                count += len(pairs)
                name = zipfile.ZipInfo(f"{one.new.task.task_id}.json")
                listed = orjson.dumps([pair.to_json() for pair in pairs])
                archive.writestr(name, listed, zipfile.ZIP_DEFLATED)
                made = entry_of([one.sample], [verdict], one.sample.run_id or "")
                more = {"generator": one.new.generator, "seed": one.new.seed, **one.fields}
                records.write(encode_line(made | more))
        tasks = ((one.new.task.task_id, one.new.task.to_json()) for one in kept)
        lines = [orjson.dumps(task_id) + b": " + orjson.dumps(task) for task_id, task in tasks]
        content = b"{\n" + b",\n".join(lines) + b"\n}\n"
        write_atomically(self.folder / "dataset.json", content, option=_PLACE_OPTION)
        return [
            f"  dataset   {self.folder}",
            f"  programs  {programs}",
            f"  fresh     {fresh}: {count:,} pairs",
        ]


async def _completed(
    kept: Sequence[_Kept], maker: TaskMaker, fresh_per_task: int
) -> AsyncIterator[tuple[_Kept, list[Pair], Verdict]]:
    """Each task with its fresh pairs and the verdict on its solution, in their order."""

    async def completed(one: _Kept) -> tuple[_Kept, list[Pair], Verdict]:
        pairs = await maker.fresh_pairs(one.new, fresh_per_task)
        return one, pairs, await maker.verdict(one.new.task, one.new.solution, labels=True)

    done = judged_in_order(kept, completed, weight=lambda _: 1, most_ahead=_TASKS_AT_ONCE)
    async with aclosing(done):
        async for one in done:
            yield one
