"""A run that only counts what it would ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from utilities.identity import hash_of
from utilities.request_plan import RequestPlan
from utilities.result_store import ResultStore
from utilities.run_loop import Entry, entry_key
from utilities.tasks import Task


async def count_requests(
    tasks: Iterable[Task],
    store: ResultStore,
    answer: Callable[[Task], Awaitable[Entry]],
    configuration: Mapping[str, Any],
    plan: RequestPlan,
) -> None:
    """Let `plan` see every request that `answer` would make for tasks without a finished entry.

    The model behind `answer` notes its requests in the plan and sends none. What an agent asks
    only after it has seen a reply cannot be foreseen.
    """
    for task in tasks:
        entry = store.finished_entry(entry_key(hash_of(configuration), task))
        if entry is not None:
            plan.note_finished(entry)
            continue
        plan.unfinished_tasks += 1
        await answer(task)
