"""The report's contents and its command, without a browser."""

from __future__ import annotations

import gzip
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from auxiliary_utilities.show_task import runs_of_task
from tests.support.entries import write_entries
from tests.support.report_results import (
    HOSTILE,
    NEARLY,
    OF_PARTS,
    OTHER_SHAPE,
    RIGHT,
    TEST,
    TRAIN,
    entry,
    metadata,
)
from tests.support.scripts import Run
from utilities.errors import UsageError
from utilities.report.contents import ReportContents
from utilities.report.page import figures_of, page_of
from utilities.report.records import grid_text, shortened
from utilities.scoring.scored_runs import read_scored_runs

SCRIPT = "auxiliary_utilities/build_report.py"


def contents_of(*paths: Path, longest_text: int = 1000, room: int = 10**7) -> ReportContents:
    contents = ReportContents(longest_text=longest_text, most_bytes=room)
    contents.read(paths)
    return contents


def blocks_of(page: str) -> dict[str, Any]:
    found = re.findall(
        r'<script type="application/json" id="(\w+)">(.*?)</script>', page, re.DOTALL
    )
    return {name: json.loads(content) for name, content in found}


def page_text(contents: ReportContents) -> str:
    return b"".join(page_of(contents, built_at="now")).decode()


def test_a_grid_becomes_rows_of_digits() -> None:
    assert grid_text([[0, 1, 2], [9, 8, 7]]) == "012/987"


def test_a_long_text_keeps_its_beginning_and_its_end_and_says_what_is_missing() -> None:
    text = shortened("a" * 500 + "b" * 500, 100)
    assert text is not None
    assert text.startswith("a" * 75)
    assert text.endswith("b" * 25)
    assert "900 characters left out" in text


def test_a_benchmark_is_scored_by_its_attempts(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", entry("one", RIGHT, NEARLY), entry("two", NEARLY), metadata()
    )
    [run] = figures_of(contents_of(results))
    assert (run.solved, run.tasks, run.score) == (1, 2, 0.5)
    assert run.low < 0.5 < run.high
    assert (run.cost, run.unpriced, run.seconds) == (0.75, 0, 90.0)
    assert run.outcomes == {"R": 1, "T": 2}
    assert run.pass_at_1 == 0.25


def test_a_verified_file_is_scored_by_programs_right_on_all_pairs(tmp_path: Path) -> None:
    kept = {"attempts", "outputs_solved"}
    verified = [
        {name: value for name, value in one.items() if name not in kept}
        for one in (entry("one", NEARLY, solved=True), entry("two", RIGHT, solved=False))
    ]
    [run] = figures_of(contents_of(write_entries(tmp_path / "r.jsonl", *verified)))
    assert (run.solved, run.tasks) == (1, 2)
    assert "verified" in run.measure


def test_generated_entries_are_said_to_be_unjudged(tmp_path: Path) -> None:
    plain = {"entry_type": "result", "task_id": "t", "reasoning": "older", "model": "m"}
    (tmp_path / "r.json").write_text(json.dumps({"results": [plain], "metadata": {}}))
    [run] = figures_of(contents_of(tmp_path / "r.json"))
    assert (run.solved, run.tasks, run.pass_at_1) == (1, 1, None)
    assert "nothing was judged" in run.measure


def test_direct_answers_are_judged_by_the_expected_outputs(tmp_path: Path) -> None:
    judged = {"execution_status", "train_passed", "test_passed", "train_outputs", "python_code"}
    direct = {
        name: value for name, value in entry("t", RIGHT, NEARLY).items() if name not in judged
    }
    contents = contents_of(write_entries(tmp_path / "r.jsonl", direct))
    assert contents.runs[0].results[0]["samples"] == "RW"


def test_a_sample_about_one_test_input_is_judged_by_that_one(tmp_path: Path) -> None:
    """As `--protocol arcprize` writes them."""
    path = write_entries(tmp_path / "r.jsonl", OF_PARTS)
    contents = contents_of(path)
    assert contents.runs[0].results[0]["samples"] == "RWRN"
    samples = json.loads(contents.blocks["t0r0"])["samples"]
    shown = [[one.get(name) for name in ("test_input", "test", "test_outputs")] for one in samples]
    assert shown == [
        [0, [True], ["765"]], [0, [False], ["705"]], [1, [True], ["321"]], [1, None, None],
    ]  # fmt: skip


def test_a_task_of_unknown_outputs_counts_in_no_score(tmp_path: Path) -> None:
    untold = {"train": TRAIN, "test": [{"input": TEST[0]["input"]}]}
    unknown = entry(
        "t", RIGHT, task_data=untold, solved=None, outputs_solved=[None], test_passed=[[None]]
    )
    [run] = figures_of(contents_of(write_entries(tmp_path / "r.jsonl", unknown, entry("u", RIGHT))))
    assert (run.tasks, run.unscored) == (1, 1)


def test_the_last_entry_of_a_task_counts(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", entry("t", None, complete=False), entry("t", RIGHT)
    )
    contents = contents_of(results)
    [run] = figures_of(contents)
    assert (run.solved, run.tasks, run.failed) == (1, 1, 0)
    assert json.loads(contents.blocks["t0r0"])["samples"][0]["outcome"] == "R"


def test_a_failed_attempt_later_does_not_displace_a_complete_entry(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", entry("t", RIGHT), entry("t", None, complete=False, cost_usd=[None])
    )
    contents = contents_of(results)
    [run] = figures_of(contents)
    assert (run.solved, run.failed, run.samples) == (1, 0, 1)
    assert json.loads(contents.blocks["t0r0"])["samples"][0]["outcome"] == "R"


def test_an_older_entry_later_in_the_file_does_not_displace_a_newer_one(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl",
        entry("t", RIGHT) | {"run_id": "20260102T000000-b"},
        entry("t", NEARLY) | {"run_id": "20260101T000000-a"},
    )
    [run] = figures_of(contents_of(results))
    [scored] = read_scored_runs([results])
    [(_, _, drawn)] = runs_of_task("t", [results])
    assert run.solved == scored.scores().tasks_solved == 1
    assert drawn.run_id == "20260102T000000-b"


def test_a_run_with_everything_odd_has_the_scores_that_score_results_gives(tmp_path: Path) -> None:
    """Refinements, a task answered twice, one without an entry: the same figures both ways."""
    named = {"solved_task_ids": ["a", "b"], "unsolved_task_ids": ["c"], "missing_tasks": {"d": 2}}
    results = write_entries(
        tmp_path / "r.jsonl",
        entry("a", NEARLY, OTHER_SHAPE, RIGHT, RIGHT, refinement_round=[0, 0, 1, 1]),
        entry("b", RIGHT),
        entry("c", NEARLY, RIGHT, train_passed=[[True], [False]]),
        entry("b", None, complete=False),
        metadata(**named),
    )
    [run] = figures_of(contents_of(results))
    [scored] = read_scored_runs([results])
    scores = scored.scores()
    assert (run.tasks, len(run.missing)) == (scores.tasks, len(scores.missing)) == (4, 1)
    assert (run.score, run.micro, run.strict) == (scores.macro, scores.micro, scores.strict)
    [pass_at_1] = [figure.value for figure in scores.figures if figure.name == "pass@1"]
    assert run.pass_at_1 == pass_at_1 == (0 + 1 + 1 / 2 + 0) / 4


def test_a_missing_task_of_unknown_outputs_counts_in_no_figure(tmp_path: Path) -> None:
    missing = {"missing_tasks": {"u": 1, "v": 1}, "missing_unscored_task_ids": ["u"]}
    told = metadata(solved_task_ids=["t"], **missing)
    results = write_entries(tmp_path / "r.jsonl", entry("t", RIGHT), told)
    (run,), (scored,) = figures_of(contents_of(results)), read_scored_runs([results])
    assert (len(run.missing), run.tasks) == (1, 2)
    assert scored.scores().tasks == run.tasks
    assert run.score == scored.scores().strict


def test_a_task_that_a_later_run_answered_is_missing_no_more(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", metadata(missing_tasks={"t": 1, "u": 1}), entry("t", RIGHT)
    )
    [run] = figures_of(contents_of(results))
    assert (len(run.missing), run.tasks, run.solved) == (1, 2, 1)


def test_runs_of_one_model_on_several_data_sets_are_told_apart_by_these(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl",
        entry("t", RIGHT, dataset="easy"),
        entry("t", RIGHT, run="b", dataset="hard", model="model-a"),
        entry("t", RIGHT, run="c", dataset="hard", model="model-a"),
    )
    names = [run.name for run in figures_of(contents_of(results))]
    assert names[0] == "model-a · r · easy"
    assert names[1:] == ["model-a · r · hard · bbbbbb", "model-a · r · hard · cccccc"]


def test_models_that_share_a_file_are_runs_of_their_own(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "r.jsonl", entry("t", RIGHT), entry("t", NEARLY, run="b"), metadata("b")
    )
    first, second = figures_of(contents_of(results))
    assert (first.letter, first.solved, second.letter, second.solved) == ("A", 1, "B", 0)
    assert (first.seconds, second.seconds) == (None, 90.0)


def test_other_pairs_under_the_same_id_are_another_task(tmp_path: Path) -> None:
    other = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}
    results = write_entries(
        tmp_path / "r.jsonl", entry("t", RIGHT), entry("t", RIGHT, run="b", task_data=other)
    )
    assert [task.address for task in contents_of(results).tasks] == ["t", "t~2"]


def test_gzipped_results_are_read(tmp_path: Path) -> None:
    plain = write_entries(tmp_path / "r.jsonl", entry("t", RIGHT))
    packed = tmp_path / "r.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(contents_of(packed).tasks) == 1


def test_no_reply_can_leave_its_block_of_json(tmp_path: Path) -> None:
    hostile = entry(HOSTILE, RIGHT, reasoning=[HOSTILE], python_code=[HOSTILE], model=HOSTILE)
    page = page_text(contents_of(write_entries(tmp_path / "r.jsonl", hostile)))
    blocks = blocks_of(page)
    assert set(blocks) == {"index", "t0", "t0r0"}
    assert blocks["t0r0"]["samples"][0]["reasoning"].startswith("<script>")
    assert page.count("<script>") == 1, "the page's own"
    assert "<img" not in page
    assert not re.search("[\u2028\u2029\x1b]", page)


def test_the_page_names_no_address_to_fetch_from(tmp_path: Path) -> None:
    page = page_text(contents_of(write_entries(tmp_path / "r.jsonl", entry("t", RIGHT))))
    assert re.findall(r"https?://[^\"'\s<]+", page) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<(link|img|iframe)|\bsrc=|@import|url\(", page)
    assert "default-src 'none'" in html.unescape(page)


def test_samples_without_room_are_counted_and_still_scored(tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r.jsonl", *(entry(f"t{n}", RIGHT) for n in range(20)))
    contents = contents_of(results, room=3000)
    assert 0 < contents.left_out < 20
    assert sum(map(len, (b for n, b in contents.blocks.items() if "r" in n))) <= 3000
    assert figures_of(contents)[0].solved == 20
    assert f"The samples of {contents.left_out} results found no room" in page_text(contents)


def test_each_file_gets_its_share_of_the_room(tmp_path: Path) -> None:
    files = [
        write_entries(
            tmp_path / f"{run}.jsonl", *(entry(f"t{n}", RIGHT, run=run) for n in range(9))
        )
        for run in "ab"
    ]
    blocks = contents_of(*files, room=5000).blocks
    assert {name[-2:] for name in blocks if "r" in name} == {"r0", "r1"}


def test_the_command_writes_the_page_beside_the_results(run_script: Run, tmp_path: Path) -> None:
    results = write_entries(tmp_path / "r.jsonl", entry("t", RIGHT, reasoning=["x" * 300]))
    done = run_script(SCRIPT, results, "--max_text", "200")
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "r_report.html").read_text()
    assert "100.0 %" in page
    assert "tasks    1\nruns     1\n" in done.stdout
    assert "cut      1 texts longer than 200 characters" in done.stdout


@pytest.mark.parametrize("content", ["", "not json\n"])
def test_a_file_that_cannot_be_used_is_one_line_and_no_page(
    run_script: Run, tmp_path: Path, content: str
) -> None:
    (tmp_path / "r.jsonl").write_text(content)
    done = run_script(SCRIPT, "r.jsonl", "--output", "page.html")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    "damage",
    [
        {"python_code": 7},
        {"configuration_hash": ["c"]},
        {"attempts": [7]},
        {"test_outputs": [["x"]]},
        {"latency_s": ["long"]},
        {"task_data": []},
    ],
)
def test_what_the_scorer_refuses_the_page_refuses_in_the_same_words(
    damage: dict[str, Any], tmp_path: Path
) -> None:
    results = write_entries(tmp_path / "r.jsonl", entry("t", RIGHT, **damage))
    with pytest.raises(UsageError) as by_page:
        contents_of(results)
    with pytest.raises(UsageError) as by_scorer:
        read_scored_runs([results])
    assert str(by_page.value) == str(by_scorer.value)
    assert "t" in str(by_page.value)


@pytest.mark.parametrize("output", [RIGHT, OTHER_SHAPE])
def test_attempts_are_judged_anew_whatever_is_stored(output: Any, tmp_path: Path) -> None:
    told = {"outputs_solved": [output != RIGHT], "solved": output != RIGHT}
    results = write_entries(tmp_path / "r.jsonl", entry("t", output, **told))
    (run,), (scored,) = figures_of(contents_of(results)), read_scored_runs([results])
    assert run.score == scored.scores().strict == float(output == RIGHT)
