"""Python sessions for models: code runs call by call in a confined child that keeps its names."""

import asyncio
import marshal
import signal
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, NamedTuple, Self

from utilities.command_line.signals import uncancelled
from utilities.errors import UsageError
from utilities.sandbox import wire
from utilities.sandbox.pool import NO_SECCOMP
from utilities.sandbox.preparation import ServerKind, package_folders
from utilities.sandbox.sandbox import describe_layers
from utilities.sandbox.server_process import ServerConnection
from utilities.sandbox.wire import Ending, Limit
from utilities.tasks.task import Grid, Pair

CallStatus = Literal["ok", "error", "timed_out", "memory", "died", "refused"]
_CLAIMS: tuple[CallStatus, ...] = ("ok", "ok", "error", "memory")
"""What each of wire.CALL_KINDS says of a call."""

_STARTS = 5
"""So many servers may end in a row before any is ready."""
_PAUSE_S = 0.2
_MOST_REFUSALS = 50
"""So often in a row the system may have no process left for a session."""
_START_S = 60.0
_OVERDUE_S = 20.0
"""A server is taken for dead this long after a call's limit."""
_FOR_NOTES = 400
"""Characters of a result that are kept for notes."""
_GONE = "The session ended, and its variables are gone; the next call begins a new one."
_NEW = "[A new session: variables of earlier calls are gone.]\n"


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What a session may use. A call that passes a limit is interrupted, else killed."""

    cpu_s: float = 10.0
    """Processor seconds of one call."""
    wall_s: float = 30.0
    """Seconds of one call by the clock."""
    memory_mb: int = 512
    """MiB of memory, besides what the interpreter with numpy and scipy takes."""
    characters: int = 8000
    """Length of a result. The middle of a longer one is cut out."""
    source_bytes: int = 256 * 1024
    """Length of a call's code."""
    calls: int = 100
    """Calls of one session."""
    session_cpu_s: float = 60.0
    """Processor seconds of all calls of a session."""
    idle_s: float = 3600.0
    """Seconds by the clock after which a session that gets no call ends, and its memory is free."""


_DEFAULT_LIMITS = SessionLimits()


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of one call: `text` goes back to the model, `status` says how the call ended.

    "ok", "error" (an exception, which is in the text) and "memory" leave the session as it is.
    "timed_out" does if the call could be interrupted. After "died" the next call begins a new
    session. "refused" means that nothing ran. `duration_s` is by the clock.
    """

    text: str
    status: CallStatus
    duration_s: float = 0.0


class _Answer(NamedTuple):
    """A server's answer; `claim`, `printed`, `first` and `last` come from the session's child."""

    ending: Ending
    limit: Limit = Limit.NONE
    claim: int = 0
    code: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    printed: int = 0
    first: str = ""
    last: str = ""


_LOST = _Answer(Ending.SIGNALLED, code=signal.SIGKILL)
"""The server was lost, and all its children were killed."""


class _SessionServer(ServerConnection):
    """A running server of sessions, and the calls that it has not answered yet."""

    serves = "session_server"

    def __init__(self, settings: dict[str, Any], kind: ServerKind) -> None:
        self.answers: dict[int, asyncio.Future[_Answer]] = {}
        """What each session's call waits for, by the session's number."""
        self.ready = asyncio.get_running_loop().create_future()
        """Done when the layers are in force, False if the server ended before."""
        self.gone = False
        super().__init__(settings, kind, None)

    def on_ready(self) -> None:
        """Tell those that wait."""
        self.ready.set_result(True)

    def on_frame(self, frame: bytes) -> None:
        """Hand an answer to its call; a call that was cancelled waits no more."""
        number, ending, limit, *rest, length = wire.SESSION_ANSWER.unpack_from(frame)
        said = frame[wire.SESSION_ANSWER.size :]
        texts = (each.decode("utf-8", "replace") for each in (said[:length], said[length:]))
        waiting = self.answers.pop(number, None)
        if waiting and not waiting.done():
            waiting.set_result(_Answer(Ending(ending), Limit(limit), *rest, *texts))

    def on_loss(self) -> None:
        """End all of it."""
        self.gone = True
        self.last_words = self.kill()
        if not self.ready.done():
            self.ready.set_result(False)
        for waiting in self.answers.values():
            if not waiting.done():
                waiting.set_result(_LOST)
        self.answers.clear()


class Sessions:
    """Opens sessions, at most so many at a time, in children of one server.

    Use it as an async context manager. Calls of as many sessions as there are `workers` run at a
    time, so that the clock of a call does not run while it waits.
    """

    def __init__(
        self,
        limits: SessionLimits = _DEFAULT_LIMITS,
        *,
        most_open: int = 64,
        workers: int = 1,
        unsafe_no_seccomp: bool = False,
        withheld_layers: Collection[str] = (),
    ) -> None:
        """Nothing is started yet; `withheld_layers` as for a `Sandbox`."""
        self.limits = limits
        self._places = asyncio.Semaphore(most_open)
        self._workers = asyncio.Semaphore(workers)
        self._starting = asyncio.Lock()
        self._numbers = count(1)
        self._server: _SessionServer | None = None
        self._report: dict[str, Any] | None = None
        self._kind = ServerKind(tuple(package_folders()))
        self._settings = {
            "withheld": sorted(withheld_layers),
            "unsafe_no_seccomp": unsafe_no_seccomp,
            "memory_mb": limits.memory_mb,
            "sessions": most_open,
            "kept_characters": (limits.characters - _FOR_NOTES) // 2,
            "session_cpu_s": limits.session_cpu_s,
        }

    async def __aenter__(self) -> Self:
        """Start the server; raises UsageError if it does not start, or lacks seccomp."""
        await self.server()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all sessions and wait until they are gone."""
        server, self._server = self._server, None
        if server and not server.gone:
            server.disconnect()
            await uncancelled(asyncio.to_thread(server.wait))

    @property
    def layers(self) -> str:
        """One line on what is enforced here, and what is not."""
        return describe_layers(self._report)

    @property
    def server_process_ids(self) -> list[int]:
        """The server's process, if one runs."""
        return [self._server.process_id] if self._server and not self._server.gone else []

    @asynccontextmanager
    async def open(
        self, train: Sequence[Pair], test_inputs: Sequence[Grid]
    ) -> AsyncIterator["Session"]:
        """Wait for a free place and keep it; a process is started by the first call.

        The session is given these, and no other grid.
        """
        names = {
            "train": [{"input": pair.input, "output": pair.output} for pair in train],
            "test_inputs": list(test_inputs),
        }
        async with self._places:
            session = Session(self, marshal.dumps(names), self._workers)
            try:
                yield session
            finally:
                session.end()

    def next_number(self) -> int:
        """A number that no child had before."""
        return next(self._numbers)

    async def server(self) -> _SessionServer:
        """The server that runs, or a new one; raises UsageError."""
        async with self._starting:
            for _ in range(_STARTS):
                if self._server is None or self._server.gone:
                    self._server = await self._started()
                if self._server:
                    return self._server
                await asyncio.sleep(_PAUSE_S)
        raise UsageError(f"no server of Python sessions starts: {self._reason}")

    async def _started(self) -> _SessionServer | None:
        self._reason = "it ends without a word"
        try:
            server = _SessionServer(self._settings, self._kind)
        except OSError as error:  # no process or no descriptor is left
            self._reason = str(error)
            return None
        try:
            async with asyncio.timeout(_START_S):
                ready = await server.ready
        except BaseException as error:
            server.kill()
            if isinstance(error, TimeoutError):
                return None
            raise
        if ready and server.refuses:
            server.kill()
            raise UsageError(NO_SECCOMP)
        if not ready:
            self._reason = (server.last_words.splitlines() or [self._reason])[-1]
            return None
        self._report = server.report
        return server


class Session:
    """One sample's session. Its calls run one after the other."""

    def __init__(self, sessions: Sessions, preloaded: bytes, workers: asyncio.Semaphore) -> None:
        """Nothing runs before the first call."""
        self._sessions, self._preloaded, self._workers = sessions, preloaded, workers
        self._limits = sessions.limits
        self._server: _SessionServer | None = None
        self._number = 0
        self._calls, self._cpu_s = 0, 0.0
        self._idle: asyncio.TimerHandle | None = None

    async def run(self, code: str) -> CallResult:
        """Run code in the names that earlier calls left, and say what came of it.

        Cancelling this ends the session's process. Raises UsageError if no server starts.
        """
        refusal = self._refusal(code)
        if refusal:
            return CallResult(refusal, "refused")
        self._calls += 1
        async with self._workers:
            for _ in range(_MOST_REFUSALS):
                server = await self._sessions.server()
                is_new = server is not self._server
                if is_new:
                    self._server, self._number = server, self._sessions.next_number()
                answer = await self._ask(server, code, is_new=is_new)
                if answer.ending is not Ending.NO_PROCESS:
                    break
                self._server = None
                await asyncio.sleep(_PAUSE_S)
        self._cpu_s += answer.cpu_s
        if answer.ending is not Ending.COMPLETE:
            self.end()
        return self._result(answer, begins_again=is_new and self._calls > 1)

    def _refusal(self, code: str) -> str:
        limits = self._limits
        if self._calls >= limits.calls:
            return f"Nothing was run: all {limits.calls} calls of this session are used up."
        if self._cpu_s >= limits.session_cpu_s:
            return f"Nothing was run: all {limits.session_cpu_s:g} s of processor time are used up."
        try:
            size = len(code.encode())
        except UnicodeEncodeError as error:
            return f"Nothing was run: the code is no text: {error.reason}."
        if size > limits.source_bytes:
            return f"Nothing was run: the code is longer than {limits.source_bytes} bytes."
        return ""

    async def _ask(self, server: _SessionServer, code: str, *, is_new: bool) -> _Answer:
        """Send a call and wait for its answer; ends the session if that is cancelled."""
        if self._idle:
            self._idle.cancel()
        limits, loop = self._limits, asyncio.get_running_loop()
        cpu_s = min(limits.cpu_s, limits.session_cpu_s - self._cpu_s)
        preloaded = self._preloaded if is_new else b""
        header = wire.SESSION_CALL.pack(self._number, cpu_s, limits.wall_s, len(preloaded))
        waiting: asyncio.Future[_Answer] = loop.create_future()
        server.answers[self._number] = waiting
        server.send_frame(header + preloaded + code.encode())
        try:
            async with asyncio.timeout(limits.wall_s + _OVERDUE_S):
                answer = await waiting
        except TimeoutError:
            server.on_loss()
            return _LOST
        except asyncio.CancelledError:
            self.end()
            raise
        self._idle = loop.call_later(limits.idle_s, self.end)
        return answer

    def end(self) -> None:
        """End the session's process, if there is one; a later call would begin another."""
        if self._idle:
            self._idle.cancel()
        server, self._server = self._server, None
        if server and not server.gone:
            server.answers.pop(self._number, None)
            server.send_frame(wire.SESSION_CALL.pack(self._number, 0, 0, 0))

    def _result(self, answer: _Answer, *, begins_again: bool) -> CallResult:
        parts = [_NEW if begins_again else "", answer.first]
        hidden = answer.printed - len(answer.first) - len(answer.last)
        if answer.ending is Ending.COMPLETE and hidden > 0:
            parts.append(f"\n[... {hidden:,} characters cut out ...]\n")
        parts.append(answer.last)
        status, note = self._outcome(answer)
        if note:
            parts.append(f"\n[{note}]" if answer.first else f"[{note}]")
        text = cut_middle("".join(parts), self._limits.characters)
        return CallResult(text, status, answer.wall_s)

    def _outcome(self, answer: _Answer) -> tuple[CallStatus, str]:
        """The status, and what the model is told besides what its code printed."""
        limits, survived = self._limits, answer.ending is Ending.COMPLETE
        fate = "The variables are kept." if survived else _GONE
        if answer.limit is Limit.CPU:
            return "timed_out", f"Interrupted after {answer.cpu_s:.1f} s of processor time. {fate}"
        if answer.limit is Limit.WALL:
            return "timed_out", f"Interrupted after {answer.wall_s:.0f} s. {fate}"
        if survived:
            status = _CLAIMS[answer.claim]
            held = f"Memory ran out ({limits.memory_mb} MiB). {fate}" if status == "memory" else ""
            return status, held
        reasons = {
            Ending.EXITED: f"The process left with exit code {answer.code}.",
            Ending.SIGNALLED: f"The process was ended by signal {answer.code}.",
            Ending.NO_RECORD: "The process wrote to descriptor 3, which is not its own.",
            Ending.OUTPUT_LIMIT: "The process wrote too much to descriptor 3.",
            Ending.NO_PROCESS: "The system has no process left; try again later.",
        }
        if answer.ending is Ending.EXITED and answer.code == wire.MEMORY_EXHAUSTED:
            return "memory", f"Memory ran out ({limits.memory_mb} MiB). {fate}"
        return "died", f"{reasons[answer.ending]} {fate}"


def cut_middle(text: str, most: int) -> str:
    """The text, or its beginning and end with a note of how much is missing; `most` characters."""
    if len(text) <= most:
        return text
    kept = most - _FOR_NOTES // 4
    missing = len(text) - kept
    note = f"\n[... {missing:,} characters cut out ...]\n"
    return text[: kept // 2] + note + text[len(text) - (kept - kept // 2) :]
