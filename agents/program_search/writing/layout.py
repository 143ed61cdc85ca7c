"""The text of programs' functions as they are after specialising: docstrings, lines, breaks."""

import ast
import re
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache

from agents.program_search.writing.folding import copied, walked

WIDTH = 92
CONJUNCTION = re.compile(" (and|or|if|else|for) ")


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is but a text, as docstrings are."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def has_docstring(function: ast.FunctionDef) -> bool:
    """Whether its first statement says what it does."""
    return is_text(function.body[0])


def function_text(
    function: ast.FunctionDef, before: str, sentence: str | None, arguments: Mapping[str, ast.expr]
) -> str:
    """The text of a function that changed; its docstring is the sentence, or its own.

    Statements that are as they were `before` keep their text.
    """
    said = sentence or ast.get_docstring(function) or ""
    for name, value in arguments.items():
        said = said.replace(f"`{name}`", ast.unparse(value))
    first, *more = said.split("\n")
    first, *over = textwrap.wrap(f'"""{first}', WIDTH, break_on_hyphens=False)
    told = [first, *over, *more, '"""'] if over or more else [f'{first}"""']
    body = function.body[has_docstring(function) :]
    head = f"def {function.name}({ast.unparse(function.args).replace(' = ', '=')}):"
    lines = [*told, *block_lines(body, texts_of(before))]
    return "\n".join([head, *textwrap.indent("\n".join(lines), "    ").split("\n")])


@cache
def texts_of(source: str) -> dict[str, list[str]]:
    """The lines of each statement in a function, by what it is without its layout."""
    lines, found = source.split("\n"), dict[str, list[str]]()
    for node in walked(ast.parse(source)):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef):
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            found[ast.unparse(node)] = textwrap.dedent(text).removeprefix("el").split("\n")
    return found


def block_lines(block: Sequence[ast.stmt], texts: Mapping[str, list[str]]) -> list[str]:
    """The lines of some statements; those known by their content are written as `texts` say."""
    lines = list[str]()
    for node in block:
        text = ast.unparse(node)
        if text in texts or not isinstance(node, ast.If | ast.For | ast.While):
            lines += texts.get(text) or wrapped(without_brackets(text, node))
            continue
        bare = copied(node)
        bare.body, bare.orelse = [ast.Pass()], []
        lines += wrapped(ast.unparse(bare).removesuffix("\n    pass"))
        lines += [f"    {line}" for line in block_lines(node.body, texts)]
        others = block_lines(node.orelse, texts)
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            lines += [f"el{others[0]}", *others[1:]]
        elif others:
            lines += ["else:", *(f"    {line}" for line in others)]
    return lines


def without_brackets(text: str, node: ast.stmt) -> str:
    """The text of a statement without brackets around the tuple that it assigns."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and node.value.elts:
        values = ", ".join(map(ast.unparse, node.value.elts))
        return f"{text[: text.index(' = ')]} = {values}" if len(node.value.elts) > 1 else text
    return text


def wrapped(line: str) -> list[str]:
    """A line of code as lines that are not too long, broken at spaces inside of brackets."""
    indent = " " * (len(line) - len(line.lstrip()) + (8 if line.endswith(":") else 4))
    places, depth, quote = list[tuple[int, int]](), 0, ""
    for place, letter in enumerate(line):
        if quote or letter in "'\"":
            quote = "" if letter == quote else quote or letter
        elif letter in "([{)]}":
            depth += 1 if letter in "([{" else -1
        elif letter == " " and depth:
            is_end = line[place - 1] == "," or CONJUNCTION.match(line, place)
            places.append((depth + 100 * (not is_end), place))
    lines, start = list[str](), 0
    while len(line) - start + len(indent) * bool(start) > WIDTH:
        reach = start + WIDTH - len(indent) * bool(start)
        here = [(rank, -place) for rank, place in places if start + WIDTH // 2 < place <= reach]
        if not here:
            break
        end = -min(here)[1]
        lines.append(line[start:end])
        start = end + 1
    lines.append(line[start:])
    return [lines[0], *(indent + one for one in lines[1:])]


def given_back(docstring: str) -> str:
    """A docstring that says what is given instead of None."""
    first = re.sub(r"(^|[.]\s+)None\b", r"\1The grid as it is", docstring)
    return re.sub(r"\bNone\b", "the grid as it is", first)
