"""A model provider that costs next to nothing: each request is answered after a fixed time.

It plays chat completions and Messages with the same reply for everybody, as JSON or, if that is
asked for, as a stream of 500 events. It runs in a process of its own:
`with PacedServer(latency_s=0.2) as server: server.openai_url`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

REPLY_BYTES = 2000
EVENTS = 500
_WRITES = 25
"""A stream comes in so many parts."""
_USAGE = {"input_tokens": 1200, "output_tokens": 700}


def reply_text() -> str:
    """2 KB of reasoning with a program, as models write it."""
    program = "```python\ndef solve_task(grid):\n    return [row[::-1] for row in grid]\n```\n"
    sentence = "Each row of the output is the row of the input, read from right to left. "
    reasoning = sentence * (REPLY_BYTES // len(sentence))
    return reasoning[: REPLY_BYTES - len(program) - 2] + "\n\n" + program


class PacedServer:
    """The server as a context manager."""

    def __init__(self, latency_s: float) -> None:
        """`latency_s` passes between a request's last byte and its reply's first."""
        self._latency_s = latency_s
        self.openai_url = self.anthropic_url = ""

    def __enter__(self) -> Self:
        """Start the process and wait until it listens."""
        command = [sys.executable, "-m", "tests.performance.paced_server", str(self._latency_s)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.anthropic_url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        self.openai_url = f"{self.anthropic_url}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class _Connection(asyncio.Protocol):
    def __init__(self, latency_s: float, answers: dict[tuple[bytes, bool], list[bytes]]) -> None:
        self._latency_s, self._answers = latency_s, answers
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if end and len(rest) >= _content_length(head):
            self._received = b""  # nobody pipelines
            parts = self._answers[head.split(b" ", 2)[1], b'"stream":' in rest]
            for number, part in enumerate(parts, start=1):
                delay_s = self._latency_s * number / len(parts)
                asyncio.get_running_loop().call_later(delay_s, self._send, part)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _content_length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])


def _answer(body: bytes) -> list[bytes]:
    lines = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}"]
    return ["\r\n".join(lines).encode() + b"\r\n\r\n" + body]


def _streamed(events: list[str]) -> list[bytes]:
    """A stream of events, each in a chunk of its own, in the parts in which it is sent."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    chunks = [b"%x\r\n%s\r\n" % (len(event), event.encode()) for event in events]
    size = len(chunks) // _WRITES + 1
    parts = [b"".join(chunks[place : place + size]) for place in range(0, len(chunks), size)]
    return [head + parts[0], *parts[1:-1], parts[-1] + b"0\r\n\r\n"]


def _pieces() -> list[str]:
    text = reply_text()
    ends = [len(text) * number // EVENTS for number in range(EVENTS + 1)]
    return [text[start:end] for start, end in pairwise(ends)]


_COMPLETION = {"id": "x", "object": "chat.completion", "created": 1, "model": "paced"}
_CHAT_USAGE = {
    "prompt_tokens": _USAGE["input_tokens"],
    "completion_tokens": _USAGE["output_tokens"],
    "total_tokens": sum(_USAGE.values()),
}


def _completion() -> bytes:
    message = {"role": "assistant", "content": reply_text()}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps(_COMPLETION | {"choices": [choice], "usage": _CHAT_USAGE}).encode()


def _completion_chunks() -> Iterator[str]:
    chunk = _COMPLETION | {"object": "chat.completion.chunk"}
    for piece in _pieces():
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        yield f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n"
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    yield f"data: {json.dumps(chunk | {'choices': [last]})}\n\n"
    yield f"data: {json.dumps(chunk | {'choices': [], 'usage': _CHAT_USAGE})}\n\n"
    yield "data: [DONE]\n\n"


def _message() -> bytes:
    text = {"type": "text", "text": reply_text()}
    return json.dumps(
        _message_start(_USAGE) | {"content": [text], "stop_reason": "end_turn"}
    ).encode()


def _message_start(usage: dict[str, int]) -> dict[str, Any]:
    return {"id": "x", "type": "message", "role": "assistant", "model": "paced", "usage": usage}


def _events() -> Iterator[str]:
    """A message in pieces of text."""
    yield _event("message_start", message=_message_start({**_USAGE, "output_tokens": 1}))
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in _pieces():
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    usage = {"output_tokens": _USAGE["output_tokens"]}
    yield _event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


async def serve(latency_s: float) -> None:
    """Print the port, and serve until killed."""
    answers = {
        (b"/v1/chat/completions", False): _answer(_completion()),
        (b"/v1/chat/completions", True): _streamed([*_completion_chunks()]),
        (b"/v1/messages", False): _answer(_message()),
        (b"/v1/messages", True): _streamed([*_events()]),
    }
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(latency_s, answers), "127.0.0.1", 0, backlog=2048
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
