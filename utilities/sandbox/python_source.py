"""Parses untrusted Python in the supervisor, within bounds, and finds the function that answers."""

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from utilities.sandbox.program import ENTRY_POINTS

MAX_SOURCE_BYTES = 256 * 1024
"""The sandbox takes no longer source."""
MAX_DEPTH = 200
"""Levels of a syntax tree, without LEAVES; `ast.dump` takes up to three frames for each."""
LEAVES = frozenset(
    {ast.Name, ast.Constant, ast.alias}.union(
        *(kind.__subclasses__() for kind in (ast.expr_context, ast.operator, ast.cmpop))
    )
)
"""Kinds of nodes with nothing below them but contexts: two thirds of a tree."""


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
        level = [
            child
            for node in level
            for child in ast.iter_child_nodes(node)
            if type(child) not in LEAVES
        ]
        if not level:
            return True
    return False


def find_entry_point(source: str) -> str | None:
    """The function to call; None if there is none of a known name, or no tree (`parse_python`)."""
    tree = parse_python(source)
    return None if isinstance(tree, Unparsable) else entry_point_of(tree)


def entry_point_of(tree: ast.Module) -> str | None:
    """The best name of ENTRY_POINTS that `tree` binds to a function; None if there is none.

    `solve_task` may be bound to anything that is not plainly a value, such as a number: what calls
    return, methods, imported names.
    """
    functions, definitions = _functions_of(tree), dict(bindings(tree.body))
    for name in ENTRY_POINTS:
        if name in functions:
            return name
        value = definitions.get(name)
        if value and _may_be_function(value, definitions, named=name == ENTRY_POINTS[0]):
            return name
    return None


def only_function_of(tree: ast.Module) -> str | None:
    """The name of the function of `tree` if it defines exactly one, whatever its name."""
    functions = _functions_of(tree)
    return functions.pop() if len(functions) == 1 else None


def _functions_of(tree: ast.Module) -> set[str]:
    """Names of functions, of lambdas, and other names of functions above."""
    functions = set()
    for name, value in bindings(tree.body):
        if isinstance(value, ast.FunctionDef | ast.Lambda) or (
            isinstance(value, ast.Name) and value.id in functions
        ):
            functions.add(name)
    return functions


def bindings(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """Each name that is bound at the top level, and what to: a value, a definition, an import."""
    for statement in top_level(body):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, statement
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((a.asname or a.name.split(".")[0], statement) for a in names)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _assigned(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield from _assigned(target, value)


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values):
            for one, its_value in zip(targets, values, strict=False):
                yield from _assigned(one, its_value)
        case ast.Tuple(elts=targets), _:
            for one in targets:
                yield from _assigned(one, value)
        case ast.Subscript(ast.Call(ast.Name("globals")), ast.Constant(str(name))), _:
            yield name, value


def top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run at import, also those inside a top-level `if`, `try` or `with`."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "handlers", "orelse", "finalbody"):
                yield from top_level(getattr(statement, part, ()))
        elif isinstance(statement, ast.ExceptHandler):
            yield from top_level(statement.body)


def _may_be_function(value: ast.AST, definitions: Mapping[str, ast.AST], *, named: bool) -> bool:
    """Whether a value is a function; if it is `named` as one, what may be one is enough."""
    match value:
        case ast.IfExp(body=one, orelse=other) | ast.BoolOp(values=[one, other]):
            return any(_may_be_function(each, definitions, named=named) for each in (one, other))
        case ast.Call() | ast.Attribute() | ast.Import() | ast.ImportFrom():
            return named or _makes_function(value, definitions)
        case ast.Name() | ast.NamedExpr() | ast.Subscript():
            return named
    return isinstance(value, ast.Lambda)


def _makes_function(value: ast.AST, definitions: Mapping[str, ast.AST]) -> bool:
    """Whether it calls `partial`, a class, or a function that returns one; or names a method."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr == "partial"
    while isinstance(value, ast.Call | ast.Attribute):
        value = value.func if isinstance(value, ast.Call) else value.value
    if not isinstance(value, ast.Name):
        return False
    definition = definitions.get(value.id)
    if isinstance(definition, ast.FunctionDef):
        inner = {node.name for node in definition.body if isinstance(node, ast.FunctionDef)}
        returned = [node.value for node in ast.walk(definition) if isinstance(node, ast.Return)]
        return any(
            isinstance(each, ast.Lambda) or (isinstance(each, ast.Name) and each.id in inner)
            for each in returned
        )
    return value.id == "partial" or isinstance(definition, ast.ClassDef)
