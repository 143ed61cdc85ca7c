"""The front of a fork server: takes requests, compiles programs, follows children, answers.

It is a process of its own, which forks nothing. After a fork each page that a process writes to
faults once, so the fork server itself does next to nothing, and its front does all the rest.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
from typing import TYPE_CHECKING, Any, NoReturn

from utilities.sandbox.children import Follower, Lost, Orphaned, Outcome
from utilities.sandbox.syscalls import end_at_once_on
from utilities.sandbox.wire import (
    FILE_NAME,
    GO,
    LENGTH,
    RESPONSE,
    SOCKET_DESCRIPTOR,
    Request,
    unpack_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    from utilities.sandbox.wire import Pipes

_LONGEST_READ = 1 << 20
_ANSWERS_TOGETHER = 8


class Front:
    """Takes requests from the socket, and answers them in their order."""

    def __init__(self, pipes: Pipes, config: dict[str, Any]) -> None:
        """Talk to the fork server by its `pipes`."""
        self._requests = pipes.requests[1]
        self._follower = Follower(pipes, SOCKET_DESCRIPTOR, config["output_bytes"])
        self._batch: int = config["batch"]
        self._received = b""
        self._unsent = b""
        self._held_back = 0

    def serve(self) -> NoReturn:
        """Have programs run until the supervisor is gone, or the fork server is lost."""
        end_at_once_on(signal.SIGPROF)
        try:
            while True:
                waiting: Sequence[Request] = self._next_requests()
                while waiting:
                    waiting = self._run(waiting)
        except (Orphaned, Lost, BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _next_requests(self) -> list[Request]:
        """The next request, or as many of those at hand as may share a child."""
        requests = [self._next_request()]
        while len(requests) < self._batch and not requests[-1].alone and self._more_at_hand():
            requests.append(self._next_request())
        if len(requests) > 1 and requests[-1].alone:
            for request in requests[:-1], requests[-1:]:
                waiting: Sequence[Request] = request
                while waiting:
                    waiting = self._run(waiting)
            return self._next_requests()
        return requests

    def _more_at_hand(self) -> bool:
        if self._frame_end() is not None:
            return True
        if not select.select([SOCKET_DESCRIPTOR], [], [], 0)[0]:
            return False
        self._receive()
        return self._frame_end() is not None

    def _frame_end(self) -> int | None:
        """Where the first frame that was received ends, None where it is not whole."""
        if len(self._received) < LENGTH.size:
            return None
        end = LENGTH.size + int(LENGTH.unpack_from(self._received)[0])
        return end if len(self._received) >= end else None

    def _next_request(self) -> Request:
        while (end := self._frame_end()) is None:
            self._receive()
        frame, self._received = self._received[LENGTH.size : end], self._received[end:]
        return unpack_request(frame)

    def _receive(self) -> None:
        received = os.read(SOCKET_DESCRIPTOR, _LONGEST_READ)
        if not received:
            raise Orphaned
        self._received += received

    def _run(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Run programs in one child; returns those that need another."""
        self._hand_over(requests)
        alone = True

        def report(request: Request, outcome: Outcome) -> None:
            nonlocal alone
            header = RESPONSE.pack(request.request_id, *outcome[:1], alone, *outcome[1:3])
            self._send(header + outcome.written)
            alone = False

        try:
            return self._follower.follow(requests, report)
        finally:
            self._write()

    def _hand_over(self, requests: Sequence[Request]) -> None:
        programs = [(each.source, compiled(each), each.inputs) for each in requests]
        cpu_s = sum(request.cpu_s for request in requests)
        try:
            message = marshal.dumps((cpu_s, programs))
        except ValueError:  # what the source holds nests too deeply for the format
            message = marshal.dumps((cpu_s, [(source, None, each) for source, _, each in programs]))
        frame = GO + LENGTH.pack(len(message)) + message
        while frame:
            frame = frame[os.write(self._requests, frame) :]

    def _send(self, frame: bytes) -> None:
        """Write a frame to the supervisor, or a few together in batch mode."""
        self._unsent += LENGTH.pack(len(frame)) + frame
        self._held_back += 1
        if self._batch == 1 or self._held_back >= _ANSWERS_TOGETHER:
            self._write()

    def _write(self) -> None:
        self._held_back = 0
        while self._unsent:
            self._unsent = self._unsent[os.write(SOCKET_DESCRIPTOR, self._unsent) :]


def compiled(request: Request) -> CodeType | None:
    """The program's code; None where the child is to compile it, and to say what is wrong with it.

    Compiling runs nothing of the program. Where it takes longer than the program may, or breaks
    the compiler, this process ends, and the request comes again, distrusted.
    """
    if request.distrusted:
        return None
    signal.setitimer(signal.ITIMER_PROF, request.cpu_s)
    try:
        return compile(request.source.decode(), FILE_NAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
