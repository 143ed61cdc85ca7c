"""A stack of layers carried out on one grid: how each piece is made, and the canvas after it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from agents.program_search.search.sources import Source
from agents.program_search.stacking.layers import Laid, Stack, laid_out
from agents.program_search.stacking.pictures import Operation, Picture, ink, seen, whole
from agents.program_search.stacking.pieces import PieceState
from agents.program_search.transforms.registry import REGISTRY, Array, Step
from agents.program_search.transforms.traits import FLAGS, LOOKS, MEASURES, main_colour
from agents.program_search.writing.grid_words import (
    LARGEST_BETWEEN,
    cells_words,
    count_of,
    grid_lines,
    shape_words,
)
from agents.program_search.writing.part_words import PARTS_NAMED, part_lines, part_words
from agents.program_search.writing.step_evidence import evidence_lines


def stack_lines(stack: Stack, given: Array, number: int, *, says_layers: bool) -> Iterator[str]:
    """How each layer's pieces are made, then the canvas if it is small, else what changes."""
    before, *canvases = stack.canvases(number)
    known = dict[int, str]()
    if stack.size.piece is not None and stack.size.piece.steps:
        yield "- The picture that tells the size of the canvas:"
        yield from piece_lines(stack.size.piece, given, known, "the size", has_place=False)
    ground = Source("constant", colour=stack.base).noun()
    yield f"- The canvas, {shape_words(before.shape)}, is all {ground}."
    for place, (layer, canvas) in enumerate(zip(stack.layers, canvases, strict=True), 1):
        changed = int((canvas != before).sum())
        what = count_of(changed, "cell") if changed else "nothing"
        is_shown = changed and canvas.size <= LARGEST_BETWEEN and place < len(stack.layers)
        if changed and not is_shown:
            what = cells_words(np.flatnonzero(canvas != before).tolist(), canvas.shape[1])
            what = f"{what[0].lower()}{what[1:]}"
        what = f"changes {what}{'; the canvas:' if is_shown else '.'}"
        told = list(laid_lines(layer.drawn, given, known, f"layer {place}"))
        if layer.mask != layer.drawn:
            mask = list(laid_lines(layer.mask, given, known, f"the mask of layer {place}"))
            told += ["  The mask:", *mask] if mask else []
            told += mask_lines(layer.mask, canvas, number)
        yield f"- Layer {place}{f': {layer.words()}' if says_layers else '.'}"
        yield from told
        yield f"  Layer {place} {what}"
        yield from grid_lines(canvas) if is_shown else ()
        before = canvas


def mask_lines(mask: Laid, canvas: Array, number: int) -> list[str]:
    """The mask as it lies on the canvas, if that is another picture than its piece."""
    made = mask.piece.values[number]
    laid = laid_out(made, canvas.shape, mask.laying)
    if laid.size > LARGEST_BETWEEN or np.array_equal(laid, made.cells):
        return []
    return ["  On the canvas the mask is:", *grid_lines(laid)]


def laid_lines(laid: Laid, given: Array, known: dict[int, str], name: str) -> Iterator[str]:
    """How the piece that is laid is made, with its place if that counts."""
    has_place = laid.laying not in ("corner", "stretched")
    return piece_lines(laid.piece, given, known, name, has_place=has_place)


def piece_lines(
    piece: PieceState, given: Array, known: dict[int, str], name: str, *, has_place: bool
) -> Iterator[str]:
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
    at = f", its top left cell at ({value.top + 1}, {value.left + 1}) of the canvas"
    at += ", so partly outside" if min(value.top, value.left) < 0 else ""
    at = at if has_place else ""
    is_small = value.cells.size <= LARGEST_BETWEEN
    yield f"  The picture so made, {shape_words(value.cells.shape)}{at}{':' if is_small else '.'}"
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
