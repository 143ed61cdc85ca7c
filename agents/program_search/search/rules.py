"""A rule: some facts about a cell decide which outcome it takes."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from agents.program_search.search.candidates import Piece
from agents.program_search.transforms.registry import COLOURS, Array, Step
from utilities.tasks.grids import COLOUR_NAMES

CASES_SHOWN = 8
CASES_WRITTEN_OUT = 2
"""Programs compare facts with so many cases one by one, with more by a function."""


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
            return f"the colour at the same place in another picture ({steps or 'the input grid'})"
        return self.steps[0].sentence() if self.steps else "its own colour"

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
Case = tuple[int, ...]


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
        first = [] if self.is_one_question() else [self.looks()]
        return Piece([*first, *clauses, f"Otherwise {last}."], lines, functions, told)

    def is_one_question(self) -> bool:
        """Whether the only fact is a question with yes or no, so that a clause can ask it."""
        return len(self.facts) == 1 and self.facts[0].noun().startswith("whether ")

    def looks(self) -> str:
        """The sentence that names the facts to look at."""
        named = zip(self.names(), self.facts, strict=True)
        nouns = [(f"({name}) ", source.noun()) for name, source in named]
        words = listing(name + noun if len(nouns) > 1 else noun for name, noun in nouns)
        return f"For each cell look at {words}."

    def names(self) -> list[str]:
        """What the cases call the facts: a, b, c."""
        return [chr(ord("a") + number) for number in range(len(self.facts))]

    def case_words(self, cases: Sequence[Case]) -> str:
        """The cases in words; those that differ only in their last value share one clause."""
        if self.is_one_question():
            question = self.facts[0].noun().removeprefix("whether ")
            return question if cases[0][0] else denied(question)
        reads = [source.reads() for source in self.facts]
        drawn: dict[Case, list[int]] = {}
        for case in cases:
            drawn.setdefault(case[:-1], []).append(case[-1])
        texts = []
        for first, lasts in drawn.items():
            words = [reading(value, how) for value, how in zip(first, reads, strict=False)]
            words.append(listing((reading(value, reads[-1]) for value in lasts), "or"))
            named = zip(self.names(), words, strict=True)
            texts.append(" and ".join(f"({name}) is {word}" for name, word in named))
        if len(self.facts) == 1:
            texts = [text.replace("(a)", "that", 1) for text in texts]
        left = len(texts) - CASES_SHOWN
        more = [f"{left} more such case{'' if left == 1 else 's'}"] if left > 0 else []
        return "; or ".join([*texts[:CASES_SHOWN], *more])


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
    """True on the cells whose facts have the values of one of the cases."""
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
    return f"it is not so that {question}"


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
