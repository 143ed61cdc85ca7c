"""Grid, Pair and Task, and a task read out of JSON with every grid checked."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

from utilities.tasks.grids import check_grid

Grid: TypeAlias = list[list[int]]
"""Rows × columns of ints 0-9, 1-30 a side."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An input grid and the output it becomes; the output is None if it is not known."""

    input: Grid
    output: Grid | None

    def to_json(self) -> dict[str, Grid]:
        """`{"input", "output"}`, without an output that is not known."""
        known = {} if self.output is None else {"output": self.output}
        return {"input": self.input, **known}


@dataclass(frozen=True, slots=True)
class Task:
    """A puzzle: at least one train pair (each with its output) and its test pairs."""

    task_id: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    view: Mapping[str, Any] | None = None
    """How the task was changed (`utilities.views`), if it is not as its dataset has it."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, train then test."""
        return (*self.train, *self.test)

    @property
    def is_scorable(self) -> bool:
        """Whether every test output is known."""
        return all(pair.output is not None for pair in self.test)

    def without_test_outputs(self) -> Self:
        """The task as an agent of a benchmark may see it."""
        return replace(self, test=tuple(Pair(pair.input, None) for pair in self.test))

    def train_pairs_only(self) -> Self:
        """The task as an agent that generates training data sees it by default."""
        return replace(self, test=())

    @classmethod
    def from_json(cls, task_id: str, content: dict[str, Any]) -> Self:
        """Take back what `to_json` made; it is trusted, unlike what a dataset holds."""
        train, test = (
            tuple(Pair(pair["input"], pair.get("output")) for pair in content[part])
            for part in ("train", "test")
        )
        return cls(task_id, train=train, test=test)

    def to_json(self) -> dict[str, Any]:
        """ARC's own layout: `{"train": [{"input", "output"}], "test": [...]}`."""
        return {
            "train": [pair.to_json() for pair in self.train],
            "test": [pair.to_json() for pair in self.test],
        }


def task_from_json(task_id: str, content: object) -> Task | str:
    """Read `{"train": [{"input", "output"}], "test": [{"input"}]}`, every grid checked.

    A test output may be missing or null. Returns the reason, in words that follow the task's id,
    if the content is no task: `train[1].output has ragged rows (3, 4)`.
    """
    if not isinstance(content, dict):
        return f"is of type {type(content).__name__}, not an object with train and test"
    pairs: dict[str, tuple[Pair, ...]] = {}
    for part in ("train", "test"):
        found = _read_pairs(content.get(part), part)
        if isinstance(found, str):
            return found
        pairs[part] = found
    return Task(task_id, train=pairs["train"], test=pairs["test"])


@dataclass(frozen=True, slots=True)
class Draw:
    """How a task is made of a list of pairs: the most train pairs, and the seed."""

    train_pairs: int = 3
    seed: int = 0


def list_of_pairs(content: object) -> list[object] | None:
    """The pairs of one rule: a list, or a list as `examples`; None for any other content.

    RE-ARC and ARC-GEN write `{"input", "output"}`, BARC `[input, output]`.
    """
    if isinstance(content, dict) and not {"train", "test"} & content.keys():
        content = content.get("examples")
    return content if isinstance(content, list) else None


def is_pair(value: object) -> bool:
    """Whether a value looks like a pair of such a list, right or not."""
    if isinstance(value, dict):
        return "input" in value
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], list)


def task_from_pairs(task_id: str, values: Sequence[object], draw: Draw) -> Task | str:
    """Read a task out of what `list_of_pairs` found: pairs with different inputs, drawn.

    The draw depends on its seed and the task's id alone. The last pair drawn is the test pair. If
    there are too few pairs, there are fewer train pairs. Returns the reason if there is no task.
    """
    name = f"{draw.seed} {task_id}".encode("utf-8", "surrogatepass")
    chance = random.Random(name)  # noqa: S311 - a choice that can be repeated, no secret
    drawn: dict[int, Pair] = {}
    for index in chance.sample(range(len(values)), len(values)):
        pair = _read_listed_pair(values[index], f"pair [{index}]")
        if isinstance(pair, str):
            return pair
        if all(pair.input != other.input for other in drawn.values()):
            drawn[index] = pair
        if len(drawn) > draw.train_pairs:
            break
    if len(drawn) < 2:
        return f"has {len(drawn)} different pairs; a task needs two, one to learn and one to try"
    *_, (last, test) = drawn.items()
    train = (pair for index, pair in sorted(drawn.items()) if index != last)
    return Task(task_id, train=tuple(train), test=(test,))


def pair_of(value: object) -> Pair | None:
    """A pair of such a list, its grids checked; None if it is none."""
    pair = _read_listed_pair(value, "")
    return None if isinstance(pair, str) else pair


def _read_listed_pair(value: object, name: str) -> Pair | str:
    if isinstance(value, list) and is_pair(value):
        value = {"input": value[0], "output": value[1]}
    return _read_pair(value, name, output_needed=True)


def _read_pairs(values: object, part: str) -> tuple[Pair, ...] | str:
    if values is None:
        return f"has no {part}"
    if not isinstance(values, list):
        return f"has a {part} of type {type(values).__name__}, not a list of pairs"
    if not values:
        return f"has no {part} pair"
    pairs: list[Pair] = []
    for index, value in enumerate(values):
        pair = _read_pair(value, f"{part}[{index}]", output_needed=part == "train")
        if isinstance(pair, str):
            return pair
        pairs.append(pair)
    return tuple(pairs)


def _read_pair(value: object, name: str, *, output_needed: bool) -> Pair | str:
    if not isinstance(value, dict):
        return f"{name} is of type {type(value).__name__}, not an object with input and output"
    grid_in, grid_out = value.get("input"), value.get("output")
    if grid_in is None:
        return f"{name} has no input"
    if fault := check_grid(grid_in):
        return f"{name}.input {fault}"
    if grid_out is None:
        return f"{name} has no output" if output_needed else Pair(grid_in, None)
    if fault := check_grid(grid_out):
        return f"{name}.output {fault}"
    return Pair(grid_in, grid_out)
