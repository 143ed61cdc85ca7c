"""A judge of answers, offline and in the benchmarks; results and figures by hand."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.test_benchmarks import CODE, DIRECT, FLIP, grid_text, marker, program
from tests.support.hand_made_results import OTHER, WRONG, entry, metadata, right, write
from tests.support.loopback_server import Behaviour, LoopbackServer, reply, stalled
from tests.support.scripts import Run, arc1_training, entries

CHOOSE = "benchmark/choose_again.py"
SEEKS = reply(maker="seeking_judge")
ABSTAINS = reply("They are all the same to me.")
ASKED = ["--judge", "local:j", "--price", "1,10"]
IS_JUDGE = "You judge answers"
RESULTS = "chosen_again_results.jsonl"


def source(tmp_path: Path, *, known: bool = True) -> Path:
    """Five tasks of three samples with one attempt each, which the votes take.

    1: the judge will take the right one, which was in the minority. 2: it will take a wrong one.
    3: it will agree. 4: there is one answer alone. 5: there is none.
    """
    best, next_best, plain = "it is BEST", "it is NEXT", "because"
    tasks = [
        entry(1, [[WRONG], [WRONG], [right(1)]], [[WRONG]], reasoning=[plain, next_best, best]),
        entry(2, [[right(2)], [OTHER], [WRONG]], [[right(2)]], reasoning=[plain, plain, best]),
        entry(3, [[right(3)], [WRONG], None], [[right(3)]], reasoning=[best, next_best, None]),
        entry(4, [[right(4)], [right(4)], None], [[right(4)]]),
        entry(5, [None, None, None], [[None]]),
    ]
    for one in tasks if not known else ():
        for pair in one["task_data"]["test"]:
            del pair["output"]
    configuration = {"model_identifier": "MODEL", "best_of": 3, "attempts": 1}
    about = metadata([f"t{number:02}" for number in range(1, 6)], configuration=configuration)
    return write(tmp_path / "direct_benchmark_results.jsonl", [*tasks, about])


def choose(
    run_script: Run,
    path: Path | list[Path],
    folder: Path,
    *more: str | Path,
    said: Behaviour = SEEKS,
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]], LoopbackServer]:
    """The finished process, the entries of its last run, and the server as it was."""
    paths = path if isinstance(path, list) else [path]
    with LoopbackServer(then=said) as server:
        done = run_script(
            CHOOSE, *paths, *ASKED, "--base_url", server.openai_url,
            "--output_directory", folder, *more,
        )  # fmt: skip
        server.asked = server.ledger()  # type: ignore[attr-defined]
    assert "Traceback" not in done.stderr, done.stderr
    found = entries(folder / RESULTS) if (folder / RESULTS).exists() else []
    newest = {one["task_id"]: one for one in found}
    return done, [newest[task_id] for task_id in sorted(newest)], server


def test_the_judge_chooses_and_what_it_gained_and_lost_is_told(
    tmp_path: Path, run_script: Run
) -> None:
    done, found, server = choose(run_script, source(tmp_path), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert [one["attempts"] for one in found] == [
        [[right(1)]], [[WRONG]], [[right(3)]], [[right(4)]], [[None]]
    ]  # fmt: skip
    assert [one["judge"]["points"] for one in found] == [[0, 6], [0, 0, 6], [6, 3], [0], []]
    assert [one["judge"]["answers"] for one in found[:2]] == [[[0, 1], [2]], [[0], [1], [2]]]
    assert [one["outputs_solved"] for one in found] == [[True], [False], [True], [True], [False]]
    assert len(server.asked) == 9  # type: ignore[attr-defined]
    # A reply is 1,000 tokens at $1 and 200 at $10 a million: 0.3 cents.
    assert "judge     local:j: +1 −1 tasks against the votes (McNemar p = 1)" in done.stdout
    assert "$0.0270 for 9 calls on 3 tasks" in done.stdout
    assert "3 of 5 tasks with all outputs solved" in done.stdout
    told = entries(tmp_path / "out" / RESULTS, "metadata")[-1]
    assert told["judge"]["gained_task_ids"] == ["t01"]
    assert told["judge"]["lost_task_ids"] == ["t02"]
    assert told["spent_usd"] == pytest.approx(0.027)
    assert told["cost_usd"] == pytest.approx(0.027 + 10 * 0.25)


def test_no_test_output_is_shown_to_the_judge_and_its_own_samples_are(
    tmp_path: Path, run_script: Run
) -> None:
    path = source(tmp_path)
    _, _, server = choose(run_script, path, tmp_path / "known")
    _, _, unknown = choose(run_script, source(tmp_path, known=False), tmp_path / "unknown")
    prompts = [[one.body["messages"] for one in of.asked] for of in (server, unknown)]  # type: ignore[attr-defined]
    assert sorted(prompts[0], key=str) == sorted(prompts[1], key=str)
    shown = [messages[-1]["content"] for messages in prompts[0]]
    second = [text for text in shown if grid_text(right(2)) in text]
    assert len(second) == 3, "each call shows all answers, the right one among them"
    assert all(text.count("## Candidate") == 3 for text in second)
    assert len({text.index(grid_text(OTHER)) for text in second}) == 3, "in another order each"


def test_without_test_outputs_nothing_is_said_of_a_gain(tmp_path: Path, run_script: Run) -> None:
    done, found, _ = choose(run_script, source(tmp_path, known=False), tmp_path / "out")
    assert "judge     local:j: $0.0270 for 9 calls on 3 tasks" in done.stdout
    assert "gained_task_ids" not in entries(tmp_path / "out" / RESULTS, "metadata")[-1]["judge"]
    assert found[0]["attempts"] == [[right(1)]]
    assert found[0]["solved"] is None


def test_a_judge_that_says_nothing_leaves_it_to_the_votes(tmp_path: Path, run_script: Run) -> None:
    done, found, _ = choose(run_script, source(tmp_path), tmp_path / "out", said=ABSTAINS)
    before = entries(source(tmp_path))
    assert [one["attempts"] for one in found] == [one["attempts"] for one in before]
    assert "+0 −0 tasks" in done.stdout
    assert "9 calls on 3 tasks, 9 of them without a choice" in done.stdout
    assert {call["status"] for one in found for call in one["judge"]["calls"]} == {"unparsable"}
    assert all(one["complete"] for one in found)


def test_a_resumed_choice_asks_nothing_twice(tmp_path: Path, run_script: Run) -> None:
    path, folder = source(tmp_path), tmp_path / "out"
    _, first, server = choose(run_script, path, folder)
    again, second, nobody = choose(run_script, path, folder, said=ABSTAINS)
    assert (len(server.asked), len(nobody.asked)) == (9, 0)  # type: ignore[attr-defined]
    assert first == second
    assert "$0.0000 of it now" in again.stdout
    (folder / RESULTS).unlink()  # killed before any entry was written: the journal has it all
    _, third, nobody = choose(run_script, path, folder, said=ABSTAINS)
    assert not nobody.asked  # type: ignore[attr-defined]
    assert [one["attempts"] for one in third] == [one["attempts"] for one in first]
    more, _, server = choose(run_script, path, folder, "--judge_calls", "4")
    assert len(server.asked) == 3, "the fourth call of each task"  # type: ignore[attr-defined]
    assert "12 calls on 3 tasks" in more.stdout


def test_a_spent_budget_leaves_the_rest_to_the_votes_and_the_next_run_goes_on(
    tmp_path: Path, run_script: Run
) -> None:
    path, folder = source(tmp_path), tmp_path / "out"
    submission = tmp_path / "submission.json"
    limits = ("--max_tokens", "400", "--max_concurrent_tasks", "1")
    done, found, server = choose(
        run_script, path, folder, *limits, "--max_cost_usd", "0.014", "--submission", submission
    )
    assert done.returncode == 3, done.stderr
    spent = len(server.asked)  # type: ignore[attr-defined]
    assert 0 < spent < 9
    assert spent * 0.003 < 0.014
    assert len(found) == 5, "no task is lost"
    left = [one for one in found if not one["complete"]]
    assert left
    voted = {one["task_id"]: one["attempts"] for one in entries(path)}
    assert all(one["attempts"] == voted[one["task_id"]] for one in left)
    assert len(json.loads(submission.read_text())) == 5
    _, whole, server = choose(run_script, path, folder, *limits)
    assert len(server.asked) == 9 - spent  # type: ignore[attr-defined]
    assert [one["attempts"] for one in whole[:2]] == [[[right(1)]], [[WRONG]]]


@pytest.mark.slow
def test_at_the_deadline_the_votes_decide_and_no_task_is_lost(
    tmp_path: Path, run_script: Run
) -> None:
    path, folder = source(tmp_path), tmp_path / "out"
    limits = ("--deadline", "3s", "--request_timeout_s", "1")
    done, found, server = choose(run_script, path, folder, *limits, said=stalled())
    assert done.returncode == 3, done.stderr
    assert server.asked  # type: ignore[attr-defined]
    voted = {one["task_id"]: one["attempts"] for one in entries(path)}
    assert {one["task_id"]: one["attempts"] for one in found} == voted
    assert [one["complete"] for one in found] == [False, False, False, True, True]


def test_votes_of_another_form_are_taken_anew(tmp_path: Path, run_script: Run) -> None:
    lines = [json.loads(line) for line in source(tmp_path).read_text().splitlines()]
    for one, odd in zip(lines, ([[OTHER]] * 3, [], [[]], [[None, None]]), strict=False):
        one["judge"] = {"voted_attempts": odd, "answers": [[7]], "points": [-1]}
    path = write(tmp_path / "odd_results.jsonl", lines)
    _, found, _ = choose(run_script, path, tmp_path / "out", said=ABSTAINS)
    before = [one["attempts"] for one in entries(source(tmp_path))]
    assert [one["judge"]["voted_attempts"] for one in found] == before
    assert [one["attempts"] for one in found] == before


def test_a_dry_run_counts_the_judges_calls(tmp_path: Path, run_script: Run) -> None:
    done, found, server = choose(run_script, source(tmp_path), tmp_path / "out", "--dry_run")
    assert done.returncode == 0, done.stderr
    assert "requests  9 to make, 0 answered in the journal" in done.stdout
    assert (found, server.asked) == ([], [])  # type: ignore[attr-defined]


def test_missing_tasks_stay_missing_and_repeats_stay_apart(tmp_path: Path, run_script: Run) -> None:
    lines = [json.loads(line) for line in source(tmp_path).read_text().splitlines()]
    lines[-1]["missing_tasks"] = {"t09": 2}
    first = write(tmp_path / "a_results.jsonl", lines)
    again = [{**one, "run_id": "20270101T000000Z-aaaaaa"} for one in lines]
    second = write(tmp_path / "b_results.jsonl", again)
    done, _, _ = choose(run_script, [first, second], tmp_path / "out")
    assert done.stdout.count("of 6 tasks with all outputs solved") == 2
    names = {one["configuration_hash"] for one in entries(tmp_path / "out" / RESULTS)}
    assert len(names) == 2
    scored = run_script("benchmark/score_results.py", tmp_path / "out" / RESULTS)
    assert scored.stdout.count("MODEL, best of 3 grids, 1 attempts, judged by local:j × 3") == 2


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (("--best_of", "2"), "--best_of: tasks and samples are those of RESULTS"),
        (("--dataset", "all"), "--dataset: tasks and samples are those of RESULTS"),
        (("--judge_calls", "0"), "argument --judge_calls: '0' is not a whole number"),
    ],
)
def test_options_about_samples_are_refused(
    tmp_path: Path, run_script: Run, more: tuple[str, str], complaint: str
) -> None:
    done = run_script(CHOOSE, source(tmp_path), "--judge", "local:j", *more)
    assert done.returncode == 2
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--judge_calls", "5"), "--judge_calls: give --judge as well"),
        (("--library_programs", "5"), "--library_programs: give --library as well"),
        (("--stop_when_agree", "2"), "--stop_when_agree: a task gets at most 1;"),
        (("--judge", "nosuch"), "--judge nosuch: unknown model;"),
    ],
)
def test_options_of_no_effect_and_unknown_judges_are_refused_in_one_line(
    tmp_path: Path, run_script: Run, words: tuple[str, str], complaint: str
) -> None:
    done = run_script(
        "benchmark/run_code_benchmark.py", *words, "--output_directory", tmp_path / "out"
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"error: {complaint}" in done.stderr


def test_the_judge_must_be_named(tmp_path: Path, run_script: Run) -> None:
    done = run_script(CHOOSE, source(tmp_path))
    assert (done.returncode, "--judge is missing" in done.stderr) == (2, True)


def in_benchmark(
    script: str,
    run_script: Run,
    data: Path,
    folder: Path,
    said: list[Behaviour],
    *more: str | Path,
    judged: Behaviour = SEEKS,
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any], list[str]]:
    """The finished process, its entry, and the models that were asked."""
    with LoopbackServer(prompts={IS_JUDGE: [judged], marker(FLIP): said}) as server:
        models = folder.with_suffix(".toml")
        table = f'[wise]\nmodel = "w"\nbase_url = "{server.openai_url}"\n'
        models.write_text(table + "price = { in = 1.0, out = 10.0 }\n")
        done = run_script(
            script, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--models", models, "--judge", "wise", "--dataset_directory", data,
            "--output_directory", folder, *more,
        )  # fmt: skip
        asked = [one.body["model"] for one in server.ledger()]
    assert "Traceback" not in done.stderr, done.stderr
    (results,) = (path for path in folder.glob("*_results.jsonl") if "partial" not in path.name)
    return done, entries(results)[-1], asked


def test_a_benchmark_of_grids_asks_the_judge_before_it_scores(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    answer = grid_text(arc1_training()[FLIP]["test"][0]["output"])
    grids = [("1 2", ""), ("1 2", ""), (answer, "BEST of all. "), ("3 4", "")]
    said = [reply(f"{why}\n\nTest output 1:\n```\n{text}\n```") for text, why in grids]
    more = ("--best_of", "4", "--attempts", "1", "--judge_calls", "2")
    path, folder = dataset(FLIP), tmp_path / "out"
    done, found, asked = in_benchmark(DIRECT, run_script, path, folder, said, *more)
    assert done.returncode == 0, done.stderr
    assert sorted(asked) == ["w", "w", "x", "x", "x", "x"]
    assert found["solved"] is True
    assert found["judge"]["voted_attempts"] == [[[[1, 2]]]]
    assert "judge     wise: +1 −0 tasks against the votes (McNemar p = 1), $0.0060" in done.stdout
    _, again, asked = in_benchmark(DIRECT, run_script, path, folder, said, *more)
    assert (again, asked) == (found, [])


def test_a_benchmark_of_programs_and_the_offline_choice_agree(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    said = [
        program("return grid"),
        program("return [row[::-1] for row in grid]  # BEST"),
        program("return grid[::-1]  # NEXT"),
    ]
    more = ("--best_of", "3", "--attempts", "1", "--max_concurrent_requests", "1")
    path, folder = dataset(FLIP), tmp_path / "judged"
    _, judged, asked = in_benchmark(CODE, run_script, path, folder, said, *more)
    assert asked.count("w") == 3
    assert sorted(judged["judge"]["points"]) == [0, 3, 6]
    with LoopbackServer(prompts={marker(FLIP): said}) as server:
        run_script(
            CODE, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", path, "--output_directory", tmp_path / "plain", *more,
        )  # fmt: skip
    plain = tmp_path / "plain" / "code_benchmark_results.jsonl"
    _, (offline,), server = choose(run_script, plain, tmp_path / "out")
    assert len(server.asked) == 3  # type: ignore[attr-defined]
    assert offline["attempts"] == judged["attempts"]
    assert offline["judge"]["points"] == judged["judge"]["points"]
    assert "it solves 3 of 3 train pairs" in str(server.asked[0].body)  # type: ignore[attr-defined]


def test_without_a_judge_a_run_is_configured_as_ever(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=program("return grid")) as server:
        run_script(
            CODE, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", dataset(FLIP), "--output_directory", tmp_path / "out",
        )  # fmt: skip
    (told,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl", "metadata")
    (found,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl")
    assert "judge" not in {*told, *told["configuration"], *found}


def test_a_judge_that_fails_is_asked_again_and_the_samples_are_not(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    said = [reply(f"Test output 1:\n```\n{text}\n```") for text in ("1 2", "3 4")]
    path, folder = dataset(FLIP), tmp_path / "out"
    broken = reply("", finish_reason=None, output_tokens=0)
    done, found, asked = in_benchmark(
        DIRECT, run_script, path, folder, said, "--best_of", "2", judged=broken
    )
    assert done.returncode == 1
    assert found["complete"] is False
    assert found["attempts"][0] == [[[1, 2]], [[3, 4]]] or found["attempts"][0][0] == [[3, 4]]
    _, found, asked = in_benchmark(DIRECT, run_script, path, folder, said, "--best_of", "2")
    assert asked == ["w"] * 3
    assert found["complete"] is True
