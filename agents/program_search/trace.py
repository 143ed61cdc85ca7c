"""Writes how a candidate was found and what speaks for it, in plain words.

Every line is borne out by the search or by the candidate's outputs; weak evidence is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from agents.program_search.candidates import Candidate, State
from agents.program_search.confidence import Evidence
from agents.program_search.program import sentence_of
from agents.program_search.registry import Array
from agents.program_search.renumbering import BACK, SENTENCE, in_ranks
from agents.program_search.words import COLOURS, colours_words, count_of, listing, shape_words

FAILURES_SHOWN = 4
LARGEST_GRID_SHOWN = 144
TEST_INPUTS_NOTE = (
    "(Test inputs, never their outputs, took part: programs were compared by what they give for "
    "them, and rules by whether they cover them.)"
)


class TraceWriter:
    """Writes the traces of one task's candidates."""

    def __init__(
        self, inputs: Sequence[Array], outputs: Sequence[Array], states: Sequence[State]
    ) -> None:
        """`inputs` are those of train, then test; `states` what the search made, in its order."""
        self.inputs, self.outputs, self.states = inputs, outputs, states
        self.pairs = len(outputs)

    def write(self, candidate: Candidate, evidence: Evidence, *, rivals: int, others: int) -> str:
        """The trace of a candidate.

        `rivals` other fitting programs give the same test outputs; `others` counts the different
        answers besides it.
        """
        sections = {
            "What the pairs show": self.observations(),
            "What was tried first": self.failures(candidate),
            "The rule": self.rule(candidate),
            "Checks": self.checks(candidate, evidence, rivals, others),
            "The answer": self.answer(candidate),
        }
        return "\n\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in sections.items())

    def observations(self) -> list[str]:
        """One line for each train pair: shapes, colours, cells that change."""
        lines = []
        for number, (given, wanted) in enumerate(zip(self.inputs, self.outputs, strict=False), 1):
            line = (
                f"- Pair {number}: {shape_words(given.shape)} becomes {shape_words(wanted.shape)}"
            )
            lines.append(f"{line}; {colour_change(given, wanted)}.")
        return lines

    def failures(self, candidate: Candidate) -> list[str]:
        """Cheaper ideas of the search, each with the first pair that speaks against it."""
        ideas = [state for state in self.states if state.steps != candidate.steps]
        cheaper = [state for state in ideas if state.cost <= candidate.cost]
        lines = [line for state in cheaper for line in self._failure(state)][:FAILURES_SHOWN]
        lines += [f"- {text}" for text in candidate.failures]
        return lines or ["- Nothing: this was the first idea."]

    def _failure(self, state: State) -> Iterator[str]:
        for pair, (grid, wanted) in enumerate(zip(state.grids, self.outputs, strict=False), 1):
            if grid.shape != wanted.shape:
                why = f"gives {shape_words(grid.shape)}, not {shape_words(wanted.shape)}"
            elif (grid != wanted).any():
                why = f"leaves {count_of(int((grid != wanted).sum()), 'cell')} wrong"
            else:
                continue
            steps = "; then ".join(step.sentence() for step in state.steps)
            yield f"- {(steps or 'keep the grid as it is').capitalize()}: {why} on pair {pair}."
            return

    def rule(self, candidate: Candidate) -> list[str]:
        """The program step by step; the finish is its last step."""
        steps = [[sentence_of(step)] for step in candidate.steps]
        if candidate.finish is not None:
            steps.append(candidate.finish.sentences())
        if candidate.renumbered:
            ranked = [list(map(in_ranks, step)) for step in steps]
            steps = [[SENTENCE], *ranked, [BACK]]
        lines = []
        for number, (first, *more) in enumerate(steps, 1):
            lines += [f"{number}. {first}", *(f"   - {line}" for line in more)]
        return lines or ["1. Return the grid as it is."]

    def checks(
        self, candidate: Candidate, evidence: Evidence, rivals: int, others: int
    ) -> list[str]:
        """How the program does on every train pair, and what is weak about it."""
        right = [
            bool(np.array_equal(made, wanted))
            for made, wanted in zip(candidate.outputs, self.outputs, strict=False)
        ]
        lines = [f"- The program gives the output of {sum(right)} of {len(right)} train pairs."]
        if candidate.left_out is not None:
            lines.append(self._left_out_line(candidate.left_out))
        else:
            lines.append("- Its steps were chosen to agree with all pairs; no table was fitted.")
        if evidence.again:
            lines.append(again_line(evidence.again))
        if candidate.unseen:
            share = f"{100 * candidate.unseen:.1f} %"
            lines.append(
                f"- Caveat: {share} of the test cells are a case that no train pair shows."
            )
        lines.append(self._rivals_line(evidence, rivals, others))
        if self.pairs == 1:
            lines.append("- Caveat: one train pair is little evidence.")
        lines.append(
            f"- Verdict: {'found' if evidence.is_found() else 'a guess'}; with such evidence about "
            f"{100 * evidence.confidence():.0f} % of the answers on ARC-1 training were right."
        )
        return lines

    def _rivals_line(self, evidence: Evidence, rivals: int, others: int) -> str:
        if self.pairs == len(self.inputs):
            return f"- {count_of(rivals + others, 'other program')} found fit the train pairs too."
        if not rivals and not others:
            return "- No other program that was found fits the train pairs."
        same = f"{count_of(rivals, 'other program')} that fit the pairs give the same test outputs"
        if not others:
            return f"- {same}, none gives different ones."
        ranks = ("first", "second", "third")
        place = ranks[evidence.place] if evidence.place < len(ranks) else f"{evidence.place + 1}th"
        return (
            f"- {same}; {count_of(others, 'other answer')} fit as well. This answer comes {place}, "
            f"with {100 * evidence.share:.0f} % of the weight (short descriptions weigh more)."
        )

    def _left_out_line(self, left_out: Sequence[bool]) -> str:
        if self.pairs == 1:
            return "- With a single train pair the fitted cases cannot be checked on another one."
        missed = [f"pair {number}" for number, right in enumerate(left_out, 1) if not right]
        line = (
            "- Fitted again without each train pair in turn, the table of cases is right on "
            f"{sum(left_out)} of {len(left_out)} pairs left out"
        )
        if missed:
            return f"{line}, not on {listing(missed)}: weak evidence."
        return f"{line} (what the table is about was chosen with all pairs)."

    def answer(self, candidate: Candidate) -> list[str]:
        """The grids that the program gives for the test inputs, or how to apply it."""
        lines = []
        for number, grid in enumerate(candidate.outputs[self.pairs :], 1):
            colours = colours_words(np.unique(grid).tolist())
            line = f"- Test input {number} becomes {shape_words(grid.shape)} with {colours}"
            lines.append(line + (":" if grid.size <= LARGEST_GRID_SHOWN else "."))
            if grid.size <= LARGEST_GRID_SHOWN:
                lines += ["  " + " ".join(map(str, row)) for row in grid.tolist()]
        if lines:
            lines.append(TEST_INPUTS_NOTE)
        return lines or ["- Apply the steps of the rule, in their order, to any new input."]


def again_line(again: Sequence[bool]) -> str:
    """What searches without each pair found."""
    missed = [f"pair {number}" for number, right in enumerate(again, 1) if not right]
    line = (
        "- Searched again without each train pair in turn, the best program found is right on "
        f"{sum(again)} of {len(again)} pairs left out"
    )
    return f"{line}, not on {listing(missed)}: so this is a guess." if missed else f"{line}."


def colour_change(given: Array, wanted: Array) -> str:
    """What becomes of the cells (same shape) or of the colours (other shape)."""
    new = set(np.unique(wanted).tolist()) - set(np.unique(given).tolist())
    gone = set(np.unique(given).tolist()) - set(np.unique(wanted).tolist())
    texts = []
    if given.shape == wanted.shape:
        changed = given != wanted
        moves = sorted({*zip(given[changed].tolist(), wanted[changed].tolist(), strict=True)})
        words = [f"{COLOURS[old]} to {COLOURS[new]}" for old, new in moves]
        text = f"{int(changed.sum())} of {given.size} cells change"
        texts.append(f"{text} ({listing(words, most=5)})" if words else text)
    else:
        texts.append(f"the input has {colours_words(np.unique(given).tolist())}")
    if new:
        texts.append(
            f"{colours_words(new)} is new" if len(new) == 1 else f"{colours_words(new)} are new"
        )
    if gone:
        texts.append(
            f"{colours_words(gone)} disappears"
            if len(gone) == 1
            else f"{colours_words(gone)} disappear"
        )
    return "; ".join(texts)
