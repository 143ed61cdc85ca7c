"""A task in the terminal: colours, digits, marks, and texts that can do no harm."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from auxiliary_utilities.show_task import draw_result
from tests.support.entries import write_entries
from tests.support.report_results import (
    HOSTILE,
    NEARLY,
    OF_PARTS,
    OTHER_SHAPE,
    RIGHT,
    entry,
    metadata,
    turns,
)
from tests.support.scripts import Run
from utilities.report.records import task_record, view_text
from utilities.report.terminal_drawing import TaskDrawing, differences
from utilities.results.result_entry import ResultEntry
from utilities.scoring.outcomes import outcome_of
from utilities.scoring.scored_run import ScoredRun

SCRIPT = "auxiliary_utilities/show_task.py"
NO_COLOURS = {"TERM": "dumb", "COLUMNS": "120"}


def drawn(one: dict[str, object], *, colours: str | None = "truecolor", width: int = 120) -> str:
    """What a terminal with these colours gets of an entry."""
    output = io.StringIO()
    console = Console(
        file=output, force_terminal=True, width=width, highlight=False, _environ={},
        color_system=colours,  # type: ignore[arg-type]
    )  # fmt: skip
    drawing, typed = TaskDrawing(console), ResultEntry.of(one)
    task = typed.task()
    run = ScoredRun("MODEL", {}, "", outcomes={task.task_id: outcome_of(typed, task)})
    drawing.pairs(task_record(task))
    draw_result(drawing, run, task, typed, texts=True)
    return output.getvalue()


def test_a_task_of_the_data_set_is_drawn_in_digits_without_a_terminal(
    run_script: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "t.json").write_text(
        '{"train": [{"input": [[1, 2]], "output": [[2, 1]]}], "test": [{"input": [[3, 4]]}]}'
    )
    done = run_script(SCRIPT, "t", "--dataset_directory", "mine", **NO_COLOURS)
    assert done.returncode == 0, done.stderr
    assert "1 2  → 2 1" in done.stdout
    assert "3 4  → no grid" in done.stdout
    assert "\x1b" not in done.stdout


def test_results_are_drawn_with_wrong_cells_marked(run_script: Run, tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", entry("other", RIGHT), entry("t", NEARLY, OTHER_SHAPE), metadata()
    )
    done = run_script(SCRIPT, "t", "--results", results, **NO_COLOURS)
    assert done.returncode == 0, done.stderr
    assert "7 0!5 " in done.stdout
    assert "✗ 1 of 3 cells" in done.stdout
    assert "✗ 2 × 1, expected 1 × 3" in done.stdout
    assert "train ✓ · test ✗" in done.stdout
    assert "solve_task" not in done.stdout


def test_texts_show_the_turns_of_a_conversation(run_script: Run, tmp_path: Path) -> None:
    told = entry("t", RIGHT, turns=[turns("\x1b[2Jend")])
    results = write_entries(tmp_path / "r.jsonl", told, metadata())
    done = run_script(SCRIPT, "t", "--results", results, "--texts", **NO_COLOURS)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.partition("turn 1 · 1,200 → 34 tokens · $0.0125")[2].split("turn 2")
    for shown in ("Hm.", "I look.", "call of python:", "print(train)", "result (timed_out):"):
        assert shown in first
    assert "It turns." in second and "\x1b" not in done.stdout


def test_a_samples_run_fresh_pairs_and_judge_are_told() -> None:
    call = {"status": "ok", "first": 1, "cost_usd": 0.5, "usage": {}}
    shown = drawn(
        entry(
            "t", NEARLY, RIGHT, combined_from=["A", "\x1b[2J"], attempt_runs=[[["A", "B"], []]],
            fresh_passed=[None, 0.75], generalises=[None, False],
            judge={"model_identifier": "w\x1b", "answers": [[0], [1]], "points": [1, 2],
                   "calls": [call], "voted_attempts": [[NEARLY, RIGHT]]},
        ),
        colours=None,
    )  # fmt: skip
    assert "judge w\\x1b: 1 call, $0.5000, attempts as without it" in shown
    assert "test 1, attempt 1 of A, B" in shown
    assert "of run A · judge: 1 point\n" in shown
    assert "75 % of fresh pairs · does not generalise · judge: 2 points" in shown
    assert "\x1b" not in shown


def test_a_sample_about_one_test_input_is_drawn_beside_that_one() -> None:
    shown = drawn(OF_PARTS, colours=None)
    assert "sample 3 · ok · test 2 ✓\ntest 2" in shown
    assert "sample 4 · unparsable · test 2\n" in shown


def test_odd_turns_are_shown_as_far_as_they_go() -> None:
    odd = [
        {"text": 3, "tool_calls": "none", "usage": [], "cost_usd": "much"},
        {"tool_calls": [None, {"arguments": "no JSON", "result": 7}, {"arguments": 5}]},
        {"cost_usd": True, "latency_s": -1.0, "usage": {"input_tokens": None}},
    ]
    shown = drawn(entry("t", RIGHT, turns=[odd]), colours=None)
    assert "3 turns" in shown and "no JSON" in shown


def test_the_newest_complete_entry_is_drawn_with_data_set_round_and_confidence(
    run_script: Run, tmp_path: Path
) -> None:
    refined = entry(
        "t", NEARLY, RIGHT, dataset="easy", refinement_round=[0, 1], parent_samples=[[], [0]],
        confidence=[None, 0.5],
    )  # fmt: skip
    results = write_entries(tmp_path / "r.jsonl", refined, entry("t", None, complete=False))
    done = run_script(SCRIPT, "t", "--results", results, **NO_COLOURS)
    assert "model-a · easy · run run-a · solved" in done.stdout
    assert "refinement 1 of 1 · confidence 0.50" in done.stdout
    assert "timeout" not in done.stdout


TURNED = {
    "symmetry": "turned left", "colours": [0, 3, 2, 1, *range(4, 10)],
    "train_order": [1, 0], "test_order": [0],
}  # fmt: skip
AS_IT_IS = {
    "symmetry": "as it is", "colours": [*range(10)], "train_order": [0, 1], "test_order": [0]
}  # fmt: skip


def test_the_view_that_a_sample_saw_is_named(run_script: Run, tmp_path: Path) -> None:
    viewed = entry("t", NEARLY, RIGHT, view=[AS_IT_IS, TURNED])
    results = write_entries(tmp_path / "r.jsonl", viewed)
    done = run_script(SCRIPT, "t", "--results", results, **NO_COLOURS)
    assert done.stdout.count("view: ") == 1
    assert "test ✓ · view: turned left, colours 1→3 3→1, train pairs 2, 1" in done.stdout


@pytest.mark.parametrize("view", [None, {}, {"symmetry": 3, "colours": "x", "train_order": {}}])
def test_a_view_that_says_nothing_has_no_words(view: object) -> None:
    assert view_text(view) is None


def test_texts_are_shown_on_request(run_script: Run, tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r.jsonl", entry("t", RIGHT))
    done = run_script(SCRIPT, "t", "--results", results, "--texts", **NO_COLOURS)
    assert "return [row[::-1] for row in grid[::-1]]" in done.stdout
    assert "It is turned round." in done.stdout


@pytest.mark.parametrize("arguments", [["x00d62c1"], ["00d62c1x", "--results", "r.jsonl"]])
def test_an_unknown_task_is_one_line_that_names_the_nearest(
    run_script: Run, tmp_path: Path, arguments: list[str]
) -> None:
    write_entries(tmp_path / "r.jsonl", entry("00d62c1b", RIGHT))
    done = run_script(SCRIPT, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    *before, line = done.stderr.splitlines()
    assert all(each.startswith("built ") for each in before), "a missing data set is built first"
    assert "00d62c1b" in line


def test_cells_have_the_arc_colours() -> None:
    shown = drawn(entry("t", RIGHT))
    assert "48;2;255;133;27" in shown, "7 is orange"
    assert "48;2;240;18;190" in shown, "6 is magenta"


def test_a_wrong_cell_holds_a_mark_on_its_colour() -> None:
    assert re.search(r"\x1b\[1;97;48;2;0;0;0m><\x1b", drawn(entry("t", NEARLY)))
    assert "><" not in drawn(entry("t", RIGHT))


def test_sixteen_colours_get_digits_as_well() -> None:
    assert re.search(r"\x1b\[[\d;]+m0!\x1b", drawn(entry("t", NEARLY), colours="standard"))


def test_no_color_is_respected(run_script: Run, tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r.jsonl", entry("t", NEARLY))
    done = run_script(SCRIPT, "t", "--results", results, NO_COLOR="1", FORCE_COLOR="1")
    assert "7 0!5 " in done.stdout
    assert not re.search(r"\x1b\[[\d;]*[34]8;", done.stdout)


def test_escapes_and_mark_up_of_a_reply_are_spelt_out() -> None:
    hostile = entry(
        HOSTILE, RIGHT, reasoning=[f"[bold red]{HOSTILE}"], python_code=[HOSTILE], status=[HOSTILE]
    )
    shown = drawn(hostile, colours=None)
    assert "\\x1b[31mred\\x1b[0m \\x07" in shown
    assert "\\u202egnp.exe" in shown
    assert "[bold red]<script>" in shown
    assert not re.search("[\x07\u202e\u2028\ud800]|\x1b\\[31m", shown)


def test_grids_too_wide_for_the_terminal_stand_below_each_other() -> None:
    wide = {"input": [[1] * 30], "output": [[2] * 30]}
    one = entry("t", RIGHT, task_data={"train": [wide], "test": [wide]})
    assert "↓" in drawn(one, width=80)
    assert "↓" not in drawn(one, width=140)
    assert "\n" + "1" * 30 in drawn(one, colours=None, width=40)


def test_differences_of_shape_are_not_told_cell_by_cell() -> None:
    assert differences("12/34", "12/30") == [(1, 1)]
    assert differences("12/34", "123") is None
