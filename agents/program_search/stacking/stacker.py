"""Finds stacks: each layer is right wherever it shows, and adds the most right cells.

Layers are chosen from the uppermost down. What a layer covers need not be right below it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate
from agents.program_search.stacking.layers import LAYINGS, Laid, Layer, Stack, laid_out
from agents.program_search.stacking.pieces import PieceState
from agents.program_search.stacking.sizes import SizeRule
from agents.program_search.transforms.registry import Array

IN_PLACE, AT_CORNER = list(LAYINGS)[:2]
LAYING_COSTS = dict(zip(LAYINGS, (0.0, 0.1, 0.7, 0.9, 1.1, 0.9), strict=True))
DEAREST_SPREAD_OUT = 1.3
"""Dearer pieces are only laid in their place."""
LAYER_COST, PAINT_COST, BASE_COST, MASK_COST, ALL_COST = 1.0, 0.4, 0.3, 0.6, 0.2
MOST_LAYERS = 6
MOST_CELLS = 12_000_000
"""At most so many cells of laid pieces are kept."""
MOST_SHAPES, MOST_MASKED = 120, 3000
"""The cheapest pieces that may be the shape of another's layer, and the pairs of the two."""
COST_STEPS = (0.7, 1.2, 1.7, 2.4, 9.0)
"""Stacks are made of the cheapest options first, then of dearer ones, too."""
LAST_LAYERS_KEPT = 12


class Option(NamedTuple):
    """A layer by the numbers of its rows; where and with what it is drawn."""

    row: int
    mask: int
    where: str
    paint: int | None


class Stacker:
    """Everything that may be laid on canvases of one size, with the cells where it is wrong."""

    def __init__(
        self, states: Sequence[PieceState], size: SizeRule, outputs: Sequence[Array]
    ) -> None:
        """`states` and the shapes of `size` are those of the train, then the test inputs."""
        self.size, self.pairs = size, len(outputs)
        self.ends = np.cumsum([0, *(tall * wide for tall, wide in size.shapes)])
        self.train = int(self.ends[self.pairs])
        self.target = np.concatenate([grid.ravel() for grid in outputs]).astype(np.int8)
        self.laid: list[Laid] = []
        self.rows = self._rows(states)
        self._make_options()

    def _rows(self, states: Sequence[PieceState]) -> Array:
        """The canvases of each laid piece, one after another in a row; equal ones once."""
        rows = dict[bytes, Array]()
        for state in (state for state in states if not state.is_cut):
            for laying in LAYINGS:
                if laying not in (IN_PLACE, AT_CORNER) and state.cost > DEAREST_SPREAD_OUT:
                    break
                row = self._row(state, laying)
                if row is not None and rows.setdefault(row.tobytes(), row) is row:
                    self.laid.append(Laid(state, laying))
            if len(rows) * self.ends[-1] > MOST_CELLS:
                break
        return np.array(list(rows.values()))

    def _row(self, state: PieceState, laying: str) -> Array | None:
        if laying == AT_CORNER and not any(one.top or one.left for one in state.values):
            return None
        flats = []
        for picture, shape in zip(state.values, self.size.shapes, strict=True):
            if picture.cells.shape == shape and laying not in (IN_PLACE, AT_CORNER):
                return None
            canvas = laid_out(picture, shape, laying)
            if canvas is None:
                return None
            flats.append(canvas.astype(np.int8).ravel())
        return np.concatenate(flats)

    def _make_options(self) -> None:
        """Set the options, cheapest first, their costs, and the cells that they draw and spoil."""
        known = self.rows[:, : self.train]
        inked, wrong = known != 0, known != self.target
        prices = np.array([one.piece.cost + LAYING_COSTS[one.laying] for one in self.laid])
        rows = np.arange(len(prices))
        shapes = np.sort(np.unique(np.packbits(inked, axis=1), axis=0, return_index=True)[1])
        fills, masks = masked_pairs(prices, shapes)
        kinds: list[tuple[Array, Array, str, int | None, float]] = [
            (rows, rows, "ink", None, 0.0),
            (rows, rows, "all", None, ALL_COST),
        ]
        for colour in np.unique(self.target).tolist():
            kinds += [(shapes, shapes, where, colour, PAINT_COST) for where in ("ink", "empty")]
        kinds += [(fills, masks, where, None, MASK_COST) for where in ("ink", "empty")]
        options, costs, drawn, spoilt = list[Option](), [], [], []
        for one, by, where, paint, extra in kinds:
            pairs = zip(one.tolist(), by.tolist(), strict=True)
            options += [Option(row, mask, where, paint) for row, mask in pairs]
            costs.append(prices[one] + extra + (prices[by] if extra == MASK_COST else 0.0))
            shape = inked[by] == (where == "ink") if where != "all" else np.ones_like(inked[by])
            drawn.append(shape)
            spoilt.append(shape & (wrong[one] if paint is None else self.target != paint))
        cost, draws, spoils = np.concatenate(costs), words(drawn), words(spoilt)
        useful = np.flatnonzero((draws & ~spoils).any(1))
        order = useful[np.argsort(cost[useful], kind="stable")]
        self.options = [options[number] for number in order.tolist()]
        self.costs, self.draws, self.spoils = cost[order], draws[order], spoils[order]

    def stacks(self, left_out: int | None = None) -> list[Candidate]:
        """The programs that explain all train pairs, or all but the one left out."""
        wanted = np.ones(self.train, bool)
        if left_out is not None:
            wanted[self.ends[left_out] : self.ends[left_out + 1]] = False
        aims = [wanted]
        for start, end in [*pairwise(self.ends.tolist())][: self.pairs]:
            alone = np.zeros(self.train, bool)
            alone[start:end] = wanted[start:end]
            aims += [alone] if alone.any() and not (alone == wanted).all() else []
        found = dict[tuple[tuple[int, ...], int], Candidate | None]()
        for dearest in COST_STEPS:
            within = int(np.searchsorted(self.costs, dearest, "right"))
            for aim in words([np.array(aims)]):
                for stack in self._greedy(words([wanted[None]])[0], aim, within):
                    if stack not in found:
                        found[stack] = self._candidate(*stack)
        return [one for one in found.values() if one is not None]

    def _greedy(
        self, missing: Array, aim: Array, within: int
    ) -> Iterator[tuple[tuple[int, ...], int]]:
        """Options, the uppermost first, and the colour of the canvas below (-1 if none shows).

        `missing` are the cells to explain; the next layer is the one that adds most cells of
        `aim`, the cheapest of several.
        """
        chosen, options = tuple[int, ...](), np.arange(within)
        colours = np.unique(self.target)
        others = words([colours[:, None] != self.target])
        while len(chosen) < MOST_LAYERS:
            for colour in colours[~(others & missing).any(1)].tolist():
                yield chosen, colour
            sound = options[~(self.spoils[options] & missing).any(1)]
            adds = self.draws[sound] & missing
            is_last = (adds == missing).all(1)
            for option in sound[is_last][:LAST_LAYERS_KEPT].tolist():
                yield (*chosen, option), -1
            gains = np.bitwise_count(adds & aim).sum(1, dtype=int)
            if not gains.any():
                return
            best = int(sound[gains.argmax()])
            chosen, missing = (*chosen, best), missing & ~self.draws[best]

    def _candidate(self, chosen: Sequence[int], base: int) -> Candidate | None:
        """The program of these options; None if a cell of a test canvas stays without a colour."""
        canvas = np.full(int(self.ends[-1]), base, np.int8)
        layers, cost = [], self.size.cost + (BASE_COST if base > 0 else 0.0)
        for number in reversed(chosen):
            row, mask, where, paint = self.options[number]
            shape = (self.rows[mask] != 0) == (where == "ink") if where != "all" else slice(None)
            canvas[shape] = self.rows[row][shape] if paint is None else paint
            layers.append(Layer(self.laid[row], self.laid[mask], where, paint))
            cost += float(self.costs[number]) + LAYER_COST
        if (canvas < 0).any():
            return None
        grids = zip(np.split(canvas, self.ends[1:-1]), self.size.shapes, strict=True)
        outputs = tuple(cells.reshape(shape).astype(int) for cells, shape in grids)
        stack = Stack(self.size, max(base, 0), tuple(layers))
        return Candidate((), stack, cost, outputs, search="stacking")


def masked_pairs(prices: Array, shapes: Array) -> tuple[Array, Array]:
    """The cheapest pairs of a row and another one that says by its ink where to draw it."""
    fills, masks = np.arange(min(len(prices), MOST_SHAPES)), shapes[:MOST_SHAPES]
    sums = prices[fills][:, None] + prices[masks]
    order = np.argsort(sums, axis=None, kind="stable")
    fill, mask = np.unravel_index(order, sums.shape)
    different = fills[fill] != masks[mask]
    return fills[fill][different][:MOST_MASKED], masks[mask][different][:MOST_MASKED]


def words(flags: Sequence[Array]) -> Array:
    """The rows of all flags packed into unsigned numbers of 64 bits."""
    packed = np.packbits(np.concatenate(flags), axis=1)
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))).view(np.uint64)
