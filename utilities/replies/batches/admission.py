"""Knows when nothing more will be asked before a batch comes back: then it is time to submit."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

_Task = TypeVar("_Task")
_Entry = TypeVar("_Entry")


@dataclass(slots=True, eq=False)
class _Job:
    """One task under way, and how many of its samples wait for their replies."""

    waiting_count: int = 0


_JOB: ContextVar[_Job] = ContextVar("job")
"""Set while a task is answered; the coroutines that make its samples inherit it."""


class Admission:
    """Counts the tasks under way and those among them that wait for a batch."""

    def __init__(self, max_requests: int, best_of: int, *, at_least: int) -> None:
        """Admit the tasks of `max_requests` requests at once, and no fewer than `at_least`."""
        self.max_tasks = max(at_least, math.ceil(max_requests / best_of))
        self.changed: Callable[[], None] = lambda: None
        """Called whenever it may have become time to submit."""
        self._exhausted = False
        self._active_count = 0
        self._waiting_count = 0

    @property
    def all_wait(self) -> bool:
        """Whether every task that may be under way is, and waits for a batch."""
        admitted = self._exhausted or self._active_count >= self.max_tasks
        return admitted and self._waiting_count == self._active_count

    def over(self, tasks: Iterable[_Task]) -> Iterator[_Task]:
        """The tasks; their end is noticed."""
        yield from tasks
        self._exhausted = True
        self.changed()

    def answering(
        self, answer: Callable[[_Task], Awaitable[_Entry]]
    ) -> Callable[[_Task], Awaitable[_Entry]]:
        """`answer`, counted."""

        async def counted(task: _Task) -> _Entry:
            self._active_count += 1
            before = _JOB.set(_Job())
            try:
                return await answer(task)
            finally:
                _JOB.reset(before)
                self._active_count -= 1
                self.changed()

        return counted

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A sample of the task under way waits for its reply while the context lasts."""
        job = _JOB.get()
        job.waiting_count += 1
        self._waiting_count += job.waiting_count == 1
        self.changed()
        try:
            yield
        finally:
            job.waiting_count -= 1
            self._waiting_count -= job.waiting_count == 0
