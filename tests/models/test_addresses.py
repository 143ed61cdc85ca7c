"""A server's API lies at its root or below /v1; what is at neither place is said to be nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.test_bodies import COMPLETION, JSON, MESSAGE, announced, document
from tests.support.raw_server import raw_server
from tests.support.scripts import Run, entries

SCRIPT = "synthetic_data_generators/generate_code_data.py"
PROGRAM = "```python\ndef solve_task(grid):\n    return grid\n```"
CHAT = announced(document({**COMPLETION, "choices": [
    {"message": {"content": PROGRAM}, "finish_reason": "stop"}]}), JSON)  # fmt: skip
CLAUDE = announced(document({**MESSAGE, "content": [{"type": "text", "text": PROGRAM}]}), JSON)


def refusal(status: str, content: str) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n\r\n"
    return (head + content).encode()


NOWHERE = [
    refusal("404 Not Found", '{"detail":"Not Found"}'),
    refusal("404 Not Found", "404 page not found"),
    refusal("404 Not Found", "<html><head><style>p {}</style></head><h1>404 Not Found</h1></html>"),
    refusal("404 Not Found", '{"error":{"code":404,"message":"File Not Found"}}'),
    refusal("404 Not Found", ""),
    refusal("405 Method Not Allowed", '{"detail":"Method Not Allowed"}'),
]


def asked(run_script: Run, model: str, url: str, tasks: Path, folder: Path) -> tuple[int, str]:
    done = run_script(
        SCRIPT, "--model_identifier", model, "--base_url", url, "--dataset_directory", tasks,
        "--output_directory", folder, RETRY_DELAY_S="0.01",
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


PLACES = [
    ("local:m", "", "/chat/completions"),
    ("local:m", "/v1", "/chat/completions"),
    ("local:m", "", "/v1/chat/completions"),
    ("local:m", "/api", "/api/v1/chat/completions"),
    ("local:m", "/api/v1", "/api/chat/completions"),
    ("anthropic:m", "", "/messages"),
    ("anthropic:m", "/v1", "/v1/messages"),
    ("anthropic:m", "/anthropic", "/anthropic/v1/messages"),
]
"""A model, the path of --base_url, and where the API lies."""


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
def test_an_api_is_found_at_the_root_or_below_v1(
    place: tuple[str, str, str], run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    model, given, right = place
    good = CLAUDE if "anthropic" in model else CHAT
    with raw_server(lambda _, path: good if path == right else NOWHERE[0]) as server:
        code, said = asked(run_script, model, server.url + given, dataset(count=8), tmp_path)
        paths = [path for path, _ in server.requests]
    assert code == 0, said
    assert paths.count(right) == 8
    assert len(paths) <= 8 + 5, "those under way at the wrong path, and no later ones"
    assert {entry["status"][0] for entry in entries(tmp_path / "code_data_results.jsonl")} == {"ok"}


def test_what_was_sent_to_the_wrong_path_before_the_right_one_was_found_is_sent_again(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    def answer(number: int, path: str) -> bytes:
        if path == "/chat/completions":
            return CHAT
        time.sleep(2 if number == 1 else 0)
        return NOWHERE[0]

    with raw_server(answer) as server:
        code, said = asked(run_script, "local:m", server.url, dataset(count=4), tmp_path)
    assert code == 0, said


@pytest.mark.parametrize("answer", NOWHERE, ids=range(len(NOWHERE)))
def test_a_wrong_path_is_named_with_the_servers_words_and_not_called_an_unknown_model(
    answer: bytes, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with raw_server(lambda *_: answer) as server:
        code, said = asked(run_script, "local:m", server.url, dataset(count=3), tmp_path)
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert f"nothing at {server.url}/v1/chat/completions" in line
    assert f"nothing at {server.url}/chat/completions" in line
    words = answer.decode().partition("\r\n\r\n")[2]
    assert ("ot Found" in line) == ("ot Found" in words)
    assert "<" not in line
    assert "no model" not in line


@pytest.mark.parametrize(
    "words",
    [
        '{"error":{"code":"model_not_found","message":"The model `m-7` does not exist"}}',
        '{"object":"error","message":"The model `m-7` does not exist.","code":404}',
        '{"error":{"message":"no endpoints found for m-7","code":404}}',
    ],
)
def test_an_unknown_model_is_called_one_and_not_looked_for_elsewhere(
    words: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with raw_server(lambda *_: refusal("404 Not Found", words)) as server:
        code, said = asked(run_script, "local:m-7", server.url, dataset(count=1), tmp_path)
        assert len(server.requests) == 1
    assert code == 2
    assert "has no model 'm-7'" in said
