"""Watches a stream while it comes: ends one that has fallen silent, and shows it in the log."""

import asyncio
import logging
from types import TracebackType
from typing import Self

from utilities.models.bodies import Body

_log = logging.getLogger(__name__)

_LOG_INTERVAL_S = 1.0
"""Between two log lines about one stream."""


class StreamWatch:
    """Ends an exchange whose stream is silent for `stall_timeout_s`; used by `with`, around it.

    The time counts from the first piece of the answer on: a model may think for long before it.
    Any byte restarts it, comments and pings too. One timer looks at intervals, so that a byte
    costs nothing but the note of its time.
    """

    def __init__(
        self, limit: asyncio.Timeout, body: Body, stall_timeout_s: float, name: str
    ) -> None:
        """`limit` is the exchange's own; `name` is what the log calls the request."""
        self.limit = limit
        self.is_stalled = False
        """Whether this has ended the exchange."""
        self._body = body
        self._stall_timeout_s = stall_timeout_s
        self._name = name
        self._shown = 0
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._heard_at = self._loop.time()
        self._look_in(self._stall_timeout_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        """Look no more."""
        self._timer.cancel()

    def hear(self) -> None:
        """Note that something has come."""
        self._heard_at = self._loop.time()

    def _look_in(self, delay_s: float) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            delay_s = min(delay_s, _LOG_INTERVAL_S)
        self._timer = self._loop.call_later(delay_s, self._look)

    def _look(self) -> None:
        pieces = self._body.pieces
        if len(pieces) > self._shown and _log.isEnabledFor(logging.DEBUG):
            _log.debug("%s: arriving: %s", self._name, "".join(pieces[self._shown :]))
            self._shown = len(pieces)
        left_s = self._heard_at + self._stall_timeout_s - self._loop.time()
        if left_s <= 0 and pieces:
            self.is_stalled = True
            self.limit.reschedule(self._loop.time())
        else:
            self._look_in(left_s if left_s > 0 else self._stall_timeout_s)
