"""The types every other module speaks of: Grid, Pair, Task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

Grid: TypeAlias = list[list[int]]
"""Rows × columns of ints 0-9, 1-30 a side."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An input grid and the output it becomes; the output is None where nobody has told it."""

    input: Grid
    output: Grid | None


@dataclass(frozen=True, slots=True)
class Task:
    """A puzzle: at least one train pair (each with its output) and its test pairs."""

    task_id: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]

    @property
    def is_scorable(self) -> bool:
        """Whether every test output is known."""
        return all(pair.output is not None for pair in self.test)

    def without_test_outputs(self) -> Task:
        """The task as an agent of a benchmark may see it."""
        return replace(self, test=tuple(Pair(pair.input, None) for pair in self.test))

    def train_pairs_only(self) -> Task:
        """The task as an agent that generates training data sees it by default."""
        return replace(self, test=())

    @classmethod
    def from_json(cls, task_id: str, content: dict[str, Any]) -> Task:
        """Take back what `to_json` made; it is trusted, unlike what `data_loader` reads."""
        train, test = (
            tuple(Pair(pair["input"], pair.get("output")) for pair in content[part])
            for part in ("train", "test")
        )
        return cls(task_id, train=train, test=test)

    def to_json(self) -> dict[str, Any]:
        """ARC's own layout: `{"train": [{"input", "output"}], "test": [...]}`."""
        return {
            "train": [_pair_to_json(pair) for pair in self.train],
            "test": [_pair_to_json(pair) for pair in self.test],
        }


def _pair_to_json(pair: Pair) -> dict[str, Grid]:
    if pair.output is None:
        return {"input": pair.input}
    return {"input": pair.input, "output": pair.output}
