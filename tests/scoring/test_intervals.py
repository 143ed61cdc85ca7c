import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilities.scoring.intervals import bootstrap_intervals, mcnemar_p_value, wilson_interval


def bootstrap(values):
    (interval,) = bootstrap_intervals([values], [[1.0] * len(values)])
    return interval


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


def test_the_bootstrap_is_the_same_each_time():
    values = [0.0, 1.0, 0.5, 1.0, 0.0, 0.25]
    assert bootstrap(values) == bootstrap(values)


def test_the_bootstrap_agrees_with_every_draw_of_a_small_set():
    values = (0.0, 0.0, 0.5, 1.0)
    means = sorted(sum(draw) / 4 for draw in product(values, repeat=4))
    exact = means[int(0.025 * len(means))], means[int(0.975 * len(means))]
    assert bootstrap(values) == exact


def test_the_bootstrap_agrees_with_the_normal_approximation_for_many_tasks():
    chance = random.Random(5)
    values = [chance.choice((0.0, 0.5, 1.0)) for _ in range(1000)]
    mean = sum(values) / 1000
    deviation = (sum((value - mean) ** 2 for value in values) / 1000) ** 0.5
    half = 1.96 * deviation / 1000**0.5
    assert bootstrap(values) == pytest.approx((mean - half, mean + half), abs=0.003)


def test_the_bootstrap_redraws_numerators_and_denominators_together():
    # Each task has the same ratio, whatever its size: no draw can differ.
    assert bootstrap_intervals([[1.0, 2.0, 3.0]], [[2.0, 4.0, 6.0]]) == [None]
    (interval,) = bootstrap_intervals([[0.0, 4.0]], [[1.0, 4.0]])
    assert interval == (0.0, 1.0)


def test_draws_without_a_denominator_are_left_out():
    (interval,) = bootstrap_intervals([[0.0, 1.0, 0.0]], [[0.0, 1.0, 1.0]])
    assert interval == (0.0, 1.0)
    assert bootstrap_intervals([[0.0, 0.0]], [[0.0, 0.0]]) == [None]


def test_mcnemar_has_its_known_values():
    # Two-sided binomial tests of 1/2: 5 of 6 and 2 of 15, by summing the tail by hand.
    assert mcnemar_p_value(5, 1) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar_p_value(2, 13) == pytest.approx(2 * (1 + 15 + 105) / 2**15)


def test_mcnemar_finds_nothing_where_runs_do_not_differ():
    assert mcnemar_p_value(0, 0) == 1.0
    assert mcnemar_p_value(7, 7) == 1.0


def test_mcnemar_stays_exact_for_thousands_of_tasks():
    assert 0 < mcnemar_p_value(0, 1000) < 1e-300
    assert mcnemar_p_value(1990, 2010) == pytest.approx(0.764, abs=0.001)
