"""The code benchmark against scripted replies: every number is computed here by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.test_benchmarks import CODE, KEEPS, RAISES, grid_text, program
from tests.support.loopback_server import Behaviour, LedgerEntry, LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import entries

NO_PROGRAM = reply("I have no idea.")
FLIPS = program("return [row[::-1] for row in grid]")
FLIPS_TOO = program("return [list(reversed(row)) for row in grid]")
TURNS = program("return [row[::-1] for row in grid[::-1]]")
TURNS_TOO = program("grid = grid[::-1]; return [row[::-1] for row in grid]")
KEEPS_TOO = program("return list(grid)")

THIRD = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}, {"input": [[1, 3]], "output": [[3, 1]]}],
    "test": [{"input": [[1, 4]], "output": [[4, 1]]}],
}
"""Flip; the right program is the third of five."""
FITS = {
    "train": [{"input": [[2, 3]], "output": [[3, 2]]}, {"input": [[2, 4]], "output": [[4, 2]]}],
    "test": [
        {"input": [[2, 5], [2, 6]], "output": [[5, 2], [6, 2]]},
        {"input": [[2, 7]], "output": [[7, 2]]},
    ],
}
"""Flip; turning by 180 degrees fits the train pairs too, and is wrong on the first test input."""
UNREAD = {
    "train": [{"input": [[3, 4]], "output": [[4, 3]]}],
    "test": [
        {"input": [[3, 5]], "output": [[5, 3]]},
        {"input": [[3, 3]], "output": [[3, 3]]},
    ],
}
"""Flip; no reply ever says so, and one of the programs is right on the second test input."""
MENDED = {
    "train": [{"input": [[5, 6]], "output": [[6, 5]]}, {"input": [[5, 5]], "output": [[5, 5]]}],
    "test": [{"input": [[5, 7]], "output": [[7, 5]]}],
}
"""Flip; only a refinement finds it."""
TASKS = {"third": THIRD, "fits": FITS, "unread": UNREAD, "mended": MENDED}
MENDING = "## Earlier program 1 of 2: 0 of 2 train pairs right"
"""What only the refinement prompts of MENDED say: KEEPS is right on one pair, RAISES on none."""
SCRIPT: dict[str, list[Behaviour]] = {
    MENDING: [KEEPS_TOO, FLIPS, NO_PROGRAM, FLIPS_TOO, KEEPS],
    "None of your earlier replies held": [KEEPS, KEEPS_TOO, RAISES, NO_PROGRAM, KEEPS],
    "## Earlier program": [RAISES],
    grid_text([[1, 2]]): [KEEPS, NO_PROGRAM, FLIPS, RAISES, KEEPS_TOO],
    grid_text([[2, 3]]): [TURNS, KEEPS, TURNS_TOO, FLIPS, NO_PROGRAM],
    grid_text([[3, 4]]): [NO_PROGRAM],
    grid_text([[5, 6]]): [KEEPS, RAISES, KEEPS, NO_PROGRAM, RAISES],
}


class Outcome:
    """One run of the benchmark on the four tasks."""

    def __init__(self, folder: Path, *more: str, tasks: dict[str, Any] = TASKS) -> None:
        (folder / "tasks.json").write_text(json.dumps(tasks))
        with LoopbackServer(prompts=SCRIPT) as server:
            process = ScriptProcess(
                CODE, "--model_identifier", "local:x", "--base_url", server.openai_url,
                "--dataset_directory", folder / "tasks.json", "--best_of", "5",
                "--output_directory", folder / "out", *more,
            )  # fmt: skip
            self.done = process.completed()
            assert self.done.returncode == 0, self.done.stderr
            self.ledger: list[LedgerEntry] = server.ledger()
        results = folder / "out" / "code_benchmark_results.jsonl"
        self.entries = {entry["task_id"]: entry for entry in entries(results)}
        self.metadata = entries(results, "metadata")[-1]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return Outcome(tmp_path_factory.mktemp("by_hand"), "--refine", "2")


def test_a_right_program_among_five_is_the_first_attempt(outcome: Outcome) -> None:
    entry = outcome.entries["third"]
    assert entry["attempts"] == [[[[4, 1]], [[1, 4]]]]
    assert entry["attempt_votes"] == [[1, 2]], "a fit comes before votes"
    assert "row[::-1]" in entry["python_code"][entry["attempt_samples"][0][0]]
    assert sorted(entry["status"]) == ["no_code", "ok", "ok", "ok", "ok"]
    assert entry["solved"] is True
    assert entry["refinement_round"] == [0] * 5


def test_two_programs_that_agree_come_before_one_although_they_are_wrong(
    outcome: Outcome,
) -> None:
    entry = outcome.entries["fits"]
    assert entry["attempts"] == [
        [[[6, 2], [5, 2]], [[5, 2], [6, 2]]],
        [[[7, 2]], [[2, 7]]],
    ]
    assert entry["attempt_votes"] == [[2, 1], [2, 1]]
    assert entry["outputs_solved"] == [True, True], "the second attempt is right on the first"
    assert sum(all(passed) for passed in entry["train_passed"] if passed is not None) == 3
    assert entry["refinement_round"] == [0] * 5


def test_a_task_whose_replies_fail_to_parse_gets_its_rounds_too(outcome: Outcome) -> None:
    entry = outcome.entries["unread"]
    assert entry["status"][:5] == ["no_code"] * 5
    assert entry["refinement_round"] == [0] * 5 + [1] * 5 + [2] * 5
    assert entry["parent_samples"][:10] == [[]] * 10
    shown = entry["parent_samples"][10]
    assert len(shown) == 3, "three different programs of the round before"
    assert entry["attempts"] == [[[[3, 5]], None], [[[3, 3]], None]]
    assert entry["attempt_votes"] == [[3, 0], [3, 0]]
    assert entry["outputs_solved"] == [False, True]
    assert entry["solved"] is False


def test_a_refinement_mends_what_the_first_round_got_wrong(outcome: Outcome) -> None:
    entry = outcome.entries["mended"]
    assert entry["refinement_round"] == [0] * 5 + [1] * 5, "no round after the one that fits"
    worst, best = entry["parent_samples"][5]
    assert entry["train_passed"][worst] == [False, False]
    assert entry["train_passed"][best] == [False, True]
    assert "5→6 7→5" not in json.dumps(entry["prompt_messages"], ensure_ascii=False)
    assert "5→6 6→5" in entry["prompt_messages"][5][1]["content"]
    assert entry["attempts"] == [[[[7, 5]], [[5, 7]]]]
    assert entry["attempt_votes"] == [[2, 4]], "two of each round keep the grid: four votes"
    assert entry["solved"] is True


def test_every_list_counts_first_samples_and_refined_ones(outcome: Outcome) -> None:
    fields = (
        "prompt_messages", "reasoning", "python_code", "status", "usage", "cost_usd", "latency_s",
        "execution_status", "train_passed", "test_passed", "train_outputs", "test_outputs",
        "refinement_round", "parent_samples",
    )  # fmt: skip
    for task_id, count in (("third", 5), ("fits", 5), ("unread", 15), ("mended", 10)):
        assert {len(outcome.entries[task_id][name]) for name in fields} == {count}


def test_the_scores_are_those_computed_by_hand(outcome: Outcome) -> None:
    scores = outcome.metadata["scores"]
    assert scores["strict"] == 3 / 4
    assert scores["macro"] == (1 + 1 + 1 / 2 + 1) / 4
    assert scores["micro"] == 5 / 6
    assert sorted(outcome.metadata["solved_task_ids"]) == ["fits", "mended", "third"]
    assert "3 of 4 tasks" in outcome.done.stdout


def test_no_more_is_asked_than_the_rounds_need_and_no_prompt_shows_a_test_output(
    outcome: Outcome,
) -> None:
    assert len(outcome.ledger) == 5 + 5 + 15 + 10
    secrets = [grid_text(pair["output"]) for task in (THIRD, FITS, MENDED) for pair in task["test"]]
    for request in outcome.ledger:
        said = "\n".join(message["content"] for message in request.body["messages"])
        assert not any(secret in said for secret in secrets)


def test_without_refinement_the_same_tasks_score_less(tmp_path: Path) -> None:
    plain = Outcome(tmp_path, "--attempts", "1")
    assert plain.metadata["scores"]["strict"] == 1 / 4, "one attempt: FITS falls to the majority"
    assert plain.entries["fits"]["outputs_solved"] == [False, True]
    assert plain.entries["fits"]["attempts"][1] == [[[7, 2]]]
    assert len(plain.ledger) == 20
    assert set(plain.entries["mended"]["refinement_round"]) == {0}


def test_wrong_test_outputs_change_no_request_and_no_attempt(
    outcome: Outcome, tmp_path: Path
) -> None:
    altered: dict[str, Any] = json.loads(json.dumps(TASKS))
    for task in altered.values():
        for pair in task["test"]:
            pair["output"] = [[9, 9, 9]]
    other = Outcome(tmp_path, "--refine", "2", tasks=altered)
    assert other.metadata["scores"]["micro"] == 0
    for task_id, entry in outcome.entries.items():
        for name in ("attempts", "attempt_votes", "refinement_round"):
            assert other.entries[task_id][name] == entry[name], (task_id, name)
    assert _asked(other) == _asked(outcome)


def _asked(outcome: Outcome) -> list[str]:
    return sorted(json.dumps(request.body["messages"]) for request in outcome.ledger)
