"""A candidate's rule in words: one paragraph, or a list if it has many cases or layers."""

import re
from itertools import product
from typing import Literal, TypeAlias

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN
from agents.program_search.search.views import in_ranks
from agents.program_search.stacking.layers import Stack
from agents.program_search.writing.first_steps import (
    gives_size_only,
    only_shape,
    pictures_alone,
    steps_told,
)
from agents.program_search.writing.program import steps_in_words

Form: TypeAlias = Literal["idea", "table", "layers"]
CASES_OF_AN_IDEA = 6
CASES_IN_A_SENTENCE = 4
LETTERS_IN_A_SENTENCE = 250
"""More cases are told in a line each; half as many, if they take more letters or are unsure."""
TABLE = "It is a table of cases, not one idea, so it may fit the pairs by chance."
LAYERS_OF_AN_IDEA = 2
LAYERS = "So many layers are not one idea and may fit the pairs by chance."
LAYERED = "Layer {}:"
LONGEST_RULE = 400
"""A rule beside the one at hand is told if it takes at most so many letters: half of it teaches
nothing."""


def rule_paragraph(candidate: Candidate) -> str:
    """The rule in one paragraph: each step's sentences, in order."""
    texts = [" ".join(sentences) for sentences in steps_in_words(candidate)]
    last = len(candidate.steps) + candidate.renumbered
    if pictures_alone(candidate):
        return texts[0]
    if gives_size_only(candidate) and not only_shape(candidate):
        texts[last - 1] = f"{texts[last - 1].removesuffix('.')} (only the size of that counts)."
    if len(texts) == 1:
        return texts[0]
    begin, *others = (f"{text[0].lower()}{text[1:]}" for text in texts)
    before = "step" if steps_told(candidate) == 1 else "steps"
    return " ".join([f"First {begin}", *(f"Then {of_cells(text, before)}" for text in others)])


def of_cells(text: str, before: str) -> str:
    """The text of a step that follows others, which says so if it is about each cell."""
    if text.startswith("if ") and "every cell" not in text:
        return f"for every cell of what that gives: {text}"
    told = rf"\1 of what the first {before} gave look"
    return re.sub("(?i)(for each cell) look", told, text, count=1)


def rule_section(candidate: Candidate) -> list[str]:
    """The rule as lines: a paragraph, and below it cases or layers if there are many of them."""
    finish, paragraph = candidate.finish, rule_paragraph(candidate)
    if isinstance(finish, Stack):
        lines = [paragraph]
        for number in range(1, len(finish.layers) + 1):
            before, mark, after = lines[-1].partition(LAYERED.format(number))
            lines[-1:] = [before.strip(), f"- {mark}{after}"]
        return [*lines, *([f"- {LAYERS}"] if len(finish.layers) > LAYERS_OF_AN_IDEA else [])]
    if not isinstance(finish, Rule):
        return [paragraph]
    listed, is_settled = case_lines_of(finish), is_settled_by_pairs(candidate)
    is_long = not is_settled or sum(map(len, listed)) > LETTERS_IN_A_SENTENCE
    most = CASES_IN_A_SENTENCE if not is_long else CASES_IN_A_SENTENCE // 2
    if len(finish.facts) < 2 or len(listed) <= most:
        return [f"{paragraph} {TABLE}" if is_lookup(candidate, finish) else paragraph]
    listed = list(map(in_ranks, listed)) if candidate.renumbered else listed
    first = finish.case_words(next(iter(finish.clauses()[0].values())))
    first = in_ranks(first) if candidate.renumbered else first
    before, mark, after = paragraph.partition(f"f {first}, ")
    rest = f"{finish.rest()} "
    ending = after[after.rindex(rest) :]
    chance = TABLE if not is_settled or len(listed) > CASES_OF_AN_IDEA else ""
    return [f"{before[:-1].strip()} {chance}".strip(), *listed, f"- {ending}"]


def is_settled_by_pairs(candidate: Candidate) -> bool:
    """Whether the rule was fitted, and is the same without any one of the pairs."""
    return candidate.left_out is not None and all(candidate.left_out)


def is_lookup(candidate: Candidate, rule: Rule) -> bool:
    """Whether a rule that the pairs do not settle looks many single values up.

    Numbers of the whole grid may but tell the pairs apart, so two cases of these are many.
    """
    if rule.facts == (OWN,) or is_settled_by_pairs(candidate):
        return False
    cases = sum(map(len, rule.clauses()[0].values()))
    counts = any(one.origin == "number" and not one.answers() for one in rule.facts)
    return cases >= (2 if counts else 3 if len(rule.facts) == 1 else 4)


def form_of(candidate: Candidate) -> Form:
    """Whether the rule is told as an idea, or says itself that it is none."""
    told = " ".join(rule_section(candidate))
    return "table" if TABLE in told else "layers" if LAYERS in told else "idea"


def case_lines_of(rule: Rule) -> list[str]:
    """The cases of a rule with what becomes of them, a line each."""
    is_for_all = bool(rule.facts) and all(fact.origin == "number" for fact in rule.facts)
    subject = "every cell" if is_for_all else "it"
    return [
        f"- If {rule.case_words([*product(*box)])}, {rule.outcome(outcome, subject)}."
        for outcome, cases in rule.clauses()[0].items()
        for box in rule.boxes(cases)
    ]
