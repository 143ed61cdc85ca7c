"""What one program may use, and what it did, as far as its child's claims can be believed."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from utilities.sandbox import wire
from utilities.sandbox.wire import Ending
from utilities.tasks.task import Grid

_COLOURS = bytes(range(10))
_LONGEST_MESSAGE = 1000
"""Characters; only a program that writes its own records says more."""
ExecutionStatus = Literal[
    "ok",
    "syntax_error",
    "no_entry_point",
    "exception",
    "invalid_output",
    "timeout",
    "memory_limit",
    "output_limit",
    "crashed",
    "forbidden",
]
ANSWERED = ("ok", "exception", "invalid_output")
"""What a program can do with an input without being cut short."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use; a program that passes a limit is killed."""

    cpu_s: float = 1.0
    """Processor seconds over all of its inputs."""
    wall_s: float = 5.0
    """Seconds by the clock over all of its inputs, counted from its first line."""
    memory_mb: int = 512
    """MiB of memory, besides what the bare interpreter with numpy takes."""
    source_bytes: int = 256 * 1024
    """Length of the source."""
    output_bytes: int = 64 * 1024
    """Length of what the child may send back for all inputs together."""
    stdout_bytes: int = 4096
    """How much of what it prints is kept."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a program did with one input.

    `output` is a valid grid exactly when `status` is "ok". `message` says what went wrong in one
    or a few lines (the exception and its line of the program, the shape of an invalid output).
    `duration_s` is wall time as the child tells it, never more than the supervisor saw pass.
    `uses_numpy_without_import` tells that the program relied on the `np` it was offered.
    """

    status: ExecutionStatus
    output: Grid | None = None
    stdout: str = ""
    duration_s: float = 0.0
    message: str = ""
    uses_numpy_without_import: bool = False


class Response(NamedTuple):
    """What a fork server tells of one program; only `written` comes from the program's process."""

    request_id: int
    ending: Ending
    alone: bool
    """Whether no other program had run in the same process before it."""
    code: int
    wall_s: float
    written: bytes


class _Record(NamedTuple):
    input_index: int
    kind: str
    columns: int
    cells: bytes
    text: bytes


def unpack_response(frame: bytes) -> Response:
    """Read a frame of the fork server."""
    request_id, ending, alone, code, wall_s = wire.RESPONSE.unpack_from(frame)
    written = frame[wire.RESPONSE.size :]
    return Response(request_id, Ending(ending), bool(alone), code, wall_s, written)


def to_executions(response: Response, inputs: int, limits: Limits) -> tuple[Execution, ...]:
    """An Execution for each input.

    The first answer to an input counts. A program can forge one; it is then compared like any
    other, and forging it needs the very grid that was asked for.
    """
    answers: dict[int, Execution] = {}
    printed: dict[int, str] = {}
    relies_on_numpy = False
    for record in _records(response.written):
        text = record.text.decode("utf-8", "replace")
        if record.kind == "loaded":
            relies_on_numpy = text == wire.RELIES_ON_NUMPY
        elif record.kind == "printed":
            printed.setdefault(record.input_index, text[: limits.stdout_bytes])
        else:
            every = record.input_index == wire.EVERY_INPUT
            for each in range(inputs) if every else (record.input_index,):
                if each not in answers:
                    said = printed.get(each, "")
                    answers[each] = _answer(record, said, response.wall_s, relies_on_numpy)
    status, message = _rest(response, limits)
    rest = Execution(status, message=message, uses_numpy_without_import=relies_on_numpy)
    return tuple(answers.get(index, rest) for index in range(inputs))


def _records(written: bytes) -> Iterator[_Record]:
    """The whole records at the beginning of `written`."""
    offset = 0
    while len(written) - offset >= wire.RECORD.size:
        index, kind, rows, columns, length = wire.RECORD.unpack_from(written, offset)
        cells_at = offset + wire.RECORD.size
        text_at = cells_at + rows * columns
        offset = text_at + length
        if offset > len(written) or kind >= len(wire.KINDS):
            return
        yield _Record(
            index, wire.KINDS[kind], columns, written[cells_at:text_at], written[text_at:offset]
        )


def _answer(record: _Record, printed: str, wall_s: float, relies_on_numpy: bool) -> Execution:
    assert record.kind in wire.ANSWERS
    claimed_us, text = 0, record.text
    if len(text) >= wire.DURATION.size:
        claimed_us, text = wire.DURATION.unpack_from(text)[0], text[wire.DURATION.size :]
    status, message = cast("ExecutionStatus", record.kind), text.decode("utf-8", "replace")
    message = message[:_LONGEST_MESSAGE]
    output = _valid_grid(record.columns, record.cells) if status == "ok" else None
    if status == "ok" and output is None:
        status, message = "invalid_output", "the record holds no valid grid"
    return Execution(
        status,
        output,
        stdout=printed,
        duration_s=min(claimed_us / 1e6, wall_s),
        message=message,
        uses_numpy_without_import=relies_on_numpy,
    )


def _valid_grid(columns: int, cells: bytes) -> Grid | None:
    if not 1 <= columns <= 30 or not columns <= len(cells) <= 30 * columns:
        return None
    return None if cells.translate(None, _COLOURS) else wire.to_grid(columns, cells)


def _rest(response: Response, limits: Limits) -> tuple[ExecutionStatus, str]:
    """Status and message for the inputs that have no answer."""
    code = response.code
    if response.ending is Ending.SIGNALLED:
        return "crashed", f"killed by {signal.Signals(code).name}"
    if response.ending is Ending.EXITED and code == wire.MEMORY_EXHAUSTED:
        return "memory_limit", "memory ran out"
    rest: dict[Ending, tuple[ExecutionStatus, str]] = {
        Ending.CPU_TIMEOUT: ("timeout", f"used over {limits.cpu_s:g} s of processor time"),
        Ending.WALL_TIMEOUT: ("timeout", f"no answer within {limits.wall_s:g} s"),
        Ending.OUTPUT_LIMIT: ("output_limit", "sent more than it may"),
        Ending.NO_RECORD: ("crashed", "wrote what is no record to the result descriptor"),
        Ending.EXITED: ("crashed", f"left with exit code {code} before it answered"),
        Ending.COMPLETE: ("crashed", "its fork server was lost more than once"),
    }
    return rest[response.ending]
