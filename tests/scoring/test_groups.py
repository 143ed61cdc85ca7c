"""Scores by kind of task, and scores of several runs on the same tasks."""

import json
from pathlib import Path

import pytest

from tests.scoring.test_compare_runs import results, two_runs
from tests.support.hand_made_results import entry, metadata, right, task_data, write
from tests.support.scripts import Run
from utilities.scoring.comparison import rows_of_shared_tasks
from utilities.scoring.groups import GroupKind, group_of, group_scores
from utilities.scoring.intervals import wilson_interval
from utilities.scoring.outcomes import TaskOutcome, missing_outcome, missing_outcome_of
from utilities.tasks.task import Task


@pytest.mark.parametrize(
    ("task_id", "kind", "group"),
    [
        ("AboveBelow/AboveBelow1", "folder", "AboveBelow"),
        ("a/b/c7", "folder", "a/b"),
        ("00d62c1b", "folder", "none"),
        ("AboveBelow/AboveBelow12", "concept", "AboveBelow"),
        ("1d_fill/1d_fill_12", "concept", "1d_fill"),
        ("CleanUp3", "concept", "CleanUp"),
        ("00d62c1b", "concept", "none"),
        ("evaluation/12345678", "concept", "none"),
        ("17", "concept", "none"),
    ],
)
def test_folder_and_concept_are_what_the_id_tells(
    task_id: str, kind: GroupKind, group: str
) -> None:
    assert group_of(TaskOutcome(task_id, (True,)), kind) == group


@pytest.mark.parametrize(("cells", "group"), [(1, 9), (9, 9), (10, 25), (100, 100), (900, 900)])
def test_a_task_is_as_large_as_its_largest_grid(cells: int, group: int) -> None:
    outcome = TaskOutcome("t", (True,), train_pairs=1, largest_grid=cells)
    assert group_of(outcome, "size") == f"up to {group} cells"


def test_groups_by_number_stand_in_the_order_of_the_numbers_and_the_unknown_last() -> None:
    outcomes = [TaskOutcome(f"t{n}", (True,), train_pairs=n, largest_grid=9) for n in (10, 2, 1)]
    found = group_scores([missing_outcome("m", 1), *outcomes], "pairs")
    assert list(found) == ["1 train pair", "2 train pairs", "10 train pairs", "unknown"]


def test_a_missing_task_counts_0_in_its_group_if_its_pairs_are_at_hand() -> None:
    missing = missing_outcome_of(Task.from_json("t", task_data(1)))
    solved = TaskOutcome("u", (True,), train_pairs=2, largest_grid=4)
    (group,) = group_scores([missing, solved], "pairs").values()
    assert (group.tasks, group.macro, group.missing) == (2, 0.5, ("t",))


def test_each_group_has_the_figures_of_a_run_of_its_tasks_alone(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, {n: n < 3 for n in range(8)}, {1: True})
    (group,) = group_scores(runs[0].outcomes.values(), "pairs").values()
    assert group == runs[0].scores()
    assert group.interval("macro") == pytest.approx(wilson_interval(3, 8))


def test_scores_of_groups_are_printed_and_stand_in_the_json(
    run_script: Run, tmp_path: Path
) -> None:
    entries = [
        entry(n, [[right(n)]], [[right(n)]]) | {"task_id": f"{folder}/{folder}{n}"}
        for n, folder in enumerate(["Copy", "Copy", "Order"])
    ]
    path = write(tmp_path / "r.jsonl", [*entries, metadata([one["task_id"] for one in entries])])
    printed = run_script("benchmark/score_results.py", path, "--by", "concept").stdout
    assert "Copy     100.00%  (34.2% – 100.0%)  2 of 2 tasks solved" in printed
    done = run_script("benchmark/score_results.py", path, "--by", "folder", "--json")
    (told,) = json.loads(done.stdout)
    assert {name: scores["tasks"] for name, scores in told["groups"].items()} == {
        "Copy": 2, "Order": 1,
    }  # fmt: skip


def test_the_json_has_each_task_with_its_cost_and_tokens(run_script: Run, tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl",
        [entry(1, [[right(1)]], [[right(1)]]), metadata(["t01"], missing_tasks={"t05": 2})],
    )
    (told,) = json.loads(run_script("benchmark/score_results.py", path, "--json").stdout)
    answered, missing = told["tasks"]
    assert (answered["task_id"], answered["score"]) == ("t01", 1.0)
    assert (answered["known_cost_usd"], answered["output_tokens"]) == (0.25, 11)
    assert (missing["task_id"], missing["missing"], missing["score"]) == ("t05", True, 0.0)
    assert (told["known_cost_usd"], told["input_tokens"]) == (0.25, 100)


def test_runs_over_different_tasks_are_shown_on_those_that_all_answered(tmp_path: Path) -> None:
    """79 % of many beside 50 % of few says nothing; on the same tasks it does."""
    first = {n: n >= 2 for n in range(10)}
    rows = rows_of_shared_tasks(two_runs(tmp_path, first, {0: True, 1: True, 2: False}), ["A", "B"])
    assert [(row.name, row.scores.tasks) for row in rows] == [("A", 3), ("B", 3)]
    assert [row.scores.macro for row in rows] == pytest.approx([1 / 3, 2 / 3])
    assert [row.means.cost_usd for row in rows] == [0.25, 0.25]


def test_runs_without_a_common_task_have_no_common_rows(tmp_path: Path) -> None:
    assert rows_of_shared_tasks(two_runs(tmp_path, {1: True}, {2: True}), ["A", "B"]) == []


def test_compare_runs_shows_scores_and_costs_on_the_same_tasks(
    run_script: Run, tmp_path: Path
) -> None:
    paths = [
        results(tmp_path / "a.jsonl", dict.fromkeys(range(10), True), model="FIRST"),
        results(tmp_path / "b.jsonl", {0: True, 1: False}, model="SECOND"),
    ]
    script = "benchmark/compare_runs.py"
    printed = run_script(script, *paths, "--pareto", tmp_path / "p.svg", "--by", "pairs").stdout
    assert "on the 2 tasks that all of them answered:" in printed
    assert "2 train pairs  100.00%" in printed
    assert "on the 2 tasks that all answered" in (tmp_path / "p.svg").read_text()
    told = json.loads(run_script(script, *paths, "--json", "--by", "pairs").stdout)
    assert [row["scores"]["macro"] for row in told["on_shared_tasks"]] == [1.0, 0.5]
    assert [len(run["tasks"]) for run in told["runs"]] == [10, 2]
    assert [set(run["groups"]) for run in told["runs"]] == [{"2 train pairs"}] * 2
    (difference,) = told["differences"]
    assert difference["macro_difference"] == -0.5
    assert difference["corrected_p_value"] == difference["p_value"] == 1.0
