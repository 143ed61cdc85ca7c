"""Answers that others wrote, in Kaggle's file and in folders of ARC Prize's harness."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from auxiliary_utilities.show_task import runs_of_task
from tests.scoring.test_submissions import results, submit
from tests.support.hand_made_results import WRONG, entry, right, task_data, write
from tests.support.scripts import Run
from utilities.errors import UsageError
from utilities.report.contents import ReportContents
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.task import Task

HARNESS = Path(os.environ.get("ARC_AGI_BENCHMARKING", "no checkout"))
"""A checkout of github.com/arcprize/arc-agi-benchmarking."""


def tasks_of(*numbers: int, outputs: int = 1) -> list[Task]:
    return [Task.from_json(f"t{number:02}", task_data(number, outputs)) for number in numbers]


def attempt(answer: Any, **metadata: Any) -> dict[str, Any]:
    """An attempt as the harness writes it; `metadata` adds to it or overrules it."""
    choices = [
        {"index": 0, "message": {"role": "user", "content": "the prompt"}},
        {"index": 1, "message": {"role": "assistant", "content": "the reply"}},
    ]
    told = {
        "model": "m-1",
        "provider": "vendor",
        "test_id": "m-1-high",
        "start_timestamp": "2025-01-01T00:00:00Z",
        "end_timestamp": "2025-01-01T00:00:02.500Z",
        "choices": choices,
        "reasoning_summary": None,
        "kwargs": {"max_tokens": 7},
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "completion_tokens_details": {
                "reasoning_tokens": 5,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "cost": {"prompt_cost": 0.0, "completion_cost": 0.5, "total_cost": 0.5},
        "pair_index": 0,
    }
    return {"answer": answer, "correct": None, "metadata": told | metadata}


def folder_of(path: Path, **tasks: Any) -> Path:
    path.mkdir()
    for task_id, pairs in tasks.items():
        (path / f"{task_id}.json").write_text(json.dumps(pairs))
    return path


def the_run(path: Path, tasks: list[Task]) -> ScoredRun:
    (run,) = read_scored_runs([path], tasks=tasks, dataset="set")
    return run


def test_a_folder_of_the_harness_is_a_run_with_costs_tokens_and_times(tmp_path: Path) -> None:
    pairs = [{"attempt_1": attempt(WRONG), "attempt_2": attempt(right(1))}]
    run = the_run(folder_of(tmp_path / "f", t01=pairs, results={"score": 1}), tasks_of(1))
    (outcome,) = run.outcomes.values()
    assert (run.model_identifier, outcome.solved, outcome.samples) == ("m-1-high", True, 2)
    assert (run.known_cost_usd, run.unpriced) == (1.0, 0)
    assert (outcome.input_tokens, outcome.output_tokens, outcome.latency_s) == (200, 40, 5.0)


def test_missing_tasks_count_0_and_are_listed_and_so_do_those_of_nulls_alone(
    tmp_path: Path,
) -> None:
    folder = folder_of(
        tmp_path / "f", t01=[{"attempt_1": attempt(right(1))}], t02=[{"attempt_1": None}]
    )
    scores = the_run(folder, tasks_of(1, 2, 3)).scores()
    assert (scores.macro, scores.missing) == (1 / 3, ("t02", "t03"))


def test_a_null_attempt_is_no_answer_and_no_technical_failure(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", t01=[{"attempt_1": None, "attempt_2": attempt(WRONG)}])
    ((_, _, entry),) = runs_of_task("t01", [folder], tasks_of(1), "set")
    assert entry.status == ["no_answer", "ok"]
    assert (entry.usage or [0])[0] is None
    scores = the_run(folder, tasks_of(1)).scores()
    assert (scores.macro, scores.failed) == (0.0, {})


@pytest.mark.parametrize("named", [True, False])
def test_test_inputs_may_come_in_any_order_if_they_say_which_they_are(
    named: bool, tmp_path: Path
) -> None:
    order = (2, 0, 1) if named else (0, 1, 2)
    pairs = [
        {"attempt_1": None, "attempt_2": attempt(right(1, at), pair_index=at if named else None)}
        for at in order
    ]
    run = the_run(folder_of(tmp_path / "f", t01=pairs), tasks_of(1, outputs=3))
    assert run.outcomes["t01"].outputs_solved == (True, True, True)


def test_a_test_input_of_nulls_takes_no_other_ones_place(tmp_path: Path) -> None:
    """Found by comparing with the harness's scorer: nulls name no test input."""
    pairs = [{"attempt_1": None}, {"attempt_1": attempt(right(1, 0), pair_index=0)}]
    run = the_run(folder_of(tmp_path / "f", t01=pairs), tasks_of(1, outputs=2))
    assert run.outcomes["t01"].outputs_solved == (True, False)


@pytest.mark.parametrize(
    "answer",
    [
        right(1),
        json.dumps(right(1)),
        f"first [[1]], then: {right(1)}. Done.",
        f"\\boxed{{{right(1)}}} and not [[3]]",
        [[str(cell) for cell in row] for row in right(1)],
        [[float(cell) for cell in row] for row in right(1)],
    ],
)
def test_answers_may_be_texts(answer: Any, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", t01=[{"attempt_1": attempt(answer)}])
    assert the_run(folder, tasks_of(1)).outcomes["t01"].solved


@pytest.mark.parametrize(
    "answer",
    [[], "", "]", "no grid", "[[1, 2]", [[]], [[1], [2, 3]], [[10]], [[1.5]], [["x"]], [[None]],
     7, {"a": 1}, [[0] * 31], "[" * 100_000 + "]" * 100_000],
)  # fmt: skip
def test_an_answer_that_is_no_grid_is_unparsable_and_ends_nothing(
    answer: Any, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "f", t01=[{"attempt_1": attempt(answer)}])
    ((run, _, entry),) = runs_of_task("t01", [folder], tasks_of(1), "set")
    assert entry.status == ["unparsable"]
    assert not run.outcomes["t01"].solved


def test_an_unknown_cost_stays_unknown(tmp_path: Path) -> None:
    pairs = [{"attempt_1": attempt(WRONG, cost=None), "attempt_2": attempt(WRONG)}]
    run = the_run(folder_of(tmp_path / "f", t01=pairs), tasks_of(1))
    assert (run.known_cost_usd, run.unpriced) == (0.5, 1)


def test_kaggles_file_is_a_run_of_unknown_cost(tmp_path: Path) -> None:
    told = {
        "t01": [{"attempt_1": WRONG, "attempt_2": right(1)}],
        "t02": [{"attempt_1": [[0, 0], [0, 0]], "attempt_2": [[0, 0], [0, 0]]}],
        "other": [{"attempt_1": [[1]], "attempt_2": [[1]]}],
    }
    (tmp_path / "submission.json").write_text(json.dumps(told, indent=2))
    run = the_run(tmp_path / "submission.json", tasks_of(1, 2, 3))
    scores = run.scores()
    assert (run.model_identifier, scores.macro, scores.missing) == (
        "submission", 1 / 3, ("t03",),
    )  # fmt: skip
    assert run.unpriced == 4


@pytest.mark.parametrize("nothing", [None, [], [None], [{}], [{"attempt_1": None}] * 2])
def test_a_task_of_which_all_is_null_is_missing_and_refuses_no_file(
    nothing: Any, tmp_path: Path
) -> None:
    told = {"t01": nothing, "t02": [{"attempt_1": right(2), "attempt_2": None}], "t03": nothing}
    (tmp_path / "submission.json").write_text(json.dumps(told))
    run = the_run(tmp_path / "submission.json", tasks_of(1, 2, 3))
    scores = run.scores()
    assert (scores.macro, scores.missing) == (1 / 3, ("t01", "t03"))
    assert run.outcomes["t02"].solved


def test_a_null_test_input_of_the_harness_is_no_answer(tmp_path: Path) -> None:
    pairs: Any = [None, {"attempt_1": attempt(right(1, 1), pair_index=1)}]
    run = the_run(folder_of(tmp_path / "f", t01=pairs), tasks_of(1, outputs=2))
    assert run.outcomes["t01"].outputs_solved == (False, True)


def test_more_attempts_than_the_rules_allow_are_told_whatever_task_has_them(
    tmp_path: Path,
) -> None:
    many = {f"attempt_{at}": WRONG for at in range(1, 51)}
    told = {"t01": [{"attempt_1": WRONG, "attempt_2": WRONG}], "t02": [many]}
    (tmp_path / "submission.json").write_text(json.dumps(told))
    run = the_run(tmp_path / "submission.json", tasks_of(1, 2))
    assert run.notes() == ["of 50 attempts a test input, where ARC Prize and Kaggle allow 2"]


@pytest.mark.parametrize(
    "more",
    [
        [{"attempt_1": attempt(WRONG, pair_index=1)}],
        [{"attempt_1": attempt(WRONG, pair_index=0)}],
        [{"attempt_1": attempt(right(1), pair_index=7)}],
        [{"attempt_1": attempt(WRONG, pair_index=None), "attempt_2": None}],
    ],
)
def test_answers_beyond_the_test_inputs_are_told_and_do_not_count(
    more: Any, tmp_path: Path
) -> None:
    pairs = [{"attempt_1": attempt(right(1), pair_index=0)}, *more]
    run = the_run(folder_of(tmp_path / "f", t01=pairs, t02=pairs[:1]), tasks_of(1, 2))
    assert run.outcomes["t01"].outputs_solved == (True,)
    (note,) = run.notes()
    assert note.endswith("do not count: t01")
    alone = [{name: one and one["answer"] for name, one in pair.items()} for pair in pairs]
    (tmp_path / "kaggle.json").write_text(json.dumps({"t01": alone}))
    assert the_run(tmp_path / "kaggle.json", tasks_of(1)).notes() == [note]


def test_our_own_samples_with_answers_beyond_the_test_inputs_are_told_too(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write(path, [entry(1, [[right(1), WRONG]], [[right(1)]]), entry(2, [[WRONG]], [[WRONG]])])
    run = the_run(path, tasks_of(1, 2))
    assert (run.outcomes["t01"].solved, run.outcomes["t01"].left_out) == (True, 1)
    assert run.notes()[0].endswith("do not count: t01")
    write(path, [entry(1, [[right(1)]], [[right(1)], [WRONG]])])
    with pytest.raises(UsageError, match="attempts for 2 test inputs; the task has 1"):
        the_run(path, tasks_of(1))


def test_nulls_beyond_the_test_inputs_are_no_answers(tmp_path: Path) -> None:
    told = {"t01": [{"attempt_1": right(1)}, None, {"attempt_1": None}]}
    (tmp_path / "kaggle.json").write_text(json.dumps(told))
    assert the_run(tmp_path / "kaggle.json", tasks_of(1)).notes() == []


def test_two_folders_of_one_model_are_repeats(tmp_path: Path) -> None:
    paths = [
        folder_of(tmp_path / name, t01=[{"attempt_1": attempt(answer)}])
        for name, answer in (("a", WRONG), ("b", right(1)))
    ]
    runs = read_scored_runs(paths, tasks=tasks_of(1), dataset="set")
    assert [(run.repeat, run.repeats, run.scores().macro) for run in runs] == [
        (1, 2, 0.0), (2, 2, 1.0),
    ]  # fmt: skip


def test_what_we_write_for_others_scores_the_same_when_it_is_read(tmp_path: Path) -> None:
    path, tasks = results(tmp_path)
    submit(path, tmp_path)
    given = [Task.from_json(task_id, task) for task_id, task in tasks.items()]
    own, folder, kaggle = read_scored_runs(
        [path, tmp_path / "submission", tmp_path / "submission.json"], tasks=given, dataset="set"
    )
    solved = {name: one.outputs_solved for name, one in own.outcomes.items()}
    for run in (folder, kaggle):
        assert {name: one.outputs_solved for name, one in run.outcomes.items()} == solved
    assert folder.scores().missing == own.scores().missing == ("t90", "t91")
    assert folder.known_cost_usd == pytest.approx(own.known_cost_usd)
    for name, one in own.outcomes.items():
        assert folder.outcomes[name].tokens == one.tokens


@pytest.mark.parametrize(
    ("content", "word"),
    [('{"t01": 7}', "Expected `array`"), ("[", "truncated"), ('[{"attempt_1": {"metadata": 7}}]',
                                                              "metadata")],
)  # fmt: skip
def test_a_damaged_file_is_one_line_that_names_it(content: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "t01.json").write_text(content)
    with pytest.raises(UsageError, match=word) as error:
        the_run(tmp_path / "f", tasks_of(1))
    assert "t01.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_answers_want_their_tasks(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "f", t01=[{"attempt_1": attempt(WRONG)}])
    with pytest.raises(UsageError, match="--dataset"):
        read_scored_runs([folder])
    with pytest.raises(UsageError, match="answers none of these tasks"):
        read_scored_runs([folder], tasks=tasks_of(2), dataset="set")


def test_the_page_shows_what_the_model_said_and_was_shown(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "f", t01=[{"attempt_1": attempt(right(1), reasoning_content="Hm.")}]
    )
    contents = ReportContents(longest_text=1000, most_bytes=10**6, most_reply_bytes=10**6)
    contents.read([folder], tasks=tasks_of(1), dataset="set")
    told = json.loads(contents.blocks["t0r0"])
    assert told["samples"][0]["reasoning"] == "Hm.\n\nthe reply"
    assert told["prompts"] == ["[user]\nthe prompt"]
    assert contents.replies.notes() == []


def test_every_reader_takes_answers_of_others(run_script: Run, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "theirs", t01=[{"attempt_1": attempt(right(1))}])
    kaggle = tmp_path / "submission.json"
    kaggle.write_text(json.dumps({"t01": [{"attempt_1": WRONG, "attempt_2": WRONG}]}))
    tasks = folder_of(tmp_path / "tasks", t01=task_data(1))
    named = ("--dataset_directory", tasks)
    scored = run_script("benchmark/score_results.py", folder, kaggle, *named).stdout
    assert "macro          100.00%" in scored
    assert "macro            0.00%" in scored
    compared = run_script("benchmark/compare_runs.py", folder, kaggle, *named).stdout
    assert "B - A: macro -100.00 points" in compared
    page = tmp_path / "page.html"
    built = run_script(
        "auxiliary_utilities/build_report.py", folder, kaggle, *named, "--output", page
    )
    assert "runs     2\n" in built.stdout
    assert "m-1-high" in page.read_text()
    script = "auxiliary_utilities/show_task.py"
    drawn = run_script(script, "t01", "--results", folder, kaggle, *named).stdout
    assert "m-1-high" in drawn
    assert "not solved" in drawn


@pytest.mark.slow
@pytest.mark.skipif(not HARNESS.is_dir(), reason="ARC_AGI_BENCHMARKING names no checkout")
def test_the_harness_scorer_agrees_on_what_we_write_and_on_its_own_samples(tmp_path: Path) -> None:
    """Task by task: score, cost, tokens and seconds. The scorer needs pydantic."""
    path, tasks = results(tmp_path)
    submit(path, tmp_path)
    folder_of(tmp_path / "tasks", **tasks)
    for name in ("tasks", "submission"):  # `submission_cli.py validate`: a file for each task
        assert {one.stem for one in (tmp_path / name).glob("*.json")} == set(tasks)
    samples = HARNESS / "data" / "sample"
    for folder, solutions in (
        (tmp_path / "submission", tmp_path / "tasks"),
        (samples / "submissions" / "example_model", samples / "tasks"),
    ):
        program = (
            "import sys; from arc_agi_benchmarking.scoring import ARCScorer as Scorer; "
            "Scorer(sys.argv[1], sys.argv[2], results_dir=sys.argv[3]).score_submission()"
        )
        subprocess.run(
            [sys.executable, "-c", program, solutions, folder, tmp_path / "scored"],
            env=os.environ | {"PYTHONPATH": str(HARNESS / "src")},
            check=True,
            capture_output=True,
        )
        theirs = json.loads((tmp_path / "scored" / "results.json").read_text())["task_results"]
        given = [Task.from_json(one.stem, json.loads(one.read_text())) for one in
                 solutions.glob("*.json")]  # fmt: skip
        ours = the_run(folder, given).outcomes
        for task_id, told in theirs.items():
            one = ours[task_id]
            assert one.score == told["score"]
            assert one.known_cost_usd == pytest.approx(told["cost"])
            assert (one.input_tokens, one.output_tokens) == (
                told["prompt_tokens"], told["output_tokens"],
            )  # fmt: skip
            assert one.latency_s == pytest.approx(told["duration"], abs=1e-4)
