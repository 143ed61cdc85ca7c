"""How sure one can be of a figure: Wilson's interval, the bootstrap over tasks, McNemar's test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Interval = tuple[float, float]

RESAMPLES = 10_000
_RESAMPLES_AT_ONCE = 500
_SEED = 0
_Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""


def wilson_interval(successes: float, trials: int) -> Interval:
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


def bootstrap_intervals(
    numerators: Sequence[Sequence[float]], denominators: Sequence[Sequence[float]]
) -> list[Interval | None]:
    """The 95 % percentile intervals of Σ numerators ÷ Σ denominators, tasks being redrawn.

    Both hold one row a figure and one column a task; all rows share the same draws, made with a
    fixed seed, so equal input gives equal intervals (B. Efron, Bootstrap Methods: Another Look at
    the Jackknife, 1979). A draw whose denominators sum to 0 is left out. None if a row has no
    spread for the draws to show, or no draw at all.
    """
    import numpy as np

    above, below = (np.array(rows, dtype=float) for rows in (numerators, denominators))
    if above.size == 0:
        return [None] * len(numerators)
    totals = [(counts @ above.T, counts @ below.T) for counts in _draws(above.shape[1])]
    drawn_above, drawn_below = (np.concatenate(parts) for parts in zip(*totals, strict=True))
    return [_percentiles(drawn_above[:, row], drawn_below[:, row]) for row in range(above.shape[0])]


def _draws(tasks: int) -> Iterator[np.ndarray]:
    """How often each task is drawn, resamples × tasks, a part of the resamples at a time."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    first_cells = np.arange(_RESAMPLES_AT_ONCE)[:, None] * tasks
    for _ in range(RESAMPLES // _RESAMPLES_AT_ONCE):
        drawn = random.integers(tasks, size=(_RESAMPLES_AT_ONCE, tasks)) + first_cells
        counts = np.bincount(drawn.ravel(), minlength=_RESAMPLES_AT_ONCE * tasks)
        yield counts.reshape(_RESAMPLES_AT_ONCE, tasks).astype(float)


def _percentiles(above: np.ndarray, below: np.ndarray) -> Interval | None:
    import numpy as np

    ratios = above[below > 0] / below[below > 0]
    if ratios.size == 0 or np.ptp(ratios) < 1e-12:
        return None
    low, high = np.percentile(ratios, (2.5, 97.5))
    return round(float(low), 12), round(float(high), 12)  # sums differ in their last digits


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value that two runs solve equally many of the tasks they differ on.

    Twice the smaller tail of the binomial distribution with p = 1/2, at most 1 (Q. McNemar,
    Psychometrika 12, 1947; exact form: A. L. Edwards, Psychometrika 13, 1948). 1 if they
    differ on none.
    """
    differing = only_first + only_second
    tail = sum(comb(differing, count) for count in range(min(only_first, only_second) + 1))
    return float(min(1.0, 2 * tail / 2**differing))
