"""A rule carried out on one grid: what it looks at, and what becomes of the cells of each case."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, product

import numpy as np

from agents.program_search.search.rules import OWN, Case, Rule, Source, boxes_of, reading
from agents.program_search.search.views import in_ranks
from agents.program_search.transforms.registry import COLOURS, SIGNED, YES_NO, Array, Step
from agents.program_search.writing.grid_words import (
    LARGEST_BETWEEN,
    cells_words,
    changed_lines,
    grid_lines,
)
from agents.program_search.writing.part_words import part_lines, patch_lines
from agents.program_search.writing.step_evidence import evidence_lines


def rule_lines(rule: Rule, picture: Array, start: Array, *, is_ranked: bool) -> Iterator[str]:
    """What the rule looks at in the picture, then its cases: their cells, and what these become."""
    lines = chain(seen_lines(rule, picture, start), case_lines(rule, picture, start))
    return map(in_ranks, lines) if is_ranked else lines


def seen_lines(rule: Rule, picture: Array, start: Array) -> Iterator[str]:
    """The values of the facts, and the other pictures that the rule copies, if they are small."""
    letters = dict(zip(rule.facts, rule.names(), strict=True))
    named, tables = rule.named(), list[list[str]]()
    made, (listed, last) = rule.pictures(), rule.clauses()
    for source in dict.fromkeys((*rule.told(), *listed, last)):
        noun = rule.noun(source)
        if source in named and len(named) > 1:
            noun = f"({letters[source]}) {noun}"
        grid = values(source, picture, start)
        is_asked = source in rule.facts
        grid = rule.shown(source, grid) if is_asked else grid
        if source.origin == "number":
            yield f"- {noun[0].upper()}{noun[1:]}: {reading(int(grid.flat[0]), source.reads())}."
        elif source.origin == "picture" and is_asked and source.steps:
            is_simple = rule.asks_only_for_part(source)
            told = [] if is_simple else part_lines(source.steps[0], picture)
            is_yes_or_no = bool(source.answers())
            if is_yes_or_no and len(told) > 1:
                yield from () if told in tables else (f"-{told[0][1:]}", *told[1:])
                tables.append(told)
            elif (grid == grid.flat[0]).all():
                value = reading(int(grid.flat[0]), YES_NO if is_yes_or_no else source.reads())
                yield f"- {noun[0].upper()}{noun[1:]}: {value} for every cell."
            elif grid.size <= LARGEST_BETWEEN and is_worth_showing(source):
                is_signed = source.reads() is SIGNED
                keys = ["1 for yes", "0 for no"] if is_yes_or_no else []
                keys += [". for none"] if (grid < 0).any() and not is_signed else []
                key = f" ({', '.join(keys)})" if keys else ""
                yield f"- {noun[0].upper()}{noun[1:]}, cell by cell{key}:"
                yield from grid_lines(grid, is_signed=is_signed)
            elif source in named:
                yield f"- Look at {noun}."
        elif source in made:
            end = ":" if grid.size <= LARGEST_BETWEEN else "."
            told = list(steps_evidence(source.steps, start))
            command = f"Make picture {made[source]} from the input grid: {source.command()}"
            yield f"- {command}{'.' if told else end}"
            yield from [*told, f"  Picture {made[source]}{end}"] if told else ()
            is_small = grid.size <= LARGEST_BETWEEN
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
    others, (listed, last) = picture.size, rule.clauses()
    for outcome, cases in listed.items():
        present = [case for case in cases if case in places]
        for box in boxes_of(present) if present else ():
            alike = list(product(*box))
            found = sorted(chain.from_iterable(places.get(case, ()) for case in alike))
            others -= len(found)
            cells = cells_words(found, picture.shape[1])
            words = said_of(rule.case_words(alike), len(found))
            yield f"- {cells}: {words}, so {outcome_of(len(found), rule.outcome(outcome))}."
    so = outcome_of(others, rule.outcome(last)).removeprefix("it ").removeprefix("they ")
    so = so.replace("each takes", "each take")
    if not rule.facts:
        yield f"- Every cell alike: {rule.outcome(last)}."
    elif others == picture.size:
        is_one = sum(len(rule.boxes(cases)) for cases in listed.values()) == 1
        which = "The condition holds for no cell" if is_one else "No cell is of a case named above"
        yield f"- {which}, so all {others} cells {so}."
    elif others:
        which = "The other cell" if others == 1 else f"The other {others} cells"
        yield f"- {which} {so}."


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


def is_worth_showing(source: Source) -> bool:
    """Whether the values are plain numbers that a grid of them shows at a glance."""
    reads = source.reads()
    return source != OWN and (not reads or reads in (COLOURS, YES_NO, SIGNED))
