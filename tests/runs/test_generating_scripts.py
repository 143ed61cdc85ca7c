"""The generating scripts as a user runs them, through the real SDKs, against a real server."""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.loopback_server import (
    Behaviour,
    LoopbackServer,
    broken_json,
    cut_off,
    dropped,
    empty_choices,
    error_in_200,
    html,
    null_choices,
    reply,
    stalled,
    status,
)
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, entries, lists_agree
from utilities.errors import ASK_AGAIN
from utilities.models.pacing.retry import RetryPolicy

REASONING = "synthetic_data_generators/generate_reasoning_data.py"
CODE = "synthetic_data_generators/generate_code_data.py"
PER_SAMPLE = (
    "prompt_messages", "reasoning", "python_code", "status", "usage", "cost_usd", "latency_s",
)  # fmt: skip
SOON = "0.02"
PASSING_FAULTS = [
    status(429, retry_after=SOON),
    status(500, retry_after=SOON),
    status(529, retry_after=SOON),
    dropped(),
    broken_json(),
]
SOLVER = reply(maker="identity_program")


def arguments(server: LoopbackServer, api: str) -> list[str]:
    if api == "anthropic":
        return ["--model_identifier", "anthropic:scripted", "--base_url", server.anthropic_url]
    return ["--model_identifier", "local:scripted", "--base_url", server.openai_url]


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_every_sample_survives_a_row_of_faults_and_is_bought_once(
    api: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(first=PASSING_FAULTS, then=SOLVER) as server:
        done = run_script(
            CODE, *arguments(server, api), "--dataset_directory", dataset(count=6),
            "--best_of", "2", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        good = [request for request in server.ledger() if request.completed]
    assert done.returncode == 0, done.stderr
    found = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert len(found) == 6
    for entry in found:
        assert lists_agree(entry, PER_SAMPLE, 2)
        assert entry["status"] == ["ok", "ok"]
        assert all("def solve_task" in code for code in entry["python_code"])
        assert len(set(entry["python_code"])) == 2
    bought = Counter(
        json.dumps(request.body["messages"])
        for request in good
        if request.behaviour and request.behaviour["kind"] == "reply"
    )
    assert set(bought.values()) == {2}


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (status(429, retry_after=SOON), "rate_limited"),
        (status(529, retry_after=SOON), "rate_limited"),
        (status(503, retry_after=SOON), "provider_error"),
        (stalled(), "timed_out"),
        (reply("I cannot say."), "no_code"),
        (reply("```python\ndef solve_task(grid", finish_reason="length"), "truncated"),
        (reply("", finish_reason="refusal"), "refused"),
        (status(400, "Unsupported parameter: 'temperature'"), "rejected"),
        (status(400, "maximum context length exceeded", error_code="context_length_exceeded"),
         "context_too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
@pytest.mark.timeout(200)
def test_each_failure_has_its_status_and_the_other_tasks_go_on(
    behaviour: Behaviour,
    expected: str,
    tmp_path: Path,
    dataset: Callable[..., Path],
    run_script: Run,
) -> None:
    path = dataset("00d62c1b", "007bbfb7")
    marker = " ".join(map(str, json.loads(path.read_text())["00d62c1b"]["train"][0]["input"][2]))
    with LoopbackServer(prompts={marker: [behaviour]}, then=SOLVER) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", path,
            "--request_timeout_s", "1.5", "--output_directory", tmp_path / "out",
            timeout_s=180,
        )  # fmt: skip
    statuses = {
        entry["task_id"]: entry["status"]
        for entry in entries(tmp_path / "out" / "code_data_results.jsonl")
    }
    assert statuses == {"00d62c1b": [expected], "007bbfb7": ["ok"]}
    assert done.returncode == (1 if expected in ASK_AGAIN else 0)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "odd", [html(), error_in_200(), empty_choices(), null_choices(), cut_off()], ids=lambda _: ""
)
def test_a_reply_that_is_none_is_asked_again(
    odd: Behaviour, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(first=[odd], then=SOLVER) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=1),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
    (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
    assert (done.returncode, entry["status"], entry["request_attempts"]) == (0, ["ok"], [2])


def test_what_failed_is_asked_again_by_the_next_run_and_nothing_else_is(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset("00d62c1b", "007bbfb7")
    marker = " ".join(map(str, json.loads(path.read_text())["00d62c1b"]["train"][0]["input"][2]))
    busy = [status(429, retry_after=SOON)] * RetryPolicy().max_rate_limited
    with LoopbackServer(prompts={marker: [*busy, SOLVER]}, then=SOLVER) as server:
        command = (
            CODE, *arguments(server, "openai"), "--dataset_directory", path,
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        codes = [run_script(*command).returncode for _ in range(3)]
        bought = sum(request.completed and request.behaviour["kind"] == "reply"
                     for request in server.ledger() if request.behaviour)  # fmt: skip
    assert codes == [1, 0, 0]
    assert bought == 2
    latest = {
        entry["task_id"]: entry["status"]
        for entry in entries(tmp_path / "out" / "code_data_results.jsonl")
    }
    assert latest == {"00d62c1b": ["ok"], "007bbfb7": ["ok"]}


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (status(401, "Incorrect API key provided"), "key"),
        (status(404, "The model `scripted` does not exist"), "scripted"),
        (status(402, "Insufficient credits"), "credit"),
    ],
    ids=["bad key", "unknown model", "no credit"],
)
def test_what_no_retry_can_mend_stops_the_run_with_one_line(
    behaviour: Behaviour,
    message: str,
    tmp_path: Path,
    dataset: Callable[..., Path],
    run_script: Run,
) -> None:
    with LoopbackServer(globally=[SOLVER], then=behaviour) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=30),
            "--max_concurrent_tasks", "1", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        asked = len(server.ledger())
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert asked == 2
    results = tmp_path / "out" / "code_data_results.jsonl"
    assert [entry["status"] for entry in entries(results)] == [["ok"]]
    assert entries(results, "metadata")[0]["status"] == "failed"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_a_signal_keeps_what_is_in_flight_and_says_interrupted(
    number: signal.Signals, code: int, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    with LoopbackServer(then=reply(maker="identity_program", delay_s=0.5)) as server:
        process = ScriptProcess(
            REASONING, *arguments(server, "openai"), "--dataset_directory", dataset(count=40),
            "--snapshot", "--output_directory", tmp_path / "out",
        )  # fmt: skip
        while len(server.ledger()) < 6 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        done = process.completed()
        served = [request for request in server.ledger() if request.completed]
    assert done.returncode == code, done.stderr
    results = tmp_path / "out" / "reasoning_data_results.jsonl"
    assert len(entries(results)) == len(served) < 40
    assert entries(results, "metadata")[0]["status"] == "interrupted"
    assert "interrupted" in done.stdout
    assert list((tmp_path / "out").glob("reasoning_data_results_*_interrupted.json"))


def test_the_cap_on_costs_is_never_passed(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    behaviour = reply(maker="identity_program", input_tokens=2000, output_tokens=1000)
    with LoopbackServer(then=behaviour) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=30),
            "--price", "1,10", "--max_tokens", "1000", "--max_cost_usd", "0.1",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        asked = len(server.ledger())
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert (done.returncode, metadata["status"]) == (3, "budget_exhausted"), done.stderr
    assert metadata["spent_usd"] == pytest.approx(asked * 0.012)
    assert 0.05 < metadata["spent_usd"] <= 0.1


def test_attempts_without_a_reply_count_against_the_cap_too(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=cut_off()) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=5),
            "--price", "0,1000", "--max_tokens", "1000", "--max_cost_usd", "3",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        asked = len(server.ledger())
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert done.returncode == 3
    assert asked == metadata["lost_attempts"] == 3
    assert metadata["spent_usd"] == 3.0
    found = re.search(r"tasks +(\d+) done.*, (\d+) left for the next run", done.stdout)
    assert found
    assert int(found[1]) + int(found[2]) == 5, "those that were never begun are left, too"


def test_a_cost_that_nobody_knows_is_never_shown_as_0(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=cut_off()) as server:
        done = run_script(
            CODE, "--model_identifier", "openai:of-no-known-price", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
        )  # fmt: skip
    listed = run_script("auxiliary_utilities/list_runs.py", tmp_path / "out")
    assert "cost      unknown; " in done.stdout
    assert "  unknown  " in listed.stdout
    assert "$0" not in done.stdout + listed.stdout


def test_unnamed_models_of_two_servers_are_two_models(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(count=1)
    asked = []
    for _ in range(2):
        with LoopbackServer(then=SOLVER) as server:
            run_script(
                CODE, "--model_identifier", "LOCAL_0", "--base_url", server.openai_url,
                "--dataset_directory", path, "--output_directory", tmp_path / "out",
            )  # fmt: skip
            asked.append(len(server.ledger()))
    assert asked == [1, 1]


def test_a_redirected_request_is_not_asked_again_elsewhere(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    moved = replace(status(307, retry_after=SOON), headers={
        "location": "/v1/chat/completions", "retry-after": SOON
    })  # fmt: skip
    with LoopbackServer(then=moved) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=1),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        asked = len(server.ledger())
    assert done.returncode == 1
    assert asked == 1, "asked again, it would be redirected again"
    assert "it redirects to /v1/chat/completions" in done.stderr


def test_an_unknown_price_is_called_unknown_and_refuses_a_cap(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=SOLVER) as server:
        command = (
            CODE, "--model_identifier", "openai:nobody-knows-it", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out",
        )  # fmt: skip
        done = run_script(*command)
        capped = run_script(*command, "--max_cost_usd", "1")
    (entry,) = entries(tmp_path / "out" / "code_data_results.jsonl")
    (metadata,) = entries(tmp_path / "out" / "code_data_results.jsonl", "metadata")
    assert (entry["cost_usd"], metadata["cost_usd"]) == ([None], None)
    assert "unknown" in done.stdout
    assert capped.returncode == 2
    assert "--price" in capped.stderr


def test_prompts_of_generated_data_show_train_pairs_only_unless_asked(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset("00d62c1b")
    (task,) = json.loads(path.read_text()).values()
    test_input, test_output = (
        "\n".join(" ".join(map(str, row)) for row in task["test"][0][part])
        for part in ("input", "output")
    )
    prompts = []
    with LoopbackServer(then=SOLVER) as server:
        for more in ([], ["--include_test_inputs"]):
            run_script(
                CODE, *arguments(server, "openai"), "--dataset_directory", path, *more,
                "--output_directory", tmp_path / "out",
            )  # fmt: skip
            prompts.append(server.ledger()[-1].body["messages"][-1]["content"])
    assert [test_input in prompt for prompt in prompts] == [False, True]
    assert not any(test_output in prompt for prompt in prompts)


def test_no_key_stands_in_any_file(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    key = "sk-canary-0123456789"
    with LoopbackServer(
        globally=[status(500, f"bad {key}", retry_after=SOON)],
        then=reply(f"the key is {key[:5]}"),
    ) as server:
        done = run_script(
            CODE, *arguments(server, "openai"), "--dataset_directory", dataset(count=1),
            "--verbose", "--output_directory", tmp_path / "out",
            BASE_URL_API_KEY=key, OPENAI_API_KEY="sk-other-0123456789",
        )  # fmt: skip
        (sent, *_) = server.ledger()
    assert sent.headers["authorization"] == f"Bearer {key}"
    assert "sk-other" not in json.dumps(sent.headers)
    for path in (tmp_path / "out").iterdir():
        assert key not in path.read_text()
    assert key not in done.stdout + done.stderr
