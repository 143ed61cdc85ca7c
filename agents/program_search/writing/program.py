"""Writes a candidate as a program: `solve_task(grid)` with numpy and only what it calls."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from agents.program_search.search.candidates import Candidate, Piece
from agents.program_search.search.views import BACK, SENTENCE, in_ranks, palette_of, renumbered
from agents.program_search.writing.first_steps import canvas_words, only_shape, pictures_alone
from agents.program_search.writing.specialising import specialised


def program_of(candidate: Candidate) -> str:
    """The program's text; its comments are the sentences of the trace."""
    pieces = pieces_of(candidate)
    carried = carried_definitions(one for piece in pieces for one in piece.functions)
    body = [*docstring(steps_in_words(candidate)), "grid = np.array(grid)"]
    for piece in pieces:
        first = f"# {piece.sentences[0]}"
        for line in (*([] if first in piece.lines else [first]), *piece.lines):
            is_comment = line.startswith("# ")
            parts = textwrap.wrap(line, 90, subsequent_indent="# ", break_on_hyphens=False)
            body += parts if is_comment else [line]
    last = "answer" if candidate.finish else "picture" if candidate.steps else "grid"
    body.append(f"return {f'palette[{last}]' if candidate.renumbered else last}.tolist()")
    solve = "\n".join(["def solve_task(grid):", *(f"    {line}".rstrip() for line in body)])
    definitions = specialised(carried, solve, sentences_of(pieces))
    imports = ["import numpy as np"]
    if any("namedtuple(" in text for text in definitions):
        imports.insert(0, "from collections import namedtuple\n")
    return "\n\n\n".join(["\n".join(imports), *definitions]) + "\n"


def sentences_of(pieces: Sequence[Piece]) -> dict[str, str]:
    """For each function that is called in one way only, what it does so."""
    told = dict.fromkeys(one for piece in pieces for one in piece.told)
    names = [name for name, _ in told]
    return {name: f"{text[0].upper()}{text[1:]}." for name, text in told if names.count(name) == 1}


def functions_told(candidate: Candidate) -> set[str]:
    """The names of the functions of which its sentences tell."""
    return {name for piece in pieces_of(candidate) for name, _ in piece.told}


def pieces_of(candidate: Candidate) -> list[Piece]:
    """The picture steps and the finish, between renumbering and its undoing if there is any."""
    pieces, variable = list[Piece](), "grid"
    if pictures_alone(candidate):
        assert candidate.finish is not None, "pictures are those of a rule"
        return [candidate.finish.piece("picture_p")]
    if shape := only_shape(candidate):
        words, variable = canvas_words(shape), "picture"
        start = f"Start with {words[0].lower()}{words[1:]}."
        pieces.append(Piece([start], [f"picture = np.zeros({shape}, int)"], []))
    for step in candidate.steps if not shape else ():
        text, code = step.sentence(), f"picture = {step.code(variable)}"
        sentence = f"{text[0].upper()}{text[1:]}."
        pieces.append(Piece([sentence], [code], step.functions(), [step.told()]))
        variable = "picture"
    if candidate.finish is not None:
        pieces.append(candidate.finish.piece(variable))
    if not candidate.renumbered:
        return pieces
    lines = ["palette = palette_of(grid)", "grid = renumbered(grid)"]
    there, back = Piece([SENTENCE], lines, [palette_of, renumbered]), Piece([BACK], [], [])
    return [there, *map(said_in_ranks, pieces), back]


def said_in_ranks(piece: Piece) -> Piece:
    """The piece with its sentences and comments in ranks of colours."""
    lines = [in_ranks(line) if line.startswith("# ") else line for line in piece.lines]
    told = [(name, in_ranks(sentence)) for name, sentence in piece.told]
    return Piece(list(map(in_ranks, piece.sentences)), lines, piece.functions, told)


def steps_in_words(candidate: Candidate) -> list[list[str]]:
    """For each step of the program its sentences: what it does, then its particulars."""
    sentences = [piece.sentences for piece in pieces_of(candidate)]
    return sentences or [["Return the grid as it is."]]


def docstring(steps: Sequence[Sequence[str]]) -> list[str]:
    """The lines of the program's docstring: all that each step does."""
    texts = [" ".join(sentences) for sentences in steps]
    if len(texts) == 1:
        wrapped = textwrap.wrap(f'"""{texts[0]}', 90, break_on_hyphens=False)
        return [*wrapped, '"""'] if len(wrapped) > 1 else [f'{wrapped[0]}"""']
    lines = ['"""Give the output grid in these steps.', ""]
    for number, text in enumerate(texts, 1):
        line = f"{number}. {text}"
        lines += textwrap.wrap(line, 90, subsequent_indent="   ", break_on_hyphens=False)
    return [*lines, '"""']


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


@cache
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
    names = [node for node in ast.walk(definition) if isinstance(node, ast.Name)]
    local = {node.arg for node in ast.walk(definition) if isinstance(node, ast.arg)}
    local |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    read = dict.fromkeys(node.id for node in names if node.id not in local)
    return octets[starts[definition.lineno - 1] :].decode().rstrip(), list(read)


def end_of(node: ast.expr, starts: list[int]) -> int:
    """The byte of the source at which the expression ends."""
    return starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
