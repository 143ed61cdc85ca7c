"""Judges programs by a task's pairs; the expected outputs stay in this process."""

import ast
import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from utilities.sandbox.execution import Execution, ExecutionStatus
from utilities.sandbox.python_source import Unparsable, find_entry_point, parse_python
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid, Task
from utilities.verification.labels import is_deterministic, is_hardcoded

_ANSWERED = ("ok", "exception", "invalid_output")
SECOND_HASH_SEED = 1
"""Programs run under hash seed 0; those that pass run again under this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a program is worth on a task: one item for each train pair, then each test pair.

    An item of `test` is None if the expected output is not known. `executions` holds the
    train inputs' executions, then the test inputs'. The labels say, of a program that passes
    train, what `labels.is_deterministic` and `labels.is_hardcoded` found; None: not judged.
    """

    train: tuple[bool, ...]
    test: tuple[bool | None, ...]
    executions: tuple[Execution, ...]
    deterministic: bool | None = None
    hardcoded: bool | None = None

    @property
    def train_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the train inputs, None if there is none."""
        return tuple(execution.output for execution in self.executions[: len(self.train)])

    @property
    def test_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the test inputs, None if there is none."""
        return tuple(execution.output for execution in self.executions[len(self.train) :])

    @property
    def execution_status(self) -> ExecutionStatus:
        """The first status that is not ok, over all inputs; ok if there is none."""
        return next((e.status for e in self.executions if e.status != "ok"), "ok")

    @property
    def duration_s(self) -> float | None:
        """How long the program ran, over all inputs; None if it was cut short unmeasured."""
        if any(e.status not in _ANSWERED and not e.duration_s for e in self.executions):
            return None
        return round(sum(execution.duration_s for execution in self.executions), 6)

    @property
    def uses_numpy_without_import(self) -> bool:
        """Whether the program relied on the `np` that is offered to it."""
        return any(execution.uses_numpy_without_import for execution in self.executions)

    @property
    def message(self) -> str | None:
        """What the first execution that is not ok said of itself; None if all are ok."""
        return next((e.message for e in self.executions if e.status != "ok"), None)

    @property
    def passed_train(self) -> bool:
        """Whether every train pair is right (and there is one)."""
        return bool(self.train) and all(self.train)

    @property
    def passed_all(self) -> bool:
        """Whether every train pair is right, and every test pair: an unknown one is not."""
        return self.passed_train and all(self.test)


async def verify(sandbox: Sandbox, code: str, task: Task) -> Verdict:
    """Run a program on a task's inputs, train then test, and compare what it gives."""
    pairs = (*task.train, *task.test)

    def verdict_on(executions: tuple[Execution, ...]) -> Verdict:
        right = tuple(
            None if pair.output is None else execution.output == pair.output
            for pair, execution in zip(pairs, executions, strict=True)
        )
        count = len(task.train)
        return Verdict(tuple(map(bool, right[:count])), right[count:], executions)

    def passes_train(executions: tuple[Execution, ...]) -> bool:
        return verdict_on(executions).passed_train

    inputs = [pair.input for pair in pairs]
    return verdict_on(await sandbox.run(code, inputs, counts=passes_train))


def compared_with_tests(verdict: Verdict, task: Task) -> Verdict:
    """The verdict on a task without test outputs, once they may be known: programs run no more."""
    right = tuple(
        None if pair.output is None else output == pair.output
        for pair, output in zip(task.test, verdict.test_outputs, strict=True)
    )
    return replace(verdict, test=right)


async def labelled(sandbox: Sandbox, code: str, task: Task, verdict: Verdict) -> Verdict:
    """The verdict with its labels, if the program passes train; this runs it once more."""
    if not verdict.passed_train:
        return verdict

    def differ(executions: tuple[Execution, ...]) -> bool:
        return is_deterministic(verdict.executions, executions) is not True

    inputs = [pair.input for pair in (*task.train, *task.test)]
    again = await sandbox.run(code, inputs, hash_seed=SECOND_HASH_SEED, counts=differ)
    return replace(
        verdict,
        deterministic=is_deterministic(verdict.executions, again),
        hardcoded=is_hardcoded(code, task),
    )


async def verify_samples(
    sandbox: Sandbox, codes: Sequence[str | None], task: Task
) -> list[Verdict | None]:
    """A verdict for each program, None if there is no code; equal programs run once."""
    forms = [None if code is None else normal_form(code) for code in codes]
    representatives = {
        form: code for form, code in zip(forms, codes, strict=True) if form is not None
    }
    async with asyncio.TaskGroup() as group:
        running = {
            form: group.create_task(verify(sandbox, code or "", task))
            for form, code in representatives.items()
        }
    return [None if form is None else running[form].result() for form in forms]


def normal_form(code: str) -> str:
    """The same text for programs that differ by layout, comments or docstrings only.

    It is the code itself if that cannot be parsed.
    """
    tree = parse_python(code)
    if isinstance(tree, Unparsable):
        return code
    for body in _bodies(tree):
        if body and _is_docstring(body[0]):
            del body[0]
    try:
        return ast.dump(tree)
    except ValueError:  # a number that is too long for Python to write
        return code


def _bodies(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.body


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def verdict_fields(verdicts: Sequence[Verdict | None]) -> dict[str, list[Any]]:
    """A result entry's fields of verified code: one item a sample, null if there is no code."""
    return {
        "execution_status": [verdict and verdict.execution_status for verdict in verdicts],
        "execution_message": [verdict and verdict.message for verdict in verdicts],
        "execution_duration_s": [verdict and verdict.duration_s for verdict in verdicts],
        "train_passed": [verdict and verdict.train for verdict in verdicts],
        "test_passed": [verdict and verdict.test for verdict in verdicts],
        "train_outputs": [verdict and verdict.train_outputs for verdict in verdicts],
        "test_outputs": [verdict and verdict.test_outputs for verdict in verdicts],
    }


def label_fields(
    codes: Sequence[str | None], verdicts: Sequence[Verdict | None]
) -> dict[str, list[Any]]:
    """The fields of what programs are like: one item a sample, null if it is not judged.

    `entry_point` is the function that answers; null also if it is made as the program runs.
    """
    return {
        "entry_point": [None if code is None else find_entry_point(code) for code in codes],
        "uses_numpy_without_import": [v and v.uses_numpy_without_import for v in verdicts],
        "deterministic": [verdict and verdict.deterministic for verdict in verdicts],
        "hardcoded": [verdict and verdict.hardcoded for verdict in verdicts],
    }
