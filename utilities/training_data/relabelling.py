"""Hindsight relabelling: a program that fails its task is right for another, which it solves.

After SOAR (J. Pourcel, C. Colas, P.-Y. Oudeyer, "Self-Improving Language Models for Evolutionary
Program Synthesis: A Case Study on ARC-AGI", 2025): the inputs stay, and what the program gives
for them becomes the outputs.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from utilities.results.reader import Fields as Entry
from utilities.results.reader import read_entries
from utilities.results.result_entry import SCHEMA_VERSION, ResultEntry
from utilities.tasks.hashes import content_hash, identifying_hashes
from utilities.tasks.task import Grid, Pair, Task
from utilities.training_data.known_tasks import TRAIN_AND_PAIRS, KnownTasks
from utilities.training_data.samples import TrainingSample, judged, samples_of
from utilities.verification.verdict import Verdict, normal_form, verdict_fields
from utilities.verification.verifier import LocalVerifier, judged_in_order

SYNTHETIC = "synthetic:"
MIN_INPUTS = 3
"""It takes two pairs to see a rule, and one to try it on."""
_SMALLEST_MEAN_CELLS = 2
_PROGRAMS_AT_ONCE = 128


@dataclass(slots=True)
class Relabeller:
    """Makes new tasks of samples; `skipped` counts the samples that make none, by reason."""

    known: KnownTasks
    skipped: Counter[str] = field(default_factory=Counter)
    unusable_tasks: dict[str, str] = field(default_factory=dict)
    samples: int = 0
    programs: int = 0
    tasks: int = 0
    _made: dict[str, str] = field(default_factory=dict)
    """Identifying hash → the new task that has it."""
    _seen: set[str] = field(default_factory=set)
    _programs: set[tuple[str, bytes]] = field(default_factory=set)

    async def entries(
        self, paths: Sequence[Path], verifier: LocalVerifier, run_id: str
    ) -> AsyncIterator[Entry]:
        """A result entry for each new task that the samples of these files make.

        The tasks of all files are read first, so that none of them passes for new. Raises
        UsageError if a file cannot be read, or if programs cannot be run here.
        """
        for path in paths:
            for samples in _entries_of(path, self.unusable_tasks):
                self._know(samples[0].task)
        every = (s for path in paths for samples in _entries_of(path, {}) for s in samples)
        waiting: list[TrainingSample] = []
        async with aclosing(judged(every, verifier, labels=False)) as stream:
            async for sample in stream:
                self.samples += 1
                made = self._new_task(sample)
                if isinstance(made, str):
                    self.skipped[made] += 1
                    continue
                # Programs that make the same task of one entry stand together: keep them so.
                if len(waiting) >= _PROGRAMS_AT_ONCE and made.task != waiting[-1].task:
                    async for entry in self._verified(waiting, verifier, run_id):
                        yield entry
                    waiting = []
                waiting.append(made)
        async for entry in self._verified(waiting, verifier, run_id):
            yield entry

    def _know(self, task: Task) -> None:
        content = content_hash(task)
        if content not in self._seen:
            self._seen.add(content)
            self.known.add(task, task.task_id)

    def _new_task(self, sample: TrainingSample) -> TrainingSample | str:
        """The sample under the task that its program does solve, or why there is none."""
        verdict = sample.verdict
        if sample.python_code is None or verdict is None:
            return "no program"
        outputs = [*verdict.train_outputs, *verdict.test_outputs]
        if verdict.execution_status != "ok" or None in outputs:
            return "does not run cleanly on every input"
        if not any(map(_misses, sample.task.pairs, outputs)):
            return "solves its own task"
        if verdict.deterministic is False:
            return "not deterministic"
        task = relabelled_task(sample.task, outputs)
        return (
            fault_of(task) or self._fault_if_known(task, sample.python_code) or _moved(sample, task)
        )

    def _fault_if_known(self, task: Task, code: str) -> str | None:
        """Why a task or its program is not new; None if both are, which makes them known."""
        if self.known.name_of(task, TRAIN_AND_PAIRS) is not None:  # its inputs always are known
            return "a known task"
        train, pairs, _ = identifying_hashes(task)
        if {self._made.get(key, task.task_id) for key in (train, pairs)} != {task.task_id}:
            return "a turned or recoloured copy of another new task"
        form = normal_form(code).encode("utf-8", "surrogatepass")
        program = task.task_id, hashlib.sha256(form).digest()
        if program in self._programs:
            return "the same program and task as another"
        self._programs.add(program)
        self._made.update(dict.fromkeys((train, pairs), task.task_id))
        return None

    async def _verified(
        self, found: Sequence[TrainingSample], verifier: LocalVerifier, run_id: str
    ) -> AsyncIterator[Entry]:
        """Run programs on their new tasks; keep those that solve them under both hash seeds."""
        by_task: dict[str, list[TrainingSample]] = {}
        for sample in found:
            by_task.setdefault(sample.task.task_id, []).append(sample)

        async def judge(same: list[TrainingSample]) -> list[tuple[TrainingSample, Verdict]]:
            verdicts = await verifier.judge(same[0].task, [one.python_code for one in same])
            return [
                (one, verdict)
                for one, verdict in zip(same, verdicts, strict=True)
                if verdict and verdict.passed_all and verdict.deterministic is True
            ]

        tasks = judged_in_order(by_task.values(), judge, weight=len, most_ahead=_PROGRAMS_AT_ONCE)
        right = 0
        async with aclosing(tasks):
            async for kept in tasks:
                if kept:
                    self.tasks += 1
                    right += len(kept)
                    yield entry_of([one for one, _ in kept], [v for _, v in kept], run_id)
        self.programs += right
        if right < len(found):
            self.skipped["not deterministic"] += len(found) - right


def _entries_of(path: Path, unusable: dict[str, str]) -> Iterator[list[TrainingSample]]:
    for entry in read_entries(path):
        if isinstance(entry, ResultEntry):
            samples = samples_of(entry, path, unusable)
            if samples:  # the reasoning is about the old task, and may be long
                yield [
                    replace(one, reasoning=None, prompt_messages=[], turns=None) for one in samples
                ]


def _moved(sample: TrainingSample, task: Task) -> TrainingSample:
    """The sample under a new task, not verified yet, and with its origin."""
    origin = {
        "task_id": sample.task.task_id,
        "source": sample.source,
        "run_id": sample.run_id,
        "sample_index": sample.sample_index,
    }
    return replace(sample, task=task, relabelled_from=origin, verdict=None)


def entry_of(samples: Sequence[TrainingSample], verdicts: Sequence[Verdict], run_id: str) -> Entry:
    """A result entry for a new task: one item in each list for each program that solves it.

    Reasoning and prompt are left out: they speak of the old task.
    """
    task, nothing = samples[0].task, [None] * len(samples)
    return {
        "entry_type": "result",
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "task_id": task.task_id,
        "task_data": task.to_json(),
        "model_identifier": samples[0].model,
        "model": samples[0].model,
        "solved": True,
        "complete": True,
        "prompt_messages": [[] for _ in samples],
        "reasoning": nothing,
        "python_code": [sample.python_code for sample in samples],
        "status": ["ok"] * len(samples),
        **dict.fromkeys(("error", "finish_reason", "usage", "latency_s"), nothing),
        "cost_usd": [0.0] * len(samples),
        "relabelled_from": [sample.relabelled_from for sample in samples],
        **verdict_fields(verdicts, labels=True),
    }


def relabelled_task(task: Task, outputs: Sequence[Grid]) -> Task:
    """The task with these outputs, train pairs first, under the name `synthetic:<hash>`.

    If all train outputs are as they were, only test pairs show the new rule, and the train pairs
    suggest the old one. The first test pair that differs then changes places with the last train
    pair.
    """
    pairs = [Pair(pair.input, out) for pair, out in zip(task.pairs, outputs, strict=True)]
    train, test = pairs[: len(task.train)], pairs[len(task.train) :]
    if not any(_misses(old, new.output) for old, new in zip(task.train, train, strict=True)):
        place = next(
            place
            for place, (old, new) in enumerate(zip(task.test, test, strict=True))
            if _misses(old, new.output)
        )
        train[-1], test[place] = test[place], train[-1]
    made = replace(task, train=tuple(train), test=tuple(test))
    return replace(made, task_id=f"{SYNTHETIC}{content_hash(made)[:16]}")


def fault_of(task: Task) -> str | None:
    """Why a task is not worth solving; None if it is worth it."""
    pairs = [(pair.input, pair.output or []) for pair in task.pairs]
    outputs = [output for _, output in pairs]
    cells = [sum(map(len, output)) for output in outputs]
    inputs = [str(before) for before, _ in pairs]
    faults = {
        f"fewer than {MIN_INPUTS} different inputs": len(set(inputs)) < MIN_INPUTS,
        "identity": 2 * sum(before == after for before, after in pairs) >= len(pairs),
        "constant: every output is of one colour": all(
            len(set(chain(*output))) == 1 for output in outputs
        ),
        "constant: every output is the same": len(set(map(str, outputs))) == 1,
        "outputs too small": sum(cells) < _SMALLEST_MEAN_CELLS * len(cells),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _misses(pair: Pair, output: Grid | None) -> bool:
    """Whether an output is not the expected one; what is not known is not missed."""
    return pair.output is not None and output != pair.output
