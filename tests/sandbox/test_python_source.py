"""How the supervisor reads untrusted Python, and which function of a program answers."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.hostile_sources import HOSTILE_SOURCES, MIRROR
from utilities.sandbox.execution import Limits
from utilities.sandbox.program import ENTRY_POINTS
from utilities.sandbox.python_source import (
    MAX_DEPTH,
    MAX_SOURCE_BYTES,
    Unparsable,
    find_entry_point,
    only_function_of,
    parse_python,
)
from utilities.tasks.task import Pair, Task
from utilities.verification.labels import source_labels
from utilities.verification.verdict import normal_form

TASK = Task("task", (Pair([[0, 1], [2, 3]], [[1, 0], [3, 2]]),), ())


LAYERS = {
    "-": ("-", ""),
    "(": ("(", ")"),
    "[": ("[", "]"),
    "{": ("{0: ", "}"),
    ".": ("", ".a"),
    "call": ("f(", ")"),
    "subscript": ("", "[0]"),
    "+": ("1 + ", ""),
    "+ right": ("", " + 1"),
    "<": ("1 < (", ")"),
    "lambda": ("lambda: ", ""),
    "if": ("1 if a else ", ""),
    "for": ("[", " for a in b]"),
    "f-string": ("f'{", "}'"),
    "not": ("not ", ""),
    "await": ("await ", ""),
    "elif": ("a\nelif a: ", ""),
    "def": ("def f(): ", ""),
    "open": ("(", ""),
}


def nested(layers: list[tuple[tuple[str, str], int]]) -> str:
    source = "1"
    for (before, after), count in layers:
        source = before * count + source + after * count
    return f"if a: {source}" if source.startswith("a\n") else f"x = {source}"


nested_sources = st.lists(
    st.tuples(st.sampled_from(list(LAYERS.values())), st.integers(0, 1200)), max_size=4
).map(nested)


def read_in_every_way(source: str) -> None:
    """Make of a program all that the supervisor makes of it without running it."""
    assert isinstance(parse_python(source), ast.Module | Unparsable)
    assert find_entry_point(source) in {None, *ENTRY_POINTS}
    assert isinstance(normal_form(source), str)
    assert source_labels(parse_python(source), TASK).hardcoded in {None, False, True}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE_SOURCES)
def test_no_hostile_source_breaks_its_readers(name: str) -> None:
    read_in_every_way(HOSTILE_SOURCES[name])
    read_in_every_way(MIRROR + HOSTILE_SOURCES[name])


@settings(deadline=None)
@given(st.text() | nested_sources | st.text(alphabet="()[]{}:=+-*.,'\"\n\\ fdeifl01\0\ud800"))
def test_no_source_breaks_its_readers(source: str) -> None:
    read_in_every_way(source)


def test_a_tree_is_as_deep_as_is_safe_to_walk_and_no_deeper() -> None:
    expression = MAX_DEPTH - 3  # below the module, the assignment and the constant at the end
    assert isinstance(parse_python("x = " + "-" * expression + "1"), ast.Module)
    assert isinstance(parse_python("x = " + "-" * (expression + 1) + "1"), Unparsable)


def test_the_deepest_tree_can_be_walked_from_deep_in_the_stack() -> None:
    elifs = "if a:\n    pass\n" + "elif a:\n    pass\n" * (MAX_DEPTH - 4)

    def read_below(frames: int) -> str:
        return read_below(frames - 1) if frames else normal_form(elifs)

    assert isinstance(parse_python(elifs), ast.Module)
    assert read_below(100) != elifs


def test_a_source_is_as_long_as_the_sandbox_takes_and_no_longer() -> None:
    assert Limits().source_bytes == MAX_SOURCE_BYTES
    assert isinstance(parse_python("#" * MAX_SOURCE_BYTES), ast.Module)
    assert isinstance(parse_python("#" * (MAX_SOURCE_BYTES + 1)), Unparsable)
    assert isinstance(parse_python("#" + "ä" * (MAX_SOURCE_BYTES // 2)), Unparsable)


def test_hardcoded_is_null_if_it_cannot_be_told() -> None:
    told = source_labels(parse_python(MIRROR), TASK)
    untold = source_labels(parse_python(MIRROR + HOSTILE_SOURCES["many unary minuses"]), TASK)
    assert (told.hardcoded, untold.hardcoded) == (False, None)


@pytest.mark.parametrize("position", range(len(ENTRY_POINTS)))
def test_the_best_name_is_taken(position: int) -> None:
    defined = ENTRY_POINTS[position:]
    code = "\n".join(f"def {name}(g): return g" for name in reversed(defined))
    assert find_entry_point(code) == ENTRY_POINTS[position]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def anything(g): return g", None),
        ("p = lambda g: g", "p"),
        ("def a(g): return g\ndef b(g): return g\nsolve = a", "solve"),
        ("p = 3\ndef a(g): return g", None),
        ("class A:\n    def solve(self, g): return g", None),
        ("def a(g):\n    def solve(g): return g\n    return solve(g)", None),
        ("if True:\n    def solve(g): return g\nelse:\n    pass", "solve"),
        ("try:\n    import x\nexcept ImportError:\n    def solve(g): return g", "solve"),
        ("async def solve_task(g): return g", None),
        ("x = 1", None),
        ("", None),
        ("def solve_task(g)", None),
        ("\0", None),
        ("\ud800", None),
        ("-" * 200_000 + "1", None),
        ("1+" * 100_000 + "1", None),
    ],
)
def test_an_entry_point_is_a_function_of_the_top_level(code: str, name: str | None) -> None:
    assert find_entry_point(code) == name


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("def anything(g): return g", "anything"),
        ("def a(g): return g\ndef b(g): return g", None),
        ("def a(g): return g\ndef a(g): return g", "a"),
        ("p = 3\ndef a(g): return g", "a"),
        ("a = lambda g: g", "a"),
        ("def a(g):\n    def b(g): return g\n    return b(g)", "a"),
        ("async def a(g): return g", None),
        ("", None),
    ],
)
def test_an_only_function_is_found_whatever_its_name(code: str, name: str | None) -> None:
    tree = parse_python(code)
    assert isinstance(tree, ast.Module)
    assert only_function_of(tree) == name


@pytest.mark.parametrize("code", ["\0", "\ud800", "-" * 200_000 + "1", "1+" * 100_000 + "1"])
def test_what_cannot_be_parsed_is_told_with_a_reason(code: str) -> None:
    unparsable = parse_python(code)
    assert isinstance(unparsable, Unparsable)
    assert unparsable.reason


def test_a_program_does_not_make_the_toolkit_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_python(r"x = '\d' is '\w'")
