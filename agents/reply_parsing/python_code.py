"""The program in a reply."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from textwrap import dedent

from agents.reply_parsing.markup import find_fences, normalise_newlines, split_thinking
from utilities.sandbox.program import ENTRY_POINTS
from utilities.sandbox.python_source import (
    Unparsable,
    entry_point_of,
    only_function_of,
    parse_python,
)

_FUNCTION = re.compile(r"\b(?:def[ \t]++(\w++)[ \t]*+\(|(\w++)[ \t]*+=[ \t]*+lambda\b)")
_CODE_START = re.compile(
    r"[ \t]*+(?:(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]|@\w"
    r"|import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b"
    r"|\w+[ \t]*(?::[ \t]*[\w.]+(?:\[[^=]*\])?[ \t]*)?=(?!=))"
)
_CONTINUATION = re.compile(r"\s|#|[)\]}]|(?:else|elif|except|finally|if|for|while|try|with)\b|$")
_GLUED_TAG = re.compile(
    r"^([ \t]*<(?:code|python|answer|solution)>)(?=.*\S)"
    r"|(?<=\S)(?=</(?:code|python|answer|solution)>[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)

_MOST_BLOCKS = 32
"""How many of the last blocks with a function are looked at."""
_MOST_REPAIRS = 20
_REPAIR_CHARACTERS = 64 * 1024
"""How much is parsed, all repairs of a block together: a reply costs no seconds."""


@dataclass(frozen=True, slots=True)
class ExtractedCode:
    """A program and the function to call; the name is None where none can be told."""

    python_code: str
    entry_point: str | None


@dataclass(frozen=True, slots=True)
class TakenCode:
    """A program, and the text that is left when it is taken out."""

    code: ExtractedCode
    rest: str


def extract_code(text: str) -> ExtractedCode | None:
    """The program of a reply; None where it has no function.

    Of all fenced blocks the best one wins: one that defines a name of `ENTRY_POINTS`, the earlier
    in that list the better; else one with such a name that does not parse (the sandbox says why);
    else one with an only function. Of equals, the last. Labels are not trusted, and lines of prose
    in a block are dropped where that makes it parse. Code without a fence, from its first line of
    code on, counts where no block parses and has such a name. What stands in `<think>` blocks
    counts only where the visible text has no function at all. An only function of another name
    gets a last line `solve_task = NAME`, so that what is kept runs as it stands.
    """
    thinking, visible = split_thinking(normalise_newlines(text))
    taken = take_code(visible) or take_code(thinking)
    return taken.code if taken else None


@lru_cache(maxsize=16)  # program and reasoning are read of one reply, one after the other
def take_code(text: str) -> TakenCode | None:
    """As `extract_code`, for text without thinking and with plain newlines."""
    lines = (_GLUED_TAG.sub("\\1\n", text) if "<" in text else text).split("\n")
    found: list[tuple[int, ExtractedCode, range]] = []
    for span, content in _blocks_with_functions(lines):
        code = _read_program(content)
        found.append((_rank(code), code, span))
        if found[-1][0] == 0:
            break
    if not found:
        return None
    _, code, span = min(found, key=lambda item: item[0])  # of equals the first: the last block
    return TakenCode(_with_known_name(code), "\n".join(lines[: span.start] + lines[span.stop :]))


def _blocks_with_functions(lines: list[str]) -> Iterator[tuple[range, list[str]]]:
    """The last fenced blocks that hold a function, last first; then what looks like code."""
    blocks = (
        (range(fence.first_line, fence.end_line), fence.lines)
        for fence in reversed(find_fences(lines))
        if _FUNCTION.search("\n".join(fence.lines))
    )
    yield from islice(blocks, _MOST_BLOCKS)
    for part in (_last_run(lines), _code_region(lines)):
        if part:
            yield part, lines[part.start : part.stop]


def _rank(code: ExtractedCode) -> int:
    if code.entry_point in ENTRY_POINTS:
        return ENTRY_POINTS.index(code.entry_point)
    if code.entry_point is None:
        named = {name for match in _FUNCTION.findall(code.python_code) for name in match}
        return len(ENTRY_POINTS) + (2 if named.isdisjoint(ENTRY_POINTS) else 0)
    return len(ENTRY_POINTS) + 1


def _read_program(lines: list[str]) -> ExtractedCode:
    """The block as it stands if it parses, else its code without prose, else as it stands."""
    whole = _tidy(lines)
    tree = parse_python(whole)
    if not isinstance(tree, Unparsable):
        return ExtractedCode(whole, _function_to_call(tree))
    for part in (_code_region(lines), _last_run(lines)):
        if part and (code := _without_prose(lines[part.start : part.stop])):
            return code
    return ExtractedCode(whole, None)


def _function_to_call(tree: ast.Module) -> str | None:
    return entry_point_of(tree) or only_function_of(tree)


def _with_known_name(code: ExtractedCode) -> ExtractedCode:
    """The program with an alias for its only function, where that has a name of its own."""
    if code.entry_point is None or code.entry_point in ENTRY_POINTS:
        return code
    alias = f"{ENTRY_POINTS[0]} = {code.entry_point}\n"
    return ExtractedCode(f"{code.python_code}\n{alias}", ENTRY_POINTS[0])


def _tidy(lines: list[str]) -> str:
    return dedent("\n".join(lines)).strip("\n") + "\n"


def _without_prose(lines: list[str]) -> ExtractedCode | None:
    """The program that is left when lines of prose are dropped; None where that is not enough."""
    for _ in range(min(_MOST_REPAIRS, 1 + _REPAIR_CHARACTERS // (1 + sum(map(len, lines))))):
        code = _tidy(lines)
        result = parse_python(code)
        if not isinstance(result, Unparsable):
            return ExtractedCode(code, _function_to_call(result))
        kept, wrong = code.split("\n")[:-1], result.line or 0
        if not 0 < wrong <= len(kept) or _is_code(kept[wrong - 1]):
            return None
        lines = kept[: wrong - 1] + kept[wrong:]
    return None


def _is_code(line: str) -> bool:
    return bool(_CODE_START.match(line) or _CONTINUATION.match(line) or _FUNCTION.search(line))


def _code_region(lines: list[str]) -> range:
    """From the first line that begins code to the end of the last thing begun; empty without."""
    starts = [index for index, line in enumerate(lines) if _CODE_START.match(line)]
    if not any(_is_function(lines[index]) for index in starts):
        return range(0)
    margin = min(_margin(lines[index]) for index in starts)
    end = starts[-1] + 1
    while end < len(lines) and _CONTINUATION.match(lines[end][margin:]):
        end += 1
    return range(starts[0], end)


def _last_run(lines: list[str]) -> range:
    """The part of the region that reaches back from its last function without a line of prose."""
    region = _code_region(lines)
    functions = (index for index in reversed(region) if _is_function(lines[index]))
    start = next(functions, region.stop)
    while start > region.start and _is_code(lines[start - 1]):
        start -= 1
    return range(start, region.stop)


def _is_function(line: str) -> bool:
    return bool(_CODE_START.match(line) and _FUNCTION.search(line))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
