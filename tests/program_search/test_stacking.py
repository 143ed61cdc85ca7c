"""The stacking search: pieces laid over each other, each layer right wherever it shows."""

import inspect

import numpy as np
import pytest

from agents.program_search.search.candidates import Candidate, SearchBudget
from agents.program_search.stacking.layers import LAYINGS, laid_out
from agents.program_search.stacking.pictures import (
    LIFTED,
    OPERATIONS,
    Picture,
    edits_of_registry,
    whole,
)
from agents.program_search.stacking.pieces import applied, explored
from agents.program_search.stacking.search import stacked
from agents.program_search.transforms.registry import REGISTRY, Array
from agents.program_search.writing.program import program_of

BUDGET = 3_000_000
NAMES_IN_PROGRAMS = {"answer", "grid", "layer", "mask", "palette", "picture", "piece", "pieces"}


def over_a_column(seed: int) -> tuple[Array, Array]:
    """Red cells on black, and the same over a column of yellow at the left."""
    given = (np.random.default_rng(seed).random((6, 7)) < 0.3) * 2
    given[0, 0], given[0, 6] = 2, 0
    wanted = given.copy()
    wanted[:, 0] = np.where(given[:, 0] == 0, 4, 2)
    return given, wanted


@pytest.fixture(scope="module")
def found() -> list[list[Candidate]]:
    pairs = [over_a_column(seed) for seed in range(4)]
    inputs, outputs = zip(*pairs, strict=True)
    return stacked(inputs, outputs[:3], BUDGET)


def run(code: str, grid: Array) -> object:
    namespace: dict[str, object] = {}
    exec(code, namespace)
    return namespace["solve_task"](grid.tolist())  # type: ignore[operator]


def test_layers_are_found_that_no_single_picture_shows(found: list[list[Candidate]]) -> None:
    assert found[0][0].outputs[3].tolist() == over_a_column(3)[1].tolist()


def test_every_stack_is_right_on_every_train_pair(found: list[list[Candidate]]) -> None:
    for one in (one for group in found for one in group):
        for seed in range(3):
            assert one.outputs[seed].tolist() == over_a_column(seed)[1].tolist()


def test_programs_give_what_the_stacks_claim(found: list[list[Candidate]]) -> None:
    for one in [one for group in found for one in group][:20]:
        code = program_of(one)
        for seed in range(4):
            assert run(code, over_a_column(seed)[0]) == one.outputs[seed].tolist()


def test_the_stacking_search_is_the_same_each_time(found: list[list[Candidate]]) -> None:
    inputs, outputs = zip(*(over_a_column(seed) for seed in range(4)), strict=True)
    again = stacked(inputs, outputs[:3], BUDGET)
    codes = [[program_of(one) for one in group] for group in found]
    assert codes == [[program_of(one) for one in group] for group in again]


def test_noise_is_explained_by_no_stack() -> None:
    noise = np.random.default_rng(0).integers(0, 10, (6, 9, 9))
    assert stacked(tuple(noise[:3]), tuple(noise[3:]), BUDGET) == []


def test_exploring_stops_when_the_budget_is_spent() -> None:
    budget = SearchBudget(20_000)
    states = list(explored([over_a_column(0)[0]], budget))
    assert 1 < len(states) < 200
    assert budget.left() < 20_000


def test_equal_pictures_are_explored_once() -> None:
    states = list(explored([over_a_column(0)[0]], SearchBudget(300_000)))
    pictures = [state.values[0] for state in states if not state.is_cut]
    contents = {(one.top, one.left, one.cells.shape, one.cells.tobytes()) for one in pictures}
    assert len(contents) == len(pictures)


def test_no_two_functions_that_programs_may_carry_share_a_name() -> None:
    functions = {one.function for one in OPERATIONS} | {one.function for one in REGISTRY.values()}
    functions |= {whole, laid_out}
    names = [inspect.unwrap(one).__name__ for one in functions]
    assert len(names) == len(set(names))
    assert not NAMES_IN_PROGRAMS & set(names)


def test_each_lifted_transform_is_in_the_registry() -> None:
    assert set(LIFTED) <= set(REGISTRY)


def test_each_operation_leaves_its_picture_as_it_is_and_has_words_and_code() -> None:
    given = over_a_column(1)[0]
    for one in [*OPERATIONS, *edits_of_registry()]:
        picture = whole(given.copy())
        value = picture if one.kind != "choice" else [picture, Picture(1, 1, given[:2].copy())]
        one.apply(value)
        assert picture.cells.tolist() == given.tolist(), one.words
        assert "{" not in one.words
        assert one.code("x").startswith(("on_cells(x", one.function.__name__ + "(x"))


@pytest.mark.parametrize("laying", LAYINGS)
def test_a_picture_as_large_as_the_canvas_covers_it_however_it_is_laid(laying: str) -> None:
    cells = np.arange(6).reshape(2, 3)
    assert laid_out(Picture(0, 0, cells), (2, 3), laying).tolist() == cells.tolist()


@pytest.mark.parametrize(("top", "left"), [(-1, 0), (0, -2), (1, 1), (5, 0), (0, 5), (-9, -9)])
def test_what_lies_beyond_the_canvas_is_cut_off(top: int, left: int) -> None:
    canvas = laid_out(Picture(top, left, np.ones((2, 3), int)), (3, 4), "place")
    for (row, column), cell in np.ndenumerate(canvas):
        assert cell == (top <= row < top + 2 and left <= column < left + 3)


def test_an_operation_that_does_not_apply_to_one_input_makes_no_piece() -> None:
    start = next(explored([np.zeros((3, 3), int), np.ones((3, 3), int)], SearchBudget(1000)))
    crop = next(one for one in OPERATIONS if one.words.startswith("crop"))
    assert applied(crop, start, SearchBudget(1000)) is None
