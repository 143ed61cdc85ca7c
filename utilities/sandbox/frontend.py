"""The frontend of a fork server: takes requests, compiles programs, follows children, answers.

It is a process of its own, which forks nothing. After a fork, each memory page that the forking
process writes to costs a page fault. So the fork server itself does next to nothing, and its
frontend does the rest.
"""

import marshal
import os
import select
import signal
import time
from collections import deque
from contextlib import suppress
from struct import Struct
from types import CodeType
from typing import Any, NamedTuple, NoReturn

from utilities.sandbox import wire
from utilities.sandbox.plain_code import is_plain
from utilities.sandbox.syscalls import end_at_once_on
from utilities.sandbox.wire import Ending, Pipes, Request

_LONGEST_REQUESTS_READ = 1 << 20
_LONGEST_RESULTS_READ = 1 << 16
_ANSWERS_TOGETHER = 8
_LONGEST_HELD_BACK_S = 1.0
_LONGEST_CODE = 1 << 17
"""Bytes; ordinary programs take a few thousand. Longer code is compiled in the child, in limits."""
_SHARE_BEHIND_OTHERS = 0.25
"""The share of its limits that a program may use behind others before it gets its own child."""
_PAUSE_S = 0.1
_MOST_REFUSALS = 50
"""So often in a row the system may have no process left for a child."""
_PATIENCE_S = 0.05
"""So long a child of one program may run before its records are read as they come: most are done
by then, and this process need not wake up for each record."""


class Frontend:
    """Takes requests from the socket and answers them in their order."""

    def __init__(self, pipes: Pipes, config: dict[str, Any]) -> None:
        """Talk to the fork server through its `pipes`."""
        self._follower = Follower(pipes, wire.SOCKET_DESCRIPTOR, config["output_bytes"])
        self._batch: int = config["batch"]
        self._received = bytearray()
        self._ready: deque[tuple[Request, bytes | None, bool]] = deque()
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
                    self._run(*self._ready.popleft())
                self._write()
                self._follower.end()
        except (Gone, BrokenPipeError, ConnectionResetError):
            os._exit(0)

    def _receive(self) -> None:
        received = os.read(wire.SOCKET_DESCRIPTOR, _LONGEST_REQUESTS_READ)
        if not received:
            raise Gone
        self._received += received
        for request in map(wire.unpack_request, wire.take_frames(self._received)):
            may_share = self._batch > 1 and not request.alone and bool(request.inputs)
            self._ready.append((request, *marshalled(request, may_share=may_share)))

    def _run(self, request: Request, code: bytes | None, shares: bool) -> None:
        """Run a program in the child of those before if both may share; else in one of its own.

        A child is sent a program when the one before is done, so none ever holds what waits. What
        does not end well behind others runs again.
        """
        follower, outcome = self._follower, None
        cpu_s = request.cpu_s * (self._batch if shares else 1)
        message = marshal.dumps((cpu_s, shares, (request.source, code, request.inputs)))
        if shares and follower.may_go_on(self._batch):
            outcome = follower.follow(request, message)
        alone = outcome is None or outcome.ending is not Ending.COMPLETE
        if outcome is None or alone:
            follower.begin(cpu_s, shared=shares)
            outcome = follower.follow(request, message)
        ending, status, wall_s, written = outcome
        header = wire.RESPONSE.pack(request.request_id, ending, alone, status, wall_s)
        self._send(header + written)

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


def marshalled(request: Request, *, may_share: bool) -> tuple[bytes | None, bool]:
    """The program's marshalled code, and whether it shares a child with others, if it `may_share`.

    The code is None if the child shall compile it, and say what is wrong. Compiling runs nothing
    of the program. If it takes longer than the program may, or crashes the compiler, this process
    ends, and the supervisor sends all its requests again, distrusted.
    """
    if request.distrusted:
        return None, False
    signal.setitimer(signal.ITIMER_PROF, request.cpu_s)
    try:
        code = compile(request.source.decode(), wire.FILE_NAME, "exec", dont_inherit=True)
        encoded = marshal.dumps(code) if _keeps_its_order(code) else b""
        if 0 < len(encoded) <= _LONGEST_CODE:
            return encoded, may_share and is_plain(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None, False


def _keeps_its_order(constant: object) -> bool:
    """Whether every constant set has the same order of iteration after marshalling."""
    if isinstance(constant, CodeType):
        return all(map(_keeps_its_order, constant.co_consts))
    if isinstance(constant, tuple):
        return all(map(_keeps_its_order, constant))
    if isinstance(constant, frozenset):
        return list(constant) == list(marshal.loads(marshal.dumps(constant)))  # noqa: S302
    return True


class Gone(Exception):
    """The supervisor or the fork server is gone."""


class Outcome(NamedTuple):
    """What came of one program."""

    ending: Ending
    code: int
    """Exit status or signal, if the child ended by itself."""
    wall_s: float
    written: bytes


class Follower:
    """Has one child after the other forked, and follows each through its programs."""

    def __init__(self, pipes: Pipes, socket: int, output_bytes: int) -> None:
        """Nothing is forked yet. When `socket` closes, `follow` raises Gone."""
        self._pipes, self._socket, self._output_bytes = pipes, socket, output_bytes
        self._results, self._endings = pipes.results[0], pipes.endings[0]
        self._requests_in = pipes.requests[1]
        self._poll = select.poll()
        self._poll.register(self._endings, select.POLLIN)
        for descriptor in (self._results, self._requests_in, socket):
            self._poll.register(descriptor, 0)  # poll always tells when the other end closes
        self._has_child = False

    def begin(self, cpu_s: float, *, shared: bool) -> None:
        """Have a child forked, in place of the last one, for `cpu_s` of processor time in all."""
        self.end()
        self._has_child, self._shared, self._limit_s = True, shared, cpu_s
        self._done = self._refusals = 0
        self._ask_for_child()

    def _ask_for_child(self) -> None:
        self._child: int | None = None
        self._status: int | None = None
        self._cpu_used_s = 0.0
        self._looked_s = time.monotonic()
        os.write(self._pipes.orders[1], wire.GO)

    def _ask_again(self) -> None:
        """Ask for a child that could not be forked after a pause; raises Gone if that goes on."""
        self._process()
        self._refusals += 1
        if self._refusals > _MOST_REFUSALS:
            raise Gone
        time.sleep(_PAUSE_S)
        self._ask_for_child()
        self._began_s = time.monotonic()

    def may_go_on(self, most: int) -> bool:
        """Whether there is a shared child that ran fewer than `most`, and wrote only answers."""
        return (
            self._has_child
            and self._shared
            and self._done < most
            and len(self._unread) == self._written
            and not self._holds_something(self._results)
        )

    def follow(self, request: Request, message: bytes) -> Outcome:
        """Send the child a program in a `message` and see what comes of it.

        The child lives on only if the program is complete. Raises Gone.
        """
        self._request = request
        self._unsent = memoryview(wire.LENGTH.pack(len(message)) + message)
        self._inputs = range(len(request.inputs))
        self._unanswered = set(self._inputs)
        self._unread, self._written = b"", 0
        self._began_cpu_s = self._cpu_s() if self._done else 0.0
        self._began_s = time.monotonic()
        self._send()
        self._be_patient(patient=not self._shared)
        ending = self._step()
        while ending is None:
            ending = self._step()
        code = 0
        if ending is Ending.COMPLETE:
            self._done += 1
        else:
            code = self.end()
        wall_s = time.monotonic() - self._began_s
        return Outcome(ending, code, wall_s, self._unread[: self._written])

    def end(self) -> int:
        """End the child, if there is one; returns its exit status or the signal that ended it."""
        if not self._has_child:
            return 0
        self._has_child = False
        process = self._process()
        while self._status is None:
            if process > 0:
                with suppress(ProcessLookupError):  # it has ended, and `_hear_ending` will tell
                    os.kill(process, signal.SIGKILL)
            self._hear_ending()
        self._empty(self._results)  # so that the next child finds nothing
        if self._unanswered:
            self._empty(self._pipes.requests[0])  # it may have been killed before it read all
        return abs(os.waitstatus_to_exitcode(max(0, self._status)))

    def _send(self) -> None:
        """Send as much as the pipe takes now."""
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._requests_in, self._unsent) :]
        self._poll.modify(self._requests_in, select.POLLOUT if self._unsent else 0)

    def _be_patient(self, *, patient: bool) -> None:
        self._patient = patient
        self._poll.modify(self._results, 0 if patient else select.POLLIN)

    def _step(self) -> Ending | None:
        """Wait for the next event; returns why to stop following the program, if so."""
        left_s = self._time_left_s()
        if isinstance(left_s, Ending):
            return left_s
        happened = dict(self._poll.poll(max(1.0, 1000 * left_s)))
        if self._socket in happened:
            raise Gone
        if self._endings in happened:
            self._hear_ending()
            if self._status == wire.CANNOT_FORK:
                self._ask_again()
                return None
        elif self._requests_in in happened:
            self._send()
            return None
        elif not happened:
            self._be_patient(patient=False)
            return None
        self._read()
        ending = self._take_records()
        if ending is None and self._status is not None:
            return self._ending_by_itself(self._status)
        return ending

    def _time_left_s(self) -> float | Ending:
        """Seconds until the time must be checked again, or the limit that is used up."""
        share = _SHARE_BEHIND_OTHERS if self._done else 1.0
        wall_left = share * self._request.wall_s - (time.monotonic() - self._began_s)
        if wall_left <= 0:
            return Ending.WALL_TIMEOUT
        if self._patient:
            return min(share * self._request.cpu_s, wall_left, _PATIENCE_S)
        cpu_left = share * self._request.cpu_s - (self._cpu_s() - self._began_cpu_s)
        return min(cpu_left, wall_left) if cpu_left > 0 else Ending.CPU_TIMEOUT

    def _process(self) -> int:
        """The child's process id, which the fork server tells as soon as there is one."""
        if self._child is None:
            self._child = int(self._told(self._pipes.births[0], wire.BORN))
        return self._child

    def _hear_ending(self) -> None:
        self._status = self._told(self._endings, wire.ENDED)

    @staticmethod
    def _told(pipe: int, message: Struct) -> int:
        """The number that the fork server writes to a pipe."""
        received = os.read(pipe, message.size)
        if len(received) < message.size:
            raise Gone
        return int(message.unpack(received)[0])

    def _read(self) -> None:
        """Read what the child has written: one piece while it lives, all once it has ended."""
        with suppress(BlockingIOError):
            while len(self._unread) <= self._output_bytes:
                received = os.read(self._results, _LONGEST_RESULTS_READ)
                if not received:
                    raise Gone
                self._unread += received
                if self._status is None:
                    break

    @staticmethod
    def _holds_something(pipe: int) -> bool:
        return bool(select.select([pipe], [], [], 0)[0])

    def _empty(self, pipe: int) -> None:
        while self._holds_something(pipe):
            if not os.read(pipe, _LONGEST_RESULTS_READ):
                raise Gone

    def _take_records(self) -> Ending | None:
        """Go through the records that are there; returns why to stop following, if so."""
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
                return Ending.COMPLETE
        return Ending.OUTPUT_LIMIT if len(self._unread) > self._output_bytes else None

    def _cpu_s(self) -> float:
        """Processor time of the child (clock_getcpuclockid(3) gives the clock's number)."""
        if self._status is None and self._process() > 0:
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
        by_kernel = used_at_most_s >= 1 + self._limit_s
        killed = os.WTERMSIG(status) == signal.SIGKILL
        return Ending.CPU_TIMEOUT if killed and by_kernel else Ending.SIGNALLED
