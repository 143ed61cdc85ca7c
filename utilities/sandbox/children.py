"""How the frontend of a fork server follows children: reads their records, keeps their time."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from utilities.sandbox.wire import BORN, ENDED, GO, RECORD, AnswerCount, Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utilities.sandbox.wire import Pipes, Request

_LONGEST_READ = 1 << 16
_SHARE_BEHIND_OTHERS = 0.25
"""How much of its time a program may use before it gets a child of its own."""
_PATIENCE_S = 0.05
"""How long a child with one program is left alone before its records are read as they come.

Most are done by then, and this process has not woken up for each record.
"""


class Outcome(NamedTuple):
    """What came of one program."""

    ending: Ending
    code: int
    """Exit status or number of the signal, where the child ended by itself."""
    wall_s: float
    written: bytes


class Orphaned(Exception):
    """The supervisor is gone."""


class Lost(Exception):
    """The fork server is gone."""


class Follower:
    """Has a child forked and follows it through its programs, usually one; then the next."""

    def __init__(self, pipes: Pipes, socket: int, output_bytes: int) -> None:
        """The end of `socket` is the end of it all."""
        self._pipes, self._socket, self._output_bytes = pipes, socket, output_bytes
        self._results, self._endings = pipes.results[0], pipes.endings[0]
        self._requests_in = pipes.requests[1]
        self._poll = select.poll()
        self._poll.register(self._endings, select.POLLIN)
        for descriptor in (self._results, self._requests_in, socket):
            self._poll.register(descriptor, 0)  # that the other end is gone is always told
        self._position = 0

    def follow(
        self,
        message: bytes,
        requests: Sequence[Request],
        report: Callable[[Request, Outcome], None],
    ) -> None:
        """Hand a child its programs in a `message`, and report those that are done.

        A program behind others that comes to any end but its own is not reported, nor are those
        after it: they need another child. Raises Orphaned, and Lost.
        """
        self._requests, self._unsent = requests, memoryview(message)
        self._child: int | None = None
        self._status: int | None = None
        self._unread = b""
        self._began_cpu_s = self._cpu_used_s = 0.0
        self._began_s = self._looked_s = time.monotonic()
        os.write(self._pipes.orders[1], GO)
        self._send()
        self._be_patient(patient=len(requests) == 1)
        self._start(0)
        complete = False
        while not complete:
            ending = self._step(report)
            complete = self._position == len(requests)
            if ending is not None:
                code = self._end()
                if self._position == 0:
                    report(requests[0], self._outcome(ending, code))
                break
        self._end()
        self._empty(self._results)
        if not complete:
            self._empty(self._pipes.requests[0])  # perhaps it was killed before it had read all

    def _send(self) -> None:
        """Send what the child takes now."""
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._requests_in, self._unsent) :]
        self._poll.modify(self._requests_in, select.POLLOUT if self._unsent else 0)

    def _be_patient(self, *, patient: bool) -> None:
        self._patient = patient
        self._poll.modify(self._results, 0 if patient else select.POLLIN)

    def _start(self, position: int) -> None:
        self._position = position
        self._written = 0
        if position < len(self._requests):
            self._answers = AnswerCount(len(self._requests[position].inputs))

    def _step(self, report: Callable[[Request, Outcome], None]) -> Ending | None:
        """Wait for the next thing to happen; returns how the child ended, if it did."""
        left_s = self._time_left_s()
        if isinstance(left_s, Ending):
            return left_s
        happened = dict(self._poll.poll(max(1.0, 1000 * left_s)))
        if self._socket in happened:
            raise Orphaned
        if self._endings in happened:
            self._hear_ending()
        elif self._requests_in in happened:
            self._send()
            return None
        elif not happened:
            self._be_patient(patient=False)
            return None
        self._read()
        ending = self._take_records(report)
        if ending is None and self._status is not None and self._position < len(self._requests):
            return self._ending_by_itself(self._status)
        return ending

    def _time_left_s(self) -> float | Ending:
        """Seconds until it is time to look again, or which time the program has used up."""
        request = self._requests[self._position]
        share = _SHARE_BEHIND_OTHERS if self._position else 1.0
        wall_left = share * request.wall_s - (time.monotonic() - self._began_s)
        if wall_left <= 0:
            return Ending.WALL_TIMEOUT
        if self._patient:
            return min(share * request.cpu_s, wall_left, _PATIENCE_S)
        cpu_left = share * request.cpu_s - (self._cpu_s() - self._began_cpu_s)
        return min(cpu_left, wall_left) if cpu_left > 0 else Ending.CPU_TIMEOUT

    def _process(self) -> int:
        """The child's process, which the fork server says as soon as there is one."""
        if self._child is None:
            message = os.read(self._pipes.births[0], BORN.size)
            if len(message) < BORN.size:
                raise Lost
            self._child = int(BORN.unpack(message)[0])
        return self._child

    def _hear_ending(self) -> None:
        message = os.read(self._endings, ENDED.size)
        if len(message) < ENDED.size:
            raise Lost
        (self._status,) = ENDED.unpack(message)

    def _read(self) -> None:
        """Read what the child has written; a child that is gone has written all that it will."""
        with suppress(BlockingIOError):
            while len(self._unread) <= self._output_bytes:
                received = os.read(self._results, _LONGEST_READ)
                if not received:
                    raise Lost
                self._unread += received
                if self._status is None:
                    break

    @staticmethod
    def _empty(pipe: int) -> None:
        """Read what a child that is gone left in a pipe, so that the next finds nothing."""
        while select.select([pipe], [], [], 0)[0]:
            if not os.read(pipe, _LONGEST_READ):
                raise Lost

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
        return Ending.OUTPUT_LIMIT if len(self._unread) > self._output_bytes else None

    def _outcome(self, ending: Ending, code: int) -> Outcome:
        wall_s = time.monotonic() - self._began_s
        return Outcome(ending, code, wall_s, self._unread[: self._written])

    def _cpu_s(self) -> float:
        """Processor time of the child (clock_getcpuclockid(3) gives the clock's number)."""
        if self._status is None:
            self._looked_s = time.monotonic()
            try:
                self._cpu_used_s = time.clock_gettime(~self._process() << 3 | 2)
            except OSError:  # no such clock here, or just gone: the limit of the kernel still holds
                self._cpu_used_s = 0.0
        return self._cpu_used_s

    def _ending_by_itself(self, status: int) -> Ending:
        if os.WIFEXITED(status):
            return Ending.EXITED
        if os.WTERMSIG(status) == signal.SIGXCPU:
            return Ending.CPU_TIMEOUT
        # The kernel kills who passes its limit, a second behind ours, and ignores SIGXCPU.
        used_at_most_s = self._cpu_used_s + time.monotonic() - self._looked_s
        by_kernel = used_at_most_s >= 1 + sum(request.cpu_s for request in self._requests)
        killed = os.WTERMSIG(status) == signal.SIGKILL
        return Ending.CPU_TIMEOUT if killed and by_kernel else Ending.SIGNALLED

    def _end(self) -> int:
        """Kill the child if it lives; returns its exit status or the signal that ended it."""
        process = self._process()
        while self._status is None:
            with suppress(ProcessLookupError):  # its end is told by now, or about to be
                os.kill(process, signal.SIGKILL)
            self._hear_ending()
        if os.WIFEXITED(self._status):
            return os.WEXITSTATUS(self._status)
        return os.WTERMSIG(self._status)
