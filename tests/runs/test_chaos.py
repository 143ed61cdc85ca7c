"""Every script through both SDKs in a storm of faults, kills and interruptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.chaos import CTRL_C, CTRL_C_TWICE, KILL, Case, Storm, whole_lines_only

SMALL = (
    Case("synthetic_data_generators/generate_code_data.py", "code_data", "openai", 30, 4),
    Case(
        "synthetic_data_generators/generate_reasoning_data.py", "reasoning_data", "anthropic",
        20, 4, interruptions=(KILL, CTRL_C), cap_share=3.0,
    ),
    Case(
        "benchmark/run_code_benchmark.py", "code_benchmark", "openai",
        20, 4, interruptions=(KILL, CTRL_C_TWICE), cap_share=3.0,
    ),
    Case(
        "benchmark/run_direct_benchmark.py", "direct_benchmark", "anthropic",
        20, 4, interruptions=(KILL, CTRL_C), cap_share=3.0, maker="one_cell_grid",
    ),
)  # fmt: skip
LARGE = tuple(
    Case(case.script, case.stem, sdk, 400, 5, tasks_under_way=20, maker=case.maker)
    for case in SMALL
    for sdk in ("openai", "anthropic")
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", SMALL, ids=str)
def test_a_small_storm_loses_nothing_and_buys_nothing_twice(
    case: Case, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    weather(case, tmp_path, dataset)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", LARGE, ids=str)
def test_two_thousand_requests_in_a_storm_lose_nothing_and_buy_nothing_twice(
    case: Case, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    weather(case, tmp_path, dataset)


def weather(case: Case, folder: Path, dataset: Callable[..., Path]) -> None:
    storm = Storm(case, folder / "out", dataset(count=case.tasks))
    storm.rage()
    met = Counter(run.interruption for run in storm.runs if run.interruption)
    assert met == Counter(case.interruptions)
    every_task_has_its_result(storm)
    nothing_is_bought_twice(storm)
    attempts_stay_within_the_bound(storm)
    assert max(storm.bills_usd()) <= case.cap_usd


def every_task_has_its_result(storm: Storm) -> None:
    assert whole_lines_only(storm.journal)
    assert whole_lines_only(storm.results)
    done = storm.complete_entries()
    assert len(done) == storm.case.tasks
    replied = {(line["task_id"], line["sample_index"]): line["reply"] for line in storm.replies}
    for task_id, entry in done.items():
        assert len(entry["status"]) == storm.case.samples
        assert set(entry["status"]) == {"ok"}, entry["error"]
        usages = [replied[task_id, index]["usage"] for index in range(storm.case.samples)]
        assert entry["usage"] == usages


def nothing_is_bought_twice(storm: Storm) -> None:
    keys = Counter(line["key"] for line in storm.replies)
    assert len(keys) == storm.case.tasks * storm.case.samples
    assert set(keys.values()) == {1}, "a reply that was journalled was asked for again"
    assert list(storm.asked_for_nothing()) == []


def attempts_stay_within_the_bound(storm: Storm) -> None:
    assert storm.attempts_beyond_the_bound() == []
    told = storm.attempts_by_the_journal()
    assert len(storm.ledger) <= told + storm.most_unaccounted()
