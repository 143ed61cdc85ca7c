"""The cells that stand literally in a program's source, in whatever form."""

import ast
import re
from collections.abc import Iterator

from utilities.sandbox.python_source import LEAVES

Rows = tuple[bytes, ...]
"""A grid as one byte a cell."""
NO_CELL = 255
"""Stands for an element that is no literal colour; it is in no grid."""
_MOST_CELLS = 300_000
"""Cells that are read of one source, so that no program can keep the reader busy."""
_MOST_REPEATED = 900
_DEEPEST_SUM = 50
_LARGEST_NUMBER = 10**4000
_KINDS_READ = {ast.List, ast.Tuple, ast.BinOp, ast.Return, ast.Lambda, ast.Constant}
_PASSING_ON = ("array", "asarray", "copy", "deepcopy", "get", "list", "tolist", "tuple")
"""Functions and methods that return what they are given."""
_ROW_ENDS = re.compile(r"[\n;|/\])}]+")
_NO_ROW = re.compile(r"[^0-9\s,.;|/\[\](){}'\"]|[0-9]\.[0-9]")
_DIGIT = re.compile(r"[0-9]")


class Literals:
    """What stands literally in a source.

    `grids` are written as rows of cells, `lines` as cells in a row (rows of grids are lines too),
    and `returned` are the grids in a `return` or a lambda's body. What is read: lists and tuples
    (nested, multiplied or added up, inside `np.array` or not, keys and values of a dict),
    strings, bytes and whole numbers made of digits. What takes no part in an answer is passed
    over: docstrings, `assert`s, the body of `if __name__ == "__main__"`.
    """

    def __init__(self, tree: ast.Module) -> None:
        """Read a program, as `parse_python` gives it."""
        self.grids: set[Rows] = set()
        self.lines: set[bytes] = set()
        self.returned: set[Rows] = set()
        self._cells_left = _MOST_CELLS
        for node in _computing(tree):
            if type(node) in _KINDS_READ:
                self._read(node)

    def _read(self, node: ast.AST) -> None:
        match node:
            case ast.List() | ast.Tuple() | ast.BinOp():
                self._add_sequence(node)
            case ast.Return(value=ast.expr() as value) | ast.Lambda(body=value):
                self.returned.update(filter(None, map(self._grid, _given(value))))
            case ast.Constant(value=str(text)) if not _NO_ROW.search(text):
                self._add_text(text)
            case ast.Constant(value=bytes(cells)):
                self.lines |= {cells, _digits(cells.decode("latin-1"))}
            case ast.Constant(value=int(number)) if 9 < number < _LARGEST_NUMBER:
                self.lines.add(_digits(str(number)))

    def _add_sequence(self, node: ast.expr) -> None:
        if grid := self._grid(node):
            self._add_grid(grid)
        elif line := self._line(node):
            self.lines.add(line)

    def _add_grid(self, grid: Rows) -> None:
        self.grids.add(grid)
        self.lines.update(grid)

    def _add_text(self, text: str) -> None:
        """Add digits and separators: rows by line ends or brackets, else by words."""
        rows = tuple(filter(None, map(_digits, _ROW_ENDS.split(text))))
        if len(rows) == 1:
            rows = tuple(filter(None, map(_digits, text.split())))
        if len(rows) > 1 and any(len(row) > 1 for row in rows):
            self._add_grid(rows)
        self.lines.add(_digits(text))

    def _grid(self, node: ast.expr) -> Rows | None:
        """The rows of a list of lists, None if any element is no row of cells."""
        rows = []
        for element in _elements(node) or ():
            row = self._line(element)
            if not row:
                return None
            rows.append(row)
        return tuple(rows) or None

    def _line(self, node: ast.expr) -> bytes | None:
        """A row's cells, NO_CELL for what is none; None if no element is a cell."""
        elements = _elements(node) or []
        self._cells_left -= 1 + len(elements)
        if self._cells_left < 0:
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 1:
            return None if _NO_ROW.search(node.value) else _digits(node.value)
        cells = bytes(map(_cell, elements))
        return None if cells.count(NO_CELL) == len(cells) else cells


def _computing(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that can take part in an answer."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.Assert() | ast.Expr(value=ast.Constant()):
                continue
            case ast.If(
                test=ast.Compare(
                    left=ast.Name(id="__name__"),
                    ops=[ast.Eq()],
                    comparators=[ast.Constant(value="__main__")],
                )
            ):
                waiting += node.orelse
            case _:
                yield node
                if type(node) not in LEAVES:
                    waiting += ast.iter_child_nodes(node)


def _given(value: ast.expr) -> Iterator[ast.expr]:
    """What may become the value of an expression: branches, arguments, a table's values."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                waiting += (body, orelse)
            case ast.BoolOp(values=parts) | ast.Dict(values=parts):
                waiting += parts
            case ast.Call(func=ast.Name(id=name), args=parts) if name in _PASSING_ON:
                waiting += parts
            case ast.Call(func=ast.Attribute(value=of, attr=name), args=parts) if (
                name in _PASSING_ON
            ):
                waiting += (of, *parts)
            case ast.Subscript(value=table):
                waiting.append(table)
            case _:
                yield node


def _elements(node: ast.expr, depth: int = 0) -> list[ast.expr] | None:
    """The elements of a list that is written out, multiplied or added up; None for all else."""
    match node:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return elements
        case ast.BinOp(op=ast.Add(), left=left, right=right) if depth < _DEEPEST_SUM:
            first, second = _elements(left, depth + 1), _elements(right, depth + 1)
            return None if first is None or second is None else first + second
        case ast.BinOp(op=ast.Mult(), left=ast.List() as once, right=ast.Constant(value=int(n))):
            return once.elts * n if 0 < n * len(once.elts) <= _MOST_REPEATED else None
    return None


def _cell(node: ast.expr) -> int:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, str) and len(value) == 1 and value in "0123456789":
        return int(value)
    return int(value) if isinstance(value, int | float) and value in range(10) else NO_CELL


def _digits(text: str) -> bytes:
    return bytes(int(digit) for digit in _DIGIT.findall(text))
