"""The untrusted half of the sandbox: a script, started afresh for every program.

It reads a job from standard input, gives up what it may do, runs the program on each input and
writes a record for each to descriptor 3. It imports nothing of the toolkit and never holds an
expected output. The parent trusts nothing of it: once the program runs, this process is its own.
"""

from __future__ import annotations

import io
import marshal
import math
import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RECORD = struct.Struct("<BBBBH")
"""Input's index, kind, rows, columns, length of the text; then the cells, then the text."""
ANSWERS = ("ok", "exception", "invalid_output", "memory_limit", "syntax_error", "no_entry_point")
KINDS = (*ANSWERS, "printed", "ready")
EVERY_INPUT = 255
MEMORY_EXHAUSTED = 77
"""Exit status where not even the record of a MemoryError could be written."""
RESULT_DESCRIPTOR = 3
PROGRAM = "<program>"
INVALID = "invalid_output"
NOBODY = 65534
OPEN_FILES = 16


class Failed(Exception):
    """Why an input has no answer: the kind of the record and its text."""


class Printed(io.BytesIO):
    """Keeps the first `budget` bytes that are printed, over all inputs, and drops the rest."""

    def __init__(self, budget: int) -> None:
        """Keep nothing yet."""
        super().__init__()
        self._left = budget

    def write(self, printed: Any, /) -> int:
        """Take all bytes and keep those that fit."""
        self._left -= super().write(bytes(printed)[: self._left])
        return len(printed)

    def take(self) -> str:
        """What was kept since the last call."""
        kept = self.getvalue().decode("utf-8", "replace")
        self.seek(0)
        self.truncate()
        return kept


class OfferedPackages(dict[str, str]):
    """Finds the packages that programs may use in their folders, and no other there."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import protocol; submodules are found through their package's own path."""
        return PathFinder.find_spec(name, [self[name]]) if name in self else None


def main() -> None:
    """Read the job, give up privileges, run the program, leave without cleaning up."""
    job = marshal.load(sys.stdin.buffer)  # noqa: S302 - from the parent, which is trusted
    sys.meta_path.append(OfferedPackages(job["packages"]))
    for name in job["modules"]:
        with suppress(ImportError):  # the program meets the same error, and may handle it
            import_module(name)  # now, while it can be read and costs the program no time
    missing = confine(job)
    take_over_descriptors()
    printed = Printed(job["stdout_bytes"])
    sys.stdout = io.TextIOWrapper(printed, "utf-8", "replace", write_through=True)
    sys.stderr = sys.stdout
    send(EVERY_INPUT, "ready", "; ".join(missing))
    try:
        run_program(job, printed)
    except MemoryError:
        os._exit(MEMORY_EXHAUSTED)
    os._exit(0)  # at once: whatever the program registered for its end would only delay it


def take_over_descriptors() -> None:
    """Move the result pipe from standard output to its own descriptor, the others to nothing."""
    os.dup2(1, RESULT_DESCRIPTOR, inheritable=False)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def confine(job: Mapping[str, Any]) -> list[str]:
    """Set the limits, drop root, start the clocks; returns what is not enforced."""
    limits = {"RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": OPEN_FILES}
    with suppress(OSError), open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - costs 5 ms
        in_use = int(statm.read().split()[0]) * resource.getpagesize()
        limits["RLIMIT_AS"] = in_use + job["memory_mb"] * 2**20
    missing = [] if "RLIMIT_AS" in limits else ["RLIMIT_AS"]  # macOS has no /proc
    missing += [name for name, value in limits.items() if not limit(name, value)]
    if os.getuid() == 0:
        with suppress(OSError):
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
    if os.getuid() == 0:
        missing.append("it runs as root, whose processes nothing limits")
    elif not limit("RLIMIT_NPROC", 0):
        missing.append("RLIMIT_NPROC")
    cpu_s = math.ceil(time.process_time() + job["cpu_s"])
    limit("RLIMIT_CPU", cpu_s, cpu_s + 1)  # whole seconds, for programs that ignore the next one
    signal.setitimer(signal.ITIMER_PROF, job["cpu_s"])
    signal.setitimer(signal.ITIMER_REAL, job["wall_s"] + 1)  # should the parent be gone
    return missing


def limit(name: str, soft: int, hard: int | None = None) -> bool:
    """Set one limit of the kernel; False where this system has none of that name."""
    try:
        resource.setrlimit(getattr(resource, name), (soft, soft if hard is None else hard))
    except (AttributeError, ValueError, OSError):
        return False
    return True


def send(index: int, kind: str, text: str = "", grid: tuple[int, int, bytes] = (0, 0, b"")) -> None:
    """Write one record to the result pipe."""
    rows, columns, cells = grid
    encoded = text.encode("utf-8", "replace")
    record = RECORD.pack(index, KINDS.index(kind), rows, columns, len(encoded)) + cells + encoded
    while record:
        record = record[os.write(RESULT_DESCRIPTOR, record) :]


def run_program(job: Mapping[str, Any], printed: Printed) -> None:
    """Load the program and send a record for each input; it may change the inputs, used once."""
    source = job["source"]
    try:
        function = load(source, job["entry_point"], offer_numpy=job["offer_numpy"])
    except Failed as failure:
        send(EVERY_INPUT, *failure.args)
        return
    for index, grid in enumerate(job["inputs"]):
        try:
            value = attempt(source, function, grid)
            answer = ("ok", "", attempt(source, to_cells, value))
        except Failed as failure:
            answer = failure.args
        if text := printed.take():
            send(index, "printed", text)
        send(index, *answer)


def load(source: str, entry_point: str, *, offer_numpy: bool) -> Callable[..., Any]:
    """Run the program's top level; raises Failed."""
    module = ModuleType("program")
    sys.modules["program"] = module  # dataclasses look their module up
    if offer_numpy:
        module.__dict__["np"] = sys.modules.get("numpy")
    try:
        compiled = compile(source, PROGRAM, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise Failed("syntax_error", describe(error, source)) from error
    attempt(source, exec, compiled, module.__dict__)
    function = module.__dict__.get(entry_point)
    if not callable(function):
        raise Failed("no_entry_point", f"the program defines no function {entry_point}")
    return function  # type: ignore[no-any-return]


def attempt(source: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what runs the program's code; raises Failed for whatever it raises."""
    try:
        return function(*arguments)
    except Failed:
        raise
    except MemoryError as error:
        raise Failed("memory_limit", "memory ran out") from error
    except BaseException as error:
        raise Failed("exception", describe(error, source)) from error


def describe(error: BaseException, source: str) -> str:
    """The exception in one line, with the line of the program that it came from."""
    try:
        said = f"{type(error).__name__}: {error}"[:500]
    except BaseException:  # noqa: BLE001 - its __str__ is the program's, too
        said = type(error).__name__
    number = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == PROGRAM:
            number = trace.tb_lineno
        trace = trace.tb_next
    line = source.splitlines()[number - 1].strip()[:100] if number else ""
    return f"{said} (line {number}: {line})" if number else said


def to_cells(value: object) -> tuple[int, int, bytes]:
    """Rows, columns and cells of what the program returned; raises Failed."""
    rows = plain(value)
    if not isinstance(rows, list | tuple):
        raise Failed(INVALID, f"a list of rows was expected, not {type(rows).__name__}")
    if not 1 <= len(rows) <= 30:
        raise Failed(INVALID, f"{len(rows)} rows, where a grid has 1 to 30")
    rows = [plain(row) for row in rows]
    for row in rows:
        if not isinstance(row, list | tuple):
            raise Failed(INVALID, f"a row is a list of cells, not {type(row).__name__}")
    widths = [len(row) for row in rows]
    if widths != [widths[0]] * len(widths):
        raise Failed(INVALID, f"ragged rows, of lengths {', '.join(map(str, widths))}")
    if not 1 <= widths[0] <= 30:
        raise Failed(INVALID, f"{widths[0]} columns, where a grid has 1 to 30")
    return len(rows), widths[0], bytes([to_colour(cell) for row in rows for cell in row])


def to_colour(cell: object) -> int:
    """A cell as an int of 0 to 9; raises Failed."""
    value = plain(cell)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and 0 <= value <= 9:
        return int(value)
    raise Failed(INVALID, f"a cell is {value!r:.40}, where colours are the ints 0 to 9")


def plain(value: Any) -> Any:
    """Numpy's arrays and scalars as Python's lists and numbers, all else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        return value.tolist()
    return value


if __name__ == "__main__":
    main()
