"""Learns rules: which facts explain every cell, and which outcome each of their cases takes.

A case is a combination of the facts' values. It takes the cheapest outcome that is right on all
its train cells. Sets of facts are found by beam search: the sets that leave the fewest cells
without a right outcome are extended by one more fact.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from math import log2
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate, SearchBudget, State
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN, Source
from agents.program_search.transforms.registry import COLOURS, REGISTRY, Array, Step, steps_of

BEAM_WIDTH = 10
BEAM_LOOKED_AT = 40
"""So many sets are compared to find BEAM_WIDTH that part the train cells differently."""
LIKELY_OUTCOMES = 12
"""A set that does not fit is judged by the cells that the best of so many outcomes leaves wrong."""
LEARNING_SPEED = 3
"""The learner looks at so many cells in the time that a transform takes for one."""
MOST_FACTS = 3
MOST_CASES = 48
RULES_KEPT = 8
COST_SLACK = 2.0
"""Sets of facts that cost this much more than the best rule are not looked at."""
CASE_COST = 0.25
ALIKE_CASE_COST = 0.1
"""The cost of a case that takes the outcome of most cases, and so need not be listed."""
CASES_FOR_ALL_OTHERS = 3
"""If at least this many cases have one outcome, unseen cases are trusted to have it too."""
VALUE_COST = 0.08
"""The cost of each bit, from the second on, that tells a fact's value from its others."""
OUTCOME_COST = 0.2
OTHER_PICTURES = 40
"""A rule may copy from this many other pictures at most."""
PICTURE_COST = 0.4
OWN_COST = 0.3
CONSTANT_COST = 0.8
COPY_COST = 0.5
NONE_COST = 0.4
"""The cost of asking only whether a colour is background, not which it is."""
COLOURS_TO_ASK = 3
"""It is asked of paints that show at least so many colours on train pictures."""


class Column(NamedTuple):
    """One value for every cell of the train and test pictures, laid end to end."""

    source: Source
    cost: float
    values: Array
    codes: Array
    """The values renumbered in the order in which they first come."""
    is_colour: bool


class FactSet(NamedTuple):
    """Some columns, and the number of the case that every cell falls in."""

    cost: float
    columns: tuple[int, ...]
    case: Array
    cases: int


class Fit(NamedTuple):
    """For each case: whether train cells show it, its cheapest right outcome (-1: none), and
    how many cells the best of the likely outcomes leaves wrong.
    """

    seen: Array
    outcome: Array
    wrong: Array


class RuleLearner:
    """Finds the rules that turn the pictures of a state (the base) into the outputs."""

    def __init__(
        self,
        base: State,
        others: Sequence[State],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        budget: SearchBudget,
    ) -> None:
        """Compute every column; `outputs` have the shapes of the base's first pictures."""
        self.base, self.budget = base, budget
        self.columns = columns_of(base, others, inputs, budget, len(outputs))
        self.target = np.concatenate([output.ravel() for output in outputs])
        self.pairs, self.cells = len(outputs), sum(grid.size for grid in base.grids)
        self.train_pair = np.repeat(np.arange(self.pairs), [one.size for one in outputs])
        self.outcomes = outcomes_among(self.columns, self.target)
        self.values = np.stack([outcome.values for outcome in self.outcomes])
        wrong = (self.values[:, : len(self.target)] != self.target).T
        self.wrong = packed(wrong)
        likely = np.argsort(wrong.sum(0), kind="stable")[:LIKELY_OUTCOMES]
        constants = [n for n, one in enumerate(self.outcomes) if one.source.origin == "constant"]
        self.likely_wrong = np.ascontiguousarray(wrong[:, sorted({*likely.tolist(), *constants})])
        self.codes = [one.codes for one in self.columns]
        bits = (log2(codes.max() + 1) for codes in self.codes)
        self.value_costs = [VALUE_COST * max(0.0, one - 1) for one in bits]
        self.found: list[tuple[float, FactSet, Fit]] = []
        self.limit = np.inf

    def learn(self) -> list[Candidate]:
        """The cheapest rules that are right on every train cell."""
        nothing = FactSet(0.0, (), np.zeros(self.cells, np.int64), 1)
        beam = [facts for _, facts in self._unexplained([nothing])]
        for _ in range(MOST_FACTS):
            ranked = self._unexplained(self._extensions(beam))
            beam = self._beam(nsmallest(BEAM_LOOKED_AT, ranked, key=promise))
        cheapest = nsmallest(RULES_KEPT, self.found, key=lambda one: one[0])
        return [self._candidate(*one) for one in cheapest]

    def _beam(self, best: Iterable[tuple[float, FactSet]]) -> list[FactSet]:
        """The first few sets; of those that part the train cells alike only the first."""
        different = dict[bytes, FactSet]()
        for _, facts in best:
            different.setdefault(facts.case[: len(self.target)].astype(np.uint8).tobytes(), facts)
        return list(different.values())[:BEAM_WIDTH]

    def _extensions(self, beam: Sequence[FactSet]) -> Iterator[FactSet]:
        """Every set of the beam with one more fact, none twice."""
        tried = set()
        for facts in beam:
            for index, column in enumerate(self.columns):
                columns = frozenset((*facts.columns, index))
                if len(columns) == len(facts.columns) or columns in tried:
                    continue
                tried.add(columns)
                wider = facts.cost + column.cost + self.value_costs[index]
                if self.budget.left() > 0 and wider < self.limit:
                    self.budget.spend(self.cells // LEARNING_SPEED)
                    case, cases = joined_cases(facts.case, self.codes[index], len(self.target))
                    if 1 < cases <= MOST_CASES and cases > facts.cases:
                        yield FactSet(wider, (*facts.columns, index), case, cases)

    def _unexplained(self, sets: Iterable[FactSet]) -> Iterator[tuple[float, FactSet]]:
        """Keep the sets that fit in `found`, and yield the others.

        Each is yielded with the share of train cells that lie in cases without a right outcome.
        """
        for facts in sets:
            self.budget.spend(self.wrong.size // LEARNING_SPEED)
            fit = self._fit(facts)
            failed = fit.seen & (fit.outcome < 0)
            if failed.any():
                yield float(fit.wrong[failed].sum()) / len(self.target), facts
                continue
            used = np.unique(fit.outcome[fit.seen]).tolist()
            alike, seen = self._otherwise(fit)[1], int(fit.seen.sum())
            cost = facts.cost + CASE_COST * (seen - alike + 1) + ALIKE_CASE_COST * (alike - 1)
            cost += sum(self.outcomes[index].cost + OUTCOME_COST for index in used)
            self.found.append((cost, facts, fit))
            self.limit = min(self.limit, cost + COST_SLACK)

    def _fit(self, facts: FactSet, rows: Array | None = None) -> Fit:
        """The cheapest right outcome of each case, on all train cells or on those of `rows`."""
        case, wrong = facts.case[: len(self.target)], self.wrong
        if rows is not None:
            case, wrong = case[rows], wrong[rows]
        counts = np.bincount(case, minlength=facts.cases)
        seen = counts > 0
        order = np.argsort(case.astype(np.uint8), kind="stable")
        starts = (np.cumsum(counts) - counts)[seen]
        bits = np.bitwise_or.reduceat(wrong[order], starts, axis=0)
        right = np.unpackbits(bits.view(np.uint8), axis=1)[:, : len(self.outcomes)] == 0
        outcome = np.full(facts.cases, -1)
        outcome[seen] = np.where(right.any(1), right.argmax(1), -1)
        least = np.zeros(facts.cases, int)
        if rows is None:
            counted = np.add.reduceat(self.likely_wrong[order], starts, axis=0, dtype=np.int32)
            least[seen] = counted.min(1)
        return Fit(seen, outcome, least)

    def _candidate(self, cost: float, facts: FactSet, fit: Fit) -> Candidate:
        """The rule with its outputs and the results of refits without each pair."""
        columns = [self.columns[index] for index in facts.columns]
        otherwise, like_it = self._otherwise(fit)
        flat = self.values[self._outcomes(fit)[facts.case], np.arange(self.cells)]
        grids = np.split(flat, np.cumsum([grid.size for grid in self.base.grids])[:-1])
        first = np.unique(facts.case, return_index=True)[1]
        table = {
            tuple(int(one.values[cell]) for one in columns): self.outcomes[outcome].source
            for cell, outcome, seen in zip(first.tolist(), fit.outcome, fit.seen, strict=True)
            if seen
        }
        tests = ~fit.seen[facts.case[len(self.target) :]] & (like_it < CASES_FOR_ALL_OTHERS)
        return Candidate(
            self.base.steps,
            Rule(tuple(one.source for one in columns), table, self.outcomes[otherwise].source),
            self.base.cost + cost,
            tuple(map(np.reshape, grids, self.base.shapes())),
            self._left_out(facts) if facts.columns else None,
            float(tests.mean()) if len(tests) else 0.0,
        )

    def _otherwise(self, fit: Fit) -> tuple[int, int]:
        """The outcome of most seen cases, and their number; cases not listed take it too.

        On a tie the cell's own colour comes first, then the cheapest outcome.
        """
        counts = np.bincount(fit.outcome[fit.outcome >= 0], minlength=len(self.outcomes))
        merit = 2 * counts + [one.source == OWN for one in self.outcomes]
        merit[counts == 0] = 0
        return int(merit.argmax()), int(counts[merit.argmax()])

    def _outcomes(self, fit: Fit) -> Array:
        """The outcome of every case; those without one of their own take that of most."""
        return np.where(fit.outcome < 0, self._otherwise(fit)[0], fit.outcome)

    def _left_out(self, facts: FactSet) -> tuple[bool, ...]:
        """For each train pair, whether the rule, refitted to the other pairs, gets it right."""
        if self.pairs == 1:
            return (False,)
        results = []
        for pair in range(self.pairs):
            fit = self._fit(facts, self.train_pair != pair)
            cells = np.flatnonzero(self.train_pair == pair)
            outcome = self._outcomes(fit)[facts.case[cells]]
            results.append(np.array_equal(self.values[outcome, cells], self.target[cells]))
        return tuple(results)


def promise(one: tuple[float, FactSet]) -> float:
    """The key by which sets that do not fit are sorted: the share of wrong cells, then the cost."""
    return one[0] + 0.004 * one[1].cost


def joined_cases(case: Array, codes: Array, train: int) -> tuple[Array, int]:
    """The combined case of each cell, numbered from 0 without gaps, and how many there are.

    If the first `train` cells alone show more than MOST_CASES, the count is MOST_CASES + 1.
    """
    both = case * (int(codes.max()) + 1) + codes
    present = np.bincount(both) > 0
    if np.count_nonzero(np.bincount(both[:train])) > MOST_CASES:
        return both, MOST_CASES + 1
    return (np.cumsum(present) - 1)[both], int(np.count_nonzero(present))


def columns_of(
    base: State, others: Sequence[State], inputs: Sequence[Array], budget: SearchBudget, train: int
) -> list[Column]:
    """All that rules may look at or copy; of those that tell the same cells apart only the first.

    Of the first `train` pictures the outputs are known.
    Colours that can be copied stay if no earlier column has the same values.
    """
    shapes, cells = base.shapes(), sum(map(np.size, base.grids))
    found, told = dict[bytes, Column](), set[bytes]()

    def keep(source: Source, cost: float, grids: Sequence[Array], is_colour: bool) -> None:
        values = np.concatenate([grid.ravel() for grid in grids])
        if (key := values.tobytes()) not in found:
            _, first, codes = np.unique(values, return_index=True, return_inverse=True)
            codes = np.argsort(np.argsort(first))[codes]
            if is_colour or codes.tobytes() not in told:
                found[key] = Column(source, cost, values, codes, is_colour)
            told.add(codes.tobytes())

    keep(OWN, OWN_COST, base.grids, True)
    for state in others[:OTHER_PICTURES]:
        keep(Source("grid", state.steps), state.cost + PICTURE_COST, state.grids, True)
    for step in steps_of("fact", "paint"):
        if budget.left() <= 0:
            break
        budget.spend(cells * step.transform.effort)
        grids = [grid for grid in map(step.apply, base.grids) if grid is not None]
        if [grid.shape for grid in grids] == shapes:
            for looked_at in sources_of(step, grids, train):
                keep(*looked_at)
    budget.spend(len(steps_of("number")) * sum(grid.size for grid in inputs))
    for number in numbers_of(inputs, shapes):
        keep(*number)
    return list(found.values())


def numbers_of(
    inputs: Sequence[Array], shapes: Sequence[tuple[int, ...]]
) -> Iterator[tuple[Source, float, Sequence[Array], bool]]:
    """Every number of the inputs with its cost, at each cell of pictures of these shapes."""
    for step in steps_of("number"):
        numbers = [step.transform.function(grid, *step.arguments) for grid in inputs]
        grids = [np.full(shape, number) for shape, number in zip(shapes, numbers, strict=True)]
        yield Source("number", (step,)), step.cost, grids, step.transform.reads is COLOURS


def sources_of(
    step: Step, grids: Sequence[Array], train: int
) -> Iterator[tuple[Source, float, Sequence[Array], bool]]:
    """A fact or paint with its cost and values; of a paint of many colours also if there is one."""
    is_colour = step.transform.kind == "paint"
    yield Source("picture", (step,)), step.cost, grids, is_colour
    shown = np.unique(np.concatenate([grid.ravel() for grid in grids[:train]]))
    if is_colour and len(shown) >= COLOURS_TO_ASK:
        ask = next(REGISTRY["is_background"].steps())
        asked = [ask.transform.function(grid) for grid in grids]
        yield Source("picture", (step, ask)), step.cost + NONE_COST, asked, False


def outcomes_among(columns: Sequence[Column], target: Array) -> list[Column]:
    """The outcomes that a case may take (constants, copies of colours), cheapest first."""
    same = np.zeros(len(columns[0].values), np.int64)
    outcomes = [
        Column(Source("constant", colour=colour), CONSTANT_COST, same + colour, same, True)
        for colour in np.unique(target).tolist()
    ]
    for column in columns:
        if column.is_colour and (column.values[: len(target)] == target).any():
            cost = OWN_COST if column.source == OWN else column.cost + COPY_COST
            outcomes.append(column._replace(cost=cost))
    return sorted(outcomes, key=lambda column: column.cost)


def packed(flags: Array) -> Array:
    """Rows of booleans as rows of 64-bit words, the unused bits False."""
    rows, columns = flags.shape
    octets = np.zeros((rows, -(-columns // 64) * 8), np.uint8)
    octets[:, : -(-columns // 8)] = np.packbits(flags, axis=1)
    return octets.view(np.uint64)
