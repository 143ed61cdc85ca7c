"""A stack: pieces laid over each other on a canvas, and how programs and traces tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from agents.program_search.search.candidates import Piece
from agents.program_search.stacking.pictures import LAYINGS, Operation, laid_out, whole
from agents.program_search.stacking.pieces import PieceState
from agents.program_search.stacking.sizes import Shape, SizeRule
from agents.program_search.transforms.registry import COLOURS

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
        covers = self.piece.is_flat() and self.laying in ("place", "corner")
        sizes = [one.cells.shape for one in self.piece.values]
        if covers and sizes == list(shapes):
            return self.piece.cells()
        return f"laid_out({self.piece.picture()}, answer.shape, {self.laying!r})"


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
            cells = f"draw it only where another picture is {CELLS[self.where]}"
            return f"{self.drawn.words()}; {cells}: {self.mask.words()}."
        colour = COLOURS.get(self.paint or 0, f"{(self.paint or 0) - 10}, whatever its rank,")
        if self.where == "all":
            drawn = "draw all of it, empty cells too"
        elif self.paint is None:
            drawn = "draw its ink"
        else:
            drawn = f"draw {colour} where it is {CELLS[self.where]}"
        return f"{self.drawn.words()}; {drawn}."

    def lines(self, shapes: Sequence[Shape]) -> list[str]:
        """The lines that draw it on `answer`, a canvas of these shapes."""
        lines, code = self.drawn.piece.lines(), self.drawn.code(shapes)
        if self.where == "all":
            return [*lines, f"answer = {code}"]
        mask = layer = code if code in ("grid", "picture") else "layer"
        if self.mask != self.drawn:
            code, mask, layer = self.mask.code(shapes), "mask", "layer"
            lines += [f"layer = {self.drawn.code(shapes)}", *self.mask.piece.lines()]
            lines += [f"mask = {code}"]
        elif layer == "layer":
            lines += [f"layer = {code}"]
        sign = "!=" if self.where == "ink" else "=="
        paint = layer if self.paint is None else self.paint
        return [*lines, f"answer = np.where({mask} {sign} 0, {paint}, answer)"]


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Layers, the undermost first, on a canvas of one colour; the finish of a program."""

    size: SizeRule
    base: int
    layers: tuple[Layer, ...]

    def piece(self, variable: str) -> Piece:
        """The canvas, then a sentence and some lines for each layer; they compute `answer`."""
        del variable  # a stack begins with the input grid
        colour, number = COLOURS.get(self.base, self.base), len(self.layers)
        sentences = [
            f"Draw {f'{number} pictures' if number > 1 else 'one picture'} on a canvas.",
            f"Empty cells are those of {COLOURS[0]}; pictures are see-through there.",
            f"Start with a canvas {self.size.words()}, all {colour}.",
        ]
        lines = [f"# {sentences[-1]}", *self.size.lines(self.base)]
        for place, layer in enumerate(self.layers, 1):
            sentences.append(f"Layer {place}: {layer.words()}")
            lines += [f"# {sentences[-1]}", *layer.lines(self.size.shapes)]
        return Piece(sentences, lines, self.functions(), self.told())

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
