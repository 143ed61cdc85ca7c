"""The ideas on the way to a rule: what the pairs suggest, and what comes near but does not fit."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.search.evidence import WithoutPair
from agents.program_search.search.rules import Rule, listing, reading
from agents.program_search.search.sources import Source
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.first_steps import (
    gives_size_only,
    only_shape,
    pictures_alone,
    steps_told,
)
from agents.program_search.writing.grid_words import count_of, shape_words
from agents.program_search.writing.open_cases import cases_of
from agents.program_search.writing.pair_words import suggestion
from agents.program_search.writing.rule_words import rule_paragraph
from agents.program_search.writing.rule_working import values
from agents.program_search.writing.task_grids import TaskGrids

NEAR_MISSES_SHOWN = 2
NEAR, BETTER = 0.1, 0.5
"""A simpler idea is a near miss if it leaves at most this share of the cells wrong, and at most
so many of those that are wrong if nothing is done."""
LONGEST_MISS = 300
"""A rule that one pair refutes is told if it takes at most so many letters."""
NUMBERS = ("", "One thing", "Two things", "Three things")


class Ideas(NamedTuple):
    """What is told of one task before the rule; `states` are the first that the search made."""

    grids: TaskGrids
    states: Sequence[State]

    def suggestions(self, candidate: Candidate) -> list[str]:
        """What to look for, then what comes first and what it is that decides in all pairs."""
        lines, rule = [suggestion(self.grids.train_inputs(), self.grids.outputs)], candidate.finish
        if not isinstance(rule, Rule) or not rule.facts:
            return lines
        told, letters = list[str](), dict(zip(rule.facts, rule.names(), strict=True))
        if candidate.renumbered:
            told.append("Colours are told by how common they are in their grid.")
        if candidate.steps and not pictures_alone(candidate):
            steps = "; then ".join(step.sentence() for step in candidate.steps)
            first = f"A first step helps: {steps}. What decides is asked of the picture so made."
            if shape := only_shape(candidate):
                first = f"The output has {shape_words(shape)} cells."
            elif gives_size_only(candidate):
                first = f"The output is as large as what you get if you {steps}."
            told.append(first)
        told += rule.making()
        nouns = [
            f"({letters[fact]}) {rule.noun(fact)}"
            if fact in rule.named() and len(rule.named()) > 1
            else rule.noun(fact)
            for fact in rule.told()
        ]
        what = f"{NUMBERS[len(nouns)]} {'tells' if len(nouns) == 1 else 'together tell'}"
        told.append(f"{what} which case each cell is of, in all pairs: {'; and '.join(nouns)}.")
        return [*lines, *(map(in_ranks, told) if candidate.renumbered else told)]

    def near_misses(self, candidate: Candidate, without: Sequence[WithoutPair] = ()) -> list[str]:
        """Ideas that almost fit, each with the pair that refutes it.

        First a rule that fits all pairs but one, if the best program found `without` it is wrong.
        """
        lines = [*islice(self._all_but_one(candidate, without), 1), *self._facts_alone(candidate)]
        unchanged = self._share_wrong(self.grids.inputs)
        simpler = (one for one in self.states if one.steps and one.cost < candidate.cost)
        near = sorted(
            (
                (share, state)
                for state in simpler
                if 0 < (share := self._share_wrong(state.grids)) <= min(NEAR, BETTER * unchanged)
            ),
            key=lambda one: one[0],
        )
        for _, state in near:
            if candidate.steps[: len(state.steps)] != state.steps:
                lines.append(self._miss(state))
        return lines[:NEAR_MISSES_SHOWN]

    def _all_but_one(self, candidate: Candidate, without: Sequence[WithoutPair]) -> Iterator[str]:
        """For each rule that one pair alone refutes where it does so, if the rule is short."""
        own = rule_paragraph(candidate)
        for pair, (is_right, other) in enumerate(without):
            if is_right is not False or other is None:
                continue
            made, wanted = other.outputs[self.grids.pairs() - 1], self.grids.outputs[pair]
            words = rule_paragraph(other)
            if words != own and len(words) <= LONGEST_MISS:
                what = difference(made, wanted)
                this = "Done to the input, this" if candidate.steps else "This"
                yield f"- {words} {this} fits all pairs but pair {pair + 1}, where {what}."

    def _facts_alone(self, candidate: Candidate) -> Iterator[str]:
        """For each of several facts two cells that it does not tell apart, though they differ."""
        rule = candidate.finish
        if not isinstance(rule, Rule) or len(rule.facts) < 2:
            return
        named, letters = rule.named(), dict(zip(rule.facts, rule.names(), strict=True))
        for fact in rule.told():
            noun = rule.noun(fact)
            if fact in named and len(named) > 1:
                noun = f"({letters[fact]})"
            pairs = range(self.grids.pairs())
            line = next(filter(None, (self._alone(candidate, fact, n) for n in pairs)), "")
            if line:
                noun = in_ranks(noun) if candidate.renumbered else noun
                yield f"- {noun[0].upper()}{noun[1:]}: this alone does not decide. {line}"

    def _alone(self, candidate: Candidate, fact: Source, pair: int) -> str:
        """Two cells of the pair of equal value and colour that end up different, in words."""
        start, picture = self.grids.seen(candidate, pair)
        assert isinstance(candidate.finish, Rule), "facts are those of a rule"
        shown, wanted = values(fact, picture, start), self.grids.outputs[pair]
        shown = candidate.finish.shown(fact, shown)
        seen: dict[tuple[int, int], tuple[int, ...]] = {}
        ends = self._outcomes(candidate.finish, picture, start)
        for place in np.ndindex(wanted.shape):
            key = int(shown[place]), int(picture[place])
            first = seen.setdefault(key, place)
            if wanted[first] != wanted[place] and ends[first] != ends[place]:
                value = reading(key[0], fact.reads())
                value = in_ranks(value) if candidate.renumbered else value
                one, two = (f"({row + 1}, {column + 1})" for row, column in (first, place))
                becomes = [COLOURS[int(wanted[cell])] for cell in (first, place)]
                steps = "step" if steps_told(candidate) == 1 else "steps"
                is_of_input = not candidate.steps or pictures_alone(candidate)
                made = "" if is_of_input else f", after the first {steps},"
                return (
                    f"In pair {pair + 1}{made} it is {value} for both {one} and {two}, but the "
                    f"output has {becomes[0]} at the one and {becomes[1]} at the other."
                )
        return ""

    def _outcomes(self, rule: Rule, picture: Array, start: Array) -> dict[tuple[int, ...], Source]:
        """What decides each cell's colour by the rule."""
        cases = cases_of(rule, start, picture)
        outcomes = (rule.table.get(case, rule.otherwise) for case in cases)
        return dict(zip(np.ndindex(picture.shape), outcomes, strict=True))

    def _share_wrong(self, grids: Sequence[Array]) -> float:
        """The share of the outputs' cells that these grids have wrong; 1 if shapes differ."""
        outputs = self.grids.outputs
        pairs = list(zip(grids, outputs, strict=False))
        if any(grid.shape != wanted.shape for grid, wanted in pairs):
            return 1.0
        wrong = sum(int((grid != wanted).sum()) for grid, wanted in pairs)
        return wrong / sum(wanted.size for wanted in outputs)

    def _miss(self, state: State) -> str:
        pairs = zip(state.grids, self.grids.outputs, strict=False)
        wrong = [int((a != b).sum()) for a, b in pairs]
        steps = "; then ".join(step.sentence() for step in state.steps)
        fits = [f"pair {number + 1}" for number, cells in enumerate(wrong) if not cells]
        right = f"fits {listing(fits)}, but " if fits else ""
        told = [
            f"{count_of(cells, 'cell')} of pair {number + 1}"
            for number, cells in enumerate(wrong)
            if cells
        ]
        left = f"leaves {listing(told)} wrong"
        return f"- {steps[0].upper()}{steps[1:]}: {right}{left}."


def difference(made: Array, wanted: Array) -> str:
    """How a grid differs from the output, by its shape or by the first cell that does."""
    if made.shape != wanted.shape:
        return f"it gives {shape_words(made.shape)} instead of {shape_words(wanted.shape)}"
    row, column = np.argwhere(made != wanted)[0].tolist()
    given, right = (COLOURS[int(grid[row, column])] for grid in (made, wanted))
    wrong = int((made != wanted).sum())
    others = f"; {wrong} of its cells are wrong" if wrong > 1 else ""
    return f"it gives {given} at ({row + 1}, {column + 1}) instead of {right}{others}"
