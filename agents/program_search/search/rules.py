"""A rule: for each cell, some facts decide which outcome it takes."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from agents.program_search.transforms.registry import Array, Step
from agents.program_search.transforms.words import COLOURS, colour_noun, listing, reading

CASES_SHOWN = 8


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
            return colour_noun(self.colour)
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
    """Facts, the outcome of each case (tuple of the facts' values) seen, and that of all others."""

    facts: tuple[Source, ...]
    table: Mapping[Case, Source]
    otherwise: Source

    def cases_of(self) -> dict[Source, list[Case]]:
        """The cases of each outcome, except those that `otherwise` covers."""
        grouped: dict[Source, list[Case]] = {}
        for case, outcome in sorted(self.table.items(), key=lambda item: item[0]):
            if outcome != self.otherwise:
                grouped.setdefault(outcome, []).append(case)
        return grouped

    def sentences(self) -> list[str]:
        """What to look at, then each outcome with its cases."""
        if not self.facts:
            return [f"Treat every cell alike: {self.otherwise.outcome()}."]
        names = self.names()
        looks = listing(
            f"({name}) {source.noun()}" if len(names) > 1 else source.noun()
            for name, source in zip(names, self.facts, strict=True)
        )
        lines = [f"For each cell look at {looks}."]
        for outcome, cases in self.cases_of().items():
            lines.append(f"If {self.case_words(cases)}: {outcome.outcome()}.")
        return [*lines, f"In every other case, shown by a pair or not: {self.otherwise.outcome()}."]

    def names(self) -> list[str]:
        """What the cases call the facts: a, b, c."""
        return [chr(ord("a") + number) for number in range(len(self.facts))]

    def case_words(self, cases: Sequence[Case]) -> str:
        """The cases in words; those that differ only in their last value share one clause."""
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
        more = [f"{len(texts) - CASES_SHOWN} more such cases"] if len(texts) > CASES_SHOWN else []
        return "; or ".join([*texts[:CASES_SHOWN], *more])

    def code(self, variable: str) -> list[str]:
        """Lines that compute `answer`."""
        names = [f"fact_{name}" for name in self.names()]
        sources = (source.code(variable) for source in self.facts)
        lines = [f"{name} = {code}" for name, code in zip(names, sources, strict=True)]
        start = self.otherwise.code(variable)
        constant = self.otherwise.origin == "constant"
        if names:
            lines.append(f"# In every case but those below: {self.otherwise.outcome()}.")
        lines.append(f"answer = {f'np.full_like({variable}, {start})' if constant else start}")
        for outcome, cases in self.cases_of().items():
            lines.append(f"# If {self.case_words(cases)}: {outcome.outcome()}.")
            lines += [*chosen_code(names, cases), "answer = np.where(chosen, "]
            lines[-1] += f"{outcome.code(variable)}, answer)"
        return lines

    def functions(self) -> list[Callable[..., Any]]:
        """The functions that the lines call."""
        sources = [*self.facts, *self.cases_of(), self.otherwise]
        used = [one for source in sources for step in source.steps for one in step.functions()]
        return [*used, in_cases] if self.cases_of() and len(self.facts) > 1 else used


def chosen_code(names: Sequence[str], cases: Sequence[Case]) -> list[str]:
    """Lines that compute `chosen`, whether the named facts of each cell show one of the cases."""
    if len(names) > 1:
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
