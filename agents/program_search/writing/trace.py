"""Writes the reasoning from the pairs to the rule, and from the rule to the answer.

It goes the way that a person would explain it: what the pairs show, what that suggests, the rule,
the rule worked through on one pair, the other pairs in a line each, what remains open, the answer.
Every line follows from the task's grids or from the candidate's outputs. How the rule was searched
for, and how often such rules are right, are fields of the sample, not words of the trace.
"""

from collections.abc import Iterator, Sequence
from itertools import starmap

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.rules import Case, Rule, Source, listing, reading, values_words
from agents.program_search.search.views import in_ranks, renumbered
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.pair_words import (
    common_words,
    count_of,
    has_panes,
    pair_words,
    shape_words,
    suggestion,
)
from agents.program_search.writing.program import steps_in_words
from agents.program_search.writing.terms import terms_in
from agents.program_search.writing.working import grid_lines, unshown_words, values, worked

NEAR_MISSES_SHOWN = 2
NEAR, BETTER = 0.1, 0.5
"""A simpler idea is a near miss if it leaves at most this share of the cells wrong, and at most
so many of those that are wrong if nothing is done."""
LONGEST_RIVAL = 300
"""A rule that fits as well is told if it takes at most so many letters."""
LONGEST_CASES = 240
MOST_VALUES = 4
"""Which numbers the pairs show of a fact is said if they are so few."""
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
        shown, rule = self._shown_pair(), rule_paragraph(candidate)
        near, open_still = self.near_misses(candidate), self.doubts(candidate, evidence, rival)
        text = " ".join([*near, rule, *open_still])
        sections = {
            "What the pairs show": self.observations(),
            "What that suggests": self.suggestions(candidate),
            "Ideas that come near": near,
            "The rule": [rule],
            "The words of the rule": terms_in(text, is_stack=candidate.search == "stacking"),
            f"Worked through on pair {shown + 1}": self.working(candidate, shown),
            "The other pairs": self.other_pairs(candidate, shown),
            "What remains open": open_still,
            "The answer": self.answer(candidate),
        }
        told = ((title, lines) for title, lines in sections.items() if lines)
        return "\n\n".join(f"{title}:\n" + "\n".join(lines) for title, lines in told)

    def observations(self) -> list[str]:
        """What is common to the shapes of all train pairs, and one line for each pair."""
        train = self.inputs[: self.pairs]
        common = [f"- {words}." for words in common_words(train, self.outputs)]
        are_paned = all(map(has_panes, train))
        pairs = enumerate(zip(train, self.outputs, strict=True), 1)
        return common + [
            f"- Pair {number}: {pair_words(*pair, says_panes=are_paned)}." for number, pair in pairs
        ]

    def suggestions(self, candidate: Candidate) -> list[str]:
        """What to look for, and what it is that decides in all pairs."""
        lines = [suggestion(self.inputs[: self.pairs], self.outputs)]
        if isinstance(candidate.finish, Rule) and candidate.finish.facts:
            rule, nouns = candidate.finish, list[str]()
            letters = dict(zip(rule.facts, rule.names(), strict=True))
            for fact in rule.told():
                is_named = fact in rule.named() and len(rule.named()) > 1
                noun = rule.noun(fact) if fact.origin == "picture" else fact.noun()
                nouns.append(f"({letters[fact]}) {noun}" if is_named else noun)
            words = "; and ".join(map(in_ranks, nouns) if candidate.renumbered else nouns)
            steps = "first step" if len(candidate.steps) == 1 else "first steps"
            picture = f" of the picture made by the {steps}" if candidate.steps else ""
            what = f"{NUMBERS[len(nouns)]} {'tells' if len(nouns) == 1 else 'together tell'}"
            lines.append(f"{what} what to do with every cell{picture} in all pairs: {words}.")
        return lines

    def near_misses(self, candidate: Candidate) -> list[str]:
        """Simpler ideas that almost fit, each with the pair that refutes it."""
        lines = list(self._facts_alone(candidate))
        unchanged = self._share_wrong(self.inputs)
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

    def _facts_alone(self, candidate: Candidate) -> Iterator[str]:
        """For each of several facts two cells that it does not tell apart, though they differ."""
        rule = candidate.finish
        if not isinstance(rule, Rule) or len(rule.facts) < 2:
            return
        letters = dict(zip(rule.facts, rule.names(), strict=True))
        for fact in rule.told():
            noun = f"({letters[fact]})" if fact in rule.named() else rule.noun(fact)
            if len(rule.named()) == 1 and fact in rule.named():
                noun = "the first of the two" if len(rule.facts) == 2 else "the first of the three"
            line = next(
                filter(None, (self._alone(candidate, fact, n) for n in range(self.pairs))), ""
            )
            if line:
                noun = in_ranks(noun) if candidate.renumbered else noun
                yield f"- {noun[0].upper()}{noun[1:]}: this alone does not decide. {line}"

    def _alone(self, candidate: Candidate, fact: Source, pair: int) -> str:
        """Two cells of the pair of equal value and colour that end up different, in words."""
        start, picture = self._seen(candidate, pair)
        assert isinstance(candidate.finish, Rule), "facts are those of a rule"
        shown, wanted = values(fact, picture, start), self.outputs[pair]
        shown = candidate.finish.shown(fact, shown)
        seen: dict[tuple[int, int], tuple[int, int]] = {}
        for place in np.ndindex(wanted.shape):
            key = int(shown[place]), int(picture[place])
            first = seen.setdefault(key, place)
            if wanted[first] != wanted[place]:
                value = reading(key[0], fact.reads())
                value = in_ranks(value) if candidate.renumbered else value
                one, two = (f"({row + 1}, {column + 1})" for row, column in (first, place))
                ends = [COLOURS[int(wanted[cell])] for cell in (first, place)]
                return (
                    f"In pair {pair + 1} it is {value} for both {one} and {two}, but the output "
                    f"has {ends[0]} at the one and {ends[1]} at the other."
                )
        return ""

    def _seen(self, candidate: Candidate, pair: int) -> tuple[Array, Array]:
        """The pair's input as the candidate sees it, and what its steps make of that."""
        start = renumbered(self.inputs[pair]) if candidate.renumbered else self.inputs[pair]
        return start, picture_of(candidate, start)

    def _share_wrong(self, grids: Sequence[Array]) -> float:
        """The share of the outputs' cells that these grids have wrong; 1 if shapes differ."""
        pairs = list(zip(grids, self.outputs, strict=False))
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
        steps = worked(candidate, given, pair, says_layers=True)
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
                changed = int((made != given).sum())
                what = f"the rule changes {count_of(changed, 'cell') if changed else 'nothing'}"
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
            lines += self.shown_once(candidate, candidate.left_out)
        if self.pairs > 1 and False in evidence.again:
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
        for number in range(self.pairs, len(self.inputs)):
            if words := unshown_words(candidate, *self._seen(candidate, number)):
                test = f"Test input {number - self.pairs + 1}"
                lines.append(f"- {test} has cells with values that no pair shows: {words}.")
        if rival is not None and is_to_be_told(candidate, rival, evidence):
            words = rule_paragraph(rival)
            is_told = rival.search == "rules" and len(words) <= LONGEST_RIVAL
            if not is_told and self._shape_differs(candidate, rival):
                return lines
            told = f"and answers differently: {words}" if is_told else "but answers differently."
            lines.append(
                f"- Another rule fits all pairs {told} {self._difference(candidate, rival)} "
                f"{compared(candidate, rival)}".rstrip()
            )
        return lines

    def shown_once(self, candidate: Candidate, left_out: Sequence[bool]) -> list[str]:
        """Which cases only one pair shows, of the pairs without which the rule is not settled."""
        rule, pairs = candidate.finish, [n for n, is_right in enumerate(left_out) if not is_right]
        if not isinstance(rule, Rule):
            return [f"- Without {pairs_words(left_out)}, something else would fit the other pairs."]
        cases = [cases_in(rule, *self._seen(candidate, pair)) for pair in range(self.pairs)]
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
            each = f"{each[0].upper()}{each[1:]}" if len(pairs) < self.pairs else "Every pair"
            shows = "each show" if 1 < len(pairs) < self.pairs else "shows"
            return [f"- {each} {shows} some cases that no other pair shows."]
        which = "one or another of several pairs" if len(pairs) > 3 else pairs_words(left_out)
        return [f"- Without {which}, some cases could have another outcome."]

    def _new_colours(self) -> Iterator[str]:
        """The colours of test inputs that no pair's input has."""
        known = set(np.concatenate([grid.ravel() for grid in self.inputs[: self.pairs]]).tolist())
        for number, grid in enumerate(self.inputs[self.pairs :], 1):
            if new := sorted(set(grid.ravel().tolist()) - known):
                colours = listing(COLOURS[colour] for colour in new)
                yield f"- Test input {number} has {colours}, which no pair's input has."

    def _shape_differs(self, candidate: Candidate, rival: Candidate) -> bool:
        """Whether the two give some test input outputs of different shapes."""
        pairs = zip(candidate.outputs, rival.outputs, strict=True)
        return any(one.shape != other.shape for one, other in pairs)

    def _difference(self, candidate: Candidate, rival: Candidate) -> str:
        """Where the two first answer a test input differently; "" without test inputs."""
        answers = list(zip(candidate.outputs, rival.outputs, strict=True))[self.pairs :]
        for number, (one, other) in enumerate(answers, 1):
            if one.shape != other.shape:
                return (
                    f"For test input {number} it gives {shape_words(other.shape)}, the rule above "
                    f"{shape_words(one.shape)}."
                )
            if (one != other).any():
                row, column = np.argwhere(one != other)[0].tolist()
                return (
                    f"For test input {number} it gives {COLOURS[int(other[row, column])]} at "
                    f"({row + 1}, {column + 1}), the rule above {COLOURS[int(one[row, column])]}; "
                    f"{count_of(int((one != other).sum()), 'cell')} in all differ."
                )
        return ""

    def answer(self, candidate: Candidate) -> list[str]:
        """The rule on the test inputs with the grids that it gives, or how to apply it."""
        if self.pairs == len(self.inputs):
            return ["- Apply the steps of the rule, in their order, to any new input."]
        lines = []
        for number, given in enumerate(self.inputs[self.pairs :]):
            lines.append(f"- Test input {number + 1}, {shape_words(given.shape)}.")
            lines += worked(candidate, given, self.pairs + number, says_layers=False)
            if self._is_unlike_pairs(given, candidate.outputs[self.pairs + number]):
                lines.append("- Here the rule changes nothing, though each pair changes something.")
        return lines

    def _is_unlike_pairs(self, given: Array, made: Array) -> bool:
        """Whether nothing changes there, though something does in every pair."""
        pairs = zip(self.inputs, self.outputs, strict=False)
        return np.array_equal(given, made) and not any(starmap(np.array_equal, pairs))


def picture_of(candidate: Candidate, start: Array) -> Array:
    """What the candidate's steps make of a grid."""
    picture: Array | None = start
    for step in candidate.steps:
        assert picture is not None, "the candidate's steps apply to all of its inputs"
        picture = step.apply(picture)
    assert picture is not None, "the candidate's steps apply to all of its inputs"
    return picture


def rule_paragraph(candidate: Candidate) -> str:
    """The rule in one paragraph: each step's sentences, in order."""
    texts = [" ".join(sentences) for sentences in steps_in_words(candidate)]
    if len(texts) == 1:
        return texts[0]
    first, *others = (f"{text[0].lower()}{text[1:]}" for text in texts)
    return " ".join([f"First {first}", *(f"Then {text}" for text in others)])


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
            yield (
                f"- The pairs show only {words} as {name}; a cell with another value falls under "
                '"Otherwise".'
            )


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
