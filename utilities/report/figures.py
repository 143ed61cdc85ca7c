"""A run's figures for the head of the page, counted from what the table shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any

from utilities.report.contents import ShownRun
from utilities.report.records import NOTHING, USABLE, Record
from utilities.scoring.figures import pass_at_k
from utilities.scoring.intervals import wilson_interval

MEASURES = {
    "benchmark": "tasks solved with the attempts handed in",
    "verified": "tasks with a verified program",
    "generated": "tasks with a usable sample; nothing was judged",
}
_FACTS = (
    "file", "model", "script", "run_id", "status", "started_at", "finished_at",
    "dataset", "dataset_hash", "git_commit", "sandbox",
)  # fmt: skip
OUTCOMES = {
    "R": "right on all pairs",
    "T": "right on the train pairs only",
    "W": "wrong",
    "E": "program failed",
    "U": "usable, not judged",
    "N": "no usable reply",
}


@dataclass(frozen=True)
class RunFigures:
    """What the page says of a run; `low` and `high` bound the score's 95 % interval."""

    letter: str
    name: str
    file: str
    kind: str
    measure: str
    solved: int
    tasks: int
    score: float
    low: float
    high: float
    macro: float | None
    micro: float | None
    unscored: int
    missing: int
    """Tasks that were selected and have no entry; they are not solved."""
    failed: int
    """Tasks not solved of which a sample failed for technical reasons."""
    pass_at_1: float | None
    samples: int
    outcomes: dict[str, int]
    statuses: dict[str, int]
    executions: dict[str, int]
    cost: float
    unpriced: int
    """Samples of unknown cost."""
    input_tokens: int
    output_tokens: int
    seconds: float | None
    """Of all the runs that made it; None where no metadata says so."""
    latency: float
    facts: dict[str, str]


def run_figures(run: ShownRun, letter: str, name: str) -> RunFigures:
    """Count a run's results; a task of unknown test outputs is not part of the score."""
    results = list(run.results.values())
    scored = [result for result in results if result["solved"] is not None]
    solved = sum(result["solved"] for result in scored)
    tasks = len(scored) + len(run.missing)
    low, high = wilson_interval(solved, tasks)
    macro, micro = _output_scores(run)
    seconds = [entry["duration_s"] for entry in run.metadata if _is_number(entry, "duration_s")]
    return RunFigures(
        letter=letter,
        name=name,
        file=run.path.name,
        kind=run.kind,
        measure=MEASURES[run.kind],
        solved=solved,
        tasks=tasks,
        score=solved / max(1, tasks),
        low=low,
        high=high,
        macro=macro,
        micro=micro,
        unscored=len(results) - len(scored),
        missing=len(run.missing),
        failed=sum(not result["complete"] and not result["solved"] for result in scored),
        pass_at_1=None if run.kind == "generated" else _pass_at_1(scored, len(run.missing)),
        samples=sum(len(result["samples"]) for result in results),
        outcomes=_in_order(Counter("".join(result["samples"] for result in results))),
        statuses=_summed(results, "statuses"),
        executions=_summed(results, "executions"),
        cost=sum(result["cost"] for result in results),
        unpriced=sum(result["unpriced"] for result in results),
        input_tokens=sum(result["input"] for result in results),
        output_tokens=sum(result["output"] for result in results),
        seconds=sum(seconds) if seconds else None,
        latency=sum(result["latency"] for result in results),
        facts=_facts(run),
    )


def _output_scores(run: ShownRun) -> tuple[float, float] | tuple[None, None]:
    """The scores that count outputs, macro and micro, of a benchmark's run."""
    outputs = [
        [bool(one) for one in result["outputs"]]
        for result in run.results.values()
        if run.kind == "benchmark" and result["solved"] is not None
    ]
    if not outputs:
        return None, None
    outputs += [[False] * count for count in run.missing.values()]
    return fmean(map(fmean, outputs)), fmean(chain.from_iterable(outputs))


def _pass_at_1(results: Sequence[Record], missing: int) -> float | None:
    """The mean over tasks of the chance that one sample is right; refinements are left out."""
    if {outcome for result in results for outcome in result["samples"]} <= {USABLE, NOTHING}:
        return None
    chances = [
        pass_at_k(result["first_round"], result["first_right"], 1) if result["first_round"] else 0.0
        for result in results
    ]
    return fmean([*chances, *[0.0] * missing])


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {letter: counts[letter] for letter in OUTCOMES if counts[letter]}


def _summed(results: Sequence[Record], field: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for result in results:
        total.update(result[field])
    return dict(total.most_common())


def _is_number(entry: Mapping[str, Any], field: str) -> bool:
    return isinstance(entry.get(field), int | float) and not isinstance(entry[field], bool)


def _facts(run: ShownRun) -> dict[str, str]:
    """What the metadata says of how the run was made; its own and the last before all others."""
    last_first = list(reversed(run.metadata))
    ordered = sorted(last_first, key=lambda entry: "configuration_hash" not in entry)
    found: dict[str, Any] = {"file": run.path, "model": run.model}
    for entry in ordered:
        configuration = entry.get("configuration")
        shown = {name: entry[name] for name in _FACTS if entry.get(name) is not None}
        found = shown | (configuration if isinstance(configuration, dict) else {}) | found
    return {
        name.replace("_", " "): str(value)[:200]
        for name, value in sorted(found.items(), key=lambda item: _place(item[0]))
        if isinstance(value, str | int | float | Path)
    }


def _place(name: str) -> int:
    return _FACTS.index(name) if name in _FACTS else len(_FACTS)
