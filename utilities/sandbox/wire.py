"""The bytes that pass between the supervisor, its fork servers and their children.

Every frame on the socket to a fork server starts with its length (u32, little endian). A request
is REQUEST, then rows, columns and cells of each input, then the source. An answer is RESPONSE,
then what the child wrote to descriptor 3, as it is: the supervisor alone interprets it.

Inside a fork server, GO has it fork a child. The child reads a length, then marshalled: its
processor seconds, whether more programs follow, and a Program. It writes records. BORN tells its
process, ENDED how it ended.

A server of sessions (session_server.py) takes SESSION_CALL, then what is preloaded, then the code,
and answers SESSION_ANSWER, then the first and the last that the call printed. Its children read a
length, then marshalled: a nonce, what is preloaded or None, the code. They write CALL_RECORD, then
a text, under that nonce.
"""

import os
from enum import IntEnum
from struct import Struct
from types import CodeType
from typing import NamedTuple

LENGTH = Struct("<I")
REQUEST = Struct("<IffBBB")
"""Id, processor seconds, seconds by the clock, whether it must run alone, whether only the child
may compile it, count of inputs."""
RESPONSE = Struct("<IBBif")
"""Id, ending, whether it ran alone, exit code or signal, seconds by the clock."""
ENDED = Struct("<i")
"""The child's status, as wait(2) gives it, or CANNOT_FORK."""
CANNOT_FORK = -1
RECORD = Struct("<BBBBH")
"""Input's index, kind, rows, columns, length of the text; then the cells, then the text."""
DURATION = Struct("<I")
"""First in the text of an answer: how many microseconds the child says that it took."""
ANSWERS = ("ok", "exception", "invalid_output", "memory_limit", "syntax_error", "no_entry_point")
KINDS = (*ANSWERS, "printed", "loaded")
EVERY_INPUT = 255
GO = b"!"
BORN = Struct("<i")
"""The child's process, negative if there is none."""
MEMORY_EXHAUSTED = 77
"""Exit status of a child that could not even write the record of a MemoryError."""
RESULT_DESCRIPTOR = 3
SOCKET_DESCRIPTOR = 4
"""That of the frontend, to the supervisor."""
FILE_NAME = "<program>"
RELIES_ON_NUMPY = "np"
"""Text of the record "loaded" if the program uses `np` without importing it."""


SESSION_CALL = Struct("<IffI")
"""Session's number, processor seconds, seconds by the clock (0: end the session), length of what
is preloaded (0: the session is open already)."""
SESSION_ANSWER = Struct("<IBBBiffII")
"""Session's number, ending, Limit, claim, exit code or signal, processor seconds, seconds by the
clock, how many characters the child says that it printed, length of the first that it printed."""
CALL_RECORD = Struct("<8sBIH")
"""The call's nonce, kind, characters printed so far, length of the text."""
CALL_KINDS = ("printed", "ok", "error", "memory")
"""All but the first end a call, and are the child's claim of what came of it."""
CALLS_DESCRIPTOR = 0
"""That from which a session's child reads its calls; its code has an empty `sys.stdin`."""
LONGEST_READ = 1 << 16


def read_message(descriptor: int) -> bytes:
    """A message to a child; ends the process if the writer is gone."""
    parts, missing = [os.read(descriptor, LENGTH.size)], 0
    if len(parts[0]) == LENGTH.size:
        missing = LENGTH.unpack(parts.pop())[0]
    while missing:
        parts.append(os.read(descriptor, min(missing, LONGEST_READ)))
        missing -= len(parts[-1])
        if not parts[-1]:
            os._exit(0)
    return b"".join(parts)


def take_frames(received: bytearray) -> list[bytes]:
    """Cut the whole frames off what was received; each comes without its length."""
    found, offset = [], 0
    while len(received) - offset >= LENGTH.size:
        end = offset + LENGTH.size + int(LENGTH.unpack_from(received, offset)[0])
        if end > len(received):
            break
        found.append(bytes(received[offset + LENGTH.size : end]))
        offset = end
    del received[:offset]
    return found


class Ending(IntEnum):
    """Why the fork server stopped reading from a child."""

    COMPLETE = 0
    CPU_TIMEOUT = 1
    WALL_TIMEOUT = 2
    OUTPUT_LIMIT = 3
    NO_RECORD = 4
    EXITED = 5
    SIGNALLED = 6
    NO_PROCESS = 7


class Limit(IntEnum):
    """Which limit a call passed, if any."""

    NONE = 0
    CPU = 1
    WALL = 2


class Pipes(NamedTuple):
    """Reading and writing ends between a frontend and its fork server.

    Children read requests and write results, one child at a time; they have none of the others.
    """

    results: tuple[int, int]
    requests: tuple[int, int]
    orders: tuple[int, int]
    births: tuple[int, int]
    endings: tuple[int, int]


Program = tuple[bytes, CodeType | None, tuple[tuple[int, bytes], ...]]
"""Source, its code (None: the child compiles it), columns and cells of each input.

In a message the code is marshalled by itself.
"""


class Request(NamedTuple):
    """A program to run, as a fork server receives it."""

    request_id: int
    cpu_s: float
    wall_s: float
    alone: bool
    distrusted: bool
    """Whether only the child may compile the source: a server may have been lost over it."""
    inputs: tuple[tuple[int, bytes], ...]
    """Columns and cells of each."""
    source: bytes


def unpack_request(frame: bytes) -> Request:
    """Read a request; it comes from the supervisor, which is trusted."""
    request_id, cpu_s, wall_s, alone, distrusted, count = REQUEST.unpack_from(frame)
    offset = REQUEST.size
    inputs = []
    for _ in range(count):
        rows, columns = frame[offset], frame[offset + 1]
        end = offset + 2 + rows * columns
        inputs.append((columns, frame[offset + 2 : end]))
        offset = end
    limits = request_id, cpu_s, wall_s
    return Request(*limits, bool(alone), bool(distrusted), tuple(inputs), frame[offset:])


def to_grid(columns: int, cells: bytes) -> list[list[int]]:
    """Cells, row by row, as a grid of its own."""
    return [list(cells[start : start + columns]) for start in range(0, len(cells), columns or 1)]
