"""Grids in texts are found and hidden, whatever their notation."""

from __future__ import annotations

import json

import pytest

from agents.quoted_grids import HIDDEN, TextWithGrids
from utilities.tasks.grids import COLOUR_NAMES
from utilities.tasks.task import Grid
from utilities.views.formats import FORMATS

GRID: Grid = [[0, 5, 3, 3], [1, 0, 2, 9], [4, 4, 0, 7]]
SMALL: Grid = [[0, 1], [2, 3]]
ROWS = [" ".join(map(str, row)) for row in GRID]
IN_WORDS = [", ".join(COLOUR_NAMES[cell] for cell in row) for row in GRID]
NOTATIONS = {
    "rows": "\n".join(ROWS),
    "JSON": json.dumps(GRID),
    "indented JSON": json.dumps(GRID, indent=4),
    "digits": "\n".join("".join(map(str, row)) for row in GRID),
    "a table": "\n".join(f"| {' | '.join(map(str, row))} |" for row in GRID),
    "labelled rows": "\n".join(f"Row {n}: {row}" for n, row in enumerate(ROWS, 1)),
    "numbered rows": "\n".join(f"{n}: {row}" for n, row in enumerate(ROWS, 1)),
    "one line": " / ".join(ROWS),
    "ordinals": f"First row: {ROWS[0]}\nSecond row: {ROWS[1]}\n3rd row: {ROWS[2]}",
    "a numbered list": "\n".join(f"{n}. {row}" for n, row in enumerate(ROWS, 1)),
    "a sentence": f"row 1 is {ROWS[0]}, row 2 is {ROWS[1]}, and the third row is {ROWS[2]}.",
    "other names": "\n".join(IN_WORDS).replace("maroon", "brown").replace("grey", "gray"),
    "names of colours": "\n".join(IN_WORDS).replace("grey", "Gray"),
    "words": FORMATS["words"].write(GRID),
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_grid_is_hidden_in_every_notation(notation: str) -> None:
    text = f"The first output is\n{NOTATIONS[notation]}\nand that is all: 3 steps."
    shown = TextWithGrids(text).without([GRID])
    assert HIDDEN in shown
    assert "and that is all: 3 steps." in shown
    assert not TextWithGrids(shown).places_of(GRID)
    assert TextWithGrids(text).without([[[9, *row[1:]] for row in GRID]]) == text


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("It is [[0, 1], [2, 3]].", True),
        ("Output:\n0 1\n2 3\n", True),
        ("Steps 0, 1, 2, 3 follow.", False),
        ("At (0, 1) and (2, 3) stands red.", False),
        ("Rows 0 1 2 3 are black.", False),
    ],
)
def test_a_small_grid_counts_only_if_it_is_written_as_one(text: str, is_there: bool) -> None:
    assert bool(TextWithGrids(text).places_of(SMALL)) is is_there


def test_a_grid_of_one_colour_is_no_part_of_a_larger_one() -> None:
    black: Grid = [[0] * 4] * 4
    text = "\n".join("0 0 0 0 0 0" for _ in range(6))
    assert TextWithGrids(text).places_of(black) == []


def test_every_quotation_is_hidden_and_overlapping_ones_once() -> None:
    text = f"A:\n{NOTATIONS['rows']}\nB: {NOTATIONS['JSON']}"
    shown = TextWithGrids(text).without([GRID, GRID])
    assert shown.count(HIDDEN) == 2
