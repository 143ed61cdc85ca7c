"""Programs in the forms in which models write them, read and run."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.reply_parsing import ExtractedCode, extract_code
from utilities.sandbox.sandbox import Sandbox
from utilities.tasks.task import Grid

FILES = ("replies_with_programs.jsonl", "more_replies_with_programs.jsonl")
"""Each line has a reply, and what its program makes of an input."""
NOT_READ = {"returns bool": "the cells are truth values, and the colours that are wanted are not"}
"""Replies of the files that are not read as they want, and why."""

SOLVER = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
FLIP = "def flip(row):\n    return row[::-1]\n"
MAIN = "def solve_task(grid):\n    return [flip(row) for row in grid]\n"


def fenced(code: str, label: str = "python") -> str:
    return f"```{label}\n{code}```\n"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(workers=1) as started:
        yield started


async def answer_of(sandbox: Sandbox, reply: str, grid: Grid) -> Grid | None:
    code = extract_code(reply)
    return None if code is None else (await sandbox.run(code.python_code, [grid]))[0].output


async def test_programs_are_read_as_a_person_would_read_them(sandbox: Sandbox) -> None:
    files = map(Path(__file__).with_name, FILES)
    cases = [json.loads(line) for file in files for line in file.read_text().split("\n") if line]
    wrong = {
        case["name"]
        for case in cases
        if await answer_of(sandbox, case["reply"], case["input"]) != case["want"]
    }
    assert wrong == NOT_READ.keys()


NAMED = {
    "a lambda": f"{FLIP}solve_task = lambda grid: [flip(row) for row in grid]\n",
    "what a call returns": f"{FLIP}solve_task = make(flip)\n",
    "a method": "class Solver:\n    pass\n\nsolve_task = Solver().solve\n",
    "an imported name": "from numpy import fliplr as solve_task\n",
    "an item": f"{FLIP}RULES = [flip]\nsolve_task = RULES[0]\n",
    "a condition": f"{FLIP}if True:\n    solve_task = flip\n",
    "a function and examples": f"{SOLVER}print(solve_task(input()))\n",
    "a part, and what runs it on a task": (
        "def transform(grid):\n    return grid\n\n"
        "def solve(task):\n    return [transform(pair['input']) for pair in task['test']]\n"
    ),
    "another usual name": "def step(x):\n    return x\n\ndef transform(grid):\n    return grid\n",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_program_that_names_its_function_is_kept_as_it_stands(name: str) -> None:
    code = extract_code(fenced(NAMED[name]))
    assert code is not None
    assert (code.python_code, code.entry_point is None) == (NAMED[name], False)


@pytest.mark.parametrize(
    "source",
    [
        "def first(grid):\n    return grid\n\ndef second(grid):\n    return grid\n",
        "def solve_one(grid):\n    return grid\n\ndef solve_two(grid):\n    return grid\n",
        "class A:\n    def solve(self, a, b):\n        return a\n",
        "class A:\n    def one(self, g): return g\n    def two(self, g): return g\n",
    ],
)
def test_what_a_program_leaves_open_is_not_guessed(source: str) -> None:
    assert extract_code(fenced(source)) in {None, ExtractedCode(source, None)}


def test_a_part_with_a_usual_name_is_not_taken_for_the_whole() -> None:
    parts = "def transform(row):\n    return row[::-1]\n\n"
    code = extract_code(
        fenced(f"{parts}def solve(grid):\n    return [transform(r) for r in grid]\n")
    )
    assert code is not None
    assert code.python_code.endswith("\nsolve_task = solve\n")


def test_the_alias_stands_before_examples_that_may_fail() -> None:
    code = extract_code(fenced("def flip_it(grid):\n    return grid\nprint(flip_it(data))\n"))
    assert code is not None
    assert code.python_code.endswith("\nsolve_task = flip_it\nprint(flip_it(data))\n")


def test_only_definitions_that_are_missing_are_taken_from_other_fences() -> None:
    others = (
        "def flip(row):\n    return row[::-1]\n\ndef check(grid):\n    return grid\n\nprint(1)\n"
    )
    code = extract_code(f"{fenced(others)}{fenced(MAIN)}")
    assert code is not None
    assert code.python_code == f"{FLIP}\n{MAIN}"


def test_imports_of_the_future_stay_first() -> None:
    main = f"from __future__ import annotations\n{MAIN}"
    code = extract_code(fenced(FLIP) + fenced(main))
    assert code is not None
    assert code.python_code == f"from __future__ import annotations\n{FLIP}\n{MAIN}"


def test_what_only_an_example_lacks_is_not_looked_for() -> None:
    source = f"{SOLVER}print(solve_task(data))\n"
    code = extract_code(fenced("data = input()\n") + fenced(source))
    assert code == ExtractedCode(source, "solve_task")
