"""Knows when nothing more will be asked before a batch ends: then it is time to submit."""

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
class _TaskUnderWay:
    """One task, and how many of its samples wait for their replies."""

    waiting_count: int = 0


_TASK: ContextVar[_TaskUnderWay] = ContextVar("task")
"""Set while a task is answered; the coroutines that make its samples inherit it."""


class Admission:
    """Counts the tasks under way, and those of them that wait for a batch.

    When all wait, nothing more is asked before a batch ends: it is time to submit.
    """

    def __init__(self, max_requests: int, best_of: int, *, at_least: int) -> None:
        """Admit tasks of `max_requests` requests in all at once, but at least `at_least` tasks."""
        self.max_tasks = max(at_least, math.ceil(max_requests / best_of))
        self.changed: Callable[[], None] = lambda: None
        """Called when it may be time to submit."""
        self._exhausted = False
        self._active_count = 0
        self._waiting_count = 0

    @property
    def all_wait(self) -> bool:
        """Whether no more tasks can begin, and all that have begun wait for a batch."""
        admitted = self._exhausted or self._active_count >= self.max_tasks
        return admitted and self._waiting_count == self._active_count

    def watched(self, tasks: Iterable[_Task]) -> Iterator[_Task]:
        """The tasks; knows then whether any is left."""
        yield from tasks
        self._exhausted = True
        self.changed()

    def answering(
        self, answer: Callable[[_Task], Awaitable[_Entry]]
    ) -> Callable[[_Task], Awaitable[_Entry]]:
        """`answer`, counted."""

        async def counted(task: _Task) -> _Entry:
            self._active_count += 1
            before = _TASK.set(_TaskUnderWay())
            try:
                return await answer(task)
            finally:
                _TASK.reset(before)
                self._active_count -= 1
                self.changed()

        return counted

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A sample of the current task waits for its reply during the block."""
        task = _TASK.get()
        task.waiting_count += 1
        self._waiting_count += task.waiting_count == 1
        self.changed()
        try:
            yield
        finally:
            task.waiting_count -= 1
            self._waiting_count -= task.waiting_count == 0
