"""SIGINT and SIGTERM, heard by an event loop, so that work ends in good order."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

_T = TypeVar("_T")


@contextmanager
def hearing_signals(on_signal: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Call `on_signal` for each SIGINT and SIGTERM while the context lasts."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


class Stopped(Exception):
    """A signal ended the work; `exit_code` is what a shell expects then (130 or 143)."""

    def __init__(self, received: signal.Signals) -> None:
        """Keep the exit code for the first signal."""
        super().__init__(received.name)
        self.exit_code = 128 + received


async def until_signal(work: Coroutine[object, object, _T]) -> _T:
    """The result of `work`; a signal cancels it, and Stopped is raised once it has cleaned up."""
    job = asyncio.ensure_future(work)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        job.cancel()

    with hearing_signals(stop):
        try:
            return await job
        except asyncio.CancelledError:
            if not received:
                raise
            raise Stopped(received[0]) from None
