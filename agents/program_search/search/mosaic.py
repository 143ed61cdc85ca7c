"""A mosaic: the output is a table of copies of the picture, each turned, mirrored or blank."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.program_search.search.candidates import Candidate, State
from agents.program_search.transforms.pictures import SYMMETRIES, turned
from agents.program_search.transforms.registry import LARGEST_SIDE, Array
from agents.program_search.transforms.words import listing

MOST_TILES = 36
BASE_COST = 1.5
TILE_COST = 0.2
TILES = {"same": "as it is", **SYMMETRIES, "blank": "blank"}
SWAPPING = list(SYMMETRIES)[3:]
"""Symmetries that swap height and width."""
Plan = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Mosaic:
    """For each place of the table, how the copy there is laid."""

    plan: Plan

    def sentences(self) -> list[str]:
        """The table's size, then its rows."""
        lines = [f"Lay out a table of {len(self.plan)}×{len(self.plan[0])} copies."]
        for number, row in enumerate(self.plan, 1):
            lines.append(f"Row {number}: {listing(TILES[tile] for tile in row)}.")
        return lines

    def code(self, variable: str) -> list[str]:
        """Lines that compute `answer`."""
        rows = [f"    {list(row)}," for row in self.plan]
        return ["plan = [", *rows, "]", f"answer = mosaic({variable}, plan)"]

    def functions(self) -> list[Callable[..., Any]]:
        """The function that lays the copies."""
        return [mosaic]


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
    if table is None:
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


def table_of(pictures: Sequence[Array], outputs: Sequence[Array]) -> tuple[int, int] | None:
    """How many copies the outputs hold down and across, if it is the same in every pair."""
    tables = {
        (divmod(wanted.shape[0], one.shape[0]), divmod(wanted.shape[1], one.shape[1]))
        for one, wanted in zip(pictures, outputs, strict=True)
    }
    (down, left_down), (across, left_across) = next(iter(tables))
    if len(tables) > 1 or left_down or left_across or not 2 <= down * across <= MOST_TILES:
        return None
    return down, across


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
