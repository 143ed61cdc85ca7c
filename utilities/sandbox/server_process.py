"""The supervisor's end of one fork server: starts the process, feeds it, hears it, ends it."""

import asyncio
import marshal
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utilities.sandbox.execution import Limits, Response, unpack_response
from utilities.sandbox.preparation import (
    Prepared,
    ServerKind,
    package_folders,
    readable_files,
    visible_files,
)
from utilities.sandbox.wire import LENGTH, REQUEST, take_frames

Listener = Callable[["ServerProcess"], None]
Starter = Callable[[ServerKind, int | None, Listener, Listener], "ServerProcess"]

_BUFFER = 1 << 20
_START = (
    "import marshal, sys; config = marshal.load(open(int(sys.argv[1]), 'rb', 0, closefd=False));"
    "sys.path.append(config['repository']);"
    "from utilities.sandbox.fork_server import forget_places;"
    "from utilities.sandbox.{} import main;"
    "sys.path.remove(config['repository']); forget_places(config.pop('repository'));"
    "main(globals().pop('config'))"
)
"""The toolkit can be imported until its parts are loaded; no program can import it after that."""
_FLAGS = ("-P", "-s", "-S", "-B", "-X", "utf8", "-W", "ignore", "-c")
"""As -I, which would ignore the hash seed as well; and no site-packages."""
_REPOSITORY = str(Path(__file__).resolve().parents[2])
_LAST_WORDS = 4000
_END_S = 5.0


@dataclass(eq=False, slots=True)
class Job:
    """One program to run, and the future that gets the fork server's response."""

    request_id: int
    kind: ServerKind
    prepared: Prepared
    limits: Limits
    alone: bool
    answer: asyncio.Future[Response]
    losses: int = 0
    """How many fork servers were lost that can only have been lost over this job."""
    distrusted: bool = False
    """Whether a fork server was lost that may have been compiling it."""
    overtaken: int = 0
    """How many jobs overtook it while it was the first that waited."""
    began_s: float = 0.0
    """When it became the first in line of its fork server, in the loop's time."""

    def request(self) -> bytes:
        """The request as the fork server reads it."""
        inputs, body, _ = self.prepared
        how = self.limits.cpu_s, self.limits.wall_s, self.alone, self.distrusted
        header = REQUEST.pack(self.request_id, *how, inputs)
        return header + body


class ServerConnection:
    """A running fork server and the socket to it."""

    serves = "fork_server"
    """The module whose `main` it runs."""

    def __init__(
        self, settings: Mapping[str, Any], kind: ServerKind, processor: int | None
    ) -> None:
        """Start the process; pin it to `processor` if that is not None.

        `settings` are what all servers of a `Sandbox` share. Raises OSError if the system has no
        process or descriptor left.
        """
        self.kind = kind
        self.report: dict[str, Any] | None = None
        """The layers in force; None until the server is ready."""
        self._unsafe: bool = settings["unsafe_no_seccomp"]
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._unsent = bytearray()
        self._socket, its_end = socket.socketpair()
        with its_end:
            for end in (self._socket, its_end):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
            self._process = self._start({**settings, "processor": processor}, its_end)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._read)

    def _start(self, config: dict[str, Any], its_end: socket.socket) -> subprocess.Popen[bytes]:
        """Start the process, which finds its configuration in the socket: programs see no trace."""
        config |= {
            "socket": its_end.fileno(),
            "repository": _REPOSITORY,
            "packages": package_folders(),
            "visible": visible_files(),
            "readable": readable_files(),
            "modules": self.kind.modules,
            "hash_seed": self.kind.hash_seed,
        }
        environment = {
            "LC_ALL": "C.UTF-8",
            "LD_BIND_NOW": "1",  # else each child would look functions of the C library up anew
            "MALLOC_ARENA_MAX": "1",  # each further arena of a thread would reserve 64 MiB
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",  # a process with threads may not enter a user namespace
            "PYTHONHASHSEED": str(self.kind.hash_seed),
        }
        self._socket.sendall(marshal.dumps(config))
        return subprocess.Popen(
            [sys.executable, *_FLAGS, _START.format(self.serves), str(its_end.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            pass_fds=[its_end.fileno()],
            start_new_session=True,  # so that a Ctrl-C reaches the supervisor only
        )

    @property
    def refuses(self) -> bool:
        """Whether it ended at once, since seccomp is missing and must not be."""
        return self.report is not None and not self.report["seccomp"] and not self._unsafe

    @property
    def process_id(self) -> int:
        """The process that was started; the fork server's other processes are its descendants."""
        return self._process.pid

    def on_frame(self, frame: bytes) -> None:
        """Take what the server sent, once its report is in."""
        raise NotImplementedError

    def on_ready(self) -> None:
        """Take note that the report is in."""

    def on_loss(self) -> None:
        """Take note of an unforeseen end."""
        raise NotImplementedError

    def send_frame(self, content: bytes) -> None:
        """Send a frame, as soon as the socket takes it."""
        waiting = bool(self._unsent)
        self._unsent += LENGTH.pack(len(content)) + content
        if not waiting:
            self._write()

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:  # it is gone: `_read` notices, after the answers that still come
            self._loop.remove_writer(self._socket)
            return
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._socket, self._write)
        else:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            received = self._socket.recv(_BUFFER)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self.on_loss()
            return
        self._received += received
        for frame in take_frames(self._received):
            if self.report is None:
                self.report = marshal.loads(frame)  # noqa: S302 - from before it ran any program
                self.on_ready()
            else:
                self.on_frame(frame)

    def disconnect(self) -> None:
        """Close the socket, upon which the server ends by itself."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def kill(self) -> str:
        """End it at once, with its children; returns what it wrote to standard error."""
        self.disconnect()
        self._process.kill()
        self._process.wait()
        return self._last_words()

    def wait(self) -> None:
        """Wait until it has ended, after `disconnect`."""
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._last_words()

    def _last_words(self) -> str:
        assert self._process.stderr
        with self._process.stderr as stderr, suppress(BlockingIOError):
            os.set_blocking(stderr.fileno(), False)
            return os.read(stderr.fileno(), _LAST_WORDS).decode("utf-8", "replace").strip()
        return ""


class ServerProcess(ServerConnection):
    """A fork server for programs, and the jobs it was given, which it answers in their order."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        kind: ServerKind,
        processor: int | None,
        on_answer: Listener,
        on_loss: Listener,
    ) -> None:
        """Start the process; raises OSError.

        `on_answer` is called after each answer, `on_loss` after an unforeseen end.
        """
        self.jobs: deque[Job] = deque()
        self._on_answer, self._on_loss = on_answer, on_loss
        super().__init__(settings, kind, processor)

    def submit(self, job: Job) -> None:
        """Put a job in line."""
        self.jobs.append(job)
        if len(self.jobs) == 1:
            job.began_s = self._loop.time()
        self.send_frame(job.request())

    def on_ready(self) -> None:
        """Begin to count the time of the first job."""
        self._next()

    def on_frame(self, frame: bytes) -> None:
        """Take an answer to the first job."""
        response = unpack_response(frame)
        job = self.jobs.popleft()
        assert job.request_id == response.request_id, "answers come in the order of requests"
        if not job.answer.done():
            job.answer.set_result(response)
        self._next()

    def _next(self) -> None:
        if self.jobs:
            self.jobs[0].began_s = self._loop.time()
        self._on_answer(self)

    def on_loss(self) -> None:
        """Have the pool replace this server."""
        self._on_loss(self)
