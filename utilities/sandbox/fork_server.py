"""A fork server: a process that locks itself down, then forks a confined child for each program.

It is started afresh with a clean environment (see server_process.py), so that nothing of the
supervisor's memory is in it, and it never holds an expected output.
"""

from __future__ import annotations

import gc
import json
import os
import select
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from utilities.sandbox.children import Follower, Orphaned, Outcome
from utilities.sandbox.dirtiness import Snapshot
from utilities.sandbox.lockdown import OPEN_FILES, Lockdown
from utilities.sandbox.preload import (
    PARTS,
    RARE,
    TYPICAL_PROGRAM,
    TYPICAL_PROGRAM_WITH_NUMPY,
    fill_below_arenas,
    preload,
    readable_files,
)
from utilities.sandbox.program import Printed, run_program
from utilities.sandbox.syscalls import FORK, SUPPORTED
from utilities.sandbox.wire import (
    LENGTH,
    MEMORY_EXHAUSTED,
    RESPONSE,
    RESULT_DESCRIPTOR,
    Request,
    unpack_request,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOCKET = RESULT_DESCRIPTOR + 1
_LONGEST_READ = 1 << 20
_ANSWERS_TOGETHER = 8
_WARM_UPS = 20
_COLLECTIONS = (20_000, 10, 10)
"""Programs are short, and their memory is limited: they need no frequent collection."""


def main() -> NoReturn:
    """Get ready, lock down, say what is in force, and serve until the supervisor is gone."""
    config = json.loads(sys.argv[-1])
    _take_descriptors(config["socket"])
    if config["processor"] is not None:
        os.sched_setaffinity(0, {config["processor"]})
    lockdown = Lockdown(config["withheld"])
    visible = readable_files(config["packages"])
    more = list(config["modules"])
    if not lockdown.files_stay_readable(visible):
        more += RARE
    more += [part for name in config["modules"] for part in PARTS.get(name, ())]
    preload(config["packages"], more, config["hash_seed"])
    for name in [name for name in sys.modules if name.split(".")[0] == "utilities"]:
        del sys.modules[name]  # a program finds nothing of the toolkit by name
    server = ForkServer(lockdown, config)
    if SUPPORTED:
        fill_below_arenas()
    server.get_ready()
    lockdown.confine(visible, config["memory_mb"])
    for descriptor in range(3):
        os.dup2(RESULT_DESCRIPTOR, descriptor)
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every object in every child
    server.send(json.dumps(lockdown.report).encode())
    if not (lockdown.report["seccomp"] or config["unsafe_no_seccomp"]):
        os._exit(0)
    try:
        server.serve()
    except (Orphaned, BrokenPipeError, ConnectionResetError):
        os._exit(0)


def _take_descriptors(socket: int) -> None:
    """Put the socket in its place, and nothing in that of the result pipe."""
    os.dup2(socket, _SOCKET + 1)
    os.dup2(_SOCKET + 1, _SOCKET)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, RESULT_DESCRIPTOR)
    os.closerange(_SOCKET + 1, OPEN_FILES)


class ForkServer:
    """Takes requests from the socket, and answers them in their order."""

    def __init__(self, lockdown: Lockdown, config: dict[str, Any]) -> None:
        """Nothing is forked before `serve`."""
        self._lockdown = lockdown
        self._output_bytes: int = config["output_bytes"]
        self._batch: int = config["batch"]
        self._printed = Printed(config["stdout_bytes"])
        self._snapshot: Snapshot | None = None
        self._received = b""
        self._unsent = b""
        self._held_back = 0

    def get_ready(self) -> None:
        """Go the way of a child a few times; descriptor 3 leads to nothing yet."""
        gc.set_threshold(*_COLLECTIONS)
        grid = (5, bytes((0, 1, 2, 0, 3)) * 5)
        programs = [TYPICAL_PROGRAM]
        if "numpy" in sys.modules:
            programs.append(TYPICAL_PROGRAM_WITH_NUMPY)
        streams = sys.stdout, sys.stderr
        for program in programs * _WARM_UPS:
            request = Request(0, 1.0, 1.0, alone=True, inputs=(grid,) * 2, source=program)
            run_program(request, self._printed)
        sys.stdout, sys.stderr = streams

    def serve(self) -> NoReturn:
        """Run programs for ever; raises Orphaned when the supervisor is gone."""
        self._printed.capture()
        self._snapshot = Snapshot() if self._batch > 1 else None
        while True:
            waiting: Sequence[Request] = self._next_requests()
            while waiting:
                waiting = self._run(waiting)

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
        if not select.select([_SOCKET], [], [], 0)[0]:
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
        received = os.read(_SOCKET, _LONGEST_READ)
        if not received:
            raise Orphaned
        self._received += received

    def _run(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Run programs in one child; returns those that need another."""
        read_end, write_end = os.pipe()
        child = FORK()
        if child == 0:
            self._be_a_child(write_end, requests)
        os.close(write_end)
        follower = Follower(
            child, read_end, requests, output_bytes=self._output_bytes, socket=_SOCKET
        )
        alone = True

        def report(request: Request, outcome: Outcome) -> None:
            nonlocal alone
            self._answer(request, outcome, alone=alone)
            alone = False

        try:
            return follower.follow(report)
        finally:
            self._write()

    def _answer(self, request: Request, outcome: Outcome, *, alone: bool) -> None:
        header = RESPONSE.pack(request.request_id, outcome.ending, alone, *outcome[1:4])
        self.send(header + outcome.written, hold_back=self._batch > 1)

    def send(self, frame: bytes, *, hold_back: bool = False) -> None:
        """Write a frame to the supervisor, or a few together where it may be held back."""
        self._unsent += LENGTH.pack(len(frame)) + frame
        self._held_back += 1
        if not hold_back or self._held_back >= _ANSWERS_TOGETHER:
            self._write()

    def _write(self) -> None:
        self._held_back = 0
        while self._unsent:
            self._unsent = self._unsent[os.write(_SOCKET, self._unsent) :]

    def _be_a_child(self, write_end: int, requests: Sequence[Request]) -> NoReturn:
        """Run the programs; whatever happens, do not return into the server's code."""
        try:
            os.dup2(write_end, RESULT_DESCRIPTOR)
            os.closerange(_SOCKET, OPEN_FILES)
            self._lockdown.confine_child(sum(request.cpu_s for request in requests))
            for position, request in enumerate(requests):
                run_program(request, self._printed, hold_back=position > 0)
                if self._snapshot and len(requests) > 1 and not self._snapshot.still_holds():
                    break
            os._exit(0)  # at once: what the program registered for its end would only delay it
        except MemoryError:
            os._exit(MEMORY_EXHAUSTED)
        finally:
            os._exit(1)
