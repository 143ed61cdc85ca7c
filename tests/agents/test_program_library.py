"""A library of programs: which of them a prompt shows, and which it must never show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agents.program_library import ProgramLibrary, read_library, share_right
from tests.support.entries import result_entry, write_entries
from utilities.errors import UsageError
from utilities.runs.options import LibraryOptions
from utilities.tasks.public_sets import read_part
from utilities.tasks.symmetries import SYMMETRIES, changed_task
from utilities.tasks.task import Grid, Pair, Task
from utilities.verification.verifier import LocalVerifier, VerifierSettings

GRIDS: list[Grid] = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [1, 0, 2]], [[3, 0, 4], [5, 6, 1]]]
OTHERS: list[Grid] = [[[1, 1, 2], [3, 4, 5]], [[2, 6, 7], [8, 0, 0]], [[9, 4, 4], [2, 1, 1]]]
MORE: list[Grid] = [[[5, 1, 2], [3, 4, 5]], [[2, 6, 7], [8, 9, 0]], [[9, 4, 2], [2, 1, 3]]]
RECOLOURED = (3, 1, 0, 2, 9, 8, 7, 6, 5, 4)


def flipped(grid: Grid) -> Grid:
    return [row[::-1] for row in grid]


def turned(grid: Grid) -> Grid:
    return [row[::-1] for row in grid[::-1]]


def first_flipped(grid: Grid) -> Grid:
    return [grid[0][::-1], *grid[1:]]


def task_of(rule: Any, task_id: str, grids: list[Grid]) -> Task:
    *train, test = (Pair(grid, rule(grid)) for grid in grids)
    return Task(task_id, tuple(train), (test,))


FLIP = "def solve_task(grid):\n    return [row[::-1] for row in grid]"
TURN = "def solve_task(grid):\n    return [row[::-1] for row in grid[::-1]]"
FIRST = "def solve_task(grid):\n    return [grid[0][::-1]] + grid[1:]"
KEEP = "def solve_task(grid):\n    return grid"
TARGET = task_of(flipped, "target", GRIDS)


def verified(task: Task, *codes: str, **more: Any) -> dict[str, Any]:
    count = len(codes)
    return result_entry(
        task.task_id, status=["ok"] * count, task_data=task.to_json(), python_code=list(codes),
        train_passed=[[True] * len(task.train)] * count, test_passed=[[True]] * count, **more,
    )  # fmt: skip


@pytest.fixture
async def verifier() -> AsyncIterator[LocalVerifier]:
    async with LocalVerifier(VerifierSettings(), labels=False, opens_late=True) as opened:
        yield opened


def library_of(
    folder: Path, verifier: LocalVerifier, *entries: dict[str, Any], most: int = 100
) -> ProgramLibrary:
    path = write_entries(folder / "verified.jsonl", *entries)
    options = LibraryOptions(library=(path,), library_programs=most)
    library = read_library(options, verifier.judge)
    assert library is not None
    return library


def test_the_share_of_right_cells_is_that_of_all_pairs() -> None:
    pairs = [Pair([[0]], [[1, 2], [3, 4]]), Pair([[0]], [[5, 5]]), Pair([[0]], [[6, 6]])]
    assert share_right([[[1, 2], [0, 4]], [[5, 5], [5, 5]], None], pairs) == 3 / 8


async def test_the_two_programs_that_come_nearest_are_shown(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    library = library_of(
        tmp_path, verifier,
        verified(task_of(turned, "turn", OTHERS), TURN),
        verified(task_of(first_flipped, "first", OTHERS), FIRST),
        verified(task_of(flipped, "flip", OTHERS), FLIP),
        verified(task_of(flipped, "mend", MORE), FLIP.replace("row", "line")),
        verified(task_of(lambda grid: grid, "keep", OTHERS), KEEP),
    )  # fmt: skip
    shown = await library.part_for(TARGET)
    # Of 12 cells FIRST has the first rows and the middles of the second: 8. KEEP has 4, TURN none.
    assert (
        f"gives 2 of 2 train pairs, and 100% of the cells of all of them\n\n```python\n{FLIP}"
        in shown
    )
    assert (
        f"gives 0 of 2 train pairs, and 67% of the cells of all of them\n\n```python\n{FIRST}"
        in shown
    )
    assert shown.count("```python") == 2, (
        "a third one, and one with the same outputs, are not shown"
    )
    assert "[9" not in shown


async def test_a_program_must_beat_doing_nothing(tmp_path: Path, verifier: LocalVerifier) -> None:
    library = library_of(
        tmp_path, verifier,
        verified(task_of(turned, "turn", OTHERS), TURN),
        verified(task_of(lambda grid: grid, "keep", OTHERS), KEEP),
    )  # fmt: skip
    assert await library.part_for(TARGET) == ""


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda one: one.name)
async def test_nothing_of_the_task_itself_is_shown_however_it_is_turned_and_coloured(
    tmp_path: Path, verifier: LocalVerifier, symmetry: Any
) -> None:
    target = task_of(turned, "target", GRIDS)
    copy = changed_task(Task("copy", target.train, target.test), symmetry, RECOLOURED)
    other = task_of(turned, "turn", OTHERS)
    library = library_of(tmp_path, verifier, verified(copy, TURN))
    assert await library.part_for(target) == ""
    for part in (target.without_test_outputs(), target.train_pairs_only()):
        assert await library.part_for(part) == ""
    library = library_of(tmp_path, verifier, verified(other, TURN))
    assert TURN in await library.part_for(target), "the very program, had it another origin"
    library = library_of(tmp_path, verifier, verified(other, TURN), verified(copy, TURN))
    assert await library.part_for(target) == "", "one of its origins is the task"


async def test_nothing_is_shown_of_a_task_that_shares_a_pair(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    target = task_of(turned, "target", GRIDS)
    mixed = task_of(turned, "mixed", [OTHERS[0], OTHERS[1], turned(GRIDS[0])])
    moved = changed_task(mixed, SYMMETRIES[3], RECOLOURED)
    library = library_of(tmp_path, verifier, verified(moved, TURN))
    assert await library.part_for(target) == ""


async def test_nothing_is_shown_that_was_written_for_the_task_and_relabelled(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    other = task_of(flipped, "synthetic:1", OTHERS)
    made = verified(other, FLIP, relabelled_from=[{"task_id": "target"}])
    library = library_of(tmp_path, verifier, made)
    assert await library.part_for(TARGET) == ""
    same_inputs = task_of(first_flipped, "synthetic:2", GRIDS)
    library = library_of(tmp_path, verifier, verified(same_inputs, FIRST))
    assert await library.part_for(TARGET) == ""
    assert await library.part_for(TARGET.train_pairs_only()) == ""
    elsewhere = task_of(first_flipped, "synthetic:3", OTHERS)
    library = library_of(tmp_path, verifier, verified(elsewhere, FIRST))
    assert FIRST in await library.part_for(TARGET)


def test_nothing_is_taken_of_evaluation_tasks(tmp_path: Path, verifier: LocalVerifier) -> None:
    task_id, content = next(iter(read_part("arc2_evaluation").items()))
    known = Task.from_json("renamed", content)
    turned_copy = changed_task(known, SYMMETRIES[5], RECOLOURED)
    relabelled = verified(TARGET, FLIP, relabelled_from=[{"task_id": task_id}])
    with pytest.raises(
        UsageError, match=r"no program is left to show .of evaluation tasks 3.; give"
    ):
        library_of(
            tmp_path, verifier, verified(known, FLIP), verified(turned_copy, TURN), relabelled
        )


def test_what_is_not_verified_hardcoded_or_varies_is_left_out(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    task = task_of(flipped, "flip", OTHERS)
    fine = verified(
        task, FLIP, TURN, KEEP, FIRST, f"{FLIP} # again", f"{FLIP}\n{'#' * 7000}",
        hardcoded=[False, True, False, False, False, False],
        deterministic=[True, True, False, True, True, True],
    )  # fmt: skip
    fine["train_passed"][3] = [True, False]
    library = library_of(tmp_path, verifier, fine)
    assert [one.code for one in library.programs] == [FLIP]
    assert library.line() == (
        "library: 1 programs; left out: not verified 1, hardcoded 1, not deterministic 1, "
        "too long 1"
    )


async def test_programs_of_tasks_that_look_alike_run_first(
    tmp_path: Path, verifier: LocalVerifier
) -> None:
    cut = task_of(lambda grid: [grid[0]], "cut", OTHERS)
    entries = verified(cut, KEEP), verified(task_of(flipped, "flip", OTHERS), FLIP)
    few = library_of(tmp_path, verifier, *entries, most=1)
    assert FLIP in await few.part_for(TARGET)
    assert few.key != library_of(tmp_path, verifier, *entries).key
    assert few.key == library_of(tmp_path, verifier, *entries, most=1).key
    assert few.key != library_of(tmp_path, verifier, *entries[::-1], most=1).key


def test_without_files_there_is_no_library(verifier: LocalVerifier) -> None:
    assert read_library(LibraryOptions(), verifier.judge) is None
