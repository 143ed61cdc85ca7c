"""A server of sessions: forks a confined child for each, sends it calls, and keeps their limits.

Two processes: one forks children and never holds a session's data, so no child inherits another's.
The other, the frontend, talks to the supervisor and to the children, and forks nothing. Between
calls a child is stopped (SIGSTOP): whatever it left running stands still.
"""

import array  # noqa: F401 - send_fds imports it, after which it could not be read
import fcntl
import marshal
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NoReturn

from utilities.sandbox import wire
from utilities.sandbox.fork_server import get_confined, share_memory, take_descriptors
from utilities.sandbox.lockdown import OPEN_FILES, Lockdown
from utilities.sandbox.session_calls import TYPICAL_CALL, Calls, Output, serve_calls
from utilities.sandbox.syscalls import FORK, fork
from utilities.sandbox.wire import Ending, Limit

_ORDER = Struct("<i")
"""Zero: fork a child with the descriptors that come along. Else: wait for this process."""
_FORK = 0
_WARM_UPS = 20
_MOST_WRITTEN = 1 << 17
"""Bytes that a child may write for one call; what is shown of it takes less than half of that."""
_GRACE_S = 0.25
"""Seconds that a call that was interrupted has to end."""
_LONGEST_WAIT_S = 60.0


def main(config: dict[str, Any]) -> NoReturn:
    """Get ready, lock down, report the layers in force, and serve until the supervisor is gone."""
    take_descriptors(config)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    lockdown = Lockdown(config["withheld"], config["sessions"])
    forker = Forker(lockdown, kept=config["kept_characters"], session_cpu_s=config["session_cpu_s"])
    get_confined(config, lockdown, forker.get_ready)
    if fork() != 0:
        theirs.close()
        SessionFrontend(ours).serve()
    del config
    lockdown.follow_to_death()
    ours.close()
    os.dup2(wire.RESULT_DESCRIPTOR, wire.SOCKET_DESCRIPTOR)  # the socket is the frontend's
    share_memory()
    forker.serve(theirs)


class Forker:
    """Forks children when told to, and waits for their ends."""

    def __init__(self, lockdown: Lockdown, *, kept: int, session_cpu_s: float) -> None:
        """Nothing is forked before `serve`."""
        self._lockdown = lockdown
        self._output = Output(kept)
        self._cpu_s = session_cpu_s

    def get_ready(self) -> None:
        """Do what a child does a few times, to warm up; descriptor 3 is still /dev/null."""
        streams, main = (sys.stdout, sys.stderr), sys.modules["__main__"]
        pair = {"input": [[0, 1], [2, 3]], "output": [[1]]}
        for _ in range(_WARM_UPS):
            calls = Calls(self._output)
            calls.begin({"train": [pair], "test_inputs": []})
            for source in (TYPICAL_CALL, b"1 +", b"def f(): return 1 / 0\nf()"):
                calls.run(bytes(8), source.decode())
        sys.stdout, sys.stderr = streams
        sys.modules["__main__"] = main
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def serve(self, orders: socket.socket) -> NoReturn:
        """Fork and wait as told; ends when the frontend ends."""
        while True:
            order, descriptors, _, _ = socket.recv_fds(orders, _ORDER.size, 2)
            if not order:
                os._exit(0)
            (process,) = _ORDER.unpack(order)
            if process == _FORK:
                told = FORK()
                if told == 0:
                    self._be_a_child(*descriptors)
            else:
                told = os.waitpid(process, 0)[1]
            for descriptor in descriptors:
                os.close(descriptor)
            os.write(orders.fileno(), _ORDER.pack(told))

    def _be_a_child(self, results: int, calls: int) -> NoReturn:
        """Confine this process and serve a session; never returns."""
        try:
            self._lockdown.follow_to_death()
            os.dup2(results, wire.RESULT_DESCRIPTOR)
            os.dup2(calls, wire.CALLS_DESCRIPTOR)
            os.closerange(wire.RESULT_DESCRIPTOR + 1, OPEN_FILES)
            self._lockdown.confine_child(self._cpu_s)
            serve_calls(self._output)
        finally:
            os._exit(1)


@dataclass(eq=False, slots=True)
class _Child:
    """A session's process, and the call that it runs."""

    number: int
    process: int
    results: int
    calls: int
    nonce: bytes = b""
    """That of the call; empty between calls."""
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    unread: bytearray = field(default_factory=bytearray)
    first: bytes = b""
    """What the call printed first."""
    read: int = 0
    """How many bytes it wrote."""
    limit: Limit = Limit.NONE
    """The limit that it passed."""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    """What it may use."""
    began_s: float = 0.0
    began_cpu_s: float = 0.0
    used_cpu_s: float = 0.0
    kill_at_s: float = 0.0
    """When it is killed, once it was interrupted."""


class SessionFrontend:
    """Hands the supervisor's calls to the children, follows them, and answers."""

    def __init__(self, orders: socket.socket) -> None:
        """Have children forked by way of `orders`."""
        self._orders = orders
        self._children: dict[int, _Child] = {}
        self._handlers: dict[int, Callable[[], None]] = {
            wire.SOCKET_DESCRIPTOR: self._receive,
            orders.fileno(): _leave,
        }
        self._poll = select.poll()
        for descriptor in self._handlers:
            self._poll.register(descriptor, select.POLLIN)
        self._received = bytearray()

    def serve(self) -> NoReturn:
        """Serve until the supervisor or the forking process is gone."""
        try:
            while True:
                wait_s = min(map(self._time_left_s, self._busy()), default=_LONGEST_WAIT_S)
                for descriptor, _ in self._poll.poll(max(1.0, 1000 * wait_s)):
                    handler = self._handlers.get(descriptor)
                    if handler:  # else an earlier one of these ended the session
                        handler()
                for child in self._busy():
                    self._keep_limits(child)
        except (BrokenPipeError, ConnectionResetError):
            os._exit(0)
        finally:
            os._exit(1)

    def _busy(self) -> list[_Child]:
        return [child for child in self._children.values() if child.nonce]

    def _receive(self) -> None:
        received = os.read(wire.SOCKET_DESCRIPTOR, wire.LONGEST_READ)
        if not received:
            _leave()
        self._received += received
        for frame in wire.take_frames(self._received):
            number, cpu_s, wall_s, length = wire.SESSION_CALL.unpack_from(frame)
            child = self._children.get(number)
            if not wall_s:
                if child:
                    self._end(child)
                continue
            child = child or self._fork(number)
            if child is None:
                self._send(wire.SESSION_ANSWER.pack(number, Ending.NO_PROCESS, *[0] * 7))
                continue
            child.cpu_s, child.wall_s = cpu_s, wall_s
            body = memoryview(frame)[wire.SESSION_CALL.size :]
            self._begin(child, bytes(body[:length]), bytes(body[length:]))

    def _fork(self, number: int) -> _Child | None:
        """Have a child forked; None if the system has no process or descriptor left."""
        ends: list[int] = []
        try:
            ends += os.pipe()
            ends += os.pipe()
        except OSError:
            for end in ends:
                os.close(end)
            return None
        results, its_results, its_calls, calls = ends
        for end in (results, calls):  # os.set_blocking would need ioctl
            fcntl.fcntl(end, fcntl.F_SETFL, os.O_NONBLOCK)
        socket.send_fds(self._orders, [_ORDER.pack(_FORK)], [its_results, its_calls])
        process = self._told()
        os.close(its_results)
        os.close(its_calls)
        if process < 0:
            os.close(results)
            os.close(calls)
            return None
        child = _Child(number, process, results, calls)
        self._children[number] = child
        return child

    def _told(self) -> int:
        told = os.read(self._orders.fileno(), _ORDER.size)
        if not told:
            _leave()
        return int(_ORDER.unpack(told)[0])

    def _begin(self, child: _Child, preloaded: bytes, source: bytes) -> None:
        """Send a child a call, and let it go on."""
        child.nonce = os.urandom(8)
        names = marshal.loads(preloaded) if preloaded else None  # noqa: S302 - the supervisor's
        message = marshal.dumps((child.nonce, names, source.decode()))
        child.unsent = memoryview(wire.LENGTH.pack(len(message)) + message)
        child.unread.clear()
        child.first, child.read, child.limit = b"", 0, Limit.NONE
        child.began_s, child.began_cpu_s = time.monotonic(), _cpu_s(child)
        child.used_cpu_s = 0.0
        self._handlers[child.results] = lambda: self._read(child)
        self._poll.register(child.results, select.POLLIN)
        self._signal(child, signal.SIGCONT)
        self._write(child)

    def _write(self, child: _Child) -> None:
        """Send as much as the pipe takes; one that is closed is noticed by `_read`."""
        with suppress(BlockingIOError, BrokenPipeError):
            while child.unsent:
                child.unsent = child.unsent[os.write(child.calls, child.unsent) :]
        if child.unsent:
            self._handlers[child.calls] = lambda: self._write(child)
            self._poll.register(child.calls, select.POLLOUT)
        elif self._handlers.pop(child.calls, None):
            self._poll.unregister(child.calls)

    def _read(self, child: _Child) -> None:
        try:
            received = os.read(child.results, wire.LONGEST_READ)
        except BlockingIOError:
            return
        if not received:
            self._lose(child, None)
            return
        child.unread += received
        child.read += len(received)
        self._take_records(child)

    def _take_records(self, child: _Child) -> None:
        """Go through the records that are there, up to the one that ends the call."""
        while len(child.unread) >= wire.CALL_RECORD.size:
            nonce, kind, printed, length = wire.CALL_RECORD.unpack_from(child.unread)
            if nonce != child.nonce or kind >= len(wire.CALL_KINDS):
                self._lose(child, Ending.NO_RECORD)
                return
            end = wire.CALL_RECORD.size + length
            if len(child.unread) < end:
                break
            text = bytes(child.unread[wire.CALL_RECORD.size : end])
            del child.unread[:end]
            if kind:
                self._complete(child, kind, printed, text)
                return
            child.first += text
        if child.read > _MOST_WRITTEN:
            self._lose(child, Ending.OUTPUT_LIMIT)

    def _complete(self, child: _Child, kind: int, printed: int, last: bytes) -> None:
        """Answer a call, and stop the child until the next."""
        if child.unread or child.unsent:
            self._lose(child, Ending.NO_RECORD)
            return
        self._signal(child, signal.SIGSTOP)
        self._measure(child)
        self._rest(child)
        self._answer(child, Ending.COMPLETE, kind=kind, printed=printed, last=last)

    def _lose(self, child: _Child, ending: Ending | None) -> None:
        """Answer a call that the child does not survive (None: as its status tells)."""
        self._measure(child)
        code = self._end(child)
        if ending is None:
            ending = Ending.EXITED if code >= 0 else Ending.SIGNALLED
        self._answer(child, ending, code=abs(code))

    def _answer(
        self,
        child: _Child,
        ending: Ending,
        *,
        kind: int = 0,
        code: int = 0,
        printed: int = 0,
        last: bytes = b"",
    ) -> None:
        wall_s = time.monotonic() - child.began_s
        used = child.used_cpu_s, wall_s, printed, len(child.first)
        header = wire.SESSION_ANSWER.pack(child.number, ending, child.limit, kind, code, *used)
        self._send(header + child.first + last)

    @staticmethod
    def _send(frame: bytes) -> None:
        unsent = wire.LENGTH.pack(len(frame)) + frame
        while unsent:
            unsent = unsent[os.write(wire.SOCKET_DESCRIPTOR, unsent) :]

    def _rest(self, child: _Child) -> None:
        """Listen to the child no more."""
        child.nonce = b""
        for descriptor in (child.results, child.calls):
            if self._handlers.pop(descriptor, None):
                self._poll.unregister(descriptor)

    def _end(self, child: _Child) -> int:
        """Kill a child and wait until it is gone; returns its exit status or minus its signal."""
        self._rest(child)
        self._signal(child, signal.SIGKILL)
        os.write(self._orders.fileno(), _ORDER.pack(child.process))
        status = self._told()
        os.close(child.results)
        os.close(child.calls)
        del self._children[child.number]
        return os.waitstatus_to_exitcode(status)

    @staticmethod
    def _signal(child: _Child, number: signal.Signals) -> None:
        """Send a child a signal. Until it was waited for, no other process gets its number."""
        with suppress(ProcessLookupError):
            os.kill(child.process, number)

    def _time_left_s(self, child: _Child) -> float:
        """Seconds until a limit of the call can be passed."""
        now_s = time.monotonic()
        if child.limit:
            return child.kill_at_s - now_s
        left_s = child.cpu_s - child.used_cpu_s, child.began_s + child.wall_s - now_s
        return min(left_s)

    def _keep_limits(self, child: _Child) -> None:
        """Interrupt a call that passed a limit; if that does not end it, end the session."""
        now_s = time.monotonic()
        if child.limit:
            if now_s >= child.kill_at_s:
                self._lose(child, Ending.SIGNALLED)
            return
        self._measure(child)
        if child.used_cpu_s >= child.cpu_s:
            child.limit = Limit.CPU
        elif now_s - child.began_s >= child.wall_s:
            child.limit = Limit.WALL
        if child.limit:
            child.kill_at_s = now_s + _GRACE_S
            self._signal(child, signal.SIGINT)

    @staticmethod
    def _measure(child: _Child) -> None:
        child.used_cpu_s = max(child.used_cpu_s, _cpu_s(child) - child.began_cpu_s)


def _cpu_s(child: _Child) -> float:
    """Processor time of a process (clock_getcpuclockid(3) gives the clock's number)."""
    try:
        return time.clock_gettime(~child.process << 3 | 2)
    except OSError:  # no such clock, or it just ended: the kernel's limit holds
        return 0.0


def _leave() -> NoReturn:
    os._exit(0)
