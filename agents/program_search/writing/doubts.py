"""What the pairs do not settle: cases shown once, values that no pair shows, rules that fit too."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.properties import broken, properties_of
from agents.program_search.search.rules import Case, Rule, listing, values_words
from agents.program_search.search.views import in_ranks
from agents.program_search.stacking.layers import Stack
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.grid_words import shape_words
from agents.program_search.writing.program import steps_in_words
from agents.program_search.writing.rule_working import values
from agents.program_search.writing.task_grids import TaskGrids

LONGEST_RIVAL = 400
"""A rule that fits as well is told if it takes at most so many letters, since half of it teaches
nothing."""
LEADING = 2
"""The first so many sentences of a stack are about stacks, not about this one."""
LONGEST_CASES = 240
MOST_LOST = 2
"""Of what an answer breaks only the first so many are told."""
MOST_VALUES = 4
"""Which numbers the pairs show of a fact is said if they are so few."""
CLOSE_BITS = 4.0
"""Of two rules that fit, neither is clearly simpler if their lengths differ by less than this."""


class Doubts(NamedTuple):
    """Tells what stays open about the candidates of one task."""

    grids: TaskGrids

    def about(self, candidate: Candidate, evidence: Evidence, rival: Candidate | None) -> list[str]:
        """What the pairs do not settle; `rival` is the best candidate that answers differently."""
        lines, pairs = list[str](), self.grids.pairs()
        if pairs == 1:
            lines.append("- There is one pair only, so nothing confirms the rule.")
        elif candidate.left_out is not None and not all(candidate.left_out):
            lines += self.shown_once(candidate, candidate.left_out)
        if pairs > 1 and False in evidence.again:
            hidden = pairs_words([flag is not False for flag in evidence.again])
            lines.append(f"- Without {hidden}, another rule would fit the others.")
        lines += self._new_colours()
        if candidate.unseen:
            share = f"{100 * candidate.unseen:.1f} % of the cells of the test inputs"
            lines.append(f"- {share} are of a case that no pair shows.")
        if candidate.renumbered:
            lines.append(
                "- The rule tells colours by how common they are; this may fit the pairs by chance."
            )
        lines += values_shown(candidate)
        common = properties_of(self.grids.train_inputs(), self.grids.outputs)
        for number in range(pairs, len(self.grids.inputs)):
            test = f"est input {number - pairs + 1}"
            if words := unshown_words(candidate, *self.grids.seen(candidate, number)):
                lines.append(f"- T{test} has cells with values that no pair shows: {words}.")
            lost = broken(common, self.grids.inputs[number], candidate.outputs[number])
            for words in islice(lost, MOST_LOST):
                lines.append(f"- In every pair {words}; this answer to t{test} breaks that.")
        return [*lines, *self._rival(candidate, evidence, rival)]

    def shown_once(self, candidate: Candidate, left_out: Sequence[bool]) -> list[str]:
        """Which cases only one pair shows, of the pairs without which the rule is not settled."""
        rule, pairs = candidate.finish, [n for n, is_right in enumerate(left_out) if not is_right]
        if not isinstance(rule, Rule):
            return [f"- Without {pairs_words(left_out)}, something else would fit the other pairs."]
        cases = [
            cases_in(rule, *self.grids.seen(candidate, pair)) for pair in range(self.grids.pairs())
        ]
        once = {n: cases[n].difference(*cases[:n], *cases[n + 1 :]) for n in pairs}
        lines = []
        once = {n: listed_of(rule, own) or own for n, own in once.items()}
        subject = next((answer_to(rule.noun(fact)) for fact in rule.named()), "")
        for pair in pairs:
            words = rule.case_words(once[pair], subject) if once[pair] else ""
            if 0 < len(words) <= LONGEST_CASES:
                text = f"- Only pair {pair + 1} shows what becomes of a cell if {words}."
                lines.append(in_ranks(text) if candidate.renumbered else text)
        if len(lines) == len(pairs) <= 2:
            return lines
        if all(once.values()):
            each = listing(f"pair {pair + 1}" for pair in pairs)
            is_every = len(pairs) == self.grids.pairs()
            each = "Every pair" if is_every else f"{each[0].upper()}{each[1:]}"
            shows = "each show" if len(pairs) > 1 and not is_every else "shows"
            return [f"- {each} {shows} some cases that no other pair shows."]
        which = "one or another of several pairs" if len(pairs) > 3 else pairs_words(left_out)
        return [f"- Without {which}, some cases could have another outcome."]

    def _new_colours(self) -> Iterator[str]:
        """The colours of test inputs that no pair's input has."""
        pairs = self.grids.pairs()
        known = {*np.concatenate([grid.ravel() for grid in self.grids.train_inputs()]).tolist()}
        for number, grid in enumerate(self.grids.inputs[pairs:], 1):
            if new := sorted(set(grid.ravel().tolist()) - known):
                colours = listing(COLOURS[colour] for colour in new)
                yield f"- Test input {number} has {colours}, which no pair's input has."

    def _rival(
        self, candidate: Candidate, evidence: Evidence, rival: Candidate | None
    ) -> Iterator[str]:
        """The rule that fits as well, whole or by what it looks at, and where it says otherwise."""
        if rival is None or not is_to_be_told(candidate, rival, evidence):
            return
        words = rule_paragraph(rival)
        if isinstance(rival.finish, Stack) and not isinstance(candidate.finish, Stack):
            told = " ".join(rival.finish.piece("grid").sentences[LEADING:])
            words = f"Lay pictures over each other. {told}"
        if len(words) <= LONGEST_RIVAL:
            yield (
                f"- Another rule fits all pairs and answers differently: {words} "
                f"{self._difference(candidate, rival)} {compared(candidate, rival)}"
            ).rstrip()

    def _difference(self, candidate: Candidate, rival: Candidate) -> str:
        """Where the two first answer a test input differently; "" without test inputs."""
        answers = list(zip(candidate.outputs, rival.outputs, strict=True))[self.grids.pairs() :]
        for number, (one, other) in enumerate(answers, 1):
            if one.shape != other.shape:
                return (
                    f"For test input {number} it gives {shape_words(other.shape)}, the rule above "
                    f"{shape_words(one.shape)}."
                )
            if (one != other).any():
                row, column = np.argwhere(one != other)[0].tolist()
                differing = int((one != other).sum())
                in_all = f"; {differing} cells in all differ" if differing > 1 else ""
                return (
                    f"For test input {number} it gives {COLOURS[int(other[row, column])]} at "
                    f"({row + 1}, {column + 1}), the rule above {COLOURS[int(one[row, column])]}"
                    f"{in_all}."
                )
        return ""


def rule_paragraph(candidate: Candidate) -> str:
    """The rule in one paragraph: each step's sentences, in order."""
    texts = [" ".join(sentences) for sentences in steps_in_words(candidate)]
    if len(texts) == 1:
        return texts[0]
    first, *others = (f"{text[0].lower()}{text[1:]}" for text in texts)
    return " ".join([f"First {first}", *(f"Then {text}" for text in others)])


def unshown_words(candidate: Candidate, start: Array, picture: Array) -> str:
    """Which numbers or colours of the facts to look at the picture has and no train pair shows."""
    rule, words = candidate.finish, list[str]()
    if not isinstance(rule, Rule):
        return ""
    for fact in rule.named():
        place = rule.facts.index(fact)
        seen_there = {*values(fact, picture, start).ravel().tolist()}
        new = sorted(seen_there.difference(case[place] for case in rule.table))
        if new and not fact.answers():
            name = f"({rule.names()[place]})" if len(rule.named()) > 1 else rule.noun(fact)
            words.append(f"{values_words(new, fact.reads())} as {name}")
    return "; ".join(words)


def cases_in(rule: Rule, start: Array, picture: Array) -> set[Case]:
    """The cases that the picture's cells show."""
    facts = (values(fact, picture, start).ravel().tolist() for fact in rule.facts)
    return set(zip(*facts, strict=True))


def listed_of(rule: Rule, cases: set[Case]) -> set[Case]:
    """Those of the cases that have another outcome than "Otherwise"."""
    return {case for case in cases if rule.table.get(case) != rule.clauses()[1]}


def values_shown(candidate: Candidate) -> Iterator[str]:
    """For each fact that is a number, which few of them the pairs show, if it may be others."""
    rule = candidate.finish
    if not isinstance(rule, Rule):
        return
    for fact in rule.named():
        noun, place = fact.noun(), rule.facts.index(fact)
        shown = sorted({case[place] for case in rule.table})
        is_all = any(words in noun for words in ("starting with", "counted", "the cell's place ("))
        is_all |= ("four side" in noun and len(shown) == 5) or len(shown) > MOST_VALUES
        if not fact.reads() and not is_all:
            words = " and ".join(values_words(shown, {}).rsplit(" or ", 1))
            name = f"({rule.names()[place]})" if len(rule.named()) > 1 else answer_to(noun)
            what = "with another number the cells fall" if fact.origin == "number" else ""
            what = what or "a cell with another value falls"
            yield f'- The pairs show only {words} as {name}; {what} under "Otherwise".'


def answer_to(noun: str) -> str:
    """What may be said of a fact to be its value; questions are quoted."""
    return noun if noun.startswith("the ") else f'the answer to "{noun}"'


def is_to_be_told(candidate: Candidate, rival: Candidate, evidence: Evidence) -> bool:
    """Whether a rule that fits as well is nearly as simple, or of the other kind beside a guess."""
    if candidate.search == "stacking":
        return True
    if rival.search == "stacking":
        return not evidence.is_found()
    return rival.penalised_cost() - candidate.penalised_cost() < CLOSE_BITS


def compared(candidate: Candidate, rival: Candidate) -> str:
    """Which of two rules that fit is the simpler one; "" if they differ in kind."""
    if rival.search != candidate.search:
        return ""
    if rival.penalised_cost() > candidate.penalised_cost():
        return "The rule above is the simpler one."
    return "The pairs do not decide between the two."


def pairs_words(flags: Sequence[bool]) -> str:
    """The pairs whose flag is False."""
    if len(flags) > 2 and not any(flags):
        return "any one of the pairs"
    return listing((f"pair {number}" for number, right in enumerate(flags, 1) if not right), "or")
