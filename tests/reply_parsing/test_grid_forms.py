"""Grids in the forms in which models write them, and which of several is the answer."""

import json
from pathlib import Path

import pytest

from agents.reply_parsing import extract_grids

FILES = ("replies_with_grids.jsonl", "more_replies_with_grids.jsonl")
"""Each line has a reply, and the grid of each test input that a person would read."""
NOT_READ = {
    "dimension line above in fence": "nothing tells that 2 2 is a size: it is the first row of a "
    "grid in the form that was asked for",
}
"""Replies of the files that are not read as they want, and why."""

ANSWER, OTHER = [[1, 2, 3], [4, 5, 6]], [[9, 9], [9, 9]]
FENCED = "```\n1 2 3\n4 5 6\n```\n"
FENCED_OTHER = "```\n9 9\n9 9\n```\n"


def test_grids_are_read_as_a_person_would_read_them() -> None:
    files = map(Path(__file__).with_name, FILES)
    cases = [json.loads(line) for file in files for line in file.read_text().split("\n") if line]
    wrong = {
        case["name"]
        for case in cases
        if list(extract_grids(case["reply"], case["test_inputs"])) != case["want"]
    }
    assert wrong == NOT_READ.keys()


@pytest.mark.parametrize("label", ["Test output 1:", "**Answer:**", "Final grid:", "Prediction 1"])
@pytest.mark.parametrize(
    "follows",
    [
        FENCED_OTHER,
        f"I checked it in steps:\n{FENCED_OTHER}",
        "The cells [[9, 9], [9, 9]] changed.",
        "[(9, 9), (9, 9)]",
        f"Train output 1:\n{FENCED_OTHER}",
        f"The test input was:\n{FENCED_OTHER}",
        f"Output:\n{FENCED_OTHER}",
    ],
)
def test_a_labelled_answer_is_not_displaced(label: str, follows: str) -> None:
    assert extract_grids(f"{label}\n{FENCED}\n{follows}", 1) == (ANSWER,)


def test_a_label_that_may_be_of_any_grid_displaces_no_answer() -> None:
    reply = f"Test output 1:\n{FENCED}\nStep by step:\nGrid 1:\n{FENCED_OTHER}"
    assert extract_grids(reply, 1) == (ANSWER,)


def test_answers_in_a_list_are_not_displaced() -> None:
    reply = f"Final answer:\n[{ANSWER}, {OTHER}]\nbecause of the cells [[1, 1], [2, 2]] and [[3]]"
    assert extract_grids(reply, 2) == (ANSWER, OTHER)


@pytest.mark.parametrize(
    "correction",
    [
        "Test output 1:",
        "Correction of output 1:",
        "Output 1 should be",
        "Final answer:",
        "Corrected:",
    ],
)
def test_a_labelled_correction_wins(correction: str) -> None:
    reply = f"Test output 1:\n{FENCED_OTHER}\nNo, that is wrong.\n{correction}\n{FENCED}"
    assert extract_grids(reply, 1) == (ANSWER,)


@pytest.mark.parametrize(
    "given",
    [
        f"Train pair 1:\nInput:\n{FENCED_OTHER}Output:\n{FENCED_OTHER}",
        f"## Example 2\n\nInput (2 rows × 2 columns):\n9 9\n9 9\n\nOutput:\n{FENCED_OTHER}",
        "Pair A: [[9, 9], [9, 9]] -> [[9, 9], [9, 9]]\n",
        f"Training output 3\n{FENCED_OTHER}",
        f"The first example:\n{FENCED_OTHER}",
    ],
)
def test_grids_of_train_pairs_are_no_answers(given: str) -> None:
    assert extract_grids(given, 1) == (None,)
    assert extract_grids(f"{given}\nSo we have\n{FENCED}", 1) == (ANSWER,)
    assert extract_grids(f"The answer is\n{FENCED}\n{given}", 1) == (ANSWER,)


@pytest.mark.parametrize(
    "text",
    [
        "12\n34",
        "In\n2024\n1999\nit was so.",
        "The answer is 5.",
        "- 5\n- 3",
        "12:30\n13:45",
        "1.5 2.5\n3.5 4.5",
        "Output:\n[[1, 2],\n[3, 4],\n[5",
        "[\n  [1, 2],\n  [3, 4],\n  [",
        "The cells (0, 1) and (1, 0) changed.",
        "Size: 3 3",
        "Number of outputs: 2",
        "Test cases: 2",
        "Rows that change:\n- 1\n- 3",
        "Places:\n* 0, 1\n* 1, 0",
        "Test input 1 (2 rows × 2 columns):\n1 2\n3 4",
    ],
)
def test_numbers_that_are_no_answer_stay_unread(text: str) -> None:
    assert extract_grids(text, 1) == (None,)
