"""Parses untrusted Python in the supervisor, within bounds, and finds the function that answers."""

import ast
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from utilities.sandbox.program import ENTRY_POINTS

MAX_SOURCE_BYTES = 256 * 1024
"""The sandbox takes no longer source."""
MAX_DEPTH = 200
"""Levels of a syntax tree. `ast.dump` needs up to three Python frames for each, of 1,000."""


class Unparsable(NamedTuple):
    """Why a source has no usable syntax tree, and the line (from 1) of a syntax error."""

    reason: str
    line: int | None = None


def parse_python(source: str) -> ast.Module | Unparsable:
    """The syntax tree of untrusted source; never raises, whatever the source.

    A tree has at most MAX_DEPTH levels, so that recursive walks of it are safe. Whole numbers in
    it may be longer than Python writes in decimal: `ast.dump` raises ValueError for those.
    """
    try:
        if len(source.encode()) > MAX_SOURCE_BYTES:
            return Unparsable(f"the source is longer than {MAX_SOURCE_BYTES} bytes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as one about a model's "\d"
            tree = ast.parse(source)
    except SyntaxError as error:
        return Unparsable(error.msg, error.lineno)
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, surrogates, nesting
        return Unparsable(str(error) or "nested too deeply")
    return tree if _is_shallow(tree) else Unparsable(f"nested over {MAX_DEPTH} levels deep")


def _is_shallow(tree: ast.Module) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return True
    return False


def find_entry_point(source: str) -> str | None:
    """The function to call; None if there is none of a known name, or no tree (`parse_python`)."""
    tree = parse_python(source)
    return None if isinstance(tree, Unparsable) else entry_point_of(tree)


def entry_point_of(tree: ast.Module) -> str | None:
    """The best name of ENTRY_POINTS that is a function of `tree`; None if there is none."""
    functions = _functions_of(tree)
    return next((name for name in ENTRY_POINTS if name in functions), None)


def only_function_of(tree: ast.Module) -> str | None:
    """The name of the function of `tree` if it defines exactly one, whatever its name."""
    functions = _functions_of(tree)
    return functions.pop() if len(functions) == 1 else None


def _functions_of(tree: ast.Module) -> set[str]:
    functions: set[str] = set()
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.FunctionDef):
            functions.add(statement.name)
        elif isinstance(statement, ast.Assign) and _is_function(statement.value, functions):
            functions |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
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


def _is_function(value: ast.expr, functions: set[str]) -> bool:
    """Whether an assigned value is a lambda or another name of a function above."""
    return isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in functions)
