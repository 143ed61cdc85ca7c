"""Scores of hand-made results files, against a computation that shares no code with the toolkit."""

from __future__ import annotations

import gzip
import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.support.hand_made_results import OTHER, WRONG, entry, metadata, right, task_data, write
from tests.support.scripts import Run
from utilities.errors import UsageError
from utilities.results.result_entry import ResultEntry
from utilities.scoring.outcomes import attempts_of
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.task import Task

TABLE = [[1, 2, 3], [3, 4, 1], [2, 2, 1]]
NEWER = "20260202T000000Z-bbbbbb"


def only_run(path: Path, **more: Any) -> Any:
    (run,) = read_scored_runs([path], **more)
    return run


def naive_figures(entries: list[dict[str, Any]], missing: dict[str, int]) -> dict[str, Any]:
    """The figures once more, by counting and by enumerating draws."""
    tasks = []
    for one in entries:
        wanted = [pair["output"] for pair in one["task_data"]["test"]]
        hits = [grid in tried for grid, tried in zip(wanted, one["attempts"], strict=True)]
        good = [sample == wanted for sample in one["test_outputs"]]
        fits = [bool(passed) and all(passed) for passed in one["train_passed"]]
        tasks.append((hits, good, fits))
    tasks += [([False] * count, [], []) for count in missing.values()]
    count, most = len(tasks), max(len(good) for _, good, _ in tasks)
    pass_at = []
    for k in range(1, most + 1):
        chances = []
        for _, good, _ in tasks:
            draws = list(combinations(good, min(k, len(good)))) if good else [(False,)]
            chances.append(sum(map(any, draws)) / len(draws))
        pass_at.append(sum(chances) / count)
    fitting = [(fit, ok) for _, good, fits in tasks for fit, ok in zip(fits, good, strict=True)]
    return {
        "macro": sum(sum(hits) / len(hits) for hits, _, _ in tasks) / count,
        "micro": sum(sum(hits) for hits, _, _ in tasks) / sum(len(hits) for hits, _, _ in tasks),
        "strict": sum(all(hits) for hits, _, _ in tasks) / count,
        "pass_at_k": pass_at,
        "train_fit": sum(fit for fit, _ in fitting) / len(fitting),
        "false_positive": sum(fit and not ok for fit, ok in fitting)
        / sum(fit for fit, _ in fitting),
    }


def random_entry(chance: random.Random, number: int, best_of: int) -> dict[str, Any]:
    outputs = chance.choice((1, 1, 2, 3))
    samples: list[Any] = []
    for _ in range(best_of):
        answer = [chance.choice((right(number, place), WRONG, None)) for place in range(outputs)]
        samples.append(chance.choice((answer, answer, None)))
    attempts = [
        [chance.choice((right(number, place), WRONG, None)), OTHER] for place in range(outputs)
    ]
    passed = [sample and [True, chance.random() < 0.7] for sample in samples]
    status = [
        "ok" if sample else chance.choice(("no_code", "unparsable", "rate_limited"))
        for sample in samples
    ]
    return entry(
        number, samples, attempts, train_passed=passed, status=status, outputs=outputs
    )  # fmt: skip


@pytest.mark.parametrize("best_of", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_figures_agree_with_an_independent_computation(
    tmp_path: Path, seed: int, best_of: int
) -> None:
    chance = random.Random(seed)
    entries = [random_entry(chance, number, best_of) for number in range(20)]
    missing = {"t90": 1, "t91": 2}
    named = metadata([one["task_id"] for one in entries], missing_tasks=missing)
    run = only_run(write(tmp_path / "results.jsonl", [*entries, named]))
    found, expected = run.scores().to_json(), naive_figures(entries, missing)
    for key, value in expected.items():
        assert found[key] == pytest.approx(value), key
    assert found["missing_task_ids"] == ("t90", "t91")
    failed = {task_id for ids in found["failed_task_ids"].values() for task_id in ids}
    assert failed == {
        one["task_id"]
        for one in entries
        if "rate_limited" in one["status"]
        and not all(
            pair["output"] in tried
            for pair, tried in zip(one["task_data"]["test"], one["attempts"], strict=True)
        )
    }


def test_stored_verdicts_are_not_believed(tmp_path: Path) -> None:
    lying = entry(1, [[WRONG]], [[WRONG, None]], solved=True, outputs_solved=[True])
    run = only_run(write(tmp_path / "results.jsonl", [lying, metadata(["t01"])]))
    assert run.scores().strict == 0


def test_oracle_and_majority_are_those_counted_by_hand(tmp_path: Path) -> None:
    two = [[right(1, 0), WRONG], [WRONG, right(1, 1)], [WRONG, right(1, 1)]]
    entries = [
        # Each output is in some sample, no sample has both; the most frequent grids are half right.
        entry(1, two, [[WRONG, right(1, 0)], [right(1, 1), WRONG]], outputs=2),
        entry(2, [[WRONG], [right(2)], [right(2)]], [[right(2), WRONG]]),
        # One vote each: the first seen counts.
        entry(3, [[WRONG], [right(3)], None], [[WRONG, right(3)]]),
    ]
    run = only_run(write(tmp_path / "results.jsonl", [*entries, metadata(["t01", "t02", "t03"])]))
    scores = run.scores()
    assert scores.value("oracle") == 1.0
    assert scores.value("majority") == pytest.approx(1 / 3)
    assert scores.to_json()["pass_at_k"][2] == pytest.approx(2 / 3)


def test_the_newest_complete_entry_of_a_task_counts(tmp_path: Path) -> None:
    good = entry(1, [[right(1)]], [[right(1), None]])
    later = entry(1, [[WRONG]], [[WRONG, None]], run_id=NEWER)
    failed = entry(1, [None], [[None, None]], status=["rate_limited"], run_id=NEWER)
    named = [metadata(["t01"]), metadata(["t01"], run_id=NEWER)]
    for entries, strict in (
        ([good, failed, *named], 1.0),
        ([good, later, *named], 0.0),
        ([later, good, *named], 0.0),  # newer by its run, wherever it stands
        ([failed, *named], 0.0),
    ):
        run = only_run(write(tmp_path / "results.jsonl", entries))
        assert len(run.outcomes) == 1
        assert run.scores().strict == strict


def test_two_files_that_answer_the_same_task_are_repeats_with_a_table_each(tmp_path: Path) -> None:
    first = write(tmp_path / "a.jsonl", [entry(1, [[WRONG]], [[WRONG, None]]), metadata(["t01"])])
    newer = entry(1, [[right(1)]], [[right(1), None]], run_id=NEWER)
    second = write(tmp_path / "b.jsonl", [newer, metadata(["t01"], run_id=NEWER)])
    for order, scores in (([first, second], [0.0, 1.0]), ([second, first], [1.0, 0.0])):
        assert [run.scores().strict for run in read_scored_runs(order)] == scores


def test_files_that_share_no_answered_task_are_parts_of_one_run(tmp_path: Path) -> None:
    failed = entry(2, [None], [[None, None]], status=["rate_limited"])
    one = [entry(1, [[WRONG]], [[WRONG, None]]), failed, metadata(["t01", "t02"])]
    two = entry(2, [[right(2)]], [[right(2), None]], run_id=NEWER)
    files = [
        write(tmp_path / "a.jsonl", one),
        write(tmp_path / "b.jsonl", [two, metadata(["t02"], run_id=NEWER)]),
    ]
    for order in (files, files[::-1]):
        (run,) = read_scored_runs(order)
        assert (run.scores().tasks, run.scores().strict) == (2, 0.5)


def test_runs_in_one_file_that_ask_a_task_twice_are_repeats(tmp_path: Path) -> None:
    again = {"run_id": NEWER, "latency_s": [2.5], "entry_key": "k"}
    entries = [
        entry(1, [[WRONG]], [[WRONG, None]], entry_key="k"),
        metadata(["t01"]),
        entry(1, [[right(1)]], [[right(1), None]], **again),
        metadata(["t01"], run_id=NEWER),
    ]
    runs = read_scored_runs([write(tmp_path / "both.jsonl", entries)])
    assert [run.scores().strict for run in runs] == [0.0, 1.0]
    assert [(run.repeat, run.repeats) for run in runs] == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "anew", [{"entry_key": "k2", "latency_s": [2.5]}, {"entry_key": "k"}, {"latency_s": [2.5]}]
)
def test_an_entry_made_anew_in_its_file_is_no_repeat(tmp_path: Path, anew: dict[str, Any]) -> None:
    """By other parsers from the same replies, or by another version: the newest counts."""
    first = entry(1, [[WRONG]], [[WRONG, None]], entry_key="k")
    later = entry(1, [[right(1)]], [[right(1), None]], run_id=NEWER, **anew)
    named = [metadata(["t01"]), metadata(["t01"], run_id=NEWER)]
    run = only_run(write(tmp_path / "results.jsonl", [first, later, *named]))
    assert (run.scores().strict, run.repeats) == (1.0, 1)


def test_repeats_are_shown_with_their_spread(run_script: Run, tmp_path: Path) -> None:
    files = [
        write(
            tmp_path / f"{run_id}.jsonl",
            [
                entry(number, [[answer]], [[answer, None]], run_id=run_id)
                for number, answer in enumerate(answers, start=1)
            ]
            + [metadata(["t01", "t02"], run_id=run_id)],
        )
        for run_id, answers in {
            "20260101T000000Z-a": [right(1), WRONG],
            "20260102T000000Z-b": [right(1), right(2)],
        }.items()
    ]
    for script in ("benchmark/score_results.py", "benchmark/compare_runs.py"):
        done = run_script(script, *files)
        assert "run 2 of 2 of this configuration" in done.stdout
        assert (
            "2 runs of MODEL, best of 3 grids on set: macro 50.00% to 100.00%, mean 75.00%, "
            "standard deviation 35.36 points" in done.stdout
        )


def test_a_copy_of_a_file_changes_nothing(tmp_path: Path) -> None:
    entries = [entry(1, [[right(1)]], [[right(1), None]]), metadata(["t01"])]
    files = [write(tmp_path / f"{name}.jsonl", entries) for name in "ab"]
    (run,) = read_scored_runs(files)
    assert run.scores().tasks == 1


def test_a_later_run_finds_what_an_interrupted_one_missed(tmp_path: Path) -> None:
    cut = metadata(["t01"], missing_tasks={"t02": 1}, status="interrupted")
    whole = metadata(["t01", "t02"], run_id=NEWER)
    one = entry(1, [[right(1)]], [[right(1), None]])
    two = entry(2, [[right(2)]], [[right(2), None]], run_id=NEWER)
    path = write(tmp_path / "results.jsonl", [one, cut, two, whole])
    assert only_run(path).scores().missing == ()
    first = only_run(path, run_id="20260101T000000Z-aaaaaa")
    # The run that missed it is told by its id; what is there today counts for it.
    assert first.scores().tasks == 2


def test_models_configurations_and_datasets_have_a_table_each(tmp_path: Path) -> None:
    other = {"configuration_hash": "c2", "model_identifier": "OTHER"}
    entries = [
        entry(1, [[right(1)]], [[right(1), None]]),
        metadata(["t01"]),
        entry(1, [[WRONG]], [[WRONG, None]], **other),
        metadata(["t01"], **other),
        entry(2, [[right(2)]], [[right(2), None]], run_id=NEWER),
        metadata(["t02"], run_id=NEWER, dataset="data/second.json", dataset_hash="d2"),
    ]
    runs = read_scored_runs([write(tmp_path / "results.jsonl", entries)])
    assert [(run.model_identifier, run.dataset, sorted(run.outcomes)) for run in runs] == [
        ("MODEL", "data/set.json", ["t01"]),
        ("OTHER", "data/set.json", ["t01"]),
        ("MODEL", "data/second.json", ["t02"]),
    ]
    assert [run.scores().strict for run in runs] == [1.0, 0.0, 1.0]


def test_a_resumed_task_counts_for_the_run_that_names_it(tmp_path: Path) -> None:
    first = entry(1, [[right(1)]], [[right(1), None]])
    wider = metadata(["t01"], run_id=NEWER, dataset="data/all.json", dataset_hash="d2")
    runs = read_scored_runs([write(tmp_path / "results.jsonl", [first, metadata(["t01"]), wider])])
    assert [run.scores().strict for run in runs] == [1.0, 1.0]


def test_a_task_of_the_same_id_and_other_content_does_not_count(tmp_path: Path) -> None:
    of_first = entry(1, [[right(1)]], [[right(1), None]])
    other = entry(1, [None], [[None, None]], status=["rate_limited"], run_id=NEWER)
    other["task_data"] = task_data(5)
    wider = metadata(["t01"], run_id=NEWER, dataset="data/all.json", dataset_hash="d2")
    path = write(tmp_path / "results.jsonl", [of_first, metadata(["t01"]), other, wider])
    assert [run.scores().strict for run in read_scored_runs([path])] == [1.0, 0.0]


def test_without_metadata_the_entries_are_scored_and_the_lack_is_said(tmp_path: Path) -> None:
    run = only_run(write(tmp_path / "results.jsonl", [entry(1, [[right(1)]], [[right(1), None]])]))
    assert run.scores().strict == 1.0
    assert "no metadata" in run.notes()[0]


def test_a_given_dataset_tells_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "results.jsonl", [entry(1, [[right(1)]], [[right(1), None]])])
    tasks = [Task.from_json(f"t{number:02}", task_data(number, 2)) for number in (3, 2)]
    tasks.append(Task.from_json("t01", task_data(1)))
    run = only_run(path, tasks=tasks, dataset="three.json")
    assert run.scores().missing == ("t02", "t03")
    assert (run.scores().strict, run.scores().micro) == (pytest.approx(1 / 3), 0.2)


def test_a_given_dataset_brings_the_test_outputs_that_results_lack(tmp_path: Path) -> None:
    blind = entry(1, [[right(1)]], [[right(1), None]], task_data=task_data(1, known=False))
    path = write(tmp_path / "results.jsonl", [blind])
    assert only_run(path).scores().unscored == ("t01",)
    known = [Task.from_json("t01", task_data(1))]
    assert only_run(path, tasks=known).scores().strict == 1.0
    of_other_inputs = [Task.from_json("t01", task_data(2))]
    scores = only_run(path, tasks=of_other_inputs).scores()
    assert (scores.unscored, scores.missing) == ((), ("t01",)), "another task under the same id"


def test_a_run_id_brings_back_what_that_run_itself_saw(tmp_path: Path) -> None:
    first, last = "20260101T000000Z-aaaaaa", "20260303T000000Z-cccccc"
    failed = {"status": ["rate_limited"], "run_id": NEWER}
    path = write(
        tmp_path / "results.jsonl",
        [
            entry(1, [[right(1)]], [[right(1), None]]),
            entry(2, [[right(2)]], [[right(2), None]]),
            metadata(["t01", "t02"], missing_tasks={"t03": 1}),
            entry(1, [None], [[None, None]], **failed),  # asked again by --no_resume
            metadata(["t01", "t02"], run_id=NEWER),
            entry(1, [[WRONG]], [[WRONG, None]], run_id=last),
            entry(3, [[right(3)]], [[right(3), None]], run_id=last),
            metadata(["t01", "t03"], run_id=last),
        ],
    )
    assert only_run(path, run_id=first).scores().macro == pytest.approx(2 / 3)
    assert only_run(path, run_id=first).scores().missing == ("t03",)
    second = only_run(path, run_id=NEWER).scores()
    assert (second.macro, second.failed) == (0.5, {"rate_limited": ["t01"]})
    assert only_run(path, run_id=last).scores().macro == 0.5
    assert only_run(path).scores().macro == pytest.approx(2 / 3)


def test_a_runs_name_is_of_its_configuration_and_not_of_what_came_of_it(tmp_path: Path) -> None:
    told = {
        "model_identifier": "MODEL", "agent": "CodeGeneratingAgent", "best_of": 2, "refine": 1,
        "attempts": 3, "limits": {}, "sampling": {"temperature": 0.5, "top_p": None},
    }  # fmt: skip
    name = "MODEL, CodeGeneratingAgent, best of 2 programs, refine 1, 3 attempts, temperature 0.5"
    refined = entry(1, [[WRONG]] * 4, [[WRONG, None, None]], train_passed=[[False, True]] * 4)
    for number, entries in enumerate(([refined], [])):
        named = metadata(["t01"], configuration=told, missing_tasks={"t02": 1})
        run = only_run(write(tmp_path / f"{number}.jsonl", [*entries, named]))
        assert run.name == f"{name} on set"
        assert "of 3 attempts a test input" in run.notes()[0]


def test_gzipped_files_and_the_older_layout_are_read(tmp_path: Path) -> None:
    older = entry(1, [[right(1)]], [[right(1), None]], python_code="code", reasoning="so")
    for field in ("run_id", "configuration_hash", "complete", "usage", "cost_usd"):
        del older[field]
    document = {"metadata": {"model": "vendor:model-1"}, "results": [older]}
    path = tmp_path / "old.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    run = only_run(path)
    assert (run.scores().strict, run.outcomes["t01"].cost_usd) == (1.0, None)


def test_results_without_attempts_have_those_that_the_benchmark_would_choose(
    tmp_path: Path,
) -> None:
    samples = [[WRONG], [right(1)], [OTHER], [OTHER]]
    passed = [[True, True], [True, True], [False, True], [False, True]]
    verified = entry(1, samples, [], train_passed=passed)
    del verified["attempts"]
    assert only_run(write(tmp_path / "a.jsonl", [verified])).scores().strict == 1.0
    verified["train_passed"][1] = [False, False]
    assert only_run(write(tmp_path / "a.jsonl", [verified])).scores().strict == 0.0


def test_programs_that_hold_grids_of_the_task_or_vary_come_last_of_equals(tmp_path: Path) -> None:
    known = task_data(1)
    known["train"] = [{"input": [[1]], "output": TABLE}]
    table = f"def solve_task(grid):\n    return {TABLE}"
    computed = "def solve_task(grid):\n    return [row[::-1] for row in grid]"
    samples = [[WRONG], [WRONG], [OTHER], [right(1)]]
    verified = entry(
        1, samples, [], train_passed=[[True]] * 4, task_data=known,
        python_code=[table, table, computed, f"{computed}  # {TABLE}"],
        deterministic=[True, True, False, True],
    )  # fmt: skip
    del verified["attempts"]
    one = ResultEntry.of(verified)
    assert attempts_of(one, one.task()) == [[right(1), WRONG]]


def test_a_program_with_a_test_output_in_it_is_not_told_by_the_choice(tmp_path: Path) -> None:
    known = task_data(1)
    known["test"][0]["output"] = TABLE
    table = f"def solve_task(grid):\n    return {TABLE}"
    samples = [[TABLE], [TABLE], [OTHER]]
    verified = entry(
        1, samples, [], train_passed=[[True, True]] * 3, task_data=known,
        python_code=[table, table, table.replace("4", "5")], hardcoded=[True, True, False],
    )  # fmt: skip
    del verified["attempts"]
    one = ResultEntry.of(verified)
    assert attempts_of(one, one.task()) == [[TABLE, OTHER]]


def test_a_runs_own_order_of_its_programs_is_kept(tmp_path: Path) -> None:
    samples = [[WRONG], [WRONG], [right(1)]]
    ranked = entry(1, samples, [], train_passed=[[True]] * 3, ranking=[2, 99, 0, 1])
    del ranked["attempts"]
    one = ResultEntry.of(ranked)
    assert attempts_of(one, one.task()) == [[right(1), WRONG]]


def test_results_of_a_generator_are_told_from_a_benchmarks(tmp_path: Path) -> None:
    generated = entry(1, [[WRONG]], [])
    del generated["attempts"], generated["test_outputs"]
    with pytest.raises(UsageError, match="t01: no attempts and no test_outputs; give a bench"):
        read_scored_runs([write(tmp_path / "a.jsonl", [generated])])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attempts", [[[["x"]]]]), ("test_outputs", [5]), ("train_passed", [True]),
        ("usage", [["x"]]), ("cost_usd", ["free"]), ("latency_s", 3), ("status", [5]),
        ("test_outputs", [[[[1], [1, 2]]]]), ("cost_usd", [float("nan")]),
    ],
)  # fmt: skip
def test_a_damaged_field_is_named(tmp_path: Path, field: str, value: Any) -> None:
    damaged = entry(1, [[WRONG]], [[WRONG]]) | {field: value}
    with pytest.raises(UsageError, match=rf"a\.jsonl, line 1: task t01: {field}.*; mend the"):
        read_scored_runs([write(tmp_path / "a.jsonl", [damaged])])


def test_damaged_metadata_is_named(tmp_path: Path) -> None:
    damaged = metadata(["t01"], missing_tasks=["t02"])
    with pytest.raises(
        UsageError, match=r"line 1: run .*: missing_tasks should be an object.*; mend the"
    ):
        read_scored_runs([write(tmp_path / "a.jsonl", [damaged])])


def test_an_unknown_run_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [entry(1, [[WRONG]], [[WRONG]]), metadata(["t01"])])
    with pytest.raises(UsageError, match="--run_id x: no metadata of such a run"):
        read_scored_runs([path], run_id="x")


def test_refined_samples_are_kept_out_of_pass_at_k(tmp_path: Path) -> None:
    refined = entry(
        1, [[WRONG], [WRONG], [right(1)], [WRONG]], [[right(1), WRONG]],
        refinement_round=[0, 0, 1, 1],
    )  # fmt: skip
    scores = only_run(write(tmp_path / "a.jsonl", [refined, metadata(["t01"])])).scores()
    assert scores.to_json()["pass_at_k"] == [0.0, 0.0]
    assert (scores.value("oracle"), scores.strict) == (1.0, 1.0)
