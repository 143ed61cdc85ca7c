"""The order of attempts: the best rule, then the best stack that says otherwise, then the rest."""

import numpy as np

from agents.program_search.search.candidates import Candidate, Search, ranked
from agents.program_search.search.properties import broken, properties_of
from agents.program_search.solving import Answer, answers_of, solve
from utilities.tasks.task import Pair, Task


def candidate(answer: int, search: Search, *, strong: bool = True, cost: float = 5.0) -> Candidate:
    """A program for one train pair and one test input, which it answers by one cell."""
    outputs = (np.array([[9]]), np.array([[answer]]))
    return Candidate((), None, cost, outputs, left_out=(strong,), search=search)


def rule(answer: int, *, strong: bool = True, cost: float = 5.0) -> Candidate:
    return candidate(answer, "rules", strong=strong, cost=cost)


def stack(answer: int, *, strong: bool = True, cost: float = 5.0) -> Candidate:
    return candidate(answer, "stacking", strong=strong, cost=cost)


def answers(*candidates: Candidate) -> list[Answer]:
    rules, stacks = (
        ranked([one for one in candidates if one.search == search], 1)
        for search in ("rules", "stacking")
    )
    return answers_of(rules, stacks, (), [np.array([[8]]), np.array([[7]])], [np.array([[9]])])


def order(*candidates: Candidate) -> list[tuple[int, str]]:
    """What each attempt answers, and which search it is of."""
    return [
        (int(one.programs[0].outputs[1][0, 0]), one.evidence.search) for one in answers(*candidates)
    ]


def test_the_best_rule_comes_first_then_the_best_stack_then_the_other_rules_and_stacks() -> None:
    found = order(rule(1), rule(2, cost=6), stack(3), stack(4, cost=6))
    assert found == [(1, "rules"), (3, "stacking"), (2, "rules"), (4, "stacking")]


def test_a_stack_that_answers_as_the_rule_does_gives_its_place_to_the_next() -> None:
    found = answers(rule(1), rule(2, cost=6), stack(1), stack(4, cost=6))
    assert [int(one.programs[0].outputs[1][0, 0]) for one in found] == [1, 4, 2]
    assert [one.search for one in found[0].programs] == ["rules", "stacking"]
    assert [one.evidence.other for one in found] == ["same", "different", "different"]


def test_without_a_rule_the_stacks_come_first() -> None:
    assert order(stack(3), stack(4, cost=6)) == [(3, "stacking"), (4, "stacking")]
    assert answers(stack(3))[0].evidence.other == "none"


def test_without_a_stack_the_rules_follow_each_other() -> None:
    assert order(rule(1), rule(2, cost=6)) == [(1, "rules"), (2, "rules")]


def test_a_stack_found_again_goes_before_a_rule_whose_check_failed() -> None:
    found = order(rule(1, strong=False, cost=1), rule(2, strong=False, cost=2), stack(3, cost=20))
    assert found == [(3, "stacking"), (1, "rules"), (2, "rules")]


def test_a_rule_goes_first_if_its_checks_passed_or_the_stacks_failed_as_well() -> None:
    for rule_is_strong, stack_is_strong in ((True, True), (True, False), (False, False)):
        found = order(rule(1, strong=rule_is_strong), stack(3, strong=stack_is_strong, cost=1))
        assert found == [(1, "rules"), (3, "stacking")]


def test_the_places_of_answers_are_those_of_the_attempts() -> None:
    found = answers(rule(1, strong=False), rule(2, strong=False, cost=6), stack(3))
    assert [one.evidence.place for one in found] == [0, 1, 2]
    assert [one.evidence.passed for one in found] == [True, False, False]


def test_a_task_that_many_rules_fit_gets_one_attempt_of_each_search() -> None:
    shown = Pair([[2, 2, 2], [1, 0, 0]], [[2, 2, 2]]), Pair([[2, 2], [0, 1]], [[2, 2]])
    task = Task("rows", shown, (Pair([[1, 0, 0], [2, 2, 2]], None),))
    found = solve(task, best_of=2, search_budget=1_000_000)
    assert [one.search for one in found] == ["rules", "stacking"]
    assert found[0].outputs[2] != found[1].outputs[2]


def test_an_answer_that_breaks_what_all_pairs_have_in_common_comes_last() -> None:
    inputs = [np.array([[1, 0]]), np.array([[0, 2]]), np.array([[3, 0]])]
    outputs = [np.array([[0, 1]]), np.array([[2, 0]])]
    moved, erased = (
        Candidate((), None, cost, (*outputs, np.array([made])))
        for cost, made in ((9.0, [0, 3]), (1.0, [0, 0]))
    )
    found = answers_of(ranked([moved, erased], 2), [], (True, True), inputs, outputs)
    assert [one.programs for one in found] == [[moved], [erased]]
    assert [one.evidence.kind() for one in found][1] == "unlike the pairs"
    assert [one.evidence.is_found() for one in found] == [False, False]


def test_one_pair_has_nothing_in_common_with_others() -> None:
    grids = [np.array([[1, 0]]), np.array([[0, 2]])]
    assert properties_of(grids, [np.array([[0, 1]])]) == {}


def test_what_pairs_have_in_common_is_told_with_its_colours() -> None:
    inputs = [np.array([[1, 0]]), np.array([[0, 1]])]
    common = properties_of(inputs, [np.array([[1, 3]]), np.array([[3, 1]])])
    lost = list(broken(common, np.array([[1, 0]]), np.array([[1, 4]])))
    assert "the colours that cells take are green (3)" in lost
    assert "only background is filled" in common
    assert "only background is filled" not in lost
