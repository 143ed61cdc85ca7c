"""The grids of one task, and what a candidate sees of them."""

from collections.abc import Sequence
from typing import NamedTuple

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.views import renumbered
from agents.program_search.transforms.registry import Array


class TaskGrids(NamedTuple):
    """The inputs of train, then test, and the train outputs."""

    inputs: Sequence[Array]
    outputs: Sequence[Array]

    def pairs(self) -> int:
        """How many train pairs there are."""
        return len(self.outputs)

    def train_inputs(self) -> Sequence[Array]:
        """The inputs of the train pairs."""
        return self.inputs[: len(self.outputs)]

    def seen(self, candidate: Candidate, number: int) -> tuple[Array, Array]:
        """The input of that number as the candidate sees it, and what its steps make of it."""
        given = self.inputs[number]
        start = renumbered(given) if candidate.renumbered else given
        return start, picture_of(candidate, start)


def picture_of(candidate: Candidate, start: Array) -> Array:
    """What the candidate's steps make of a grid."""
    picture: Array | None = start
    for step in candidate.steps:
        assert picture is not None, "the candidate's steps apply to all of its inputs"
        picture = step.apply(picture)
    assert picture is not None, "the candidate's steps apply to all of its inputs"
    return picture
