"""A rule carried out on one grid: what it looks at, and what becomes of the cells of each case."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, product

import numpy as np

from agents.program_search.search.rules import Case, Rule, boxes_of, listing, reading
from agents.program_search.search.sources import OWN, Source
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.perception import background
from agents.program_search.transforms.registry import COLOURS, SIGNED, YES_NO, Array, Step
from agents.program_search.writing.grid_words import (
    LARGEST_BETWEEN,
    cells_words,
    changed_lines,
    count_of,
    grid_lines,
)
from agents.program_search.writing.part_words import part_lines, patch_lines
from agents.program_search.writing.step_evidence import evidence_lines, has_evidence

VALUES_KEYED = 12
"""A fact of at most so many values that are no numbers is shown cell by cell, with their key."""
MOST_NAMED = 12
"""Of more cells that keep their colour the places are not told."""
COLOURS_GIVEN = 4
"""How many cells get which colour is told of at most so many colours."""


def rule_lines(rule: Rule, picture: Array, start: Array, *, is_ranked: bool) -> Iterator[str]:
    """What the rule looks at in the picture, then its cases: their cells, and what these become."""
    lines = chain(seen_lines(rule, picture, start), case_lines(rule, picture, start))
    return map(in_ranks, lines) if is_ranked else lines


def seen_lines(rule: Rule, picture: Array, start: Array) -> Iterator[str]:
    """The values of the facts, and the other pictures that the rule copies, if they are small."""
    letters, named = dict(zip(rule.facts, rule.names(), strict=True)), rule.named()
    tables, made = list[list[str]](), rule.pictures()
    listed, last = rule.clauses()
    for source in dict.fromkeys((*rule.told(), *listed, last)):
        noun = rule.noun(source)
        if source in named and len(named) > 1:
            noun = f"({letters[source]}) {noun}"
        grid = values(source, picture, start)
        grid = rule.shown(source, grid) if source in rule.facts else grid
        if source.origin == "number":
            yield f"- {noun[0].upper()}{noun[1:]}: {reading(int(grid.flat[0]), source.reads())}."
        elif source.origin == "picture" and source in rule.facts and source.steps:
            is_simple = rule.asks_only_for_part(source)
            told = [] if is_simple else part_lines(source.steps[0], picture)
            is_question = bool(source.answers()) or is_simple
            if len(told) > 1 and (is_question or grid.size > LARGEST_BETWEEN):
                yield from () if told in tables else (f"-{told[0][1:]}", *told[1:])
                tables.append(told)
            elif source.answers() or is_simple or source in named:
                yield from bare_evidence(source, picture, grid)
                yield from value_lines(source, noun, grid, is_question=is_question)
        elif source in made:
            yield from made_lines(source, made[source], start)
        else:
            yield from bare_evidence(source, picture, grid)


def bare_evidence(source: Source, picture: Array, grid: Array) -> Iterator[str]:
    """What the first step of a source goes by on the picture, of which it makes the grid."""
    if source.steps and has_evidence(source.steps[0]):
        told = evidence_lines(source.steps[0], picture, grid)
        yield from [f"-{told[0][1:]}", *told[1:]] if told else ()


def value_lines(fact: Source, noun: str, grid: Array, *, is_question: bool) -> Iterator[str]:
    """The values of a fact for each cell, with a key if they are not plain numbers."""
    shown = np.unique(grid).tolist()
    reads = YES_NO if is_question else fact.reads()
    is_signed, is_plain = reads is SIGNED, not reads or reads in (COLOURS, SIGNED)
    noun = f"{noun[0].upper()}{noun[1:]}"
    if len(shown) == 1:
        yield f"- {noun}: {reading(shown[0], reads)} for every cell."
    elif grid.size <= LARGEST_BETWEEN and (is_plain or len(shown) <= VALUES_KEYED):
        keys = [f"{value} for {reads[value]}" for value in shown if value >= 0 and not is_plain]
        keys = keys[::-1] if is_question else keys
        keys += [f". for {reading(-1, reads)}"] if shown[0] < 0 and not is_signed else []
        key = f" ({', '.join(keys)})" if keys else ""
        yield f"- {noun}, cell by cell{key}:"
        yield from grid_lines(grid, is_signed=is_signed)
    else:
        yield f"- Look at {noun[0].lower()}{noun[1:]}."


def made_lines(source: Source, letter: str, start: Array) -> Iterator[str]:
    """How a picture is made that the rule copies or looks at, and the picture if it is small."""
    grid = values(source, start, start)
    is_small = grid.size <= LARGEST_BETWEEN
    end, told = ":" if is_small else ".", list(steps_evidence(source.steps, start))
    command = f"Make picture {letter} from the input grid: {source.command()}"
    yield f"- {command}{'.' if told else end}"
    yield from [*told, f"  Picture {letter}{end}"] if told else ()
    yield from grid_lines(grid) if is_small else changed_lines(start, grid)


def steps_evidence(steps: Sequence[Step], picture: Array) -> Iterator[str]:
    """What the steps go by, one after the other."""
    for step in steps:
        made = step.apply(picture)
        assert made is not None, "the steps apply"
        yield from part_lines(step, picture)
        yield from patch_lines(step, picture)
        yield from evidence_lines(step, picture, made)
        picture = made


def case_lines(rule: Rule, picture: Array, start: Array) -> Iterator[str]:
    """For each case that the picture shows: its cells, and what becomes of them."""
    facts = [values(source, picture, start).ravel().tolist() for source in rule.facts]
    places: dict[Case, list[int]] = {}
    for place, case in enumerate(zip(*facts, strict=True)):
        places.setdefault(case, []).append(place)
    others, listed = set(range(picture.size)), rule.clauses()[0]
    for outcome, cases in listed.items():
        present = [case for case in cases if case in places]
        for box in boxes_of(present) if present else ():
            alike = list(product(*box))
            found = sorted(chain.from_iterable(places.get(case, ()) for case in alike))
            others.difference_update(found)
            is_many = outcome == OWN and len(found) > MOST_NAMED
            named = count_of(len(found), "cell") if is_many else ""
            cells = named or cells_words(found, picture.shape[1])
            words = said_of(rule.case_words(alike), len(found))
            so = outcome_of(len(found), rule.outcome(outcome))
            yield f"- {cells}: {words}, so {so}{given_words(outcome, picture, start, found)}."
    yield from other_lines(rule, picture, start, sorted(others))


def other_lines(rule: Rule, picture: Array, start: Array, others: Sequence[int]) -> Iterator[str]:
    """What becomes of the cells of no case that is told."""
    number, (listed, last) = len(others), rule.clauses()
    so = outcome_of(number, rule.outcome(last)).removeprefix("it ").removeprefix("they ")
    so = so.replace("each takes", "each take") + given_words(last, picture, start, others)
    if not rule.facts:
        gives = given_words(last, picture, start, others)
        yield f"- {rule.outcome(last, 'Every cell')}{gives}."
    elif number == picture.size:
        is_one = sum(len(rule.boxes(cases)) for cases in listed.values()) == 1
        which = "The condition holds for no cell" if is_one else "No cell is of a case named above"
        so = so.replace("keeps", "keep").replace("takes", "take") if number > 1 else so
        yield f"- {which}, so {f'all {number} cells' if number > 1 else 'it'} {so}."
    elif number:
        which = "The other cell" if number == 1 else f"The other {number} cells"
        yield f"- {which} {so}."


def given_words(outcome: Source, picture: Array, start: Array, cells: Sequence[int]) -> str:
    """Which colours an outcome that is to be worked out gives these cells; "" for others."""
    if not outcome.steps or outcome.origin == "grid" or not cells:
        return ""
    made = values(outcome, picture, start).ravel()[list(cells)].tolist()
    told = sorted({*made}, key=lambda colour: (-made.count(colour), colour))
    if len(told) == 1:
        is_default = "(background if" in outcome.noun() and told[0] == background(picture)
        return f": {COLOURS[told[0]]}{', the background' if is_default else ''}"
    if len(told) > COLOURS_GIVEN:
        return ""
    counts = (f"{COLOURS[one]} for {count_of(made.count(one), 'cell')}" for one in told)
    return f": {listing(counts)}"


def said_of(conditions: str, number: int) -> str:
    """The conditions on the cell as said of so many."""
    if not conditions.startswith("the cell "):
        return conditions
    subject = "it" if number == 1 else "each"
    return re.sub("(^|; or )the cell ", rf"\1{subject} ", conditions).replace(
        " and the cell ", " and "
    )


def outcome_of(number: int, outcome: str) -> str:
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
