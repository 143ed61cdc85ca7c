"""One scorer: every view of a results file shows the same figures of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auxiliary_utilities import build_report, show_task
from benchmark import compare_runs, score_results
from tests.support.hand_made_results import OTHER, WRONG, entry, metadata, right, task_data, write
from tests.support.scripts import Run

Printed = Callable[..., str]
OLDER, NEWER = "20251212T000000Z-000000", "20260202T000000Z-bbbbbb"
SECOND = {"run_id": NEWER, "dataset": "data/second.json", "dataset_hash": "d2"}


def hit(number: int, **more: Any) -> dict[str, Any]:
    return entry(number, [[right(number)]], [[right(number), WRONG]], **more)


def miss(number: int, **more: Any) -> dict[str, Any]:
    return entry(number, [[WRONG]], [[WRONG, OTHER]], **more)


def failed(number: int, **more: Any) -> dict[str, Any]:
    return entry(number, [None], [[None, None]], status=["rate_limited"], **more)


ODD_FILES: dict[str, list[list[dict[str, Any]]]] = {
    "attempts that contradict what is stored": [
        [hit(1, outputs_solved=[False], solved=False), miss(2, outputs_solved=[True], solved=True),
         metadata(["t01", "t02"])],
    ],
    "an entry asked again, an older one after it, a failed one last": [
        [failed(1, run_id=OLDER), hit(1, run_id=NEWER), miss(1), failed(1, run_id=NEWER), miss(2),
         metadata(["t01", "t02"]), metadata(["t01", "t02"], run_id=NEWER)],
    ],
    "tasks without an entry, one of them of unknown outputs, one answered later": [
        [hit(1), metadata(["t01"], missing_tasks={"t02": 2, "t03": 1, "t04": 1},
                          missing_unscored_task_ids=["t03"]), hit(4, run_id=NEWER)],
    ],
    "test outputs that are not known": [
        [hit(1), hit(2, task_data=task_data(2, known=False)), metadata(["t01", "t02"])],
    ],
    "an output of two solved, refinements, a sample of unknown cost": [
        [entry(1, [[right(1, 0), WRONG], None, [right(1, 0), right(1, 1)]],
               [[right(1, 0), None], [WRONG, None]], outputs=2, refinement_round=[0, 0, 1],
               cost_usd=[0.5, None, None], train_passed=[[True, True], None, [True, False]]),
         miss(2), metadata(["t01", "t02"])],
    ],
    "a configuration on two datasets": [
        [hit(1), metadata(["t01"]), miss(2, **SECOND), metadata(["t02"], **SECOND)],
    ],
    "a configuration twice, in two files": [
        [hit(1), miss(2), metadata(["t01", "t02"])],
        [hit(1, run_id=NEWER), hit(2, run_id=NEWER), metadata(["t01", "t02"], run_id=NEWER)],
    ],
    "a run in two parts": [
        [hit(1), metadata(["t01"])],
        [miss(2, run_id=NEWER), metadata(["t02"], run_id=NEWER)],
    ],
    "no metadata: the run was killed": [[hit(1), failed(2)]],
    "another model in the same file": [
        [hit(1), metadata(["t01"]),
         miss(1, configuration_hash="c2", model_identifier="OTHER"),
         metadata(["t01"], configuration_hash="c2", model_identifier="OTHER")],
    ],
}  # fmt: skip


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """What a script prints; in this process, since there are many calls."""

    def run(main: Callable[[], int], *arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", [main.__module__, *map(str, arguments)])
        assert main() == 0
        return capsys.readouterr().out

    return run


def index_of(page: Path) -> Any:
    """The figures in a page, as its script reads them."""
    block = re.search(r'id="index">(.*?)</script>', page.read_text())
    assert block is not None
    return json.loads(block[1])


@pytest.mark.parametrize("files", ODD_FILES.values(), ids=ODD_FILES.keys())
def test_tables_comparison_page_and_drawing_show_the_same_figures(
    files: list[list[dict[str, Any]]], printed: Printed, tmp_path: Path
) -> None:
    paths = [write(tmp_path / f"{at}.jsonl", entries) for at, entries in enumerate(files)]
    tables = [one["scores"] for one in json.loads(printed(score_results.main, *paths, "--json"))]
    printed(build_report.main, *paths, "--output", page := tmp_path / "page.html")
    shown = index_of(page)
    for run, scores in zip(shown["runs"], tables, strict=True):
        assert_same_figures(run, scores)
    if len(tables) > 1:
        lines = printed(compare_runs.main, *paths).splitlines()
        rows = [line.split() for line in lines if re.match(r"[A-Z]  +\d", line)]
        assert [row[1:3] for row in rows] == [
            [str(scores["tasks"]), f"{scores['macro']:.2%}"] for scores in tables
        ]
    words = {True: "solved", False: "not solved", None: "not scored"}
    for task in shown["tasks"]:
        drawn = printed(show_task.main, task["task_id"], "--results", *paths)
        found = re.findall(r" · (solved|not solved|not scored)$", drawn, re.MULTILINE)
        assert found == [words[one["solved"]] for one in task["results"] if one]


def assert_same_figures(run: dict[str, Any], scores: dict[str, Any]) -> None:
    """The page's figures of a run against what `score_results.py --json` says."""
    for name, key in {"score": "macro", "micro": "micro", "strict": "strict"}.items():
        assert run[name] == scores[key]
    assert [run["low"], run["high"]] == scores["macro_interval_95"]
    assert (run["solved"], run["tasks"]) == (scores["tasks_solved"], scores["tasks"])
    assert run["pass_at_1"] == scores["pass_at_k"][0]
    missing = set(scores["missing_task_ids"]) - set(scores["unscored_task_ids"])
    assert set(run["missing"]) == missing
    assert run["unscored"] == len(scores["unscored_task_ids"])
    assert run["failed"] == sum(map(len, scores["failed_task_ids"].values()))


def test_a_run_says_of_itself_what_is_later_read_from_its_file(
    run_script: Run, tmp_path: Path
) -> None:
    """The summary, the metadata, the table and the page of a run of the embedded agent."""
    results = tmp_path / "code_benchmark_results.jsonl"
    done = run_script(
        "benchmark/run_code_benchmark.py", "--model_identifier", "PROGRAM_SEARCH",
        "--dataset", "arc1_training", "--tasks", "[1:4]", "--best_of", "2",
        "--output_directory", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scored = run_script("benchmark/score_results.py", results)
    figures = [line for line in scored.stdout.splitlines() if "%" in line]
    assert len(figures) >= 5
    assert all(line in done.stdout for line in figures)
    page = tmp_path / "page.html"
    run_script("auxiliary_utilities/build_report.py", results, "--output", page)
    (run,) = index_of(page)["runs"]
    entries = [json.loads(line) for line in results.read_text().splitlines()]
    (stored,) = [one["scores"] for one in entries if one["entry_type"] == "metadata"]
    assert (run["score"], run["micro"], run["strict"], run["pass_at_1"]) == (
        stored["macro"], stored["micro"], stored["strict"], stored["pass_at_k"][0],
    )  # fmt: skip
