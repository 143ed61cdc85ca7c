from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilities.scoring.figures import pass_at_k
from utilities.scoring.intervals import wilson_interval
from utilities.scoring.outcomes import TaskOutcome, missing_outcome, score_attempts
from utilities.scoring.scores import score

A, B, C = [[1]], [[2]], [[3, 3]]


def summary_of(**outcomes):
    return score(TaskOutcome(task_id, outputs) for task_id, outputs in outcomes.items())


def sampled(task_id, samples, right, **more):
    """A task of one output, with so many samples of which so many are right."""
    return TaskOutcome(
        task_id, (right > 0,), samples=samples, independent_samples=samples,
        independent_right=right, outputs_reached=int(right > 0), **more,
    )  # fmt: skip


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
    summary = summary_of(a=(True,), b=(True, False), c=(False, False, False))
    assert summary.strict == 1 / 3
    assert summary.macro == 1.5 / 3
    assert summary.micro == 2 / 6


def test_the_counts_behind_each_score_are_given():
    summary = summary_of(a=(True,), b=(True, False), c=(False, False, False))
    assert (summary.tasks_solved, summary.tasks) == (1, 3)
    assert (summary.outputs_solved, summary.outputs) == (2, 6)


def test_proportions_have_wilsons_interval_and_the_rest_the_bootstraps():
    summary = summary_of(a=(True,), b=(True, False), c=(False,), d=(False,))
    assert summary.interval("strict") == wilson_interval(1, 4)
    assert summary.interval("macro") != wilson_interval(1.5, 4)
    single = summary_of(a=(True,), b=(False,), c=(False,))
    assert single.interval("macro") == single.interval("micro") == wilson_interval(1, 3)


def test_a_score_without_spread_has_wilsons_interval_over_tasks():
    summary = summary_of(a=(False, False), b=(False, False))
    assert summary.interval("micro") == wilson_interval(0, 2)


def test_the_order_of_the_tasks_changes_nothing():
    tasks = [
        TaskOutcome("a", (True, False)), TaskOutcome("b", (True,)), missing_outcome("c", 3)
    ]  # fmt: skip
    assert score(tasks) == score(reversed(tasks))


def test_a_task_that_failed_for_technical_reasons_counts_and_is_listed_apart():
    failed = TaskOutcome("c", (False, False), failures=Counter(rate_limited=1))
    summary = score([TaskOutcome("a", (True,)), TaskOutcome("b", (False,)), failed])
    assert (summary.tasks, summary.outputs, summary.strict) == (3, 4, 1 / 3)
    assert summary.failed == {"rate_limited": ["c"]}
    assert "of these, not solved for technical reasons (rate_limited): 1 task (c)" in (
        summary.lines()
    )


def test_a_task_solved_in_spite_of_failed_samples_is_solved():
    summary = score([TaskOutcome("a", (True,), failures=Counter(timed_out=1))])
    assert (summary.strict, summary.failed) == (1.0, {})


def test_a_missing_task_counts_as_not_solved_and_is_listed_apart():
    summary = score([TaskOutcome("a", (True,)), missing_outcome("b", 3)])
    assert (summary.strict, summary.micro, summary.missing) == (0.5, 0.25, ("b",))
    assert "of these, without an entry: 1 task (b)" in summary.lines()


def test_a_task_of_unknown_outputs_is_in_no_score():
    summary = score([TaskOutcome("a", (True,)), TaskOutcome("b", (True, None))])
    assert (summary.tasks, summary.strict, summary.unscored) == (1, 1.0, ("b",))
    assert summary.lines()[-1] == "not scored, test outputs unknown: 1 task (b)"


def test_a_summary_of_nothing_says_so():
    assert score([]).lines() == ["no task scored"]
    assert score([]).interval("strict") == (0.0, 1.0)


def test_the_lines_show_arc_prizes_score_first_with_counts_and_interval():
    lines = summary_of(a=(True,), b=(True, False), c=(False,)).lines()
    assert [line.split()[:2] for line in lines] == [
        ["macro", "50.00%"], ["micro", "50.00%"], ["strict", "33.33%"]
    ]  # fmt: skip
    assert lines[0].endswith("1.50 ÷ 3 tasks, the mean task score (ARC Prize)")
    assert lines[1].endswith("2 of 4 outputs solved (Kaggle)")
    assert lines[2].endswith("(6.1% – 79.2%)    1 of 3 tasks with all outputs solved")


def test_a_long_list_of_tasks_is_cut():
    ten = [missing_outcome(f"t{index}", 1) for index in range(10)]
    assert score(ten).lines()[-1].endswith("t8, t9)")
    assert score([*ten, missing_outcome("u", 1)]).lines()[-1].endswith("t8, t9 and 1 more)")


def test_pass_at_k_is_given_for_every_k_up_to_the_samples():
    summary = score([sampled("a", 3, 1), sampled("b", 3, 0)])
    by_k = summary.to_json()["pass_at_k"]
    assert by_k == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert [line.split()[0] for line in summary.lines() if "pass@" in line] == [
        "pass@1", "pass@2", "pass@3"
    ]  # fmt: skip


def test_a_missing_task_has_no_chance_at_any_k():
    assert score([sampled("a", 2, 2), missing_outcome("b", 1)]).to_json()["pass_at_k"] == [0.5, 0.5]


def test_a_task_with_fewer_samples_has_no_more_chances_than_those():
    by_k = score([sampled("a", 1, 1), sampled("b", 3, 1)]).to_json()["pass_at_k"]
    assert by_k == pytest.approx([(1 + 1 / 3) / 2, (1 + 2 / 3) / 2, 1.0])


def test_samples_of_later_rounds_do_not_count_in_pass_at_k():
    refined = TaskOutcome(
        "a", (True,), samples=6, independent_samples=2, independent_right=0, outputs_reached=1
    )
    summary = score([refined])
    assert summary.to_json()["pass_at_k"] == [0.0, 0.0]
    assert summary.value("oracle") == 1.0


def test_a_long_series_of_pass_at_k_shows_round_numbers_and_its_end():
    lines = score([sampled("a", 64, 1)]).lines()
    shown = [int(line.split()[0][5:]) for line in lines if line.startswith("pass@")]
    assert shown == [*range(1, 11), 20, 50, 64]


def test_the_oracle_needs_each_output_in_some_sample():
    half = TaskOutcome("a", (False, False), samples=2, outputs_reached=1)
    whole = TaskOutcome("b", (False, False), samples=2, outputs_reached=2)
    assert score([half, whole]).value("oracle") == 0.5


def test_train_fit_and_false_positives_count_programs():
    tasks = [
        sampled("a", 4, 1, train_fits=3, false_positives=2),
        sampled("b", 4, 0, train_fits=0, false_positives=0),
        missing_outcome("c", 1),
    ]
    summary = score(tasks)
    assert summary.value("train_fit") == 3 / 8
    assert summary.value("false_positive") == pytest.approx(2 / 3)


def test_grids_without_programs_have_no_train_fit():
    assert "train_fit" not in score([sampled("a", 2, 1)]).to_json()


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
