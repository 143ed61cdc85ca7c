"""New tasks: what programs make of themselves in the sandbox, and what is kept of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.scripts import arc1_training
from tests.support.task_programs import (
    FAULTS,
    GENERATOR,
    GOOD,
    HOSTILE,
    MIRROR,
    pairs_program,
    solved_by,
)
from utilities.results.result_entry import ResultEntry
from utilities.sandbox.execution import Limits
from utilities.tasks.symmetries import SYMMETRIES, changed_task
from utilities.tasks.task import Draw, Task
from utilities.training_data.generators import halves_of, seed_grid
from utilities.training_data.known_tasks import KnownTasks
from utilities.training_data.new_tasks import Fault, NewTask, NewTasks, TaskMaker
from utilities.verification.verifier import LocalVerifier, VerifierSettings

COLOURS = (3, 1, 4, 0, 5, 9, 2, 6, 8, 7)


@pytest.fixture
async def verifier() -> AsyncIterator[LocalVerifier]:
    settings = VerifierSettings(Limits(cpu_s=0.3, wall_s=3.0))
    async with LocalVerifier(settings, workers=2) as opened:
        yield opened


def maker_of(verifier: LocalVerifier, *known: Task, seed: int = 0) -> TaskMaker:
    tasks = KnownTasks(())
    for task in known:
        tasks.add(task, task.task_id)
    return TaskMaker(verifier, tasks, Draw(seed=seed))


async def new_task(maker: TaskMaker, code: str = GOOD) -> NewTask:
    made = await maker.made(code)
    assert isinstance(made, NewTask), made
    return made


async def statuses(maker: TaskMaker, codes: list[str]) -> list[str]:
    made = await asyncio.gather(*map(maker.made, codes))
    return [one.status if isinstance(one, Fault) else "ok" for one in made]


def public_task(task_id: str = "6150a2bd") -> Task:
    return Task.from_json(task_id, arc1_training()[task_id])


async def test_each_program_that_makes_no_task_says_why(verifier: LocalVerifier) -> None:
    expected = [status for status, codes in FAULTS.items() for _ in codes]
    codes = [code for some in FAULTS.values() for code in some]
    assert await statuses(maker_of(verifier), codes) == expected


async def test_a_hostile_generator_makes_no_task(verifier: LocalVerifier) -> None:
    made = await statuses(maker_of(verifier), list(HOSTILE.values()))
    assert set(made) <= {"generator_failed", "invalid_grid"}, dict(zip(HOSTILE, made, strict=True))


async def test_a_generator_finds_no_key_in_its_environment(
    verifier: LocalVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    code = GOOD.replace("def generate_input(rng):\n", "def generate_input(rng):\n    LOOK\n")
    looks = "import os; assert not [name for name in os.environ if 'KEY' in name]"
    assert "OPENAI_API_KEY" in os.environ
    assert await statuses(maker_of(verifier), [code.replace("LOOK", looks)]) == ["ok"]


async def test_a_seed_gives_the_same_task_and_the_same_fresh_pairs_again(
    verifier: LocalVerifier,
) -> None:
    first, second = maker_of(verifier), maker_of(verifier)
    one, other = await new_task(first), await new_task(second)
    assert one == other
    assert await first.fresh_pairs(one, 20) == await second.fresh_pairs(other, 20)


async def test_another_seed_gives_another_task_of_the_rule(verifier: LocalVerifier) -> None:
    one, other = await new_task(maker_of(verifier)), await new_task(maker_of(verifier, seed=9))
    assert (one.solution, one.generator) == (other.solution, other.generator)
    assert one.task.task_id != other.task.task_id


async def test_fresh_pairs_are_of_the_rule_and_none_of_the_task(verifier: LocalVerifier) -> None:
    maker = maker_of(verifier)
    new = await new_task(maker)
    pairs = await maker.fresh_pairs(new, 30)
    inputs = [pair.input for pair in (*new.task.pairs, *pairs)]
    assert len({str(grid) for grid in inputs}) == 30 + len(new.task.pairs)
    assert all(pair.output == [row[::-1] for row in pair.input] for pair in pairs)


async def test_fewer_inputs_than_wanted_end_the_search_for_fresh_pairs(
    verifier: LocalVerifier,
) -> None:
    maker = maker_of(verifier)
    few = GOOD.replace(
        GENERATOR, "def generate_input(rng):\n    return [[*divmod(rng.randrange(20), 10), 3]]\n"
    )
    pairs = await maker.fresh_pairs(await new_task(maker, few), 50)
    assert 0 < len(pairs) <= 16


async def test_a_public_task_is_known_turned_and_recoloured(verifier: LocalVerifier) -> None:
    changed = changed_task(public_task("d4a91cb9"), SYMMETRIES[5], COLOURS)
    code = pairs_program([(pair.input, pair.output) for pair in changed.pairs])
    maker = TaskMaker(verifier, KnownTasks(()), Draw(train_pairs=2))
    assert isinstance(await maker.made(code), NewTask)
    maker = TaskMaker(verifier, KnownTasks(["arc1_training"]), Draw(train_pairs=2))
    assert await maker.made(code) == Fault("known_task", "it is d4a91cb9 of arc1_training")


async def test_a_solution_that_solves_its_source_is_no_new_rule(verifier: LocalVerifier) -> None:
    code = solved_by("return [row[::-1] for row in grid[::-1]]")
    maker, source = maker_of(verifier), public_task()
    assert isinstance(await maker.made(code), NewTask)
    assert await maker.made(code, [source]) == Fault("known_task", "it is the rule of 6150a2bd")


async def test_a_solution_that_solves_its_source_turned_is_no_new_rule(
    verifier: LocalVerifier,
) -> None:
    turned = changed_task(public_task("1e0a9b12"), SYMMETRIES[5])
    fall = "return [sorted(row, key=lambda cell: cell == 0) for row in grid]"
    right = fall.replace("== 0", "!= 0")
    source = Task("falls", turned.train, turned.test)
    made = [await maker_of(verifier).made(solved_by(body), [source]) for body in (fall, right)]
    assert made == [Fault("known_task", "it is the rule of falls")] * 2


async def test_a_solution_that_solves_a_known_task_is_no_new_rule(
    verifier: LocalVerifier,
) -> None:
    code = solved_by("return [row[::-1] for row in grid[::-1]]")
    maker = maker_of(verifier, public_task(), public_task("d4a91cb9"))
    assert await maker.made(code) == Fault("known_task", "it is the rule of 6150a2bd")
    assert isinstance(await maker.made(GOOD), NewTask)


async def test_the_test_pair_is_not_one_whose_output_is_its_input(verifier: LocalVerifier) -> None:
    body = "return [row[::-1] for row in grid] if sum(grid[0]) % 4 else grid"
    made = [await maker_of(verifier, seed=seed).made(solved_by(body)) for seed in range(8)]
    tasks = [one.task for one in made if isinstance(one, NewTask)]
    assert any(pair.input == pair.output for task in tasks for pair in task.train)
    assert not any(pair.input == pair.output for task in tasks for pair in task.test)


def test_two_pairs_of_a_known_task_are_enough_to_know_it() -> None:
    known, task = KnownTasks(()), public_task("d4a91cb9")
    known.add(task, "old")
    turned = changed_task(task, SYMMETRIES[6], COLOURS)
    two, one = turned.train[:2], turned.train[:1]
    other = public_task().train[:1]
    assert known.name_by_two_pairs(Task("", two, other)) == "old"
    assert known.name_by_two_pairs(Task("", one, other)) is None


@pytest.mark.parametrize(
    ("code", "generator_has", "solution_has"),
    [
        (GOOD, ["cells", "generate_input"], ["solve_task"]),
        (f"import math\nN = 3\n{GOOD}", ["math", "N =", "cells"], ["math", "N ="]),
        (f"M = 4\n{GOOD.replace('4, 8', 'M, 8')}", ["M =", "cells"], ["solve_task"]),
        (f"{GOOD}\nprint(solve_task([[1]]))\n", ["cells", "solve_task"], ["solve_task"]),
        (GOOD.replace("row[::-1]", "cells(row, 1)"), ["cells"], ["cells", "solve_task"]),
        (f"{GENERATOR}{MIRROR.replace('solve_task', 'turn')}\nsolve_task = turn\n",
         ["cells"], ["turn", "solve_task"]),
        (f"@str\n{GOOD}".replace("@str\n", "import functools\n@functools.cache\n"),
         ["@functools.cache\ndef cells"], ["solve_task"]),
    ],
)  # fmt: skip
def test_generator_and_solution_each_keep_what_they_use(
    code: str, generator_has: list[str], solution_has: list[str]
) -> None:
    halves = halves_of(code)
    assert halves is not None
    for half, has in zip(halves, (generator_has, solution_has), strict=True):
        compile(half, "half", "exec")
        assert all(text in half for text in has), half
    assert "generate_input" not in halves[1]
    assert ("cells" in halves[1]) == ("cells" in solution_has)


def test_a_seed_stands_in_its_grid_digit_by_digit() -> None:
    assert seed_grid(1203) == [[1, 2, 0, 3]]


def entry_with(source: str, *tasks: Task | None) -> ResultEntry:
    made = [
        one and {"task_id": one.task_id, "task_data": one.to_json(), "seed": 0} for one in tasks
    ]
    lists = {
        "status": ["ok"] * len(made),
        "python_code": [GOOD] * len(made),
        "cost_usd": [0.0] * len(made),
    }
    return ResultEntry.of({"task_id": source, "new_tasks": made, **lists})


async def test_a_copy_of_another_new_task_is_left_out_whichever_entry_comes_first(
    verifier: LocalVerifier, tmp_path: Path
) -> None:
    maker = maker_of(verifier)
    task = (await new_task(maker)).task
    copy = changed_task(task, SYMMETRIES[4], COLOURS)
    copy = Task("copy", copy.train, copy.test)
    entries = [entry_with("a", None, task), entry_with("b", copy)]
    files = []
    for order in (entries, entries[::-1]):
        new = NewTasks(tmp_path, {"a": {}, "b": {}})
        for entry in order:
            new.add(entry)
        assert new.conclusion()[0] == {"new_tasks": {"kept": 1, "duplicates": 1}}
        await new.write(maker, 3)
        files.append(
            [(tmp_path / name).read_bytes() for name in ("dataset.json", "fresh_pairs.zip")]
        )
    assert files[0] == files[1]
    assert task.task_id.encode() in files[0][0]
