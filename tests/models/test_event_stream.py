"""Event streams, in the forms that the standard allows."""

from __future__ import annotations

import pytest

from utilities.models.bodies import EventStream

EVENTS = [b'{"type": "ping"}', b'{"text":\n"\xc3\xa9"}', b"", b"", b"last"]
STREAM = (
    b': keep-alive\n\nevent: ping\ndata: {"type": "ping"}\n\n'
    b'id: 7\ndata:{"text":\ndata: "\xc3\xa9"}\n\nevent: empty\n\ndata:\n\ndata\n\ndata: last\n\n'
)


def events_of(*chunks: bytes) -> list[bytes]:
    stream = EventStream()
    return [event for chunk in chunks for event in stream.take(chunk)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_come_whole_wherever_the_stream_is_cut(line_end: bytes, size: int) -> None:
    stream = STREAM.replace(b"\n", line_end)
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert events_of(*chunks) == EVENTS


def test_an_event_comes_as_soon_as_its_empty_line_has_begun() -> None:
    assert events_of(b"data: 1\r\n\r") == [b"1"]


def test_an_event_without_its_empty_line_was_cut_off() -> None:
    assert events_of(b"data: 1\n\ndata: 2\n") == [b"1"]
