"""A run of an asking script from its options to its exit code: opened, looped, summed up."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from utilities import cli
from utilities.budget import Budget
from utilities.cli import AskingOptions
from utilities.data_loader import TaskSource, open_tasks
from utilities.dry_run import count_requests
from utilities.garbage_collection import seldom_collected
from utilities.logs import open_log
from utilities.progress import Progress, say
from utilities.provenance import provenance
from utilities.replies import Replies
from utilities.request_plan import RequestPlan
from utilities.result_store import OutputPlace, ResultStore, hash_of
from utilities.run_loop import Entry, RunLoop
from utilities.tally import Tally
from utilities.task_selection import Selection, parse_slice, parse_task_ids
from utilities.tasks import Task

_log = logging.getLogger(__name__)

Conclusion = tuple[dict[str, Any], list[str]]
"""What a script adds to the metadata, and to the summary, when its run ends."""


@asynccontextmanager
async def open_run(
    options: AskingOptions, place: OutputPlace, *, keys: tuple[str, ...] = ()
) -> AsyncIterator[AskingRun]:
    """Open the tasks, the log and the two files; `keys` are masked in the log.

    Raises UsageError for whatever the user gave that cannot be used.
    """
    if options.output_directory is not None:
        place = replace(place, directory=options.output_directory)
    tasks = open_tasks(
        dataset_directory=options.dataset_directory,
        dataset=options.dataset,
        selection=selection_of(options),
        strict=options.strict,
        on_bad_task=_report_bad_task,
    )
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    store = ResultStore(
        place,
        run_id=run_id,
        resume=not options.no_resume,
        save_interval=options.save_interval,
        read_only=options.dry_run,
    )
    async with store:
        if options.dry_run:
            yield AskingRun(options, tasks, store)
            return
        with open_log(place.log, verbose=options.verbose, keys=keys):
            for torn in store.torn_ends():
                say(torn)
                _log.warning(torn)
            yield AskingRun(options, tasks, store)


def _report_bad_task(task_id: str, reason: str) -> None:
    say(f"task {task_id}: {reason}")
    _log.warning("task %s skipped: %s", task_id, reason)


def selection_of(options: AskingOptions) -> Selection:
    """The tasks that the user chose; raises UsageError for a form that cannot be read."""
    return Selection(
        max_tasks=options.max_tasks,
        tasks=None if options.tasks is None else parse_slice(options.tasks),
        task_ids=None if options.task_ids is None else parse_task_ids(options.task_ids),
    )


class AskingRun:
    """An open run; `over_tasks` does the work and returns the exit code."""

    def __init__(self, options: AskingOptions, tasks: TaskSource, store: ResultStore) -> None:
        """Made by `open_run`."""
        self.options = options
        self.tasks = tasks
        self.store = store
        self.stopping = asyncio.Event()
        self.budget = Budget(options.max_cost_usd)
        self.replies = Replies(
            store.journal,
            self.budget,
            self.stopping,
            asks=not options.asks_nothing,
            plan=RequestPlan() if options.dry_run else None,
        )
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._provenance = provenance()

    async def over_tasks(
        self,
        answer: Callable[[Task], Awaitable[Entry]],
        identity: Mapping[str, Any],
        *,
        observe: Callable[[Entry], None] = lambda _: None,
        conclude: Callable[[], Conclusion] = lambda: ({}, []),
    ) -> int:
        """Answer every selected task, write the metadata, print the summary.

        `identity` is all that an entry depends on besides its task (agent, prompt, model,
        sampling, best_of): entries of the same identity are resumed. Raises what ended the run.
        """
        configuration = {**identity, "best_of": self.options.best_of}
        if self.replies.plan is not None:
            plan = self.replies.plan
            await count_requests(self.tasks, self.store, answer, configuration, plan)
            print("\n".join(plan.summary(self.store.place.stem, self.options.max_cost_usd)))  # noqa: T201
            return 0
        loop = RunLoop(
            self.store,
            configuration=configuration,
            max_concurrent_tasks=self.options.max_concurrent_tasks,
            budget=self.budget,
            stopping=self.stopping,
            reparsing=self.options.reparse,
        )
        _log.info("run %s: %s", self.store.run_id, configuration)
        with loop.signals(), seldom_collected():
            try:
                with Progress(self.tasks.total, quiet=self.options.quiet) as progress:
                    await loop.over(self.tasks, answer, progress=progress, observe=observe)
            finally:
                more, lines = conclude()
                metadata = self._metadata(loop, configuration) | more
                paths = await self._write(metadata, interrupted=loop.status == "interrupted")
        print("\n".join(self._summary(loop, lines, paths)))  # noqa: T201 - the script's output
        return _exit_code(loop, reparsed=self.options.reparse)

    def _metadata(self, loop: RunLoop, configuration: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "entry_type": "metadata",
            "status": loop.status,
            "script": self.store.place.stem,
            "started_at": self._started_at.isoformat(timespec="seconds"),
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "duration_s": round(time.monotonic() - self._started, 3),
            "model_identifier": configuration["model_identifier"],
            "model": configuration["model"],
            "configuration": configuration,
            "configuration_hash": hash_of(configuration),
            "options": self.options.to_json(),
            "dataset": str(self.tasks.path),
            "dataset_hash": self.tasks.dataset_hash,
            "skipped_tasks": dict(self.tasks.skipped),
            **loop.tally.to_json(),
            "spent_usd": self.budget.spent_usd,
            "lost_attempts": self.budget.lost_count,
            "lost_worst_case_usd": self.budget.lost_usd,
            **self._provenance,
        }

    async def _write(self, metadata: dict[str, Any], *, interrupted: bool) -> list[Path]:
        """Write the metadata, and the snapshot where it was asked for; the paths written."""
        place = self.store.place
        await self.store.append(metadata)
        _log.info("run %s: %s, %s", self.store.run_id, metadata["status"], metadata["counts"])
        paths = [place.results, place.journal, place.log]
        if self.options.snapshot:
            paths.append(await self.store.write_snapshot(metadata, interrupted=interrupted))
        return paths

    def _lost_attempts(self) -> str:
        count, usd = self.budget.lost_count, self.budget.lost_usd
        most = f" (at most ${usd:.4f})" if usd else ""
        besides = f"; {count} attempts without a reply may have been billed besides{most}"
        return besides if count else ""

    def _reparsed(self, tally: Tally) -> str:
        missing = tally.statuses["not_asked"] + tally.left_count * self.options.best_of
        return (
            f"{tally.asked_count} entries made anew, {tally.resumed_count} as they were; "
            f"{missing} samples without a reply in the journal left as they are"
        )

    def _summary(self, loop: RunLoop, lines: list[str], paths: list[Path]) -> list[str]:
        tally, place = loop.tally, self.store.place
        samples = ", ".join(f"{count} {status}" for status, count in tally.statuses.most_common())
        left = f", {tally.left_count} left for the next run" if tally.left_count else ""
        failed = f", {len(tally.failed_task_ids)} failed" if tally.failed_task_ids else ""
        skipped = f", {len(self.tasks.skipped)} bad and skipped" if self.tasks.skipped else ""
        resumed_cost = f", ${self.budget.spent_usd:.4f} of it now" if tally.resumed_count else ""
        rows = {
            "tasks": f"{tally.done_count} done ({tally.asked_count} now, {tally.resumed_count} "
            f"by earlier runs){failed}{left}{skipped}",
            "samples": f"{tally.statuses.total()}: {samples or 'none'}",
            **({"requests": tally.requests_text()} if tally.requests else {}),
            **({"reparsed": self._reparsed(tally)} if self.options.reparse else {}),
            "tokens": tally.tokens_text(),
            "cost": tally.cost_text() + resumed_cost + self._lost_attempts(),
        }
        width, unfinished = 10, loop.status != "completed"
        return [
            f"{place.stem}: {loop.status} in {time.monotonic() - self._started:.1f} s",
            *(f"  {name:{width}}{text}" for name, text in rows.items()),
            *(f"  {line}" for line in lines),
            *(["  only the tasks done so far are scored"] if lines and unfinished else []),
            *(f"  {name:{width}}{shown(path)}" for name, path in zip(
                ("results", "journal", "log", "snapshot"), paths, strict=False
            )),
        ]  # fmt: skip


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the working folder."""
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)


def _exit_code(loop: RunLoop, *, reparsed: bool) -> int:
    if loop.stopped_by is not None:
        terminated = loop.stopped_by == signal.SIGTERM
        return cli.EXIT_TERMINATED if terminated else cli.EXIT_INTERRUPTED
    if loop.status == "budget_exhausted":
        return cli.EXIT_BUDGET
    # What failed did so in earlier runs, and nothing was to be asked in this one.
    return cli.EXIT_TASKS_FAILED if loop.tally.failed_task_ids and not reparsed else 0
