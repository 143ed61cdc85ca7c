"""A stack: pieces laid over each other on a canvas, and how programs and traces tell of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from agents.program_search.search.candidates import Piece
from agents.program_search.search.sources import Source
from agents.program_search.stacking.pictures import Operation, Picture, whole
from agents.program_search.stacking.pieces import PieceState
from agents.program_search.stacking.sizes import Shape, SizeRule
from agents.program_search.transforms.registry import COLOURS, Array

LAYINGS = {
    "place": "in its place",
    "corner": "at the top left corner",
    "tiles": "in its place and repeated from there all ways over the canvas",
    "mirrored": "in its place and repeated from there all ways over the canvas, every second copy "
    "across mirrored left to right, every second one down top to bottom",
    "spaced": "in its place and repeated from there all ways over the canvas, with an empty line "
    "of cells between copies",
    "stretched": "over the whole canvas, each of its cells enlarged to a block",
}
CELLS = {"ink": "inked", "empty": "empty"}


class Laid(NamedTuple):
    """A piece and how it is laid on the canvas."""

    piece: PieceState
    laying: str

    def words(self) -> str:
        """How to make the piece, and where to lay it."""
        return f"{self.piece.words()}; lay it {LAYINGS[self.laying]}"

    def code(self, shapes: Sequence[Shape]) -> str:
        """The expression for the cells of the canvas, whose `shapes` are known, after its lines."""
        is_cornered = self.piece.is_flat() or self.laying == "corner"
        laying = "place" if self.laying == "corner" else self.laying
        sizes = [one.cells.shape for one in self.piece.values]
        if is_cornered and laying == "place" and sizes == list(shapes):
            return self.piece.cells()
        picture = f"whole({self.piece.cells()})" if is_cornered else "picture"
        return f"laid_out({picture}, answer.shape, {laying!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """What is drawn: a laid piece's own colours or one paint, where `mask` is inked or empty.

    `where` is "all" if it is drawn everywhere. Only a layer that is drawn by the shape of another
    piece has a mask of its own.
    """

    drawn: Laid
    mask: Laid
    where: Literal["ink", "empty", "all"]
    paint: int | None

    def words(self) -> str:
        """The layer as a command."""
        if self.mask != self.drawn:
            cells = f"draw it, ink and empty cells, only where a mask is {CELLS[self.where]}"
            return f"{self.drawn.words()}; {cells}. The mask: {self.mask.words()}."
        if self.where == "all":
            drawn = "draw all of it, ink and empty cells"
        elif self.paint is None:
            drawn = "draw its ink"
        else:
            colour = Source("constant", colour=self.paint).noun()
            drawn = f"draw {colour} where it is {CELLS[self.where]}"
        return f"{self.drawn.words()}; {drawn}."

    def lines(self, shapes: Sequence[Shape]) -> list[str]:
        """The lines that draw it on `answer`, a canvas of these shapes."""
        lines, code = self.drawn.piece.lines(), self.drawn.code(shapes)
        if self.where == "all":
            return [*lines, f"answer = {code}"]
        mask = layer = code if code in ("grid", "picture", "picture.cells") else "layer"
        if self.mask != self.drawn:
            code, mask, layer = self.mask.code(shapes), "mask", "layer"
            lines += [f"layer = {self.drawn.code(shapes)}", *self.mask.piece.lines()]
            lines += [f"mask = {code}"]
        elif layer == "layer":
            lines += [f"layer = {code}"]
        sign = "!=" if self.where == "ink" else "=="
        paint = layer if self.paint is None else self.paint
        return [*lines, f"answer = np.where({mask} {sign} 0, {paint}, answer)"]

    def over(self, canvas: Array, number: int) -> Array:
        """The canvas of the input of that number with the layer drawn on it."""
        drawn, mask = (
            laid_out(one.piece.values[number], canvas.shape, one.laying)
            for one in (self.drawn, self.mask)
        )
        where = {"ink": mask != 0, "empty": mask == 0, "all": np.full(canvas.shape, True)}
        return np.where(where[self.where], drawn if self.paint is None else self.paint, canvas)


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Layers, the undermost first, on a canvas of one colour; the finish of a program."""

    size: SizeRule
    base: int
    layers: tuple[Layer, ...]

    def piece(self, variable: str) -> Piece:
        """The canvas, then a sentence and some lines for each layer; they compute `answer`."""
        del variable  # a stack begins with the input grid
        colour, number = Source("constant", colour=self.base).noun(), len(self.layers)
        sentences = [
            f"Lay {f'{number} layers' if number > 1 else 'one layer'} on a canvas.",
            f"In every picture the cells of {COLOURS[0]} are empty, and all others are ink.",
            f"Start with a canvas {self.size.words()}, all {colour}.",
        ]
        lines = [f"# {sentences[-1]}", *self.size.lines(self.base)]
        for place, layer in enumerate(self.layers, 1):
            sentences.append(f"Layer {place}: {layer.words()}")
            lines += [f"# {sentences[-1]}", *layer.lines(self.size.shapes)]
        return Piece(sentences, lines, self.functions(), self.told())

    def canvases(self, number: int) -> Iterator[Array]:
        """The canvas of the input of that number as it is at first and after each layer."""
        canvas = np.full(self.size.shapes[number], self.base)
        yield canvas
        for layer in self.layers:
            canvas = layer.over(canvas, number)
            yield canvas

    def functions(self) -> list[Callable[..., object]]:
        """The functions that the lines may name."""
        made = [one for step in self.steps() for one in step.functions()]
        return [whole, *made, laid_out]

    def told(self) -> list[tuple[str, str]]:
        """The functions of the pieces with what they do."""
        return [step.told() for step in self.steps()]

    def steps(self) -> list[Operation]:
        """The operations that make the pieces."""
        laid = [one for layer in self.layers for one in (layer.drawn, layer.mask)]
        pieces = [one.piece for one in laid] + ([self.size.piece] if self.size.piece else [])
        return [step for piece in pieces for step in piece.steps]


def laid_out(picture: Picture, shape: tuple[int, ...], laying: str) -> Any:
    """Lay the picture on a canvas of that shape, 0 where it is not; None if it does not fit."""
    (tall, wide), block = picture.cells.shape, picture.cells
    if laying == "stretched":
        if shape[0] % tall or shape[1] % wide:
            return None
        return block.repeat(shape[0] // tall, axis=0).repeat(shape[1] // wide, axis=1)
    top, left = (0, 0) if laying == "corner" else (picture.top, picture.left)
    if laying in ("place", "corner"):
        canvas = np.zeros(shape, int)
        shown = block[
            max(-top, 0) : max(shape[0] - top, 0), max(-left, 0) : max(shape[1] - left, 0)
        ]
        canvas[max(top, 0) :, max(left, 0) :][: shown.shape[0], : shown.shape[1]] = shown
        return canvas
    if laying == "mirrored":
        block = np.vstack(
            [np.hstack([block, block[:, ::-1]]), np.hstack([block[::-1], block[::-1, ::-1]])]
        )
    elif laying == "spaced":
        block = np.pad(block, ((0, 1), (0, 1)))
    rows, columns = np.arange(shape[0]) - top, np.arange(shape[1]) - left
    return block[rows % block.shape[0]][:, columns % block.shape[1]]
