"""Grids in the notations that a prompt can ask for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.reply_parsing import extract_grids
from utilities.tasks.grids import COLOUR_NAMES
from utilities.tasks.task import Grid
from utilities.views.formats import FORMATS

any_grid = st.tuples(st.integers(1, 30), st.integers(1, 30), st.randoms(use_true_random=False)).map(
    lambda drawn: [
        [drawn[2].choice((0, 0, 3, 9)) for _ in range(drawn[1])] for _ in range(drawn[0])
    ]
)
small_grid = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=4
    )
)
GRID = [[0, 1, 2], [3, 4, 5]]


def answered(grids: list[Grid], name: str) -> str:
    """A reply in the form that the prompt asks for."""
    return "\n\n".join(
        f"Test output {number}:\n```\n{FORMATS[name].write(grid)}\n```"
        for number, grid in enumerate(grids, start=1)
    )


@pytest.mark.parametrize("name", FORMATS)
@given(grids=st.lists(any_grid | small_grid, min_size=1, max_size=3))
def test_an_answer_in_the_form_that_the_prompt_asks_for_is_read(
    name: str, grids: list[Grid]
) -> None:
    assert list(extract_grids(answered(grids, name), len(grids), (name,))) == grids


@pytest.mark.parametrize("name", FORMATS)
@given(shown=small_grid, grids=st.lists(small_grid, min_size=1, max_size=2))
def test_train_pairs_that_the_reasoning_repeats_are_no_answers(
    name: str, shown: Grid, grids: list[Grid]
) -> None:
    text = FORMATS[name].write(shown)
    said = f"Train pair 1 output:\n```\n{text}\n```\nThe rule is clear.\n\n"
    assert list(extract_grids(said + answered(grids, name), len(grids), (name,))) == grids


@pytest.mark.parametrize("asked", FORMATS)
def test_an_answer_in_rows_is_read_whatever_the_prompt_asked_for(asked: str) -> None:
    assert extract_grids(answered([GRID], "rows"), 1, (asked,)) == (GRID,)


def test_words_that_no_prompt_asked_for_are_not_read() -> None:
    assert extract_grids(answered([GRID], "words"), 1) == (None,)


@pytest.mark.parametrize(
    "text",
    [
        '[["black", "blue", "red"], ["green", "yellow", "grey"]]',
        "Black Blue Red\nGreen Yellow Gray",
        "black, blue, red\ngreen, yellow, grey",
        "| black | blue | red |\n| green | yellow | grey |",
    ],
)
def test_names_of_colours_may_be_written_otherwise(text: str) -> None:
    assert extract_grids(f"Test output 1:\n```\n{text}\n```", 1, ("words",)) == (GRID,)


@pytest.mark.parametrize(
    "text",
    [
        "2 rows × 3 columns\n1: (1,2)\n2: (1, 3)\n3: (2,1)\n4: (2,2)\n5: (2,3)",
        "2 rows x 3 columns:\n0: (1,1)\n1: (1,2), (1,2)\n2: (1,3)\n3: (2,1)\n4: (2,2)\n5: (2,3),",
        "2 rows by 3 columns\n1 (blue): (1,2)\n2 red: (1,3)\n3: (2,1)\n4: (2,2)\n5: (2,3)",
    ],
)
def test_coordinates_may_be_written_otherwise(text: str) -> None:
    assert extract_grids(f"Test output 1:\n```\n{text}\n```", 1, ("coordinates",)) == (GRID,)


@pytest.mark.parametrize(
    "text",
    [
        "2 rows × 3 columns\n1: (1,2)\n2: (3,1)",
        "2 rows × 3 columns\n1: (0,2)",
        "2 rows × 3 columns\n1: (1,2)\n2: (1,2)",
        "31 rows × 3 columns\n1: (1,2)",
        "0 rows × 3 columns",
    ],
)
def test_coordinates_that_make_no_grid_are_not_guessed_at(text: str) -> None:
    assert extract_grids(f"Test output 1:\n```\n{text}\n```", 1, ("coordinates",)) == (None,)


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        *((start, " ") for start in ("2 rows", "2 rows × ", "1", "1 (blue)", "1:", "red")),
        *(("1:", again) for again in (" (1,2)", "* ", "1: (1,2)\n", "2 rows\n")),
    ],
)
def test_no_line_takes_more_than_linear_time(start: str, repeated: str) -> None:
    text = f"{start}{repeated * 100_000}x"
    assert extract_grids(text, 1, ("words", "coordinates")) is not None


def test_a_large_grid_of_words_may_stand_in_one_line() -> None:
    grid = [[(row + column) % 10 for column in range(30)] for row in range(30)]
    text = json.dumps([[COLOUR_NAMES[cell] for cell in row] for row in grid])
    assert extract_grids(f"Test output 1:\n```\n{text}\n```", 1, ("words",)) == (grid,)


def test_a_size_in_a_sentence_is_no_grid() -> None:
    said = "The output has\n3 rows × 4 columns\nand nothing in it."
    assert extract_grids(said, 1, ("coordinates",)) == (None,)


def test_every_name_of_a_colour_is_one_word_of_letters() -> None:
    assert all(name.isalpha() and name.islower() for name in COLOUR_NAMES)
