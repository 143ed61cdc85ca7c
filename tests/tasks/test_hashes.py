"""A task's canonical name: the same for equivalent tasks, and for no others."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripts import arc1_training
from utilities.tasks.hashes import canonical_hash, identifying_hashes
from utilities.tasks.symmetries import SYMMETRIES, Symmetry, changed_task
from utilities.tasks.task import Grid, Pair, Task

COLOURS = st.permutations(range(10))


def grids(colours: int, longest: int) -> st.SearchStrategy[Grid]:
    sides = st.integers(1, longest)
    return st.tuples(sides, sides).flatmap(
        lambda shape: st.lists(
            st.lists(st.integers(0, colours - 1), min_size=shape[1], max_size=shape[1]),
            min_size=shape[0],
            max_size=shape[0],
        )
    )


def tasks(colours: int = 10, longest: int = 4) -> st.SearchStrategy[Task]:
    grid = grids(colours, longest)
    train = st.lists(st.builds(Pair, grid, grid), min_size=1, max_size=4).map(tuple)
    test = st.lists(st.builds(Pair, grid, grid | st.none()), min_size=1, max_size=3).map(tuple)
    return st.builds(Task, st.just("task"), train, test)


def shuffled(task: Task, chance: random.Random) -> Task:
    train, test = (tuple(chance.sample(part, len(part))) for part in (task.train, task.test))
    return replace(task, train=train, test=test, task_id="another")


def brute_force_form(task: Task, colours: int) -> object:
    """The smallest of all that a task of few colours can be made into."""
    return min(
        [
            sorted((number, str(pair.input), str(pair.output)) for pair in part)
            for number, part in enumerate((changed.train, changed.test))
        ]
        for symmetry in SYMMETRIES
        for names in permutations(range(colours))
        for changed in [changed_task(task, symmetry, names)]
    )


@settings(deadline=None)
@given(tasks(), st.sampled_from(SYMMETRIES), COLOURS, st.randoms(use_true_random=False))
def test_an_equivalent_task_has_the_same_hashes(
    task: Task, symmetry: Symmetry, colours: list[int], chance: random.Random
) -> None:
    same = shuffled(changed_task(task, symmetry, colours), chance)
    assert canonical_hash(same) == canonical_hash(task)
    assert identifying_hashes(same) == identifying_hashes(task)


@settings(max_examples=60, deadline=None)
@given(tasks(colours=3, longest=2), tasks(colours=3, longest=2))
def test_hashes_are_equal_exactly_where_trying_every_change_finds_one(a: Task, b: Task) -> None:
    equivalent = brute_force_form(a, 3) == brute_force_form(b, 3)
    assert (canonical_hash(a) == canonical_hash(b)) == equivalent


SMALL = grids(2, 2)


@settings(max_examples=150, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL)
def test_tasks_of_one_small_pair_are_told_apart_as_by_trying_every_change(
    one: Grid, two: Grid, three: Grid, four: Grid
) -> None:
    a = Task("a", (Pair(one, two),), (Pair([[0]], None),))
    b = Task("b", (Pair(three, four),), (Pair([[0]], None),))
    equivalent = brute_force_form(a, 2) == brute_force_form(b, 2)
    assert (canonical_hash(a) == canonical_hash(b)) == equivalent


@settings(deadline=None)
@given(grids(10, 6), st.sampled_from(SYMMETRIES))
def test_a_symmetry_can_be_undone(grid: Grid, symmetry: Symmetry) -> None:
    assert symmetry.undone(symmetry.of(grid)) == grid


def test_the_eight_symmetries_are_different() -> None:
    seen = [symmetry.of([[1, 2], [3, 4], [5, 6]]) for symmetry in SYMMETRIES]
    assert len({str(grid) for grid in seen}) == len(SYMMETRIES) == 8


def colour_cycle(length: int) -> Task:
    """Each colour becomes the next: alike to refinement, and no two can be swapped."""
    pairs = [Pair([[c]], [[(c + 1) % length]]) for c in range(length)]
    return Task("cycle", tuple(pairs), (Pair([[0]], None),))


def colour_couples() -> Task:
    pairs = [Pair([[c]], [[c ^ 1]]) for c in range(10)]
    return Task("couples", tuple(pairs), tuple(Pair([[c, c]], None) for c in range(10)))


@pytest.mark.parametrize(
    "task",
    [
        colour_cycle(10),
        colour_couples(),
        Task("each", tuple(Pair([[c]], [[c]]) for c in range(10)), (Pair([[0]], None),)),
        Task("rows", (Pair([list(range(10))], [list(range(10))]),), (Pair([[0]], None),)),
    ],
    ids=lambda task: task.task_id,
)
def test_colours_that_are_all_alike_cost_no_factorial(task: Task) -> None:
    # Trying all 3,628,800 orders of the colours would take this test past its time limit.
    chance = random.Random(1)
    names = {
        canonical_hash(shuffled(changed_task(task, s, chance.sample(range(10), 10)), chance))
        for s in SYMMETRIES
    }
    assert len(names) == 1


def test_no_two_tasks_of_arc1_training_are_equivalent() -> None:
    found = {canonical_hash(Task.from_json(*item)) for item in arc1_training().items()}
    assert len(found) == 400


def test_a_copy_shares_a_name_whatever_was_left_out_or_moved() -> None:
    task = Task.from_json("00d62c1b", arc1_training()["00d62c1b"])
    first, *rest = task.train
    without_outputs = task.without_test_outputs()
    moved = replace(task, train=tuple(rest), test=(first, *task.test))
    new_outputs = replace(task, train=tuple(Pair(p.input, p.input) for p in task.train))
    copies = [without_outputs, moved, new_outputs]
    for copy in copies:
        assert set(identifying_hashes(copy)) & set(identifying_hashes(task))
        assert canonical_hash(copy) != canonical_hash(task)
