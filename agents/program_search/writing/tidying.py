"""Tidies a function into which literals were put: folds, and drops what nobody reads any more.

Functions of programs have no side effects but on what they made themselves. Still, an expression
is only left out if it is known to have none. What is not understood stays as it is.
"""

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from agents.program_search.writing.folding import (
    Expressions,
    Folding,
    Names,
    is_literal,
    names_in,
    walked,
)

SIMPLE = (ast.Assign, ast.AugAssign, ast.Return, ast.Expr)
ENDS = (ast.Return, ast.Continue, ast.Break, ast.Raise)


def tidied(
    function: ast.FunctionDef,
    values: Expressions,
    tables: Mapping[str, ast.Dict],
    is_quiet: Callable[[ast.expr], bool],
) -> None:
    """Put expressions in the place of names, fold what they decide, and drop what is not read.

    `tables` are dictionaries of the program by name; `is_quiet` tells whether an expression does
    nothing but give its value.
    """
    local = names_in(function).bound
    known = {name: table for name, table in tables.items() if name not in local}
    while True:
        folding = Folding(values, known)
        folding.visit(function)
        names = names_in(function)
        hits = folding.hits + sum([looked_up(one, names.bound, known) for one in blocks(function)])
        unread = names.bound.keys() - names.read.keys() - names.added.keys()
        hits += sum([cleared(block, unread, is_quiet) for block in blocks(function)])
        values = settled(function, names)
        if not hits and not values:
            return


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in it but empty ones."""
    for node in walked(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            yield body
            if orelse := getattr(node, "orelse", None):
                yield orelse


def pairs(statement: ast.AST) -> list[tuple[str, ast.expr]]:
    """The names that a plain assignment sets, each with its expression."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) > 1:
        return []
    target, value = statement.targets[0], statement.value
    targets, parts = [target], [value]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        targets, parts = target.elts, value.elts
    names = [one.id for one in targets if isinstance(one, ast.Name)]
    if len(names) < len(targets) or len(names) != len(parts):
        return []
    return (
        []
        if any(isinstance(one, ast.Starred) for one in parts)
        else [*zip(names, parts, strict=True)]
    )


def looked_up(block: list[ast.stmt], local: Counter[str], known: Mapping[str, ast.Dict]) -> int:
    """Look keys up in dictionaries that the statement just before has named."""
    hits = 0
    for first, second in pairwise(block):
        found = {name: value for name, value in pairs(first) if local[name] == 1}
        tables = {name: value for name, value in found.items() if isinstance(value, ast.Dict)}
        if tables and isinstance(second, SIMPLE):
            folding = Folding({}, {**known, **tables})
            folding.visit(second)
            hits += folding.hits
    return hits


def settled(function: ast.FunctionDef, names: Names) -> dict[str, ast.expr]:
    """The names that are read and always stand for the same literal, or for another name."""
    bound, read, _ = names
    first = {one.arg for one in function.args.args}
    first |= {name for one in function.body for name, _ in pairs(one)}
    once = {name for name in first if bound[name] == 1}
    return {
        name: value
        for one in walked(function)
        for name, value in pairs(one)
        if bound[name] == 1
        and read[name]
        and (is_literal(value) or (isinstance(value, ast.Name) and value.id in once))
    }


def cleared(
    block: list[ast.stmt], unread: Collection[str], is_quiet: Callable[[ast.expr], bool]
) -> int:
    """Drop assignments to names that are not read, empty branches, and what is never reached."""
    kept, drops = list[ast.stmt](), 0
    for whole in block:
        statement: ast.stmt = without_unread(whole, unread, is_quiet) or whole
        drops += statement is not whole
        if kept and isinstance(kept[-1], ENDS):
            drops += 1
            continue
        named = pairs(statement)
        left = [(name, one) for name, one in named if name not in unread or not is_quiet(one)]
        if len(left) < len(named):
            drops += 1
            if left:
                kept.append(assigned(left))
            continue
        if (
            isinstance(statement, ast.Assign)
            and all(is_unread(target, unread) for target in statement.targets)
            and is_quiet(statement.value)
        ):
            drops += 1
            continue
        is_empty = isinstance(statement, ast.If) and all(
            isinstance(one, ast.Pass) for one in (*statement.body, *statement.orelse)
        )
        if is_empty and isinstance(statement, ast.If) and is_quiet(statement.test):
            drops += 1
            continue
        last = pairs(kept[-1]) if kept else []
        value = statement.value if isinstance(statement, ast.Return) else None
        if len(last) == 1 and isinstance(value, ast.Name) and value.id == last[0][0]:
            kept[-1], drops = ast.Return(last[0][1]), drops + 1
            continue
        kept.append(statement)
    block[:] = kept or [ast.Pass()]
    return drops


def without_unread(
    statement: ast.stmt, unread: Collection[str], is_quiet: Callable[[ast.expr], bool]
) -> ast.Assign | None:
    """An assignment to a tuple without parts that nobody reads; None if it has no such parts."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) > 1:
        return None
    target, value = statement.targets[0], statement.value
    is_split = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    if not is_split or len(target.elts) != len(value.elts):  # type: ignore[attr-defined]
        return None
    both = list(zip(target.elts, value.elts, strict=True))  # type: ignore[attr-defined]
    left = [(to, one) for to, one in both if not (is_unread(to, unread) and is_quiet(one))]
    if len(left) == len(both) or not left or any(isinstance(one, ast.Starred) for _, one in both):
        return None
    if len(left) == 1:
        return ast.Assign([left[0][0]], left[0][1], lineno=0)
    targets, values = ([one[place] for one in left] for place in (0, 1))
    return ast.Assign([ast.Tuple(targets, ast.Store())], ast.Tuple(values, ast.Load()), lineno=0)


def is_unread(target: ast.expr, unread: Collection[str]) -> bool:
    """Whether a target is a name that nobody reads, or a tuple of those."""
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    return all(isinstance(one, ast.Name) and one.id in unread for one in names)


class GivingBack(ast.NodeTransformer):
    """Lets a function that gives None for want of a result give its first argument instead."""

    def __init__(self, function: ast.FunctionDef) -> None:
        """The function is changed in place; `hits` counts the changes."""
        self.given, self.hits = function.args.args[0].arg, 0
        if names_in(function).bound[self.given] == 1:
            self.visit(function)

    def visit_Return(self, node: ast.Return) -> ast.Return:
        """A return of None, or of a choice one side of which is None."""
        if is_none(node.value):
            node.value = self._given()
        elif isinstance(node.value, ast.IfExp):
            choice = node.value
            choice.body = self._given() if is_none(choice.body) else choice.body
            choice.orelse = self._given() if is_none(choice.orelse) else choice.orelse
        return node

    def _given(self) -> ast.Name:
        self.hits += 1
        return ast.Name(self.given, ast.Load())


def is_none(node: ast.expr | None) -> bool:
    """Whether an expression is None as it is written."""
    return isinstance(node, ast.Constant) and node.value is None


def assigned(named: Sequence[tuple[str, ast.expr]]) -> ast.Assign:
    """The assignment of expressions to names."""
    targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name, _ in named]
    values = [value for _, value in named]
    if len(named) == 1:
        return ast.Assign(targets, values[0], lineno=0)
    both = ast.Tuple(targets, ast.Store()), ast.Tuple(values, ast.Load())
    return ast.Assign([both[0]], both[1], lineno=0)


def parameters(function: ast.FunctionDef) -> list[str]:
    """The names of a function's parameters."""
    return [one.arg for one in function.args.args]


def is_plain(call: ast.Call, least: int, most: int) -> bool:
    """Whether a call gives single arguments by their places, as many as may be given."""
    is_starred = any(isinstance(one, ast.Starred) for one in call.args)
    return not call.keywords and not is_starred and least <= len(call.args) <= most


def passes_on(call: ast.Call, place: int, parameter: str, own: Collection[ast.Call]) -> bool:
    """Whether a function calls itself with the parameter as it got it."""
    is_own = any(call is one for one in own) and place < len(call.args)
    return is_own and ast.unparse(call.args[place]) == parameter


def argument_at(function: ast.FunctionDef, call: ast.Call, place: int) -> ast.expr:
    """What a call gives a parameter: its argument or the default."""
    if place < len(call.args):
        return call.args[place]
    return function.args.defaults[place - len(function.args.args)]
