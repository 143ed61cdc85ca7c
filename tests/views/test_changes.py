"""Views of tasks: how they are drawn, and that all of them can be undone."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilities.tasks.symmetries import SAME_COLOURS, SYMMETRIES, Symmetry
from utilities.tasks.task import Pair, Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings
from utilities.views.changes import KINDS, Change, Kind, kinds_in, view_of
from utilities.views.programs import wrapped_program

cells = st.integers(0, 9)
grids = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=6)
)
pairs = st.builds(Pair, grids, grids)
tasks = st.builds(
    Task,
    st.just("t"),
    st.lists(pairs, min_size=1, max_size=4).map(tuple),
    st.lists(st.builds(Pair, grids, st.none() | grids), min_size=1, max_size=3).map(tuple),
)
some_kinds = st.lists(st.sampled_from(KINDS), unique=True).map(tuple)
TASK = Task("t", (Pair([[1, 2]], [[3]]), Pair([[4, 5]], [[6]])), (Pair([[7, 8]], None),))


@given(tasks, st.integers(0, 40), some_kinds, st.integers(0, 3))
def test_every_view_can_be_undone(
    task: Task, index: int, kinds: tuple[Kind, ...], seed: int
) -> None:
    change = view_of(task, index, kinds, seed)
    assert change.undone.of(change.of(task)) == task
    assert change.then(change.undone).is_none
    assert change.undone.then(change).is_none


@given(tasks, st.integers(0, 40), st.integers(0, 40))
def test_two_changes_one_after_the_other_are_one(task: Task, first: int, second: int) -> None:
    one, other = view_of(task, first, KINDS, 0), view_of(task, second, KINDS, 0)
    assert one.then(other).of(task) == other.of(one.of(task))


@given(tasks, some_kinds, st.integers(0, 3))
def test_view_0_is_the_task_as_it_is(task: Task, kinds: tuple[Kind, ...], seed: int) -> None:
    assert view_of(task, 0, kinds, seed).is_none


@pytest.mark.parametrize(
    ("kinds", "count"), [(("symmetry",), 8), (("pairs",), 2), (("symmetry", "pairs"), 16), ((), 1)]
)
def test_few_views_all_come_before_one_comes_again(kinds: tuple[Kind, ...], count: int) -> None:
    views = [view_of(TASK, index, kinds, 0) for index in range(2 * count)]
    assert len(set(views)) == count
    assert views[:count] == views[count:]


def test_a_view_changes_what_it_is_asked_to_change_and_no_more() -> None:
    for index in range(50):
        assert view_of(TASK, index, ("colours",), 0).symmetry == SYMMETRIES[0]
        assert view_of(TASK, index, ("symmetry", "pairs"), 0).colours == SAME_COLOURS
        assert view_of(TASK, index, ("symmetry", "colours"), 0).train_order == (0, 1)


def test_views_differ_between_seeds_and_tasks_and_not_by_what_is_hidden() -> None:
    other = Task("t", TASK.train[::-1], TASK.test)
    drawn = [
        [view_of(task, index, ("symmetry", "colours"), seed) for index in range(1, 6)]
        for task, seed in ((TASK, 0), (TASK, 1), (other, 0), (TASK.train_pairs_only(), 0))
    ]
    told = [[(one.symmetry, one.colours) for one in views] for views in drawn]
    assert told[0] == told[3]
    assert len({str(one) for one in told}) == 3


def test_kinds_are_read_from_a_comma_list_in_one_order() -> None:
    assert kinds_in("pairs, symmetry,pairs") == ("symmetry", "pairs")


ODD_PROGRAMS = {
    "right": "def solve_task(grid):\n    return [row[::-1] for row in grid]\n",
    "calls itself": (
        "def solve_task(grid):\n"
        "    return [grid[0][::-1]] + (solve_task(grid[1:]) if grid[1:] else [])\n"
    ),
    "numpy": "import numpy as np\ndef solve_task(grid):\n    return np.array(grid)[:, ::-1]\n",
    "numpy rows": "def solve_task(grid):\n    return [np.array(row[::-1]) for row in grid]\n",
    "floats": "def solve_task(grid):\n    return [[float(c) for c in row[::-1]] for row in grid]\n",
    "tuples": "def solve_task(grid):\n    return tuple(tuple(row[::-1]) for row in grid)\n",
    "a lambda": "solve_task = lambda grid: [row[::-1] for row in grid]\n",
    "another name": "def transform(grid):\n    return [row[::-1] for row in grid]\n",
    "a failing example": (
        "def solve_task(grid):\n    return [row[::-1] for row in grid]\n\nprint(solve_task(None))\n"
    ),
    "bound by a string": "globals()['solve_task'] = lambda grid: [row[::-1] for row in grid]\n",
    "nothing": "def solve_task(grid):\n    return None\n",
    "ragged": "def solve_task(grid):\n    return [row[::-1] for row in grid] + [[1]]\n",
    "ragged by a row too long": (
        "def solve_task(grid):\n    return [row[::-1] + [0] * n for n, row in enumerate(grid)]\n"
    ),
    "a negative cell": "def solve_task(grid):\n    return [[c - 9 for c in row] for row in grid]\n",
    "texts": "def solve_task(grid):\n    return [[str(c) for c in row[::-1]] for row in grid]\n",
    "a text": "def solve_task(grid):\n    return '12'\n",
    "no rows": "def solve_task(grid):\n    return []\n",
    "an exception": "def solve_task(grid):\n    return grid[99]\n",
    "no function": "answer = 3\n",
    "not Python": "def solve_task(grid:\n    return\n",
}
MIRROR = Task(
    "mirror",
    (
        Pair([[1, 2, 0], [3, 4, 0]], [[0, 2, 1], [0, 4, 3]]),
        Pair([[5, 6], [7, 0]], [[6, 5], [0, 7]]),
    ),
    (Pair([[8, 9, 0, 1]], [[1, 0, 9, 8]]),),
)
RECOLOURED = (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)


def changes() -> list[Change]:
    return [
        Change(symmetry, colours, (1, 0), (0,))
        for symmetry, colours in product(SYMMETRIES, (SAME_COLOURS, RECOLOURED))
    ]


@pytest.mark.parametrize("name", ODD_PROGRAMS)
async def test_a_wrapped_program_does_on_the_changed_task_what_it_did_before(name: str) -> None:
    code = ODD_PROGRAMS[name]
    async with LocalVerifier(VerifierSettings(), labels=False) as verifier:
        (plain,) = await verifier.judge(MIRROR, [code])
        assert plain is not None
        for change in changes():
            try:
                wrapped = wrapped_program(code, change)
            except SyntaxError:
                wrapped = code
            (verdict,) = await verifier.judge(change.of(MIRROR), [wrapped])
            assert verdict is not None
            assert verdict.passed_all is plain.passed_all
            assert [verdict.train[place] for place in (1, 0)] == list(plain.train)
            assert verdict.test == plain.test
            back = [grid and change.undone.of_grid(grid) for grid in verdict.test_outputs]
            assert back == list(plain.test_outputs)


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda symmetry: symmetry.name)
async def test_a_program_of_a_view_answers_the_task_as_it_is(symmetry: Symmetry) -> None:
    change = Change(symmetry, RECOLOURED, (0, 1), (0,))
    solves_the_view = wrapped_program(ODD_PROGRAMS["right"], change)
    turned_back = wrapped_program(solves_the_view, change.undone)
    async with LocalVerifier(VerifierSettings(), labels=False) as verifier:
        (verdict,) = await verifier.judge(MIRROR, [turned_back])
    assert verdict is not None
    assert verdict.passed_all


def test_a_program_is_not_touched_if_only_pairs_are_reordered() -> None:
    change = Change(SYMMETRIES[0], SAME_COLOURS, (1, 0), (0,))
    assert wrapped_program(ODD_PROGRAMS["not Python"], change) == ODD_PROGRAMS["not Python"]
