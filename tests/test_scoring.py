from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilities.scoring import Scoreboard, pass_at_k, score_attempts, wilson_interval

A, B, C = [[1]], [[2]], [[3, 3]]


def board(**outcomes):
    scoreboard = Scoreboard()
    for task_id, outputs in outcomes.items():
        scoreboard.add(task_id, outputs)
    return scoreboard


def test_an_output_is_solved_by_either_attempt():
    assert score_attempts([[A, B], [B, C], [A, None]], [A, C, B]) == (True, True, False)


def test_an_unknown_output_is_neither_solved_nor_missed():
    assert score_attempts([[A, B], [None, None]], [A, None]) == (True, None)


def test_missing_attempts_solve_nothing():
    assert score_attempts([[A, B]], [A, A]) == (True, False)
    assert score_attempts([[], [None, None]], [A, A]) == (False, False)


def test_a_grid_of_another_shape_does_not_match():
    assert score_attempts([[[[3], [3]], [[3]]]], [C]) == (False,)


def test_attempts_for_more_inputs_than_the_task_has_are_a_bug():
    with pytest.raises(ValueError, match="attempts for 2 test inputs; the task has 1"):
        score_attempts([[A], [A]], [A])


def test_the_three_scores_differ_where_tasks_have_several_outputs():
    summary = board(a=(True,), b=(True, False), c=(False, False, False)).summary()
    assert summary.strict == 1 / 3
    assert summary.macro == 1.5 / 3
    assert summary.micro == 2 / 6


def test_the_counts_behind_each_score_are_given():
    summary = board(a=(True,), b=(True, False), c=(False, False, False)).summary()
    assert (summary.tasks_solved, summary.tasks) == (1, 3)
    assert summary.task_score_sum == 1.5
    assert (summary.outputs_solved, summary.outputs) == (2, 6)


def test_a_task_that_failed_for_technical_reasons_counts_and_is_listed_apart():
    scoreboard = board(a=(True,), b=(False,))
    scoreboard.add("c", (False, False), failed_for_technical_reasons=True)
    summary = scoreboard.summary()
    assert (summary.tasks, summary.outputs) == (3, 4)
    assert summary.solved_task_ids == ("a",)
    assert summary.unsolved_task_ids == ("b",)
    assert summary.failed_task_ids == ("c",)


def test_a_task_solved_in_spite_of_failed_samples_is_solved():
    scoreboard = Scoreboard()
    scoreboard.add("a", (True,), failed_for_technical_reasons=True)
    assert scoreboard.summary().solved_task_ids == ("a",)
    assert scoreboard.summary().failed_task_ids == ()


def test_a_task_added_again_replaces_what_it_was():
    scoreboard = board(a=(False, False))
    scoreboard.add("a", (True, True))
    assert (scoreboard.summary().tasks, scoreboard.summary().strict) == (1, 1.0)


def test_a_task_without_outputs_cannot_be_scored():
    with pytest.raises(ValueError, match="task a: no test output"):
        Scoreboard().add("a", ())


def test_a_summary_of_nothing_says_so():
    assert Scoreboard().summary().lines() == ["no task scored"]
    assert Scoreboard().summary().strict_interval == (0.0, 1.0)


def test_the_lines_show_each_score_with_its_counts_and_interval():
    scoreboard = board(a=(True,), b=(True, False))
    scoreboard.add("c", (False,), failed_for_technical_reasons=True)
    assert scoreboard.summary().lines() == [
        "strict   33.33%  (6.1% – 79.2%)    1 of 3 tasks with all outputs solved",
        "macro    50.00%                    1.50 ÷ 3 tasks, the mean task score (ARC Prize)",
        "micro    50.00%  (15.0% – 85.0%)   2 of 4 outputs solved (Kaggle)",
        "of these, 1 not solved for technical reasons (c)",
    ]


def test_a_long_list_of_failed_tasks_is_cut():
    scoreboard = Scoreboard()
    for index in range(10):
        scoreboard.add(f"t{index}", (False,), failed_for_technical_reasons=True)
    assert scoreboard.summary().lines()[-1].endswith("t8, t9)")
    scoreboard.add("t10", (False,), failed_for_technical_reasons=True)
    assert scoreboard.summary().lines()[-1].endswith("t8, t9, …)")


def test_wilson_interval_has_its_known_values():
    # 81 of 263 and 1 of 29: R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_interval_contains_the_proportion_and_mirrors(successes, failures):
    trials = successes + failures
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(failures, trials)
    assert 0 <= low <= successes / max(1, trials) <= high + 1e-12 <= 1 + 1e-12
    assert (1 - high, 1 - low) == pytest.approx(mirrored)


def test_more_successes_than_trials_are_a_bug():
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        wilson_interval(3, 2)


@given(st.integers(1, 8), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_correct_sample(samples, draw):
    correct = draw.draw(st.integers(0, samples))
    k = draw.draw(st.integers(1, samples))
    draws = list(combinations([True] * correct + [False] * (samples - correct), k))
    assert pass_at_k(samples, correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_stays_exact_for_many_samples():
    assert pass_at_k(100_000, 1, 1) == pytest.approx(1e-5)
    assert pass_at_k(100_000, 50_000, 50_001) == 1.0


@pytest.mark.parametrize(("samples", "correct", "k"), [(2, 3, 1), (2, 1, 3), (2, -1, 1), (2, 1, 0)])
def test_pass_at_k_rejects_counts_that_cannot_be(samples, correct, k):
    with pytest.raises(ValueError, match="pass@"):
        pass_at_k(samples, correct, k)
