"""How sure one can be of a figure, and of a difference: score intervals and McNemar's test."""

from collections.abc import Sequence
from math import comb, sqrt
from statistics import correlation

Interval = tuple[float, float]

_Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
_RARE = (0.0, 0.051293, 0.355362, 0.817691)
"""By count: the mean of a Poisson distribution of which 5 % are this count or more."""
FEWEST_DIFFERING = 6
"""Tasks on which two runs must differ, all in one direction, for McNemar's p < 0.05."""


def wilson_interval(successes: float, trials: float) -> Interval:
    """The 95 % score interval of a proportion (E. B. Wilson, JASA 22, 1927, pp. 209-212).

    Without trials it is (0, 1): nothing is known. Raises ValueError if successes are not
    within 0-trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    spread = _Z_95**2 / trials
    share = successes / trials
    centre = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def score_interval(successes: float, trials: float) -> Interval:
    """Wilson's interval, wider at its outer end where one to three of over 50 trials differ.

    There Wilson's own misses the truth too often: at 1 % of 100 trials 8 times in 100. The limit
    of so few successes, or failures, is the Poisson distribution's (L. D. Brown, T. T. Cai and A.
    DasGupta, Statistical Science 16, 2001, section 4.1.1); between whole numbers it lies on the
    line between theirs. Raises ValueError as `wilson_interval` does.
    """
    low, high = wilson_interval(successes, trials)
    if trials <= 50:
        return low, high
    lowest, least = _rare_limit(successes, trials), _rare_limit(trials - successes, trials)
    return min(low, lowest), max(high, 1 - least)


def _rare_limit(successes: float, trials: float) -> float:
    """The lower limit of up to three successes, with Wilson's of four behind them; 1 of more."""
    below = int(successes)
    if below > 3:
        return 1.0
    limits = [count / trials for count in _RARE] + [wilson_interval(4, trials)[0]]
    return limits[below] + (successes - below) * (limits[below + 1] - limits[below])


def share_interval(
    numerators: Sequence[float], denominators: Sequence[float], trials: float
) -> Interval:
    """The 95 % interval of the share Σ numerators ÷ Σ denominators, one item a task.

    `score_interval`, by as many trials as an independent yes or no would need to vary as much as
    the tasks make this share vary (the effective sample size of E. L. Korn and B. I. Graubard,
    Survey Methodology 24, 1998), but no more than the `trials` that there were. For tasks that are
    each wholly right or wrong it is the interval of their number.
    """
    return score_interval(*_effective(numerators, denominators, trials))


def _effective(
    numerators: Sequence[float], denominators: Sequence[float], trials: float
) -> tuple[float, float]:
    """The effective successes and trials of a share."""
    total = sum(denominators)
    if not total:
        return 0.0, 0.0
    share = min(1.0, sum(numerators) / total)
    squares = ((a - share * b) ** 2 for a, b in zip(numerators, denominators, strict=True))
    variance = sum(squares) / total**2
    counted = float(sum(map(bool, denominators)))
    if variance > 1e-18:
        counted = min(share * (1 - share) / variance, trials)
    return share * counted, counted


def difference_interval(
    first: Sequence[float], second: Sequence[float], trials: float
) -> Interval | None:
    """The 95 % interval of mean(second) - mean(first), shares of the same tasks.

    R. G. Newcombe's for paired proportions (Statistics in Medicine 17, 1998, pp. 2635-2650,
    method 8), with Wilson's, by effective trials, for each mean and the correlation of the shares
    (G. Y. Zou and A. Donner, Statistics in Medicine 27, 2008). None if no share differs.
    """
    if list(first) == list(second):
        return None
    each = [1.0] * len(first)
    (low1, high1), (low2, high2) = (
        wilson_interval(*_effective(one, each, trials)) for one in (first, second)
    )
    mean1, mean2 = sum(first) / len(first), sum(second) / len(second)
    varies = len(set(first)) > 1 and len(set(second)) > 1
    linked = correlation(first, second) if varies else 0.0

    def reach(one: float, other: float) -> float:
        return sqrt(max(0.0, one**2 - 2 * linked * one * other + other**2))

    difference = mean2 - mean1
    low = difference - reach(mean2 - low2, high1 - mean1)
    return low, difference + reach(high2 - mean2, mean1 - low1)


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value that two runs solve equally many of the tasks they differ on.

    Twice the smaller tail of the binomial distribution with p = 1/2, at most 1 (Q. McNemar,
    Psychometrika 12, 1947; exact form: A. L. Edwards, Psychometrika 13, 1948). 1 if they
    differ on none.
    """
    differing = only_first + only_second
    tail = sum(comb(differing, count) for count in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**differing))
