"""Programs carry only what they use, and still give what their functions give."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.mosaic import Mosaic
from agents.program_search.search.rules import Rule
from agents.program_search.search.sources import OWN, Source
from agents.program_search.solving import Known
from agents.program_search.transforms.registry import REGISTRY, Step
from agents.program_search.writing.layout import wrapped
from agents.program_search.writing.program import carried_definitions, program_of
from agents.program_search.writing.specialising import specialised
from tests.program_search.test_properties import SAMPLE

MOVES = {"turned": "sideways", "fallen": "down"}
MAIN = "def solve_task(grid):\n    return "


def run(definitions: list[str]) -> Any:
    """The function `solve_task` of the definitions."""
    namespace: dict[str, Any] = {}
    exec("\n".join(["import numpy as np", "from collections import namedtuple"]), namespace)
    exec("\n\n".join(definitions), namespace)
    return namespace["solve_task"]


def written(*texts: str) -> str:
    """The definitions, the last of them an expression of `grid`, specialised."""
    return "\n".join(specialised(list(texts[:-1]), MAIN + texts[-1], {}))


def holds_for(step: Step) -> bool:
    """Whether a step's specialised text gives what the step gives, on the sample of grids."""
    main = f"{MAIN}{step.code('grid')}"
    emitted = run(specialised(carried_definitions(step.functions()), main, dict([step.told()])))
    for grid in SAMPLE:
        wanted = step.transform.function(grid, *step.arguments)
        if wanted is not None and not np.array_equal(emitted(grid), wanted):
            return False
    return True


@pytest.mark.parametrize("name", ["turned", "line_number", "only_parts", "joined", "rolled"])
def test_a_specialised_transform_gives_what_it_gives(name: str) -> None:
    assert all(map(holds_for, list(REGISTRY[name].steps())[:3]))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_specialised_choice_gives_what_it_gives(name: str) -> None:
    steps = list(REGISTRY[name].steps())
    assert all(map(holds_for, steps[:: len(steps) // 60 + 1]))


def program(name: str, *arguments: Any) -> str:
    """The program of one picture step."""
    entry = REGISTRY[name]
    return program_of(Candidate((Step(entry, arguments, 0.0),), None, 0.0, ()))


def test_a_mirror_is_one_line() -> None:
    code = program("turned", "sideways")
    assert [line.split("(")[0] for line in code.splitlines() if line.startswith("def ")] == [
        "def solve_task"
    ]
    assert "    picture = grid[:, ::-1]\n" in code


def test_a_mosaic_names_its_tiles_in_place() -> None:
    code = program_of(Candidate((), Mosaic((("same", "sideways"), ("blank", "upright"))), 0.0, ()))
    assert "np.block([[grid, grid[:, ::-1]], [np.zeros_like(grid), grid[::-1]]])" in code


def test_the_same_program_in_other_words_is_a_near_duplicate() -> None:
    mirror, fall = (Step(REGISTRY[name], (to,), 0.0) for name, to in MOVES.items())
    direct = Candidate((mirror,), None, 0.0, ())
    in_cells = Candidate((), Rule((), {}, Source("grid", (mirror,))), 0.0, ())
    other = Candidate((mirror, fall), None, 0.0, ())
    known = Known([np.array([[0, 1, 2], [3, 0, 0]]), np.array([[5, 0, 5]])])
    assert [known.is_new(one, program_of(one)) for one in (direct, in_cells, other, other)] == [
        *(True, False, True, False)
    ]


def test_a_changed_function_says_what_it_does_there() -> None:
    code = program("joined", "row")
    functions = {one.name: one for one in ast.parse(code).body if isinstance(one, ast.FunctionDef)}
    assert " ".join((ast.get_docstring(functions["joined"]) or "").split()) == (
        "Join every two inked cells of one colour in a row that have only background between them "
        "by a line of that colour."
    )
    assert [one.arg for one in functions["joined"].args.args] == ["grid"]


def test_arguments_that_vary_stay() -> None:
    one = "def f(x, y):\n    return [x + 1, x, y] if y else x"
    assert "def f(x, y):" in written(one, "f(grid, 0) + f(grid, grid)")


def test_a_parameter_that_gets_another_value_stays() -> None:
    one = "def f(x, y):\n    for y in [y, x]:\n        x = x * y\n    return x"
    assert "def f(x, y):" in written(one, "f(grid, 2)")


def test_a_name_that_hides_a_function_is_not_taken_for_it() -> None:
    f = "def f(x):\n    return x + 1"
    g = "def g(x, f):\n    y = x[f]\n    return f * x[f:] + y"
    assert run([written(f, g, "f(g(grid, 1))")])(np.array([1, 2])).tolist() == [5]


def test_an_expression_with_effects_is_not_dropped() -> None:
    f = "def f(x):\n    places = x.tolist()\n    last = places.pop()\n    return [places, places]"
    assert "places.pop()" in written(f, "f(grid)")


def test_a_call_that_lacks_an_argument_is_left_as_it_is() -> None:
    assert "return f(grid)" in written("def f(x, y):\n    return x + y", "f(grid)")


def test_an_alias_in_a_loop_keeps_its_value() -> None:
    f = (
        "def f(x):\n    for y in x:\n        b = y + 1\n        if y == 1:\n            a = b\n"
        "    return [a, b]"
    )
    assert run([written(f, "f(grid)")])([1, 2, 3]) == [2, 4]


def test_comments_of_functions_that_stay_as_they_are_are_kept() -> None:
    f = "def f(x):\n    # Twice.\n    y = x * x + 1\n    return y / y"
    assert "# Twice." in written(f, "f(grid)")


def test_long_lines_are_broken_inside_of_brackets_only() -> None:
    line = f"    answer = np.block([{', '.join(['[grid, (grid[::-1] if grid else 1)]'] * 9)}])"
    lines = wrapped(line)
    assert max(map(len, lines)) <= 100
    assert ast.dump(ast.parse("\n".join(lines).strip())) == ast.dump(ast.parse(line.strip()))


@pytest.mark.parametrize(
    ("text", "comes_to"),
    [
        ("x + y", "return grid"),
        ("x if x[0] and y else x + 1", "return grid + 1"),
        ("x if x[0] or y else x + 1", "return x if x[0] else x + 1"),
        ("y * x + (y + 1) * x", "return grid"),
        ("x + 3 - (y + 3)", "return grid"),
        ("x[:: y + 1]", "return grid[:]"),
        ("x | (y == 1)", "return grid"),
        ("x[int(y == 0)]", "return grid[1]"),
    ],
)
def test_what_an_argument_makes_idle_is_left_out(text: str, comes_to: str) -> None:
    assert comes_to in written(f"def f(x, y):\n    z = x\n    return {text}", "f(grid, 0)")


def test_of_several_measures_a_program_carries_the_one_that_it_uses() -> None:
    code = program_of(Candidate((), Rule((line_fact(),), {(1,): OWN}, Source("constant")), 0.0, ()))
    assert "colours" not in code
    assert "def held_by_rows(rows):" in code


def line_fact() -> Source:
    return Source("picture", (Step(REGISTRY["line_holds"], ("more", "inked"), 0.0),))


def test_sides_that_nobody_reads_are_not_unpacked() -> None:
    f = "def f(x, y):\n    (a, b), (c, d) = x.shape, x[y]\n    return c + d"
    assert "    c, d = x[0]" in written(f, "f(grid, 0)")


def test_a_step_that_does_not_apply_gives_back_its_picture() -> None:
    code = program("overlaid", (1, 2), "last")
    assert run([code])([[1, 2, 3]]) == [[1, 2, 3]]
    assert "None" not in program("smallest_tile")
    assert "the grid as it is if only itself" in program("smallest_tile")


def test_lines_of_facts_stand_in_the_order_in_which_they_are_told() -> None:
    facts = Source("picture"), line_fact()
    rule = Rule(facts, {(1, 2): Source("constant", colour=3)}, OWN)
    lines = [line[:6] for line in rule.piece("grid").lines if line.startswith("fact_")]
    assert lines == ["fact_a", "fact_b"]
