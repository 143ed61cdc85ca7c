"""Runs one untrusted program, in a child that is confined already.

Nothing in this process can be trusted once the program runs. Its answers go to descriptor 3 as
records, which the supervisor takes for mere claims.
"""

import io
import os
import sys
import time
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from utilities.sandbox.wire import (
    DURATION,
    EVERY_INPUT,
    FILE_NAME,
    KINDS,
    RECORD,
    RELIES_ON_NUMPY,
    RESULT_DESCRIPTOR,
    Program,
    to_grid,
)

ENTRY_POINTS = ("solve_task", "transform", "solve", "main", "p")
"""Accepted names of the function that answers, best first. If a program in a reply has none of
them but one function only, the reply's reader adds the first name as an alias, so that what is
stored runs."""

OFFERED_MODULES = (
    *("bisect", "collections", "copy", "dataclasses", "enum", "functools", "heapq", "itertools"),
    *("math", "operator", "os", "random", "re", "string", "sys", "time", "typing"),
)
"""Modules that programs may use without importing them: models often forget to."""
OFFERED_NAMES = {
    "collections": ("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"),
    "copy": ("deepcopy",),
    "dataclasses": ("dataclass", "field"),
    "enum": ("Enum", "IntEnum"),
    "functools": ("cache", "lru_cache", "partial", "reduce", "wraps"),
    "heapq": ("heapify", "heappop", "heappush"),
    "itertools": (
        *("accumulate", "chain", "combinations", "combinations_with_replacement", "cycle"),
        *("groupby", "islice", "pairwise", "permutations", "product", "zip_longest"),
    ),
    "math": ("ceil", "floor", "gcd", "inf", "sqrt"),
    "operator": ("itemgetter",),
    "typing": (
        *("Any", "Callable", "Dict", "FrozenSet", "Generator", "Iterable", "Iterator", "List"),
        *("NamedTuple", "Optional", "Sequence", "Set", "Tuple", "Union"),
    ),
}
"""For a module, the names of it that programs may use without importing them."""

_COLOURS = bytes(range(10))


class Failed(Exception):
    """Why an input has no answer: the kind of the record and its text."""


class Printed(io.BytesIO):
    """Keeps the first `budget` bytes that are printed, over all inputs, and drops the rest."""

    def __init__(self, budget: int) -> None:
        """Keep nothing yet."""
        super().__init__()
        self._left = self._budget = budget
        self.stream = io.TextIOWrapper(self, "utf-8", "replace", write_through=True)

    def capture(self) -> None:
        """Become the streams that programs print to, with the whole budget left."""
        self.take()
        self._left = self._budget
        sys.stdout = sys.stderr = self.stream

    def write(self, printed: Any, /) -> int:
        """Take all bytes and keep those that fit."""
        self._left -= super().write(bytes(printed)[: self._left])
        return len(printed)

    def take(self) -> str:
        """What was kept since the last call."""
        if not self.tell():
            return ""
        kept = self.getvalue().decode("utf-8", "replace")
        self.seek(0)
        self.truncate()
        return kept


class Results:
    """Writes records to the result pipe."""

    def __init__(self, *, hold_back: bool) -> None:
        """Write each record at once, or all together at the end if `hold_back`."""
        self._hold_back = hold_back
        self._held = b""

    def add(
        self, index: int, kind: str, text: bytes, grid: tuple[int, int, bytes] = (0, 0, b"")
    ) -> None:
        """Take one record."""
        rows, columns, cells = grid
        self._held += RECORD.pack(index, KINDS.index(kind), rows, columns, len(text)) + cells + text
        if not self._hold_back:
            self.write()

    def write(self) -> None:
        """Write what is held back."""
        while self._held:
            self._held = self._held[os.write(RESULT_DESCRIPTOR, self._held) :]


def run_program(program: Program, printed: Printed, *, hold_back: bool = False) -> None:
    """Load the program and write a record for each input; it gets each input as a new list.

    What is written at once is not lost if a later input takes too long.
    """
    source, code, inputs = program
    results = Results(hold_back=hold_back)
    if hold_back:  # the streams are in place already for the first program of a child
        printed.capture()
    started = time.perf_counter()
    try:
        function = load(source, code, results)
    except Failed as failure:
        results.add(EVERY_INPUT, failure.args[0], _timed(failure.args[1], started))
    else:
        for index, (columns, cells) in enumerate(inputs):
            kind, said, grid = _answer(source, function, to_grid(columns, cells))
            if text := printed.take():
                results.add(index, "printed", text.encode("utf-8", "replace"))
            results.add(index, kind, _timed(said, started), grid)
            started = time.perf_counter()
    results.write()


def _answer(
    source: bytes, function: Callable[..., Any], grid: list[list[int]]
) -> tuple[str, str, tuple[int, int, bytes]]:
    """Kind, text and cells of the record for one input."""
    try:
        value = attempt(source, function, grid)
        return "ok", "", attempt(source, to_cells, value)
    except Failed as failure:
        return failure.args[0], failure.args[1], (0, 0, b"")


def _timed(text: str, started: float) -> bytes:
    duration_us = min(int((time.perf_counter() - started) * 1e6), 2**32 - 1)
    return DURATION.pack(duration_us) + text.encode("utf-8", "replace")


def load(source: bytes, code: CodeType | None, results: Results) -> Callable[..., Any]:
    """Run the program's top level; returns its entry point, raises Failed.

    An exception does no harm if the entry point stands before it: most often an example fails.
    """
    module = ModuleType("program")
    sys.modules["program"] = module  # dataclasses look their module up
    names = module.__dict__
    if code is None:
        code = _compiled(source)
    failed = None
    try:
        attempt(source, exec, code, names)
    except Failed as failure:
        failed = failure
    if b"np" in source and "np" not in names and _uses(code, "np"):
        results.add(EVERY_INPUT, "loaded", RELIES_ON_NUMPY.encode())
    for name in ENTRY_POINTS:
        function: Callable[..., Any] | None = names.get(name)
        if callable(function) and (failed is None or failed.args[0] == "exception"):
            return function
    raise failed or Failed("no_entry_point", f"the program defines no function {ENTRY_POINTS[0]}")


def _compiled(source: bytes) -> CodeType:
    try:
        return compile(source.decode(), FILE_NAME, "exec", dont_inherit=True)
    except MemoryError as error:  # Python 3.11's parser, about brackets that nest too deeply
        raise Failed("syntax_error", f"SyntaxError: {str(error) or 'too deep'}") from error
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Failed("syntax_error", describe(error, source)) from error


def _uses(code: CodeType, name: str) -> bool:
    """Whether code, or a function in it, looks a global name up."""
    return name in code.co_names or any(
        _uses(inner, name) for inner in code.co_consts if isinstance(inner, CodeType)
    )


def attempt(source: bytes, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what runs the program's code; raises Failed, whatever that raises."""
    try:
        return function(*arguments)
    except Failed:
        raise
    except MemoryError as error:
        raise Failed("memory_limit", "memory ran out") from error
    except BaseException as error:
        raise Failed("exception", describe(error, source)) from error


def describe(error: BaseException, source: bytes) -> str:
    """The exception in one line, with the line of the program that it came from."""
    number = None
    if isinstance(error, SyntaxError) and error.filename == FILE_NAME:
        said, number = f"{type(error).__name__}: {error.msg}", error.lineno
    else:
        said = _said_by(error)
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == FILE_NAME:
                number = trace.tb_lineno
            trace = trace.tb_next
    lines = source.decode().splitlines()
    if not number or number > len(lines):
        return said
    return f"{said} (line {number}: {lines[number - 1].strip()[:100]})"


def _said_by(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:  # noqa: BLE001 - its __str__ is the program's, too
        return type(error).__name__


def to_cells(value: object) -> tuple[int, int, bytes]:
    """Rows, columns and cells of what the program returned; raises Failed."""
    rows = plain(value)
    if not isinstance(rows, list | tuple):
        raise Failed("invalid_output", f"a list of rows was expected, not {type(rows).__name__}")
    if not 1 <= len(rows) <= 30:
        raise Failed("invalid_output", f"{len(rows)} rows, where a grid has 1 to 30")
    rows = [plain(row) for row in rows]
    for row in rows:
        if not isinstance(row, list | tuple):
            raise Failed("invalid_output", f"a row is a list of cells, not {type(row).__name__}")
    widths = [len(row) for row in rows]
    if widths != [widths[0]] * len(widths):
        raise Failed("invalid_output", f"ragged rows, of lengths {', '.join(map(str, widths))}")
    if not 1 <= widths[0] <= 30:
        raise Failed("invalid_output", f"{widths[0]} columns, where a grid has 1 to 30")
    return len(rows), widths[0], b"".join([to_colours(row) for row in rows])


def to_colours(row: list[Any] | tuple[Any, ...]) -> bytes:
    """A row as bytes of 0 to 9; raises Failed."""
    if set(map(type, row)) == {int}:
        try:
            cells = bytes(row)
        except ValueError:  # over 255, or negative: `to_colour` tells which
            cells = b"\xff"
        if not cells.translate(None, _COLOURS):
            return cells
    return bytes([to_colour(cell) for cell in row])


def to_colour(cell: object) -> int:
    """A cell as an int of 0 to 9; raises Failed."""
    value = plain(cell)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and 0 <= value <= 9:
        return int(value)
    raise Failed("invalid_output", f"a cell is {value!r:.40}, where colours are the ints 0 to 9")


def plain(value: Any) -> Any:
    """Numpy's arrays and scalars as lists and numbers, all else as it is."""
    if type(value) is list or type(value) is int:
        return value
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.tolist()
    return value
