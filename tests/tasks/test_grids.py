"""What is a grid, and how grids and tasks are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from utilities.tasks.grids import COLOUR_NAMES, check_grid, describe_shape, grid_to_text
from utilities.tasks.hashes import content_hash
from utilities.tasks.task import Pair, Task, task_from_json

TASK = Task(
    "00d62c1b",
    train=(Pair([[1]], [[2]]), Pair([[3]], [[4]])),
    test=(Pair([[5]], [[6]]),),
)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is null, not a list of rows"),
        ("012", "is of type str, not a list of rows"),
        ([], "has no rows"),
        ([[]], "has empty rows"),
        ([[], [1]], "has ragged rows (0, 1)"),
        ([[1, 2, 3], [1, 2, 3, 4], [1, 2, 3]], "has ragged rows (3, 4)"),
        ([[1], 2], "has no list of colours as row 1"),
        ([[0]] * 31, "has 31 rows; a grid has at most 30"),
        ([[0] * 31], "has 31 columns; a grid has at most 30"),
        ([[0] * 6, [0] * 6, [0] * 5 + [11]], "holds 11 at row 2, column 5; colours are 0-9"),
        ([[-1]], "holds -1 at row 0, column 0; colours are 0-9"),
        ([[0, True]], "holds true at row 0, column 1; colours are 0-9"),
        ([[1.0]], "holds 1.0 at row 0, column 0; colours are 0-9"),
        ([["1"]], 'holds "1" at row 0, column 0; colours are 0-9'),
        ([[None]], "holds null at row 0, column 0; colours are 0-9"),
        ([[float("nan")]], "holds NaN at row 0, column 0; colours are 0-9"),
        ([[[1] * 99]], "holds [1, 1, 1, 1, 1, 1, 1,... at row 0, column 0; colours are 0-9"),
    ],
)
def test_what_is_no_grid_is_told_with_its_reason(value: object, reason: str) -> None:
    assert check_grid(value) == reason


def test_a_cell_of_endless_lists_is_told_too() -> None:
    cell: list[object] = []
    for _ in range(5000):
        cell = [cell]
    assert check_grid([[0, cell]]) == (
        "holds a list in lists in lists at row 0, column 1; colours are 0-9"
    )


@pytest.mark.parametrize("value", [[[0]], [[9] * 30] * 30, [list(range(10))]])
def test_every_colour_and_every_size_up_to_thirty_is_a_grid(value: object) -> None:
    assert check_grid(value) is None


def test_text_is_a_line_of_spaced_digits_for_each_row() -> None:
    assert grid_to_text([[0, 7, 7], [7, 0, 7]]) == "0 7 7\n7 0 7"


def test_a_shape_is_said_in_words_with_its_own_plurals() -> None:
    assert describe_shape([[1, 2, 3, 4]] * 3) == "3 rows × 4 columns"
    assert describe_shape([[1]]) == "1 row × 1 column"


def test_the_ten_colours_have_ten_names() -> None:
    assert len(set(COLOUR_NAMES)) == 10
    assert (COLOUR_NAMES[0], COLOUR_NAMES[5], COLOUR_NAMES[9]) == ("black", "grey", "maroon")


def test_a_renamed_task_keeps_its_content_hash() -> None:
    assert content_hash(replace(TASK, task_id="other")) == content_hash(TASK)


def test_a_changed_cell_changes_the_content_hash() -> None:
    changed = replace(TASK, test=(Pair([[5]], [[7]]),))

    assert content_hash(changed) != content_hash(TASK)


def test_without_test_outputs_solved_and_unsolved_task_have_one_hash() -> None:
    unsolved = TASK.without_test_outputs()

    assert content_hash(TASK) != content_hash(unsolved)
    assert content_hash(TASK, with_test_outputs=False) == content_hash(unsolved)


def test_a_task_survives_json() -> None:
    assert task_from_json(TASK.task_id, TASK.to_json()) == TASK


PAIR = {"input": [[1]], "output": [[2]]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "is of type list, not an object with train and test"),
        ({"test": [PAIR]}, "has no train"),
        ({"train": [PAIR]}, "has no test"),
        ({"train": [], "test": [PAIR]}, "has no train pair"),
        ({"train": [PAIR], "test": []}, "has no test pair"),
        ({"train": {}, "test": [PAIR]}, "has a train of type dict, not a list of pairs"),
        (
            {"train": [[[1]]], "test": [PAIR]},
            "train[0] is of type list, not an object with input and output",
        ),
        ({"train": [{"output": [[1]]}], "test": [PAIR]}, "train[0] has no input"),
        ({"train": [PAIR, {"input": [[1]]}], "test": [PAIR]}, "train[1] has no output"),
        ({"train": [PAIR], "test": [{"input": []}]}, "test[0].input has no rows"),
        (
            {"train": [PAIR, {"input": [[1]], "output": [[1, 2, 3], [1, 2, 3, 4]]}], "test": []},
            "train[1].output has ragged rows (3, 4)",
        ),
        (
            {"train": [PAIR], "test": [{"input": [[1]], "output": 3}]},
            "test[0].output is of type int, not a list of rows",
        ),
    ],
)
def test_what_is_no_task_is_told_with_its_reason(content: object, reason: str) -> None:
    assert task_from_json("x", content) == reason


@pytest.mark.parametrize("test_pair", [{"input": [[1]]}, {"input": [[1]], "output": None}])
def test_a_test_output_may_be_missing_or_null(test_pair: object) -> None:
    task = task_from_json("x", {"train": [PAIR], "test": [test_pair]})

    assert isinstance(task, Task)
    assert task.test == (Pair([[1]], None),)
