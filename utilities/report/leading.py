"""The page's first answer: who leads, by how much, whether that is real, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utilities.files.json_files import stem_of
from utilities.report.figures import RunFigures, percent, usd
from utilities.scoring.comparison import (
    PairedDifference,
    RunRow,
    corrected_p_values,
    detectable,
)
from utilities.scoring.scored_run import ScoredRun

_CHANCE = 0.05
"""A p-value below it is called real."""


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """A sentence, and what must be known with it: a name and a text for each fact."""

    headline: str
    facts: tuple[tuple[str, str], ...]


def first_answer(
    scored: Sequence[ScoredRun],
    runs: Sequence[RunFigures],
    rows: Sequence[RunRow],
    pairs: Sequence[PairedDifference],
) -> FirstAnswer:
    """What a reader asks first of these runs.

    `rows` are the runs on the tasks that all of them answered, in the same order, none if there
    are no such tasks; `pairs` are their differences, under the letters of the runs.
    """
    if len(runs) == 1:
        return _of_one(scored[0], runs[0])
    if not rows:
        names = f"{len(runs)} runs, and no task that all of them answered"
        told = "not known: only runs that answered the same tasks can be compared, by twos below"
        return FirstAnswer(names, (("who leads", told),))
    order = sorted(range(len(runs)), key=lambda at: -rows[at].scores.macro)
    first, second = order[:2]
    pair, p_value = _pair_of(runs[first].letter, runs[second].letter, pairs)
    ahead = round(rows[first].scores.macro - rows[second].scores.macro, 9)
    where = f"{_tasks(rows[0].scores.tasks)} that all {len(runs)} runs answered{_datasets(scored)}"
    apart = f"nothing tells them apart; {detectable(pair.tasks)}"
    samples = [_samples(scored[at]) for at in order[:2]]
    if samples[0] != samples[1]:
        samples = [f"{runs[at].letter}: {text}" for at, text in zip(order, samples, strict=False)]
    besides = f"run {runs[second].letter} ({runs[second].name}){_between(pair, runs[first])}"
    return FirstAnswer(
        _headline(runs, rows, order),
        (
            ("ahead by", f"{100 * ahead:.1f} points over {besides}" if ahead else "nothing"),
            ("is it real?", _real(pair, p_value, len(pairs)) if ahead else apart),
            ("cost a task", _costs([rows[first], rows[second]], runs, order[:2])),
            ("on", where),
            ("best of", "; ".join(dict.fromkeys(samples))),
        ),
    )


def _headline(runs: Sequence[RunFigures], rows: Sequence[RunRow], order: Sequence[int]) -> str:
    """Who has the highest score: one run, or several."""
    best = rows[order[0]].scores.macro
    tied = [runs[at].letter for at in order if rows[at].scores.macro > best - 1e-9]
    if len(tied) == len(runs):
        return f"{len(runs)} runs, and all have {percent(best)}"
    if len(tied) > 1:
        return f"{', '.join(tied)} lead together, with {percent(best)}"
    return f"{tied[0]} leads with {percent(best)}: {runs[order[0]].name}"


def _of_one(scored: ScoredRun, run: RunFigures) -> FirstAnswer:
    low, high = percent(run.low), percent(run.high)
    count = len(scored.outcomes)
    each = scored.known_cost_usd / count if count else 0.0
    cost = "unknown" if run.cost_is_unknown else f"{'at least ' * bool(run.unpriced)}{usd(each)}"
    if not count:
        return FirstAnswer(f"no task yet: {run.name}", (("what is there", "no task was selected"),))
    kind = {"generated": " of the tasks have a usable sample", "verified": " of the tasks solved"}
    absent = [f"{len(run.missing):,} have no entry"] if run.missing else []
    absent += [f"{run.failed:,} failed for technical reasons"] if run.failed else []
    facts = [
        ("how sure?", f"the true score lies within {low} – {high} (95 % interval)"),
        ("cost a task", cost),
        ("on", f"{_tasks(run.tasks)}{_datasets([scored])}"),
        ("best of", _samples(scored)),
    ]
    if absent:
        facts.append(("not answered", f"{'; '.join(absent)}: none of them counts as solved"))
    return FirstAnswer(f"{percent(run.score)}{kind.get(run.kind, '')}: {run.name}", tuple(facts))


def _pair_of(
    first: str, second: str, pairs: Sequence[PairedDifference]
) -> tuple[PairedDifference, float]:
    """The two runs' difference, and its p-value among all of them, by Holm's correction."""
    corrected = corrected_p_values([one.p_value for one in pairs])
    both = zip(pairs, corrected, strict=True)
    return next((one, p) for one, p in both if {one.first, one.second} == {first, second})


def _between(pair: PairedDifference, first: RunFigures) -> str:
    if pair.interval is None:
        return ", the same on every task"
    low, high = pair.interval
    if pair.second != first.letter:
        low, high = -high, -low
    return f" (95 % interval {100 * low:+.1f} to {100 * high:+.1f})"


def _real(pair: PairedDifference, p_value: float, comparisons: int) -> str:
    among = f" by Holm's correction for {comparisons} comparisons" if comparisons > 1 else ""
    told = f"p = {p_value:.2g}{among} (McNemar's exact test)"
    if p_value < _CHANCE:
        return f"yes: chance alone would hardly give it, {told}"
    return f"it may be chance: {told}; {detectable(pair.tasks)}"


def _costs(rows: Sequence[RunRow], runs: Sequence[RunFigures], places: Sequence[int]) -> str:
    costs = [row.means.cost_usd for row in rows]
    told = [
        f"{runs[at].letter} {'unknown' if cost is None else usd(cost)}"
        for at, cost in zip(places, costs, strict=True)
    ]
    return ", ".join(told)


def _datasets(scored: Sequence[ScoredRun]) -> str:
    names = dict.fromkeys(stem_of(Path(one.dataset).name) for one in scored if one.dataset)
    return f" of {', '.join(names)}" if names else ""


def _samples(scored: ScoredRun) -> str:
    most = max((one.samples for one in scored.outcomes.values()), default=0)
    count = scored.configuration.get("best_of") or most
    unknown = "answer" if scored.kind == "benchmark" else "sample"
    kind = "program" if scored.has_programs else unknown
    return f"{count} {kind}{'s' * (count != 1)} a task"


def _tasks(count: int) -> str:
    return f"{count:,} task{'s' * (count != 1)}"
