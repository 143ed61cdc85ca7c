"""The body of each success stands in the journal as it came, whatever it is, and is read again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.test_bodies import (
    CHUNKS,
    COMPLETION,
    JSON,
    MESSAGE,
    SSE,
    STREAM,
    announced,
    chunked,
    document,
    stream,
)
from tests.support.raw_server import raw_server
from tests.support.scripts import Run, entries
from utilities.config import find_model
from utilities.errors import ToolkitError
from utilities.models.bodies import packed_text, unpacked_text
from utilities.models.factory import body_reader

SCRIPT = "synthetic_data_generators/generate_code_data.py"
PROGRAM = "```python\ndef solve_task(grid):\n    return grid\n```"
FORMS = 24
FINISH_REASONS = [
    "stop",
    "abort",
    "length",
    "model_length",
    "content_filter",
    "tool_calls",
    None,
    7,
]


def odd_bodies(api: str, chance: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """Bodies, no two alike, and the bytes of the HTTP answers that carry them."""
    for number in range(FORMS):
        text = f"é {number} {PROGRAM}"
        as_stream = chance.random() < (0.8 if api == "messages" else 0.4)
        body = _stream(api, text, chance) if as_stream else _document(api, text, chance)
        if chance.random() < 0.3:
            body = body[: chance.randrange(10, len(body))]
        if chance.random() < 0.3:
            body = body.replace("é".encode(), b"\xe9\xff")
        body = chance.choice([b"", b"", b"", b"\xef\xbb\xbf", b"\n\n"]) + body
        kind = chance.choice([JSON, SSE, "text/html"])
        yield body, chance.choice([
            announced(body, kind), announced(body, kind, len(body) + 1),
            chunked(body, kind, ended=True), chunked(body, kind, ended=False),
        ])  # fmt: skip


def _document(api: str, text: str, chance: random.Random) -> bytes:
    """A whole answer, also one that is no reply."""
    choice = {"finish_reason": chance.choice(FINISH_REASONS)}
    odd = chance.choice([
        {}, {}, {"choices": []}, {"choices": None}, {"choices": 3}, {"error": {"code": 502}},
        {"usage": {"prompt_tokens": "30", "completion_tokens": 7.0}}, {"usage": None},
        {"content": []}, {"content": [{"type": "tool_use", "input": {}}]},
    ])  # fmt: skip
    whole = {**MESSAGE, "content": [{"type": "text", "text": text}]}
    if api == "chat":
        message = chance.choice([
            {"content": text}, {"content": None, "refusal": text},
            {"content": "", "reasoning": text},
            {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]},
        ])  # fmt: skip
        whole = {**COMPLETION, "choices": [{**choice, "message": message}]}
    page = f"<html>{text}</html>".encode()
    return chance.choice([document({**whole, **odd, "id": text})] * 5 + [page])


def _stream(api: str, text: str, chance: random.Random) -> bytes:
    """A stream, also one that is damaged, ends in an error or goes on after its end."""
    events = [*(CHUNKS if api == "chat" else STREAM)]
    events[2 if api == "messages" else 1] = (
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
        if api == "messages"
        else {"choices": [{"delta": {"content": text}}]}
    )
    odd: dict[str, Any] = {"type": "error", "error": {"type": "overloaded_error"}}
    if chance.random() < 0.3:
        events.insert(chance.randrange(3, len(events)), odd)
    end = chance.choice(["", "data: [DONE]\n\n", "data: {oh\n\n", ": bye\n\n"])
    return stream(*events, end=end)


def kept(folder: Path) -> set[str]:
    """Every body in the journal."""
    found = set()
    for line in map(json.loads, (folder / "code_data_partial_results.jsonl").open()):
        if line["entry_type"] == "unread_body":
            found.add(line["body"])
        elif line["entry_type"] == "reply":
            packed = line["reply"]["body_zlib"]
            found.add(line["reply"]["body"] if packed is None else unpacked_text(packed))
    return found


def arguments(api: str, url: str, tasks: Path, folder: Path) -> tuple[str | Path, ...]:
    model, url = ("local:m", f"{url}/v1") if api == "chat" else ("anthropic:m", url)
    return (
        SCRIPT, "--model_identifier", model, "--base_url", url, "--dataset_directory", tasks,
        "--output_directory", folder, "--max_concurrent_tasks", "30", "--price", "1,1000",
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("api", ["chat", "messages"])
def test_every_body_of_a_success_stands_in_the_journal(
    api: str, seed: int, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    bodies, answers = zip(*odd_bodies(api, random.Random(f"{api}{seed}")), strict=True)
    good = announced(document({**MESSAGE, "content": [{"type": "text", "text": PROGRAM}]}), JSON)
    if api == "chat":
        choice = {"message": {"content": PROGRAM}, "finish_reason": "stop"}
        good = announced(document({**COMPLETION, "choices": [choice]}), JSON)
    folder, tasks = tmp_path / "out", dataset(count=FORMS)
    with raw_server(lambda number, _: (*answers, *[good] * 999)[number]) as server:
        command = arguments(api, server.url, tasks, folder)
        done = run_script(*command)
        assert done.returncode in {0, 1}, done.stderr
        missing = {body.decode("utf-8", "replace") for body in bodies} - kept(folder)
        assert not missing
        asked = len(server.requests)
        assert run_script(*command, "--reparse").returncode == 0
        assert len(server.requests) == asked


def unread(folder: Path, body: str) -> None:
    """Make the journal's only reply one that an earlier version could not read."""
    journal = folder / "code_data_partial_results.jsonl"
    (line,) = map(json.loads, journal.read_text().splitlines())
    about = {name: value for name, value in line.items() if name not in {"entry_type", "reply"}}
    attempt = {"cause": "provider_error", "status_code": None, "latency_s": 1.0,
               "worst_case_usd": 1.0}  # fmt: skip
    lines = [
        {"entry_type": "unread_body", **about, "body": "<html>busy</html>"},
        {"entry_type": "unread_body", **about, "body": body},
        {"entry_type": "failed_request", **about, "status": "provider_error", "error": "no JSON",
         "failed_attempts": [attempt, attempt]},
    ]  # fmt: skip
    journal.write_bytes(b"".join(
        json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in lines))  # fmt: skip
    (folder / "code_data_results.jsonl").unlink()


@pytest.mark.parametrize("option", ["--reparse", "--quiet"])
def test_a_body_that_an_earlier_version_could_not_read_is_read_and_not_asked_again(
    option: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    choice = {"message": {"content": PROGRAM}, "finish_reason": "stop"}
    body = document({**COMPLETION, "choices": [choice]})
    with raw_server(lambda *_: announced(body, JSON)) as server:
        command = arguments("chat", server.url, dataset(count=1), tmp_path)
        run_script(*command)
        unread(tmp_path, body.decode())
        planned = run_script(*command, "--dry_run")
        assert "0 to make, 1 answered in the journal" in planned.stdout
        for more in (option, "--quiet"):
            done = run_script(*command, more)
            assert done.returncode == 0, done.stderr
        assert len(server.requests) == 1
    (entry,) = entries(tmp_path / "code_data_results.jsonl")
    assert (entry["status"], entry["complete"]) == (["ok"], True)
    assert entry["cost_usd"] == [pytest.approx((30 + 7 * 1000) / 1e6)]
    assert entry["request_attempts"] == [2]
    assert [len(failed) for failed in entry["failed_attempts"]] == [1]


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_what_came_within_the_time_limit_is_kept(
    api: str, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    body = stream(*(CHUNKS if api == "chat" else STREAM)[:2])
    cut = chunked(body, SSE, ended=False)
    refused = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}"
    with raw_server(lambda number, _: refused if number else cut, held_s=5) as server:
        command = arguments(api, server.url, dataset(count=1), tmp_path)
        done = run_script(*command, "--request_timeout_s", "1")
    assert done.returncode == 1, done.stderr
    assert kept(tmp_path) == {body.decode()}
    (entry,) = entries(tmp_path / "code_data_results.jsonl")
    causes = [attempt["cause"] for attempt in entry["failed_attempts"][0]]
    assert causes == ["timed_out", "rejected"]


def test_a_whole_document_whose_connection_stays_open_is_a_reply_at_the_time_limit(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    choice = {"message": {"content": PROGRAM}, "finish_reason": "stop"}
    body = document({**COMPLETION, "choices": [choice]})
    with raw_server(lambda *_: chunked(body, JSON, ended=False), held_s=30) as server:
        command = arguments("chat", server.url, dataset(count=1), tmp_path)
        done = run_script(*command, "--request_timeout_s", "0.5")
        assert len(server.requests) == 1
    assert done.returncode == 0, done.stderr


def test_the_stream_of_a_reply_takes_a_fraction_of_its_length_in_the_journal() -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "token"}, "finish_reason": None}]}
    text = stream(*[{"id": f"chatcmpl-{number // 400}", **event} for number in range(500)]).decode()
    packed = packed_text(text)
    assert unpacked_text(packed) == text
    assert len(packed) < len(text) / 10


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("GPT", {"custom_id": "k-t", "response": {"status_code": 200, "body": COMPLETION}}),
        ("CLAUDE_OPUS", {"custom_id": "k-t", "result": {"type": "succeeded", "message": MESSAGE}}),
    ],
)
def test_a_line_of_a_batchs_results_is_read_again_at_half_the_price(
    model: str, line: dict[str, Any]
) -> None:
    read = body_reader(find_model(model), "key")
    alone = read(json.dumps(COMPLETION if model == "GPT" else MESSAGE))
    batched = read(json.dumps(line))
    assert (batched.text, batched.usage) == (alone.text, alone.usage)
    assert alone.cost_usd is not None
    assert batched.cost_usd == pytest.approx(alone.cost_usd / 2)


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"custom_id": 3}', "data: [DONE]", "null", "\x00"]
)
def test_what_is_no_reply_stays_unread(body: str) -> None:
    with pytest.raises(ToolkitError):
        body_reader(find_model("GPT"), "key")(body)
