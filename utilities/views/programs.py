"""Programs for changed tasks: plain code around a program, which knows nothing of the change."""

import io
import tokenize

from utilities.sandbox.python_source import Unparsable, bindings, find_entry_point, parse_python
from utilities.tasks.grids import COLOURS
from utilities.tasks.symmetries import SAME_COLOURS, Symmetry
from utilities.views.changes import Change

_ENTRY = "solve_task"
_INNER = "solve_plain_task"


def wrapped_program(code: str, change: Change) -> str:
    """A program that undoes the change, runs `code`, and makes the change again.

    `code` solves a task if and only if the wrapped program solves the changed task: what is no
    grid stays none, and a program without an entry point stays as it is. The entry point gets
    another name wherever the name stands as code, so calls of itself still reach it. Comments and
    layout are kept. Raises SyntaxError if the program cannot be split into tokens.
    """
    if change.keeps_grids:
        return code
    name = find_entry_point(code) or _ENTRY
    if _ENTRY not in code and name == _ENTRY:
        return code
    before = ""
    if name == _ENTRY:
        name = _INNER
        while name in code:
            name += "_"
        renamed = _renamed(code, _ENTRY, name)
        if renamed == code:  # it is bound by a string, as in globals()["solve_task"]
            before = f"{name} = {_ENTRY}\n\n\n"
        code = renamed
    lines = code.rstrip().splitlines(keepends=True)
    place = _end_of_definition(code, _ENTRY if before else name, len(lines))
    head, tail = "".join(lines[:place]).rstrip(), "".join(lines[place:])
    return f"{head}\n\n\n{before}{_wrapper(change, name)}" + (f"\n\n{tail}\n" if tail else "")


def _end_of_definition(code: str, name: str, otherwise: int) -> int:
    """The line after which a name is bound for good.

    What stands behind it may fail, such as an example, and does no harm there.
    """
    tree = parse_python(code)
    if isinstance(tree, Unparsable):
        return otherwise
    binding = (one for one in tree.body if name in dict(bindings([one])))
    return max((one.end_lineno or otherwise for one in binding), default=otherwise)


def _wrapper(change: Change, name: str) -> str:
    symmetry, colours = change.symmetry, change.colours
    is_recoloured = colours != SAME_COLOURS
    lines = [f"def {_ENTRY}(grid):"]
    lines.append(f'    """Follow `{name}` on the grid as it was before it was changed."""')
    if is_recoloured:
        plain = [colours.index(colour) for colour in range(COLOURS)]
        lines.append(f"    plain_colours = {plain}")
        lines.append("    grid = [[plain_colours[cell] for cell in row] for row in grid]")
    lines += [*_reversals(symmetry, "grid"), *_transposition(symmetry, "grid")]
    lines += [
        f"    answer = {name}([list(row) for row in grid])",
        '    rows = answer.tolist() if hasattr(answer, "tolist") else answer',
        "    if not isinstance(rows, (list, tuple)):",
        "        return answer",
        '    rows = [row.tolist() if hasattr(row, "tolist") else row for row in rows]',
        "    lengths = {len(row) if isinstance(row, (list, tuple)) else -1 for row in rows}",
        "    if len(lengths) != 1 or -1 in lengths:",
        "        return answer",
    ]
    lines += [*_transposition(symmetry, "rows"), *_reversals(symmetry, "rows")]
    if is_recoloured:
        names = ", ".join(f"{old}: {new}" for old, new in enumerate(colours))
        lines.append(f"    colours = {{{names}}}")
        lines.append("    return [[colours.get(cell, cell) for cell in row] for row in rows]")
    else:
        lines.append("    return [list(row) for row in rows]")
    return "\n".join(lines) + "\n"


def _reversals(symmetry: Symmetry, variable: str) -> list[str]:
    lines = []
    if symmetry.reverses_rows:
        lines.append(f"    {variable} = list({variable})[::-1]")
    if symmetry.reverses_columns:
        lines.append(f"    {variable} = [list(row)[::-1] for row in {variable}]")
    return lines


def _transposition(symmetry: Symmetry, variable: str) -> list[str]:
    lines = [f"    {variable} = [list(row) for row in zip(*{variable})]"]
    return lines if symmetry.transposes else []


def _renamed(code: str, old: str, new: str) -> str:
    """The program with one of its names changed; raises SyntaxError if it has no tokens."""
    lines = io.StringIO(code).readlines()  # split where the tokeniser splits
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(code).readline))
    except tokenize.TokenError as error:
        raise SyntaxError(str(error)) from error
    found = [t.start for t in tokens if t.type == tokenize.NAME and t.string == old]
    for row, column in reversed(found):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + new + line[column + len(old) :]
    return "".join(lines)
