"""Grids as text, in several notations; `grid_to_text` writes the usual one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from utilities.command_line.words import names_among
from utilities.tasks.grids import COLOUR_NAMES, COLOURS, Rows, describe_shape, grid_to_text

ROWS = "rows"
"""The format of a run that names none."""


@dataclass(frozen=True, slots=True)
class GridFormat:
    """A notation of grids."""

    title: str
    """Follows `as`, over a grid that is written in several formats."""
    description: str
    """Follows `Grids are written as`."""
    write: Callable[[Rows], str]


def _digits(grid: Rows) -> str:
    return "\n".join("".join(map(str, row)) for row in grid)


def _json(grid: Rows) -> str:
    return "[" + ",\n ".join(json.dumps(list(row)) for row in grid) + "]"


def _words(grid: Rows) -> str:
    return "\n".join(" ".join(COLOUR_NAMES[cell] for cell in row) for row in grid)


def _coordinates(grid: Rows) -> str:
    lines = [describe_shape(grid)]
    for colour in range(1, COLOURS):
        cells = [
            f"({row},{column})"
            for row, cells in enumerate(grid, start=1)
            for column, cell in enumerate(cells, start=1)
            if cell == colour
        ]
        if cells:
            lines.append(f"{colour}: {' '.join(cells)}")
    return "\n".join(lines)


FORMATS: Mapping[str, GridFormat] = {
    ROWS: GridFormat(
        "rows of numbers",
        "rows, one line a row, with the numbers separated by spaces",
        grid_to_text,
    ),
    "digits": GridFormat(
        "digits", "digits, one line a row, with nothing between the numbers", _digits
    ),
    "json": GridFormat("JSON", "JSON, a list of rows, each of them a list of numbers", _json),
    "words": GridFormat(
        "words", "words, one line a row, each cell by the name of its colour", _words
    ),
    "coordinates": GridFormat(
        "coordinates",
        "coordinates: first a line with the size, then for each colour but 0 a line with the "
        "number of the colour and its cells, as (row,column) counted from 1 at the top left; "
        "cells that are in no line are 0",
        _coordinates,
    ),
}


def formats_in(text: str) -> tuple[str, ...]:
    """Names of FORMATS, from a comma list, each once; the first is the one of the answers."""
    return names_among(tuple(FORMATS), text)


def grid_in(formats: tuple[str, ...], title: str, grid: Rows) -> str:
    """A grid under its title and shape, in each of the formats."""
    first, *others = formats
    parts = [f"{title} ({describe_shape(grid)}):\n{FORMATS[first].write(grid)}"]
    parts += [f"{title} as {FORMATS[one].title}:\n{FORMATS[one].write(grid)}" for one in others]
    return "\n\n".join(parts)
