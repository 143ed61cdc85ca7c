"""SIGINT and SIGTERM end a script in good order, from its first line to its last.

They are heard by one after the other:

1. while a script's modules are imported, by `end_at_once` of start.py;
2. in the script's own code, by `stoppable`, which raises an exception;
3. while an event loop runs, by `run_until_stopped`, which cancels the work;
4. while tasks are asked, by the loop of the run (`hearing_signals`), which lets them finish.

Each hands back to the one before. Whoever hears, the third signal ends the process at once. Not
every script has an event loop, so asyncio is imported when one needs it.
"""

from utilities.command_line.start import end_at_once

import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

HEARD = (signal.SIGINT, signal.SIGTERM)
_ENOUGH = 3
_LONGEST_SILENCE_S = 20
_AGAIN_AFTER_S = 0.002

_T = TypeVar("_T")


class Stopped(KeyboardInterrupt):
    """A signal ended the work; `exit_code` is what a shell expects then (130 or 143)."""

    def __init__(self, received: signal.Signals) -> None:
        """Keep the exit code for the signal."""
        super().__init__(f"stopped by {received.name}")
        self.received = received
        self.exit_code = 128 + received


@contextmanager
def handling_signals(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call `handle` for each SIGINT and SIGTERM, between two steps of the main thread.

    What handled them before does so again afterwards.
    """
    received = 0

    def count(number: int, _frame: object) -> None:
        nonlocal received
        received += 1
        if received >= _ENOUGH:
            end_at_once(number)
        handle(signal.Signals(number))

    before = [(number, signal.signal(number, count)) for number in HEARD]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped at SIGINT and SIGTERM, wherever the main thread is then.

    Only an import is let come to its end first: some extension modules, msgspec's among them, crash
    if an exception is raised while they are being made.
    """

    def stop(received: signal.Signals) -> None:
        if not _is_importing(sys._getframe()):
            raise Stopped(received)
        send_again_soon(received)

    def send_again_soon(received: signal.Signals) -> None:
        def ring(*_: object) -> None:
            if _is_importing(sys._getframe()):
                send_again_soon(received)
            else:  # whoever hears by now: an event loop may have begun
                signal.raise_signal(received)

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER_S)

    def again(unraisable: "sys.UnraisableHookArgs") -> None:
        stopped = unraisable.exc_value
        if not isinstance(stopped, Stopped):
            before(unraisable)
            return
        # It came in a finaliser, which lets no exception out: it is raised anew in a moment.
        send_again_soon(stopped.received)

    before, sys.unraisablehook = sys.unraisablehook, again
    try:
        with handling_signals(stop):
            yield
    finally:
        sys.unraisablehook = before
        signal.alarm(0)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being made somewhere down the stack."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def hearing_signals(on_signal: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Let the running event loop call `on_signal` for each SIGINT and SIGTERM.

    If the loop is blocked (by a pipe that nobody writes to, a disk that does not answer), the
    process ends after 20 seconds. What comes too late for the loop goes to whoever heard before.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    unheard: list[signal.Signals] = []

    def hear() -> None:
        signal.alarm(0)
        while unheard:
            on_signal(unheard.pop(0))

    def note(received: signal.Signals) -> None:
        unheard.append(received)
        _end_soon(received)
        loop.call_soon_threadsafe(hear)

    try:
        with handling_signals(note):
            yield
    finally:
        while unheard:
            signal.raise_signal(unheard.pop(0))


def run_until_stopped(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in an event loop of its own; returns its result.

    A signal cancels it, and Stopped is raised once it has cleaned up. If that takes more than 20
    seconds, the process ends.
    """
    import asyncio

    received: list[signal.Signals] = []
    jobs: list[asyncio.Future[_T]] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        _end_soon(number)
        for job in jobs:
            if job.cancel():
                job.get_loop().call_soon_threadsafe(lambda: None)  # wakes the loop

    async def begin() -> None:
        jobs.append(asyncio.ensure_future(work))
        if received:
            jobs[0].cancel()
        await asyncio.wait(jobs)

    try:
        with handling_signals(stop):
            asyncio.run(begin())
    finally:
        signal.alarm(0)
    (job,) = jobs
    if received and job.cancelled():
        raise Stopped(received[0])
    return job.result()


def _end_soon(received: signal.Signals) -> None:
    """End the process in 20 seconds, unless the alarm is taken back."""
    signal.signal(signal.SIGALRM, lambda *_: end_at_once(received))
    signal.alarm(_LONGEST_SILENCE_S)


async def uncancelled(work: Awaitable[_T]) -> _T:
    """The result of `work`, which goes on to its end even if the caller is cancelled meanwhile."""
    import asyncio

    job = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        while not job.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        raise
