"""What the pairs do not settle: cases shown once, values that no pair shows, rules that fit too."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.exploration import has_shape_of
from agents.program_search.search.properties import broken, properties_of
from agents.program_search.search.rules import Rule, listing, values_words
from agents.program_search.search.views import in_ranks
from agents.program_search.stacking.layers import Stack
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.grid_words import shape_words
from agents.program_search.writing.open_cases import (
    answer_to,
    open_lines,
    shown_once,
    telling_pairs_apart,
)
from agents.program_search.writing.pair_words import common_words
from agents.program_search.writing.rule_words import LONGEST_RULE, rule_paragraph
from agents.program_search.writing.task_grids import TaskGrids
from agents.program_search.writing.ties import tie_lines

LEADING = 2
"""The first so many sentences of a stack are about stacks, not about this one."""
MOST_LOST = 2
"""Of what an answer breaks only the first so many are told."""
MOST_VALUES = 4
"""Which numbers the pairs show of a fact is said if they are so few."""
CLOSE_BITS = 4.0
"""Of two rules that fit, neither is clearly simpler if their lengths differ by less than this."""


class Doubts(NamedTuple):
    """Tells what stays open about the candidates of one task."""

    grids: TaskGrids

    def about(self, candidate: Candidate, evidence: Evidence) -> list[str]:
        """What the pairs do not settle, but for rules that fit as well."""
        lines, pairs = list[str](), self.grids.pairs()
        if pairs == 1:
            lines.append("- There is one pair only, so nothing confirms the rule.")
        elif candidate.left_out is not None and not all(candidate.left_out):
            shown = shown_once(self.grids, candidate, candidate.left_out)
            lines += map(in_ranks, shown) if candidate.renumbered else shown
        lines += self._new_colours()
        if candidate.renumbered:
            lines.append(
                "- The rule tells colours by how common they are; this may fit the pairs by chance."
            )
        lines += values_shown(candidate, has_tests=len(self.grids.inputs) > pairs)
        if not evidence.is_found():
            lines += telling_pairs_apart(self.grids, candidate)
        lines += open_lines(self.grids, candidate)
        if not candidate.renumbered and candidate.search == "rules":
            lines += tie_lines(self.grids, words_of_input(candidate))
        for number in range(pairs, len(self.grids.inputs)):
            test = f"test input {number - pairs + 1}"
            lost = self._broken(candidate, number)
            told = [f"In every pair {words}" for words in lost]
            told = told or [*self._broken_words(number, candidate.outputs[number])]
            for words in told[:MOST_LOST]:
                lines.append(f"- {words}; this answer to {test} breaks that.")
        return list(dict.fromkeys(lines))

    def _broken(self, candidate: Candidate, number: int) -> Iterator[str]:
        """What all pairs have in common and the input of that number with its answer has not."""
        common = properties_of(self.grids.train_inputs(), self.grids.outputs)
        return broken(common, self.grids.inputs[number], candidate.outputs[number])

    def _breaks_what_all_have(self, candidate: Candidate) -> bool:
        """Whether some answer is of another kind than the outputs of all pairs."""
        keeps = all(map(has_shape_of, self.grids.outputs, self.grids.inputs))
        for number in range(self.grids.pairs(), len(self.grids.inputs)):
            given, answer = self.grids.inputs[number], candidate.outputs[number]
            if (keeps and not has_shape_of(answer, given)) or any(self._broken(candidate, number)):
                return True
        return False

    def _broken_words(self, number: int, answer: Array) -> Iterator[str]:
        """What is told of all pairs and does not hold of a test input with its answer."""
        given, outputs = self.grids.train_inputs(), self.grids.outputs
        both = common_words([*given, self.grids.inputs[number]], [*outputs, answer])
        hold = {beginning(words) for words in both}
        for words in common_words(given, outputs):
            if beginning(words) not in hold:
                yield words.partition(";")[0]

    def _new_colours(self) -> Iterator[str]:
        """The colours of test inputs that no pair's input has."""
        pairs = self.grids.pairs()
        known = {*np.concatenate([grid.ravel() for grid in self.grids.train_inputs()]).tolist()}
        for number, grid in enumerate(self.grids.inputs[pairs:], 1):
            if new := sorted(set(grid.ravel().tolist()) - known):
                colours = listing(COLOURS[colour] for colour in new)
                yield f"- Test input {number} has {colours}, which no pair's input has."

    def rival(
        self, candidate: Candidate, evidence: Evidence, rival: Candidate | None
    ) -> Iterator[str]:
        """The best rule that answers differently, if it is short, and where it does so."""
        if rival is None or not is_to_be_told(candidate, rival, evidence):
            return
        if self._breaks_what_all_have(rival):
            return
        words = rule_paragraph(rival)
        if isinstance(rival.finish, Stack) and not isinstance(candidate.finish, Stack):
            told = " ".join(rival.finish.piece("grid").sentences[LEADING:])
            words = f"Lay pictures over each other. {told}"
        if len(words) <= LONGEST_RULE:
            yield (
                f"- Another rule fits all pairs and answers differently: {words} "
                f"{self._difference(candidate, rival)}"
            ).rstrip()

    def _difference(self, candidate: Candidate, rival: Candidate) -> str:
        """Where the two answer test inputs differently, a sentence each."""
        answers, told = list(zip(candidate.outputs, rival.outputs, strict=True)), list[str]()
        answers = answers[self.grids.pairs() :]
        for number, (one, other) in enumerate(answers, 1):
            if one.shape != other.shape:
                told.append(
                    f"For test input {number} it gives {shape_words(other.shape)}, the rule above "
                    f"{shape_words(one.shape)}."
                )
            elif (one != other).any():
                row, column = np.argwhere(one != other)[0].tolist()
                differing = int((one != other).sum())
                in_all = f"; {differing} of its cells differ" if differing > 1 else ""
                told.append(
                    f"For test input {number} it gives {COLOURS[int(other[row, column])]} at "
                    f"({row + 1}, {column + 1}), the rule above {COLOURS[int(one[row, column])]}"
                    f"{in_all}."
                )
        return " ".join(told)


def values_shown(candidate: Candidate, *, has_tests: bool) -> Iterator[str]:
    """For each fact that is a number, which few of them the pairs show, if it may be others.

    Where there are test inputs it is told instead which of their cells have others.
    """
    rule = candidate.finish
    if not isinstance(rule, Rule) or has_tests:
        return
    for fact in rule.named():
        noun, place = fact.noun(), rule.facts.index(fact)
        shown = sorted({case[place] for case in rule.table})
        is_all = any(words in noun for words in ("starting with", "counted", "the cell's place ("))
        is_all |= any(words in noun for words in ("the sign (1", "what is left over"))
        is_all |= ("four side" in noun and len(shown) == 5) or len(shown) > MOST_VALUES
        if not fact.reads() and not is_all:
            words = " and ".join(values_words(shown, {}).rsplit(" or ", 1))
            name = f"({rule.names()[place]})" if len(rule.named()) > 1 else answer_to(noun)
            what = "with another number the cells fall" if fact.origin == "number" else ""
            what = what or "a cell with another value falls"
            yield f'- The pairs show only {words} as {name}; {what} under "Otherwise".'


def is_to_be_told(candidate: Candidate, rival: Candidate, evidence: Evidence) -> bool:
    """Whether a rule that fits as well is nearly as simple, or of the other kind beside a guess."""
    if candidate.search == "stacking":
        return True
    if rival.search == "stacking":
        return not evidence.is_found()
    return rival.penalised_cost() - candidate.penalised_cost() < CLOSE_BITS


def beginning(words: str) -> str:
    """What is told of all pairs without its colours and what is beside the point."""
    return words.partition(";")[0].partition(":")[0]


def words_of_input(candidate: Candidate) -> str:
    """The rule, or of one with first steps the first of these, which alone sees the input."""
    steps = candidate.steps
    return f"{steps[0].sentence()}." if steps else rule_paragraph(candidate)
