"""What a program uses and does not define, taken from the reply's other blocks."""

import ast
import builtins
import symtable
from collections.abc import Iterator
from dataclasses import dataclass

from agents.reply_parsing.program_text import ProgramText, read_program
from utilities.sandbox.python_source import top_level

_ALWAYS_THERE = frozenset({*dir(builtins), "__file__"})
_MOST_BLOCKS = 32
_MOST_CHARACTERS = 128 * 1024


@dataclass(frozen=True, slots=True)
class _Definition:
    """A statement of another block: its place in the reply, its lines, and what it uses."""

    place: tuple[int, int]
    source: str
    uses: frozenset[str]


def names_missing(source: str) -> frozenset[str]:
    """The global names that a program reads and does not bind; empty if that cannot be told."""
    try:
        table = symtable.symtable(source, "<program>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    bound = {each.get_name() for each in table.get_symbols() if _is_bound(each)}
    read: set[str] = set()
    tables = [table]
    for each in tables:  # grows as it goes
        tables += each.get_children()
        for symbol in each.get_symbols():
            if symbol.is_declared_global() and symbol.is_assigned():
                bound.add(symbol.get_name())
            elif symbol.is_global() or each is table:
                read.add(symbol.get_name())
    return frozenset(read - bound - _ALWAYS_THERE)


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def completed(source: str, blocks: list[list[str]]) -> tuple[str, set[int]]:
    """The program with the definitions that it lacks before it, and the blocks they are from.

    Only definitions, imports and assignments of the missing names are taken, of several the last,
    and what these in turn lack. The program itself stays as it is.
    """
    missing = names_missing(source)
    if not missing or not blocks:
        return source, set()
    known = _definitions(blocks)
    taken: dict[tuple[int, int], _Definition] = {}
    wanted = [*missing]
    for name in wanted:  # grows as it goes
        definition = known.get(name)
        if definition and definition.place not in taken:
            taken[definition.place] = definition
            wanted += definition.uses
    if not taken:
        return source, set()
    before = [taken[place].source for place in sorted(taken)]
    return "\n".join([*before, source]), {block for block, _ in taken}


def _definitions(blocks: list[list[str]]) -> dict[str, _Definition]:
    """For each name that the last of the blocks bind at their top level, the last statement."""
    found: dict[str, _Definition] = {}
    left = _MOST_CHARACTERS
    for number, lines in list(enumerate(blocks))[-_MOST_BLOCKS:]:
        left -= sum(map(len, lines))
        if left < 0:
            break
        program = read_program(lines)
        for line, source, names in _statements(program):
            definition = _Definition((number, line), source, names_missing(source))
            found |= dict.fromkeys(names, definition)
    return found


def _statements(program: ProgramText) -> Iterator[tuple[int, str, set[str]]]:
    """The defining statements of a program: first line, source with a newline, names bound."""
    lines = program.source.split("\n")
    for statement in top_level(program.tree.body if program.tree else ()):
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = {name}
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names = {(each.asname or each.name).split(".")[0] for each in aliases}
            case ast.Assign(targets=targets):
                nodes = [node for each in targets for node in ast.walk(each)]
                names = {node.id for node in nodes if isinstance(node, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                names = {name}
            case _:
                continue
        decorators = getattr(statement, "decorator_list", [])
        first = min([statement.lineno, *(each.lineno for each in decorators)])
        source = "\n".join(lines[first - 1 : statement.end_lineno])
        yield first, f"{source}\n", names
