"""A server that sends given bytes, in a thread of the test, so that scripts can ask it."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class RawServer:
    """Where it is, and what it was asked: the path and the body of each request, in order."""

    url: str
    requests: list[tuple[str, bytes]] = field(default_factory=list)


Answer = Callable[[int, str], bytes]
"""What is sent for the request of this number (from 0 on) and path; the connection then closes."""


@contextmanager
def raw_server(answer: Answer, *, held_s: float = 0.0, piece_size: int = 0) -> Iterator[RawServer]:
    """Answers each request with the bytes that `answer` gives, and closes `held_s` later.

    With a `piece_size` the head is sent at once, and the body in pieces of so many bytes.
    """
    lock = threading.Lock()

    def pieces(content: bytes) -> Iterator[bytes]:
        start = content.find(b"\r\n\r\n") + 4 if piece_size else len(content)
        yield content[:start]
        for place in range(start, len(content), piece_size or 1):
            yield content[place : place + piece_size]

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            path, length = self.rfile.readline().split(b" ")[1].decode(), 0
            while line := self.rfile.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = self.rfile.read(length)
            with lock:
                number = len(found.requests)
                found.requests.append((path, body))
            for piece in pieces(answer(number, path)):
                self.request.sendall(piece)
                time.sleep(0.0001 if piece_size else 0.0)
            time.sleep(held_s)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 128

        def handle_error(self, *_: object) -> None:
            """A client that has left is none."""

    with Server(("127.0.0.1", 0), Handler) as server:
        found = RawServer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
