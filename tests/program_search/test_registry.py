"""The registry of transforms: their words, their order, and the door by which new ones come."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.program_search.solving import solve
from agents.program_search.transforms import registry
from agents.program_search.transforms.registry import REGISTRY, Array, new_fact, steps_of
from tests.support.scripts import REPOSITORY
from utilities.tasks.task import Pair, Task

BUDGET = 2_000_000
PROGRAM_SEARCH = REPOSITORY / "agents" / "program_search"
STEPS = [*steps_of("picture"), *steps_of("paint", "fact"), *steps_of("number")]
SENTENCES = [step.sentence() for step in STEPS]


def test_sentences_have_words_for_every_argument() -> None:
    assert [words for words in SENTENCES if re.search(r"[{}_]|^\s|\s$", words)] == []


def test_different_steps_read_differently() -> None:
    steps = [f"{step.transform.function.__name__}: {step.sentence()}" for step in STEPS]
    assert len(set(steps)) == len(steps)


def test_every_transform_says_what_it_does() -> None:
    assert [name for name, one in REGISTRY.items() if not inspect.getdoc(one.function)] == []


def test_cheapest_steps_come_first() -> None:
    costs = [step.cost for step in steps_of("picture", "paint", "fact")]
    assert costs == sorted(costs)


@pytest.mark.parametrize("first", ["transforms.facts", "writing.program", "solving"])
def test_what_is_imported_first_leaves_the_order_of_steps_as_it_is(first: str) -> None:
    code = f"import agents.program_search.{first}\n" + textwrap.dedent(
        """
        from agents.program_search.transforms.registry import steps_of
        for step in [*steps_of("picture"), *steps_of("paint", "fact"), *steps_of("number")]:
            print(step.sentence())
        """
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert printed.splitlines() == SENTENCES


def test_of_a_transforms_choices_those_listed_first_cost_least_but_colours_cost_alike() -> None:
    crops = [step for step in REGISTRY["cropped_to"].steps() if step.arguments[0] == 0]
    assert len({step.cost for step in crops}) == 1
    sizes = [step.cost for step in REGISTRY["enlarged"].steps()]
    assert sizes == sorted(set(sizes))


def test_choices_must_be_the_functions_arguments() -> None:
    with pytest.raises(ValueError, match="wrong_choices"):

        @new_fact("the {size}", cost=1.0, size={1: "one"})
        def wrong_choices(grid: Array, length: int) -> Array:
            return grid


def test_a_sentence_must_name_every_choice() -> None:
    with pytest.raises(ValueError, match="silent_choice"):

        @new_fact("something", cost=1.0, size={1: "one"})
        def silent_choice(grid: Array, size: int) -> Array:
            return grid


def sorting_task() -> Task:
    """Every row is sorted, the highest colour first."""
    grids = np.random.default_rng(5).integers(0, 10, (4, 6, 5))
    pairs = [Pair(one.tolist(), np.sort(one, axis=1)[:, ::-1].tolist()) for one in grids]
    return Task("sort", tuple(pairs[:3]), (Pair(pairs[3].input, None),))


def test_without_its_transform_the_task_has_no_solution() -> None:
    assert solve(sorting_task(), search_budget=BUDGET) == []


def test_the_transform_of_the_readme_is_searched_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "REGISTRY", dict(REGISTRY))
    page = (REPOSITORY / "agents" / "program_search" / "readme.md").read_text()
    example = tmp_path / "example.py"
    example.write_text(page.split("```python\n")[1].split("```")[0])
    spec = importlib.util.spec_from_file_location("example", example)
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))

    best = solve(sorting_task(), search_budget=BUDGET)[0]
    assert best.kind == "found"
    assert "Sort every row, highest first." in best.reasoning
    assert "# Sort every row, highest first." in best.python_code
    assert "picture = np.sort(grid, axis=1)[:, ::-1]" in best.python_code
    namespace: dict[str, Any] = {}
    exec(best.python_code, namespace)
    assert namespace["solve_task"](sorting_task().test[0].input) == best.outputs[-1]


def test_no_two_functions_that_programs_carry_have_one_name() -> None:
    folders = (PROGRAM_SEARCH / "transforms", PROGRAM_SEARCH / "stacking")
    modules = [path for folder in folders for path in folder.glob("*.py")]
    modules += [PROGRAM_SEARCH / "search" / name for name in ("views.py", "rules.py")]
    names = [
        node.name
        for path in modules
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
    ]
    assert sorted({name for name in names if names.count(name) > 1}) == []
