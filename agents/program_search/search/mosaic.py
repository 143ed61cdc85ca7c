"""A mosaic: the output is a table of copies of the picture, each turned, mirrored or blank."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agents.program_search.search.candidates import Candidate, Piece, State
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import LARGEST_SIDE, Array

MOST_TILES = 36
BASE_COST = 1.5
TILE_COST = 0.2
TILES = {"same": "as it is", **SYMMETRIES, "blank": "blank"}
SWAPPING = list(SYMMETRIES)[3:]
"""Symmetries that swap height and width."""
Plan = tuple[tuple[str, ...], ...]


class Mosaic(NamedTuple):
    """For each place of the table, how the copy there is laid."""

    plan: Plan

    def piece(self, variable: str) -> Piece:
        """The table's size and its rows; the lines compute `answer`."""
        words = [f"Lay out a table of {len(self.plan)}×{len(self.plan[0])} copies of the grid."]
        left = ", from the left" if len(self.plan[0]) > 1 else ""
        for number, row in enumerate(self.plan, 1):
            words.append(f"Row {number}{left}: {'; '.join(TILES[tile] for tile in row)}.")
        tiles = {"same": variable, "blank": f"np.zeros_like({variable})"}
        turns = {tile: f"turned({variable}, {tile!r})" for tile in SYMMETRIES}
        rows = [f"[{', '.join((tiles | turns)[tile] for tile in row)}]" for row in self.plan]
        used = {tile for row in self.plan for tile in row}
        lines = [f"answer = np.block([{', '.join(rows)}])"]
        return Piece(words, lines, [turned] if used & set(turns) else [])


def mosaic(picture: Array, plan: Sequence[Sequence[str]]) -> Array:
    """The table of copies that the plan describes."""
    return np.block([[laid(picture, tile) for tile in row] for row in plan])


def laid(picture: Array, tile: str) -> Array:
    """One copy: as it is, blank (black), or under a symmetry."""
    if tile == "blank":
        return np.zeros_like(picture)
    return picture if tile == "same" else turned(picture, tile)


def learn_mosaic(state: State, outputs: Sequence[Array]) -> list[Candidate]:
    """The mosaic that turns the state's pictures into the outputs, if there is one."""
    pictures = state.grids[: len(outputs)]
    table = table_of(pictures, outputs)
    if table is None or table[0] * table[1] > MOST_TILES:
        return []
    options = [tiles_of(one, wanted, table) for one, wanted in zip(pictures, outputs, strict=True)]
    plan = plan_of(options, table)
    turns = any(tile in SWAPPING for row in plan for tile in row)
    if not all(map(all, plan)) or (turns and any(g.shape[0] != g.shape[1] for g in state.grids)):
        return []
    cost = state.cost + BASE_COST + TILE_COST * table[0] * table[1]
    others = ([*options[:pair], *options[pair + 1 :]] for pair in range(len(options)))
    left_out = tuple(plan_of(one, table) == plan for one in others)
    laid_out = tuple(mosaic(grid, plan) for grid in state.grids)
    if any(max(grid.shape) > LARGEST_SIDE for grid in laid_out):
        return []
    return [Candidate(state.steps, Mosaic(plan), cost, laid_out, left_out)]


def table_of(small: Sequence[Array], large: Sequence[Array]) -> tuple[int, int] | None:
    """How many small grids a large one holds down and across, if more than one.

    None unless they are the same whole numbers for all grids.
    """
    tables = {
        (divmod(long.shape[0], short.shape[0]), divmod(long.shape[1], short.shape[1]))
        for short, long in zip(small, large, strict=True)
    }
    (down, left_down), (across, left_across) = next(iter(tables))
    is_whole = len(tables) == 1 and not left_down and not left_across
    return (down, across) if is_whole and down * across > 1 else None


def tiles_of(picture: Array, wanted: Array, table: tuple[int, int]) -> list[list[str]]:
    """For each place in reading order the tiles that are right there."""
    height, width = picture.shape
    copies = {tile: laid(picture, tile) for tile in TILES}
    return [
        [
            tile
            for tile, copy in copies.items()
            if np.array_equal(copy, wanted[row * height :, column * width :][:height, :width])
        ]
        for row in range(table[0])
        for column in range(table[1])
    ]


def plan_of(options: Sequence[list[list[str]]], table: tuple[int, int]) -> Plan:
    """For each place the first tile that is right in all pairs; "" if there is none."""
    tiles = [
        next((tile for tile in TILES if all(tile in one for one in place)), "")
        for place in zip(*options, strict=True)
    ]
    return tuple(tuple(tiles[row * table[1] :][: table[1]]) for row in range(table[0]))
