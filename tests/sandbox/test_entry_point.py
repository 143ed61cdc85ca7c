"""Which function of a program answers."""

from __future__ import annotations

import warnings

import pytest

from utilities.sandbox.entry_point import (
    ENTRY_POINTS,
    find_entry_point,
    only_function_of,
    parse_program,
)


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
    assert only_function_of(parse_program(code)) == name


@pytest.mark.parametrize("code", ["\0", "\ud800", "-" * 200_000 + "1", "1+" * 100_000 + "1"])
def test_what_cannot_be_parsed_is_a_syntax_error_with_a_reason(code: str) -> None:
    with pytest.raises(SyntaxError) as raised:
        parse_program(code)
    assert raised.value.msg


def test_a_program_does_not_make_the_toolkit_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_program(r"x = '\d' is '\w'")
