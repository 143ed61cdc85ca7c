"""Writes the reasoning from the pairs to the rule, and from the rule to the answer.

It goes the way that a person would explain it: what the pairs show, what that suggests, the rule,
the rule worked through on one pair, the other pairs in a line each, what remains open, the answer.
Every line follows from the task's grids or from the candidate's outputs. How the rule was searched
for, and how often such rules are right, are fields of the sample, not words of the trace.
"""

from collections.abc import Sequence

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.rules import Rule, listing
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.registry import Array
from agents.program_search.writing.pair_words import (
    count_of,
    pair_words,
    proportion,
    shape_words,
    suggestion,
)
from agents.program_search.writing.program import steps_in_words
from agents.program_search.writing.working import grid_lines, worked

NEAR_MISSES_SHOWN = 2
NEAR = 0.1
"""A simpler idea is a near miss if it leaves at most this share of the cells wrong."""
LONGEST_RIVAL = 300
NUMBERS = ("", "One thing", "Two things", "Three things")
CLOSE_BITS = 4.0
"""Of two rules that fit, neither is clearly simpler if their lengths differ by less than this."""


class TraceWriter:
    """Writes the traces of one task's candidates."""

    def __init__(
        self, inputs: Sequence[Array], outputs: Sequence[Array], states: Sequence[State]
    ) -> None:
        """`inputs` are those of train, then test; `states` are the first that the search made."""
        self.inputs, self.outputs, self.states = inputs, outputs, states
        self.pairs = len(outputs)

    def write(self, candidate: Candidate, evidence: Evidence, rival: Candidate | None) -> str:
        """The trace of a candidate; `rival` is the best candidate that answers differently."""
        shown = self._shown_pair()
        sections = {
            "What the pairs show": self.observations(),
            "What that suggests": self.suggestions(candidate),
            "Ideas that come near": self.near_misses(candidate),
            "The rule": [rule_paragraph(candidate)],
            f"Worked through on pair {shown + 1}": self.working(candidate, shown),
            "The other pairs": self.other_pairs(candidate, shown),
            "What remains open": self.doubts(candidate, evidence, rival),
            "The answer": self.answer(candidate),
        }
        told = ((title, lines) for title, lines in sections.items() if lines)
        return "\n\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in told)

    def observations(self) -> list[str]:
        """What is common to the shapes of all train pairs, and one line for each pair."""
        common = [f"- {words}." for words in proportion(self.inputs[: self.pairs], self.outputs)]
        pairs = enumerate(map(pair_words, self.inputs, self.outputs), 1)
        return [*common, *(f"- Pair {number}: {words}." for number, words in pairs)]

    def suggestions(self, candidate: Candidate) -> list[str]:
        """What to look for, and what it is that decides in all pairs."""
        lines = [suggestion(self.inputs[: self.pairs], self.outputs)]
        if isinstance(candidate.finish, Rule) and candidate.finish.facts:
            nouns = [source.noun() for source in candidate.finish.facts]
            words = listing(map(in_ranks, nouns) if candidate.renumbered else nouns)
            steps = "first step" if len(candidate.steps) == 1 else "first steps"
            picture = f"of the picture made by the {steps} " if candidate.steps else ""
            what = f"{NUMBERS[len(nouns)]} {'decides' if len(nouns) == 1 else 'together decide'}"
            lines.append(f"{what} every cell {picture}in all pairs: {words}.")
        return lines

    def near_misses(self, candidate: Candidate) -> list[str]:
        """Simpler ideas that almost fit, each with the pair that refutes it."""
        lines = [f"- {text}" for text in candidate.failures]
        simpler = (one for one in self.states if one.steps and one.cost < candidate.cost)
        near = sorted(
            (
                (share, state)
                for state in simpler
                if 0 < (share := self._share_wrong(state)) <= NEAR
            ),
            key=lambda one: one[0],
        )
        for _, state in near:
            if candidate.steps[: len(state.steps)] != state.steps:
                lines.append(self._miss(state))
        return lines[:NEAR_MISSES_SHOWN]

    def _share_wrong(self, state: State) -> float:
        """The share of the outputs' cells that a state leaves wrong; 1 if shapes differ."""
        pairs = list(zip(state.grids, self.outputs, strict=False))
        if any(grid.shape != wanted.shape for grid, wanted in pairs):
            return 1.0
        wrong = sum(int((grid != wanted).sum()) for grid, wanted in pairs)
        return wrong / sum(wanted.size for wanted in self.outputs)

    def _miss(self, state: State) -> str:
        wrong = [int((a != b).sum()) for a, b in zip(state.grids, self.outputs, strict=False)]
        pair = next(number for number, cells in enumerate(wrong) if cells)
        steps = "; then ".join(step.sentence() for step in state.steps)
        fits = [f"pair {number + 1}" for number, cells in enumerate(wrong) if not cells]
        right = f"fits {listing(fits)}, but " if fits else ""
        left = f"leaves {count_of(wrong[pair], 'cell')} of pair {pair + 1} wrong"
        return f"- {steps[0].upper()}{steps[1:]}: {right}{left}."

    def _shown_pair(self) -> int:
        """The pair to work through: the smallest of those in which something changes."""
        pairs = range(self.pairs)
        changing = [n for n in pairs if not np.array_equal(self.inputs[n], self.outputs[n])]
        return min(changing or pairs, key=lambda n: self.inputs[n].size + self.outputs[n].size)

    def working(self, candidate: Candidate, pair: int) -> list[str]:
        """The rule on one train pair, step by step."""
        given = self.inputs[pair]
        start = [f"- The input, {shape_words(given.shape)} (rows and columns count from 1):"]
        steps = worked(candidate, given, candidate.outputs[pair])
        return [*start, *grid_lines(given), *steps, f"- That is the output of pair {pair + 1}."]

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
                what = f"the rule changes {count_of(int((made != given).sum()), 'cell')}"
            lines.append(
                f"- Pair {pair + 1}: {what}; {'every' if is_right else 'not every'} cell of the "
                "output is right."
            )
        return lines

    def doubts(
        self, candidate: Candidate, evidence: Evidence, rival: Candidate | None
    ) -> list[str]:
        """What the pairs do not settle."""
        lines = []
        if self.pairs == 1:
            lines.append("- There is one pair only, so nothing confirms the rule.")
        elif candidate.left_out is not None and not all(candidate.left_out):
            alone = pairs_words(candidate.left_out)
            if candidate.search == "stacking":
                lines.append(f"- Without {alone} the other pairs would suggest other layers.")
            else:
                lines.append(f"- Some cases of the rule are shown by {alone} and by no other pair.")
        if self.pairs > 1 and evidence.again and not all(evidence.again):
            hidden = pairs_words(evidence.again)
            lines.append(f"- Without {hidden} the other pairs would suggest another rule.")
        if candidate.unseen:
            share = f"{100 * candidate.unseen:.1f} % of the cells of the test inputs"
            lines.append(f"- {share} are of a case that no pair shows.")
        if candidate.renumbered:
            lines.append("- Colours are told by how common they are, which may be by chance.")
        if rival is not None and rival.penalised_cost() - candidate.penalised_cost() < CLOSE_BITS:
            lines.append(
                "- Another rule fits all pairs and answers differently: "
                f"{rule_paragraph(rival, LONGEST_RIVAL)} {compared(candidate, rival)}"
            )
        return lines

    def answer(self, candidate: Candidate) -> list[str]:
        """The rule on the test inputs with the grids that it gives, or how to apply it."""
        if self.pairs == len(self.inputs):
            return ["- Apply the steps of the rule, in their order, to any new input."]
        lines, tests = [], zip(self.inputs, candidate.outputs, strict=True)
        for number, (given, grid) in enumerate([*tests][self.pairs :], 1):
            lines.append(f"- Test input {number}, {shape_words(given.shape)}.")
            lines += worked(candidate, given, grid)
        return lines


def rule_paragraph(candidate: Candidate, most_letters: int | None = None) -> str:
    """The rule in one paragraph: each step's sentences, in order.

    If that has more than `most_letters`, only what each step does, without its cases.
    """
    steps = steps_in_words(candidate)
    texts = [" ".join(sentences) for sentences in steps]
    if most_letters is not None and sum(map(len, texts)) > most_letters:
        texts = [first for first, *_ in steps]
    if len(texts) == 1:
        return texts[0]
    first, *others = (f"{text[0].lower()}{text[1:]}" for text in texts)
    return " ".join([f"First {first}", *(f"Then {text}" for text in others)])


def compared(candidate: Candidate, rival: Candidate) -> str:
    """Which of two rules that fit is the simpler one."""
    if rival.penalised_cost() > candidate.penalised_cost():
        return "The rule above is the simpler one."
    return "The pairs do not decide between the two."


def pairs_words(flags: Sequence[bool]) -> str:
    """The pairs whose flag is False."""
    return listing((f"pair {number}" for number, right in enumerate(flags, 1) if not right), "or")
