"""The program in a reply."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from agents.reply_parsing.containers import hidden_blocks, open_blocks, split_lines
from agents.reply_parsing.definitions import definitions_for, names_missing
from agents.reply_parsing.entry_points import ASKED_FOR, answering
from agents.reply_parsing.markup import (
    Block,
    find_fences,
    normalise_newlines,
    split_thinking,
)
from agents.reply_parsing.program_text import ProgramText, names_of_functions, read_program
from utilities.sandbox.program import ENTRY_POINTS, OFFERED_MODULES, OFFERED_NAMES
from utilities.sandbox.python_source import entry_point_of, top_level

_WHOLE, _BROKEN_NAMED, _WHOLE_RENAMED, _STUB, _NO_NAME = 0, 5, 6, 7, 8
"""Ranks of what a block holds, best first; from _WHOLE on, one for each name in ENTRY_POINTS."""

_LEFT_OUT = re.compile(
    r"#[ \t]*(?:\.\.\.|…|(?:the[ \t]+)?(?:same|rest|remain|unchanged|existing|previous)"
    r"|as[ \t]+(?:above|before))",
    re.IGNORECASE,
)
"""Comments that stand for code."""
_FUTURE_IMPORT = re.compile(r"(?:from __future__ import .*\n)*")
_OFFERED = {"np", "numpy", *OFFERED_MODULES, *chain.from_iterable(OFFERED_NAMES.values())}


@dataclass(frozen=True, slots=True)
class ExtractedCode:
    """A program and the function to call; the name is None if none can be told."""

    python_code: str
    entry_point: str | None


@dataclass(frozen=True, slots=True)
class TakenCode:
    """A program, and the text that is left when it is taken out."""

    code: ExtractedCode
    rest: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What one block of a reply holds, and how good that is: the lower the rank, the better."""

    block: Block
    program: ProgramText
    answer: str | None
    """The expression that answers, if it can be told."""
    rank: int


def extract_code(text: str, also: tuple[str, ...] = ()) -> ExtractedCode | None:
    """The program of a reply; None if it has no function.

    Functions named in `also` belong to it, too, in whichever fence they stand.

    Of all blocks (see `containers`) the best one wins: one whose function has a name of
    `ENTRY_POINTS`, the earlier in that list the better; else one with such a name that does not
    parse (the sandbox says why); else one whose function can be told in another way (see
    `entry_points`); else one whose function returns nothing, such as a template. Of equals, the
    last. Labels are not trusted. Lines of prose in a block, prompts, marks and escapes are dropped
    if that makes it parse. Definitions that the program lacks are taken from the other fences.
    What stands in `<think>` blocks counts only if the visible text has no function at all.

    A program whose function has a name that the sandbox calls is kept as it stands. Else it gets
    a line `solve_task = …`, so that what is kept runs.
    """
    thinking, visible = split_thinking(normalise_newlines(text))
    taken = take_code(visible, also) or take_code(thinking, also)
    return taken.code if taken else None


@lru_cache(maxsize=16)  # program and reasoning are read of one reply, one after the other
def take_code(text: str, also: tuple[str, ...] = ()) -> TakenCode | None:
    """As `extract_code`, for text without thinking and with plain newlines."""
    lines = split_lines(text)
    best = _best_of(open_blocks(lines))
    if best is None or best.rank not in {*range(_BROKEN_NAMED), _WHOLE_RENAMED}:
        best = _best_of(chain([best.block] if best else [], hidden_blocks(lines)))
    if best is None:
        return None
    code, spans = _finished(best, find_fences(lines), also)
    dropped = {index for span in spans for index in span}
    rest = "\n".join(line for index, line in enumerate(lines) if index not in dropped)
    return TakenCode(code, rest)


def _best_of(blocks: Iterable[Block]) -> _Candidate | None:
    best: _Candidate | None = None
    seen: set[str] = set()
    for block in blocks:
        text = "\n".join(block.lines).strip()
        if text in seen:
            continue
        seen.add(text)
        candidate = _candidate(block)
        if best is None or candidate.rank < best.rank:  # of equals the first: the last block
            best = candidate
        if best.rank == _WHOLE:
            break
    return best


def _candidate(block: Block) -> _Candidate:
    program = read_program(block.lines)
    answer = answering(program.tree) if program.tree else None
    if program.tree is None or answer is None:
        is_named = not names_of_functions(program.source).isdisjoint(ENTRY_POINTS)
        rank = _BROKEN_NAMED if is_named else _NO_NAME
    elif _leaves_code_out(program, answer):
        rank = _STUB
    else:
        is_known = answer == entry_point_of(program.tree)
        rank = _WHOLE + ENTRY_POINTS.index(answer) if is_known else _WHOLE_RENAMED
    return _Candidate(block, program, answer, rank)


def _leaves_code_out(program: ProgramText, name: str) -> bool:
    """Whether the function of this name returns no value, or is an excerpt by its own words."""
    for statement in top_level(program.tree.body if program.tree else ()):
        if isinstance(statement, ast.FunctionDef) and statement.name == name:
            nodes = [*ast.walk(statement)]
            returned = [node.value for node in nodes if isinstance(node, ast.Return)]
            returns = any(each and getattr(each, "value", ...) is not None for each in returned)
            if not returns or any(map(_is_ellipsis, nodes)):
                return True
    missing = names_missing(program.source) if _LEFT_OUT.search(program.source) else set()
    return not missing <= _OFFERED


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and getattr(node.value, "value", None) is ...


def _finished(
    best: _Candidate, fences: list[Block], also: tuple[str, ...]
) -> tuple[ExtractedCode, list[range]]:
    """The best program, able to run, and the lines that all of it was taken from."""
    if best.answer is None or best.program.tree is None:
        return ExtractedCode(best.program.source, None), [best.block.span]
    others = [fence for fence in fences if fence.span != best.block.span]
    before, used = definitions_for(best.program, [fence.lines for fence in others], also)
    spans = [best.block.span, *(others[index].span for index in used)]
    source, name = best.program.source, best.answer
    if name != entry_point_of(best.program.tree):
        source, name = _with_known_name(best.program, name), ASKED_FOR
    future, source = _FUTURE_IMPORT.match(source), _FUTURE_IMPORT.sub("", source, count=1)
    return ExtractedCode(f"{future[0] if future else ''}{before}{source}", name), spans


def _with_known_name(program: ProgramText, answer: str) -> str:
    """The program with `solve_task` as another name of what answers, before examples behind it."""
    lines, alias = program.source.split("\n"), f"{ASKED_FOR} = {answer}"
    end = program.end_of_definitions
    statements = program.tree.body if program.tree else []
    if all(each.lineno <= end or isinstance(each, ast.If) for each in statements):
        return f"{program.source}\n{alias}\n"
    return "\n".join([*lines[:end], alias, *lines[end:]])
