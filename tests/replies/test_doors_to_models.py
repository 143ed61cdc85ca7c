"""Adding a provider and an API as CONTRIBUTING says; and how deep a request's way is."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from benchmark import run_code_benchmark
from synthetic_data_generators import generate_code_data
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import REPOSITORY, entries
from utilities.model_catalogue import PROVIDERS, ModelEntry
from utilities.models.api_client import APIClient
from utilities.models.chat_completions import openai_sdk
from utilities.models.content import text_of
from utilities.models.factory import CLIENTS
from utilities.models.interface import Message, Reply, Sampling, Usage
from utilities.models.json_fields import count_at, text_at

if TYPE_CHECKING:
    import httpx2

PROGRAM = "```python\ndef solve_task(grid):\n    return grid\n```"
MOST_FRAMES = 12
RESULTS = "code_data_results.jsonl"


@pytest.fixture
def run_main(
    tmp_path: Path, dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Runs a script's `main` in this process on one task; gives the entry of its results."""

    def run(main: Callable[[], int], *arguments: str, results: str = RESULTS) -> dict[str, Any]:
        words = ["--dataset_directory", str(dataset(count=1)), "--output_directory", str(tmp_path)]
        monkeypatch.setattr(sys, "argv", ["script", *arguments, *words])
        assert main() == 0
        (entry,) = entries(tmp_path / results)
        return entry

    return run


def test_a_provider_is_one_entry_of_a_table(
    run_main: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        acme = ModelEntry(
            provider="acme",
            key_variable="ACME_API_KEY",
            base_url=server.openai_url,
            price_override=(1.0, 5.0),
            extra_body={"tier": "batchless"},
        )
        monkeypatch.setitem(PROVIDERS, "acme", acme)
        monkeypatch.setenv("ACME_API_KEY", "the-key-of-acme")
        entry = run_main(generate_code_data.main, "--model_identifier", "acme:rocket-1")
        (request,) = server.ledger()
    assert (entry["model"], entry["status"]) == ("acme:rocket-1", ["ok"])
    assert request.headers["authorization"] == "Bearer the-key-of-acme"
    assert (request.body["model"], request.body["tier"]) == ("rocket-1", "batchless")
    assert entry["cost_usd"] == [pytest.approx(0.002)]


class ToyClient(APIClient):
    """Asks one server in a toy's API: a prompt in, an answer out."""

    path = "/say"

    def connect(self, max_connections: int) -> tuple[httpx2.AsyncClient, Mapping[str, Any]]:
        http, _ = openai_sdk(self.entry, self.key, max_connections)
        return http, {"x-toy-key": self.key, "content-type": "application/json"}

    def body(self, messages: list[Message], sampling: Sampling) -> dict[str, Any]:
        return {"prompt": "\n".join(text_of(message["content"]) for message in messages)}

    def read_document(self, document: object) -> Reply:
        if not text_at(document, "answer"):
            raise self.triage.no_reply("the toy says nothing")
        tokens = count_at(document, "tokens")
        return Reply(text_at(document, "answer"), usage=Usage(output_tokens=tokens))


@contextmanager
def toy_server() -> Iterator[tuple[str, list[tuple[str, str, dict[str, Any]]]]]:
    """Its address, and the path, the key and the body of each request; the first one fails."""
    seen: list[tuple[str, str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append((self.path, self.headers["x-toy-key"], body))
            answer = {"answer": PROGRAM if len(seen) > 1 else "", "tokens": 7}
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()


def test_an_api_is_one_client_in_a_table(
    run_main: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with toy_server() as (url, seen):
        toy = ModelEntry(provider="toyland", key_variable="TOY_KEY", base_url=url, api="toy")
        monkeypatch.setitem(CLIENTS, "toy", ToyClient)
        monkeypatch.setitem(PROVIDERS, "toyland", toy)
        monkeypatch.setenv("TOY_KEY", "0123456789")
        entry = run_main(generate_code_data.main, "--model_identifier", "toyland:bear")
    assert [(path, key) for path, key, _ in seen] == [("/say", "0123456789")] * 2
    assert "grid" in seen[0][2]["prompt"]
    assert (entry["status"], entry["model"]) == (["ok"], "toyland:bear")
    assert entry["usage"][0]["output_tokens"] == 7
    assert [attempt["cause"] for attempt in entry["failed_attempts"][0]] == ["provider_error"]


class Watched:
    """A connection pool that notes which functions of ours a request comes through."""

    def __init__(self, http: httpx2.AsyncClient, ways: list[list[str]]) -> None:
        self.headers = http.headers
        self.aclose = http.aclose
        self._http = http
        self._ways = ways

    async def send(self, request: httpx2.Request, *, stream: bool) -> httpx2.Response:
        self._ways.append(list(ours(sys._getframe(1))))
        return await self._http.send(request, stream=stream)


def ours(frame: FrameType | None) -> Iterator[str]:
    """The functions of this repository from here up to the run loop, which is left out."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(REPOSITORY) and ".venv" not in path.parts:
            name = f"{path.relative_to(REPOSITORY)}: {frame.f_code.co_name}"
            if path.name == "loop.py":
                return
            yield name
        frame = frame.f_back


@pytest.mark.parametrize(("api", "model"), [("chat", "local:m"), ("messages", "anthropic:m")])
@pytest.mark.parametrize("script", [generate_code_data, run_code_benchmark])
def test_from_the_run_loop_to_the_wire_it_is_twelve_frames_or_fewer(
    script: Any,
    api: str,
    model: str,
    run_main: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways: list[list[str]] = []

    class WatchedClient(CLIENTS[api]):  # type: ignore[valid-type, misc]
        def connect(self, max_connections: int) -> tuple[Any, Mapping[str, Any]]:
            http, headers = super().connect(max_connections)
            return Watched(http, ways), headers

    monkeypatch.setitem(CLIENTS, api, WatchedClient)
    results = "code_benchmark_results.jsonl" if script is run_code_benchmark else RESULTS
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        url = server.openai_url if api == "chat" else server.anthropic_url
        arguments = ("--model_identifier", model, "--base_url", url, "--best_of", "1")
        run_main(script.main, *arguments, results=results)
    (way,) = ways
    assert way[0].endswith("api_client.py: send")
    assert any(name.endswith(": answer") for name in way)
    assert len(way) <= MOST_FRAMES, way
