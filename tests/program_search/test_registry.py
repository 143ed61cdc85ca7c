"""What the registry promises: words for everything, and programs that act as the functions do."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agents.program_search.solving import solve
from agents.program_search.transforms.registry import (
    REGISTRY,
    Array,
    Transform,
    steps_of,
    transform,
)
from agents.program_search.writing.program import carried_definitions
from utilities.tasks.task import Pair, Task

TRANSFORMS = sorted(REGISTRY.values(), key=lambda one: one.function.__name__)
BUDGET = 2_000_000


def random_grids() -> list[Array]:
    random = np.random.default_rng(1)
    shapes = [(1, 1), (1, 5), (4, 1), (2, 2), (3, 3), (6, 4), (5, 7), (9, 9)]
    grids = [random.integers(0, colours, shape) for shape in shapes for colours in (1, 2, 4, 10)]
    sparse = [np.where(random.random((8, 8)) < 0.2, random.integers(1, 9, (8, 8)), 0)]
    lined = random.integers(0, 3, (7, 7))
    lined[3], lined[:, 3] = 5, 5
    return [*grids, *sparse, lined, np.full((30, 30), 3)]


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda one: one.function.__name__)
def test_every_argument_has_words(entry: Transform) -> None:
    for step in entry.steps():
        words = step.sentence()
        assert "{" not in words
        assert "_" not in words
        assert words.strip() == words


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda one: one.function.__name__)
def test_variants_read_differently(entry: Transform) -> None:
    sentences = [step.sentence() for step in entry.steps()]
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda one: one.function.__name__)
def test_function_says_what_it_does(entry: Transform) -> None:
    assert inspect.getdoc(entry.function)


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda one: one.function.__name__)
def test_emitted_source_behaves_as_the_function(entry: Transform) -> None:
    steps = list(entry.steps())
    steps = [steps[index] for index in sorted({*range(0, len(steps), -(-len(steps) // 12))})]
    functions = [one for step in steps for one in step.functions()]
    namespace: dict[str, Any] = {}
    imports = "import numpy as np\nfrom collections import namedtuple\n"
    exec(imports + "\n".join(carried_definitions(functions)), namespace)
    for step in steps:
        for grid in random_grids():
            namespace["grid"] = grid
            assert_same(eval(step.code("grid"), namespace), entry.function(grid, *step.arguments))


def assert_same(emitted: Array | None, original: Array | None) -> None:
    if original is None:
        assert emitted is None
    else:
        assert emitted is not None
        np.testing.assert_array_equal(emitted, original)


@pytest.mark.parametrize("entry", TRANSFORMS, ids=lambda one: one.function.__name__)
def test_function_leaves_its_grid_as_it_was(entry: Transform) -> None:
    for grid in random_grids():
        before = grid.copy()
        for step in entry.steps():
            entry.function(grid, *step.arguments)
        np.testing.assert_array_equal(grid, before)


@pytest.mark.parametrize(
    "entry",
    [one for one in TRANSFORMS if one.kind in ("fact", "paint")],
    ids=lambda one: one.function.__name__,
)
def test_facts_and_paints_have_a_value_for_each_cell(entry: Transform) -> None:
    for step in entry.steps():
        for grid in random_grids():
            values = entry.function(grid, *step.arguments)
            assert values is None or values.shape == grid.shape


@pytest.mark.parametrize(
    "entry",
    [one for one in TRANSFORMS if one.kind == "number"],
    ids=lambda one: one.function.__name__,
)
def test_numbers_are_plain_ints(entry: Transform) -> None:
    for step in entry.steps():
        for grid in random_grids():
            assert type(entry.function(grid, *step.arguments)) is int


@pytest.mark.parametrize(
    "entry",
    [one for one in TRANSFORMS if one.kind in ("picture", "paint")],
    ids=lambda one: one.function.__name__,
)
def test_pictures_and_paints_hold_colours(entry: Transform) -> None:
    for step in entry.steps():
        for grid in random_grids():
            result = step.apply(grid)
            assert result is None or (result.min() >= 0 and result.max() <= 9)


def test_cheapest_steps_come_first() -> None:
    costs = [step.cost for step in steps_of("picture", "paint", "fact")]
    assert costs == sorted(costs)


@pytest.mark.parametrize("first", ["transforms.facts", "writing.program", "solving"])
def test_what_is_imported_first_leaves_the_order_of_steps_as_it_is(
    first: str,
) -> None:
    code = f"import agents.program_search.{first}\n" + textwrap.dedent(
        """
        from agents.program_search.transforms.registry import steps_of
        for step in [*steps_of("picture"), *steps_of("paint", "fact"), *steps_of("number")]:
            print(step.sentence())
        """
    )
    steps = [*steps_of("picture"), *steps_of("paint", "fact"), *steps_of("number")]
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.splitlines() == [step.sentence() for step in steps]


def test_of_a_transforms_choices_those_listed_first_cost_least_but_colours_cost_alike() -> None:
    crops = [step for step in REGISTRY["cropped_to"].steps() if step.arguments[0] == 0]
    assert len({step.cost for step in crops}) == 1
    sizes = [step.cost for step in REGISTRY["enlarged"].steps()]
    assert sizes == sorted(set(sizes))


def test_choices_must_be_the_functions_arguments() -> None:
    with pytest.raises(ValueError, match="wrong_choices"):

        @transform("fact", "the {size}", cost=1.0, size={1: "one"})
        def wrong_choices(grid: Array, length: int) -> Array:
            return grid


def test_a_sentence_must_name_every_choice() -> None:
    with pytest.raises(ValueError, match="silent_choice"):

        @transform("fact", "something", cost=1.0, size={1: "one"})
        def silent_choice(grid: Array, size: int) -> Array:
            return grid


@pytest.fixture
def row_sorting() -> Iterator[None]:
    @transform("picture", "sort every row, {first} first", cost=1.0, first={1: "low", -1: "high"})
    def sorted_rows(grid: Array, first: int) -> Array:
        """The cells of each row in the order of their colours' numbers."""
        return np.sort(grid, axis=1)[:, ::first]

    yield
    del REGISTRY["sorted_rows"]


def sorting_task() -> Task:
    grids = np.random.default_rng(5).integers(0, 10, (4, 6, 5))
    pairs = [Pair(one.tolist(), np.sort(one, axis=1)[:, ::-1].tolist()) for one in grids]
    return Task("sort", tuple(pairs[:3]), (Pair(pairs[3].input, None),))


def test_without_its_transform_the_task_has_no_solution() -> None:
    assert solve(sorting_task(), best_of=1, search_budget=BUDGET) == []


@pytest.mark.usefixtures("row_sorting")
def test_a_transform_added_by_the_decorator_is_searched_told_and_emitted() -> None:
    best = solve(sorting_task(), best_of=1, search_budget=BUDGET)[0]
    namespace: dict[str, Any] = {}
    exec(best.python_code, namespace)
    assert best.kind == "found"
    assert "Sort every row, high first." in best.reasoning
    assert "# Sort every row, high first." in best.python_code
    assert "def sorted_rows(grid, first):" in best.python_code
    assert namespace["solve_task"](sorting_task().test[0].input) == best.outputs[-1]
