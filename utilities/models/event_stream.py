"""Takes an event stream (server-sent events, WHATWG HTML 9.2) apart."""

from __future__ import annotations

from collections.abc import Iterator


class EventStream:
    """Gives the data of each whole event; their other fields are passed over.

    The SDK's own reader takes as much CPU as the connection: it looks at each line three times.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._data: list[bytes] = []
        self._rest: list[bytes] = []
        self._feed_may_follow = False

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """The data of the events that end in this part of the stream, however it was cut."""
        if self._feed_may_follow:  # a line feed here is half of the line end before it
            chunk = chunk.removeprefix(b"\n")
        self._feed_may_follow = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        self._rest.append(chunk)
        if b"\n" not in chunk:  # a long event costs no more than its length
            return
        *lines, rest = b"".join(self._rest).split(b"\n")
        self._rest = [rest]
        for line in lines:
            if line.startswith(b"data:") or line == b"data":
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()
