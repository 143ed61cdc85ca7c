"""The frontend of a fork server: takes requests, compiles programs, follows children, answers.

It is a process of its own, which forks nothing. After a fork each page that a process writes to
faults once, so the fork server itself does next to nothing, and its frontend does all the rest.
"""

from __future__ import annotations

import marshal
import os
import signal
import time
from collections import deque
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn

from utilities.sandbox.children import Follower, Lost, Orphaned, Outcome
from utilities.sandbox.syscalls import end_at_once_on
from utilities.sandbox.wire import (
    FILE_NAME,
    LENGTH,
    RESPONSE,
    SOCKET_DESCRIPTOR,
    Request,
    take_frames,
    unpack_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from utilities.sandbox.wire import Pipes

_LONGEST_READ = 1 << 20
_ANSWERS_TOGETHER = 8
_LONGEST_HELD_BACK_S = 1.0
_LONGEST_CODE = 1 << 17
"""Bytes; ordinary programs take a few thousand. Longer ones are compiled where limits hold."""

_Ready = tuple[Request, bytes | None]
"""A request and its code, marshalled."""


class Frontend:
    """Takes requests from the socket, and answers them in their order."""

    def __init__(self, pipes: Pipes, config: dict[str, Any]) -> None:
        """Talk to the fork server by its `pipes`."""
        self._follower = Follower(pipes, SOCKET_DESCRIPTOR, config["output_bytes"])
        self._batch: int = config["batch"]
        self._received = bytearray()
        self._ready: deque[_Ready] = deque()
        self._unsent = b""
        self._held_back = 0
        self._wrote_s = 0.0

    def serve(self) -> NoReturn:
        """Have programs run until the supervisor is gone, or the fork server is lost.

        All programs at hand are compiled before the first of them runs: work of one kind at a
        stretch finds its memory in the processor's caches.
        """
        end_at_once_on(signal.SIGPROF)
        try:
            while True:
                self._receive()
                while self._ready:
                    self._run(self._next_group())
        except (Orphaned, Lost, BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _receive(self) -> None:
        received = os.read(SOCKET_DESCRIPTOR, _LONGEST_READ)
        if not received:
            raise Orphaned
        self._received += received
        for request in map(unpack_request, take_frames(self._received)):
            self._ready.append((request, marshalled(request)))

    def _next_group(self) -> list[_Ready]:
        """The next program, or as many of those at hand as may share a child."""
        group = [self._ready.popleft()]
        while len(group) < self._batch and self._ready:
            if group[-1][0].alone or self._ready[0][0].alone:
                break
            group.append(self._ready.popleft())
        return group

    def _run(self, group: Sequence[_Ready]) -> None:
        """Run programs in one child; those that need another come first in the next."""
        requests = [request for request, _ in group]
        cpu_s = sum(request.cpu_s for request in requests)
        programs = [(request.source, code, request.inputs) for request, code in group]
        message = marshal.dumps((cpu_s, programs))
        done = 0

        def report(request: Request, outcome: Outcome) -> None:
            nonlocal done
            ending, code, wall_s, written = outcome
            header = RESPONSE.pack(request.request_id, ending, done == 0, code, wall_s)
            self._send(header + written)
            done += 1

        self._follower.follow(LENGTH.pack(len(message)) + message, requests, report)
        self._write()
        self._ready.extendleft(reversed(group[done:]))

    def _send(self, frame: bytes) -> None:
        """Send an answer, or in batch mode a few together."""
        self._unsent += LENGTH.pack(len(frame)) + frame
        self._held_back += 1
        late = time.monotonic() - self._wrote_s > _LONGEST_HELD_BACK_S
        if self._batch == 1 or late or self._held_back >= _ANSWERS_TOGETHER:
            self._write()

    def _write(self) -> None:
        self._held_back, self._wrote_s = 0, time.monotonic()
        while self._unsent:
            self._unsent = self._unsent[os.write(SOCKET_DESCRIPTOR, self._unsent) :]


def marshalled(request: Request) -> bytes | None:
    """The program's code; None where the child is to compile it, and to say what is wrong with it.

    Compiling runs nothing of the program. Where it takes longer than the program may, or breaks
    the compiler, this process ends, and all its requests come again, distrusted.
    """
    if request.distrusted:
        return None
    signal.setitimer(signal.ITIMER_PROF, request.cpu_s)
    try:
        code = compile(request.source.decode(), FILE_NAME, "exec", dont_inherit=True)
        encoded = marshal.dumps(code) if _keeps_its_order(code) else b""
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return encoded if 0 < len(encoded) <= _LONGEST_CODE else None


def _keeps_its_order(constant: object) -> bool:
    """Whether every constant set is iterated as before when it comes out of the format again."""
    if isinstance(constant, CodeType):
        return all(map(_keeps_its_order, constant.co_consts))
    if isinstance(constant, tuple):
        return all(map(_keeps_its_order, constant))
    if isinstance(constant, frozenset):
        return list(constant) == list(marshal.loads(marshal.dumps(constant)))  # noqa: S302
    return True
