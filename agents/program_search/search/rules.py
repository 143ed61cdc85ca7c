"""A rule: some facts about a cell decide which outcome it takes."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, permutations, product
from typing import TypeAlias

import numpy as np

from agents.program_search.search.candidates import Piece
from agents.program_search.search.sources import LIES_IN, OWN, PARITY, Source
from agents.program_search.transforms.registry import Array
from agents.program_search.transforms.traits import FLAGS, LACKS

CASES_WRITTEN_OUT = 2
"""Programs compare facts with so many cases one by one, with more by a function."""
LETTERS_ASKED = 120
"""A fact of yes or no is asked in each clause, and not named, if that takes so many letters."""
PART = re.compile(rf".*\bthe ((?:one-colour|object|region|pane)\b.*?){LIES_IN.rstrip()}")
IN_BOX = re.compile(r".*\bin the box of the first (.*) whose box covers it")
NEAR = re.compile(r"where the cell lies about (an? .*) near it")
DENIALS = {FLAGS[trait]: words for trait, words in LACKS.items()}
VERBS = {
    "is": "is not",
    "lies": "does not lie",
    "has an even": "has an odd",
    "has": "does not have",
    "touches": "does not touch",
}
"""Verbs with what denies them."""
DENIED = re.compile(rf"^(the cell |the input grid |\w+ \(\d\) |)({'|'.join(VERBS)})\b")


Case: TypeAlias = tuple[int, ...]
Box: TypeAlias = tuple[frozenset[int], ...]
"""Cases that are told together: for each fact the values that it may have."""


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """Facts, the outcome of each case seen (a tuple of their values), and that of all others."""

    facts: tuple[Source, ...]
    table: Mapping[Case, Source]
    otherwise: Source

    def clauses(self) -> tuple[dict[Source, list[Case]], Source]:
        """The outcomes that are told with their cases, in order, and that of all other cells.

        The last is `otherwise` if cases may come that are not in the table. If each fact is a
        question of yes or no, all cases are known, and it is the one that leaves least to deny.
        """
        ways = [self._listed(self.table, self.otherwise)]
        if self.facts and all(fact.answers() for fact in self.facts):
            cases = product(*(fact.answers() for fact in self.facts))
            whole = {case: self.table.get(case, self.otherwise) for case in cases}
            ways += [self._listed(whole, last) for last in dict.fromkeys(whole.values())]
        return min(ways, key=lambda way: sum(map(self.denials, way[0].values())))

    def _listed(
        self, table: Mapping[Case, Source], last: Source
    ) -> tuple[dict[Source, list[Case]], Source]:
        """The cases of each outcome but the last, those with least to deny first."""
        grouped: dict[Source, list[Case]] = {}
        for case, outcome in sorted(table.items(), key=lambda item: item[0]):
            if outcome != last:
                grouped.setdefault(outcome, []).append(case)
        return dict(sorted(grouped.items(), key=lambda item: self.denials(item[1]))), last

    def denials(self, cases: Sequence[Case]) -> int:
        """How often the words of these cases deny something."""
        told = [one for box in self.boxes(cases) for one in zip(self.facts, box, strict=True)]
        return sum(
            2 if values == {-1, 1} else values not in ({1}, {0, 1})
            for fact, values in told
            if values < {*fact.answers()}
        )

    def boxes(self, cases: Sequence[Case]) -> list[Box]:
        """The cases as few boxes, which may overlap, without questions that do not matter."""
        left, wide = set(cases), dict[Box, None]()
        for box in boxes_of(cases):
            for place, fact in enumerate(self.facts):
                wider = (*box[:place], frozenset(fact.answers()), *box[place + 1 :])
                if wider[place] > box[place] and set(cases).issuperset(product(*wider)):
                    wide[wider] = None
                    left.difference_update(product(*wider))
        return [*wide, *(boxes_of(left) if left else ())]

    def asks_only_for_part(self, fact: Source) -> bool:
        """Whether all that counts of the fact is whether the cell lies in such a part at all."""
        place, listed = self.facts.index(fact), self.clauses()[0].values()
        told = {box[place] for cases in listed for box in self.boxes(cases)}
        alike = {frozenset(one) for one in ((0, 1), (-1,), (-1, 0, 1))}
        if IN_BOX.match(fact.noun()) or NEAR.match(fact.noun()):
            return told == {frozenset([-1 if IN_BOX.match(fact.noun()) else 0])}
        return len(fact.answers()) > 2 and told <= alike

    def shown(self, fact: Source, values: Array) -> Array:
        """The values of the fact as its noun tells them."""
        if self.asks_only_for_part(fact):
            is_there = values == 0 if NEAR.match(fact.noun()) else values >= 0
            return is_there * 1
        return 1 - values if is_denial(fact) else values * 1

    def pictures(self) -> dict[Source, str]:
        """The pictures made from the input grid that it looks at or copies, each with a letter."""
        listed, last = self.clauses()
        used = dict.fromkeys([*self.told(), *listed, last])
        made = (one for one in used if one.origin == "grid" and one.steps)
        return dict(zip(made, "PQRSTUVW", strict=False))

    def noun(self, source: Source) -> str:
        """What a source of the rule is; pictures made from the input grid go by their letters."""
        if letter := self.pictures().get(source):
            return f"the colour of picture {letter} at its place"
        if source in self.facts and self.asks_only_for_part(source):
            in_box = whereabouts(source, "a") if IN_BOX.match(source.noun()) else ""
            return f"whether {in_box or condition(source, (0, 1), '')}"
        if is_denial(source):
            return f"whether {denied(source.noun().removeprefix('whether '))}"
        return plain(source.noun()) if source.answers() else source.noun()

    def outcome(self, source: Source, subject: str = "it") -> str:
        """What a source makes of a cell, as a clause."""
        if source == OWN:
            return f"{subject} keeps its colour"
        verb = "becomes" if source.origin == "constant" else "takes"
        return f"{subject} {verb} {self.noun(source)}"

    def making(self) -> list[str]:
        """How to make each of the pictures that go by letters."""
        return [
            f"Make picture {letter} from the input grid: {source.command()}."
            for source, letter in self.pictures().items()
        ]

    def piece(self, variable: str) -> Piece:
        """What to look at, then each outcome with its cases; the lines compute `answer`."""
        names, (listed, last) = [f"fact_{name}" for name in self.names()], self.clauses()
        codes = {one: one.code(variable) for one in [*self.facts, *listed, last]}
        lines, made, looks = list[str](), self.pictures(), self.looks()
        for (source, letter), words in zip(made.items(), self.making(), strict=True):
            lines += [f"# {words}", f"picture_{letter.lower()} = {codes[source]}"]
            codes[source] = f"picture_{letter.lower()}"
        lines += [f"# {one}" for one in looks]
        facts = [f"{name} = {codes[one]}" for name, one in zip(names, self.facts, strict=True)]
        lines += sorted(facts)
        is_for_all = bool(names) and all(one.origin == "number" for one in self.facts)
        subject = "every cell" if is_for_all else "it"
        start, ending = codes[last], self.outcome(last, subject)
        if last.origin == "constant":
            start = f"np.full_like({variable}, {start})"
        if names:
            lines.append(f"# Unless a case below says otherwise, {ending}.")
        lines.append(f"answer = {start}")
        clauses = []
        for outcome, cases in listed.items():
            clauses.append(f"If {self.case_words(cases)}, {self.outcome(outcome, subject)}.")
            lines += [f"# {clauses[-1]}", *chosen_code(names, cases)]
            lines.append(f"answer = np.where(chosen, {codes[outcome]}, answer)")
        steps = [step for source in codes for step in source.steps]
        functions, told = (
            [one for step in steps for one in step.functions()],
            [one.told() for one in steps],
        )
        if len(names) > 1 and any(len(one) > CASES_WRITTEN_OUT for one in listed.values()):
            functions.append(in_cases)
        ends = f"{self.rest()} {ending}." if names else f"{self.outcome(last, 'Every cell')}."
        return Piece([*self.making(), *looks, *clauses, ends], lines, functions, told)

    def rest(self) -> str:
        """How the clause begins of the cells of no case that is told."""
        told, (fact, *others) = [*chain.from_iterable(self.clauses()[0].values())], self.facts
        if not others and -1 in fact.answers() and {*told} == {(0,), (1,)}:
            return f"If {condition(fact, [-1], '')},"
        return "Otherwise"

    def named(self) -> list[Source]:
        """The facts to look at first; the others can be asked of the cell in each clause."""
        clauses = sum(len(self.boxes(cases)) for cases in self.clauses()[0].values())

        def is_asked(fact: Source) -> bool:
            is_short = clauses * len(fact.noun()) <= LETTERS_ASKED
            is_question = bool(fact.answers()) or self.asks_only_for_part(fact)
            is_short |= is_denial(fact) or self.asks_only_for_part(fact)
            return fact == OWN or (is_question and is_short)

        return [fact for fact in self.facts if not is_asked(fact)]

    def looks(self) -> list[str]:
        """The sentence that names the facts to look at, if there are any."""
        named = self.named()
        nouns = [f"({letter}) {self.noun(one)}" for letter, one in zip("abc", named, strict=False)]
        words = listing(nouns) if len(named) > 1 else "".join(map(self.noun, named))
        whose = "" if all(fact.origin == "number" for fact in named) else "For each cell look"
        return [f"{whose or 'Look'} at {words}."] if named else []

    def told(self) -> list[Source]:
        """The facts in the order in which clauses tell them."""
        named = self.named()
        return [*named, *(fact for fact in self.facts if fact not in named)]

    def names(self) -> list[str]:
        """What each fact is called: a, b, c in the order in which they are told."""
        told = self.told()
        return ["abc"[told.index(fact)] for fact in self.facts]

    def case_words(self, cases: Iterable[Case], subject: str = "that") -> str:
        """The cases in words, those told together that differ in one fact only.

        A fact that alone is looked at first is called `subject`, of several each by its letter.
        """
        named, told, texts = self.named(), self.told(), []
        for box in self.boxes([*cases]):
            conditions = []
            for letter, fact in zip("abc", told, strict=False):
                values = sorted(box[self.facts.index(fact)])
                name = subject if len(named) == 1 else f"({letter})"
                conditions.append(condition(fact, values, name if fact in named else ""))
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
    question = plain(fact.noun()).removeprefix("whether ")
    kind, lies_in, trait = question.removeprefix("the ").partition(LIES_IN)
    if -1 not in fact.answers():
        lies_in = ""
    some = f"{'an' if kind.startswith('object') else 'a'} {kind}"
    if fact.answers() and [*values] == [*fact.answers()]:
        return ""
    if lies_in and [*values] == [0, 1]:
        return f"the cell lies in {some}"
    if where := whereabouts_of(fact, values, subject):
        return where
    if subject or fact == OWN:
        is_any = fact.reads() is PARITY and [*values] == [*PARITY]
        words = "not none" if is_any else values_words(values, fact.reads())
        return f"{subject or 'the cell'} is {words}"
    if not lies_in:
        return question if values[0] else denied(question)
    return {
        (1,): f"the cell lies in {some} that {trait}",
        (0,): f"the cell lies in {some} that {denied(trait)}",
        (-1,): f"the cell lies in no {kind}",
        (-1, 0): f"the cell does not lie in {some} that {trait}",
        (-1, 1): f"the cell lies in no {kind} or in one that {trait}",
    }[tuple(values)]


def whereabouts_of(fact: Source, values: Sequence[int], subject: str) -> str:
    """That the cell lies in no part, or in one's box, if the values say no more; else ""."""
    if not subject and (near := NEAR.match(fact.noun())):
        lies = "lies" if 0 in values else "does not lie"
        return f"the cell {lies} in the box of {near[1]}"
    return whereabouts(fact, "no") if [*values] == [-1] and not fact.answers() else ""


def whereabouts(fact: Source, article: str) -> str:
    """That the cell lies in a part, or no part, of the kind that the fact is about; "" if none."""
    if found := PART.match(fact.noun()):
        return f"the cell lies in {article} {found[1]}"
    if found := IN_BOX.match(fact.noun()):
        box = "" if found[1].startswith("pane ") else "the box of "
        return f"the cell lies in {box}{article} {found[1]}"
    return ""


def plain(question: str) -> str:
    """The question without what it says of its values."""
    return question.replace(" (1 if so)", "").replace(", whichever gives more", "")


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


def is_denial(fact: Source) -> bool:
    """Whether it is a question that asks if something is not there."""
    return fact.noun().startswith("whether no ")


def denied(text: str) -> str:
    """The clause, with a subject or without one, that says the opposite."""
    if text.startswith("only the two ends are inked "):
        return text.replace("only the two ends are", "it is not just the two ends that are")
    if text.startswith("no "):
        return f"{'a' if text.startswith('no ray') else 'some'}{text.removeprefix('no')}"
    if text.endswith(" is background"):
        return text.removesuffix("background") + "not background"
    return DENIALS.get(text) or DENIED.sub(lambda one: one[1] + VERBS[one[2]], text, count=1)


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
