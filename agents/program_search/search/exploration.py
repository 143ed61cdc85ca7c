"""Explores what can be made of a task's inputs, and collects the programs that fit.

Pictures of the inputs are made one or two steps deep, cheapest first; of equal ones only the first
is kept. Rules are learnt on the pictures that have the outputs' shapes. All work is counted, so a
task always gives the same programs.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from agents.program_search.search.candidates import Candidate, SearchBudget, State, content_of
from agents.program_search.search.mosaic import learn_mosaic
from agents.program_search.search.rule_learning import RuleLearner
from agents.program_search.transforms.registry import Array, Step, steps_of

DEEPEST = 2
FIRST_STATES_KEPT = 40
FRAMES_KEPT = 200
COST_SLACK = 1.0
"""Pictures that cost this much more than the best candidate are not made."""
DETOUR_COST = 1.5
"""What a program costs more that changes the shape on its way though each output has its input's:
that the shapes are equal in the end is a chance that another program need not take."""
STAGES = ((0.25, 0.6, 4), (0.75, 1.0, 6))
"""For each stage: the share of the budget after which no more pictures are made, the share after
which no more rules are learnt, and the greatest number of pictures to learn on."""


@dataclass(eq=False)
class Exploration:
    """The search on one task: the pictures made, and the candidates that fit."""

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    budget: SearchBudget
    states: list[State] = field(default_factory=list)  # the first ones, for traces
    frames: list[State] = field(default_factory=list)  # those of the outputs' shapes, for rules
    candidates: list[Candidate] = field(default_factory=list)

    def run(self) -> list[Candidate]:
        """Every candidate found; the first stage that finds a strong one is the last."""
        new_states, learnt = self._explored(), set[State]()
        for explore_share, learn_share, most in STAGES:
            until = self.budget.limit * (1 - explore_share)
            while self.budget.left() > until and (state := next(new_states, None)):
                self._keep(state)
                self.candidates += self._finished(state)
                if state.cost > self._strongest() + COST_SLACK:
                    break
            reserve = int(self.budget.limit * (1 - learn_share))
            frames = sorted(self.frames, key=self._promise)
            for frame in [one for one in frames if one not in learnt][:most]:
                if self.budget.left() > reserve and frame.cost + 1 < self._strongest():
                    learnt.add(frame)
                    self._learn_rules(frame, frames, reserve)
            if self._strongest() < np.inf:
                break
        keeps = all(map(has_shape_of, self.outputs, self.inputs))
        return [self._weighed(one) for one in self.candidates] if keeps else self.candidates

    def _weighed(self, candidate: Candidate) -> Candidate:
        """The candidate; dearer if its steps change the shape that all pairs keep."""
        picture: Array | None = self.inputs[0]
        for step in candidate.steps:
            picture = None if picture is None else step.apply(picture)
            if picture is None or not has_shape_of(picture, self.inputs[0]):
                return replace(candidate, cost=candidate.cost + DETOUR_COST)
        return candidate

    def _keep(self, state: State) -> None:
        """Keep the state for traces if it is among the first, and for rules if its shapes fit."""
        pairs = zip(state.grids, self.outputs, strict=False)
        if len(self.states) < FIRST_STATES_KEPT:
            self.states.append(state)
        if all(has_shape_of(*pair) for pair in pairs):
            self.frames.append(state)
        if len(self.frames) > 2 * FRAMES_KEPT:
            self.frames = sorted(self.frames, key=self._promise)[:FRAMES_KEPT]

    def _finished(self, state: State) -> list[Candidate]:
        """The candidates that need no rule."""
        if all(map(np.array_equal, state.grids, self.outputs)):
            return [Candidate(state.steps, None, state.cost, state.grids)]
        return learn_mosaic(state, self.outputs)

    def _learn_rules(self, frame: State, frames: Sequence[State], reserve: int) -> None:
        """Add the rules on one picture; they may copy from others of the same shapes."""
        allowance = SearchBudget((self.budget.left() - reserve) // (3 if frame.steps else 1))
        alike = [one for one in frames if one.shapes() == frame.shapes()]
        others = [one for one in alike if one is not frame]
        learner = RuleLearner(frame, others, self.inputs, self.outputs, allowance)
        self.candidates += learner.learn()
        self.budget.spend(allowance.spent)

    def _explored(self) -> Iterator[State]:
        """New states, cheapest first, by a heap of (cost, serial number, index of step, state)."""
        steps = steps_of("picture")
        start = State((), 0.0, self.inputs)
        seen = {content_of(start.grids)}
        yield start
        heap = [(steps[0].cost, 0, 0, start)]
        while heap and self.budget.left() > 0:
            cost, serial, index, state = heapq.heappop(heap)
            if index + 1 < len(steps):
                following = state.cost + steps[index + 1].cost
                heapq.heappush(heap, (following, serial, index + 1, state))
            grids = self._applied(steps[index], state.grids)
            if grids is None or (content := content_of(grids)) in seen:
                continue
            seen.add(content)
            new = State((*state.steps, steps[index]), cost, grids)
            yield new
            if len(new.steps) < DEEPEST:
                heapq.heappush(heap, (cost + steps[0].cost, len(seen), 0, new))

    def _applied(self, step: Step, grids: Sequence[Array]) -> tuple[Array, ...] | None:
        """The step's result on every grid; None if it does not apply to one of them."""
        results = []
        for grid in grids:
            self.budget.spend(grid.size * step.transform.effort)
            result = step.apply(grid)
            if result is None:
                return None
            results.append(result)
        return tuple(results)

    def _promise(self, state: State) -> float:
        """The key by which pictures to learn on are sorted: cost plus cells that are wrong."""
        wrong = sum(int((a != b).sum()) for a, b in zip(state.grids, self.outputs, strict=False))
        return state.cost + 3 * wrong / sum(output.size for output in self.outputs)

    def _strongest(self) -> float:
        """The cost of the cheapest strong candidate; infinite without one."""
        return min((one.cost for one in self.candidates if one.is_strong()), default=np.inf)


def has_shape_of(one: Array, other: Array) -> bool:
    """Whether both grids have as many rows and as many columns."""
    return one.shape == other.shape
