"""Makes the pieces: pictures of every input after one, two or three operations, cheapest first."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.program_search.search.candidates import SearchBudget
from agents.program_search.stacking.pictures import (
    OPERATIONS,
    Operation,
    Picture,
    Value,
    edits_of_registry,
    pushed,
    whole,
)
from agents.program_search.transforms.registry import Array

DEEPEST_COST = 3.0
LARGEST_PICTURE = 60
IN_EACH_COST = 0.1
"""What it adds to an edit that it is made in each of several parts."""
CALL_COST, PICTURE_COST = 100, 200
"""The fixed costs of a call and of each picture, in cells."""


@dataclass(frozen=True, eq=False, slots=True)
class PieceState:
    """A picture, or a list of parts, of every input, and the operations that lead there."""

    steps: tuple[Operation, ...]
    cost: float
    values: tuple[Any, ...]
    """A Picture or, if `is_cut`, a list of pictures for each input."""
    is_cut: bool

    def words(self) -> str:
        """How to make it, as a command."""
        texts, is_cut = ["take the input grid"], False
        for step in self.steps:
            is_in_each = is_cut and step.kind == "edit"
            texts.append(f"with each of them, {step.words}" if is_in_each else step.words)
            is_cut = is_in_each or step.kind == "cut"
        return "; then ".join(texts)

    def is_flat(self) -> bool:
        """Whether its cells alone will do, since it lies at 0, 0 and was never cut."""
        is_lifted = all(step.lifted for step in self.steps) and not self.is_cut
        return is_lifted and all(one.top == one.left == 0 for one in self.values)

    def cells(self) -> str:
        """The expression for its cells, after its lines."""
        return "picture.cells" if not self.is_flat() else "picture" if self.steps else "grid"

    def lines(self) -> list[str]:
        """The lines of a program that compute `picture`, which are only cells if it is flat."""
        if self.is_flat():
            names = ["grid", *["picture"] * len(self.steps)]
            calls = (step.call(name) for step, name in zip(self.steps, names, strict=False))
            return [f"picture = {call}" for call in calls]
        lines, is_cut = ["picture = whole(grid)"], False
        for step in self.steps:
            before, after = ("pieces" if cut else "picture" for cut in (is_cut, step.kind == "cut"))
            if is_cut and step.kind == "edit":
                lines.append(f"pieces = [{step.code('piece')} for piece in pieces]")
                continue
            lines.append(f"{after} = {step.code(before)}")
            is_cut = step.kind == "cut"
        return lines


def explored(inputs: Sequence[Array], budget: SearchBudget) -> Iterator[PieceState]:
    """New states, cheapest first, as long as the budget lasts; equal ones only once."""
    inks = set(np.concatenate([grid.ravel() for grid in inputs]).tolist()) - {0}
    operations = [one for one in [*OPERATIONS, *edits_of_registry()] if one.ink in {None, *inks}]
    operations.sort(key=lambda one: one.cost)
    of_pictures = [one for one in operations if one.kind != "choice"]
    of_parts = [one for one in operations if one.kind != "cut"]
    start = PieceState((), 0.0, tuple(map(whole, inputs)), False)
    seen = {content_of(start.values)}
    yield start
    heap = [(of_pictures[0].cost, 0, 0, start)]
    while heap and budget.left() > 0:
        cost, serial, index, state = heapq.heappop(heap)
        steps = of_parts if state.is_cut else of_pictures
        if index + 1 < len(steps):
            heapq.heappush(heap, (state.cost + steps[index + 1].cost, serial, index + 1, state))
        step = steps[index]
        if len(state.steps) > step.latest:
            continue
        values = applied(step, state, budget)
        if values is None or (content := content_of(values)) in seen:
            continue
        seen.add(content)
        is_cut = isinstance(values[0], list)
        cost += IN_EACH_COST if is_cut and state.is_cut else 0
        new = PieceState((*state.steps, step), cost, values, is_cut)
        yield new
        first = (of_parts if is_cut else of_pictures)[0]
        if cost + first.cost <= DEEPEST_COST and step.function is not pushed:
            heapq.heappush(heap, (cost + first.cost, len(seen), 0, new))


def applied(
    operation: Operation, state: PieceState, budget: SearchBudget
) -> tuple[Value, ...] | None:
    """The operation on every value; None if it does not apply to one of them."""
    results: list[Value] = []
    for value in state.values:
        pictures = pictures_in(value)
        cells = sum(PICTURE_COST + picture.cells.size for picture in pictures)
        budget.spent += CALL_COST + operation.effort * cells
        if state.is_cut and operation.kind == "edit":
            result: Any = [operation.apply(picture) for picture in pictures]
        else:
            result = operation.apply(value)
        if result is None or not is_sound(result):
            return None
        results.append(result)
    return tuple(results)


def is_sound(value: Any) -> bool:
    """Whether there are pictures, none of them empty or larger than a canvas can need."""
    return bool(value) and all(
        one is not None and one.cells.size and max(one.cells.shape) <= LARGEST_PICTURE
        for one in pictures_in(value)
    )


def pictures_in(value: Value) -> list[Picture]:
    """The parts, or the picture alone."""
    return value if isinstance(value, list) else [value]


def content_of(values: Sequence[Value]) -> int:
    """A hash of all that is in the values."""
    return hash(
        tuple(
            (
                isinstance(value, list),
                *one[:2],
                one.cells.shape,
                one.cells.astype(np.int8).tobytes(),
            )
            for value in values
            for one in pictures_in(value)
        )
    )
