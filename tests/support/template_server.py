"""A chat server whose template has the faults that nobody is told of.

    with TemplateServer(drops_system=True) as server:
        ... server.url ...

The model behind it answers rightly whatever reaches it; its tokens are the words of the prompt.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class TemplateServer:
    """One server in a thread; each field is a fault, or what it can do besides."""

    refuses_system: bool = False
    drops_system: bool = False
    drops_turns: bool = False
    drops_pictures: bool = False
    cuts_prompt_at: int | None = None
    refuses_prompts_of: int | None = None
    leaks: str = ""
    never_stops: bool = False
    counts_nothing: bool = False
    ignores_seed: bool = False
    repeats_itself: bool = False
    ignores_stream: bool = False
    limit_name: str = "max_tokens"
    tools: str = "calls"
    # calls, text or none
    sees: bool = True
    thinking: str = ""
    model: dict[str, Any] = field(default_factory=lambda: {"id": "m", "max_model_len": 4096})
    cost_header: str | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200, {"data": [server.model]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.bodies.append(body)
                status, answer = server.answer_to(body)
                if status == 200 and body.get("stream") and not server.ignores_stream:
                    self.stream(answer)
                else:
                    self.answer(status, answer)

            def stream(self, answer: dict[str, Any]) -> None:
                choice = answer["choices"][0]
                chunks = [
                    {"choices": [{"delta": choice["message"]}]},
                    {"choices": [{"delta": {}, "finish_reason": choice["finish_reason"]}]},
                    {"choices": [], "usage": answer.get("usage")},
                ]
                events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
                self.send((events + "data: [DONE]\n\n").encode(), 200, "text/event-stream")

            def answer(self, status: int, answer: dict[str, Any]) -> None:
                self.send(json.dumps(answer).encode(), status, "application/json")

            def send(self, content: bytes, status: int, kind: str) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                if server.cost_header is not None:
                    self.send_header("x-litellm-response-cost", server.cost_header)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer_to(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        messages = list(body["messages"])
        if any(one["role"] == "system" for one in messages):
            if self.refuses_system:
                return 400, {"error": {"message": "System role not supported"}}
            if self.drops_system:
                messages = [one for one in messages if one["role"] != "system"]
        if self.drops_turns:
            messages = [one for one in messages[:-1] if one["role"] == "system"] + messages[-1:]
        parts = [part for one in messages for part in parts_of(one)]
        pictures = [part for part in parts if part["type"] != "text"]
        if pictures and not self.sees:
            return 400, {"error": {"message": "image input is not supported"}}
        words = " ".join(part.get("text", "") for part in parts).split()
        if not self.drops_pictures:
            words += ["<picture>"] * 64 * len(pictures)
        if self.refuses_prompts_of is not None and len(words) > self.refuses_prompts_of:
            said = f"maximum context length is {self.refuses_prompts_of} tokens"
            return 400, {"error": {"message": said}}
        words = words[-self.cuts_prompt_at :] if self.cuts_prompt_at else words
        return 200, self.completion(body, words)

    def completion(self, body: dict[str, Any], words: list[str]) -> dict[str, Any]:
        text, calls = self.reply_to(body, " ".join(words)), None
        if body.get("tools"):
            call = {"name": "weather_of", "arguments": '{"town": "Bergen"}'}
            text = f"<tool_call>{json.dumps(call)}</tool_call>" if self.tools == "text" else "Cold."
            if self.tools == "calls":
                text, calls = "", [{"id": "c", "type": "function", "function": call}]
        most = body.get(self.limit_name)
        is_cut = self.never_stops or (most is not None and len(text.split()) > most)
        text = " ".join(text.split()[:most]) if is_cut and most else text
        message = {"role": "assistant", "content": text + self.leaks}
        if calls:
            message |= {"tool_calls": calls}
        if self.thinking:
            message |= {"reasoning_content": self.thinking}
        reason = "tool_calls" if calls else "length" if is_cut else "stop"
        usage = {"prompt_tokens": len(words), "completion_tokens": max(1, len(text.split()))}
        choices = [{"index": 0, "message": message, "finish_reason": reason}]
        return {"model": "m", "choices": choices} | (
            {} if self.counts_nothing else {"usage": usage}
        )

    def reply_to(self, body: dict[str, Any], prompt: str) -> str:
        if "twelve random digits" in prompt:
            if self.repeats_itself:
                return "123456789012"
            return f"{body.get('seed', 0) if not self.ignores_seed else len(self.bodies):012}"
        if "OSPREY" in prompt:
            return "OSPREY"
        if "from 1 to 60" in prompt:
            return " ".join(f"{number}," for number in range(1, 61))
        if "colour" in prompt:
            return "Red." if "<picture>" in prompt else "I see no picture."
        return "5" if "2 + 3" in prompt else "I do not know."


def parts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a message's content, a text among them as one."""
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
