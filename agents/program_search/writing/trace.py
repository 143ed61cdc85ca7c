"""Writes the reasoning from the pairs to the rule, and from the rule to the answer.

It goes the way that a person would explain it: what the pairs show, what that suggests, the rule,
the rule worked through on one pair, the other pairs in a line each, what remains open, the answer.
Every line follows from the task's grids or from the candidate's outputs. How the rule was searched
for, and how often such rules are right, are fields of the sample, not words of the trace.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import starmap

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.search.evidence import Evidence, WithoutPair
from agents.program_search.search.rules import Rule
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.doubts import Doubts
from agents.program_search.writing.first_steps import pictures_alone
from agents.program_search.writing.grid_words import count_of, grid_lines, shape_words
from agents.program_search.writing.ideas import Ideas
from agents.program_search.writing.open_cases import cases_shown
from agents.program_search.writing.pair_words import common_words, has_panes, pair_words
from agents.program_search.writing.rule_words import rule_section
from agents.program_search.writing.rule_working import values
from agents.program_search.writing.task_grids import TaskGrids, picture_of
from agents.program_search.writing.terms import terms_in
from agents.program_search.writing.working import worked

CUTTING = re.compile(r"\bFirst |\b([Cc]ut out|[Cc]rop|[Dd]rop)\b")
"""Words of rules that may make pictures without black of grids that have some."""
MOST_CELLS_SHOWN = 300
"""Pairs with at most so many cells, input and output together, are read at a glance."""


class TraceWriter:
    """Writes the traces of one task's candidates."""

    def __init__(
        self, inputs: Sequence[Array], outputs: Sequence[Array], states: Sequence[State]
    ) -> None:
        """`inputs` are those of train, then test; `states` are the first that the search made."""
        self.inputs, self.outputs, self.pairs = inputs, outputs, len(outputs)
        self.grids = TaskGrids(inputs, outputs)
        self.ideas, self.doubts = Ideas(self.grids, states), Doubts(self.grids)

    def write(
        self,
        candidate: Candidate,
        evidence: Evidence,
        rival: Candidate | None,
        without: Sequence[WithoutPair] = (),
    ) -> str:
        """The trace of a candidate.

        `rival` is the best candidate that answers differently; `without` has for each train pair
        the best program found without it, if that was looked for.
        """
        shown, rule = self._shown_pair(candidate), rule_section(candidate)
        open_still = self.doubts.about(candidate, evidence)
        terms = self._terms(candidate, " ".join([*rule, *open_still]))
        near = self.ideas.near_misses(candidate, without)
        near = [with_terms(line, "There", terms, self.inputs) for line in near]
        rivals = self.doubts.rival(candidate, evidence, rival)
        open_still += [with_terms(line, "In that rule", terms, self.inputs) for line in rivals]
        names_ground = any("Background is" in one for one in terms) and not candidate.renumbered
        sections = {
            "What the pairs show": self.observations(),
            "What that suggests": self.ideas.suggestions(candidate),
            "Ideas that come near": near,
            "The rule": rule,
            "The words of the rule": terms,
            f"Worked through on pair {shown + 1}": self.working(
                candidate, shown, names_ground=names_ground
            ),
            "The other pairs": self.other_pairs(candidate, shown),
            "What remains open": open_still,
            "The answer": self.answer(candidate, names_ground=names_ground),
        }
        told = ((title, lines) for title, lines in sections.items() if lines)
        return "\n\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in told)

    def _terms(self, candidate: Candidate, words: str) -> list[str]:
        """What the words mean in which the candidate is told."""
        made, others = self._pictures(candidate)
        is_stack, is_black = candidate.search == "stacking", have_black([*made, *others])
        return terms_in(words, made, is_stack=is_stack, have_black=is_black)

    def _pictures(self, candidate: Candidate) -> tuple[list[Array], list[Array]]:
        """The inputs and what each step is given; then the other pictures of the rule."""
        made, others, rule = [*self.inputs], list[Array](), candidate.finish
        steps = () if pictures_alone(candidate) else candidate.steps
        for number in range(len(self.inputs)):
            start, _ = self.grids.seen(candidate, number)
            looked_at = range(len(steps) if rule is None else len(steps) + 1)
            made += [picture_of(replace(candidate, steps=steps[:n]), start) for n in looked_at]
            if isinstance(rule, Rule):
                others += [values(one, start, start) for one in rule.pictures()]
        return made, others

    def observations(self) -> list[str]:
        """What is common to the shapes of all train pairs, and one line for each pair."""
        train = self.inputs[: self.pairs]
        common = [f"- {words}." for words in common_words(train, self.outputs)]
        are_paned = all(map(has_panes, train))
        pairs = enumerate(zip(train, self.outputs, strict=True), 1)
        return common + [
            f"- Pair {number}: {pair_words(*pair, says_panes=are_paned)}." for number, pair in pairs
        ]

    def _shown_pair(self, candidate: Candidate) -> int:
        """The pair to work through, one that changes: the smallest of those with the most cases.

        If there are no cases, it is the largest whose grids have up to `MOST_CELLS_SHOWN` cells.
        """
        pairs = range(self.pairs)
        changing = [n for n in pairs if not np.array_equal(self.inputs[n], self.outputs[n])]
        sizes = [
            given.size + made.size for given, made in zip(self.inputs, self.outputs, strict=False)
        ]
        cases = [cases_shown(self.grids, candidate, n) for n in pairs]
        small = [n for n in changing or pairs if sizes[n] <= MOST_CELLS_SHOWN]
        if small and not any(cases):
            return max(small, key=sizes.__getitem__)
        return min(changing or pairs, key=lambda n: (-cases[n], sizes[n]))

    def working(self, candidate: Candidate, pair: int, *, names_ground: bool) -> list[str]:
        """The rule on one train pair, step by step."""
        given = self.inputs[pair]
        start = [f"- The input, {shape_words(given.shape)} (rows and columns count from 1):"]
        steps = worked(candidate, given, pair, says_layers=True, names_ground=names_ground)
        return [
            *start,
            *grid_lines(given),
            *steps,
            f"- That is the output of pair {pair + 1}.",
        ]

    def other_pairs(self, candidate: Candidate, shown: int) -> list[str]:
        """A line for each other pair: what the rule gives there, compared with the output."""
        lines = []
        for pair in range(self.pairs):
            if pair == shown:
                continue
            made, given = candidate.outputs[pair], self.inputs[pair]
            is_right = np.array_equal(made, self.outputs[pair])
            what = f"the rule gives {shape_words(made.shape)}"
            if made.shape == given.shape:
                changed = int((made != given).sum())
                what = f"the rule changes {count_of(changed, 'cell') if changed else 'nothing'}"
            lines.append(
                f"- Pair {pair + 1}: {what}; {'every' if is_right else 'not every'} cell of the "
                "output is right."
            )
        return lines

    def answer(self, candidate: Candidate, *, names_ground: bool) -> list[str]:
        """The rule on the test inputs with the grids that it gives, or how to apply it."""
        if self.pairs == len(self.inputs):
            return ["- Apply the steps of the rule, in their order, to any new input."]
        lines = []
        for number, given in enumerate(self.inputs[self.pairs :]):
            lines.append(f"- Test input {number + 1}, {shape_words(given.shape)}.")
            lines += worked(
                candidate, given, self.pairs + number, says_layers=False, names_ground=names_ground
            )
            if self._is_unlike_pairs(given, candidate.outputs[self.pairs + number]):
                lines.append("- Here the rule changes nothing, though each pair changes something.")
        return lines

    def _is_unlike_pairs(self, given: Array, made: Array) -> bool:
        """Whether nothing changes there, though something does in every pair."""
        pairs = zip(self.inputs, self.outputs, strict=False)
        return np.array_equal(given, made) and not any(starmap(np.array_equal, pairs))


def have_black(grids: Sequence[Array]) -> bool:
    """Whether each of the grids has black, so that this is its background."""
    return all((grid == 0).any() for grid in grids)


def with_terms(line: str, where: str, known: Sequence[str], grids: Sequence[Array]) -> str:
    """The line with the meaning of its words in brackets, if that is not told already."""
    keeps_black = have_black(grids) and not CUTTING.search(line)
    terms = terms_in(line, grids, is_stack=False, have_black=keeps_black)
    others = [one[2:] for one in terms if one not in known]
    return f"{line} ({where}: {' '.join(others)})" if others else line
