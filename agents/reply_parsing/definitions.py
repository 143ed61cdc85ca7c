"""What a program uses and does not define, taken from the reply's other blocks."""

import ast
import builtins
import symtable
from collections.abc import Iterable
from dataclasses import dataclass

from agents.reply_parsing.program_text import ProgramText, read_program
from utilities.sandbox.python_source import bindings

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


def definitions_for(
    program: ProgramText, blocks: list[list[str]], also: Iterable[str] = ()
) -> tuple[str, set[int]]:
    """The source of what a program lacks and other blocks define, and the blocks it is from.

    Names in `also` are missed even if the program does not use them.

    Only statements that bind a missing name are taken, of several the last, and what these lack in
    turn. What only the examples behind the program's last definition use is not looked for.
    """
    lines = program.source.split("\n")
    wanted = [*names_missing("\n".join(lines[: program.end_of_definitions]))]
    if also:
        bound = dict(bindings(program.tree.body if program.tree else ()))
        wanted += [name for name in also if name not in bound]
    known = _definitions(blocks) if wanted else {}
    taken: dict[tuple[int, int], _Definition] = {}
    for name in wanted:  # grows as it goes
        definition = known.get(name)
        if definition and definition.place not in taken:
            taken[definition.place] = definition
            wanted += definition.uses
    source = "".join(f"{taken[place].source}\n\n" for place in sorted(taken))
    return source, {block for block, _ in taken}


def _definitions(blocks: list[list[str]]) -> dict[str, _Definition]:
    """For each name that the last of the blocks bind at their top level, the last statement."""
    found: dict[str, _Definition] = {}
    left = _MOST_CHARACTERS
    for number, block in list(enumerate(blocks))[-_MOST_BLOCKS:]:
        left -= sum(map(len, block))
        if left < 0:
            break
        program = read_program(block)
        lines = program.source.split("\n")
        for statement in program.tree.body if program.tree else ():
            first = min(getattr(each, "lineno", statement.lineno) for each in ast.walk(statement))
            source = "\n".join(lines[first - 1 : statement.end_lineno])
            names = [name for name, _ in bindings([statement])]
            if names and "__future__" not in source:
                definition = _Definition((number, first), source, names_missing(source))
                found |= dict.fromkeys(names, definition)
    return found
