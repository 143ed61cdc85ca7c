"""Writes a candidate as a program: `solve_task(grid)` with numpy and only what it calls."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any

from agents.program_search.search.candidates import Candidate
from agents.program_search.search.views import (
    BACK,
    SENTENCE,
    in_ranks,
    palette_of,
    renumbered,
)
from agents.program_search.transforms.registry import Step


def program_of(candidate: Candidate) -> str:
    """The program's text; its comments are the sentences of the trace."""
    body, used = solve_task_lines(candidate)
    carried = carried_definitions(used)
    imports = ["import numpy as np"]
    if any("namedtuple(" in text for text in carried):
        imports.insert(0, "from collections import namedtuple\n")
    solve = "\n".join(["def solve_task(grid):", *(f"    {line}".rstrip() for line in body)])
    return "\n\n\n".join(["\n".join(imports), *carried, solve]) + "\n"


def solve_task_lines(candidate: Candidate) -> tuple[list[str], list[Callable[..., Any]]]:
    """The body of `solve_task`, and the functions that it calls."""
    lines = [*docstring(candidate), "grid = np.array(grid)"]
    variable, used = "grid", list[Callable[..., Any]]()
    said = in_ranks if candidate.renumbered else str
    if candidate.renumbered:
        lines += [*comment(SENTENCE), "palette = palette_of(grid)", "grid = renumbered(grid)"]
        used += [palette_of, renumbered]
    for step in candidate.steps:
        lines += [*comment(said(sentence_of(step))), f"picture = {step.code(variable)}"]
        variable = "picture"
        used += step.functions()
    if candidate.finish is not None:
        lines += comment(said(candidate.finish.sentences()[0]))
        for line in candidate.finish.code(variable):
            lines += comment(said(line[2:])) if line.startswith("# ") else [line]
        variable = "answer"
        used += candidate.finish.functions()
    if candidate.renumbered:
        lines += comment(BACK)
        variable = f"palette[{variable}]"
    return [*lines, f"return {variable}.tolist()"], used


def docstring(candidate: Candidate) -> list[str]:
    """What the program does, in the first words of each of its steps."""
    sentences = [first for first, *_ in steps_in_words(candidate)]
    if len(sentences) == 1:
        text = textwrap.wrap(f'"""{sentences[0]}', 90)
        return [*text, '"""'] if len(text) > 1 else [f'{text[0]}"""']
    lines = ['"""Give the output grid in these steps.', ""]
    for number, sentence in enumerate(sentences, 1):
        lines += textwrap.wrap(f"{number}. {sentence}", 90, subsequent_indent="   ")
    return [*lines, '"""']


def steps_in_words(candidate: Candidate) -> list[list[str]]:
    """For each step of the program its sentences: what it does, then its particulars."""
    steps = [[sentence_of(step)] for step in candidate.steps]
    if candidate.finish is not None:
        steps.append(candidate.finish.sentences())
    if candidate.renumbered:
        steps = [[SENTENCE], *(list(map(in_ranks, step)) for step in steps), [BACK]]
    return steps or [["Return the grid as it is."]]


def sentence_of(step: Step) -> str:
    """A step's command as a sentence."""
    text = step.sentence()
    return f"{text[0].upper()}{text[1:]}."


def comment(text: str) -> list[str]:
    """The text as comment lines of at most 96 columns in the function's body."""
    return textwrap.wrap(text, 90, initial_indent="# ", subsequent_indent="# ")


def carried_definitions(functions: Iterable[Callable[..., Any]]) -> list[str]:
    """The source of the functions and of all that they use, each after what it uses."""
    texts: dict[str, str] = {}
    under_way = set[str]()

    def carry(name: str, value: Any) -> None:
        if name in texts or name in under_way or inspect.ismodule(value):
            return
        if isinstance(value, type) and issubclass(value, tuple):
            fields = " ".join(value._fields)  # type: ignore[attr-defined]
            texts[name] = f'{name} = namedtuple("{name}", "{fields}")'
        elif inspect.isroutine(value):
            under_way.add(name)
            original = inspect.unwrap(value)
            source, names = plain_source(original)
            for used in names:
                if used in original.__globals__:
                    carry(used, original.__globals__[used])
            texts[name] = source
        else:
            texts[name] = f"{name} = {value!r}"

    for function in functions:
        carry(function.__name__, function)
    return list(texts.values())


def plain_source(function: Callable[..., Any]) -> tuple[str, list[str]]:
    """A function's source without decorators and annotations, and the names that it reads."""
    source = textwrap.dedent(inspect.getsource(function))
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.FunctionDef):
        raise TypeError(f"{function.__name__}: a transform is a plain function")
    octets = source.encode()
    starts = list(accumulate(map(len, octets.splitlines(keepends=True)), initial=0))
    spans = []
    for node in ast.walk(definition):
        if isinstance(node, ast.arg) and node.annotation is not None:
            begin = starts[node.lineno - 1] + node.col_offset + len(node.arg)
            spans.append((begin, end_of(node.annotation, starts)))
            node.annotation = None
    if definition.returns is not None:
        begin = starts[definition.returns.lineno - 1] + definition.returns.col_offset
        spans.append((octets.rindex(b")", 0, begin) + 1, end_of(definition.returns, starts)))
        definition.returns = None
    definition.decorator_list = []
    for begin, end in sorted(spans, reverse=True):
        octets = octets[:begin] + octets[end:]
    names = [node.id for node in ast.walk(definition) if isinstance(node, ast.Name)]
    return octets[starts[definition.lineno - 1] :].decode().rstrip(), list(dict.fromkeys(names))


def end_of(node: ast.expr, starts: list[int]) -> int:
    """Where the expression ends in its source, in bytes."""
    return starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
