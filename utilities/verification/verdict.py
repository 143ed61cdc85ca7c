"""Verdicts on programs: what a task's pairs, and the labels of its source, say of each.

Expected outputs stay in this process.
"""

import ast
import re
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from utilities.sandbox.execution import ANSWERED, Execution, ExecutionStatus
from utilities.sandbox.python_source import Unparsable, parse_python
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid, Task
from utilities.verification.labels import SourceLabels, is_deterministic

_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named '(\w{1,40})")
_MODULES_KEPT = 100
_MODULES_SHOWN = 8
SECOND_HASH_SEED = 1
"""Programs run under hash seed 0; those that pass run again under this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a program does on a task, in the order of its pairs.

    An item of `test` is None if the expected output is not known. `executions` holds those of the
    train inputs, then those of the test inputs. The labels `deterministic` and `hardcoded`
    (`labels.py`) are None for a program that does not pass train, or if they were not asked for.
    """

    train: tuple[bool, ...]
    test: tuple[bool | None, ...]
    executions: tuple[Execution, ...]
    entry_point: str | None = None
    """The function that answers; None if the source does not tell it, or without labels."""
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
        """Seconds that the program ran, over all inputs; None if it was cut short unmeasured."""
        if any(e.status not in ANSWERED and not e.duration_s for e in self.executions):
            return None
        return round(sum(execution.duration_s for execution in self.executions), 6)

    @property
    def uses_numpy_without_import(self) -> bool:
        """Whether the program used the `np` that it was offered, without importing it."""
        return any(execution.uses_numpy_without_import for execution in self.executions)

    @property
    def message(self) -> str | None:
        """The message of the first execution that is not ok; None if all are ok."""
        return next((e.message for e in self.executions if e.status != "ok"), None)

    @property
    def passed_train(self) -> bool:
        """Whether there are train pairs, and all are right."""
        return bool(self.train) and all(self.train)

    @property
    def passed_all(self) -> bool:
        """Whether all train and test pairs are right; a test output that is not known is not."""
        return self.passed_train and all(self.test)


async def verify(
    sandbox: Sandbox, code: str, task: Task, labels: Awaitable[SourceLabels] | None = None
) -> Verdict:
    """Run a program on a task's inputs, train then test, and compare its outputs.

    With the labels of its source the verdict gets labels: a program that passes train then runs
    once more, under another hash seed.
    """

    def verdict_on(executions: tuple[Execution, ...]) -> Verdict:
        right = tuple(
            None if pair.output is None else execution.output == pair.output
            for pair, execution in zip(task.pairs, executions, strict=True)
        )
        count = len(task.train)
        return Verdict(tuple(map(bool, right[:count])), right[count:], executions)

    def passes_train(executions: tuple[Execution, ...]) -> bool:
        return verdict_on(executions).passed_train

    def differ(executions: tuple[Execution, ...]) -> bool:
        return is_deterministic(verdict.executions, executions) is not True

    inputs = [pair.input for pair in task.pairs]
    verdict = verdict_on(await sandbox.run(code, inputs, counts=passes_train))
    if labels is None:
        return verdict
    entry_point, hardcoded = await labels
    verdict = replace(verdict, entry_point=entry_point)
    if not verdict.passed_train:
        return verdict
    again = await sandbox.run(code, inputs, hash_seed=SECOND_HASH_SEED, counts=differ)
    return replace(
        verdict,
        deterministic=is_deterministic(verdict.executions, again),
        hardcoded=hardcoded,
    )


def compared_with_tests(verdict: Verdict, task: Task) -> Verdict:
    """The verdict that a program got without test outputs, now compared with them; nothing runs."""
    right = tuple(
        None if pair.output is None else output == pair.output
        for pair, output in zip(task.test, verdict.test_outputs, strict=True)
    )
    return replace(verdict, test=right)


class ProgramFaults:
    """Counts programs that did badly for a reason which the user can remedy.

    They wanted a module which is not to be had, by what they say of it, or they timed out.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.missing_modules: Counter[str] = Counter()
        self.timed_out = 0

    def add(self, statuses: Iterable[str | None], messages: Iterable[str | None]) -> None:
        """Count programs by status and message; names of at most 100 modules are kept."""
        self.timed_out += sum(status == "timeout" for status in statuses)
        for found in map(_NO_MODULE.match, filter(None, messages)):
            if found and (
                found[1] in self.missing_modules or len(self.missing_modules) < _MODULES_KEPT
            ):
                self.missing_modules[found[1]] += 1

    def to_json(self) -> dict[str, Any]:
        """Both counts, for metadata."""
        return {
            "missing_modules": dict(self.missing_modules.most_common()),
            "programs_timed_out": self.timed_out,
        }

    def lines(self, *, retried: bool = False) -> list[str]:
        """Up to two lines for a summary; `retried`: those that timed out had a longer pass."""
        lines = []
        if self.timed_out:
            advice = (
                "also in the longer pass; a larger --retry_timeouts gives them more"
                if retried
                else "verify_generated_code.py --retry_timeouts S gives them a pass of S seconds"
            )
            lines.append(f"programs that timed out: {self.timed_out} ({advice})")
        if counts := self.missing_modules.most_common(_MODULES_SHOWN):
            told = ", ".join(f"{name} ({count})" for name, count in counts)
            more = " …" if len(self.missing_modules) > len(counts) else ""
            lines.append(f"programs that import what is not to be had: {told}{more}")
        return lines


def normal_form(code: str) -> str:
    """A text that is the same for programs that differ only in layout, comments or docstrings.

    It is the code itself if that cannot be parsed.
    """
    return normal_form_of(parse_python(code)) or code


def normal_form_of(tree: ast.Module | Unparsable) -> str | None:
    """The normal form of a tree, which loses its docstrings; None if it cannot be written."""
    if isinstance(tree, Unparsable):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())), *_]:
                    del node.body[0]
    try:
        return ast.dump(tree)
    except ValueError:  # a number that is too long for Python to write
        return None


_ATTRIBUTES = {
    "execution_status": "execution_status",
    "execution_message": "message",
    "execution_duration_s": "duration_s",
    "train_passed": "train",
    "test_passed": "test",
    "train_outputs": "train_outputs",
    "test_outputs": "test_outputs",
}
"""Field of an entry → attribute of a verdict."""
_LABELS = ("entry_point", "uses_numpy_without_import", "deterministic", "hardcoded")
VERDICT_FIELDS = (*_ATTRIBUTES, *_LABELS)
"""All fields of an entry that tell verdicts."""


def verdict_fields(
    verdicts: Sequence[Verdict | None], *, labels: bool = False
) -> dict[str, list[Any]]:
    """The fields of a results entry that tell verdicts: one item a sample, null without code.

    With `labels` the fields of the labels too.
    """
    names = _ATTRIBUTES | (dict(zip(_LABELS, _LABELS, strict=True)) if labels else {})
    return {
        field: [verdict and getattr(verdict, name) for verdict in verdicts]
        for field, name in names.items()
    }
