"""Submissions, read back by readers written from the formats' descriptions, score the same."""

from __future__ import annotations

import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.scoring.test_scored_runs import random_entry
from tests.support.hand_made_results import OTHER, WRONG, entry, metadata, right, task_data, write
from tests.support.scripts import Run
from utilities.errors import UsageError
from utilities.scoring.options import SubmissionOptions
from utilities.scoring.scored_runs import read_scored_runs
from utilities.scoring.submissions import write_submissions
from utilities.tasks.task import Task

Grid = list[list[int]]


def is_grid(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= 30
        and all(isinstance(row, list) and len(row) == len(value[0]) for row in value)
        and 1 <= len(value[0]) <= 30
        and all(type(cell) is int and 0 <= cell <= 9 for row in value for cell in row)
    )


def read_kaggle(path: Path, solutions: dict[str, list[Grid]]) -> float:
    """Score a submission.json as the competition's page says, refusing what it would refuse."""
    submission = json.loads(path.read_text())
    assert set(submission) == set(solutions), "every task, and no other"
    solved = total = 0
    for task_id, outputs in solutions.items():
        assert len(submission[task_id]) == len(outputs), "one prediction a test input"
        for prediction, output in zip(submission[task_id], outputs, strict=True):
            assert set(prediction) == {"attempt_1", "attempt_2"}
            assert all(map(is_grid, prediction.values()))
            total += 1
            solved += output in prediction.values()
    return solved / total


def read_folder(folder: Path, tasks: dict[str, Any]) -> dict[str, float]:
    """Score a folder as the harness's scorer does, field by field as its schemas demand.

    Tasks, points, cost in USD, tokens and seconds are summed over files and attempts.
    """
    sums = dict.fromkeys(("tasks", "points", "usd", "tokens", "seconds"), 0.0)
    for path in folder.glob("*.json"):
        outputs = [pair["output"] for pair in tasks[path.stem]["test"]]
        solved: set[int] = set()
        for position, pair in enumerate(json.loads(path.read_text())):
            names = sorted(name for name in pair if name.startswith("attempt_"))
            assert names[:2] == ["attempt_1", "attempt_2"]
            for attempt in filter(None, (pair[name] for name in names)):
                read_attempt(attempt, sums)
                index = attempt["metadata"]["pair_index"]
                assert index == position
                assert attempt["correct"] is (attempt["answer"] == outputs[index])
                if attempt["answer"] == outputs[index]:
                    solved.add(index)
        sums["tasks"] += 1
        sums["points"] += len(solved) / len(outputs)
    return sums


def read_attempt(attempt: dict[str, Any], sums: dict[str, float]) -> None:
    about = attempt["metadata"]
    assert attempt["answer"] == [] or is_grid(attempt["answer"])
    assert isinstance(about["model"], str)
    assert isinstance(about["provider"], str)
    assert isinstance(about["kwargs"], dict)
    message = about["choices"][-1]["message"]
    assert isinstance(about["choices"][-1]["index"], int)
    assert isinstance(message["role"], str)
    assert isinstance(message["content"], str)
    usage, cost = about["usage"], about["cost"]
    details = usage["completion_tokens_details"]
    for name in ("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"):
        assert type(details[name]) is int
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"]
    assert cost["prompt_cost"] + cost["completion_cost"] == pytest.approx(cost["total_cost"])
    begun, ended = (datetime.fromisoformat(about[f"{end}_timestamp"]) for end in ("start", "end"))
    sums["usd"] += cost["total_cost"]
    sums["tokens"] += usage["total_tokens"]
    sums["seconds"] += (ended - begun).total_seconds()


def results(folder: Path, seed: int = 1, best_of: int = 3) -> tuple[Path, dict[str, Any]]:
    """Results of twenty tasks, two of them missing, and all tasks by id."""
    chance = random.Random(seed)
    entries = [random_entry(chance, number, best_of) for number in range(20)]
    tasks = {one["task_id"]: one["task_data"] for one in entries}
    named = metadata(list(tasks), missing_tasks={"t90": 1, "t91": 2})
    tasks |= {"t90": task_data(90), "t91": task_data(91, 2)}
    return write(folder / "results.jsonl", [*entries, named]), tasks


def solutions_of(tasks: dict[str, Any]) -> dict[str, list[Grid]]:
    return {name: [pair["output"] for pair in task["test"]] for name, task in tasks.items()}


def submit(path: Path, folder: Path, **more: Any) -> Any:
    runs = read_scored_runs([path], **more)
    options = SubmissionOptions(
        submission=folder / "submission.json", submission_directory=folder / "submission"
    )
    list(write_submissions(options, runs))
    return runs[0].scores()


@pytest.mark.parametrize("best_of", [1, 3])
def test_kaggles_file_read_back_scores_the_same(tmp_path: Path, best_of: int) -> None:
    path, tasks = results(tmp_path, best_of=best_of)
    scores = submit(path, tmp_path)
    read = read_kaggle(tmp_path / "submission.json", solutions_of(tasks))
    assert 0 < read == pytest.approx(scores.micro)


@pytest.mark.parametrize("best_of", [1, 3])
def test_the_harness_folder_read_back_scores_the_same(tmp_path: Path, best_of: int) -> None:
    path, tasks = results(tmp_path, best_of=best_of)
    scores = submit(path, tmp_path)
    read = read_folder(tmp_path / "submission", tasks)
    assert read["tasks"] == scores.tasks == 22
    assert 0 < read["points"] / read["tasks"] == pytest.approx(scores.macro)


def test_cost_tokens_and_time_of_the_harness_folder_add_up_to_the_runs(tmp_path: Path) -> None:
    path, tasks = results(tmp_path)
    (run,) = read_scored_runs([path])
    submit(path, tmp_path)
    read, outcomes = read_folder(tmp_path / "submission", tasks), run.outcomes.values()
    assert read["usd"] == pytest.approx(sum(one.cost_usd or 0 for one in outcomes))
    assert read["tokens"] == sum(one.tokens for one in outcomes) > 0
    assert read["seconds"] == pytest.approx(sum(one.latency_s for one in outcomes), abs=1e-3)


def test_the_order_of_the_test_inputs_is_kept(tmp_path: Path) -> None:
    answers = [right(1, place) for place in range(3)]
    one = entry(1, [answers], [[answer, WRONG] for answer in answers], outputs=3)
    submit(write(tmp_path / "results.jsonl", [one, metadata(["t01"])]), tmp_path)
    written = json.loads((tmp_path / "submission.json").read_text())
    assert [pair["attempt_1"] for pair in written["t01"]] == answers


def test_attempts_beyond_two_go_to_the_harness_and_not_to_kaggle(tmp_path: Path) -> None:
    one = entry(1, [[WRONG]], [[WRONG, OTHER, right(1)]])
    scores = submit(write(tmp_path / "results.jsonl", [one, metadata(["t01"])]), tmp_path)
    assert scores.strict == 1.0
    assert read_kaggle(tmp_path / "submission.json", solutions_of({"t01": task_data(1)})) == 0
    assert read_folder(tmp_path / "submission", {"t01": task_data(1)})["points"] == 1


def test_an_attempt_tells_the_sample_that_it_came_from(tmp_path: Path) -> None:
    samples = [[WRONG], [right(1)]]
    one = entry(1, samples, [[right(1), WRONG]], python_code=["first", "second"])
    submit(write(tmp_path / "results.jsonl", [one, metadata(["t01"])]), tmp_path)
    (pair,) = json.loads((tmp_path / "submission/t01.json").read_text())
    said = [pair[name]["metadata"]["choices"][0]["message"]["content"] for name in sorted(pair)]
    assert said == ["second", "first"]


def test_an_unknown_cost_is_said_to_be_unknown(tmp_path: Path) -> None:
    one = entry(1, [[WRONG]], [[WRONG, None]], cost_usd=[None])
    submit(write(tmp_path / "results.jsonl", [one, metadata(["t01"])]), tmp_path)
    (pair,) = json.loads((tmp_path / "submission/t01.json").read_text())
    assert pair["attempt_1"]["metadata"]["kwargs"]["cost_is_known"] is False


def test_tasks_of_unknown_outputs_are_submitted_unjudged(tmp_path: Path) -> None:
    blind = entry(1, [[right(1)]], [[right(1), None]], task_data=task_data(1, known=False))
    submit(write(tmp_path / "results.jsonl", [blind, metadata(["t01"])]), tmp_path)
    (pair,) = json.loads((tmp_path / "submission/t01.json").read_text())
    assert pair["attempt_1"]["correct"] is None
    assert read_kaggle(tmp_path / "submission.json", {"t01": [right(1)]}) == 1.0


def test_a_given_dataset_has_every_task_submitted(tmp_path: Path) -> None:
    path = write(tmp_path / "results.jsonl", [entry(1, [[right(1)]], [[right(1), None]])])
    tasks = {f"t{number:02}": task_data(number) for number in (1, 2, 3)}
    submit(path, tmp_path, tasks=[Task.from_json(*item) for item in tasks.items()], dataset="x")
    assert read_kaggle(tmp_path / "submission.json", solutions_of(tasks)) == 1 / 3
    assert read_folder(tmp_path / "submission", tasks)["points"] == 1


def test_older_entries_without_their_task_take_it_from_the_given_dataset(tmp_path: Path) -> None:
    older = entry(1, [[right(1)]], [[right(1), None]])
    del older["task_data"]
    path = write(tmp_path / "results.jsonl", [older])
    submit(path, tmp_path, tasks=[Task.from_json("t01", task_data(1))], dataset="x")
    assert read_kaggle(tmp_path / "submission.json", solutions_of({"t01": task_data(1)})) == 1
    assert read_folder(tmp_path / "submission", {"t01": task_data(1)})["points"] == 1


def test_several_runs_have_a_file_each(tmp_path: Path) -> None:
    other = {"configuration_hash": "c2", "model_identifier": "OTHER"}
    path = write(
        tmp_path / "results.jsonl",
        [
            entry(1, [[right(1)]], [[right(1), None]]), metadata(["t01"]),
            entry(1, [[WRONG]], [[WRONG, None]], **other), metadata(["t01"], **other),
        ],
    )  # fmt: skip
    submit(path, tmp_path)
    files = sorted(path.name for path in tmp_path.glob("submission_*.json"))
    assert [name.split("_")[1] for name in files] == ["MODEL", "OTHER"]
    assert len(list((tmp_path / "submission").glob("*/t01.json"))) == 2


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    path, _ = results(tmp_path)
    submit(path, tmp_path)
    submit(path, tmp_path)  # its own files are replaced
    (tmp_path / "submission/t99.json").write_text("[]")
    with pytest.raises(UsageError, match=r"holds t99.json, which is no task of this run"):
        submit(path, tmp_path)


def submitted_names(folder: Path, *ids: str) -> list[str]:
    """The names of the files that a run of tasks with these ids is submitted as."""
    entries = [
        {**entry(number, [[right(number)]], [[right(number), None]]), "task_id": task_id}
        for number, task_id in enumerate(ids)
    ]
    submit(write(folder / "results.jsonl", [*entries, metadata(list(ids))]), folder)
    return sorted(path.name for path in (folder / "submission").iterdir())


def test_the_id_of_a_task_is_its_files_name_whatever_it_is(tmp_path: Path) -> None:
    names = submitted_names(tmp_path, "a/b", "..", "", " ", "t\0", "\x1b[31m", "naïve", "a%2Fb")
    wanted = ["a%2Fb", "..", "", " ", "t%00", "%1B%5B31m", "na%C3%AFve", "a%252Fb"]
    assert names == sorted(f"{name}.json" for name in wanted)


@pytest.mark.parametrize("task_id", ["谜" * 30, "x" * 250, "谜" * 83, "(" * 250])
def test_an_id_that_is_too_long_as_escapes_is_written_as_it_is(
    tmp_path: Path, task_id: str
) -> None:
    assert submitted_names(tmp_path, task_id) == [f"{task_id}.json"]


def test_an_id_beyond_255_bytes_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="x…: its id is too long for a file's name") as refusal:
        submitted_names(tmp_path, "a", "x" * 251, "b")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "submission").exists()
    assert not (tmp_path / "submission.json").exists()


@pytest.mark.parametrize("script", ["code", "direct"])
def test_a_benchmark_writes_submissions_and_is_scored_anew_with_the_same_lines(
    tmp_path: Path, dataset: Any, run_script: Run, script: str
) -> None:
    tasks = dataset("67a3c6ac", "3c9b0459", "007bbfb7", "27a28665")
    done = run_script(
        f"benchmark/run_{script}_benchmark.py", "--dataset_directory", tasks, "--best_of", "2",
        "--model_identifier", "PROGRAM_SEARCH", "--output_directory", tmp_path / "out",
        "--submission", tmp_path / "submission.json", "--submission_directory", tmp_path / "folder",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads(tasks.read_text())
    (path,) = (p for p in (tmp_path / "out").glob("*_results.jsonl") if "partial" not in p.name)
    said = json.loads(path.read_text().splitlines()[-1])["scores"]
    read = read_kaggle(tmp_path / "submission.json", solutions_of(content))
    assert 0 < read == pytest.approx(said["micro"])
    assert read_folder(tmp_path / "folder", content)["points"] / 4 == pytest.approx(said["macro"])
    again = run_script("benchmark/score_results.py", path)
    figures = again.stdout.splitlines()[1:]
    assert len(figures) >= 7
    assert set(figures) <= set(done.stdout.splitlines())
    as_json = run_script("benchmark/score_results.py", path, "--json")
    assert json.loads(as_json.stdout)[0]["scores"] == said
