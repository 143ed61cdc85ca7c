"""Further versions of a verified task and its program: turned, recoloured, reordered."""

import io
import random
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from utilities.sandbox.python_source import find_entry_point
from utilities.tasks.grids import COLOURS
from utilities.tasks.symmetries import SAME_COLOURS, SYMMETRIES, Symmetry, changed_task
from utilities.tasks.task import Task
from utilities.training_data.samples import TrainingSample

Kind = Literal["symmetry", "colours", "pairs"]
KINDS: tuple[Kind, ...] = ("symmetry", "colours", "pairs")
"""The eight symmetries of the square, permutations of the ten colours, the order of the pairs."""

_ENTRY = "solve_task"
_INNER = "solve_plain_task"


@dataclass(frozen=True, slots=True)
class Change:
    """How a task is changed; its train and test pairs are taken in these orders."""

    symmetry: Symmetry
    colours: tuple[int, ...]
    train_order: tuple[int, ...]
    test_order: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """The change as it stands in a row's provenance."""
        return {
            "symmetry": self.symmetry.name,
            "colours": list(self.colours),
            "train_order": list(self.train_order),
            "test_order": list(self.test_order),
        }

    @property
    def is_none(self) -> bool:
        """Whether it changes nothing."""
        ordered = [tuple(range(len(order))) for order in (self.train_order, self.test_order)]
        same_order = ordered == [self.train_order, self.test_order]
        return self.symmetry == SYMMETRIES[0] and self.colours == SAME_COLOURS and same_order


def draw_changes(task: Task, count: int, kinds: Sequence[Kind], seed: str) -> list[Change]:
    """Up to `count` different changes that change something; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a choice that can be repeated, no secret
    found: dict[Change, None] = {}
    for _ in range(20 * count):  # enough, even if few changes exist and are drawn again and again
        if len(found) == count:
            break
        change = Change(
            chance.choice(SYMMETRIES) if "symmetry" in kinds else SYMMETRIES[0],
            tuple(chance.sample(range(COLOURS), COLOURS)) if "colours" in kinds else SAME_COLOURS,
            _order(len(task.train), chance, kinds),
            _order(len(task.test), chance, kinds),
        )
        if not change.is_none:
            found[change] = None
    return list(found)


def _order(count: int, chance: random.Random, kinds: Sequence[Kind]) -> tuple[int, ...]:
    return tuple(chance.sample(range(count), count) if "pairs" in kinds else range(count))


def changed_sample(sample: TrainingSample, change: Change) -> TrainingSample:
    """The sample for the changed task, with its program wrapped and not yet verified.

    The reasoning is left out: it speaks of the colours, sides and pairs of the unchanged task.
    Raises SyntaxError if the program cannot be split into tokens.
    """
    task = changed_task(sample.task, change.symmetry, change.colours)
    task = replace(
        task,
        train=tuple(task.train[place] for place in change.train_order),
        test=tuple(task.test[place] for place in change.test_order),
    )
    code = wrapped_program(sample.python_code or "", change)
    return replace(
        sample,
        task=task,
        python_code=code,
        reasoning=None,
        prompt_messages=[],
        verdict=None,
        augmentation=change.to_json(),
    )


def wrapped_program(code: str, change: Change) -> str:
    """A program that undoes the change, runs `code`, and makes the change again.

    The entry point of `code` gets another name wherever the name stands as code, so calls of
    itself still reach it. Comments and layout are kept.
    """
    if change.symmetry == SYMMETRIES[0] and change.colours == SAME_COLOURS:
        return code
    name = find_entry_point(code) or _ENTRY
    if name == _ENTRY:
        name = _INNER
        while name in code:
            name += "_"
        code = _renamed(code, _ENTRY, name)
    return f"{code.rstrip()}\n\n\n{_wrapper(change, name)}"


def _wrapper(change: Change, name: str) -> str:
    symmetry, colours = change.symmetry, change.colours
    lines = [f"def {_ENTRY}(grid):"]
    lines.append(f'    """Follow `{name}` on the grid as it was before it was changed."""')
    if colours != SAME_COLOURS:
        plain = [colours.index(colour) for colour in range(COLOURS)]
        lines.append(f"    plain_colours = {plain}")
        lines.append("    grid = [[plain_colours[cell] for cell in row] for row in grid]")
    lines += _reversals(symmetry)
    lines += _transposition(symmetry)
    lines.append(f"    grid = {name}([list(row) for row in grid])")
    lines += _transposition(symmetry)
    lines += _reversals(symmetry)
    if colours != SAME_COLOURS:
        lines.append(f"    colours = {list(colours)}")
        lines.append("    return [[colours[int(cell)] for cell in row] for row in grid]")
    else:
        lines.append("    return [list(row) for row in grid]")
    return "\n".join(lines) + "\n"


def _reversals(symmetry: Symmetry) -> list[str]:
    lines = []
    if symmetry.reverses_rows:
        lines.append("    grid = list(grid)[::-1]")
    if symmetry.reverses_columns:
        lines.append("    grid = [list(row)[::-1] for row in grid]")
    return lines


def _transposition(symmetry: Symmetry) -> list[str]:
    return ["    grid = [list(row) for row in zip(*grid)]"] if symmetry.transposes else []


def _renamed(code: str, old: str, new: str) -> str:
    """The program with one of its names changed; raises SyntaxError if it has no tokens."""
    lines = io.StringIO(code).readlines()  # split where the tokeniser splits
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from error
    found = [t.start for t in tokens if t.type == tokenize.NAME and t.string == old]
    for row, column in reversed(found):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "".join(lines)
