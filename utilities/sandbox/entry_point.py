"""Which function of a program answers: the one rule that parser, sandbox and prompts share."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENTRY_POINTS = ("solve_task", "transform", "solve", "main", "p")
"""Accepted names, best first. Where a reply is read, a program with none of them but with an only
function gets the first one as an alias, so that what is stored runs."""


def find_entry_point(code: str) -> str | None:
    """The name of the function to call; None where none has such a name or `code` is no Python."""
    try:
        return entry_point_of(parse_program(code))
    except SyntaxError:
        return None


def parse_program(code: str) -> ast.Module:
    """The syntax tree of `code`; every reason why there is none is raised as a SyntaxError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's "\d" is its own affair
            return ast.parse(code)
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, surrogates, nesting
        raise SyntaxError(str(error) or "nested too deeply to be parsed") from error


def entry_point_of(tree: ast.Module) -> str | None:
    """The best name of ENTRY_POINTS that is a function of `tree`; None where there is none."""
    functions = _functions_of(tree)
    return next((name for name in ENTRY_POINTS if name in functions), None)


def only_function_of(tree: ast.Module) -> str | None:
    """The name of the function of `tree` where it defines exactly one, whatever its name."""
    functions = _functions_of(tree)
    return functions[0] if len(set(functions)) == 1 else None


def _functions_of(tree: ast.Module) -> list[str]:
    functions: list[str] = []
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.FunctionDef):
            functions.append(statement.name)
        elif isinstance(statement, ast.Assign) and _is_function(statement.value, functions):
            functions += [t.id for t in statement.targets if isinstance(t, ast.Name)]
    return functions


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, also those inside a top-level `if`, `try` or `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                yield from _top_level(getattr(statement, part, ()))
        elif isinstance(statement, ast.ExceptHandler):
            yield from _top_level(statement.body)


def _is_function(value: ast.expr, functions: Sequence[str]) -> bool:
    """Whether an assigned value is a lambda or another name of a function above."""
    return isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in functions)
