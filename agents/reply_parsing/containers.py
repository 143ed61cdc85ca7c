"""Where programs may stand in a text: fences, plain lines, strings of JSON, inline code."""

import re
from collections.abc import Iterator
from itertools import chain, islice

from agents.reply_parsing.markup import Block, clean_characters, find_fences
from agents.reply_parsing.program_text import code_region, last_run, mentions_function
from agents.reply_parsing.strings import strings_in

_MOST_BLOCKS = 32
"""How many blocks of a kind are looked at, of fences the last ones."""
_MOST_STRING_CHARACTERS = 128 * 1024
_DEEPEST_STRING = 3
"""A tool call's arguments are JSON in a string of JSON, which may hold a fence."""
_MAY_HOLD_FUNCTION = re.compile(r"def[ \t]|lambda|solve_task")
_GLUED_TAG = re.compile(
    r"(<(?:[^<>\n]{1,80}>|!\[CDATA\[)[ \t]*)"
    r"(?=(?:def|from|import|class)[ \t]+\w|@\w|\w+[ \t]*=[ \t]*lambda\b)"
    r"|(?<=\S)(?=(?:</[a-z_][^<>\n]{0,80}>|<\|[^<>|\n]{1,40}\|>|\]\]>){1,8}[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)(?:python[ \t]+)?([^`\n]++)\1(?!`)")
_INLINE_FUNCTION = re.compile(r"[ \t]*(?:def[ \t]+\w+[ \t]*\(.*:.*\S|\w+[ \t]*=[ \t]*lambda\b.*:)")


def split_lines(text: str) -> list[str]:
    """The lines of a text; tags that are glued to code get lines of their own."""
    return (_GLUED_TAG.sub("\\1\n", text) if "<" in text else text).split("\n")


def open_blocks(lines: list[str]) -> Iterator[Block]:
    """Fences that may define a function, the last first; then plain lines that look like code."""
    fences = find_fences(lines)
    with_function = (block for block in reversed(fences) if _has_function(block.lines))
    yield from islice(with_function, _MOST_BLOCKS)
    plain = [clean_characters(line) for line in lines]
    for span in (last_run(plain), code_region(plain), _session(plain)):
        if span:
            yield Block(lines[span.start : span.stop], span)
    yield from islice(_continued(fences), _MOST_BLOCKS)


def hidden_blocks(lines: list[str], depth: int = _DEEPEST_STRING) -> Iterator[Block]:
    """Programs in strings, such as those of JSON, and in inline code; the last first."""
    if depth:
        yield from islice(_in_strings(lines, depth), _MOST_BLOCKS)
    yield from islice(_in_line(lines), _MOST_BLOCKS)


def _has_function(lines: list[str]) -> bool:
    return mentions_function("\n".join(lines))


def _session(lines: list[str]) -> range:
    """From the first to the last line of a session with Python, in which functions are defined."""
    prompts = [index for index, line in enumerate(lines) if line.startswith((">>> ", "... "))]
    if not prompts or not _has_function(lines):
        return range(0)
    return range(prompts[0], prompts[-1] + 1)


def _continued(fences: list[Block]) -> Iterator[Block]:
    """Functions that go on in the indented fences behind their own, the last first."""
    runs: list[list[Block]] = []
    for fence in fences:
        if runs and _is_indented(fence.lines):
            runs[-1].append(fence)
        else:
            runs.append([fence])
    for run in reversed(runs):
        if len(run) > 1 and _has_function(run[0].lines):
            lines = [line for fence in run for line in fence.lines]
            yield Block(lines, range(run[0].span.start, run[-1].span.stop))


def _is_indented(lines: list[str]) -> bool:
    return next((line for line in lines if line.strip()), "").startswith((" ", "\t"))


def _in_strings(lines: list[str], depth: int) -> Iterator[Block]:
    """Programs in the strings of a fence, of the whole text, and of single lines of JSON."""
    whole = Block(lines, range(len(lines)))
    single = (Block([line], range(at, at + 1)) for at, line in enumerate(lines) if '"' in line)
    left = _MOST_STRING_CHARACTERS
    for block in [*reversed(find_fences(lines)), whole, *reversed([*single])]:
        text = "\n".join(block.lines)
        if not _MAY_HOLD_FUNCTION.search(text):
            continue
        left -= len(text)
        if left < 0:
            return
        for found in strings_in(text):
            if _MAY_HOLD_FUNCTION.search(found):
                text_lines = split_lines(found)
                for inner in chain(open_blocks(text_lines), hidden_blocks(text_lines, depth - 1)):
                    yield Block(inner.lines, block.span)


def _in_line(lines: list[str]) -> Iterator[Block]:
    """Whole functions in backticks inside a line, the last first; they stay in the text."""
    for index in reversed(range(len(lines))):
        if "`" in lines[index]:
            for match in reversed(list(_INLINE_CODE.finditer(lines[index]))):
                if _INLINE_FUNCTION.match(match[2]):
                    yield Block([match[2]], range(index, index))
