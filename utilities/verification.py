"""Judges programs by a task's pairs; the expected outputs stay in this process."""

from __future__ import annotations

import ast
import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utilities.entry_point import parse_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from utilities.sandbox.base import Execution, ExecutionStatus
    from utilities.sandbox.sandbox import Sandbox
    from utilities.tasks import Grid, Task


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a program is worth on a task: one item for each train pair, then each test pair.

    An item of `test` is None where the expected output is not known. `executions` holds the
    train inputs' executions, then the test inputs'.
    """

    train: tuple[bool, ...]
    test: tuple[bool | None, ...]
    executions: tuple[Execution, ...]

    @property
    def train_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the train inputs, None where none."""
        return tuple(execution.output for execution in self.executions[: len(self.train)])

    @property
    def test_outputs(self) -> tuple[Grid | None, ...]:
        """The grids that the program gave for the test inputs, None where none."""
        return tuple(execution.output for execution in self.executions[len(self.train) :])

    @property
    def execution_status(self) -> ExecutionStatus:
        """The first status that is not ok, over all inputs; ok where there is none."""
        return next((e.status for e in self.executions if e.status != "ok"), "ok")

    @property
    def message(self) -> str | None:
        """What the first execution that is not ok said of itself; None where all are ok."""
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
    executions = await sandbox.run(code, [pair.input for pair in pairs])
    right = tuple(
        None if pair.output is None else execution.output == pair.output
        for pair, execution in zip(pairs, executions, strict=True)
    )
    count = len(task.train)
    return Verdict(tuple(map(bool, right[:count])), right[count:], executions)


async def verify_samples(
    sandbox: Sandbox, codes: Sequence[str | None], task: Task
) -> list[Verdict | None]:
    """A verdict for each program, None where there is no code; equal programs run once."""
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
    """The same text for programs that differ by layout, comments or docstrings only."""
    try:
        tree = parse_program(code)
        for body in _bodies(tree):
            if body and _is_docstring(body[0]):
                del body[0]
        return ast.dump(tree)
    except (SyntaxError, RecursionError):
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
    """A result entry's fields of verified code: one item a sample, null where there is no code."""
    return {
        "execution_status": [verdict and verdict.execution_status for verdict in verdicts],
        "execution_message": [verdict and verdict.message for verdict in verdicts],
        "train_passed": [verdict and verdict.train for verdict in verdicts],
        "test_passed": [verdict and verdict.test for verdict in verdicts],
        "train_outputs": [verdict and verdict.train_outputs for verdict in verdicts],
        "test_outputs": [verdict and verdict.test_outputs for verdict in verdicts],
    }
