"""What a refinement is shown of earlier programs: which of them, and in which words.

It is made of the train pairs, and of whether a program gave any grid at all for a test input.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.prompts.building import fenced
from utilities.sandbox.execution import Execution
from utilities.tasks.grids import describe_shape, grid_to_text
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verdict import Verdict, normal_form

MOST_PROGRAMS = 5
"""How many are shown, unless more are needed to have every solved train pair solved by one."""
FEEDBACK_VERSION = "30188691daa02420"
"""Names what this file writes. It is part of the key of every refinement in a journal: raise it
only if the feedback of the same programs becomes another text, since every refinement is then paid
for again. (Its first value is a hash of this file's bytes, from which earlier versions made it.)"""

_LONGEST_MESSAGE = 500
_NO_PROGRAM = (
    "None of your earlier replies held a program that could be read: put the whole of "
    "`solve_task` into a single fenced Python block."
)


@dataclass(frozen=True, slots=True)
class EarlierProgram:
    """A program that was run on the task: which sample it is of, and what it gave."""

    sample: int
    code: str
    verdict: Verdict


def choose_parents(programs: Sequence[EarlierProgram], task: Task) -> list[EarlierProgram]:
    """The programs to show, worst to best; equal ones once.

    The best one is among them, then whichever solve train pairs that no one so far does, and then
    the next best up to MOST_PROGRAMS. Programs rank by the train pairs they solve, then by the
    share of their cells that is right, then by shortness, then by index.
    """
    different = different_programs(programs).values()
    ranked = sorted(different, key=lambda program: _merit(program, task), reverse=True)
    chosen = ranked[:1]
    while more := _best_complement(ranked, chosen):
        chosen.append(more)
    left = [program for program in ranked if program not in chosen]
    chosen += left[: max(0, MOST_PROGRAMS - len(chosen))]
    return worst_to_best(chosen, task)


def _best_complement(
    ranked: Sequence[EarlierProgram], chosen: Sequence[EarlierProgram]
) -> EarlierProgram | None:
    """The program that solves most train pairs which no chosen one does; None where none does."""
    solved = {pair for program in chosen for pair in _solved_pairs(program)}

    def gain(program: EarlierProgram) -> int:
        return len(_solved_pairs(program) - solved)

    best = max(ranked, key=gain, default=None)
    return best if best is not None and gain(best) else None


def _solved_pairs(program: EarlierProgram) -> set[int]:
    return {pair for pair, is_right in enumerate(program.verdict.train) if is_right}


def worst_to_best(programs: Iterable[EarlierProgram], task: Task) -> list[EarlierProgram]:
    """The programs in the order in which a prompt shows them."""
    return sorted(programs, key=lambda program: _merit(program, task))


def different_programs(programs: Sequence[EarlierProgram]) -> dict[str, EarlierProgram]:
    """The first of equal programs, by their normal forms."""
    return {normal_form(program.code): program for program in reversed(programs)}


def _merit(program: EarlierProgram, task: Task) -> tuple[int, float, int, int]:
    right, cells = 0, 0
    for pair, output in zip(task.train, program.verdict.train_outputs, strict=True):
        expected = pair.output or []
        cells += sum(map(len, expected))
        if output is not None and _shape(output) == _shape(expected):
            right += sum(map(len, expected)) - _count_differences(output, expected)
    solved = sum(program.verdict.train)
    return solved, right / max(1, cells), -len(program.code), -program.sample


def feedback_text(parents: Sequence[EarlierProgram], task: Task) -> str:
    """The part of a refinement's prompt that speaks of earlier programs, in the order given."""
    if not parents:
        return _NO_PROGRAM
    return "\n\n".join(
        _program_text(program, task, f"{number} of {len(parents)}")
        for number, program in enumerate(parents, start=1)
    )


def _program_text(program: EarlierProgram, task: Task, name: str) -> str:
    verdict = program.verdict
    count = len(task.train)
    train, test = verdict.executions[:count], verdict.executions[count:]
    parts = [
        f"## Earlier program {name}: {sum(verdict.train)} of {count} train pairs right",
        fenced(program.code),
        *(
            f"Train pair {number}: {_pair_text(pair, execution)}"
            for number, (pair, execution) in enumerate(zip(task.train, train, strict=True), 1)
        ),
        *(
            f"Test input {number}: {_failure_text(execution)}"
            for number, execution in enumerate(test, start=1)
            if execution.output is None
        ),
    ]
    return "\n\n".join(parts)


def _pair_text(pair: Pair, execution: Execution) -> str:
    output, expected = execution.output, pair.output or []
    if output is None:
        return _failure_text(execution)
    if output == expected:
        return "right."
    if _shape(output) != _shape(expected):
        return (
            f"wrong: it gave {describe_shape(output)} where {describe_shape(expected)} are "
            f"expected. Its output:\n{grid_to_text(output)}"
        )
    cells = len(expected) * len(expected[0])
    return (
        f"wrong: the shape is right, {_count_differences(output, expected)} of {cells} cells are "
        f"not (got→expected):\n{_differences_text(output, expected)}"
    )


def _failure_text(execution: Execution) -> str:
    said = execution.message.strip()
    if len(said) > _LONGEST_MESSAGE:
        said = f"{said[: _LONGEST_MESSAGE // 2]} … {said[-_LONGEST_MESSAGE // 2 :]}"
    return f"no output ({execution.status.replace('_', ' ')}): {said}".removesuffix(": ")


def _differences_text(output: Grid, expected: Grid) -> str:
    """The grid as prompts show it, with `got→expected` in the place of each wrong cell."""
    return "\n".join(
        " ".join(
            str(got) if got == wanted else f"{got}→{wanted}"
            for got, wanted in zip(row, expected_row, strict=True)
        )
        for row, expected_row in zip(output, expected, strict=True)
    )


def _count_differences(output: Grid, expected: Grid) -> int:
    return sum(
        got != wanted
        for row, expected_row in zip(output, expected, strict=True)
        for got, wanted in zip(row, expected_row, strict=True)
    )


def _shape(grid: Grid) -> tuple[int, int]:
    return len(grid), len(grid[0])
