"""Files that earlier versions wrote are read, judged, scored, merged and exported as they were.

`fixtures/` holds what the scripts of commit 68fc801 wrote. Figures are compared, not wording.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.recorded import (
    FIXTURES,
    RUNS,
    copied,
    latest_entries,
    narrowed,
    read_lines,
    script,
)
from tests.support.scripts import entries

VERIFY = "synthetic_data_generators/verify_generated_code.py"
RELABEL = "synthetic_data_generators/relabel_programs.py"
MERGE = "auxiliary_utilities/merge_reasoning.py"
EXPORT = "auxiliary_utilities/export_training_data.py"
REPORT = "auxiliary_utilities/build_report.py"
SHOW_TASK = "auxiliary_utilities/show_task.py"
SCORE = "benchmark/score_results.py"
COMPARE = "benchmark/compare_runs.py"
EXPECTED = FIXTURES / "expected"
SCORED: list[str] = json.loads((EXPECTED / "files.json").read_text())
VERIFIED = "files/code_data_results_verified.jsonl"
OLDER = "files/older_layout.json"


def printed(folder: Path, name: str, *words: str) -> str:
    done = script(folder, name, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def scores(folder: Path, *files: str) -> list[dict[str, Any]]:
    """What `--json` prints, without the contamination: the store of traces grows."""
    runs = json.loads(printed(folder, SCORE, *files, "--json"))
    return [{name: it for name, it in run.items() if name != "contamination"} for run in runs]


def lost_figures(recorded: str, now: str) -> list[tuple[str, ...]]:
    """The numbers of each recorded line that no line has now, whatever words stand around them.

    Intervals and what comes behind them are left out: how they are worked out has changed.
    """
    interval = re.compile(r"\(?\d+\.\d% – .*|\(95 % interval.*|p = .*")
    was, is_now = (
        Counter(
            tuple(re.findall(r"[-+]?\d[\d.,]*", interval.sub("", line)))
            for line in text.splitlines()
        )
        for text in (recorded, now)
    )
    return list(was - is_now)


def test_scores_are_the_recorded_ones(tmp_path: Path) -> None:
    recorded = json.loads((EXPECTED / "score_results.json").read_text())
    for run in recorded:
        del run["contamination"]
    found = scores(copied(tmp_path), *SCORED)
    assert [narrowed(*pair) for pair in zip(found, recorded, strict=True)] == recorded


def test_the_tables_of_scores_hold_the_recorded_figures(tmp_path: Path) -> None:
    recorded = (EXPECTED / "score_results.txt").read_text()
    assert lost_figures(recorded, printed(copied(tmp_path), SCORE, *SCORED)) == []


def test_runs_compare_as_recorded(tmp_path: Path) -> None:
    """By the tables and the differences; what is said of these besides has changed."""
    recorded = (EXPECTED / "compare_runs.txt").read_text()
    now = printed(copied(tmp_path), COMPARE, *SCORED)
    assert lost_figures(recorded.split("\n\n")[1], now) == []
    gains = re.compile(r"^(. - .: macro \S+) points", re.MULTILINE)
    assert gains.findall(now) == gains.findall(recorded)


def test_a_snapshot_scores_as_the_results_it_was_made_of(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (of_results,) = scores(folder, "direct_benchmark_batch/direct_benchmark_results.jsonl")
    (of_snapshot,) = scores(folder, "files/direct_benchmark_snapshot.json")
    assert of_snapshot["scores"] == of_results["scores"]


def test_a_killed_verification_goes_on_with_what_is_not_judged(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / VERIFIED).unlink()
    judged = len(read_lines(folder / f"{VERIFIED}.partial"))
    source = "code/code_data_results.jsonl"
    printed(folder, VERIFY, source, "--output", VERIFIED, "--wall_s", "1")
    assert entries(folder / VERIFIED, "metadata")[-1]["entries_resumed"] == judged == 4


def test_programs_get_the_recorded_verdicts(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    for path in (VERIFIED, f"{VERIFIED}.partial"):
        (folder / path).unlink()
    source = "code/code_data_results.jsonl"
    printed(folder, VERIFY, source, "--output", VERIFIED)
    now, recorded = (latest_entries(where / VERIFIED) for where in (folder, FIXTURES))
    for entry in (*now.values(), *recorded.values()):
        entry.pop("verification_key", None)
    assert narrowed(now, recorded) == recorded


def test_programs_are_relabelled_as_recorded(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    name = "files/relabelled_data_results.jsonl"
    (folder / name).unlink()
    printed(folder, RELABEL, VERIFIED, "--output", name)
    now, recorded = (latest_entries(where / name) for where in (folder, FIXTURES))
    assert narrowed(now, recorded) == recorded


def test_what_was_merged_into_the_store_is_not_added_again(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    store = folder / "files/traces_store.json"
    merged = (
        "reasoning/reasoning_data_results.jsonl",
        "code/code_data_partial_results.jsonl",
        "search_reasoning/reasoning_data_results.jsonl",
    )
    printed(folder, MERGE, *merged, "--traces_path", str(store))
    assert store.read_bytes() == (FIXTURES / "files/traces_store.json").read_bytes()


def test_merging_into_an_empty_store_gives_the_recorded_traces(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    merged = ("code/code_data_partial_results.jsonl", "reasoning/reasoning_data_results.jsonl")
    more = "search_reasoning/reasoning_data_results.jsonl"
    printed(folder, MERGE, *merged, more, "--traces_path", "new.json")

    def traces(path: Path) -> set[tuple[str, str, str]]:
        store = json.loads(path.read_text())
        return {
            (task_id, trace["trace_id"], trace["text"])
            for task_id, of_task in store.items()
            for trace in of_task
        }

    assert traces(folder / "new.json") == traces(FIXTURES / "files/traces_store.json")


NEW_PROVENANCE = {
    "fresh_pairs": 0,
    "fresh_passed": 0.0,
    "generalises": False,
    "followers": 0,
    "followed": 0.0,
    "agent_verdict": "",
    "rule_form": "",
}


NEW_FIGURES = {
    *("confidence", "cost_usd", "input_tokens", "output_tokens", "reasoning_tokens"),
    *(f"{part}_characters" for part in ("prompt", "reasoning", "thinking", "completion")),
}


def without_figures(value: Any) -> Any:
    """A row of today without the figures that rows did not have then."""
    if isinstance(value, dict):
        assert "prompt_hash" not in value or value.keys() >= NEW_FIGURES
        return {name: without_figures(it) for name, it in value.items() if name not in NEW_FIGURES}
    return value


def without_nulls(value: Any) -> Any:
    """A recorded row as it is today: texts in place of nulls, and an empty line after a prompt."""
    if isinstance(value, dict):
        return {
            name: bool(it) if name in ("deterministic", "hardcoded") else without_nulls(it)
            for name, it in value.items()
        } | (NEW_PROVENANCE if "prompt_hash" in value else {})
    return "" if value is None else value


@pytest.mark.parametrize(
    "form", ["messages", "sharegpt", "prompt_completion", "preference", "repair"]
)
def test_exported_rows_are_the_recorded_ones_without_nulls(form: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    path = folder / f"files/rows_{form}.jsonl"
    recorded = [without_nulls(row) for row in read_lines(path)]
    path.unlink()
    today = {"prompt_completion": "prompt_completion_text"}.get(form, form)
    printed(folder, EXPORT, VERIFIED, "--format", today, "--output", f"files/{path.name}")
    for row in recorded if form == "prompt_completion" else ():
        row["prompt"] += "\n\n"
    assert recorded
    assert [without_figures(row) for row in read_lines(path)] == recorded


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_programs_in_the_older_layout_are_judged(ending: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    printed(folder, VERIFY, OLDER + ending, "--output", "judged.jsonl")
    turned, transposed = (
        entry for entry in read_lines(folder / "judged.jsonl") if "task_id" in entry
    )
    assert (turned["train_passed"], turned["test_passed"]) == ([[True, True]], [[True]])
    assert not any(transposed["train_passed"][0])


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_reasoning_in_the_older_layout_is_merged(ending: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    printed(folder, MERGE, OLDER + ending, "--traces_path", "new.json")
    older = json.loads((FIXTURES / OLDER).read_text())["results"]
    merged = json.loads((folder / "new.json").read_text())
    assert {task_id: [one["text"] for one in traces] for task_id, traces in merged.items()} == {
        entry["task_id"]: [entry["reasoning"]] for entry in older
    }


def test_one_page_shows_every_recorded_run(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    files = [run.results(Path()) for run in RUNS.values() if run.name != "code_batch_open"]
    printed(folder, REPORT, *map(str, files), VERIFIED, "--output", "page.html")
    page = (folder / "page.html").read_text()
    assert all(task_id in page for task_id in json.loads((FIXTURES / "tasks.json").read_text()))


@pytest.mark.parametrize("name", SCORED)
def test_a_task_is_shown_with_what_a_recorded_run_made_of_it(name: str, tmp_path: Path) -> None:
    assert "74dd1130" in printed(copied(tmp_path), SHOW_TASK, "74dd1130", "--results", name)
