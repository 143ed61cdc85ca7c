"""A model provider on the loopback interface, in a process of its own, that fails as asked.

    with LoopbackServer(first=[status(429), dropped()], then=reply("hi")) as server:
        ... server.openai_url, server.anthropic_url, server.ledger() ...

It plays `POST /v1/chat/completions`, `POST /v1/messages` and `POST /v1/responses`, each as JSON or
as a stream, and responses in the background, which `GET /v1/responses/ID` fetches. Which behaviour
a request meets is decided by the first of these that has one left:

1. `globally`: a list consumed by whatever request comes next;
2. `prompts`: for each text, the list for prompts that contain it, its last item for ever;
3. `first`: a list that each prompt (the hash of its messages) consumes for itself;
4. `mixture`: (share, behaviour) pairs, drawn by a generator seeded with the seed, the prompt and
   how often the prompt was asked, so that a run meets the same ones in whatever order it asks;
5. `then`.

A fetch meets the next of `fetches`, if there is one left.

By hand: `python -m tests.support.loopback_server --port 8000 --script flaky --ledger r.jsonl`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from tests.support.script_process import ScriptProcess

if TYPE_CHECKING:
    from aiohttp import web

JSON = dict[str, Any]


@dataclass(frozen=True)
class Behaviour:
    """What one request meets; made by the functions below, plain enough for JSON."""

    kind: str = "reply"
    # reply, status, body, dropped, stalled
    text: str = "hello"
    # the reply's text; `{n}` is how often this prompt was asked before
    maker: str | None = None
    # the name of a function in MAKERS that makes reasoning and text instead
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    # where a chat completion carries it: reasoning, reasoning_content or reasoning_details
    finish_reason: str | None = "stop"
    # stop, length, refusal or null, in either API's own words
    usage: bool = True
    input_tokens: int = 1000
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 200
    reasoning_tokens: int = 0
    cost: float | None = None
    # OpenRouter's usage.cost
    code: int = 200
    error: Mapping[str, Any] = field(default_factory=dict)
    # the error object of a status; in a 200 or in a stream, sent instead of a reply
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    delay_s: float = 0.0
    trickle_s: float | None = None
    # the pause after each byte of the body
    stall_after: int | None = None
    # send so many events of a stream, and then nothing
    fetches_until_done: int = 2
    # how often a response in the background is not ready
    cut: bool = False
    # stop in the middle: a stream ends early, a body is shorter than announced


def reply(text: str = "hello", **fields: Any) -> Behaviour:
    """A reply; `maker="identity_program"` and alike compute it from the prompt."""
    return Behaviour(text=text, **fields)


def status(
    code: int,
    message: str = "no",
    *,
    error_type: str = "some_error",
    error_code: str | None = None,
    retry_after: str | None = None,
    retry_after_ms: str | None = None,
    delay_s: float = 0.0,
) -> Behaviour:
    """An HTTP error with a JSON body; `retry_after` is seconds or "+N", a date N seconds ahead."""
    headers = {}
    if retry_after is not None:
        headers["retry-after"] = retry_after
    if retry_after_ms is not None:
        headers["retry-after-ms"] = retry_after_ms
    error = {"type": error_type, "code": error_code, "message": message}
    return Behaviour(kind="status", code=code, error=error, headers=headers, delay_s=delay_s)


def insufficient_quota() -> Behaviour:
    """OpenAI's 429 that is no rate limit."""
    return status(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        error_type="insufficient_quota",
        error_code="insufficient_quota",
    )


def dropped(delay_s: float = 0.0) -> Behaviour:
    """The connection is reset before anything is answered."""
    return Behaviour(kind="dropped", delay_s=delay_s)


def stalled() -> Behaviour:
    """The request is read and never answered."""
    return Behaviour(kind="stalled")


def stalled_stream(events: int = 2, **fields: Any) -> Behaviour:
    """A stream of which so many events come, and then nothing, though the connection stays."""
    return Behaviour(stall_after=events, **fields)


def trickling(interval_s: float = 0.05) -> Behaviour:
    """A reply of which a byte comes every `interval_s`."""
    return Behaviour(trickle_s=interval_s)


def body(text: str, content_type: str = "application/json", code: int = 200) -> Behaviour:
    """These very characters."""
    return Behaviour(kind="body", body=text, content_type=content_type, code=code)


def broken_json() -> Behaviour:
    """A 200 whose JSON ends too early, though all bytes announced are there."""
    return body('{"id": "x", "choices": [{"message": {"content": "hel')


def html(code: int = 200) -> Behaviour:
    """The page of some proxy in between."""
    return body("<html><body>Bad gateway</body></html>", "text/html", code)


def error_in_200(code: int | str = 502, message: str = "upstream failed") -> Behaviour:
    """OpenRouter's way to fail late; in a stream of Messages, an error event of the type `code`."""
    return Behaviour(error={"code": code, "type": str(code), "message": message})


def empty_choices() -> Behaviour:
    """A completion without choices."""
    return body('{"id": "x", "object": "chat.completion", "model": "m", "choices": []}')


def null_choices() -> Behaviour:
    """A completion whose choices are null."""
    return body('{"id": "x", "object": "chat.completion", "model": "m", "choices": null}')


def empty_reply(finish_reason: str | None = None) -> Behaviour:
    """No text at all, as from an overloaded provider."""
    return Behaviour(text="", finish_reason=finish_reason, output_tokens=0)


def cut_off(text: str = "a reply that ends in the midd") -> Behaviour:
    """The connection ends in the middle of the reply."""
    return Behaviour(text=text, cut=True)


def identity_program(prompt: str, n: int) -> tuple[str, str]:
    """Reasoning and a program that returns its input."""
    code = f"def solve_task(grid):\n    # sample {n} of a prompt of {len(prompt)} characters\n"
    return (
        f"Sample {n}: keep the grid.",
        f"Nothing changes.\n\n```python\n{code}    return grid\n```\n",
    )


def endless_program(prompt: str, n: int) -> tuple[str, str]:
    """A program that never ends."""
    return "Loop.", "```python\ndef solve_task(grid):\n    while True:\n        pass\n```\n"


def one_cell_grid(prompt: str, n: int) -> tuple[str, str]:
    """A direct answer: the grid of one black cell."""
    return "It is black.", "```json\n[[0]]\n```\n"


def knowing_grids(prompt: str, n: int) -> tuple[str, str]:
    """Answers of a model that knows the tasks in any view and format."""
    from tests.support.knowing_model import grids_for

    return "I know it.", grids_for(prompt)


def knowing_program(prompt: str, n: int) -> tuple[str, str]:
    """A program of a model that knows the tasks in any view and format."""
    from tests.support.knowing_model import program_for

    return "I know it.", f"<reasoning>I know it.</reasoning>\n\n{program_for(prompt)}"


def seeking_judge(prompt: str, n: int) -> tuple[str, str]:
    """A judge of answers that puts the one with BEST in it first, and that with NEXT second."""
    shown = prompt.split("## Candidate ")[1:]
    places = {
        word: at for at, text in enumerate(shown, 1) for word in ("BEST", "NEXT") if word in text
    }
    return "I looked.", f"First: {places.get('BEST')}\nSecond: {places.get('NEXT', 'none')}"


def true_follower(prompt: str, n: int) -> tuple[str, str]:
    """A follower of traces that does what simple ones say."""
    from tests.support.true_follower import reply_of

    return "I follow.", reply_of(prompt)


def any_task(prompt: str, n: int) -> tuple[str, str]:
    """A program that makes a new task, or none, as the prompt decides."""
    from tests.support.task_programs import any_program

    return "", any_program(prompt)


MAKERS: Mapping[str, Callable[[str, int], tuple[str, str]]] = {
    maker.__name__: maker
    for maker in (
        *(identity_program, endless_program, one_cell_grid),
        *(knowing_grids, knowing_program, seeking_judge, true_follower, any_task),
    )
}


@dataclass(frozen=True)
class Script:
    """Which behaviour a request meets; see the module's docstring."""

    globally: Sequence[Behaviour] = ()
    prompts: Mapping[str, Sequence[Behaviour]] = field(default_factory=dict)
    first: Sequence[Behaviour] = ()
    mixture: Sequence[tuple[float, Behaviour]] = ()
    then: Behaviour = field(default_factory=reply)
    fetches: Sequence[Behaviour] = ()
    seed: int = 0
    max_under_way: int | None = None
    # more requests than that at once are rejected with 429, whatever else is scripted


SCRIPTS: Mapping[str, Script] = {
    "programs": Script(then=reply(maker="identity_program", delay_s=0.02)),
    "grids": Script(then=reply(maker="one_cell_grid", delay_s=0.02)),
    "flaky": Script(
        mixture=[
            (0.05, status(429, retry_after="0.1")),
            (0.05, status(503)),
            (0.05, dropped()),
            (0.05, broken_json()),
        ],
        then=reply(maker="identity_program", delay_s=0.05),
    ),
    "no_credit": Script(then=insufficient_quota()),
    "bad_key": Script(then=status(401, "Incorrect API key provided")),
}


@dataclass(frozen=True)
class LedgerEntry:
    """One request; `completed` is None while nothing is decided, False where the reply was cut."""

    number: int
    path: str
    headers: JSON
    body: JSON
    received_at: float
    behaviour: JSON | None = None
    completed: bool | None = None
    finished_at: float | None = None


class LoopbackServer:
    """The server as a context manager."""

    def __init__(self, script: Script | None = None, *, ledger: Path | None = None, **fields: Any):
        """Take a Script, or its fields; `ledger` keeps the requests where the caller wants them."""
        self.script = script or Script(**fields)
        self.openai_url = self.anthropic_url = ""
        self._folder = tempfile.TemporaryDirectory(prefix="loopback")
        self.ledger_path = ledger or Path(self._folder.name, "ledger.jsonl")

    def __enter__(self) -> Self:
        """Start the process and wait until it listens."""
        script_path = Path(self._folder.name, "script.json")
        script_path.write_text(json.dumps(asdict(self.script)))
        options = ("--port", "0", "--script_file", script_path, "--ledger", self.ledger_path)
        self._process = ScriptProcess("tests/support/loopback_server.py", *options)
        urls = json.loads(self._process.first_line())
        self.openai_url, self.anthropic_url = urls["openai_url"], urls["anthropic_url"]
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process: a stalled request would hold a gentle end."""
        self.stop()
        self._folder.cleanup()

    def stop(self) -> None:
        """Kill the process now; the ledger stays readable inside the `with` block."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def ledger(self) -> list[LedgerEntry]:
        """Every request so far, in the order of arrival."""
        return read_ledger(self.ledger_path)


def read_ledger(path: Path) -> list[LedgerEntry]:
    """The requests in a ledger file, in the order of arrival."""
    entries: dict[int, JSON] = {}
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    for line in lines:
        if line.endswith("\n"):
            event = json.loads(line)
            entries.setdefault(event["number"], {}).update(event)
    return [LedgerEntry(**entry) for entry in entries.values()]


class _Director:
    """Deals out the script's behaviours and keeps the ledger; lives in the server's process."""

    def __init__(self, script: Script, ledger: IO[str]):
        self._script, self._ledger = script, ledger
        self._globally = iter(script.globally)
        self._fetches = iter(script.fetches)
        self.responses: dict[str, _Background] = {}
        self._asked: Counter[str] = Counter()
        self._asked_with: defaultdict[str, int] = defaultdict(int)
        self._requests = self._under_way = 0

    def begin(self, request: web.Request, request_body: JSON) -> tuple[int, Behaviour, int]:
        """Write the request down; its number, its behaviour, and how often it was asked before."""
        number, self._requests = self._requests, self._requests + 1
        self._under_way += 1
        self._write(
            number=number,
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request_body,
            received_at=time.time(),
        )
        prompt = json.dumps([request_body.get("system"), messages_of(request_body)])
        key = hashlib.sha256(prompt.encode()).hexdigest()
        n, self._asked[key] = self._asked[key], self._asked[key] + 1
        return number, self._choose(prompt, key, n), n

    def fetch(self, request: web.Request) -> tuple[int, Behaviour | None]:
        """Write a fetch down; its number, and what goes wrong with it, if anything does."""
        number, self._requests = self._requests, self._requests + 1
        self._under_way += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self._write(
            number=number, path=request.path, headers=headers, body={}, received_at=time.time()
        )
        return number, next(self._fetches, None)

    def end(self, number: int, behaviour: Behaviour, *, completed: bool) -> None:
        """Write down what became of the request."""
        self._under_way -= 1
        self._write(
            number=number,
            behaviour=asdict(behaviour),
            completed=completed,
            finished_at=time.time(),
        )

    def _choose(self, prompt: str, key: str, n: int) -> Behaviour:
        if self._under_way > (self._script.max_under_way or self._under_way):
            return status(429, "too many requests at once")
        for behaviour in self._globally:
            return behaviour
        for text, behaviours in self._script.prompts.items():
            if json.dumps(text)[1:-1] in prompt:
                turn, self._asked_with[text] = self._asked_with[text], self._asked_with[text] + 1
                return behaviours[min(turn, len(behaviours) - 1)]
        if n < len(self._script.first):
            return self._script.first[n]
        draw = random.Random(f"{self._script.seed} {key} {n}").random()
        for share, behaviour in self._script.mixture:
            draw -= share
            if draw < 0:
                return behaviour
        return self._script.then

    def _write(self, **event: Any) -> None:
        self._ledger.write(json.dumps(event) + "\n")
        self._ledger.flush()


async def _answer(request: web.Request, director: _Director) -> web.StreamResponse:
    from aiohttp import web

    request_body = await request.json()
    number, behaviour, n = director.begin(request, request_body)
    completed = False
    try:
        await asyncio.sleep(behaviour.delay_s)
        if behaviour.kind == "stalled":
            await asyncio.Event().wait()
        if behaviour.kind == "dropped":
            _drop(request)
            return web.Response()
        api = APIS[request.path.rsplit("/", 1)[1]](request_body, behaviour, n)
        if request_body.get("background") and behaviour.kind == "reply":
            found = _Background(f"resp_{number}", api)
            director.responses[found.response_id] = found
            completed = True
            return web.json_response(found.begun())
        headers, chunks = _encode(api, behaviour)
        response = web.StreamResponse(status=behaviour.code, headers=headers)
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            await _send(request, response, chunks, behaviour)
            completed = not behaviour.cut
        return response
    finally:
        director.end(number, behaviour, completed=completed)


async def _fetched(request: web.Request, director: _Director) -> web.StreamResponse:
    """What has become of a response in the background."""
    from aiohttp import web

    number, fault = director.fetch(request)
    found = director.responses.get(request.match_info["id"])
    try:
        if fault is not None and fault.kind == "stalled":
            await asyncio.Event().wait()
        if fault is not None and fault.kind == "dropped":
            _drop(request)
            return web.Response()
        if fault is not None:
            return web.json_response({"error": dict(fault.error)}, status=fault.code)
        if found is None:
            return web.json_response({"error": {"message": "no such response"}}, status=404)
        return web.json_response(found.fetched())
    finally:
        director.end(number, fault or Behaviour(), completed=fault is None)


def _encode(api: _Api, behaviour: Behaviour) -> tuple[dict[str, str], list[bytes]]:
    """The headers, and the body in the pieces in which it is sent."""
    headers = {"content-type": behaviour.content_type, **behaviour.headers}
    if headers.get("retry-after", "").startswith("+"):
        headers["retry-after"] = formatdate(
            time.time() + float(headers["retry-after"]), usegmt=True
        )
    if behaviour.kind == "body":
        chunks = [behaviour.body.encode(errors="surrogateescape")]
    elif behaviour.kind == "status":
        chunks = [json.dumps(api.error()).encode()]
    elif api.streams:
        headers["content-type"] = "text/event-stream"
        chunks = [event.encode() for event in api.events()]
        return headers, chunks[: len(chunks) // 2] if behaviour.cut else chunks
    else:
        chunks = [json.dumps(api.error() if behaviour.error else api.whole()).encode()]
    headers["content-length"] = str(len(chunks[0]))
    return headers, [chunks[0][: len(chunks[0]) // 2]] if behaviour.cut else chunks


async def _send(
    request: web.Request, response: web.StreamResponse, chunks: list[bytes], behaviour: Behaviour
) -> None:
    for number, chunk in enumerate(chunks):
        if number == behaviour.stall_after:
            await asyncio.Event().wait()
        if behaviour.trickle_s is None:
            await response.write(chunk)
            continue
        for byte in chunk:
            await response.write(bytes([byte]))
            await asyncio.sleep(behaviour.trickle_s)
    if behaviour.cut and "content-length" in response.headers:
        _drop(request)
    else:
        await response.write_eof()


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _text_of(message: JSON) -> str:
    """The text of a message, with an empty line between its parts."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n\n".join(part["text"] for part in content if part["type"] == "text")


class _Api:
    """A reply in one API's clothes."""

    def __init__(self, request_body: JSON, behaviour: Behaviour, n: int):
        self.behaviour = behaviour
        self.model = request_body.get("model", "")
        self.streams = bool(request_body.get("stream"))
        self.reasoning, self.text = behaviour.reasoning, behaviour.text.replace("{n}", str(n))
        if behaviour.maker:
            prompt = "\n".join(map(_text_of, messages_of(request_body)))
            self.reasoning, self.text = MAKERS[behaviour.maker](prompt, n)

    def error(self) -> JSON:
        raise NotImplementedError

    def whole(self) -> JSON:
        raise NotImplementedError

    def events(self) -> Iterator[str]:
        raise NotImplementedError


class _ChatCompletions(_Api):
    def error(self) -> JSON:
        return {"error": dict(self.behaviour.error)}

    def whole(self) -> JSON:
        choice = {
            "index": 0,
            "message": self._message(self.text),
            "finish_reason": self._finish_reason(),
        }
        return self._envelope("chat.completion", [choice]) | self._usage()

    def events(self) -> Iterator[str]:
        if self.behaviour.error:
            failed = self._envelope("chat.completion.chunk", []) | self.error()
            yield f"data: {json.dumps(failed)}\n\n"
            return
        first = {"index": 0, "delta": self._message(self.text[:5]), "finish_reason": None}
        second = {"index": 0, "delta": {"content": self.text[5:]}, "finish_reason": None}
        last = {"index": 0, "delta": {}, "finish_reason": self._finish_reason()}
        for choices in ([first], [second], [last], []):
            chunk = self._envelope("chat.completion.chunk", choices)
            yield f"data: {json.dumps(chunk if choices else chunk | self._usage())}\n\n"
        yield "data: [DONE]\n\n"

    def _envelope(self, kind: str, choices: list[JSON]) -> JSON:
        now = int(time.time())
        return {"id": "x", "object": kind, "created": now, "model": self.model, "choices": choices}

    def _finish_reason(self) -> str | None:
        reason = self.behaviour.finish_reason
        return "content_filter" if reason == "refusal" else reason

    def _message(self, text: str) -> JSON:
        message: JSON = {"role": "assistant", "content": text}
        name = self.behaviour.reasoning_field
        if self.reasoning is not None and name == "reasoning_details":
            message[name] = [{"type": "reasoning.text", "text": self.reasoning}]
        elif self.reasoning is not None:
            message[name] = self.reasoning
        return message

    def _usage(self) -> JSON:
        it = self.behaviour
        if not it.usage:
            return {}
        usage: JSON = {
            "prompt_tokens": it.input_tokens,
            "completion_tokens": it.output_tokens,
            "total_tokens": it.input_tokens + it.output_tokens,
            "prompt_tokens_details": {"cached_tokens": it.cached_input_tokens},
            "completion_tokens_details": {"reasoning_tokens": it.reasoning_tokens},
        }
        return {"usage": usage if it.cost is None else usage | {"cost": it.cost}}


class _Messages(_Api):
    def error(self) -> JSON:
        return {"type": "error", "error": dict(self.behaviour.error)}

    def whole(self) -> JSON:
        return self._start() | {
            "content": self._blocks(),
            "stop_reason": self._stop_reason(),
            "usage": self._usage(self.behaviour.output_tokens),
        }

    def events(self) -> Iterator[str]:
        yield _event("message_start", message=self._start())
        if self.behaviour.error:
            yield _event("error", error=dict(self.behaviour.error))
            return
        for index, block in enumerate(self._blocks()):
            name = block["type"]
            yield _event("content_block_start", index=index, content_block=block | {name: ""})
            for part in (block[name][:5], block[name][5:]):
                delta = {"type": f"{name}_delta", name: part}
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        delta = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        usage = {"output_tokens": self.behaviour.output_tokens}
        yield _event("message_delta", delta=delta, usage=usage)
        yield _event("message_stop")

    def _start(self) -> JSON:
        return {
            "id": "msg_x",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._usage(1),
        }

    def _blocks(self) -> list[JSON]:
        thinking = {"type": "thinking", "thinking": self.reasoning, "signature": "s"}
        text = {"type": "text", "text": self.text}
        return [text] if self.reasoning is None else [thinking, text]

    def _stop_reason(self) -> str | None:
        reason = self.behaviour.finish_reason
        return {"stop": "end_turn", "length": "max_tokens"}.get(reason or "", reason)

    def _usage(self, output_tokens: int) -> JSON:
        it = self.behaviour
        return {
            "input_tokens": it.input_tokens - it.cached_input_tokens - it.cache_write_tokens,
            "cache_read_input_tokens": it.cached_input_tokens,
            "cache_creation_input_tokens": it.cache_write_tokens,
            "output_tokens": output_tokens,
        }


class _Responses(_Api):
    def error(self) -> JSON:
        return {"error": dict(self.behaviour.error)}

    def whole(self) -> JSON:
        it = self.behaviour
        details = {"reason": "max_output_tokens"} if it.finish_reason == "length" else None
        return self.envelope("incomplete" if details else "completed") | {
            "incomplete_details": details,
            "output": self._items(),
            "usage": {
                "input_tokens": it.input_tokens,
                "input_tokens_details": {"cached_tokens": it.cached_input_tokens},
                "output_tokens": it.output_tokens,
                "output_tokens_details": {"reasoning_tokens": it.reasoning_tokens},
                "total_tokens": it.input_tokens + it.output_tokens,
            },
        }

    def events(self) -> Iterator[str]:
        yield _event("response.created", response=self.envelope("in_progress"))
        if self.behaviour.error:
            yield _event("error", **{**self.behaviour.error, "type": "error"})
            return
        if self.reasoning is not None:
            yield _event("response.reasoning_summary_text.delta", delta=self.reasoning)
        for part in (self.text[:5], self.text[5:]):
            yield _event("response.output_text.delta", delta=part)
        whole = self.whole()
        yield _event(f"response.{whole['status']}", response=whole)

    def envelope(self, status: str) -> JSON:
        return {
            "id": "resp_x",
            "object": "response",
            "model": self.model,
            "status": status,
            "error": None,
            "output": [],
        }

    def _items(self) -> list[JSON]:
        is_refusal = self.behaviour.finish_reason == "refusal"
        content = (
            {"type": "refusal", "refusal": self.text}
            if is_refusal
            else {"type": "output_text", "text": self.text, "annotations": []}
        )
        message = {"type": "message", "role": "assistant", "id": "m", "content": [content]}
        summary = [{"type": "summary_text", "text": self.reasoning}]
        reasoning = {"type": "reasoning", "id": "r", "summary": summary, "encrypted_content": "?"}
        return [message] if self.reasoning is None else [reasoning, message]


class _Background:
    """A response that is made in the background."""

    def __init__(self, response_id: str, api: _Api):
        self.response_id = response_id
        self._api = api
        self._fetches = 0

    def begun(self) -> JSON:
        return self._api.whole() | {
            "id": self.response_id, "status": "queued", "output": [], "usage": None
        }  # fmt: skip

    def fetched(self) -> JSON:
        self._fetches += 1
        whole = self._api.whole() | {"id": self.response_id}
        if self._fetches > self._api.behaviour.fetches_until_done:
            return whole
        return whole | {"status": "in_progress", "output": [], "usage": None}


APIS: Mapping[str, type[_Api]] = {
    "completions": _ChatCompletions,
    "messages": _Messages,
    "responses": _Responses,
}


def messages_of(request_body: JSON) -> list[JSON]:
    """The messages of a request in any API."""
    found: list[JSON] = request_body.get("messages") or request_body.get("input") or []
    return found


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


async def _serve(script: Script, port: int, ledger: IO[str], *, parent: int | None) -> None:
    """Serve until killed, or until the parent process, if one is given, has ended."""
    from aiohttp import web

    director = _Director(script, ledger)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await _answer(request, director)

    async def fetched(request: web.Request) -> web.StreamResponse:
        return await _fetched(request, director)

    application = web.Application(client_max_size=64 * 2**20)
    application.router.add_post("/v1/chat/completions", answer)
    application.router.add_post("/v1/messages", answer)
    application.router.add_post("/v1/responses", answer)
    application.router.add_get("/v1/responses/{id}", fetched)
    # Without cancellation a stalled request would not notice that its client has left.
    runner = web.AppRunner(application, handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(json.dumps({"openai_url": f"{address}/v1", "anthropic_url": address}), flush=True)
    while parent in {None, os.getppid()}:
        await asyncio.sleep(1)


def _read_script(path: Path) -> Script:
    fields = json.loads(path.read_text())
    return Script(
        globally=[Behaviour(**item) for item in fields["globally"]],
        prompts={
            text: [Behaviour(**item) for item in items] for text, items in fields["prompts"].items()
        },
        first=[Behaviour(**item) for item in fields["first"]],
        mixture=[(share, Behaviour(**item)) for share, item in fields["mixture"]],
        then=Behaviour(**fields["then"]),
        fetches=[Behaviour(**item) for item in fields["fetches"]],
        seed=fields["seed"],
        max_under_way=fields["max_under_way"],
    )


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description="A provider that fails as asked, for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", choices=sorted(SCRIPTS), default="programs")
    parser.add_argument("--script_file", type=Path, help="a Script as JSON, instead of --script")
    parser.add_argument("--ledger", type=Path, default=Path("loopback_ledger.jsonl"))
    options = parser.parse_args()
    script = _read_script(options.script_file) if options.script_file else SCRIPTS[options.script]
    with options.ledger.open("a") as ledger, contextlib.suppress(KeyboardInterrupt):
        parent = os.getppid() if options.script_file else None
        asyncio.run(_serve(script, options.port, ledger, parent=parent))


if __name__ == "__main__":
    main()
