"""A run ends when nothing has answered for long; what is left is asked by the same command."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import Behaviour, LoopbackServer, html, reply, stalled, status
from tests.support.scripts import Run, entries

SCRIPT = "synthetic_data_generators/generate_code_data.py"
GOOD = reply(maker="identity_program")


def asked(
    run_script: Run, url: str, tasks: Path, folder: Path, *more: str
) -> tuple[int, str, str, float]:
    """Exit code, what was said, the summary, and how long it took, in seconds."""
    began = time.monotonic()
    done = run_script(
        SCRIPT, "--model_identifier", "local:m", "--base_url", url, "--dataset_directory", tasks,
        "--output_directory", folder, "--max_silence_s", "2", "--request_timeout_s", "1", *more,
        RETRY_DELAY_S="0.05",
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr, done.stdout, time.monotonic() - began


DYING: dict[str, list[Behaviour]] = {
    "a gateway without its server": [status(502)],
    "never answers": [stalled()],
    "a page with 503": [html(503)],
}


@pytest.mark.parametrize("last", DYING.values(), ids=DYING.keys())
def test_a_server_that_fails_for_good_ends_the_run_with_one_line(
    last: list[Behaviour], run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(globally=[GOOD] * 4, then=last[0]) as server:
        code, said, summary, _ = asked(run_script, server.openai_url, dataset(count=200), tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("the run ends: ")]
    assert code == 1
    assert "nothing has answered for" in line
    assert "code_data: failed in" in summary
    (metadata,) = entries(tmp_path / "code_data_results.jsonl", "metadata")
    assert metadata["status"] == "failed"
    assert metadata["counts"]["tasks"] < 100, "most were not asked"
    with LoopbackServer(then=GOOD) as server:
        code, _, summary, _ = asked(run_script, server.openai_url, dataset(count=200), tmp_path)
        assert len(server.ledger()) == 196, "what was paid for is not asked again"
    assert code == 0


class Mortal:
    """A server that answers a few requests, dies, and comes back after a time if it is told to."""

    def __init__(self, lives: int, *, away_s: float | None) -> None:
        self._lives, self._away_s = lives, away_s
        self.answered = 0
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        while True:
            with self._socket:
                for _ in range(self._lives):
                    self._answer()
            if self._away_s is None:
                return
            time.sleep(self._away_s)
            self._lives = 10**6
            self._socket = socket.create_server(("127.0.0.1", self.port), backlog=64)

    def _answer(self) -> None:
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as request:
            length = 0
            while line := request.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            request.read(length)
            text = "```python\ndef solve_task(grid):\n    return grid\n```"
            choice = {"message": {"content": text}, "finish_reason": "stop"}
            body = json.dumps({"choices": [choice]}).encode()
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            self.answered += 1


def test_a_server_that_dies_costs_no_task_an_attempt_and_ends_the_run(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    server = Mortal(6, away_s=None)
    code, said, summary, took_s = asked(run_script, server.url, dataset(count=50), tmp_path)
    assert code == 1
    assert "the run ends: nothing has answered for" in said
    assert "the same command asks what is left" in said
    found = entries(tmp_path / "code_data_results.jsonl")
    assert [entry["status"] for entry in found] == [["ok"]] * len(found)
    assert len(found) == 6
    assert "left for the next run" in summary
    assert took_s < 60


def test_a_server_that_comes_back_in_time_is_waited_for(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    server = Mortal(3, away_s=2.5)
    code, said, _, _ = asked(
        run_script, server.url, dataset(count=12), tmp_path, "--max_silence_s", "60"
    )
    assert code == 0, said
    assert server.answered == 12


def test_several_servers_that_all_die_end_the_run(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    urls = ",".join(Mortal(3, away_s=None).url for _ in range(2))
    code, said, _, _ = asked(run_script, urls, dataset(count=50), tmp_path)
    assert code == 1
    assert "the run ends: nothing has answered for" in said
    assert {entry["status"][0] for entry in entries(tmp_path / "code_data_results.jsonl")} == {"ok"}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"],
    ids=["refused", "no such name"],
)
def test_an_address_where_nobody_ever_was_ends_the_run_at_once(
    url: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    code, said, _, _ = asked(run_script, url, dataset(count=50), tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert f"no server answers at {url}" in line


def test_a_server_that_accepts_and_never_answered_ends_the_run(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(then=stalled()) as server:
        code, said, _, _ = asked(run_script, server.openai_url, dataset(count=200), tmp_path)
        assert len(server.ledger()) < 60
    assert code == 1
    assert "the run ends: nothing has answered for" in said


@pytest.mark.parametrize("fault", [status(429), html()], ids=["rate limit", "an odd page"])
def test_a_server_that_answers_something_is_not_silent(
    fault: Behaviour, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(globally=[fault] * 25, then=GOOD) as server:
        code, said, _, _ = asked(
            run_script, server.openai_url, dataset(count=30), tmp_path, "--max_silence_s", "0.01"
        )
    assert "nothing has answered" not in said
    assert code in {0, 1}
