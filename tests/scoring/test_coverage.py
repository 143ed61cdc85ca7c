"""How often every printed interval holds the truth, by simulation, and whether signs are right."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pytest

from utilities.scoring.comparison import differences
from utilities.scoring.figures import figures_of
from utilities.scoring.intervals import difference_interval
from utilities.scoring.outcomes import TaskOutcome
from utilities.scoring.scored_run import ScoredRun

SAMPLES, POPULATION, TASKS = 3, 20_000, 400
RATES = (0.01, 0.02, 0.05, 0.5)


def simulated(chance: random.Random, rate: float, name: str = "t") -> TaskOutcome:
    """A task of one to three outputs, its difficulty drawn, answered by three programs.

    Half of the programs fit the train pairs if they are wrong; `rate` of all samples are right.
    """
    outputs = chance.choice((1, 1, 1, 2, 2, 3))
    solves = chance.betavariate(rate * 1.2, (1 - rate) * 1.2)
    right = [[chance.random() < solves for _ in range(outputs)] for _ in range(SAMPLES)]
    fits = [all(sample) or chance.random() < rate for sample in right]
    return TaskOutcome(
        name,
        tuple(any(sample[at] for sample in right[:2]) for at in range(outputs)),
        samples=SAMPLES,
        independent_samples=SAMPLES,
        independent_right=sum(map(all, right)),
        outputs_reached=sum(any(sample[at] for sample in right) for at in range(outputs)),
        majority_right=sum(map(all, right)) >= 2,
        train_fits=sum(fits),
        false_positives=sum(
            fit and not all(sample) for fit, sample in zip(fits, right, strict=True)
        ),
    )


def coverages(rate: float, repeats: int, tasks: int = TASKS) -> dict[str, float]:
    """How often each figure's interval holds the figure of the population that runs draw from."""
    chance = random.Random(11)
    population = [simulated(chance, rate) for _ in range(POPULATION)]
    truth = {figure.name: figure.value for figure in figures_of(population)}
    held: Counter[str] = Counter()
    for _ in range(repeats):
        for figure in figures_of(chance.choices(population, k=tasks)):
            low, high = figure.interval
            held[figure.name] += low <= truth[figure.name] <= high
    return {name: held[name] / repeats for name in truth}


def difference_coverage(rate: float, other: float, repeats: int, tasks: int = TASKS) -> float:
    """How often the interval of a paired difference holds the true one."""
    chance = random.Random(12)
    population = []
    for _ in range(POPULATION):
        outputs, hard = chance.choice((1, 1, 1, 2, 2, 3)), chance.betavariate(0.6, 0.6)
        pair = [
            sum(chance.random() < min(1.0, 2 * hard * share) for _ in range(outputs)) / outputs
            for share in (rate, other)
        ]
        population.append((pair[0], pair[1], outputs))
    truth = sum(b - a for a, b, _ in population) / POPULATION
    held = 0
    for _ in range(repeats):
        first, second, outputs = zip(*chance.choices(population, k=tasks), strict=True)
        interval = difference_interval(first, second, sum(outputs)) or (0.0, 0.0)
        held += interval[0] <= truth <= interval[1]
    return held / repeats


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
def test_every_figures_interval_holds_the_truth_93_to_97_times_in_100(rate: float) -> None:
    """Give or take a point: 2,000 runs tell no less. Rare ones may be held more often."""
    for name, found in coverages(rate, 2000).items():
        rare = rate == 0.01 and name in {"majority@3", "false-positive"}
        assert (0.91 if rare else 0.92) <= found <= (0.99 if rare else 0.98), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "other"),
    [(0.01, 0.01), (0.02, 0.02), (0.05, 0.05), (0.5, 0.5), (0.01, 0.02), (0.05, 0.1), (0.5, 0.55)],
)
def test_a_differences_interval_holds_the_truth_93_to_97_times_in_100(
    rate: float, other: float
) -> None:
    assert 0.92 <= difference_coverage(rate, other, 2000) <= 0.98


def paired_runs(chance: random.Random, better_by: float, *, hard_ones: bool) -> list[ScoredRun]:
    """Two runs of 400 tasks; the second is better, and a third of its tasks failed technically.

    With `hard_ones` they are the tasks that are hard for both.
    """
    outcomes: defaultdict[int, dict[str, TaskOutcome]] = defaultdict(dict)
    for number in range(TASKS):
        name, solves = f"t{number}", chance.random()
        is_out = solves < 1 / 3 if hard_ones else chance.random() < 1 / 3
        for run in range(2):
            failed = bool(run) and is_out
            solved = not failed and chance.random() < min(1.0, solves + run * better_by)
            outcomes[run][name] = TaskOutcome(
                name,
                (solved,),
                samples=1,
                failures=Counter({"rate_limited": 1} if failed else {}),
                task_hash=name,
            )
    return [ScoredRun(f"m{run}", {}, "", outcomes=outcomes[run]) for run in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("hard_ones", [False, True])
def test_the_sign_of_a_comparison_is_right_under_technical_failures(*, hard_ones: bool) -> None:
    """Counted as wrong, failures of any task would turn the sign of most of these pairs."""
    chance, right, turned = random.Random(3), 0, 0
    for _ in range(100):
        first, second = paired_runs(chance, 0.1, hard_ones=hard_ones)
        (one,) = differences([first, second], ["A", "B"])
        right += one.macro > 0
        turned += second.scores().macro < first.scores().macro
    assert right >= 95
    assert hard_ones or turned >= 90


@pytest.mark.slow
def test_runs_that_are_alike_are_hardly_ever_called_different() -> None:
    chance, called = random.Random(4), 0
    for _ in range(200):
        (one,) = differences(paired_runs(chance, 0.0, hard_ones=False), ["A", "B"])
        called += one.p_value < 0.05
    assert called <= 18  # 5 % are 10; more than 18 come by chance once in 100
