"""Learns rules: which facts, and for each of their cases which outcome, explain every cell.

For a set of facts, every case (combination of their values) takes the cheapest outcome that is
right on all train cells of the case. Sets of facts are found by beam search: the sets that leave
the fewest cells without a right outcome are extended by one more fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Budget, Candidate, State
from agents.program_search.search.rule_columns import columns_of, outcomes_among, packed
from agents.program_search.search.rules import OWN, Rule
from agents.program_search.transforms.registry import Array
from agents.program_search.transforms.words import reading

BEAM_WIDTH = 10
MOST_FACTS = 3
MOST_CASES = 48
RULES_KEPT = 8
COST_SLACK = 2.0
"""Sets of facts that cost this much more than the best rule are not looked at."""
CASE_COST = 0.25
ALIKE_CASE_COST = 0.1
"""The cost of a case that takes the outcome of all others, so that it need not be listed."""
CASES_FOR_ALL_OTHERS = 3
"""So many cases with one outcome, at least, bear out that unseen cases have it too."""
OUTCOME_COST = 0.2


class FactSet(NamedTuple):
    """Some columns, and the number of the case that every cell falls in."""

    cost: float
    columns: tuple[int, ...]
    case: Array
    cases: int


class Fit(NamedTuple):
    """For each case: whether train cells show it, and its cheapest right outcome (-1: none)."""

    seen: Array
    outcome: Array


class RuleLearner:
    """Finds the rules that turn the base's pictures into the outputs."""

    def __init__(
        self,
        base: State,
        others: Sequence[State],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        budget: Budget,
    ) -> None:
        """Compute every column; the outputs have the shapes of the base's first pictures."""
        self.base, self.budget = base, budget
        self.columns = columns_of(base, others, inputs, budget)
        self.target = np.concatenate([output.ravel() for output in outputs])
        sizes = [grid.size for grid in base.grids]
        self.pair = np.repeat(np.arange(len(sizes)), sizes)
        self.train_pair = self.pair[: len(self.target)]
        self.outcomes = outcomes_among(self.columns, self.target)
        self.values = np.stack([outcome.values for outcome in self.outcomes])
        self.wrong = packed((self.values[:, : len(self.target)] != self.target).T)
        self.codes = [np.unique(one.values, return_inverse=True)[1] for one in self.columns]
        self.found: list[tuple[float, FactSet, Fit]] = []
        self.limit = np.inf

    def learn(self) -> list[Candidate]:
        """The cheapest rules that are right on every train cell."""
        nothing = FactSet(0.0, (), np.zeros(len(self.pair), np.int64), 1)
        beam = [facts for _, facts in self._unexplained([nothing])]
        for _ in range(MOST_FACTS):
            ranked = self._unexplained(self._extensions(beam))
            best = nsmallest(BEAM_WIDTH, ranked, key=lambda one: one[0] + 0.004 * one[1].cost)
            beam = [facts for _, facts in best]
        cheapest = nsmallest(RULES_KEPT, self.found, key=lambda one: one[0])
        return [self._candidate(*one) for one in cheapest]

    def _extensions(self, beam: Sequence[FactSet]) -> Iterator[FactSet]:
        """Every set of the beam with one more fact, none twice."""
        tried = set()
        for facts in beam:
            for index, column in enumerate(self.columns):
                columns = frozenset((*facts.columns, index))
                if len(columns) == len(facts.columns) or columns in tried:
                    continue
                tried.add(columns)
                wider = facts.cost + column.cost
                if self.budget.left() > 0 and wider < self.limit:
                    self.budget.spend(len(self.pair))
                    case, cases = joined_cases(facts.case, self.codes[index], len(self.target))
                    if 1 < cases <= MOST_CASES and cases > facts.cases:
                        yield FactSet(wider, (*facts.columns, index), case, cases)

    def _unexplained(self, sets: Iterable[FactSet]) -> Iterator[tuple[float, FactSet]]:
        """The sets that do not fit, with the share of cells in cases without a right outcome.

        Those that fit are kept as found.
        """
        for facts in sets:
            self.budget.spend(self.wrong.size)
            fit = self.fit(facts)
            failed = fit.seen & (fit.outcome < 0)
            if failed.any():
                yield float(failed[facts.case[: len(self.target)]].mean()), facts
                continue
            used = np.unique(fit.outcome[fit.seen]).tolist()
            alike, seen = self._otherwise(fit)[1], int(fit.seen.sum())
            cost = facts.cost + CASE_COST * (seen - alike + 1) + ALIKE_CASE_COST * (alike - 1)
            cost += sum(self.outcomes[index].cost + OUTCOME_COST for index in used)
            self.found.append((cost, facts, fit))
            self.limit = min(self.limit, cost + COST_SLACK)

    def fit(self, facts: FactSet, rows: Array | None = None) -> Fit:
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
        return Fit(seen, outcome)

    def _candidate(self, cost: float, facts: FactSet, fit: Fit) -> Candidate:
        """The rule with its outputs and with its refits without each pair."""
        otherwise, like_it = self._otherwise(fit)
        outcome = np.where(fit.outcome < 0, otherwise, fit.outcome)[facts.case]
        flat = self.values[outcome, np.arange(len(self.pair))]
        ends = np.cumsum([grid.size for grid in self.base.grids])[:-1]
        shapes = [grid.shape for grid in self.base.grids]
        outputs = [cells.reshape(s) for cells, s in zip(np.split(flat, ends), shapes, strict=True)]
        first = np.unique(facts.case, return_index=True)[1]
        table = {
            tuple(int(self.columns[index].values[cell]) for index in facts.columns): self.outcomes[
                fit.outcome[facts.case[cell]]
            ].source
            for cell in first.tolist()
            if fit.seen[facts.case[cell]]
        }
        sources = tuple(self.columns[index].source for index in facts.columns)
        tests = ~fit.seen[facts.case[len(self.target) :]] & (like_it < CASES_FOR_ALL_OTHERS)
        return Candidate(
            self.base.steps,
            Rule(sources, table, self.outcomes[otherwise].source),
            self.base.cost + cost,
            tuple(outputs),
            self._left_out(facts) if facts.columns else None,
            float(tests.mean()) if len(tests) else 0.0,
            tuple(self._failure(index) for index in facts.columns if len(facts.columns) > 1),
        )

    def _failure(self, index: int) -> str:
        """Why one fact alone does not decide, with the pair up to which it seemed to."""
        column, codes = self.columns[index], self.codes[index]
        alone = FactSet(column.cost, (index,), codes, int(codes.max()) + 1)
        for pair in np.unique(self.train_pair).tolist():
            fit = self.fit(alone, self.train_pair <= pair)
            failed = np.flatnonzero(fit.seen & (fit.outcome < 0))
            if len(failed):
                value = int(column.values[codes.tolist().index(failed[0])])
                words = reading(value, column.source.reads())
                when = f"from pair {pair + 1} on" if pair else "on pair 1"
                return (
                    f"Decide every cell by {column.source.noun()} alone: {when}, no one outcome "
                    f"considered is right for all cells where that is {words}."
                )
        return f"Decide every cell by {column.source.noun()} alone: that fits the pairs too."

    def _otherwise(self, fit: Fit) -> tuple[int, int]:
        """The outcome of cases not listed, and how many seen cases have it: the most.

        Among outcomes of as many cases, to keep the colour comes first, then the cheapest.
        """
        counts = np.bincount(fit.outcome[fit.outcome >= 0], minlength=len(self.outcomes))
        merit = 2 * counts + [one.source == OWN for one in self.outcomes]
        merit[counts == 0] = 0
        return int(merit.argmax()), int(counts[merit.argmax()])

    def _left_out(self, facts: FactSet) -> tuple[bool, ...]:
        """For each train pair, whether the rule refitted to the other pairs gets it right."""
        results, train = [], len(self.target)
        for pair in np.unique(self.train_pair).tolist():
            kept = self.train_pair != pair
            if not kept.any():
                return (False,)
            fit = self.fit(facts, kept)
            outcome = np.where(fit.outcome < 0, self._otherwise(fit)[0], fit.outcome)[
                facts.case[:train]
            ][~kept]
            cells = np.flatnonzero(~kept)
            results.append(bool((self.values[outcome, cells] == self.target[cells]).all()))
        return tuple(results)


def joined_cases(case: Array, codes: Array, train: int) -> tuple[Array, int]:
    """The cases of both together, numbered from 0 without gaps, and how many train cells show.

    The count is that of all cases; it is cut short (as too many) where train cells show more
    than MOST_CASES.
    """
    both = case * (int(codes.max()) + 1) + codes
    present = np.bincount(both) > 0
    if np.count_nonzero(np.bincount(both[:train])) > MOST_CASES:
        return both, MOST_CASES + 1
    return (np.cumsum(present) - 1)[both], int(np.count_nonzero(present))
