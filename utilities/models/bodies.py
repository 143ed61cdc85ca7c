"""The body of a success as it comes: one JSON document or a stream of events, asked for or not."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

import orjson

from utilities.models.interface import Reply
from utilities.models.json_fields import parse_json

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""What a stream of events can begin with."""
_LONGEST_FIELD = 6
_END = b"[DONE]"
"""What OpenAI's streams end with, and some servers those of Anthropic's API."""


class EventReader(Protocol):
    """Puts a reply together from the events of a stream."""

    pieces: list[str]
    """What has come of the reply's text; from the first piece on a stream is never silent long."""

    def take(self, event: object) -> bool:
        """Take an event's JSON; whether the reply is whole with it."""

    def reply(self, *, ended: bool) -> Reply:
        """The reply; `ended` if the stream said so itself. Raises AttemptFailed if it was cut."""


class Body:
    """Takes a body in parts; what cannot be read of it can still be kept as text."""

    def __init__(self, reader: EventReader | None) -> None:
        """Its first bytes tell what it is, since content types are wrong at times.

        Without a `reader` whatever comes is taken for a document.
        """
        self._reader = reader
        self._parts: list[bytes] = []
        self._events: EventStream | None = None
        self._is_document = reader is None
        self._is_damaged = False
        self.is_whole = False
        """Whether a stream said that nothing more follows."""
        self.named_cost_usd: float | None = None
        """What a header says that the reply cost."""

    @property
    def is_stream(self) -> bool:
        """Whether events came, and no document."""
        return self._events is not None

    @property
    def pieces(self) -> list[str]:
        """What has come of a stream's text; nothing of a document."""
        return [] if self._events is None or self._reader is None else self._reader.pieces

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return bool(self._parts)

    def take(self, part: bytes) -> None:
        """Take a part, however the body was cut; what follows a whole stream is only kept."""
        self._parts.append(part)
        if self.is_whole:
            return
        if self._events is None and not self._is_document:
            self._tell_apart()
        elif self._events is not None:
            self._take_events(self._events, part)

    def _tell_apart(self) -> None:
        """A stream is what begins like one, a document anything else."""
        come = b"".join(self._parts).lstrip(b"\xef\xbb\xbf \t\r\n")
        if come.startswith(_FIELDS):
            self._events = EventStream()
            self._take_events(self._events, come)
        else:
            self._is_document = len(come) >= _LONGEST_FIELD or come[:1] in (b"{", b"[")

    def _take_events(self, events: "EventStream", part: bytes) -> None:
        assert self._reader is not None, "without one there are no events"
        take, loads = self._reader.take, orjson.loads
        for data in events.take(part):
            try:
                event = loads(data)
            except orjson.JSONDecodeError:
                event = self._odd_event(data)
            if not self.is_whole and take(event):
                self.is_whole = True

    def _odd_event(self, data: bytes) -> object:
        """An event that is not plain JSON; what cannot be read at all is remembered."""
        if data.strip() == _END:
            self.is_whole = True
        elif data and not self.is_whole:
            try:
                return read_json(data)
            except (ValueError, RecursionError):
                self._is_damaged = True
        return None

    def text(self) -> str:
        """All that has come; U+FFFD stands for bytes that are no UTF-8."""
        return b"".join(self._parts).decode("utf-8", "replace")

    def document(self) -> object:
        """The document; raises ValueError or RecursionError if it is no whole JSON."""
        return read_json(b"".join(self._parts))

    def streamed_reply(self) -> Reply:
        """The reply of a stream; raises ValueError if one of its events is no JSON."""
        assert self._reader is not None, "without one there is no stream"
        assert self._events is not None, "there is a stream"
        if self._is_damaged:
            raise ValueError("an event is no JSON")
        if not self.is_whole and (last := self._events.unended()):
            with suppress(ValueError, RecursionError):  # else it was cut
                self.is_whole = self._reader.take(read_json(last))
        return self._reader.reply(ended=self.is_whole)


def packed_text(text: str) -> str:
    """A stream's text in few characters: zlib in base64.

    Each event repeats the one before but for a word: a stream has fifty bytes for one of its text.
    """
    return base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 1)).decode("ascii")


def unpacked_text(packed: str) -> str:
    """The text that `packed_text` was given."""
    return zlib.decompress(base64.b64decode(packed)).decode("utf-8")


def read_json(content: bytes) -> object:
    """As parse_json; bytes that are no UTF-8 become U+FFFD."""
    try:
        return parse_json(content)
    except UnicodeDecodeError:
        return parse_json(content.decode("utf-8", "replace"))


class EventStream:
    """Splits server-sent events (WHATWG HTML 9.2) and gives the data of each.

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
            if line.startswith(b"data: "):
                self._data.append(line[6:])
            elif line.startswith(b"data:") or line == b"data":
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data.clear()

    def unended(self) -> bytes:
        """The data of an event after which the stream ended without an empty line."""
        rest = b"".join(self._rest)
        more = [rest[5:].removeprefix(b" ")] if rest.startswith(b"data:") else []
        return b"\n".join([*self._data, *more])
