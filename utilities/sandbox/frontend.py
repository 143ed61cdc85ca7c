"""The frontend of a fork server: takes requests, compiles programs, follows children, answers.

It is a process of its own, which forks nothing. After a fork, each memory page that the forking
process writes to costs a page fault. So the fork server itself does next to nothing, and its
frontend does the rest.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import time
from collections import deque
from contextlib import suppress
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from utilities.sandbox import wire
from utilities.sandbox.syscalls import end_at_once_on
from utilities.sandbox.wire import Ending, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from utilities.sandbox.wire import Pipes

_LONGEST_REQUESTS_READ = 1 << 20
_LONGEST_RESULTS_READ = 1 << 16
_ANSWERS_TOGETHER = 8
_LONGEST_HELD_BACK_S = 1.0
_LONGEST_CODE = 1 << 17
"""Bytes; ordinary programs take a few thousand. Longer code is compiled in the child, in limits."""
_SHARE_BEHIND_OTHERS = 0.25
"""The share of its limits that a program may use behind others before it gets its own child."""
_PATIENCE_S = 0.05
"""So long a child with one program may run before its records are read as they come: most are done
by then, and this process need not wake up for each record."""
_Ready = tuple[Request, bytes | None]
"""A request and its marshalled code."""


class Frontend:
    """Takes requests from the socket and answers them in their order."""

    def __init__(self, pipes: Pipes, config: dict[str, Any]) -> None:
        """Talk to the fork server through its `pipes`."""
        self._follower = Follower(pipes, wire.SOCKET_DESCRIPTOR, config["output_bytes"])
        self._batch: int = config["batch"]
        self._received = bytearray()
        self._ready: deque[_Ready] = deque()
        self._unsent = b""
        self._held_back = 0
        self._wrote_s = 0.0

    def serve(self) -> NoReturn:
        """Have programs run until the supervisor or the fork server is gone.

        All programs that have arrived are compiled before the first of them runs: work of one
        kind in a row makes better use of the processor's caches.
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
        received = os.read(wire.SOCKET_DESCRIPTOR, _LONGEST_REQUESTS_READ)
        if not received:
            raise Orphaned
        self._received += received
        for request in map(wire.unpack_request, wire.take_frames(self._received)):
            self._ready.append((request, marshalled(request)))

    def _next_group(self) -> list[_Ready]:
        """The next program, or as many of those that have arrived as may share a child."""
        group = [self._ready.popleft()]
        while len(group) < self._batch and self._ready:
            if group[-1][0].alone or self._ready[0][0].alone:
                break
            group.append(self._ready.popleft())
        return group

    def _run(self, group: Sequence[_Ready]) -> None:
        """Run programs in one child; those that need another child come first in the next group."""
        requests = [request for request, _ in group]
        cpu_s = sum(request.cpu_s for request in requests)
        programs = [(request.source, code, request.inputs) for request, code in group]
        message = marshal.dumps((cpu_s, programs))
        done = 0

        def report(request: Request, outcome: Outcome) -> None:
            nonlocal done
            ending, code, wall_s, written = outcome
            header = wire.RESPONSE.pack(request.request_id, ending, done == 0, code, wall_s)
            self._send(header + written)
            done += 1

        self._follower.follow(wire.LENGTH.pack(len(message)) + message, requests, report)
        self._write()
        self._ready.extendleft(reversed(group[done:]))

    def _send(self, frame: bytes) -> None:
        """Send an answer, or in batch mode a few together."""
        self._unsent += wire.LENGTH.pack(len(frame)) + frame
        self._held_back += 1
        late = time.monotonic() - self._wrote_s > _LONGEST_HELD_BACK_S
        if self._batch == 1 or late or self._held_back >= _ANSWERS_TOGETHER:
            self._write()

    def _write(self) -> None:
        self._held_back, self._wrote_s = 0, time.monotonic()
        while self._unsent:
            self._unsent = self._unsent[os.write(wire.SOCKET_DESCRIPTOR, self._unsent) :]


def marshalled(request: Request) -> bytes | None:
    """The program's marshalled code; None if the child shall compile it, and say what is wrong.

    Compiling runs nothing of the program. If it takes longer than the program may, or crashes the
    compiler, this process ends, and the supervisor sends all its requests again, distrusted.
    """
    if request.distrusted:
        return None
    signal.setitimer(signal.ITIMER_PROF, request.cpu_s)
    try:
        code = compile(request.source.decode(), wire.FILE_NAME, "exec", dont_inherit=True)
        encoded = marshal.dumps(code) if _keeps_its_order(code) else b""
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return encoded if 0 < len(encoded) <= _LONGEST_CODE else None


def _keeps_its_order(constant: object) -> bool:
    """Whether every constant set has the same order of iteration after marshalling."""
    if isinstance(constant, CodeType):
        return all(map(_keeps_its_order, constant.co_consts))
    if isinstance(constant, tuple):
        return all(map(_keeps_its_order, constant))
    if isinstance(constant, frozenset):
        return list(constant) == list(marshal.loads(marshal.dumps(constant)))  # noqa: S302
    return True


class Outcome(NamedTuple):
    """What came of one program."""

    ending: Ending
    code: int
    """Exit status or signal, if the child ended by itself."""
    wall_s: float
    written: bytes


class Orphaned(Exception):
    """The supervisor is gone."""


class Lost(Exception):
    """The fork server is gone."""


class Follower:
    """Has one child after the other forked, and follows each through its programs."""

    def __init__(self, pipes: Pipes, socket: int, output_bytes: int) -> None:
        """Nothing is forked yet. When `socket` closes, `follow` raises Orphaned."""
        self._pipes, self._socket, self._output_bytes = pipes, socket, output_bytes
        self._results, self._endings = pipes.results[0], pipes.endings[0]
        self._requests_in = pipes.requests[1]
        self._poll = select.poll()
        self._poll.register(self._endings, select.POLLIN)
        for descriptor in (self._results, self._requests_in, socket):
            self._poll.register(descriptor, 0)  # poll always tells when the other end closes
        self._position = 0

    def follow(
        self,
        message: bytes,
        requests: Sequence[Request],
        report: Callable[[Request, Outcome], None],
    ) -> None:
        """Have a child forked, send it its programs in a `message`, and report those that are done.

        If a program behind others is stopped or ends the child, it is not reported, nor are those
        after it: they need another child. Raises Orphaned and Lost.
        """
        self._requests, self._unsent = requests, memoryview(message)
        self._child: int | None = None
        self._status: int | None = None
        self._unread = b""
        self._began_cpu_s = self._cpu_used_s = 0.0
        self._began_s = self._looked_s = time.monotonic()
        os.write(self._pipes.orders[1], wire.GO)
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
            self._empty(self._pipes.requests[0])  # it may have been killed before it read all

    def _send(self) -> None:
        """Send as much as the pipe takes now."""
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
            self._inputs = range(len(self._requests[position].inputs))
            self._unanswered = set(self._inputs)

    def _step(self, report: Callable[[Request, Outcome], None]) -> Ending | None:
        """Wait for the next event; returns why to stop following the child, if so."""
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
        """Seconds until the time must be checked again, or the limit that is used up."""
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
        """The child's process id, which the fork server tells as soon as there is one."""
        if self._child is None:
            message = os.read(self._pipes.births[0], wire.BORN.size)
            if len(message) < wire.BORN.size:
                raise Lost
            self._child = int(wire.BORN.unpack(message)[0])
        return self._child

    def _hear_ending(self) -> None:
        message = os.read(self._endings, wire.ENDED.size)
        if len(message) < wire.ENDED.size:
            raise Lost
        (self._status,) = wire.ENDED.unpack(message)

    def _read(self) -> None:
        """Read what the child has written: one piece while it lives, all once it has ended."""
        with suppress(BlockingIOError):
            while len(self._unread) <= self._output_bytes:
                received = os.read(self._results, _LONGEST_RESULTS_READ)
                if not received:
                    raise Lost
                self._unread += received
                if self._status is None:
                    break

    @staticmethod
    def _empty(pipe: int) -> None:
        """Read what an ended child left in a pipe, so that the next one finds nothing."""
        while select.select([pipe], [], [], 0)[0]:
            if not os.read(pipe, _LONGEST_RESULTS_READ):
                raise Lost

    def _take_records(self, report: Callable[[Request, Outcome], None]) -> Ending | None:
        while len(self._unread) - self._written >= wire.RECORD.size:
            record = wire.RECORD.unpack_from(self._unread, self._written)
            index, kind, rows, columns, length = record
            end = self._written + wire.RECORD.size + rows * columns + length
            if kind >= len(wire.KINDS) or not (index in self._inputs or index == wire.EVERY_INPUT):
                return Ending.NO_RECORD
            if end > self._output_bytes:
                return Ending.OUTPUT_LIMIT
            if len(self._unread) < end:
                break
            if kind < len(wire.ANSWERS):
                self._unanswered -= set(self._inputs) if index == wire.EVERY_INPUT else {index}
            self._written = end
            if not self._unanswered:
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
            except OSError:  # no such clock, or the child just ended: the kernel's limit holds
                self._cpu_used_s = 0.0
        return self._cpu_used_s

    def _ending_by_itself(self, status: int) -> Ending:
        if os.WIFEXITED(status):
            return Ending.EXITED
        if os.WTERMSIG(status) == signal.SIGXCPU:
            return Ending.CPU_TIMEOUT
        # The kernel's limit is a second later than ours; it kills a process that ignores SIGXCPU.
        used_at_most_s = self._cpu_used_s + time.monotonic() - self._looked_s
        by_kernel = used_at_most_s >= 1 + sum(request.cpu_s for request in self._requests)
        killed = os.WTERMSIG(status) == signal.SIGKILL
        return Ending.CPU_TIMEOUT if killed and by_kernel else Ending.SIGNALLED

    def _end(self) -> int:
        """Kill the child if it lives; returns its exit status or the signal that ended it."""
        process = self._process()
        while self._status is None:
            with suppress(ProcessLookupError):  # it has ended, and `_hear_ending` will tell
                os.kill(process, signal.SIGKILL)
            self._hear_ending()
        if os.WIFEXITED(self._status):
            return os.WEXITSTATUS(self._status)
        return os.WTERMSIG(self._status)
