"""`--batch` through both SDKs, against a server that plays both endpoints.

The scripts run as a user runs them where that matters, else in this process, which has the SDKs
loaded already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.batch_runs import (
    APIS,
    CODE,
    FULL_PRICE_USD,
    arguments,
    generate_code,
    journal_of,
    metadata_of,
    replies_of,
)
from tests.support.batch_server import BatchServer
from tests.support.scripts import Run, entries, lists_agree

REASONING = "synthetic_data_generators/generate_reasoning_data.py"
CODE_BENCHMARK = "benchmark/run_code_benchmark.py"
DIRECT_BENCHMARK = "benchmark/run_direct_benchmark.py"
STEMS = {
    CODE: "code_data",
    REASONING: "reasoning_data",
    CODE_BENCHMARK: "code_benchmark",
    DIRECT_BENCHMARK: "direct_benchmark",
}


@pytest.mark.parametrize(
    ("script", "api"),
    [
        (CODE, "openai"),
        (REASONING, "anthropic"),
        (CODE_BENCHMARK, "openai"),
        (DIRECT_BENCHMARK, "anthropic"),
    ],
)
def test_all_samples_come_by_one_batch_at_half_price(
    script: str, api: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    folder, stem = tmp_path / "out", STEMS[script]
    maker = "one_cell_grid" if script == DIRECT_BENCHMARK else "identity_program"
    with BatchServer(maker=maker) as server:
        done = run_script(
            script, *arguments(server, api, folder, dataset(count=7)), "--best_of", "2"
        )
        assert done.returncode == 0, done.stderr
        assert [len(batch.requests) for batch in server.batches] == [14]
        assert set(server.bought.values()) == {1}
    found = entries(folder / f"{stem}_results.jsonl")
    assert len(found) == 7
    for entry in found:
        assert entry["status"] == ["ok", "ok"]
        assert entry["complete"] is True
        assert lists_agree(entry, ("prompt_messages", "cost_usd", "request_attempts"), 2)
        assert entry["cost_usd"] == pytest.approx([FULL_PRICE_USD / 2] * 2)
    metadata = metadata_of(folder, stem)
    assert metadata["cost_usd"] == pytest.approx(14 * FULL_PRICE_USD / 2)
    assert metadata["spent_usd"] == pytest.approx(14 * FULL_PRICE_USD / 2)
    assert [batch["replies"] for batch in metadata["batches"]] == [14]
    assert "batches   1: 14 replies collected, at half price" in done.stdout


def test_grids_that_agree_end_their_tasks_after_a_batch_of_one_wave(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    folder = tmp_path / "out"
    with BatchServer(maker="one_cell_grid") as server:
        given = arguments(server, "openai", folder, dataset(count=3))
        done = run_script(DIRECT_BENCHMARK, *given, "--best_of", "6", "--stop_when_agree", "2")
        assert done.returncode == 0, done.stderr
        assert [len(batch.requests) for batch in server.batches] == [6]
    found = entries(folder / f"{STEMS[DIRECT_BENCHMARK]}_results.jsonl")
    stopping = {"stop_when_agree": 2, "least_samples": 2, "not_asked": 4}
    assert [entry["stopping"] for entry in found] == [stopping] * 3
    assert "3 tasks early; at most 12 samples not asked, about $0.0180 saved" in done.stdout
    assert "pass@3" not in done.stdout


def test_a_live_run_recalls_what_a_batch_has_bought(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer() as server:
        given = arguments(server, "openai", folder, dataset(count=3))
        assert generate_code(*given) == 0
        results = folder / "code_data_results.jsonl"
        results.unlink()
        server.seen.clear()
        code = generate_code(*[word for word in given if word != "--batch"])
        assert not server.seen, "the live run asked for what stands in the journal"
    assert code == 0
    assert [entry["status"] for entry in entries(results)] == [["ok"]] * 3
    assert len(replies_of(folder)) == 3
    about = replies_of(folder)[0]
    assert about["batch_id"] == "batch_0"
    assert about["sample_index"] == 0


@pytest.mark.parametrize("api", APIS)
def test_what_does_not_fit_one_batch_goes_into_more(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer() as server:
        code = generate_code(
            *arguments(server, api, folder, dataset(count=7)),
            "--best_of", "2", "--batch_size", "4",
        )  # fmt: skip
        sizes = [len(batch.requests) for batch in server.batches]
        assert set(server.bought.values()) == {1}
    assert code == 0
    assert sum(sizes) == 14
    assert max(sizes) == 4
    assert len(sizes) == 4


@pytest.mark.parametrize("api", APIS)
def test_what_failed_in_one_batch_is_asked_again_in_the_next(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    fates = ["errored", "expired", "cancelled", "empty", "missing", "ok", "ok", "ok"]
    turn = iter(fates * 2)

    def fate(prompt: str, n: int) -> str:
        return next(turn) if n == 0 else "ok"

    folder = tmp_path / "out"
    with BatchServer(fate=fate) as server:
        code = generate_code(*arguments(server, api, folder, dataset(count=8)))
        sizes = [len(batch.requests) for batch in server.batches]
    assert code == 0
    assert sizes == [8, 5]
    found = entries(folder / "code_data_results.jsonl")
    assert [entry["status"] for entry in found] == [["ok"]] * 8
    assert Counter(entry["request_attempts"][0] for entry in found) == {1: 3, 2: 5}
    assert len(replies_of(folder)) == 8
    causes = [[failed["cause"] for failed in entry["failed_attempts"][0]] for entry in found]
    assert sorted(map(len, causes)) == [0, 0, 0, 1, 1, 1, 1, 1]
    assert Counter(cause for failed in causes for cause in failed) == {
        "timed_out": 2,
        "provider_error": 3,
    }
    assert metadata_of(folder)["counts"]["requests"] == 13


@pytest.mark.parametrize("api", APIS)
def test_a_request_that_always_fails_is_given_up_after_three_batches(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(fate=lambda prompt, n: "errored") as server:
        given = arguments(server, api, folder, dataset(count=2))
        code = generate_code(*given)
        assert [len(batch.requests) for batch in server.batches] == [2, 2, 2]
        assert code == 1
        found = entries(folder / "code_data_results.jsonl")
        assert [entry["status"] for entry in found] == [["provider_error"]] * 2
        assert [len(entry["failed_attempts"][0]) for entry in found] == [3, 3]
        failures = [line for line in journal_of(folder) if line["entry_type"] == "failed_request"]
        assert [len(line["failed_attempts"]) for line in failures] == [3, 3]
        assert metadata_of(folder)["spent_usd"] == 0.0
        generate_code(*given)
        assert len(server.batches) == 6, "the next run asks what failed"


@pytest.mark.parametrize("api", APIS)
def test_a_refusal_is_not_asked_again(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(fate=lambda prompt, n: "moderated") as server:
        assert generate_code(*arguments(server, api, folder, dataset(count=2))) == 0
        assert [len(batch.requests) for batch in server.batches] == [2]
    found = entries(folder / "code_data_results.jsonl")
    assert [entry["status"] for entry in found] == [["refused"]] * 2
    assert [[failed["cause"] for failed in entry["failed_attempts"][0]] for entry in found] == [
        ["refused"]
    ] * 2


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_the_rest_of_a_batch_that_expired_or_was_cancelled_is_asked_again(
    ending: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(endings=[ending]) as server:
        code = generate_code(*arguments(server, "openai", folder, dataset(count=6)))
        assert [len(batch.requests) for batch in server.batches] == [6, 3]
        assert set(server.bought.values()) == {1}
    assert code == 0
    assert len(replies_of(folder)) == 6


def test_a_full_queue_at_the_provider_is_waited_for_as_long_as_batches_are_under_way(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    full = "failed:token_limit_exceeded"
    folder = tmp_path / "out"
    with BatchServer(endings=[full, "completed"]) as server:
        code = generate_code(
            *arguments(server, "openai", folder, dataset(count=4)), "--batch_size", "2"
        )
        assert set(server.bought.values()) == {1}
    assert code == 0
    assert len(replies_of(folder)) == 4


def test_a_batch_that_the_provider_does_not_take_ends_the_run_with_its_reason(
    tmp_path: Path, dataset: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with BatchServer(endings=["failed:billing_hard_limit_reached"]) as server:
        code = generate_code(*arguments(server, "openai", tmp_path, dataset(count=2)))
        assert len(server.batches) == 1
    assert code == 2
    assert "because of billing_hard_limit_reached" in capsys.readouterr().err


@pytest.mark.parametrize("api", APIS)
def test_results_that_were_cut_short_are_read_again_and_journalled_once(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with BatchServer(cut_downloads=2) as server:
        code = generate_code(*arguments(server, api, folder, dataset(count=6)))
        assert len(server.batches) == 1
    assert code == 0
    keys = Counter(line["key"] for line in replies_of(folder))
    assert len(keys) == 6
    assert set(keys.values()) == {1}


@pytest.mark.parametrize("api", APIS)
def test_a_cap_holds_at_the_price_of_batches(
    api: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    # At worst a reply of 1,000 tokens costs 0.005 USD and its prompt some thousandths more.
    with BatchServer() as server:
        code = generate_code(
            *arguments(server, api, folder, dataset(count=20)),
            "--max_tokens", "1000", "--max_cost_usd", "0.02",
        )  # fmt: skip
        spent_usd = server.bought.total() * FULL_PRICE_USD / 2
    assert code == 3
    assert 0 < spent_usd <= 0.02
    assert spent_usd > 0.01, "the reservations are at half price, too"
    assert metadata_of(folder)["status"] == "budget_exhausted"
    assert metadata_of(folder)["spent_usd"] == pytest.approx(spent_usd)


@pytest.mark.parametrize(
    "model",
    [
        ("--model_identifier", "GEMINI_PRO"),
        ("--model_identifier", "local:x", "--base_url", "http://127.0.0.1:9/v1"),
        ("--model_identifier", "openrouter:a/b"),
        ("--model_identifier", "PROGRAM_SEARCH"),
    ],
)
def test_a_model_without_batches_is_refused_in_one_line(
    model: tuple[str, ...],
    tmp_path: Path,
    dataset: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = generate_code(
        "--batch", *model, "--dataset_directory", dataset(count=1),
        "--output_directory", tmp_path / "out",
    )  # fmt: skip
    assert code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--batch" in said
