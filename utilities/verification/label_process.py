"""Reads the labels of long programs in a process of its own: parsing them would keep this one busy.

The process runs no program, and is started only once there is much to read.
"""

import asyncio
import gc
import marshal
import sys
from pathlib import Path

import orjson

from utilities.command_line.signals import uncancelled
from utilities.sandbox.python_source import MAX_SOURCE_BYTES, parse_python
from utilities.sandbox.wire import LENGTH
from utilities.tasks.task import Pair, Task
from utilities.verification.labels import SourceLabels, source_labels

LONG_CHARS = 4000
"""Shorter programs are always read here; that takes about as long as asking."""
_CHARS_READ_HERE = 256 * 1024
"""Of long programs, before the process is started: reading them costs what its start does."""
_TRIES = 2
"""A program is given up if this many processes ended, or came to no end, while they read it."""
_START_S = 60.0
_LIMIT_S = 150.0
"""By the clock, for one program. The worst that 256 KiB can hold takes a few seconds."""
_READY = b"ready\n"
_GARBAGE = 200_000
"""Objects before garbage is looked for: a syntax tree has many, and none of them is garbage."""
_REPOSITORY = str(Path(__file__).resolve().parents[2])
_START = (
    f"import sys; sys.path.append({_REPOSITORY!r});"
    "from utilities.verification.label_process import main; main()"
)


class LabelProcess:
    """Gives the labels that `source_labels` gives, from one process that reads in turn.

    If the process cannot be started, programs are read here. A program over which it ends twice
    has labels of None.
    """

    def __init__(self, chars_read_here: int = _CHARS_READ_HERE) -> None:
        """Start nothing yet."""
        self._chars_read_here = chars_read_here
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._is_usable = True
        self._reading: set[asyncio.Task[SourceLabels]] = set()

    def ask(self, code: str, task: Task) -> asyncio.Future[SourceLabels]:
        """The labels of a program on a task, at once or later."""
        if self._is_usable and LONG_CHARS <= len(code) <= MAX_SOURCE_BYTES:
            if self._chars_read_here <= 0:
                reading = asyncio.create_task(self._read(code, task))
                self._reading.add(reading)
                reading.add_done_callback(self._reading.discard)
                return reading
            self._chars_read_here -= len(code)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(source_labels(parse_python(code), task))
        return answer

    async def close(self) -> None:
        """Read no more, and end the process."""
        reading = list(self._reading)
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await self._end()

    async def _read(self, code: str, task: Task) -> SourceLabels:
        pairs = [(pair.input, pair.output) for pair in task.pairs]
        message = marshal.dumps((code, pairs))
        async with self._turn:
            for _ in range(_TRIES):
                process = await self._started()
                if process is None:
                    return source_labels(parse_python(code), task)
                if answer := await self._answer(process, message):
                    return SourceLabels(*orjson.loads(answer))
        return SourceLabels(None, None)

    async def _started(self) -> asyncio.subprocess.Process | None:
        """The process, ready to read; None if it cannot be had."""
        if self._process is not None or not self._is_usable:
            return self._process
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-c", _START),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # so that a Ctrl-C reaches the supervisor only
            )
            self._is_usable = await _line(self._process, _START_S) == _READY
        except OSError:
            self._is_usable = False
        if not self._is_usable:
            await self._end()
        return self._process

    async def _answer(self, process: asyncio.subprocess.Process, message: bytes) -> bytes:
        """What the process says; empty if it ended, or was ended since it took too long."""
        answer = b""
        assert process.stdin
        try:
            process.stdin.write(LENGTH.pack(len(message)) + message)
            answer = await _line(process, _LIMIT_S)
        finally:  # also if this task is cancelled: the next must not read an answer to this one
            if not answer:
                await self._end()
        return answer

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await uncancelled(process.wait())


async def _line(process: asyncio.subprocess.Process, limit_s: float) -> bytes:
    """A whole line that the process wrote; empty if there is none in time."""
    assert process.stdout
    try:
        async with asyncio.timeout(limit_s):
            line = await process.stdout.readline()
    except TimeoutError:
        return b""
    return line if line.endswith(b"\n") else b""


def main() -> None:
    """Answer on standard output what is asked on standard input, until that ends."""
    gc.set_threshold(_GARBAGE)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(_READY)
    answers.flush()
    while len(header := requests.read(LENGTH.size)) == LENGTH.size:
        code, pairs = marshal.loads(requests.read(*LENGTH.unpack(header)))  # noqa: S302
        task = Task("", tuple(Pair(*pair) for pair in pairs), ())
        answers.write(orjson.dumps(tuple(source_labels(parse_python(code), task))) + b"\n")
        answers.flush()
