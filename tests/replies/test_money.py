"""What a run says that it spent: never less than was billed, never more than the cap allows."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback_server import (
    Behaviour,
    LoopbackServer,
    body,
    broken_json,
    cut_off,
    dropped,
    error_in_200,
    html,
    reply,
    stalled,
    status,
)
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, entries

CODE = "benchmark/run_code_benchmark.py"
PRICE, MAX_TOKENS = (1.0, 1000.0), 1000
REPLY_USD = (1000 * PRICE[0] + 200 * PRICE[1]) / 1e6
"""Of the server's replies: 1,000 tokens in, 200 out."""
BILLED: list[Behaviour] = [
    *(status(code) for code in (408, 500, 502, 504, 524)),
    cut_off(), html(), broken_json(), body("[]"), body('{"choices": []}'),
    reply(maker="identity_program", finish_reason="abort"),
]  # fmt: skip
"""Failures before which the model may have worked."""
FREE = [status(429), status(503)]


def asked(
    run_script: Run, server: LoopbackServer, folder: Path, tasks: Path, *more: str
) -> tuple[int, dict[str, Any], str]:
    """Exit code, metadata and output of a benchmark at the server."""
    done = run_script(
        CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
        "--dataset_directory", tasks, "--output_directory", folder, "--max_concurrent_tasks", "3",
        "--price", ",".join(map(str, PRICE)), "--max_tokens", str(MAX_TOKENS), *more,
    )  # fmt: skip
    (metadata,) = entries(folder / "code_benchmark_results.jsonl", "metadata")
    return done.returncode, metadata, done.stdout


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_covers_what_was_billed_and_stays_under_the_cap(
    seed: int, run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    chance = random.Random(seed)
    faults = [chance.choice([*BILLED, *FREE, *[reply(maker="identity_program")] * 6])
              for _ in range(40)]  # fmt: skip
    cap_usd = 12.0
    with LoopbackServer(globally=faults, then=reply(maker="identity_program")) as server:
        code, metadata, output = asked(
            run_script, server, tmp_path / "out", dataset(count=4),
            "--best_of", "6", "--max_cost_usd", str(cap_usd),
        )  # fmt: skip
        requests = len(server.ledger())
    assert code in (0, 1, 3)
    free = sum(fault in FREE for fault in faults[:requests])
    billed_usd = (requests - free) * REPLY_USD
    said_usd = metadata["known_cost_usd"] + metadata["lost_worst_case_usd"]
    assert billed_usd <= said_usd + 1e-9
    assert said_usd <= cap_usd + 1e-9, "each request was reserved for before it was sent"
    assert f"${metadata['known_cost_usd']:.4f}" in output


def odd_reply(**more: Any) -> Behaviour:
    """A whole completion that is no program, as JSON."""
    message = {"role": "assistant", "content": "no program", **more.pop("message", {})}
    whole = {
        "model": "m",
        "choices": [{"message": message, "finish_reason": more.pop("finish_reason", "stop")}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
    }
    return body(json.dumps({**whole, **more}))


STREAM = (
    'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'
    'data: {"error": {"code": 500, "message": "gone"}}\n\n'
)
EVERY_WAY: list[Behaviour] = [
    *BILLED, *FREE, dropped(), dropped(0.2), error_in_200(502), error_in_200("overloaded_error"),
    body(STREAM, "text/event-stream"), body(STREAM[:50], "text/event-stream"),
    odd_reply(), odd_reply(finish_reason="length"), odd_reply(finish_reason="model_length"),
    odd_reply(finish_reason="content_filter"), odd_reply(message={"refusal": "I will not."}),
    odd_reply(message={"content": None, "tool_calls": [{"id": "1", "type": "function"}]}),
    odd_reply(message={"content": "", "reasoning": "It stays."}), odd_reply(usage=None),
    odd_reply(usage={"input_tokens": 1000, "output_tokens": 200}),
    odd_reply(usage={"prompt_tokens": "1000", "completion_tokens": 200.0}),
    body("\ufffd{", "text/html"), stalled(), status(400, "prompt is too long"),
]  # fmt: skip
"""Each of these may meet a request; those that are not FREE may be billed."""
NEVER_BILLED = ("status 400", "status 429", "status 503")


def name_of(behaviour: dict[str, Any]) -> str:
    return f"{behaviour['kind']} {behaviour['code']}"


@pytest.mark.parametrize(
    ("seed", "shape"),
    [(0, ("--best_of", "6")), (1, ("--max_tasks", "1", "--best_of", "8")),
     (2, ("--best_of", "2", "--refine", "2"))],
)  # fmt: skip
def test_every_figure_of_money_is_the_same_whatever_fails_and_whoever_kills_the_run(
    seed: int, shape: tuple[str, ...], dataset: Callable[..., Path], run_script: Run, tmp_path: Path
) -> None:
    chance, tasks, folder = random.Random(f"all {seed}"), dataset(count=4), tmp_path / "out"
    good = [reply(maker="endless_program")] * 20
    faults = [chance.choice([*EVERY_WAY, *good]) for _ in range(60)]
    more = (*shape, "--max_cost_usd", "9", "--request_timeout_s", "2")
    with LoopbackServer(globally=faults, then=reply(maker="identity_program")) as server:
        command = (
            CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
            "--dataset_directory", tasks, "--output_directory", folder,
            "--price", ",".join(map(str, PRICE)), "--max_tokens", str(MAX_TOKENS), *more,
        )  # fmt: skip
        killed = ScriptProcess(*command)
        journal = folder / "code_benchmark_partial_results.jsonl"
        while killed.poll() is None and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.completed()
        before = len(server.ledger())
        done = run_script(*command, RETRY_DELAY_S="0.01")
        ledger = server.ledger()
    assert done.returncode in {0, 1, 3}, done.stderr
    results = folder / "code_benchmark_results.jsonl"
    (metadata,) = entries(results, "metadata")
    billed = [one for one in ledger[before:] if one.behaviour is not None
              and name_of(one.behaviour) not in NEVER_BILLED]  # fmt: skip
    said_usd = metadata["spent_usd"]
    assert len(billed) * REPLY_USD <= said_usd + 1e-9, "no more was billed than is said"
    assert said_usd <= 9 + 1e-9, "each request was reserved for before it was sent"
    journalled = [json.loads(line)["reply"]["cost_usd"] or 0.0 for line in journal.open()
                  if '"entry_type":"reply"' in line]  # fmt: skip
    known = metadata["known_cost_usd"]
    assert known == pytest.approx(sum(journalled))
    assert f"${known:.4f}" in done.stdout
    scored = run_script("benchmark/score_results.py", results, "--json").stdout
    assert json.loads(scored)[0]["known_cost_usd"] == pytest.approx(known)
    run_script("auxiliary_utilities/build_report.py", results, "--output", tmp_path / "page.html")
    block = re.search(r'id="index">(.*?)</script>', (tmp_path / "page.html").read_text())
    assert block is not None
    shown = json.loads(block[1])["runs"][0]["cost"]
    assert shown == pytest.approx(known)


def test_a_gateway_that_times_out_is_paid_for(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(then=status(504)) as server:
        _, metadata, output = asked(
            run_script, server, tmp_path / "out", dataset(count=4), "--max_cost_usd", "5"
        )
        requests = len(server.ledger())
    assert metadata["lost_attempts"] == requests
    assert requests * MAX_TOKENS * PRICE[1] / 1e6 <= 5
    assert metadata["counts"]["failed_attempts"] == {"timed_out": requests}
    assert f"{requests} attempts without a reply may have been billed" in output


def test_replies_to_a_task_that_the_cap_left_unfinished_are_told_everywhere(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        code, metadata, output = asked(
            run_script, server, tmp_path / "out", dataset(count=1),
            "--best_of", "8", "--max_cost_usd", "1.9",
        )  # fmt: skip
        bought = len(server.ledger())
    assert (code, 0 < bought < 8) == (3, True)
    spent = f"${bought * REPLY_USD:.4f}"
    assert f"cost      {spent}, {spent} of it for {bought} replies to unfinished" in output
    assert f"requests  {bought}" in output
    assert metadata["cost_usd"] == pytest.approx(bought * REPLY_USD)
    assert metadata["usage"]["output_tokens"] == 200 * bought
    assert metadata["counts"]["requests"] == bought
    results = tmp_path / "out" / "code_benchmark_results.jsonl"
    assert f"cost      {spent}" in run_script("benchmark/score_results.py", results).stdout
    run_script("auxiliary_utilities/build_report.py", results, "--output", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    block = re.search(r'id="index">(.*?)</script>', page)
    assert block is not None
    assert json.loads(block[1])["runs"][0]["cost"] == pytest.approx(bought * REPLY_USD)
    assert spent in page


def test_unknown_costs_of_an_unfinished_task_are_told_everywhere(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    page, folder = tmp_path / "page.html", tmp_path / "out"
    with LoopbackServer(then=odd_reply(usage=None)) as server:
        code, metadata, output = asked(
            run_script, server, folder, dataset(count=1), "--best_of", "8", "--max_cost_usd", "3.5"
        )
        bought = len(server.ledger())
    assert (code, 0 < bought < 8) == (3, True)
    assert metadata["cost_usd"] is None
    assert f"cost      unknown, unknown of it for {bought} replies to unfinished" in output
    results = folder / "code_benchmark_results.jsonl"
    assert "cost      unknown" in run_script("benchmark/score_results.py", results).stdout
    scored = json.loads(run_script("benchmark/score_results.py", results, "--json").stdout)
    assert scored[0]["samples_of_unknown_cost"] == metadata["samples_of_unknown_cost"] == bought
    run_script("auxiliary_utilities/build_report.py", results, "--output", page)
    assert "<dt>cost</dt><dd>unknown</dd>" in page.read_text()


def test_what_a_later_run_finished_is_counted_once(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    tasks, folder = dataset(count=2), tmp_path / "out"
    best_of = ("--best_of", "6", "--max_cost_usd")
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        for cap_usd in ("2.2", "1.9", "9"):
            run_script(
                CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
                "--dataset_directory", tasks, "--output_directory", folder,
                "--price", "1,1000", "--max_tokens", str(MAX_TOKENS), *best_of, cap_usd,
            )  # fmt: skip
            bought = len(server.ledger())
            results = folder / "code_benchmark_results.jsonl"
            scored = json.loads(run_script("benchmark/score_results.py", results, "--json").stdout)
            assert scored[0]["known_cost_usd"] == pytest.approx(bought * REPLY_USD)
    assert bought == 12
