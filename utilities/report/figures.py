"""A run's figures for the head of the page: the scorer's, and counts of what the table shows."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from utilities.report.contents import ShownRun
from utilities.results.result_entry import RunMetadata
from utilities.scoring.comparison import short_names
from utilities.scoring.scored_run import ScoredRun

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
    about: str
    """Model, kind of answer, what the user set, and dataset."""
    file: str
    kind: str
    measure: str
    solved: int
    tasks: int
    given: int
    """Tasks, those of unknown test outputs included."""
    score: float
    """A benchmark's macro score; else the share of the tasks solved."""
    low: float
    high: float
    micro: float | None
    strict: float | None
    """Scores of a benchmark that count outputs, and whole tasks."""
    unscored: int
    missing: tuple[str, ...]
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
    cost_is_unknown: bool
    """Whether no sample's cost is known."""
    input_tokens: int
    output_tokens: int
    seconds: float | None
    """Of all the runs that made it; None if no metadata says so."""
    facts: dict[str, str]


def run_figures(run: ShownRun, letter: str, name: str) -> RunFigures:
    """A run's figures; a task of unknown test outputs is not part of the score."""
    scored, results, outcomes = run.scored, run.results.values(), run.scored.outcomes.values()
    scores, is_benchmark = scored.scores(), scored.kind == "benchmark"
    low, high = scores.interval(leading := "macro" if is_benchmark else "strict")
    pass_at_1 = [one.value for one in scores.figures if one.name == "pass@1"]
    metadata = [*scored.metadata, *scored.remarks]
    seconds = [one.duration_s for one in metadata if one.duration_s is not None]
    letters = Counter("".join(result["samples"] for result in results))
    return RunFigures(
        letter=letter,
        name=name,
        about="; ".join([scored.name, *scored.notes()]),
        file=", ".join(path.name for path in scored.paths),
        kind=scored.kind,
        measure=MEASURES[scored.kind],
        solved=scores.tasks_solved,
        tasks=scores.tasks,
        given=len(outcomes),
        score=scores.value(leading),
        low=low,
        high=high,
        micro=scores.micro if is_benchmark and scores.tasks else None,
        strict=scores.strict if is_benchmark and scores.tasks else None,
        unscored=len(scores.unscored),
        missing=tuple(one for one in scores.missing if one not in scores.unscored),
        failed=sum(map(len, scores.failed.values())),
        pass_at_1=pass_at_1[0] if pass_at_1 and scored.kind != "generated" else None,
        samples=letters.total(),
        outcomes={letter: letters[letter] for letter in OUTCOMES if letters[letter]},
        statuses=_summed(result["statuses"] for result in results),
        executions=_summed(result["executions"] for result in results),
        cost=scored.known_cost_usd,
        unpriced=scored.unpriced,
        cost_is_unknown=scored.cost_is_unknown,
        input_tokens=sum(one.input_tokens for one in outcomes),
        output_tokens=sum(one.output_tokens for one in outcomes),
        seconds=sum(seconds) if seconds else None,
        facts=_facts(scored, metadata),
    )


def _summed(counts: Iterable[Counter[str]]) -> dict[str, int]:
    return dict(sum(counts, Counter()).most_common())


def _facts(run: ScoredRun, metadata: Sequence[RunMetadata]) -> dict[str, str]:
    """What the metadata says of how the run was made; its own and the last before all others."""
    last_first = list(reversed(metadata))
    ordered = sorted(last_first, key=lambda entry: entry.configuration_hash is None)
    found: dict[str, Any] = {
        "file": ", ".join(map(str, run.paths)),
        "model": run.model_identifier,
    }
    for entry in ordered:
        shown = {name: entry.fields[name] for name in _FACTS if entry.fields.get(name) is not None}
        found = shown | (entry.configuration or {}) | _told_lists(entry.fields) | found
    return {
        name.replace("_", " "): str(value)[:200]
        for name, value in sorted(found.items(), key=lambda item: _place(item[0]))
        if isinstance(value, str | int | float)
    }


def _told_lists(fields: Mapping[str, Any]) -> dict[str, str]:
    """How a protocol was departed from, and which runs were combined, an item each."""
    protocol, combined = fields.get("protocol"), fields.get("configuration", {}).get("combined")
    differs = protocol.get("differs") if isinstance(protocol, dict) else None
    return {
        f"{title} {name}": str(text)
        for title, texts in (("unlike the protocol,", differs), ("combined: run", combined))
        if isinstance(texts, list)
        for name, text in zip(short_names(len(texts)), texts, strict=True)
    }


def _place(name: str) -> int:
    return _FACTS.index(name) if name in _FACTS else len(_FACTS)


def percent(share: float) -> str:
    """A share in percent; ties go up, as they do in the page's script."""
    return f"{math.floor(share * 1000 + 0.5) / 10:.1f} %"


def usd(amount: float) -> str:
    """Dollars, as exactly as the summary of a run has them."""
    return f"${amount:,.4f}" if amount else "$0"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
