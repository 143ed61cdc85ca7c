"""A canonical numbering of colours, so that recoloured copies come out the same.

Colours are the vertices of a graph whose edges are ordered and ranked. Vertices are told apart by
refinement; if that leaves several alike, each is tried, except those that an automorphism found
so far exchanges. The scheme is that of B. McKay, "Practical graph isomorphism" (1981), cut
down to ten vertices.
"""

from collections.abc import Sequence

from utilities.tasks.grids import COLOURS

Edge = tuple[int, bytes]
"""A rank, and the different colours that it joins, in order."""
_Cells = tuple[int, ...]
"""For each colour the number of its cell: colours of one cell are not told apart yet."""


def smallest_labelling(edges: Sequence[Edge]) -> list[Edge]:
    """The edges, sorted, in a numbering of colours that is the same for every recoloured copy."""
    search = _Search(edges)
    search.visit((0,) * COLOURS, ())
    assert search.best is not None
    return search.best


class _Search:
    def __init__(self, edges: Sequence[Edge]) -> None:
        self.best: list[Edge] | None = None
        self._best_cells: _Cells = ()
        self._edges = edges
        self._plain = sorted(edges)
        self._automorphisms: list[_Cells] = []
        self._places: list[list[tuple[int, int, bytes]]] = [[] for _ in range(COLOURS)]
        for rank, colours in edges:
            for place, colour in enumerate(colours):
                self._places[colour].append((rank, place, colours))

    def visit(self, cells: _Cells, chosen: tuple[int, ...]) -> None:
        """Refine, and go on for each colour of the first cell that holds several."""
        cells = self._refined(cells)
        if len(set(cells)) == COLOURS:
            self._conclude(cells)
            return
        several = min(cell for cell in cells if cells.count(cell) > 1)
        tried: list[int] = []
        for colour in range(COLOURS):
            if cells[colour] != several or self._is_exchangeable(colour, tried, chosen):
                continue
            tried.append(colour)
            split = tuple(2 * cell - (at == colour) for at, cell in enumerate(cells))
            self.visit(split, (*chosen, colour))

    def _refined(self, cells: _Cells) -> _Cells:
        """Split cells by how their colours stand to other cells, as long as that splits any."""
        count = len(set(cells))
        while True:
            views = [
                (
                    cells[colour],
                    sorted(
                        (rank, place, tuple(cells[other] for other in colours))
                        for rank, place, colours in self._places[colour]
                    ),
                )
                for colour in range(COLOURS)
            ]
            different: list[object] = []
            for view in sorted(views):
                if not different or different[-1] != view:
                    different.append(view)
            cells = tuple(different.index(view) for view in views)
            if len(different) == count:
                return cells
            count = len(different)

    def _conclude(self, cells: _Cells) -> None:
        """Keep the smallest; an equal one shows an automorphism."""
        labelled = self._renamed(cells)
        if self.best is None or labelled < self.best:
            self.best, self._best_cells = labelled, cells
        elif labelled == self.best:
            self._automorphisms.append(tuple(map(self._best_cells.index, cells)))

    def _is_exchangeable(self, colour: int, tried: list[int], chosen: tuple[int, ...]) -> bool:
        """Whether an automorphism that moves no chosen colour makes it one that was tried."""
        for other in tried:
            swap = list(range(COLOURS))
            swap[colour], swap[other] = other, colour
            if self._renamed(tuple(swap)) == self._plain:
                return True
        return any(
            all(moved[at] == at for at in chosen)
            and (moved[colour] in tried or any(moved[other] == colour for other in tried))
            for moved in self._automorphisms
        )

    def _renamed(self, names: _Cells) -> list[Edge]:
        table = bytes(names).ljust(256, b"\0")
        return sorted((rank, colours.translate(table)) for rank, colours in self._edges)
