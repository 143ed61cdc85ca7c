"""A rule carried out on one grid, step by step, in plain words with the grids in between."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain, product
from typing import Any

import numpy as np

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.rules import (
    OWN,
    Case,
    Rule,
    Source,
    boxes_of,
    reading,
    values_words,
)
from agents.program_search.search.views import in_ranks, renumbered
from agents.program_search.stacking.layers import Stack
from agents.program_search.stacking.pictures import Operation, Picture, ink, seen, whole
from agents.program_search.stacking.pieces import PieceState
from agents.program_search.transforms.perception import Part, parts
from agents.program_search.transforms.pictures import missing_colour, turned
from agents.program_search.transforms.registry import COLOURS, REGISTRY, SIGNED, YES_NO, Array, Step
from agents.program_search.transforms.traits import (
    FLAGS,
    LOOKS,
    MEASURES,
    TINTS,
    Trait,
    left_column,
    main_colour,
    top_row,
)
from agents.program_search.writing.pair_words import count_of, place_words, shape_words
from agents.program_search.writing.step_evidence import evidence_lines

LARGEST_BETWEEN = 225
"""Grids between the steps are written out up to this many cells."""
BLOCKS_NAMED = 6
"""Of cells in more blocks the number and the first blocks are told."""
PARTS_NAMED = 8
"""Of more parts only the first are told."""


def worked(candidate: Candidate, given: Array, number: int, *, says_layers: bool) -> list[str]:
    """The candidate's steps on the input of this number, each with what it gives.

    `says_layers` repeats what each layer of a stack is.
    """
    lines, answer = list[str](), candidate.outputs[number]
    picture = start = renumbered(given) if candidate.renumbered else given
    if candidate.renumbered:
        lines += ["- Each colour's number by how common it is:", *grid_lines(picture)]
    last = len(candidate.steps) - 1
    for place, step in enumerate(candidate.steps):
        made = step.apply(picture)
        assert made is not None, "the candidate's steps apply to all of its inputs"
        told = [f"- {step.sentence()[0].upper()}{step.sentence()[1:]}.", *part_lines(step, picture)]
        told += [*patch_lines(step, picture), *evidence_lines(step, picture, made)]
        told += changed_lines(picture, made) if step.transform.function is not turned else ()
        lines += map(in_ranks, told) if candidate.renumbered else told
        picture = made
        ends_here = place == last and candidate.finish is None and not candidate.renumbered
        if not ends_here:
            lines.append(f"- That gives {shape_words(picture.shape)}:")
            if picture.size <= LARGEST_BETWEEN:
                lines += grid_lines(picture)
            else:
                lines[-1] = f"{lines[-1][:-1]}."
    if isinstance(candidate.finish, Rule):
        lines += rule_lines(candidate.finish, picture, start, is_ranked=candidate.renumbered)
    elif isinstance(candidate.finish, Stack):
        stack = stack_lines(candidate.finish, start, number, says_layers=says_layers)
        lines += map(in_ranks, stack) if candidate.renumbered else stack
    elif candidate.finish is not None:
        lines += [f"- {sentence}" for sentence in candidate.finish.piece("picture").sentences]
    return [*lines, "- The result:", *grid_lines(answer)]


def stack_lines(stack: Stack, given: Array, number: int, *, says_layers: bool) -> Iterator[str]:
    """How each layer's pieces are made, then the canvas if it is small, else what changes."""
    before, *canvases = stack.canvases(number)
    known = dict[int, str]()
    if stack.size.piece is not None and stack.size.piece.steps:
        yield "- The picture that tells the size of the canvas:"
        yield from piece_lines(stack.size.piece, given, known, "the size")
    yield f"- The canvas, {shape_words(before.shape)}, is all {COLOURS.get(stack.base)}."
    for place, (layer, canvas) in enumerate(zip(stack.layers, canvases, strict=True), 1):
        changed = int((canvas != before).sum())
        what = count_of(changed, "cell") if changed else "nothing"
        is_shown = changed and canvas.size <= LARGEST_BETWEEN and place < len(stack.layers)
        if changed and not is_shown:
            what = cells_words(np.flatnonzero(canvas != before).tolist(), canvas.shape[1])
            what = f"{what[0].lower()}{what[1:]}"
        what = f"changes {what}{'; the canvas:' if is_shown else '.'}"
        told = list(piece_lines(layer.drawn.piece, given, known, f"layer {place}"))
        if layer.mask != layer.drawn:
            mask = list(piece_lines(layer.mask.piece, given, known, f"the mask of layer {place}"))
            told += ["  The mask:", *mask] if mask else []
        yield f"- Layer {place}{f': {layer.words()}' if says_layers else '.'}"
        yield from told
        yield f"  Layer {place} {what}"
        yield from grid_lines(canvas) if is_shown else ()
        before = canvas


def piece_lines(piece: PieceState, given: Array, known: dict[int, str], name: str) -> Iterator[str]:
    """What the operations of a piece go by on the input, and the picture that they make.

    `known` has the pieces that were told before, by name.
    """
    if not piece.steps or id(piece) in known:
        yield from [f"  The picture is that of {known[id(piece)]}."] if piece.steps else ()
        return
    known[id(piece)] = name
    value: Any = whole(given)
    for step in piece.steps:
        before = value
        if isinstance(before, list) and step.kind == "edit":
            value = [step.apply(one) for one in before]
            continue
        value = step.apply(before)
        if step.kind == "choice":
            yield from choice_lines(step, before)
        elif step.lifted:
            entry = Step(REGISTRY[step.function.__name__], step.arguments, 0.0)
            yield from part_lines(entry, before.cells)
            yield from evidence_lines(entry, before.cells, value.cells)
    at = f"its top left cell at ({value.top + 1}, {value.left + 1}) of the canvas"
    at += ", so partly outside" if min(value.top, value.left) < 0 else ""
    is_small = value.cells.size <= LARGEST_BETWEEN
    yield f"  The picture so made, {shape_words(value.cells.shape)}, {at}{':' if is_small else '.'}"
    yield from grid_lines(value.cells) if is_small else ()


def choice_lines(step: Operation, pieces: Sequence[Picture]) -> Iterator[str]:
    """The parts among which is chosen, each with the trait that counts."""
    found = [seen(one) for one in pieces if one.cells.any()]
    trait = next((one for one in step.arguments if callable(one)), None)
    if trait is None or len(found) > PARTS_NAMED:
        yield f"  There are {len(pieces)} parts."
        return
    trait = main_colour if trait is ink else trait
    words = {**MEASURES, **LOOKS, **FLAGS}[trait]
    traits = [trait(one) for one in found]
    yield "  The parts:"
    yield from (part_words(one, trait, words, traits) for one in found)


def changed_lines(before: Array, after: Array) -> list[str]:
    """Which cells a step changes that keeps the shape; [] if it changes most of them."""
    if before.shape != after.shape:
        return []
    changed = np.flatnonzero(before != after).tolist()
    if not changed:
        return ["  It changes nothing here."]
    words = cells_words(changed, before.shape[1])
    few = len(changed) <= before.size // 2
    return [f"  It changes {words[0].lower()}{words[1:]}."] if few else []


def part_lines(step: Step, picture: Array) -> list[str]:
    """The parts that a step compares, each with the trait that counts; [] for other steps."""
    chosen = dict(zip(step.transform.choices, step.arguments, strict=True))
    trait = next((one for one in step.arguments if callable(one)), None)
    name = step.transform.function.__name__
    if name == "part_by_colour":
        colour = chosen["colour"]

        def trait(part: Part) -> int:
            return int((part.picture == colour).sum())

        words = f"cells of {COLOURS[colour]}"
    elif trait is None or "cut" not in chosen:
        return []
    else:
        words = next(words[trait] for words in step.transform.choices.values() if trait in words)
    found = parts(picture, chosen["cut"])
    values = [trait(part) for part in found]
    head, order = "  The parts, in reading order:", list(range(len(found)))
    if len(found) > PARTS_NAMED:
        is_common = name == "commonest_part"
        which = "commonest" if is_common else "rarest"
        head = f"  Of the {len(found)} parts those with the {which} values:"
        order.sort(key=lambda number: values.count(values[number]), reverse=is_common)
        order = order[:PARTS_NAMED]
    return [head, *(part_words(found[one], trait, words, values) for one in sorted(order))]


def part_words(part: Part, trait: Trait, words: str, values: Sequence[Any]) -> str:
    """Where the part lies, its colour, and its trait; looks get letters by their order."""
    value = trait(part)
    if trait in (top_row, left_column):
        value += 1  # rows and columns count from 1
    said = f"{words} {COLOURS[value] if trait in TINTS else value}"
    if isinstance(value, tuple):
        said = f"{words} {chr(ord('A') + list(dict.fromkeys(values)).index(value) % 26)}"
    elif trait in FLAGS:
        said = f"{FLAGS[trait]}: {YES_NO[bool(value)]}"
    box = place_words(part.top, part.left, part.mask.shape)
    return f"  {box}, {COLOURS[main_colour(part)]}: {said}"


def patch_lines(step: Step, picture: Array) -> list[str]:
    """The rectangles that a step takes for missing; [] for other steps."""
    name = step.transform.function.__name__
    colour = missing_colour(picture, "patch")
    if ("patch" not in step.arguments and not name.startswith("hidden_by")) or colour is None:
        return []
    cells = cells_words(np.flatnonzero(picture == colour).tolist(), picture.shape[1])
    return [f"  The rectangles are {COLOURS[colour]}: {cells[0].lower()}{cells[1:]}."]


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


def cells_words(cells: Sequence[int], width: int) -> str:
    """How many cells, and where they are (rows and columns count from 1), in blocks."""
    blocks: dict[tuple[int, int], int] = {}  # the start of each run and its length, by rows
    for cell in cells:
        start = next(reversed(blocks), (-9, 0))
        if cell % width and start[0] + start[1] == cell:
            del blocks[start]
            start = (start[0], start[1] + 1)
        else:
            start = (cell, 1)
        blocks[start] = 1
    for run in sorted(blocks, reverse=True):
        above = (run[0] - width, run[1])
        if above in blocks:
            blocks[above] = blocks.pop(run) + 1
    named = [
        place_words(*divmod(first, width), (tall, length))
        for (first, length), tall in sorted(blocks.items())
    ]
    if len(cells) == 1:
        return f"Cell {named[0]}"
    among = "among them " if len(named) > BLOCKS_NAMED else ""
    return f"{len(cells)} cells ({among}{'; '.join(named[:BLOCKS_NAMED])})"


def grid_lines(grid: Array, *, is_signed: bool = False) -> list[str]:
    """A grid's rows, indented; -1 is a dot unless numbers may be negative."""
    none = -9 if is_signed else 0
    words = [["." if cell < none else str(cell) for cell in row] for row in grid.tolist()]
    width = max(len(word) for row in words for word in row)
    return ["  " + " ".join(word.rjust(width) for word in row) for row in words]
