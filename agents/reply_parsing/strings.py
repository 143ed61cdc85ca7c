"""The strings in JSON or in Python literals, such as the arguments of a tool call."""

import ast
import json
from collections.abc import Iterator
from typing import Any

from utilities.sandbox.python_source import Unparsable, parse_python


def strings_in(text: str) -> list[str]:
    """The strings of the document in a text, the last first; empty if there is none.

    What stands before the first and behind the last bracket is left out. Strings of JSON may hold
    line ends; a list of lines is one string. If it is no JSON, it may be Python: a dict, a call.
    """
    for document in _documents(text):
        try:
            values = json.loads(document, strict=False)
        except (ValueError, RecursionError):
            continue
        return [*_strings(values)][::-1]
    tree = parse_python(text)
    if isinstance(tree, Unparsable):
        return []
    constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [value for value in reversed(constants) if isinstance(value, str)]


def _documents(text: str) -> Iterator[str]:
    yield text
    for opening, closing in ("{}", "[]"):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            yield text[start : end + 1]


def _strings(value: Any) -> Iterator[str]:
    """All strings of a JSON value in their order."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case [str(), *_] as lines if all(isinstance(line, str) for line in lines):
                yield "\n".join(lines)
            case list(items):
                waiting += reversed(items)
            case dict(members):
                waiting += reversed(members.values())
