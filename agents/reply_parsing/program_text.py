"""A program out of lines that hold more than it: prompts, marks, escapes, prose around it."""

import ast
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from agents.reply_parsing.markup import clean_characters
from utilities.sandbox.python_source import Unparsable, bindings, parse_python

_FUNCTION = re.compile(
    r"\bdef[ \t]++((?:\w|\\_)++)[ \t]*+\(|(\b\w++)[ \t]*+=[ \t]*+lambda\b"
    r"|\b(solve_task)[ \t]*+(?::[^=\n]{0,80}+)?=(?!=)|\bas[ \t]++(solve_task)\b"
)
_CODE_START = re.compile(
    r"[ \t]*+(?:(?:async[ \t]+)?def[ \t]+(?:\w|\\_)+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]|@\w"
    r"|import[ \t]+\w|from[ \t]+[\w.]+[ \t]+import\b"
    r"|\w+[ \t]*(?::[ \t]*[\w.]+(?:\[[^=]*\])?[ \t]*)?=(?!=))"
)
_CONTINUATION = re.compile(
    r"\s|#|[)\]}](?!\]>)|(?:else|elif|except|finally|if|for|while|try|with)\b|$"
)

_PROMPT = re.compile(r"(?:>>>|\.\.\.|In ?\[\d+\]:|   \.\.\.:)(?: |$)")
_DIFF_LINE = re.compile(r"[-+ @\\]|diff |index |$")
_LINE_NUMBER = re.compile(r"[ \t]*+\d{1,4}(?:[ \t]*[|:│.)]|(?=[ \t]|$))")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#x?[0-9a-f]{1,5});", re.IGNORECASE)
_HTML_TAG = re.compile(r"</?(?:pre|code|span|br|p|div)\b[^<>\n]{0,200}>", re.IGNORECASE)

_MOST_REPAIRS = 20
_REPAIR_CHARACTERS = 64 * 1024
"""How much is parsed, all repairs of a block together: a reply costs no seconds."""


@dataclass(frozen=True, slots=True)
class ProgramText:
    """Source, and its syntax tree; without one if it does not parse."""

    source: str
    tree: ast.Module | None

    @property
    def end_of_definitions(self) -> int:
        """The last line, from 1, of its last function or class; examples may follow."""
        body = self.tree.body if self.tree else []
        ends = (statement.end_lineno or 0 for statement in body if _defines_function(statement))
        return max(ends, default=0)


def _defines_function(statement: ast.stmt) -> bool:
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Lambda)
    return any(isinstance(value, kinds) for _, value in bindings([statement]))


def names_of_functions(text: str) -> set[str]:
    """The names that a text seems to give to functions, whether or not it parses."""
    return {name for match in _FUNCTION.findall(text) for name in match}


def mentions_function(text: str) -> bool:
    """Whether a text may define a function."""
    return bool(_FUNCTION.search(text))


def read_program(lines: list[str]) -> ProgramText:
    """The block as it stands if it parses; else repaired; else as it stands.

    Each repair is tried on top of those before it. The last one leaves out lines of prose.
    """
    whole = _parsed(lines)
    if whole.tree or sum(map(len, lines)) > _REPAIR_CHARACTERS:
        return whole
    for reading in _READINGS:
        other = reading(lines)
        if other == lines or not mentions_function("\n".join(other)):
            continue
        lines = other
        if (read := _parsed(lines)).tree:
            return read
    for part in (code_region(lines), last_run(lines)):
        if part and (read_part := _without_prose(lines[part.start : part.stop])):
            return read_part
    return whole


def _parsed(lines: list[str]) -> ProgramText:
    source = _tidy(lines)
    tree = parse_python(source)
    return ProgramText(source, None if isinstance(tree, Unparsable) else tree)


def _tidy(lines: list[str]) -> str:
    return dedent("\n".join(lines)).strip("\n") + "\n"


def _cleaned(lines: list[str]) -> list[str]:
    return [clean_characters(line) for line in lines]


def _without_html(lines: list[str]) -> list[str]:
    text = "\n".join(lines)
    if not _ENTITY.search(text) and not _HTML_TAG.search(text):
        return lines
    text = re.sub(r"(?i)<br[ /]*>\n?", "\n", text)
    return _cleaned(html.unescape(_HTML_TAG.sub("", text)).split("\n"))


def _with_real_newlines(lines: list[str]) -> list[str]:
    """Lines of a text whose newlines are written as `\\n`."""
    text = "\n".join(lines).strip()
    if "\\n" not in text or "\n" in text:
        return lines
    text = text.strip("\"'").replace("\\n", "\n").replace("\\t", "\t")
    return text.replace('\\"', '"').replace("\\'", "'").split("\n")


def _without_prompts(lines: list[str]) -> list[str]:
    """The input of a session; what Python answered is left out."""
    return [_PROMPT.sub("", line, count=1) for line in lines if _PROMPT.match(line)]


def _without_diff_marks(lines: list[str]) -> list[str]:
    """The new side of a difference."""
    if not all(map(_DIFF_LINE.match, lines)):
        return lines
    return [line[1:] for line in lines if line[:1] in {"+", " ", ""} and line[:3] != "+++"]


def _without_line_numbers(lines: list[str]) -> list[str]:
    numbered = [line for line in lines if line.strip()]
    if not all(map(_LINE_NUMBER.match, numbered)):
        return lines
    return [_LINE_NUMBER.sub("", line, count=1) for line in numbered]


def _without_markdown_escapes(lines: list[str]) -> list[str]:
    return [re.sub(r"\\([_*\[\]])", r"\1", line) for line in lines]


_READINGS: tuple[Callable[[list[str]], list[str]], ...] = (
    _cleaned,
    _without_html,
    _with_real_newlines,
    _without_prompts,
    _without_diff_marks,
    _without_line_numbers,
    _without_markdown_escapes,
    lambda lines: [line.expandtabs(4) for line in lines],
)


def _without_prose(lines: list[str]) -> ProgramText | None:
    """The program that is left if lines of prose are dropped; None if that is not enough."""
    for _ in range(min(_MOST_REPAIRS, 1 + _REPAIR_CHARACTERS // (1 + sum(map(len, lines))))):
        source = _tidy(lines)
        result = parse_python(source)
        if not isinstance(result, Unparsable):
            return ProgramText(source, result)
        kept, wrong = source.split("\n")[:-1], result.line or 0
        if not 0 < wrong <= len(kept) or _is_code(kept[wrong - 1]):
            return None
        lines = kept[: wrong - 1] + kept[wrong:]
    return None


def _is_code(line: str) -> bool:
    return bool(_CODE_START.match(line) or _CONTINUATION.match(line) or _FUNCTION.search(line))


def code_region(lines: list[str]) -> range:
    """From the first line that begins code to the end of the last thing begun; empty without."""
    starts = [index for index, line in enumerate(lines) if _CODE_START.match(line)]
    if not any(_is_function(lines[index]) for index in starts):
        return range(0)
    margin = min(_margin(lines[index]) for index in starts)
    end = starts[-1] + 1
    while end < len(lines) and _CONTINUATION.match(lines[end][margin:]):
        end += 1
    return range(starts[0], end)


def last_run(lines: list[str]) -> range:
    """The part of the region that reaches back from its last function without a line of prose."""
    region = code_region(lines)
    functions = (index for index in reversed(region) if _is_function(lines[index]))
    start = next(functions, region.stop)
    while start > region.start and _is_code(lines[start - 1]):
        start -= 1
    return range(start, region.stop)


def _is_function(line: str) -> bool:
    return bool(_CODE_START.match(line) and _FUNCTION.search(line))


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
