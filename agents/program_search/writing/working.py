"""A rule carried out on one grid, step by step, in plain words with the grids in between."""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import Case, Rule, Source, listing
from agents.program_search.search.views import in_ranks, renumbered
from agents.program_search.transforms.registry import COLOURS, Array
from agents.program_search.writing.pair_words import count_of, shape_words

LARGEST_BETWEEN = 144
"""Grids between the steps are written out up to this many cells."""
CELLS_NAMED = 6
"""Of more cells the number and the first ones are told."""
CASES_NAMED = 8
"""Of more cases only the number is told."""


def worked(candidate: Candidate, given: Array, answer: Array) -> list[str]:
    """The candidate's steps on this input, each with what it gives; `answer` is the last grid."""
    lines = list[str]()
    picture = start = renumbered(given) if candidate.renumbered else given
    if candidate.renumbered:
        lines += ["- Each colour's number by how common it is:", *grid_lines(picture)]
    last = len(candidate.steps) - 1
    for number, step in enumerate(candidate.steps):
        made = step.apply(picture)
        assert made is not None, "the candidate's steps apply to all of its inputs"
        picture = made
        text = f"{step.sentence()[0].upper()}{step.sentence()[1:]}."
        if candidate.renumbered:
            text = in_ranks(text)
        ends_here = number == last and candidate.finish is None and not candidate.renumbered
        lines.append(f"- {text} That gives {shape_words(picture.shape)}.")
        if picture.size <= LARGEST_BETWEEN and not ends_here:
            lines += grid_lines(picture)
    if isinstance(candidate.finish, Rule):
        lines += rule_lines(candidate.finish, picture, start, is_ranked=candidate.renumbered)
    elif candidate.finish is not None:
        lines += [f"- {sentence}" for sentence in candidate.finish.piece("picture").sentences]
    return [*lines, "- The result:", *grid_lines(answer)]


def rule_lines(rule: Rule, picture: Array, start: Array, *, is_ranked: bool) -> Iterator[str]:
    """What the rule looks at in the picture, then its cases: their cells, and what these become."""
    lines = case_lines(rule, picture, start)
    if rule.facts:
        lines = chain(seen_lines(rule, picture, start), lines)
    return map(in_ranks, lines) if is_ranked else lines


def seen_lines(rule: Rule, picture: Array, start: Array) -> Iterator[str]:
    """The values of a single fact, and the other pictures that the rule reads, if small."""
    fact = rule.facts[0]
    if len(rule.facts) == 1 and picture.size <= LARGEST_BETWEEN and is_worth_showing(fact):
        yield f"- For each cell {fact.noun()} (. for none):"
        yield from grid_lines(values(fact, picture, start))
    for source in dict.fromkeys((*rule.facts, *rule.cases_of(), rule.otherwise)):
        other = values(source, picture, start)
        if source.origin == "grid" and source.steps and other.size <= LARGEST_BETWEEN:
            steps = "; then ".join(step.sentence() for step in source.steps)
            yield f"- The other picture ({steps}):"
            yield from grid_lines(other)


def case_lines(rule: Rule, picture: Array, start: Array) -> Iterator[str]:
    """For each case that the picture shows: its cells, and what becomes of them."""
    facts = [values(source, picture, start).ravel().tolist() for source in rule.facts]
    places: dict[Case, list[int]] = {}
    for place, case in enumerate(zip(*facts, strict=True)):
        places.setdefault(case, []).append(place)
    shown = sorted(
        case for case in places if rule.table.get(case, rule.otherwise) != rule.otherwise
    )
    for case in shown[:CASES_NAMED]:
        outcome = said_of(len(places[case]), rule.table[case].outcome())
        cells = cells_words(places[case], picture.shape[1])
        yield f"- {cells}: {rule.case_words([case])}, so {outcome}."
    if rest := sum(len(places[case]) for case in shown[CASES_NAMED:]):
        cases_left = count_of(len(shown) - CASES_NAMED, "more such case")
        yield f"- {count_of(rest, 'more cell')}: {cases_left} of the rule."
    others = picture.size - sum(len(places[case]) for case in shown)
    last = said_of(others, rule.otherwise.outcome())
    if not rule.facts:
        yield f"- Every cell alike: {rule.otherwise.outcome()}."
    elif others:
        which = f"{'The other' if shown else 'All'} {count_of(others, 'cell')}"
        yield f"- {which}: no such case, so {last}."


def said_of(number: int, outcome: str) -> str:
    """The outcome of one cell (`it becomes …`) as said of so many."""
    if number == 1:
        return outcome
    for one, many in (
        ("it becomes", "they become"),
        ("it takes", "each takes"),
        ("it keeps its", "they keep their"),
    ):
        outcome = outcome.replace(one, many, 1)
    return outcome


def values(source: Source, picture: Array, start: Array) -> Array:
    """What the source says of each cell of the picture; `start` is the grid before any step."""
    if source.origin == "constant":
        return np.full_like(picture, source.colour)
    value = picture if source.origin == "picture" else start
    for step in source.steps:
        value = step.transform.function(value, *step.arguments)
    return np.full_like(picture, value) if source.origin == "number" else np.asarray(value)


def is_worth_showing(source: Source) -> bool:
    """Whether the values are plain numbers that a grid of them shows at a glance."""
    reads = source.reads()
    return source.origin == "picture" and bool(source.steps) and (not reads or reads is COLOURS)


def cells_words(places: Sequence[int], width: int) -> str:
    """How many cells, with row and column (from 1) of the first ones."""
    named = (divmod(place, width) for place in places[:CELLS_NAMED])
    words = listing(f"({row + 1}, {column + 1})" for row, column in named)
    if len(places) <= CELLS_NAMED:
        return f"Cell{'s' if len(places) > 1 else ''} {words}"
    return f"{len(places)} cells, of which the first {CELLS_NAMED} are {words}"


def grid_lines(grid: Array) -> list[str]:
    """A grid's rows, indented; -1 is a dot."""
    words = [["." if cell < 0 else str(cell) for cell in row] for row in grid.tolist()]
    width = max(len(word) for row in words for word in row)
    return ["  " + " ".join(word.rjust(width) for word in row) for row in words]
