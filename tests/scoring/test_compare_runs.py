"""Runs compared on hand-made results, and the picture of score against cost."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.support.hand_made_results import WRONG, entry, metadata, right, task_data, write
from tests.support.scripts import Run
from utilities.scoring.comparison import corrected_p_values, detectable, differences, row_of
from utilities.scoring.intervals import FEWEST_DIFFERING, mcnemar_p_value
from utilities.scoring.pareto_plot import HEIGHT, WIDTH, Point, pareto_front, pareto_svg
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs

SVG = "{http://www.w3.org/2000/svg}"


def results(path: Path, solved: dict[int, bool], *, model: str = "MODEL", **more: Any) -> Path:
    """A run of one-output tasks, by number, each solved or not."""
    about = {"model_identifier": model, "configuration_hash": model, "run_id": f"2026-{model}"}
    entries = [
        entry(number, [[right(number)] if ok else [WRONG]], [[right(number) if ok else WRONG]],
              **about, **more)
        for number, ok in solved.items()
    ]  # fmt: skip
    named = metadata([one["task_id"] for one in entries], **about)
    return write(path, [*entries, named])


def two_runs(tmp_path: Path, first: dict[int, bool], second: dict[int, bool]) -> list[ScoredRun]:
    return read_scored_runs(
        [
            results(tmp_path / "a.jsonl", first, model="FIRST"),
            results(tmp_path / "b.jsonl", second, model="SECOND"),
        ]
    )


def test_the_tasks_that_one_run_alone_solves_are_counted_and_tested(tmp_path: Path) -> None:
    first = dict.fromkeys(range(10), True) | dict.fromkeys(range(10, 20), False)
    second = first | {0: False, 10: True, 11: True, 12: True, 13: True, 14: True}
    (one,) = differences(two_runs(tmp_path, first, second), ["A", "B"])
    assert (one.only_first, one.only_second) == (("t00",), ("t10", "t11", "t12", "t13", "t14"))
    assert one.macro == pytest.approx(4 / 20)
    assert one.p_value == pytest.approx(2 * (1 + 6) / 2**6)


def test_the_interval_is_that_of_the_paired_differences(tmp_path: Path) -> None:
    chance = random.Random(1)
    first = {number: chance.random() < 0.5 for number in range(90)}
    second = {number: ok if chance.random() < 0.9 else not ok for number, ok in first.items()}
    (one,) = differences(two_runs(tmp_path, first, second), ["A", "B"])
    gains = [second[number] - first[number] for number in first]
    mean = sum(gains) / 90
    half = 1.96 * (sum((gain - mean) ** 2 for gain in gains) / 90) ** 0.5 / 90**0.5
    assert one.interval == pytest.approx((mean - half, mean + half), abs=0.015)


def test_runs_that_agree_on_every_task_have_no_interval(tmp_path: Path) -> None:
    same = {1: True, 2: False}
    (one,) = differences(two_runs(tmp_path, same, same), ["A", "B"])
    assert (one.macro, one.interval, one.p_value) == (0, None, 1.0)


def test_tasks_that_only_one_run_was_given_are_left_out(tmp_path: Path) -> None:
    runs = two_runs(tmp_path, {1: True, 2: True}, {2: False, 3: True, 4: True})
    (one,) = differences(runs, ["A", "B"])
    assert (one.tasks, one.unshared, one.macro) == (1, 3, -1.0)


def test_runs_without_a_task_in_common_are_not_compared(tmp_path: Path) -> None:
    assert differences(two_runs(tmp_path, {1: True}, {2: True}), ["A", "B"]) == []


def test_a_task_that_one_run_has_no_answer_to_is_left_out_and_counted(tmp_path: Path) -> None:
    first = results(tmp_path / "a.jsonl", dict.fromkeys(range(1, 5), True), model="FIRST")
    about = {"model_identifier": "SECOND", "configuration_hash": "c2"}
    answered = [entry(number, [[right(number)]], [[right(number)]], **about) for number in (1, 2)]
    limited = entry(3, [None], [[None, None]], status=["rate_limited"], **about)
    told = metadata(["t01", "t02", "t03"], missing_tasks={"t04": 1}, **about)
    second = write(tmp_path / "b.jsonl", [*answered, limited, told])
    (one,) = differences(read_scored_runs([first, second]), ["A", "B"])
    assert (one.tasks, one.unshared, one.unanswered) == (2, 0, 2)
    assert (one.macro, one.only_first, one.p_value) == (0, (), 1.0)


def test_a_solved_task_is_answered_whatever_befell_its_other_samples(tmp_path: Path) -> None:
    first = results(tmp_path / "a.jsonl", {1: False}, model="FIRST")
    about = {"model_identifier": "SECOND", "configuration_hash": "c2"}
    half = entry(1, [[right(1)], None], [[right(1), None]], status=["ok", "rate_limited"], **about)
    second = write(tmp_path / "b.jsonl", [half, metadata(["t01"], **about)])
    (one,) = differences(read_scored_runs([first, second]), ["A", "B"])
    assert (one.tasks, one.only_second) == (1, ("t01",))


def test_the_effect_size_is_the_share_beyond_an_even_split(tmp_path: Path) -> None:
    first = dict.fromkeys(range(1, 9), True)
    second = first | {1: False, 2: False, 3: False}
    (one,) = differences(two_runs(tmp_path, first | {9: False}, second | {9: True}), ["A", "B"])
    assert one.effect_size == 3 / 4 - 1 / 2
    (same,) = differences(two_runs(tmp_path, first, first), ["A", "B"])
    assert same.effect_size is None


def test_no_fewer_tasks_than_said_can_be_told_from_chance() -> None:
    least = FEWEST_DIFFERING
    assert mcnemar_p_value(least, 0) < 0.05
    assert all(mcnemar_p_value(both + least - 1, both) >= 0.05 for both in range(200)), (
        "whatever the runs differ on besides"
    )
    assert "6 tasks (1.50 points)" in detectable(400)
    assert "too few tasks" in detectable(5)


def test_holms_correction_has_its_known_values() -> None:
    # By hand: 0.01 × 3, 0.02 × 2, and 0.04 × 1, which may not fall below the one before it.
    assert corrected_p_values([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert corrected_p_values([0.5, 0.6]) == [1.0, 1.0]


def test_cost_tokens_and_time_are_means_over_tasks(tmp_path: Path) -> None:
    (run,) = read_scored_runs([results(tmp_path / "a.jsonl", {1: True, 2: False})])
    row = row_of(run, "A")
    assert (row.means.cost_usd, row.means.tokens, row.means.latency_s) == (0.25, 111, 1.5)


def test_an_unknown_cost_is_not_shown_as_nothing(tmp_path: Path) -> None:
    path = results(tmp_path / "a.jsonl", {1: True, 2: False}, cost_usd=[None])
    (run,) = read_scored_runs([path])
    assert row_of(run, "A").means.cost_usd is None


def test_the_front_holds_what_nothing_equals_or_beats() -> None:
    points = {
        name: Point(name, cost, score, score, score)
        for name, cost, score in (
            ("cheap", 0.0, 0.1), ("beaten", 1.0, 0.1), ("middle", 1.0, 0.5), ("worse", 2.0, 0.4),
            ("best", 3.0, 0.9), ("dearer", 4.0, 0.9),
        )
    }  # fmt: skip
    assert [point.name for point in pareto_front(list(points.values()))] == [
        "cheap", "middle", "best"
    ]  # fmt: skip


def test_the_picture_has_each_run_within_the_page_and_no_two_names_on_another() -> None:
    chance = random.Random(3)
    points = [
        Point(f"model <{number}> & co", 10 ** chance.uniform(-3, 1), score, score - 0.05, score)
        for number, score in enumerate(chance.uniform(0.3, 0.4) for _ in range(12))
    ] + [Point("free", 0.0, 0.2, 0.1, 0.3)]
    root = ET.fromstring(pareto_svg(points, title="Score & cost"))
    assert len(root.findall(f"{SVG}circle")) == 13
    labels = {one.text: one for one in root.findall(f"{SVG}text")}
    assert {point.name for point in points} <= set(labels)
    boxes = []
    for point in points:
        x, y = (float(labels[point.name].get(name, "nan")) for name in "xy")
        assert 0 <= x <= WIDTH - 6 * len(point.name)
        assert 0 <= y <= HEIGHT
        boxes.append((x, y, x + 6 * len(point.name)))
    for index, (x, y, end) in enumerate(boxes):
        for other_x, other_y, other_end in boxes[:index]:
            assert abs(y - other_y) >= 12 or end <= other_x or other_end <= x


def test_tasks_of_one_id_and_other_content_are_not_compared(tmp_path: Path) -> None:
    first = results(tmp_path / "a.jsonl", {1: True}, model="FIRST")
    second = results(tmp_path / "b.jsonl", {1: True}, model="SECOND", task_data=task_data(41))
    assert differences(read_scored_runs([first, second]), ["A", "B"]) == []


def test_the_script_compares_runs_and_draws_them(tmp_path: Path, run_script: Run) -> None:
    first = results(tmp_path / "a.jsonl", {1: True, 2: False, 3: False}, model="FIRST")
    second = results(tmp_path / "b.jsonl", {1: True, 2: True, 3: False}, model="SECOND")
    done = run_script("benchmark/compare_runs.py", first, second, "--pareto", tmp_path / "p.svg")
    assert done.returncode == 0, done.stderr
    assert "A  FIRST, best of 3 grids on set" in done.stdout
    assert "B - A: macro +33.33 points" in done.stdout
    assert "solved only by B: 1, only by A: 0; McNemar p = 1" in done.stdout
    assert "only B: t02" in done.stdout
    ET.parse(tmp_path / "p.svg")


def test_a_single_run_cannot_be_compared(tmp_path: Path, run_script: Run) -> None:
    path = results(tmp_path / "a.jsonl", {1: True})
    done = run_script("benchmark/compare_runs.py", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: only one run in these files (MODEL, best of 3 grids")


def test_runs_that_show_tasks_in_different_ways_have_different_names() -> None:
    told: list[dict[str, Any]] = [
        {},
        {"grid_format": ["json"]},
        {"grid_format": ["json", "words"]},
        {"prompt_directory": "terse", "prompt_hash": "aaaaaaaa"},
        {"prompt_directory": "terse", "prompt_hash": "bbbbbbbb"},
        {"vary": {"kinds": ["symmetry"], "seed": 0}},
        {"vary": {"kinds": ["symmetry"], "seed": 1}},
        {"images": {"layout": "pairs", "cell_px": 16}},
        {"images": {"layout": "sheet", "cell_px": 16}},
        {"images": {"layout": "sheet", "cell_px": 16, "digits": True}},
        {"images": {"layout": "sheet", "cell_px": 16, "only": True}},
    ]
    names = [ScoredRun("M", configuration, "d").name for configuration in told]
    assert len(set(names)) == len(told)
    assert "grids as json+words" in names[2]
    assert "prompts terse aaaaaa" in names[3]
