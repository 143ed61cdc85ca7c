"""How a fork server follows a child: reads its records, keeps its time, and ends it."""

from __future__ import annotations

import math
import os
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from utilities.sandbox.wire import RECORD, AnswerCount, Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utilities.sandbox.wire import Request

_LONGEST_READ = 1 << 16
_SHARE_BEHIND_OTHERS = 0.25
"""How much of its time a program may use before it gets a child of its own."""
_PATIENCE_S = 0.05
"""How long a child with one program is left alone before its records are read as they come.

Most are done by then. To wake up for each record would copy what this process writes to meanwhile.
"""
_GRACE_S = 0.2
"""How long a child that closed its end of the pipe may take to be gone."""


class Outcome(NamedTuple):
    """What came of one program."""

    ending: Ending
    code: int
    """Exit status or number of the signal, where the child ended by itself."""
    cpu_s: float
    wall_s: float
    written: bytes


class Orphaned(Exception):
    """The supervisor is gone."""


class Follower:
    """Follows one child through its programs, usually one."""

    def __init__(
        self, child: int, pipe: int, requests: Sequence[Request], *, output_bytes: int, socket: int
    ) -> None:
        """Read from `pipe`; the end of `socket` is the end of it all."""
        self._child, self._pipe, self._requests = child, pipe, requests
        self._output_bytes = output_bytes
        self._poll = select.poll()
        self._patient = len(requests) == 1
        self._poll.register(pipe, 0 if self._patient else select.POLLIN)  # its end is always told
        self._poll.register(socket, 0)  # that its other end is gone is always told
        self._unread = b""
        self._position = 0
        self._reaped: int | None = None
        self._began_s, self._began_cpu_s = time.monotonic(), 0.0
        self._start(0)

    def _start(self, position: int) -> None:
        self._position = position
        self._written = 0
        if position < len(self._requests):
            self._answers = AnswerCount(len(self._requests[position].inputs))

    def follow(self, report: Callable[[Request, Outcome], None]) -> Sequence[Request]:
        """Report the programs that are done; returns those that need another child.

        A program behind others that comes to any end but its own is among those. Raises Orphaned.
        """
        try:
            while self._position < len(self._requests):
                ending = self._step(report)
                if ending is not None:
                    code = self._end()
                    if self._position == 0:
                        report(self._requests[0], self._outcome(ending, code))
                        self._position = 1
                    break
        finally:
            self._end()
            os.close(self._pipe)
        return self._requests[self._position :]

    def _step(self, report: Callable[[Request, Outcome], None]) -> Ending | None:
        """Wait for the next thing to happen; returns how the child ended, if it did."""
        request = self._requests[self._position]
        share = _SHARE_BEHIND_OTHERS if self._position else 1.0
        cpu_left = share * request.cpu_s - (self._cpu_s() - self._began_cpu_s)
        wall_left = share * request.wall_s - (time.monotonic() - self._began_s)
        if wall_left <= 0:
            return Ending.WALL_TIMEOUT
        if cpu_left <= 0:
            return Ending.CPU_TIMEOUT
        left = min(cpu_left, wall_left, _PATIENCE_S if self._patient else math.inf)
        happened = self._poll.poll(max(1.0, 1000 * left))
        if self._patient and not happened:
            self._patient = False
            self._poll.modify(self._pipe, select.POLLIN)
        for descriptor, _ in happened:
            if descriptor != self._pipe:
                raise Orphaned
            received = os.read(self._pipe, _LONGEST_READ)
            if not received:
                return self._ending_by_itself()
            self._unread += received
            return self._take_records(report)
        return None

    def _take_records(self, report: Callable[[Request, Outcome], None]) -> Ending | None:
        while len(self._unread) - self._written >= RECORD.size:
            index, kind, rows, columns, length = RECORD.unpack_from(self._unread, self._written)
            end = self._written + RECORD.size + rows * columns + length
            if not self._answers.knows(index, kind):
                return Ending.NO_RECORD
            if end > self._output_bytes:
                return Ending.OUTPUT_LIMIT
            if len(self._unread) < end:
                break
            self._answers.take(index, kind)
            self._written = end
            if self._answers.complete:
                report(self._requests[self._position], self._outcome(Ending.COMPLETE, 0))
                self._unread = self._unread[end:]
                self._began_s, self._began_cpu_s = time.monotonic(), self._cpu_s()
                self._start(self._position + 1)
                if self._position == len(self._requests):
                    return None
        return None

    def _outcome(self, ending: Ending, code: int) -> Outcome:
        cpu_s = max(0.0, self._cpu_s() - self._began_cpu_s)
        wall_s = time.monotonic() - self._began_s
        return Outcome(ending, code, cpu_s, wall_s, self._unread[: self._written])

    def _cpu_s(self) -> float:
        """Processor time of the child (clock_getcpuclockid(3) gives the clock's number)."""
        if self._reaped is None:
            try:
                self._last_cpu_s = time.clock_gettime(~self._child << 3 | 2)
            except OSError:  # no such clock here: the limit of the kernel still holds
                self._last_cpu_s = 0.0
        return self._last_cpu_s

    def _ending_by_itself(self) -> Ending:
        """What it means that the pipe is closed; the child may be alive all the same."""
        until = time.monotonic() + _GRACE_S
        while time.monotonic() < until:
            self._cpu_s()
            child, status, _ = os.wait4(self._child, os.WNOHANG)
            if child:
                self._reaped = status
                return self._ending_by_status(status)
            time.sleep(0.0005)
        return Ending.CLOSED

    def _ending_by_status(self, status: int) -> Ending:
        if os.WIFEXITED(status):
            return Ending.EXITED
        limit_of_kernel = os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}
        cpu_s = self._requests[self._position].cpu_s
        used_up = self._last_cpu_s - self._began_cpu_s >= cpu_s
        return Ending.CPU_TIMEOUT if limit_of_kernel and used_up else Ending.SIGNALLED

    def _end(self) -> int:
        """Kill the child if it lives; returns its exit status or the signal that ended it."""
        if self._reaped is None:
            self._cpu_s()
            os.kill(self._child, signal.SIGKILL)
            self._reaped = os.wait4(self._child, 0)[1]
        if os.WIFEXITED(self._reaped):
            return os.WEXITSTATUS(self._reaped)
        return os.WTERMSIG(self._reaped)
