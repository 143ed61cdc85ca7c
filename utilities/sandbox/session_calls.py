"""A session's child: runs one call after the other in the same names, and says what came of each.

Nothing in this process can be trusted once a call has run. What it writes to descriptor 3 is a
claim about its own calls, and reaches nobody but the model that sent them.
"""

import ast
import io
import linecache
import marshal
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from utilities.sandbox.wire import (
    CALL_KINDS,
    CALL_RECORD,
    CALLS_DESCRIPTOR,
    MEMORY_EXHAUSTED,
    RESULT_DESCRIPTOR,
    read_message,
)

_CALL = "<call {}>"
"""Stands for the file's name in tracebacks."""
_MOST_FRAMES = 12
_DEEPEST_SHOWN = 5
_LINE_WIDTH = 200
"""Numpy wraps longer rows; one of 30 cells, each of up to 4 digits, stays whole."""
_LINES_TOGETHER = 200
TYPICAL_CALL = b"""
import numpy as np
from collections import Counter
grids = [np.array(pair["input"]) for pair in train]
def components(grid):
    return sorted(Counter(grid.ravel().tolist()).items())
for grid in grids:
    print(grid.shape, components(grid))
try:
    raise ValueError(f"{len(grids)}")
except ValueError as error:
    print(error)
grids[0]
"""


class Output(io.TextIOBase):
    """What a call prints: the first characters are written at once, the last ones are kept."""

    encoding = "utf-8"

    def __init__(self, kept: int) -> None:
        """Write the first `kept` characters, and keep as many of the last."""
        super().__init__()
        self._kept = kept
        self._lock = threading.RLock()
        self.begin(bytes(8))

    def begin(self, nonce: bytes) -> None:
        """Belong to the next call."""
        self._nonce = nonce
        self._printed, self._room = 0, self._kept
        self._line = self._last = ""
        sys.stdout = sys.stderr = self

    def write(self, text: str, /) -> int:
        """Take all of it; what fits goes out line by line."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            self._printed += len(text)
            first, rest = text[: self._room], text[self._room :]
            if first:
                self._room -= len(first)
                self._line += first
                if not self._room or "\n" in first or len(self._line) > _LINES_TOGETHER:
                    self._send("printed", self._line)
                    self._line = ""
            if rest:
                self._last = (self._last + rest[-self._kept :])[-self._kept :]
        return len(text)

    def end(self, kind: str) -> None:
        """Write the rest, with what came of the call.

        What a thread prints after that is dropped: only the answer to a call may be written.
        """
        with self._lock:
            self._room = 0
            self._send(kind, self._line + self._last)

    def _send(self, kind: str, text: str) -> None:
        encoded = text.encode("utf-8", "replace")
        header = CALL_RECORD.pack(
            self._nonce, CALL_KINDS.index(kind), min(self._printed, 2**32 - 1), len(encoded)
        )
        unsent = header + encoded
        while unsent:
            unsent = unsent[os.write(RESULT_DESCRIPTOR, unsent) :]


class Calls:
    """The names that a session's calls share."""

    def __init__(self, output: Output) -> None:
        """Nothing is preloaded yet."""
        self._output = output
        self._module = ModuleType("__main__")
        self._running = False
        self._count = 0

    def begin(self, preloaded: dict[str, Any]) -> None:
        """Put these names into the session."""
        sys.modules["__main__"] = self._module  # dataclasses and pickle look their module up
        sys.stdin = io.StringIO()
        vars(self._module).update(preloaded)
        if "numpy" in sys.modules:
            sys.modules["numpy"].set_printoptions(linewidth=_LINE_WIDTH)

    def run(self, nonce: bytes, source: str) -> None:
        """Run a call and write what came of it."""
        self._count += 1
        self._output.begin(nonce)
        signal.signal(signal.SIGINT, self._interrupt)
        kind = "ok"
        error = self._attempt(self._execute, source, _CALL.format(self._count))
        if error is not None:
            kind = "memory" if isinstance(error, MemoryError) else "error"
            if self._attempt(self._explain, error) is not None:
                self._output.write(f"{type(error).__name__}\n")
        del error
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._output.end(kind)

    def _interrupt(self, *_: object) -> None:
        """Raise KeyboardInterrupt in the model's code, and nowhere else."""
        if self._running:
            raise KeyboardInterrupt

    def _attempt(self, function: Callable[..., None], *arguments: Any) -> BaseException | None:
        """Call what runs the model's code; returns what it raised."""
        try:
            self._running = True
            function(*arguments)
        except BaseException as error:  # noqa: BLE001 - whatever the model's code raises
            return error
        finally:
            self._running = False
        return None

    def _execute(self, source: str, name: str) -> None:
        """Run the code; show the value of a last expression, unless it is None."""
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        names, shown = vars(self._module), None
        if tree.body and isinstance(last := tree.body[-1], ast.Expr):
            del tree.body[-1]
            shown = compile(ast.Expression(last.value), name, "eval", dont_inherit=True)
        exec(compile(tree, name, "exec", dont_inherit=True), names)  # noqa: S102
        value = shown and eval(shown, names)  # noqa: S307 - it is what a session is for
        if value is not None:
            self._output.write(f"{readable(value)}\n")

    def _explain(self, error: BaseException) -> None:
        """Print the traceback's last frames, from the model's code on."""
        trace = error.__traceback__
        while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<call "):
            trace = trace.tb_next
        told = traceback.TracebackException(type(error), error, trace, limit=-_MOST_FRAMES)
        if told.stack and told.stack[-1].filename == self._interrupt.__code__.co_filename:
            del told.stack[-1]
        for line in told.format() if trace is not None else told.format_exception_only():
            self._output.write(line)


def readable(value: object, indent: int = 1) -> str:
    """The value as Python writes it, but each row of a grid on a line of its own."""
    if indent > _DEEPEST_SHOWN:
        return repr(value)
    if type(value) is list and value and {type(row) for row in value} <= {list, dict}:
        rows = [readable(row, indent + 1) for row in value]
        return f"[{(',' + chr(10) + ' ' * indent).join(rows)}]"
    if type(value) is dict and any(type(each) is list for each in value.values()):
        parts = [f"{key!r}: {readable(each, indent + 1)}" for key, each in value.items()]
        return f"{{{(',' + chr(10) + ' ' * indent).join(parts)}}}"
    return repr(value)


def serve_calls(output: Output) -> NoReturn:
    """Run each call that arrives, until there are no more."""
    try:
        calls = Calls(output)
        while True:
            nonce, preloaded, source = marshal.loads(read_message(CALLS_DESCRIPTOR))  # noqa: S302
            if preloaded is not None:
                calls.begin(preloaded)
            calls.run(nonce, source)
    except MemoryError:
        os._exit(MEMORY_EXHAUSTED)
    finally:
        os._exit(1)
