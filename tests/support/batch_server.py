"""OpenAI's and Anthropic's batch endpoints on the loopback interface, with a ledger.

    with BatchServer(polls=2, fate=lambda prompt, n: "errored" if n == 0 else "ok") as server:
        ... server.openai_url, server.anthropic_url, server.batches, server.bought ...

It runs in a thread, so that scripts in processes of their own can be killed and started again
while it keeps what it was given. A batch ends at the poll after `polls`, unless `held`; then each
of its requests has its fate: ok, empty (a reply without text), moderated, errored, expired,
cancelled, missing (no result at all).
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from tests.support.loopback_server import Behaviour, _ChatCompletions, _Messages

if TYPE_CHECKING:
    from aiohttp import web

JSON = dict[str, Any]
Fate = Callable[[str, int], str]
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_BETWEEN_PAGES = 3
"""So few batches a page of the list has, that looking through it takes several."""


@dataclass
class ServedBatch:
    """One batch as it was created, and what it came to."""

    batch_id: str
    api: str
    requests: dict[str, JSON]
    metadata: JSON
    created_at: float = field(default_factory=time.time)
    polls: int = 0
    ending: str | None = None
    """completed, expired, cancelled or failed, once it has ended."""
    lines: list[JSON] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)

    @property
    def keys(self) -> list[str]:
        return [custom_id.split("-")[0] for custom_id in self.requests]


class BatchServer:
    """The server as a context manager."""

    def __init__(
        self,
        *,
        maker: str = "identity_program",
        output_tokens: int = 200,
        fate: Fate = lambda prompt, n: "ok",
        polls: int = 1,
        held: bool = False,
        endings: Sequence[str] = (),
        creations: Sequence[str] = (),
        uploads: Sequence[str] = (),
        cut_downloads: int = 0,
        stalled_downloads: int = 0,
    ) -> None:
        """`endings`, `creations` and `uploads` say how the first ones go.

        A creation or an upload is ok, refused (429, before), dropped_before, dropped_after,
        stalled_before or stalled_after; an ending is completed, expired, cancelled or
        failed:CODE; the first `cut_downloads` downloads of results end in the middle, and the
        `stalled_downloads` after them stop there.
        """
        self._behaviour = Behaviour(maker=maker, output_tokens=output_tokens)
        self._fate = fate
        self._polls = polls
        self.held = held
        self._endings = list(endings)
        self._exchanges = {"creation": list(creations), "upload": list(uploads)}
        self._cut_downloads, self._stalled_downloads = cut_downloads, stalled_downloads
        self._files: dict[str, bytes] = {}
        self.batches: list[ServedBatch] = []
        self.bought: Counter[str] = Counter()
        """How often the request of each key was answered, by its key."""
        self.seen: Counter[str] = Counter()
        """Exchanges by method and route."""
        self._asked: Counter[str] = Counter()
        self.reached = threading.Event()
        """Set when an exchange stalls."""

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        from aiohttp import web

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        application = web.Application(client_max_size=2**30, middlewares=[self._middleware()])
        add = application.router.add_route
        add("POST", "/v1/files", self._upload)
        add("GET", "/v1/files/{file_id}/content", self._content)
        add("POST", "/v1/batches", self._create_openai)
        add("GET", "/v1/batches", self._list_openai)
        add("GET", "/v1/batches/{batch_id}", self._retrieve)
        add("POST", "/v1/messages/batches", self._create_anthropic)
        add("GET", "/v1/messages/batches", self._list_anthropic)
        add("GET", "/v1/messages/batches/{batch_id}", self._retrieve)
        add("GET", "/v1/messages/batches/{batch_id}/results", self._results)
        runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.anthropic_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.openai_url = f"{self.anthropic_url}/v1"
        ready.set()
        await self._ended.wait()
        await runner.cleanup()

    def _middleware(self) -> Any:
        from aiohttp import web

        @web.middleware
        async def counted(request: web.Request, handler: Any) -> web.StreamResponse:
            resource = request.match_info.route.resource
            self.seen[f"{request.method} {resource.canonical if resource else request.path}"] += 1
            response: web.StreamResponse = await handler(request)
            return response

        return counted

    async def _exchange(
        self, kind: str, request: web.Request, act: Callable[[], JSON]
    ) -> web.StreamResponse:
        """Do what is asked, or what the script says instead."""
        from aiohttp import web

        script = self._exchanges[kind]
        manner = script.pop(0) if script else "ok"
        if manner == "refused":
            error = {"type": "rate_limit_error", "code": "rate_limit", "message": "slow down"}
            return web.json_response({"error": error}, status=429, headers={"retry-after": "0.01"})
        answer = {} if manner.endswith("before") else act()
        if manner.startswith("stalled"):
            self.reached.set()
            await asyncio.Event().wait()
        if manner.startswith("dropped") and request.transport is not None:
            request.transport.abort()
        return web.json_response(answer)

    # What creates

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        content = form["file"].file.read()  # type: ignore[union-attr]
        assert form["purpose"] == "batch"

        def act() -> JSON:
            file_id = f"file-{len(self._files)}"
            self._files[file_id] = content
            return {"id": file_id, "object": "file", "purpose": "batch"}

        return await self._exchange("upload", request, act)

    async def _create_openai(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        lines = self._files[body["input_file_id"]].splitlines()
        items = [json.loads(line) for line in lines]
        assert all(item["url"] == body["endpoint"] for item in items)
        requests = [(item["custom_id"], item["body"]) for item in items]
        return await self._exchange(
            "creation", request, lambda: self._created("openai", requests, body["metadata"])
        )

    async def _create_anthropic(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        requests = [(item["custom_id"], item["params"]) for item in body["requests"]]
        assert not any("stream" in params for _, params in requests)
        return await self._exchange(
            "creation", request, lambda: self._created("anthropic", requests, {})
        )

    def _created(self, api: str, requests: list[tuple[str, JSON]], metadata: JSON) -> JSON:
        assert all(_CUSTOM_ID.fullmatch(custom_id) for custom_id, _ in requests)
        assert len(dict(requests)) == len(requests), "custom_ids are unique within a batch"
        name = f"{'batch' if api == 'openai' else 'msgbatch'}_{len(self.batches)}"
        batch = ServedBatch(name, api, dict(requests), metadata)
        self.batches.append(batch)
        return self._described(batch)

    # What is asked about it

    async def _retrieve(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        batch = self._batch(request)
        if batch is None:
            return web.json_response({"error": {"message": "no such batch"}}, status=404)
        batch.polls += 1
        if batch.ending is None and batch.polls > self._polls and not self.held:
            self._end(batch)
        return web.json_response(self._described(batch))

    async def _list_openai(self, request: web.Request) -> web.StreamResponse:
        return self._page("openai", request.query.get("after"))

    async def _list_anthropic(self, request: web.Request) -> web.StreamResponse:
        return self._page("anthropic", request.query.get("after_id"))

    def _page(self, api: str, after: str | None) -> web.StreamResponse:
        from aiohttp import web

        newest_first = [batch for batch in reversed(self.batches) if batch.api == api]
        names = [batch.batch_id for batch in newest_first]
        start = names.index(after) + 1 if after else 0
        page = newest_first[start : start + _BETWEEN_PAGES]
        more = len(newest_first) > start + _BETWEEN_PAGES
        return web.json_response(
            {"data": [self._described(batch) for batch in page], "has_more": more}
        )

    async def _content(self, request: web.Request) -> web.StreamResponse:
        name, _, part = request.match_info["file_id"].rpartition("-")
        batch = next(batch for batch in self.batches if batch.batch_id == name)
        good = [line for line in batch.lines if (line["response"] or {}).get("status_code") == 200]
        bad = [line for line in batch.lines if line not in good]
        return await self._download(request, good if part == "output" else bad)

    async def _results(self, request: web.Request) -> web.StreamResponse:
        batch = self._batch(request)
        assert batch is not None
        return await self._download(request, batch.lines)

    async def _download(self, request: web.Request, lines: list[JSON]) -> web.StreamResponse:
        from aiohttp import web

        content = b"".join(json.dumps(line).encode() + b"\n" for line in reversed(lines))
        if not self._cut_downloads and not self._stalled_downloads:
            return web.Response(body=content, content_type="application/octet-stream")
        response = web.StreamResponse(headers={"content-length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        if not self._cut_downloads:
            self._stalled_downloads -= 1
            self.reached.set()
            await asyncio.Event().wait()
        self._cut_downloads -= 1
        assert request.transport is not None
        request.transport.close()
        return response

    def _batch(self, request: web.Request) -> ServedBatch | None:
        name = request.match_info["batch_id"]
        return next((batch for batch in self.batches if batch.batch_id == name), None)

    # What becomes of it

    def _end(self, batch: ServedBatch) -> None:
        ending = self._endings.pop(0) if self._endings else "completed"
        batch.ending = ending
        if ending.startswith("failed"):
            return
        for number, (custom_id, body) in enumerate(batch.requests.items()):
            prompt = json.dumps(body["messages"])
            key = custom_id.split("-")[0]
            n, self._asked[key] = self._asked[key], self._asked[key] + 1
            fate = self._fate(prompt, n)
            if ending in {"expired", "cancelled"} and number % 2:
                fate = ending
            batch.fates[fate] += 1
            self.bought[key] += fate in {"ok", "empty"}
            line = (_openai_line if batch.api == "openai" else _anthropic_line)(
                custom_id, body, fate, self._behaviour, sum(map(ord, key))
            )
            if line is not None:
                batch.lines.append(line)

    def _described(self, batch: ServedBatch) -> JSON:
        return (self._openai if batch.api == "openai" else self._anthropic)(batch)

    def _openai(self, batch: ServedBatch) -> JSON:
        ended = batch.ending is not None
        word, _, code = (batch.ending or "in_progress").partition(":")
        good = batch.fates["ok"] + batch.fates["empty"]
        errors = {"data": [{"code": code, "message": f"because of {code}"}]} if code else None
        name = batch.batch_id
        return {
            "id": name,
            "object": "batch",
            "status": word,
            "created_at": int(batch.created_at),
            "metadata": batch.metadata,
            "errors": errors,
            "output_file_id": f"{name}-output" if ended and good else None,
            "error_file_id": f"{name}-errors" if ended and not code else None,
            "request_counts": {
                "total": len(batch.requests),
                "completed": good,
                "failed": len(batch.lines) - good,
            },
        }

    def _anthropic(self, batch: ServedBatch) -> JSON:
        ended = batch.ending is not None
        fates = batch.fates
        return {
            "id": batch.batch_id,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "created_at": datetime.fromtimestamp(batch.created_at, UTC).isoformat(),
            "results_url": f"{self.anthropic_url}/v1/messages/batches/{batch.batch_id}/results"
            if ended
            else None,
            "request_counts": {
                "processing": 0 if ended else len(batch.requests),
                "succeeded": fates["ok"] + fates["empty"],
                "errored": fates["errored"] + fates["moderated"] + fates["missing"],
                "expired": fates["expired"],
                "canceled": fates["cancelled"],
            },
        }


def _openai_line(
    custom_id: str, body: JSON, fate: str, behaviour: Behaviour, n: int
) -> JSON | None:
    if fate == "missing":
        return None
    line: JSON = {"id": "x", "custom_id": custom_id, "response": None, "error": None}
    if fate in {"expired", "cancelled"}:
        return line | {"error": {"code": f"batch_{fate}", "message": fate}}
    if fate == "errored":
        return line | {"response": {"status_code": 500, "body": {"error": {"message": "oops"}}}}
    if fate == "moderated":
        error = {"message": "flagged by content policy", "code": "content_policy_violation"}
        return line | {"response": {"status_code": 400, "body": {"error": error}}}
    whole = _ChatCompletions(body, behaviour, n).whole()
    if fate == "empty":
        whole["choices"] = []
    return line | {"response": {"status_code": 200, "body": whole}}


def _anthropic_line(
    custom_id: str, body: JSON, fate: str, behaviour: Behaviour, n: int
) -> JSON | None:
    if fate == "missing":
        return None
    result: JSON = {"type": {"cancelled": "canceled", "moderated": "errored"}.get(fate, fate)}
    if fate == "errored":
        result["error"] = {"type": "error", "error": {"type": "api_error", "message": "oops"}}
    elif fate == "moderated":
        error = {"type": "invalid_request_error", "message": "output blocked by content filter"}
        result["error"] = {"type": "error", "error": error}
    elif fate in {"ok", "empty"}:
        message = _Messages(body, behaviour, n).whole()
        result = {"type": "succeeded", "message": message}
        if fate == "empty":
            message["content"], message["usage"] = [], {}
    return {"custom_id": custom_id, "result": result}
