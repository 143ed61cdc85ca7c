"""Every request counts, also those that brought no reply."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.loopback_server import (
    LoopbackServer,
    cut_off,
    dropped,
    html,
    reply,
    stalled,
    status,
)
from tests.support.scripts import Run, entries

CODE = "synthetic_data_generators/generate_code_data.py"
SOON = "0.02"


def journal_lines(folder: Path) -> list[dict[str, object]]:
    text = (folder / "code_data_partial_results.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_each_failed_attempt_stands_in_journal_entry_and_summary(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    faults = [
        status(429, retry_after=SOON),
        status(503, retry_after=SOON),
        dropped(),
        html(),
        stalled(),
    ]
    with LoopbackServer(first=faults, then=reply(maker="identity_program")) as server:
        done = run_script(
            CODE, "--model_identifier", "anthropic:m", "--base_url", server.anthropic_url,
            "--dataset_directory", dataset(count=1), "--request_timeout_s", "1.5",
            "--price", "1,1000", "--max_tokens", "1000", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        assert len(server.ledger()) == 6
    assert done.returncode == 0, done.stderr
    *unread, line = journal_lines(tmp_path / "out")
    assert {one["entry_type"] for one in unread} == {"unread_body"}
    assert any("<html" in one["body"] for one in unread)
    failed = line["reply"]["failed_attempts"]
    assert [(attempt["cause"], attempt["status_code"]) for attempt in failed] == [
        ("rate_limited", 429),
        ("provider_error", 503),
        ("provider_error", None),
        ("provider_error", 200),
        ("timed_out", None),
    ]
    assert [attempt["worst_case_usd"] > 1.0 for attempt in failed] == [False, False] + [True] * 3
    (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert entry["failed_attempts"] == [failed]
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert metadata["counts"]["requests"] == 6
    assert metadata["counts"]["failed_attempts"] == {
        "rate_limited": 1, "provider_error": 3, "timed_out": 1
    }  # fmt: skip
    assert metadata["lost_attempts"] == 3
    assert "6, of which 5 brought no reply (3 provider_error, " in done.stdout
    assert "3 attempts without a reply may have been billed besides (at most $3." in done.stdout


def test_a_request_without_any_reply_has_its_line_and_is_no_reply_to_the_next_run(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(globally=[cut_off()] * 6, then=reply(maker="identity_program")) as server:
        arguments = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
        )  # fmt: skip
        codes = [run_script(*arguments).returncode for _ in range(2)]
    assert codes == [1, 0]
    *unread, failure, answer = journal_lines(tmp_path / "out")
    assert [one["entry_type"] for one in unread] == ["unread_body"] * 6
    assert (failure["entry_type"], failure["status"]) == ("failed_request", "provider_error")
    assert len(failure["failed_attempts"]) == 6
    assert failure["key"] == answer["key"]
    first, second = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert (len(first["failed_attempts"][0]), second["failed_attempts"]) == (6, [[]])
