"""The parts of the program search, each on grids where the right result is plain to see."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from agents.program_search.search.candidates import Candidate, SearchBudget, State, ranked
from agents.program_search.search.evidence import Evidence
from agents.program_search.search.exploration import Exploration
from agents.program_search.search.mosaic import Mosaic, learn_mosaic
from agents.program_search.search.rule_learning import RuleLearner
from agents.program_search.search.sources import OWN
from agents.program_search.transforms.cropping import chosen_part
from agents.program_search.transforms.facts import line_is_inked, walled_in
from agents.program_search.transforms.perception import background, holes, lines, parts
from agents.program_search.transforms.registry import Array
from agents.program_search.transforms.traits import cells
from agents.program_search.writing.program import carried_definitions, program_of


def grid(text: str) -> Array:
    return np.array([[int(cell) for cell in row] for row in text.split("/")])


def state(*texts: str) -> State:
    return State((), 0.0, tuple(map(grid, texts)))


def explored(*pairs: str, budget: int = 1_000_000) -> Exploration:
    sides = [pair.split(">") for pair in pairs]
    inputs = tuple(grid(side[0]) for side in sides)
    outputs = tuple(grid(side[1]) for side in sides if len(side) > 1)
    return Exploration(inputs, outputs, SearchBudget(budget))


def learnt(*pairs: str) -> list[Candidate]:
    search = explored(*pairs)
    start = State((), 0.0, search.inputs)
    found = RuleLearner(start, [], search.inputs, search.outputs, SearchBudget(2_000_000)).learn()
    return sorted(found, key=Candidate.penalised_cost)


def test_background_is_black_where_there_is_any_else_the_commonest() -> None:
    assert background(grid("777/770")) == 0
    assert background(grid("777/773")) == 7


def test_objects_joined_at_corners_are_one_only_if_corners_join() -> None:
    diagonal = grid("200/020/000")
    assert len(parts(diagonal, "one_colour_sides")) == 2
    assert len(parts(diagonal, "one_colour_corners")) == 1


def test_an_object_of_any_colours_spans_colours() -> None:
    assert len(parts(grid("230/000"), "mixed_sides")) == 1
    assert len(parts(grid("230/000"), "one_colour_sides")) == 2


def test_panes_of_one_size_are_preferred_to_stray_background_lines() -> None:
    panes = parts(grid("1005010/0105111/1005000"), "panes")
    assert [part.picture.tolist() for part in panes] == [
        [[1, 0, 0], [0, 1, 0], [1, 0, 0]],
        [[0, 1, 0], [1, 1, 1], [0, 0, 0]],
    ]


def test_panes_are_of_one_size_though_one_of_them_begins_with_an_empty_line() -> None:
    panes = parts(grid("00000/11011/00000/10011/11001"), "panes")
    assert [part.mask.shape for part in panes] == [(2, 2)] * 4


def test_a_grid_without_full_lines_has_no_panes() -> None:
    assert not lines(grid("120/012/201")).any()


def test_holes_are_what_the_mask_walls_in() -> None:
    assert holes(grid("111/101/111") == 1).sum() == 1
    assert holes(grid("111/101/101") == 1).sum() == 0


def test_corners_leak_only_where_told_so() -> None:
    ring = grid("0100/1010/0100/0000")
    assert walled_in(ring, False).sum() == 1
    assert walled_in(ring, True).sum() == 0


def test_lines_that_hold_ink_are_marked_whole() -> None:
    assert line_is_inked(grid("020/000"), "row").tolist() == [[1, 1, 1], [0, 0, 0]]
    assert line_is_inked(grid("020/000"), "column").tolist() == [[0, 1, 0], [0, 1, 0]]
    assert line_is_inked(grid("020/000"), "any").tolist() == [[1, 1, 1], [0, 1, 0]]


def test_the_part_of_the_fewest_cells_can_be_cut_out() -> None:
    assert chosen_part(grid("2033/0003"), "one_colour_sides", "least", cells, "alone").shape == (
        1,
        1,
    )


def test_no_part_is_chosen_on_a_tie_of_different_parts() -> None:
    assert chosen_part(grid("203/000"), "one_colour_sides", "most", cells, "alone") is None
    assert chosen_part(grid("2033/0000"), "one_colour_sides", "most", cells, "alone") is not None


def test_a_colour_map_is_learnt() -> None:
    best = learnt("12/21>34/43", "11/22>33/44", "12/12")[0]
    assert best.outputs[2].tolist() == [[3, 4], [3, 4]]


def test_a_pair_with_a_case_of_its_own_fails_its_refit() -> None:
    best = learnt("111/111>333/333", "122/122>344/344", "155/155>366/366")[0]
    assert best.left_out == (True, False, False)
    assert not best.is_strong()


def test_a_colour_that_no_pair_shows_is_a_colour() -> None:
    rules = learnt("020/000>020/080", "3040/0000>3040/8080", "506/000")
    asked = [one for one in rules if any(len(fact.steps) == 2 for fact in one.finish.facts)]
    assert asked
    for one in asked:
        assert one.unseen == 0
        assert one.outputs[2].tolist() == [[5, 0, 6], [8, 0, 8]]


def test_a_test_case_that_no_pair_shows_weakens_a_rule() -> None:
    rules = learnt("12/21>34/43", "11/22>33/44", "17/12")
    (by_own_colour,) = (one for one in rules if one.finish.facts == (OWN,))
    assert by_own_colour.unseen == pytest.approx(0.25)


def test_cases_enough_with_one_outcome_speak_for_unseen_ones() -> None:
    best = learnt("1234/4321>1214/4121", "3142/2413>1142/2411", "5312/1356")[0]
    assert best.unseen == 0
    assert best.outputs[2].tolist() == [[5, 1, 1, 2], [1, 1, 5, 6]]


def test_a_mosaic_of_mirror_images_is_learnt() -> None:
    wanted = [grid("1221/3443"), grid("5665/7887"), grid("1991/2332")]
    (found,) = learn_mosaic(state("12/34", "56/78", "19/23", "46/57"), wanted)
    assert isinstance(found.finish, Mosaic)
    assert found.finish.plan == (("same", "sideways"),)
    assert found.outputs[3].tolist() == [[4, 6, 6, 4], [5, 7, 7, 5]]


def test_agreement_on_the_test_input_outweighs_a_little_cost() -> None:
    one, other = grid("1"), grid("2")
    lone = Candidate((), None, 3.0, (one, one))
    agreeing = [Candidate((), None, cost, (one, other)) for cost in (3.2, 3.3)]
    assert ranked([lone, *agreeing], pairs=1)[0] == agreeing


def test_failed_checks_put_a_candidate_last() -> None:
    one, other = grid("1"), grid("2")
    cheap = Candidate((), None, 1.0, (one, one), left_out=(False, False))
    sound = Candidate((), None, 4.0, (one, other), left_out=(True, True))
    assert ranked([cheap, sound], pairs=1)[0] == [sound]


def test_work_is_counted_alike_in_every_run() -> None:
    noise = "1203/2310/3021/0132>0011/2233/1122/3300"
    first, second = explored(noise), explored(noise)
    first.run()
    second.run()
    assert first.budget.spent == second.budget.spent


def test_search_keeps_to_its_budget() -> None:
    search = explored("1203/2310/3021/0132>0011/2233/1122/3300", budget=200_000)
    search.run()
    assert search.budget.spent < 1.1 * search.budget.limit


def test_no_pictures_equal_on_all_inputs_are_kept() -> None:
    search = explored("120/000/000>111/111/111", budget=300_000)
    search.run()
    contents = [
        b"".join(one.tobytes() + bytes(one.shape) for one in s.grids) for s in search.states
    ]
    assert len(set(contents)) == len(contents)


def test_programs_carry_no_annotations_and_no_decorators() -> None:
    tree = ast.parse("\n".join(carried_definitions([chosen_part, cells])))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions
    assert all(not f.decorator_list and f.returns is None for f in functions)
    assert all(a.annotation is None for f in functions for a in f.args.args)


def test_a_local_variable_carries_no_function_of_its_name() -> None:
    (definition,) = carried_definitions([with_a_local_grid])
    assert definition.startswith("def with_a_local_grid")


def with_a_local_grid(text: str) -> int:
    grid = len(text)
    return grid * grid


def test_programs_carry_only_what_they_call() -> None:
    search = explored("000/012/000>12", "300/300/000>3/3", "000/050/000")
    search.run()
    best = ranked(search.candidates, 2)[0][0]
    tree = ast.parse(program_of(best))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert defined - called == {"solve_task"}


def test_what_tells_colours_by_rank_is_never_called_found() -> None:
    sound = Evidence(0, 1.0, passed=True, again=(True, True, True))
    assert sound.is_found()
    assert not sound._replace(by_rank=True).is_found()
    assert sound._replace(by_rank=True).confidence() < sound.confidence()
