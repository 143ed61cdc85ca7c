"""A rule: some facts about a cell decide which outcome it takes."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from agents.program_search.search.candidates import Piece
from agents.program_search.transforms.registry import COLOURS, Array, Step
from utilities.tasks.grids import COLOUR_NAMES

CASES_WRITTEN_OUT = 2
"""Programs compare facts with so many cases one by one, with more by a function."""
LETTERS_ASKED = 160
"""A fact of yes or no is asked in each clause, and not named, if that takes so many letters."""


class Source(NamedTuple):
    """Where a value for each cell comes from.

    "picture": the steps (at most one) applied to the picture that the rule paints;
    "grid": picture steps applied to the input grid; "number": a step that sums that grid up;
    "constant": one colour everywhere.
    """

    origin: Literal["picture", "grid", "number", "constant"]
    steps: tuple[Step, ...] = ()
    colour: int = 0

    def code(self, variable: str) -> str:
        """The expression as a program writes it."""
        if self.origin == "constant":
            return str(self.colour)
        text = variable if self.origin == "picture" else "grid"
        for step in self.steps:
            text = step.code(text)
        return f"np.full_like({variable}, {text})" if self.origin == "number" else text

    def noun(self) -> str:
        """What it is, as a noun phrase."""
        if self.origin == "constant":
            named = COLOURS.get(self.colour)  # from 10 on, colours that have no rank
            return named or f"{COLOUR_NAMES[self.colour - 10]} itself"
        if self.origin == "grid":
            steps = "; then ".join(step.sentence() for step in self.steps)
            made = f"if in the input grid you {steps}" if steps else "in the input grid"
            return f"the colour at the same place {made}"
        return self.steps[0].sentence() if self.steps else "the cell's own colour"

    def outcome(self) -> str:
        """What it makes of a cell, as a clause."""
        if self.origin == "constant":
            return f"it becomes {self.noun()}"
        return f"it takes {self.noun()}" if self != OWN else "it keeps its colour"

    def reads(self) -> Mapping[int, str]:
        """How its values read."""
        is_step = self.origin in ("picture", "number") and self.steps
        return self.steps[0].transform.reads if is_step else COLOURS


OWN = Source("picture")
Case: TypeAlias = tuple[int, ...]
Box: TypeAlias = tuple[frozenset[int], ...]
"""Cases that are told together: for each fact the values that it may have."""


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """Facts, the outcome of each case seen (a tuple of their values), and that of all others."""

    facts: tuple[Source, ...]
    table: Mapping[Case, Source]
    otherwise: Source

    def cases_of(self) -> dict[Source, list[Case]]:
        """The cases of each outcome but `otherwise`."""
        grouped: dict[Source, list[Case]] = {}
        for case, outcome in sorted(self.table.items(), key=lambda item: item[0]):
            if outcome != self.otherwise:
                grouped.setdefault(outcome, []).append(case)
        return grouped

    def piece(self, variable: str) -> Piece:
        """What to look at, then each outcome with its cases; the lines compute `answer`."""
        names = [f"fact_{name}" for name in self.names()]
        sources = (source.code(variable) for source in self.facts)
        lines = [f"{name} = {code}" for name, code in zip(names, sources, strict=True)]
        start, last = self.otherwise.code(variable), self.otherwise.outcome()
        if self.otherwise.origin == "constant":
            start = f"np.full_like({variable}, {start})"
        if names:
            lines.append(f"# Unless a case below says otherwise, {last}.")
        lines.append(f"answer = {start}")
        clauses = []
        for outcome, cases in self.cases_of().items():
            clauses.append(f"If {self.case_words(cases)}, {outcome.outcome()}.")
            lines += [f"# {clauses[-1]}", *chosen_code(names, cases)]
            lines.append(f"answer = np.where(chosen, {outcome.code(variable)}, answer)")
        used = [*self.facts, *self.cases_of(), self.otherwise]
        steps = [step for source in used for step in source.steps]
        functions, told = (
            [one for step in steps for one in step.functions()],
            [one.told() for one in steps],
        )
        if len(names) > 1 and any(len(one) > CASES_WRITTEN_OUT for one in self.cases_of().values()):
            functions.append(in_cases)
        if not names:
            return Piece([f"For every cell alike: {last}."], lines, functions, told)
        return Piece([*self.looks(), *clauses, f"Otherwise {last}."], lines, functions, told)

    def named(self) -> list[Source]:
        """The facts to look at first; the others can be asked of the cell in each clause."""
        listed = self.cases_of().values()
        clauses = sum(len(boxes_of(cases)) for cases in listed)
        named = []
        for place, fact in enumerate(self.facts):
            noun, values = fact.noun(), {case[place] for cases in listed for case in cases}
            asked = {1} if "that the cell lies in" in noun else {0, 1}
            is_short = noun.startswith("whether ") and clauses * len(noun) <= LETTERS_ASKED
            if fact != OWN and not (is_short and values <= asked):
                named.append(fact)
        return named

    def looks(self) -> list[str]:
        """The sentence that names the facts to look at, if there are any."""
        named = self.named()
        nouns = [f"({letter}) {fact.noun()}" for letter, fact in zip("abc", named, strict=False)]
        words = listing(nouns) if len(named) > 1 else "".join(fact.noun() for fact in named)
        return [f"For each cell look at {words}."] if named else []

    def told(self) -> list[Source]:
        """The facts in the order in which clauses tell them."""
        named = self.named()
        return [*named, *(fact for fact in self.facts if fact not in named)]

    def names(self) -> list[str]:
        """What each fact is called: a, b, c in the order in which they are told."""
        told = self.told()
        return ["abc"[told.index(fact)] for fact in self.facts]

    def case_words(self, cases: Iterable[Case]) -> str:
        """The cases in words, those told together that differ in one fact only."""
        named, told, texts = self.named(), self.told(), []
        for box in boxes_of(cases):
            conditions = []
            for letter, fact in zip("abc", told, strict=False):
                values = sorted(box[self.facts.index(fact)])
                subject = "that" if len(named) == 1 else f"({letter})"
                conditions.append(condition(fact, values, subject if fact in named else ""))
            texts.append(" and ".join(filter(None, conditions)))
        return "; or ".join(texts)


def boxes_of(cases: Iterable[Case]) -> list[Box]:
    """The cases as few boxes: values of one fact are joined if the others have the same."""
    single = [tuple(frozenset([value]) for value in case) for case in sorted(cases)]
    ways = []
    for axes in permutations(range(len(single[0]))):
        boxes = single
        for axis in axes:
            grouped: dict[tuple[Box, Box], frozenset[int]] = {}
            for box in boxes:
                rest = box[:axis], box[axis + 1 :]
                grouped[rest] = grouped.get(rest, frozenset()) | box[axis]
            boxes = [(*before, values, *after) for (before, after), values in grouped.items()]
        ways.append(boxes)
    return min(ways, key=len)


def condition(fact: Source, values: Sequence[int], subject: str) -> str:
    """The clause that the fact has one of the values; without a subject it is asked of the cell."""
    if subject or fact == OWN:
        return f"{subject or 'the cell'} is {values_words(values, fact.reads())}"
    question = fact.noun().removeprefix("whether ")
    if len(values) > 1:
        return ""
    return question if values[0] else denied(question)


def values_words(values: Sequence[int], reads: Mapping[int, str]) -> str:
    """Sorted values in words; three numbers or more in a row as `2 to 4`."""
    runs = list[list[int]]()
    for value in values:
        if runs and not reads and value == runs[-1][-1] + 1 and value > 0:
            runs[-1].append(value)
        else:
            runs.append([value])
    words = list[str]()
    for run in runs:
        ends = [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [reading(one, reads) for one in run]
        words += ends
    return listing(words, "or", most=len(words))


def chosen_code(names: Sequence[str], cases: Sequence[Case]) -> list[str]:
    """Lines that compute `chosen`, whether the named facts of each cell show one of the cases."""
    if len(names) > 1 and len(cases) <= CASES_WRITTEN_OUT:
        tests = [
            " & ".join(f"({name} == {value})" for name, value in zip(names, case, strict=True))
            for case in cases
        ]
        text = (
            f"chosen = {tests[0] if len(tests) == 1 else ' | '.join(f'({one})' for one in tests)}"
        )
        if len(text) > 90:
            text = f"chosen = ({text.removeprefix('chosen = ')})"
    elif len(names) > 1:
        text = f"chosen = in_cases([{', '.join(names)}], {list(cases)})"
    elif len(cases) > 1:
        text = f"chosen = np.isin({names[0]}, {[value for (value,) in cases]})"
    else:
        text = f"chosen = {names[0]} == {cases[0][0]}"
    return textwrap.wrap(text, 90, subsequent_indent="    ", break_long_words=False)


def in_cases(facts: Sequence[Array], cases: Sequence[Case]) -> Array:
    """Mark the cells whose facts have the values of one of the cases."""
    same = [
        np.all([f == value for f, value in zip(facts, case, strict=True)], axis=0) for case in cases
    ]
    return np.asarray(np.any(same, axis=0))


def denied(question: str) -> str:
    """The clause that says the opposite."""
    for yes, no in (
        ("the cell is ", "the cell is not "),
        ("the cell lies ", "the cell does not lie "),
    ):
        if question.startswith(yes):
            return no + question.removeprefix(yes)
    first, is_among, rest = question.partition(" is among ")
    return f"{first} is not among {rest}" if is_among else f"it is not so that {question}"


def reading(value: int, reads: Mapping[int, str]) -> str:
    """The value in words; -1 reads "none" if `reads` has no word of its own for it."""
    return reads.get(value, "none" if value == -1 else str(value))


def listing(items: Iterable[str], last: str = "and", most: int = 12) -> str:
    """`a, b and c`; what exceeds `most` items is counted instead of listed."""
    words = list(items)
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
