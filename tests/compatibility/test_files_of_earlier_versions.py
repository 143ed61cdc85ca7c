"""Files of earlier versions: read, resumed and scored as before, and nothing is bought again.

The files in `fixtures/` were written by the scripts of commit 68fc801 (`make_fixtures.py`). A
parser or the embedded agent may get better since then, and entries be made anew of the journal
for nothing: what must stay is what was paid for.
"""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.make_fixtures import RUNS, path_of
from tests.support.loopback_server import SCRIPTS, LoopbackServer, status
from tests.support.scripts import Run, entries

FIXTURES = Path(__file__).parent / "fixtures"
ASKED = [name for name, (_, sdk, _, _) in RUNS.items() if sdk]
COMPLETE = [name for name in ASKED if name != "failed"]
CONTENT = (
    *("task_id", "task_data", "status", "reasoning", "python_code", "prompt_messages", "solved"),
    *("usage", "cost_usd", "finish_reason", "train_passed", "test_passed", "test_outputs"),
    *("attempts", "attempt_votes", "attempt_samples", "outputs_solved", "refinement_round"),
    *("parent_samples", "complete", "dataset"),
)
"""Fields of an entry that a later version must make in the same way of the same replies."""


def copy_of(name: str, folder: Path, url: str = "") -> Path:
    """A fixture's folder as a run left it, with the address of the server of today."""
    target = folder / name
    shutil.copytree(FIXTURES / name, target)
    for path in target.iterdir():
        path.write_text(path.read_text().replace("SERVER", url))
    shutil.copy(FIXTURES / "tasks.json", folder / "tasks.json")
    return target


def results_of(folder: Path) -> Path:
    (path,) = {*folder.glob("*_results.jsonl")} - {*folder.glob("*_partial_results.jsonl")}
    return path


def contents(path: Path, fields: tuple[str, ...] = CONTENT) -> dict[str, dict[str, Any]]:
    """By task, what the newest entry holds of these fields."""
    return {
        entry["task_id"]: {name: entry[name] for name in fields if name in entry}
        for entry in entries(path)
    }


def run_again(name: str, run_script: Run, url: str, *more: str) -> Any:
    script, sdk, _, options = RUNS[name]
    model = ("--model_identifier", f"{sdk}:scripted", "--price", "1,10", "--base_url", url)
    return run_script(
        path_of(script),
        *model,
        *("--dataset_directory", "tasks.json", "--output_directory", name),
        *options,
        *more,
    )


def url_of(name: str, server: LoopbackServer) -> str:
    return server.anthropic_url if RUNS[name][1] == "anthropic" else server.openai_url


@pytest.mark.parametrize("name", COMPLETE)
def test_a_finished_run_asks_nothing_and_its_entries_stay(
    name: str, tmp_path: Path, run_script: Run
) -> None:
    with LoopbackServer(then=status(500)) as server:
        folder = copy_of(name, tmp_path, url_of(name, server))
        done = run_again(name, run_script, url_of(name, server))
        assert done.returncode == 0, done.stderr
        assert server.ledger() == []
    assert contents(results_of(folder)) == contents(results_of(FIXTURES / name))


@pytest.mark.parametrize("name", COMPLETE)
def test_a_journal_alone_gives_the_same_entries_and_asks_nothing(
    name: str, tmp_path: Path, run_script: Run
) -> None:
    with LoopbackServer(then=status(500)) as server:
        folder = copy_of(name, tmp_path, url_of(name, server))
        results_of(folder).unlink()
        done = run_again(name, run_script, url_of(name, server))
        assert done.returncode == 0, done.stderr
        assert server.ledger() == []
    assert contents(results_of(folder)) == contents(results_of(FIXTURES / name))


def test_the_rounds_of_refinement_are_in_the_fixtures() -> None:
    rounds = [entry["refinement_round"] for entry in entries(results_of(FIXTURES / "refined"))]
    assert rounds == [[0, 0, 1, 1, 2, 2]] * 4


def test_reparsing_a_refined_run_changes_no_entry(tmp_path: Path, run_script: Run) -> None:
    folder = copy_of("refined", tmp_path)
    done = run_again("refined", run_script, "http://127.0.0.1:9/v1", "--reparse")
    assert done.returncode == 0, done.stderr
    assert contents(results_of(folder)) == contents(results_of(FIXTURES / "refined"))


def test_only_what_failed_is_asked_again(tmp_path: Path, run_script: Run) -> None:
    with LoopbackServer(SCRIPTS["programs"]) as server:
        folder = copy_of("failed", tmp_path, server.openai_url)
        failed = [
            word
            for entry in entries(results_of(folder))
            for word in entry["status"]
            if word == "rejected"
        ]
        done = run_again("failed", run_script, server.openai_url)
        assert done.returncode == 0, done.stderr
        assert len(server.ledger()) == len(failed) == 3
    assert all(entry["status"] == ["ok", "ok"] for entry in contents(results_of(folder)).values())


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if not run[1]])
def test_entries_of_the_embedded_agent_have_the_answers_of_today(
    name: str, tmp_path: Path, run_script: Run
) -> None:
    script, _, _, options = RUNS[name]
    folder = copy_of(name, tmp_path)
    done = run_script(
        path_of(script),
        *("--model_identifier", "PROGRAM_SEARCH", "--dataset_directory", "tasks.json"),
        *("--output_directory", name, *options),
    )
    assert done.returncode == 0, done.stderr
    fields = ("status", "python_code", "reasoning", "confidence", "attempts", "outputs_solved")
    assert contents(results_of(folder), fields) == contents(results_of(FIXTURES / name), fields)


BATCH = ("--model_identifier", "openai:scripted", "--price", "1,10", "--best_of", "1")
TASKS = ("--dataset_directory", "tasks.json", "--output_directory")


def test_what_a_batch_brought_is_recalled_by_a_live_run(tmp_path: Path, run_script: Run) -> None:
    with LoopbackServer(then=status(500)) as server:
        folder = copy_of("batch", tmp_path, server.openai_url)
        results_of(folder).unlink()
        words = (*BATCH, "--base_url", server.openai_url, *TASKS, "batch")
        done = run_script(path_of("generate_code_data"), *words)
        assert done.returncode == 0, done.stderr
        assert server.ledger() == []
    assert len(contents(results_of(folder))) == 4


def test_what_an_open_batch_holds_is_not_asked_live(tmp_path: Path, run_script: Run) -> None:
    with LoopbackServer(SCRIPTS["programs"]) as server:
        copy_of("batch_open", tmp_path, server.openai_url)
        words = (*BATCH, "--base_url", server.openai_url, *TASKS, "batch_open")
        done = run_script(path_of("generate_code_data"), *words)
        assert done.returncode == 2
        assert "batch" in done.stderr
        assert server.ledger() == []


SCORED = (
    FIXTURES / "search_programs/code_benchmark_results.jsonl",
    FIXTURES / "search_grids/direct_benchmark_results.jsonl",
    FIXTURES / "refined/code_benchmark_results.jsonl",
)


def test_scores_are_the_same_to_the_last_digit(run_script: Run) -> None:
    done = run_script("benchmark/score_results.py", *SCORED, "--json")
    now, then = json.loads(done.stdout), json.loads((FIXTURES / "scores.json").read_text())
    assert [one["scores"] for one in now] == [one["scores"] for one in then]


def test_comparisons_have_the_same_numbers(run_script: Run) -> None:
    def numbers(text: str) -> list[str]:
        return re.findall(r"[-+]?\d+(?:[.,]\d+)*%?", text)

    done = run_script("benchmark/compare_runs.py", *SCORED)
    assert numbers(done.stdout) == numbers((FIXTURES / "compared.txt").read_text())


def test_verifying_again_takes_the_judged_entries_of_a_partial_file(
    tmp_path: Path, run_script: Run
) -> None:
    verified = FIXTURES / "verified/code_data_results_verified.jsonl"
    judged = verified.read_text().splitlines(keepends=True)
    source = FIXTURES / "search_code/code_data_results.jsonl"
    (tmp_path / "v.jsonl.partial").write_text("".join(judged[:2]))
    done = run_script(
        "synthetic_data_generators/verify_generated_code.py", source, "--output", "v.jsonl"
    )
    assert done.returncode == 0, done.stderr
    fields = ("train_passed", "test_passed", "execution_status", "deterministic", "hardcoded")
    assert contents(tmp_path / "v.jsonl", fields) == contents(verified, fields)


def test_merging_what_the_store_holds_adds_nothing(tmp_path: Path, run_script: Run) -> None:
    shutil.copy(FIXTURES / "verified/traces_store.json", tmp_path)
    before = (tmp_path / "traces_store.json").read_bytes()
    source = FIXTURES / "search_reasoning/reasoning_data_results.jsonl"
    done = run_script(
        "auxiliary_utilities/merge_reasoning.py", source, "--traces_path", "traces_store.json"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "traces_store.json").read_bytes() == before


@pytest.mark.parametrize(
    "form", ["messages", "sharegpt", "prompt_completion", "preference", "repair"]
)
def test_exported_rows_are_the_same_bytes(form: str, tmp_path: Path, run_script: Run) -> None:
    folder = FIXTURES / "verified"
    files = (folder / "code_data_results_verified.jsonl", folder / "refined_verified.jsonl")
    done = run_script(
        "auxiliary_utilities/export_training_data.py",
        *files,
        *("--format", form, "--output", f"{form}.jsonl"),
    )
    assert done.returncode == 0, done.stderr
    before = (FIXTURES / "exported" / f"{form}.jsonl").read_bytes()
    assert (tmp_path / f"{form}.jsonl").read_bytes() == before


@pytest.mark.parametrize("ending", [".json", ".json.gz", ".jsonl.gz"])
def test_older_layouts_are_read(ending: str, tmp_path: Path, run_script: Run) -> None:
    found = entries(FIXTURES / "search_code/code_data_results.jsonl")
    for entry in found:
        entry |= {name: entry[name][0] for name in ("reasoning", "python_code")}
        for name in ("status", "entry_type", "schema_version", "prompt_messages"):
            del entry[name]
    whole = {"metadata": {"model": "PROGRAM_SEARCH"}, "results": found}
    lines = "".join(f"{json.dumps(entry)}\n" for entry in found)
    text = json.dumps(whole) if ".json" in ending and "jsonl" not in ending else lines
    source = tmp_path / f"older{ending}"
    source.write_bytes(gzip.compress(text.encode()) if ending.endswith("gz") else text.encode())
    done = run_script(
        "synthetic_data_generators/verify_generated_code.py", source, "--output", "v.jsonl"
    )
    assert done.returncode == 0, done.stderr
    assert [entry["train_passed"] for entry in entries(tmp_path / "v.jsonl")] == [
        [[True] * len(entry["task_data"]["train"])] for entry in found
    ]
