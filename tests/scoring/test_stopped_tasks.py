"""pass@k of tasks that a stop rule may end: only of samples that came whatever they were."""

from __future__ import annotations

from typing import Any

from utilities.results.result_entry import ResultEntry
from utilities.scoring.figures import figures_of
from utilities.scoring.outcomes import outcome_of
from utilities.tasks.task import Pair, Task

RIGHT, WRONG = [[1]], [[2]]
TASK = Task("t", train=(Pair([[0]], [[0]]),), test=(Pair([[0]], RIGHT),))


def entry(outputs: list[Any], **more: Any) -> ResultEntry:
    samples = len(outputs)
    fields = {"status": ["ok"] * samples, "test_outputs": [[one] for one in outputs]}
    return ResultEntry.of({**fields, "attempts": [[RIGHT]], **more})


def test_samples_after_the_first_look_of_the_rule_are_in_no_pass_at_k() -> None:
    stopping = {"stop_when_agree": 2, "least_samples": 2, "not_asked": 4}
    stopped = outcome_of(entry([WRONG, RIGHT, WRONG, RIGHT], stopping=stopping), TASK)
    assert (stopped.independent_samples, stopped.independent_right) == (2, 1)
    figures = {figure.name: figure for figure in figures_of([stopped])}
    assert figures["pass@1"].value == 0.5
    assert "sure to get" in figures["pass@1"].meaning
    assert "pass@3" not in figures
    assert "oracle@4" in figures


def test_without_a_rule_all_samples_of_the_first_round_count() -> None:
    free = outcome_of(entry([WRONG, RIGHT, WRONG, RIGHT]), TASK)
    assert (free.independent_samples, free.independent_right) == (4, 2)
    assert "sure to get" not in " ".join(one.meaning for one in figures_of([free]))
