"""Several runs as one: which answers are handed in, what they score, and what a cascade costs."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.hand_made_results import WRONG, Grid, entry, metadata, right, task_data, write
from tests.support.scripts import Run, entries
from utilities.files.spool import open_spool
from utilities.scoring.combined_runs import ALL, Combination
from utilities.scoring.combining import Ballot, Vote, combine
from utilities.scoring.scored_runs import read_scored_runs
from utilities.tasks.task import Task

COMBINE, SCORE = "benchmark/combine_runs.py", "benchmark/score_results.py"
ONE, TWO, THREE, FOUR = [[1]], [[2]], [[3]], [[4]]


def grids(*answers: Grid | None) -> Ballot:
    """A run that answered one test input with grids, a sample each, its most frequent first."""
    counted = sorted({str(one): one for one in answers if one}.values(), key=answers.index)
    votes = tuple(Vote((one,), fits=False, strength=1.0) for one in answers)
    return Ballot(votes, [counted[:2]], has_programs=False)


def programs(*answers: tuple[Grid, float]) -> Ballot:
    """A run of programs, the best first, each with the share of train pairs that it solves."""
    votes = tuple(Vote((one,), fits=share == 1, strength=share) for one, share in answers)
    return Ballot(votes, [[one for one, _ in answers][:2]], has_programs=True)


def chosen(*ballots: Ballot | None, weights: list[float] | None = None) -> list[Grid]:
    (choices,) = combine(ballots, weights or [1.0] * len(ballots), 1)
    return [one.output for one in choices]


def test_a_program_that_fits_comes_before_every_vote() -> None:
    assert chosen(grids(ONE, ONE), grids(ONE), programs((TWO, 1.0)))[0] == TWO


def test_programs_that_do_not_fit_have_no_vote_beside_one_that_does() -> None:
    assert chosen(programs((ONE, 0.5), (ONE, 0.5), (TWO, 1.0))) == [TWO, ONE]


def test_without_a_program_that_fits_weighted_votes_decide() -> None:
    ballots = grids(ONE), grids(TWO), grids(TWO)
    assert chosen(*ballots)[0] == TWO
    assert chosen(*ballots, weights=[3.0, 1.0, 1.0])[0] == ONE


def test_a_run_with_many_samples_has_no_more_votes_than_one_with_few() -> None:
    assert chosen(grids(*[ONE] * 9), grids(TWO), grids(TWO))[0] == TWO


def test_the_second_attempt_is_of_another_voice() -> None:
    """The first run's other program fits too, but the first run has been heard."""
    assert chosen(programs((ONE, 1.0), (ONE, 1.0), (TWO, 1.0)), grids(THREE)) == [ONE, THREE]


def test_a_program_that_fits_is_second_if_it_is_of_another_run() -> None:
    ballots = programs((ONE, 1.0)), grids(TWO, TWO), programs((THREE, 1.0))
    assert chosen(*ballots, weights=[2.0, 9.0, 1.0]) == [ONE, THREE]


def test_a_single_run_keeps_its_own_order() -> None:
    assert chosen(grids(ONE, ONE, TWO, THREE)) == [ONE, TWO]
    assert chosen(programs((TWO, 1.0), (ONE, 1.0), (THREE, 0.5))) == [TWO, ONE]


def test_ties_go_to_the_earlier_run_and_no_answer_is_no_vote() -> None:
    assert chosen(grids(ONE), grids(TWO)) == [ONE, TWO]
    assert chosen(None, grids(None, TWO)) == [TWO]
    assert chosen(None, None) == []


def test_a_run_is_sure_as_far_as_its_samples_agree_and_fit() -> None:
    assert grids(ONE, ONE, TWO, None).sureness() == 0.5
    assert programs((ONE, 1.0), (ONE, 0.5), (TWO, 1.0), (TWO, 0.0)).sureness() == 0.25
    assert programs((ONE, 0.5), (ONE, 0.5)).sureness() == 0.0


Answers = list[list[Grid]]


def run_file(path: Path, model: str, answers: Answers, *, fits: list[bool] | None = None) -> Path:
    """A run of one-output tasks: of each the answers of its samples; `fits` makes them programs."""
    about = {"model_identifier": model, "configuration_hash": model, "run_id": f"2026-{model}"}
    entries = []
    for number, given in enumerate(answers):
        passed = {} if fits is None else {"train_passed": [[fits[number]] * 2] * len(given)}
        code = {"python_code": [f"def solve_task(grid): return {number}"] * len(given)}
        entries.append(
            entry(number, [[one] for one in given], [given[:2]], **passed, **code, **about)
        )
    return write(path, [*entries, metadata([one["task_id"] for one in entries], **about)])


def three_runs(folder: Path) -> list[Path]:
    """Nine tasks: a program solves the first three, a model the next three, either of two the rest.

    The best pair of attempts solves eight of them; no run alone more than five.
    """
    answer = [right(number) for number in range(9)]
    code = [[answer[at]] if at < 3 else [WRONG] for at in range(9)]
    strong = [[answer[at]] if 3 <= at < 8 else [[[at, at]]] for at in range(9)]
    weak = [[answer[at]] if at in {6, 7} else [[[5, at]]] for at in range(9)]
    return [
        run_file(folder / "a.jsonl", "CODE", code, fits=[at < 3 for at in range(9)]),
        run_file(folder / "b.jsonl", "STRONG", strong),
        run_file(folder / "c.jsonl", "WEAK", weak),
    ]


def combined(
    paths: list[Path], weights: list[float] | None = None, tasks: Sequence[Task] = ()
) -> Combination:
    runs = read_scored_runs(paths, tasks=tasks)
    combination = Combination(runs, list("ABCDEFGH")[: len(runs)])
    with open_spool(paths[0].parent, "entries (task TEXT, run INT, content BLOB)") as spool:
        combination.read(spool)
    combination.weigh(weights)
    return combination


def test_three_runs_reach_the_known_best_choice(tmp_path: Path) -> None:
    combination = combined(three_runs(tmp_path))
    scores = {row.name: row.scores.tasks_solved for row in combination.rows(combination.all_ids())}
    assert scores == {"A": 3, "B": 5, "C": 2, ALL: 8, "oracle": 8}


def test_weights_are_the_runs_own_fits_and_agreement(tmp_path: Path) -> None:
    a, b, c = combined(three_runs(tmp_path)).members
    assert a.weight == pytest.approx(3 / 9)
    assert b.weight == pytest.approx(2 / 9)
    assert c.weight == pytest.approx(2 / 9)


def test_a_run_of_several_samples_counts_as_far_as_they_agree(tmp_path: Path) -> None:
    steady = run_file(tmp_path / "a.jsonl", "STEADY", [[ONE, ONE], [TWO, TWO], [ONE, TWO]])
    loose = run_file(tmp_path / "b.jsonl", "LOOSE", [[ONE, ONE, TWO], [TWO, ONE, THREE]])
    weights = [one.weight for one in combined([steady, loose]).members]
    assert weights == pytest.approx([(2 / 3) ** 0.5, (1 / 6) ** 0.5])


def test_agreement_asks_another_model_if_there_is_one(tmp_path: Path) -> None:
    same = [[ONE]] * 4
    paths = [run_file(tmp_path / f"{at}.jsonl", "TWICE", same) for at in range(2)]
    other = run_file(tmp_path / "c.jsonl", "OTHER", [[ONE], [TWO], [TWO], [TWO]])
    for path in paths[1:]:  # a repeat, of another configuration
        path.write_text(path.read_text().replace('"configuration_hash": "TWICE"', '"x": 1'))
    assert [one.weight for one in combined([*paths, other]).members] == [0.125, 0.125, 0.25]


def test_attempts_that_were_chosen_to_differ_count_by_what_others_give_too(tmp_path: Path) -> None:
    """Kaggle's file: that its two attempts differ is its rule, and no sign of doubt."""
    kaggle, tasks = tmp_path / "submission.json", range(4)
    told = {f"t{at:02}": [{"attempt_1": right(at), "attempt_2": WRONG}] for at in tasks}
    kaggle.write_text(json.dumps(told))
    other = run_file(tmp_path / "a.jsonl", "OTHER", [[right(0)], [right(1)], [TWO], [TWO]])
    given = [Task.from_json(f"t{at:02}", task_data(at)) for at in tasks]
    weights = [one.weight for one in combined([kaggle, other], tasks=given).members]
    assert weights == [0.5, 0.5]


def test_a_sample_about_one_test_input_says_nothing_of_the_others(tmp_path: Path) -> None:
    """A run by ARC Prize's protocol, of two test inputs: the first attempts' second is wrong."""
    samples: list[Any] = [[ONE, None], [ONE, None], [None, TWO], [None, None], [None, THREE]]
    about = {"test_input": [0, 0, 1, 1, 1], "status": ["ok"] * 3 + ["unparsable", "ok"]}
    made = entry(0, samples, [[ONE, ONE], [TWO, THREE]], outputs=2, **about)
    path = write(tmp_path / "a.jsonl", [made, metadata(["t00"])])
    other = write(
        tmp_path / "b.jsonl",
        [entry(0, [[ONE, ONE]], [[ONE], [ONE]], outputs=2, configuration_hash="o")],
    )
    first, _ = combined([path, other]).members
    assert first.weight == pytest.approx(0.5**0.5 / 2)  # both runs are of one model
    assert first.ballots["t00"].sureness() == 0.5


def test_a_run_and_its_repeat_are_one_voice(tmp_path: Path) -> None:
    """Two runs of one model agree on a second answer; another model's comes before it."""
    paths = [
        run_file(tmp_path / "0.jsonl", "TWICE", [[ONE, ONE, TWO]]),
        run_file(tmp_path / "1.jsonl", "TWICE", [[ONE, ONE, TWO]]),
        run_file(tmp_path / "2.jsonl", "OTHER", [[THREE, THREE, FOUR, FOUR]]),
    ]
    paths[1].write_text(paths[1].read_text().replace('"configuration_hash": "TWICE"', '"x": 1'))
    (choices,) = combined(paths).choices("t00")
    assert [one.output for one in choices] == [ONE, THREE]


def test_test_outputs_change_neither_weights_nor_attempts(tmp_path: Path, run_script: Run) -> None:
    paths = three_runs(tmp_path)
    attempts = []
    for name in ("known", "unknown"):
        assert run_script(COMBINE, *paths, "--output", tmp_path / f"{name}.jsonl").returncode == 0
        lines = map(json.loads, (tmp_path / f"{name}.jsonl").read_text().splitlines())
        attempts.append([one.get("attempts") or one["configuration"]["weights"] for one in lines])
        for path in paths:
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            for at, one in enumerate(entries[:-1]):
                one["task_data"] = task_data(at, known=False)
            write(path, entries)
    assert attempts[0] == attempts[1]


def test_what_is_written_is_scored_as_it_was_printed(tmp_path: Path, run_script: Run) -> None:
    paths, output = three_runs(tmp_path), tmp_path / "all.jsonl"
    done = run_script(
        COMBINE, *paths, "--json", "--output", output, "--submission", tmp_path / "s.json"
    )
    told = json.loads(done.stdout)
    (scored,) = json.loads(run_script(SCORE, output, "--json").stdout)
    together = next(row for row in told["rows"] if row["name"] == ALL)
    for name in ("macro", "micro", "strict", "macro_interval_95"):
        assert scored["scores"][name] == together["scores"][name]
    assert scored["known_cost_usd"] == pytest.approx(9 * 3 * 0.25)
    assert together["means"]["cost_usd"] == pytest.approx(3 * 0.25)
    (about,) = entries(output, "metadata")
    files = [
        (tmp_path / one).samefile(path)
        for (one,), path in zip(about["combined_files"].values(), paths, strict=True)
    ]
    assert all(files), "where the page finds the raw replies"
    submission = json.loads((tmp_path / "s.json").read_text())
    assert submission["t00"][0]["attempt_1"] == right(0)


def test_a_run_that_supplies_nothing_is_seen_to_add_nothing(tmp_path: Path) -> None:
    combination = combined(three_runs(tmp_path))
    ids = combination.all_ids()
    supplied = combination.supplies(ids)
    assert [supplied[name].solved for name in "ABC"] == [3, 5, 2]
    assert [supplied[name].solved_alone for name in "ABC"] == [3, 3, 0]
    assert [len(one.only_second) for one in combination.without_each(ids)] == [3, 3, 0]


def test_a_missing_task_counts_0_for_the_run_and_not_for_all(
    tmp_path: Path, run_script: Run
) -> None:
    short = run_file(tmp_path / "a.jsonl", "SHORT", [[right(0)]])
    long = run_file(tmp_path / "b.jsonl", "LONG", [[WRONG], [right(1)]])
    done = run_script(COMBINE, short, long, "--output", tmp_path / "c.jsonl")
    shared, every = done.stdout.split("on all 2 tasks; what a run did not answer counts 0:")
    assert "on the 1 task that all runs answered:" in shared
    assert [line.split()[2] for line in every.splitlines()[2:5]] == ["50.00%", "50.00%", "100.00%"]
    done = run_script(COMBINE, short, long, "--output", tmp_path / "c.jsonl", "--json")
    rows = json.loads(done.stdout)["rows_on_all_tasks"]
    assert [row["scores"]["macro"] for row in rows] == [0.5, 0.5, 1.0, 1.0]


def test_a_cascade_asks_only_where_the_first_is_unsure(tmp_path: Path) -> None:
    sure, unsure = [right(0)] * 2, [WRONG, [[8, 8]]]
    first = run_file(tmp_path / "a.jsonl", "CHEAP", [sure, unsure, [right(2), WRONG]])
    second = run_file(tmp_path / "b.jsonl", "DEAR", [[WRONG], [right(1)], [right(2)]])
    combination = combined([first, second])
    never, half, always = combination.cascade(combination.members[1], combination.all_ids())
    assert [one.asked for one in (never, half, always)] == [0, 2, 3]
    assert [one.row.scores.tasks_solved for one in (never, half)] == [2, 3]
    assert half.row.means.cost_usd == pytest.approx((3 * 0.5 + 2 * 0.25) / 3)


@pytest.mark.parametrize("samples_of_weak", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_weak_runs_do_not_drag_a_strong_one_below_its_interval(
    tmp_path: Path, seed: int, samples_of_weak: int
) -> None:
    chance = random.Random(seed)

    def answers(share: float, samples: int) -> Answers:
        return [
            [
                right(number) if chance.random() < share else [chance.choices(range(10), k=3)]
                for _ in range(samples)
            ]
            for number in range(90)
        ]

    paths = [run_file(tmp_path / "strong.jsonl", "STRONG", answers(0.6, 3))]
    for at, share in enumerate((0.05, 0.1, 0.2)):
        given = answers(share, samples_of_weak)
        paths.append(run_file(tmp_path / f"{at}.jsonl", f"WEAK{at}", given))
    combination = combined(paths)
    ids = combination.all_ids()
    gain = combination.gain_over_best(combination.rows(ids), ids)
    assert gain.macro >= 0 or (gain.interval is not None and gain.interval[1] >= 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weights", "1,2"], "--weights has 2 numbers for 3 runs: A CODE"),
        (["--weights", "0,0,0"], "gives no run a weight"),
        (["--weights", "1,-2,1"], "is not a number of at least 0"),
        (["--output", "{}/a.jsonl"], "--output is one of RESULTS"),
        (["--submission", "{}/b.jsonl"], "--submission is one of RESULTS"),
    ],
)
def test_options_that_cannot_be_are_one_line(
    options: list[str], said: str, tmp_path: Path, run_script: Run
) -> None:
    paths = three_runs(tmp_path)
    words = ["--output", str(tmp_path / "all.jsonl"), *options]
    done = run_script(COMBINE, *paths, *(word.replace("{}", str(tmp_path)) for word in words))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_one_run_alone_and_one_id_for_two_tasks_are_refused(
    tmp_path: Path, run_script: Run
) -> None:
    first, output = run_file(tmp_path / "a.jsonl", "ONE", [[ONE]]), tmp_path / "c.jsonl"
    assert "only one run" in run_script(COMBINE, first, "--output", output).stderr
    changed: dict[str, Any] = {"task_data": task_data(5), "configuration_hash": "two"}
    other = write(tmp_path / "b.jsonl", [entry(0, [[ONE]], [[ONE]], **changed)])
    done = run_script(COMBINE, first, other, "--output", output)
    assert "task t00 has other pairs in B than in a run before it" in done.stderr
    assert not output.exists()
