"""A judge of answers: how its replies are read, and in which order it sees the candidates."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.attempt_judge import order_of_call, parse_choice, points_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("First: 2\nSecond: 1", (1, 0)),
        ("**First choice:** Candidate 3\n\n**Second choice:** Candidate #1.", (2, 0)),
        ('```json\n{"first": 2, "second": 3}\n```', (1, 2)),
        ("First: **2** (the mirrored one)\nSecond: none", (1, None)),
        ("<first>3</first>\n<second>2</second>", (2, 1)),
        ("The first is candidate 2.\nThe second is the answer 1.", (1, 0)),
        ("First — 1\nSecond — 1", (0, None)),
        ("First: 1\nSecond: 2\nNo, the other way round.\nFirst: 2\nSecond: 1", (1, 0)),
        ("FIRST = 2", (1, None)),
        ("Both rules hold, but\n\n2, 3", (1, 2)),
        ("So it is\n\\boxed{3}", (2, None)),
        ("First: 4\nSecond: 1", (None, None)),
        ("First: 0\nSecond: 2", (None, None)),
        ("First: none\nSecond: 2", (None, None)),
        ("First: 2 objects move, then 3 fall.", (None, None)),
        ("First, 2 rows are drawn.", (None, None)),
        ("I cannot tell.", (None, None)),
        ("First: 99999999999999999999999", (None, None)),
        ("", (None, None)),
    ],
)
def test_choices_are_read_in_any_usual_form(
    text: str, expected: tuple[int | None, int | None]
) -> None:
    assert parse_choice(text, 3) == expected


@pytest.mark.parametrize("filler", ["-", " ", "*", "first ", "first:", "first-", "1, ", "=\n"])
def test_a_reply_of_any_length_is_read_in_time_linear_in_it(filler: str) -> None:
    parse_choice("first" + filler * 200_000, 3)


def test_two_points_for_a_first_choice_and_one_for_a_second() -> None:
    calls = [
        {"first": 1, "second": 0},
        {"first": 2, "second": 1},
        {"first": None, "second": None},
        {"status": "timed_out"},
        {"first": 1, "second": None},
    ]
    assert points_of(calls, 3) == [1, 5, 2]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_judge_that_always_takes_the_first_two_gives_all_the_same(count: int) -> None:
    names = [f"answer {number}" for number in range(count)]
    orders = [order_of_call(names, call, "task") for call in range(4 * count)]
    calls = [{"first": order[0], "second": order[1]} for order in orders]
    assert set(points_of(calls, count)) == {12}
    assert all(sorted(order) == list(range(count)) for order in orders)


def test_the_order_depends_on_the_answers_alone_and_not_on_their_ranks() -> None:
    shown = [["ab", "cd", "ef"], ["ef", "ab", "cd"]]
    for call in range(6):
        seen = [[names[at] for at in order_of_call(names, call, "t")] for names in shown]
        assert seen[0] == seen[1]


def test_over_many_tasks_each_place_is_as_likely() -> None:
    begun = Counter(order_of_call(["a", "b", "c", "d"], 0, f"{task}")[0] for task in range(400))
    assert min(begun.values()) > 60
