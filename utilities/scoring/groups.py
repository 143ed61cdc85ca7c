"""Scores by kind of task: by folder, concept, size or number of pairs."""

import re
from collections.abc import Iterable
from typing import Literal

from utilities.scoring.outcomes import TaskOutcome
from utilities.scoring.scores import ScoreSummary, score

GroupKind = Literal["folder", "concept", "size", "pairs"]
_SIZES = (9, 25, 100, 225, 400, 900)
"""The largest grids of the groups by size, in cells: 3 × 3, 5 × 5, 10 × 10, … 30 × 30."""
_ARC_ID = re.compile(r"[0-9a-f]{8}")
_NUMBER = re.compile(r"[-_ ]*\d+$")
NONE = "none"
"""The group of tasks whose id tells of no folder or concept."""
UNKNOWN = "unknown"
"""The group of tasks without an entry, whose pairs nobody knows."""


def group_of(outcome: TaskOutcome, kind: GroupKind) -> str:
    """The group of a task.

    A folder is what stands before the id's last slash. A concept is the id's last part without the
    number at its end, as ConceptARC and 1D-ARC name tasks; ARC's own ids tell of none.
    """
    folder, _, name = outcome.task_id.rpartition("/")
    if kind == "folder":
        return folder or NONE
    if kind == "concept":
        return NONE if _ARC_ID.fullmatch(name) else _NUMBER.sub("", name) or NONE
    if not outcome.train_pairs:
        return UNKNOWN
    if kind == "pairs":
        return f"{outcome.train_pairs} train pair{'s' * (outcome.train_pairs != 1)}"
    most = next((size for size in _SIZES if outcome.largest_grid <= size), _SIZES[-1])
    return f"up to {most} cells"


def group_scores(outcomes: Iterable[TaskOutcome], kind: GroupKind) -> dict[str, ScoreSummary]:
    """The scores of each group, in the order of its numbers or of its name."""
    groups: dict[str, list[TaskOutcome]] = {}
    for outcome in outcomes:
        groups.setdefault(group_of(outcome, kind), []).append(outcome)
    return {name: score(groups[name]) for name in sorted(groups, key=_natural_order)}


def _natural_order(name: str) -> tuple[object, ...]:
    apart = re.split(r"(\d+)", name)
    in_order = (int(part) if part.isdecimal() else part.casefold() for part in apart)
    return name in (NONE, UNKNOWN), *in_order


def group_lines(groups: dict[str, ScoreSummary], kind: GroupKind) -> list[str]:
    """A line a group: its macro score with the interval, and its tasks solved."""
    width = max(map(len, (kind, *groups)))
    lines = [f"by {kind}"]
    for name, scores in groups.items():
        if not scores.tasks:
            lines.append(f"  {name:{width}}  no test output known")
            continue
        low, high = scores.interval("macro")
        lines.append(
            f"  {name:{width}}  {scores.macro:7.2%}  {f'({low:.1%} – {high:.1%})':18}"
            f"{scores.tasks_solved} of {scores.tasks} tasks solved"
        )
    return lines
