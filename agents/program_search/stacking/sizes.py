"""How large the output is: rules that hold on every train pair, simplest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from agents.program_search.stacking.pieces import PieceState
from agents.program_search.transforms.registry import LARGEST_SIDE, Array

CONSTANT_COST = 0.4
SCALED_COST = 1.0
MOST_SIZES = 5
DEAREST_SCALED = 1.3
Shape = tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class SizeRule:
    """The canvas is `times` as large as a piece and `plus` larger, or always `plus` (no piece).

    `shapes` are those that it gives for the train, then the test inputs.
    """

    piece: PieceState | None
    times: Shape
    plus: Shape
    cost: float
    shapes: tuple[Shape, ...]

    def words(self) -> str:
        """The size as an attribute of the canvas."""
        if self.piece is None:
            return f"of {self.plus[0]}×{self.plus[1]} cells"
        made = f"the picture that you get so ({self.piece.words()})"
        what = made if self.piece.steps else "the input grid"
        if self.times == (1, 1) and self.plus == (0, 0):
            return f"as large as {what}"
        high = side_words(self.times[0], "high", what, self.plus[0], "row")
        return f"{high}, and {side_words(self.times[1], 'wide', 'that', self.plus[1], 'column')}"

    def lines(self, base: int) -> list[str]:
        """The lines that start `answer` as a canvas of one colour."""
        if self.piece is None:
            return [f"answer = np.full({self.plus}, {base})"]
        shape, start = f"{self.piece.cells()}.shape", self.piece.lines()
        if self.times == (1, 1) and self.plus == (0, 0):
            return [*start, f"answer = np.full({shape}, {base})"]
        return [*start, f"tall, wide = {shape}", f"answer = np.full(({self.sides()}), {base})"]

    def sides(self) -> str:
        """The height and the width as sums."""
        sides = zip(("tall", "wide"), self.times, self.plus, strict=True)
        text = ", ".join(f"{times} * {side} + {plus}" for side, times, plus in sides)
        return text.replace("1 * ", "").replace(" + 0", "").replace("+ -", "- ")


def side_words(times: int, way: str, what: str, plus: int, line: str) -> str:
    """How long one side of the canvas is: `2 times as high as the input grid plus 1 row`."""
    text = f"as {way} as {what}" if times == 1 else f"{times} times as {way} as {what}"
    if not plus:
        return text
    sign, lines = "plus" if plus > 0 else "less", "" if abs(plus) == 1 else "s"
    return f"{text} {sign} {abs(plus)} {line}{lines}"


def size_rules(states: Sequence[PieceState], outputs: Sequence[Array]) -> list[SizeRule]:
    """The cheapest rule for each different tuple of test shapes."""
    wanted, rules = np.array([grid.shape for grid in outputs]), list[SizeRule]()
    pictures = [state for state in states if not state.is_cut]
    shapes = np.array([[one.cells.shape for one in state.values] for state in pictures])
    if (wanted == wanted[0]).all():
        fixed = (int(wanted[0][0]), int(wanted[0][1]))
        shape_everywhere = (fixed,) * shapes.shape[1]
        rules.append(SizeRule(None, (1, 1), fixed, CONSTANT_COST, shape_everywhere))
    cheap = sum(state.cost <= DEAREST_SCALED for state in pictures)
    for a, b, c, d in product(range(1, 6), range(1, 6), range(-3, 4), range(-3, 4)):
        times, plus = (a, b), (c, d)
        is_same = times == (1, 1) and plus == (0, 0)
        looked = shapes if is_same else shapes[: cheap if plus == (0, 0) else 1]
        made = looked * times + plus
        fits = (made[:, : len(wanted)] == wanted).all((1, 2))
        sound = ((made >= 1) & (made <= LARGEST_SIDE)).all((1, 2))
        for place in np.flatnonzero(fits & sound)[:40].tolist():
            state = pictures[place]
            extra = 0.0 if is_same else SCALED_COST + 0.1 * sum(map(abs, plus)) + 0.1 * sum(times)
            shapes_made = tuple((int(tall), int(wide)) for tall, wide in made[place])
            rules.append(SizeRule(state, times, plus, state.cost + extra, shapes_made))
    best: dict[tuple[Shape, ...], SizeRule] = {}
    for rule in sorted(rules, key=lambda one: one.cost):
        best.setdefault(rule.shapes[len(outputs) :], rule)
    return list(best.values())[:MOST_SIZES]
