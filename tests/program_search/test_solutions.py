"""What `solve` promises of its solutions, on small tasks of ARC-1 training."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from agents.program_search.solving import Solution, solve
from utilities.tasks.task import Grid, Pair, Task

BUDGET = 8_000_000
SMALL_BUDGET = 1_000_000
SMALL_TASKS = {
    "6150a2bd": "338/370/500>005/073/833 552/100/000>000/001/255 | 635/680/400>004/086/536",
    "0d3d703e": "312/312/312>456/456/456 238/238/238>649/649/649 586/586/586>192/192/192 "
    "942/942/942>836/836/836 | 813/813/813>954/954/954",
    "25ff71a9": "111/000/000>000/111/000 000/111/000>000/000/111 010/110/000>000/010/110 "
    "022/002/000>000/022/002 | 200/200/000>000/200/200 000/010/000>000/000/010",
    "6f8cd79b": "000/000/000>888/808/888 000/000/000/000>888/808/808/888 "
    "0000/0000/0000/0000/0000>8888/8008/8008/8008/8888 | "
    "000000/000000/000000/000000>888888/800008/800008/888888",
}


def grid(text: str) -> Grid:
    return [[int(cell) for cell in row] for row in text.split("/")]


def small_task(name: str) -> Task:
    train, test = (
        tuple(Pair(*map(grid, pair.split(">"))) for pair in side.split())
        for side in SMALL_TASKS[name].split("|")
    )
    return Task(name, train, test)


def compiled(solution: Solution) -> Callable[[Grid], Grid]:
    namespace: dict[str, Any] = {}
    exec(solution.python_code, namespace)
    return namespace["solve_task"]  # type: ignore[no-any-return]


@cache
def solved(name: str) -> list[Solution]:
    return solve(small_task(name).without_test_outputs(), best_of=3, search_budget=BUDGET)


@pytest.fixture(params=SMALL_TASKS)
def task(request: pytest.FixtureRequest) -> Task:
    return small_task(request.param)


def test_first_program_gives_the_test_outputs(task: Task) -> None:
    best = solved(task.task_id)[0]
    assert best.outputs[len(task.train) :] == tuple(pair.output for pair in task.test)


def test_emitted_programs_give_their_claimed_outputs_in_a_clean_namespace(task: Task) -> None:
    solutions = solved(task.task_id)
    inputs = [pair.input for pair in (*task.train, *task.test)]
    for solution in solutions:
        assert tuple(map(compiled(solution), inputs)) == solution.outputs


def test_every_program_is_right_on_the_train_pairs(task: Task) -> None:
    wanted = tuple(pair.output for pair in task.train)
    for solution in solved(task.task_id):
        assert solution.outputs[: len(task.train)] == wanted


def test_cells_of_outputs_are_plain_ints(task: Task) -> None:
    best = solved(task.task_id)[0]
    cells = [cell for output in best.outputs if output for row in output for cell in row]
    assert {type(cell) for cell in cells} == {int}


def test_test_outputs_have_no_influence() -> None:
    task = small_task("25ff71a9")
    lies = tuple(Pair(pair.input, [[7]]) for pair in task.test)
    told = solve(Task("lies", task.train, lies), best_of=2, search_budget=SMALL_BUDGET)
    assert told == solve(task, best_of=2, search_budget=SMALL_BUDGET) != []


def test_same_task_and_budget_give_the_same_solutions() -> None:
    task = small_task("25ff71a9")
    first = solve(task, best_of=2, search_budget=SMALL_BUDGET)
    solve(small_task("6150a2bd"), best_of=1, search_budget=SMALL_BUDGET)
    assert solve(task, best_of=2, search_budget=SMALL_BUDGET) == first != []


@pytest.mark.parametrize("name", ["25ff71a9", "0d3d703e"])
def test_works_without_test_pairs(name: str) -> None:
    task = small_task(name)
    best = solve(task.train_pairs_only(), best_of=1, search_budget=BUDGET)[0]
    assert best.outputs == tuple(pair.output for pair in task.train)
    assert "to any new input" in best.reasoning


def test_programs_with_different_answers_come_before_others_with_the_same(task: Task) -> None:
    answers = [str(one.outputs[len(task.train) :]) for one in solved(task.task_id)]
    different = len(set(answers))
    assert len(set(answers[:different])) == different
    assert [one.evidence.is_first for one in solved(task.task_id)] == [
        number < different for number in range(len(answers))
    ]


def test_all_programs_of_a_task_are_different(task: Task) -> None:
    programs = [one.python_code for one in solved(task.task_id)]
    assert len(set(programs)) == len(programs)


def test_without_test_inputs_the_first_program_is_trusted_more_than_the_others() -> None:
    task = small_task("6150a2bd").train_pairs_only()
    first, *others = solve(task, best_of=2, search_budget=BUDGET)
    assert all(first.confidence > other.confidence > 0 for other in others)


def test_solutions_without_test_pairs_are_different_programs() -> None:
    task = small_task("0d3d703e").train_pairs_only()
    programs = [one.python_code for one in solve(task, best_of=3, search_budget=BUDGET)]
    assert len(set(programs)) == 3


def test_noise_without_a_rule_yields_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 10, (6, 9, 9)).tolist()
    pairs = tuple(Pair(given, wanted) for given, wanted in zip(noise[:3], noise[3:], strict=True))
    assert solve(Task("noise", pairs, ()), best_of=2, search_budget=SMALL_BUDGET) == []


def test_a_tiny_budget_yields_nothing_rather_than_failing() -> None:
    assert solve(small_task("0d3d703e"), best_of=1, search_budget=1_000) == []


def test_found_is_claimed_where_every_check_passed_and_only_for_the_best() -> None:
    first, *others = solved("25ff71a9")
    assert first.kind == "found"
    assert first.evidence.again == (True,) * 4
    assert {other.kind for other in others} <= {"guess"}


def test_one_train_pair_is_only_a_guess() -> None:
    task = small_task("6150a2bd")
    alone = Task("alone", task.train[:1], task.test)
    assert {one.kind for one in solve(alone, best_of=2, search_budget=BUDGET)} == {"guess"}


def test_a_case_that_no_train_pair_shows_is_only_a_guess_and_is_named() -> None:
    noise = np.random.default_rng(2).integers(1, 4, (4, 6, 6))
    recoloured = np.array([0, 7, 5, 6])[noise]
    noise[3, 2, 2] = 9
    train = tuple(Pair(noise[n].tolist(), recoloured[n].tolist()) for n in range(3))
    unseen = Task("unseen", train, (Pair(noise[3].tolist(), None),))
    best = solve(unseen, best_of=1, search_budget=BUDGET)[0]
    assert best.kind == "guess"
    assert "Cell (3, 3) of test input 1: no pair shows its case" in best.reasoning


def rule_in(reasoning: str) -> str:
    """The paragraph of the trace that tells the rule."""
    return reasoning.split("The rule:\n")[1].split("\n\n", maxsplit=1)[0]


def test_trace_names_every_step_that_the_program_takes(task: Task) -> None:
    for solution in solved(task.task_id):
        body = solution.python_code.split("def solve_task")[1]
        if solution.search == "stacking":
            layers = re.findall(r"^    # (Layer \d+):", body, re.MULTILINE)
            rule = solution.reasoning.split("The rule:")[1].split("Worked through")[0]
            assert layers == re.findall(r"(Layer \d+):", rule)
            continue
        steps = len(re.findall(r"^    picture = ", body, re.MULTILINE))
        finish = "answer = " in body
        assert len(re.findall(r"\bThen ", rule_in(solution.reasoning))) == steps + finish - 1


def test_docstring_of_a_program_is_the_rule_of_the_trace(task: Task) -> None:
    best = solved(task.task_id)[0]
    namespace: dict[str, Any] = {}
    exec(best.python_code, namespace)
    said = re.sub(
        r"^Give the output grid in these steps\.|\d+\. ", "", namespace["solve_task"].__doc__
    )
    rule = re.sub(r"\b(First|Then) ", "", rule_in(best.reasoning))
    assert " ".join(said.split()).casefold() == rule.casefold()


def test_trace_works_the_rule_through_on_one_pair_and_names_every_other(task: Task) -> None:
    reasoning = solved(task.task_id)[0].reasoning
    shown = int(re.findall(r"^Worked through on pair (\d+):$", reasoning, re.MULTILINE)[0])
    worked = reasoning.split("Worked through on pair")[1].split("\n\n")[0]
    output = "\n".join("  " + " ".join(map(str, row)) for row in task.train[shown - 1].output)
    assert f"{output}\n- That is the output of pair {shown}." in worked
    others = reasoning.split("The other pairs:\n")[1].split("\n\n")[0]
    named = [int(number) for number in re.findall(r"^- Pair (\d+): ", others, re.MULTILINE)]
    assert named == [number for number in range(1, len(task.train) + 1) if number != shown]


def test_trace_says_nothing_of_the_search_that_made_it(task: Task) -> None:
    for solution in solved(task.task_id):
        words = r"verdict|confidence|budget|search|program|% of the (answers|weight)"
        assert not re.search(words, solution.reasoning, re.IGNORECASE)


def test_trace_tells_of_another_rule_that_fits() -> None:
    told = [one.reasoning for one in solved("0d3d703e") if "Another rule fits" in one.reasoning]
    assert told
    assert all("answers differently" in reasoning for reasoning in told)


def test_trace_shows_what_the_program_gives_for_the_test_input() -> None:
    assert "  8 8 8 8 8 8\n  8 0 0 0 0 8\n" in solved("6f8cd79b")[0].reasoning


def test_confidences_are_shares_that_do_not_increase() -> None:
    shares = [one.evidence.share for one in solved("0d3d703e") if one.evidence.is_first]
    assert len(shares) > 1
    assert shares == sorted(shares, reverse=True)
    assert all(0 < share < 1 for share in shares)


def test_what_is_found_is_trusted_more_than_a_guess() -> None:
    found, guess = solved("25ff71a9")[0], solved("0d3d703e")[0]
    assert (found.kind, guess.kind) == ("found", "guess")
    assert (found.confidence or 0) > (guess.confidence or 0) > 0


def test_of_programs_that_fit_one_that_keeps_the_shape_goes_first() -> None:
    lower = [[[0, 1, 0], [2, 2, 3]], [[4, 0, 0], [5, 4, 6]], [[0, 7], [8, 9]]]
    pairs = [
        {
            "input": [[0] * len(half[0])] * 2 + half,
            "output": [*half[::-1], *half],
        }
        for half in lower
    ]
    test = {"input": [[0, 0, 0], [0, 0, 0], [0, 3, 3], [1, 1, 4]]}
    best = solve(Task.from_json("kept", {"train": pairs, "test": [test]}))[0]
    names: dict[str, Any] = {}
    exec(best.python_code, names)
    assert names["solve_task"]([[0], [0], [0], [5]]) == [[5], [0], [0], [5]]


def test_a_canvas_of_a_colour_without_a_rank_is_named() -> None:
    pairs = [
        {"input": [[3, 3, 3], [3, 1, 3], [3, 3, 3]], "output": [[3, 3, 3], [3, 2, 3], [3, 3, 3]]},
        {"input": [[4, 4, 4], [4, 1, 4], [4, 1, 1]], "output": [[4, 4, 4], [4, 2, 4], [4, 2, 2]]},
    ]
    grids = ([[5, 5, 5], [5, 1, 5], [5, 5, 5]], [[1, 1, 1], [1, 2, 1], [1, 1, 1]])
    task = Task.from_json("named", {"train": pairs, "test": [{"input": one} for one in grids]})
    traces = [one.reasoning for one in solve(task, best_of=6, search_budget=600_000)]
    assert any("is all red itself" in one for one in traces)
    assert not any("is all None" in one or "all 12" in one for one in traces)
