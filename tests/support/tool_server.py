"""A model on the loopback interface that calls tools, in each of the three dialects.

    with ToolServer([says("Hm.", python("1 + 1")), says("```python…```")]) as server:
        ... server.openai_url, server.anthropic_url, server.requests ...

The n-th reply of a conversation is the n-th of `script`, its last one for ever; a conversation is
told by its first user message. What a provider demands is demanded here, too: each call has its
result in the next message, and thoughts come back signed as they were sent. Whatever else comes
is answered by status 400, with the reason.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

JSON = dict[str, Any]
INPUT_TOKENS, OUTPUT_TOKENS = 100, 20


@dataclass(frozen=True)
class Said:
    """One reply: a text, a thought, calls; or a status in place of a reply."""

    text: str = ""
    calls: tuple[JSON, ...] = ()
    thought: str = ""
    status: int = 200
    is_cut: bool = False
    """Whether the connection ends in the middle."""


def says(text: str = "", *calls: JSON, thought: str = "") -> Said:
    return Said(text, calls, thought)


def python(code: str, **more: Any) -> JSON:
    return {"name": "python", "arguments": json.dumps({"code": code}), **more}


def submit(**given: Any) -> JSON:
    return {"name": "submit", "arguments": json.dumps(given)}


@dataclass
class ToolServer:
    """One server in a thread."""

    script: Sequence[Said]
    after: Callable[[int], None] = lambda _turn: None
    """Called with the number of a reply before it is sent."""
    requests: list[JSON] = field(default_factory=list)
    """The bodies, in the order they came."""
    replied: list[int] = field(default_factory=list)
    """Which reply of its conversation each request got, if any."""
    globally: list[Said] = field(default_factory=list)
    """What the next requests get instead of their replies."""

    def __enter__(self) -> Self:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.requests.append(body)
                dialect = DIALECTS[self.path.removeprefix("/v1")]
                told = dialect.messages(body)
                turn = sum(one["role"] == "assistant" for one in told)
                fault = fault_of(told)
                said = server.script[min(turn, len(server.script) - 1)]
                if server.globally:
                    said = server.globally.pop(0)
                if fault or said.status != 200:
                    self.answer(
                        {"error": {"message": fault or "no"}}, 400 if fault else said.status
                    )
                    return
                server.replied.append(turn)
                server.after(turn)
                message = dialect.reply(said, turn)
                if not body.get("stream"):
                    self.answer(message)
                else:
                    self.stream(list(dialect.events(message)), is_cut=said.is_cut)

            def answer(self, document: JSON, status: int = 200) -> None:
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def stream(self, events: list[JSON], *, is_cut: bool) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for event in events[: len(events) // 2] if is_cut else events:
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def anthropic_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def openai_url(self) -> str:
        return f"{self.anthropic_url}/v1"


def fault_of(told: list[JSON]) -> str | None:
    """What a provider would refuse in a conversation; `told` is in one form for all dialects."""
    for place, message in enumerate(told):
        if message["role"] != "assistant":
            continue
        following = told[place + 1]["results"] if place + 1 < len(told) else []
        if message["calls"] != following:
            return f"calls {message['calls']} have the results {following}"
        if message["calls"] and message["thought"] and message["seal"] != seal(message["thought"]):
            return f"the thought {message['thought']!r} came back unsigned"
    return None


def seal(thought: str) -> str:
    """What a provider signs a thought with."""
    return f"sealed {thought}"


class Chat:
    """Chat completions, the reasoning in `reasoning_content`, Gemini's signature at a call."""

    @staticmethod
    def messages(body: JSON) -> list[JSON]:
        told: list[JSON] = []
        for one in body["messages"]:
            if one["role"] == "assistant":
                calls = one.get("tool_calls") or []
                for call in calls:
                    assert isinstance(json.loads(call["function"]["arguments"]), dict)
                signed = [call.get("extra_content", {}).get("google") for call in calls]
                told.append(
                    {
                        "role": "assistant",
                        "calls": [call["id"] for call in calls],
                        "thought": one.get("reasoning_content", ""),
                        "seal": signed[0]["thought_signature"] if signed and signed[0] else None,
                    }
                )
            elif one["role"] == "tool":
                if told[-1]["role"] != "tool":
                    told.append({"role": "tool", "results": []})
                told[-1]["results"].append(one["tool_call_id"])
            else:
                told.append({"role": one["role"], "results": []})
        return told

    @staticmethod
    def reply(said: Said, turn: int) -> JSON:
        message: JSON = {"role": "assistant", "content": said.text or None}
        if said.thought:
            message["reasoning_content"] = said.thought
        if said.calls:
            message["tool_calls"] = [
                {
                    "id": call.get("id", f"call_{turn}_{place}"),
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                    "extra_content": {"google": {"thought_signature": seal(said.thought)}},
                }
                for place, call in enumerate(said.calls)
            ]
        reason = "tool_calls" if said.calls else "stop"
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return {"id": "x", "model": "m", "choices": [choice], "usage": usage}

    @staticmethod
    def events(whole: JSON) -> Iterator[JSON]:
        choice = whole["choices"][0]
        message = choice["message"]
        for name in ("reasoning_content", "content"):
            for letter in in_pieces(message.get(name) or ""):
                yield {"model": "m", "choices": [{"delta": {name: letter}}]}
        for place, call in enumerate(message.get("tool_calls", [])):
            function = call["function"]
            first = {**call, "index": place, "function": {**function, "arguments": ""}}
            yield {"choices": [{"delta": {"tool_calls": [first]}}]}
            for piece in in_pieces(function["arguments"]):
                more = {"index": place, "function": {"arguments": piece}}
                yield {"choices": [{"delta": {"tool_calls": [more]}}]}
        yield {"choices": [{"delta": {}, "finish_reason": choice["finish_reason"]}]}
        yield {"choices": [], "usage": whole["usage"]}


class Messages:
    """Anthropic's Messages, each thought followed by one that is redacted."""

    @staticmethod
    def messages(body: JSON) -> list[JSON]:
        told: list[JSON] = []
        for one in body["messages"]:
            blocks = one["content"] if isinstance(one["content"], list) else []
            if one["role"] == "user":
                results = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
                told.append({"role": "user", "results": results})
                continue
            thoughts = [b for b in blocks if b["type"] == "thinking"]
            if thoughts:
                assert [b["type"] for b in blocks[:2]] == ["thinking", "redacted_thinking"]
            told.append(
                {
                    "role": "assistant",
                    "calls": [b["id"] for b in blocks if b["type"] == "tool_use"],
                    "thought": "".join(b["thinking"] for b in thoughts),
                    "seal": "".join(b["signature"] for b in thoughts) or None,
                }
            )
        return told

    @staticmethod
    def reply(said: Said, turn: int) -> JSON:
        blocks: list[JSON] = []
        if said.thought:
            blocks.append(
                {"type": "thinking", "thinking": said.thought, "signature": seal(said.thought)}
            )
            blocks.append({"type": "redacted_thinking", "data": "c2VjcmV0"})
        if said.text:
            blocks.append({"type": "text", "text": said.text})
        blocks += [
            {
                "type": "tool_use",
                "id": call.get("id", f"toolu_{turn}_{place}"),
                "name": call["name"],
                "input": call["arguments"],
            }
            for place, call in enumerate(said.calls)
        ]
        return {
            "id": "x",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": blocks,
            "stop_reason": "tool_use" if said.calls else "end_turn",
            "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        }

    @staticmethod
    def events(whole: JSON) -> Iterator[JSON]:
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
        yield {"type": "message_start", "message": {**whole, "content": [], "usage": usage}}
        pieces = {
            "thinking": ("thinking_delta", "thinking"),
            "text": ("text_delta", "text"),
            "tool_use": ("input_json_delta", "input"),
        }
        for place, block in enumerate(whole["content"]):
            kind, name = pieces.get(block["type"], ("", ""))
            empty = {
                name: {} if name == "input" else "",
                **({"signature": ""} if name == "thinking" else {}),
            }
            begun = {**block, **(empty if name else {})}
            yield {"type": "content_block_start", "index": place, "content_block": begun}
            field_name = "partial_json" if name == "input" else name
            for piece in in_pieces(block[name] if name else ""):
                delta = {"type": kind, field_name: piece}
                yield {"type": "content_block_delta", "index": place, "delta": delta}
            if "signature" in block:
                delta = {"type": "signature_delta", "signature": block["signature"]}
                yield {"type": "content_block_delta", "index": place, "delta": delta}
            yield {"type": "content_block_stop", "index": place}
        delta = {"stop_reason": whole["stop_reason"]}
        yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": OUTPUT_TOKENS}}
        yield {"type": "message_stop"}


class Responses:
    """OpenAI's Responses, with encrypted reasoning."""

    @staticmethod
    def messages(body: JSON) -> list[JSON]:
        told: list[JSON] = []
        for item in body["input"]:
            kind = item.get("type", "message")
            is_said = item.get("role") == "assistant" or kind in ("reasoning", "function_call")
            if is_said:
                if not told or told[-1]["role"] != "assistant":
                    told.append({"role": "assistant", "calls": [], "thought": "", "seal": None})
                if kind == "reasoning":
                    told[-1]["thought"] = item["summary"][0]["text"]
                    told[-1]["seal"] = item.get("encrypted_content")
                elif kind == "function_call":
                    told[-1]["calls"].append(item["call_id"])
            elif kind == "function_call_output":
                if told[-1]["role"] != "tool":
                    told.append({"role": "tool", "results": []})
                told[-1]["results"].append(item["call_id"])
            else:
                told.append({"role": item["role"], "results": []})
        return told

    @staticmethod
    def reply(said: Said, turn: int) -> JSON:
        items: list[JSON] = []
        if said.thought:
            summary = [{"type": "summary_text", "text": said.thought}]
            sealed = seal(said.thought)
            items.append(
                {
                    "type": "reasoning",
                    "id": f"rs_{turn}",
                    "summary": summary,
                    "encrypted_content": sealed,
                }
            )
        if said.text:
            content = [{"type": "output_text", "text": said.text, "annotations": []}]
            items.append(
                {
                    "type": "message",
                    "id": f"msg_{turn}",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            )
        items += [
            {
                "type": "function_call",
                "id": f"fc_{turn}_{place}",
                "call_id": call.get("id", f"call_{turn}_{place}"),
                "name": call["name"],
                "arguments": call["arguments"],
                "status": "completed",
            }
            for place, call in enumerate(said.calls)
        ]
        usage = {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS}
        return {"id": "resp", "model": "m", "status": "completed", "output": items, "usage": usage}

    @staticmethod
    def events(whole: JSON) -> Iterator[JSON]:
        for item in whole["output"]:
            if item["type"] == "message":
                for piece in in_pieces(item["content"][0]["text"]):
                    yield {"type": "response.output_text.delta", "delta": piece}
            if item["type"] == "function_call":
                for piece in in_pieces(item["arguments"]):
                    yield {"type": "response.function_call_arguments.delta", "delta": piece}
        yield {"type": "response.completed", "response": whole}


def in_pieces(text: str, length: int = 7) -> Iterator[str]:
    return (text[at : at + length] for at in range(0, len(text), length))


DIALECTS: dict[str, Any] = {
    "/chat/completions": Chat,
    "/messages": Messages,
    "/responses": Responses,
}
