"""A program that makes tasks: its two halves, and how its generator runs where programs are run."""

import ast
import re

from utilities.sandbox.program import ENTRY_POINTS
from utilities.sandbox.python_source import Unparsable, bindings, entry_point_of, parse_python
from utilities.tasks.task import Grid

GENERATOR = "generate_input"
LINE_OF_RUNNER = " (line "
"""Begins what a message says of a line: it is one of the runner below, not of the generator."""
_RUNNER = """import random as _random

_CODE = compile({source!r}, "generator", "exec")


def solve_task(grid):
    names = {{"__name__": "program"}}
    exec(_CODE, names)
    return names[{generator!r}](_random.Random(int("".join(map(str, grid[0])))))
"""
"""Runs a generator where programs are run: its grid holds the digits of a seed. Nothing that one
seed leaves behind reaches the next one."""


def seed_grid(seed: int) -> Grid:
    """The digits of a seed (0 or more, at most 30 digits) as a grid of one row."""
    return [[int(digit) for digit in str(seed)]]


def runner_of(generator: str) -> str:
    """A program that gives the generator's input for a seed's grid."""
    return _RUNNER.format(source=generator, generator=GENERATOR)


def halves_of(code: str) -> tuple[str, str] | None:
    """The generator and the solution, each without the other; None if a program lacks one."""
    tree = parse_python(code)
    if isinstance(tree, Unparsable):
        return None
    solves = entry_point_of(tree)
    if solves is None or GENERATOR not in dict(bindings(tree.body)):
        return None
    return _without(code, tree, solves), _without(code, tree, GENERATOR)


def _without(code: str, tree: ast.Module, name: str) -> str:
    """The program without a function, and without the definitions that only that one used.

    What statements of the top level read stays.
    """
    definitions = {bound: one for one in tree.body if (bound := _only_name_of(one))}
    readers: dict[str, set[str]] = {bound: set() for bound in definitions}
    for statement in tree.body:
        reader = _only_name_of(statement) or ""
        for read in _names_read(statement) & readers.keys() - {reader}:
            readers[read].add(reader)
    dropped = {name} if "" not in readers.get(name, {""}) else set()
    others = readers.keys() - {*ENTRY_POINTS, GENERATOR}
    while more := {one for one in others - dropped if readers[one] and readers[one] <= dropped}:
        dropped |= more
    lines = code.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for bound, one in sorted(definitions.items(), key=lambda item: -item[1].lineno):
        if bound in dropped:
            decorators = getattr(one, "decorator_list", ())
            first = min(each.lineno for each in (one, *decorators))
            del lines[first - 1 : one.end_lineno]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"


def _only_name_of(statement: ast.stmt) -> str | None:
    """The name that a statement of the top level binds, if it does that alone and to one name."""
    match statement:
        case ast.FunctionDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case ast.Import(names=[alias]) | ast.ImportFrom(names=[alias]):
            return alias.asname or alias.name.split(".")[0]
    return None


def _names_read(node: ast.AST) -> set[str]:
    """Names, and texts that may be names, in a statement."""
    nodes = list(ast.walk(node))
    texts = (one.value for one in nodes if isinstance(one, ast.Constant))
    named = {one.id for one in nodes if isinstance(one, ast.Name)}
    return named | {text for text in texts if isinstance(text, str)}
