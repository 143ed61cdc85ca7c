"""`--dry_run` says what a run would ask and cost; it sends and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import Run, arc1_training
from utilities.models.interface import Reply, Usage
from utilities.replies.request_plan import Prices, RequestPlan, estimated_tokens

SCRIPTS = [
    "synthetic_data_generators/generate_reasoning_data.py",
    "synthetic_data_generators/generate_code_data.py",
    "benchmark/run_code_benchmark.py",
    "benchmark/run_direct_benchmark.py",
]
CODE = SCRIPTS[1]


@pytest.mark.parametrize("script", SCRIPTS)
def test_nothing_is_sent_or_written_and_no_key_is_needed(
    script: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(count=3)
    before = set(tmp_path.rglob("*"))
    done = run_script(
        script, "--model_identifier", "CLAUDE_OPUS", "--base_url", "http://127.0.0.1:9",
        "--dataset_directory", path, "--best_of", "2", "--dry_run", "--max_cost_usd", "0.5",
        "--output_directory", tmp_path / "out",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "requests  6 to make, 0 answered in the journal" in done.stdout
    assert re.search(r"cost +at most \$\d+\.\d\d, .*--max_cost_usd 0.5 may stop it", done.stdout)
    assert set(tmp_path.rglob("*")) == before


def test_rounds_that_cannot_be_counted_are_said(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        "benchmark/run_code_benchmark.py", "--model_identifier", "CLAUDE_OPUS", "--dry_run",
        "--dataset_directory", dataset(count=1), "--refine", "2",
        "--output_directory", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0
    assert "refine    not counted here: at most 2 requests more" in done.stdout


def test_the_embedded_agent_asks_nobody(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        CODE, "--dataset_directory", dataset(count=2), "--dry_run", "--output_directory",
        tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0
    assert "requests  none: PROGRAM_SEARCH asks no model" in done.stdout
    assert not (tmp_path / "out").exists()


def test_what_an_earlier_run_answered_is_not_counted_and_teaches_what_to_expect(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset(count=5)
    with LoopbackServer(then=reply(maker="identity_program", output_tokens=300)) as server:
        arguments = (
            CODE, "--model_identifier", "openai:m", "--base_url", server.openai_url, "--best_of",
            "2", "--dataset_directory", path, "--price", "0,10000", "--max_tokens", "1000",
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        run_script(*arguments, "--max_tasks", "2")
        asked = len(server.ledger())
        files = {file: file.read_bytes() for file in (tmp_path / "out").iterdir()}
        results = tmp_path / "out" / "code_data_results.jsonl"
        done = run_script(*arguments, "--dry_run")
        results.write_text("")
        again = run_script(*arguments, "--dry_run")
        assert len(server.ledger()) == asked == 4
    assert "tasks     3 to do, 2 finished by earlier runs" in done.stdout
    assert "requests  6 to make, 0 answered in the journal" in done.stdout
    assert "about 1,800 (the mean of 4 replies), at most 6,000 (1,000 a reply)" in done.stdout
    assert "cost      about $18.00, at most $60.00" in done.stdout
    assert "tasks     5 to do, 0 finished by earlier runs" in again.stdout
    assert "requests  6 to make, 4 answered in the journal" in again.stdout
    assert {f: b for f, b in files.items() if f != results} == {
        file: file.read_bytes() for file in (tmp_path / "out").iterdir() if file != results
    }


def test_a_torn_file_is_left_as_it_is(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    journal = tmp_path / "out" / "code_data_partial_results.jsonl"
    journal.parent.mkdir()
    journal.write_text('{"key":"torn')
    done = run_script(
        CODE, "--model_identifier", "local:m", "--dataset_directory", dataset(count=1),
        "--dry_run", "--output_directory", journal.parent,
    )  # fmt: skip
    assert done.returncode == 0
    assert journal.read_text() == '{"key":"torn'
    assert [file.name for file in journal.parent.iterdir()] == [journal.name]


def test_an_unknown_price_is_called_unknown() -> None:
    plan = RequestPlan()
    plan.prices = Prices("openai:m", 100, lambda _: None, None)
    plan.note([{"role": "user", "content": "0 1"}], None)
    assert "unknown: openai:m has no list price; give --price IN,OUT" in plan.summary("x", None)[-1]


def test_estimates_are_corrected_by_what_replies_to_such_prompts_took() -> None:
    plan, prompt = RequestPlan(), [{"role": "user", "content": "0 1 2 3 4 5 6 7 8 9\n" * 10}]
    plan.prices = Prices("m", 100, lambda usage: usage.input_tokens / 1e6, lambda _: 1.0)
    estimate = estimated_tokens(prompt[0]["content"])
    plan.note(prompt, Reply("x", usage=Usage(input_tokens=estimate // 2, output_tokens=1)))
    plan.note(prompt, None)
    assert f"about {estimate // 2:,} tokens" in "\n".join(plan.summary("x", None))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("0 1 2\n3 4 5\n", 12), ("Find the rule.", 4), ("", 0), ("12345", 2), ("def solve_task(", 5)],
)
def test_tokens_are_estimated_as_encodings_cut(text: str, tokens: int) -> None:
    assert estimated_tokens(text) == tokens


def test_a_grid_has_a_token_for_each_digit_and_space() -> None:
    (task, *_) = arc1_training().values()
    grid = task["train"][0]["input"]
    cells = sum(map(len, grid))
    assert estimated_tokens("\n".join(" ".join(map(str, row)) for row in grid)) == 2 * cells - 1
