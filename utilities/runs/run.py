"""A run of an asking script from its options to its exit code: opened, looped, summed up."""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from utilities.command_line import script as cli
from utilities.command_line.logs import open_log
from utilities.command_line.terminal import Progress, say, show
from utilities.files.hashing import hash_of
from utilities.replies.batches.queue import BatchQueue
from utilities.replies.budget import Budget, Spending
from utilities.replies.replies import Replies
from utilities.replies.request_plan import RequestPlan
from utilities.results.provenance import new_run_id, provenance, run_metadata
from utilities.results.result_entry import ResultEntry
from utilities.runs.loop import Answer, RunLoop
from utilities.runs.options import AskingOptions, OutputPlace
from utilities.runs.store import ResultStore, entry_key
from utilities.runs.summary import RunFigures, summary_of
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.selection import Selection, parse_slice, parse_task_ids
from utilities.tasks.task import Task

_log = logging.getLogger(__name__)

Conclusion = tuple[dict[str, Any], list[str]]
"""What a script adds to the metadata, and to the summary, when its run ends."""


@asynccontextmanager
async def open_run(
    options: AskingOptions,
    place: OutputPlace,
    *,
    keys: tuple[str, ...] = (),
    budget: Budget | None = None,
    shown_options: Mapping[str, Any] | None = None,
    told: set[str] | None = None,
    tasks: TaskSource | None = None,
) -> AsyncIterator["AskingRun"]:
    """Open the tasks, the log and the two files; `keys` are masked in the log.

    `budget` is shared with other runs; without it the run has one of its own, with the options'
    cap. `shown_options` are written into the metadata in place of `options`. `told` has the bad
    tasks that an earlier run of the same call has said. `tasks` count in place of those that the
    options name. Raises UsageError for any option that cannot be used.
    """
    place = _chosen_place(options, place)
    tasks = tasks or tasks_of(options, set() if told is None else told)
    store = ResultStore(
        place,
        run_id=new_run_id(datetime.now(UTC)),
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
            yield AskingRun(options, tasks, store, budget=budget, shown_options=shown_options)


def tasks_of(options: AskingOptions, told: set[str]) -> TaskSource:
    """The tasks that the options choose; bad ones are said once, unless `told` has them."""
    return open_tasks(
        dataset_directory=options.dataset_directory,
        dataset=options.dataset,
        selection=selection_of(options),
        draw=options.draw.draw,
        strict=options.strict,
        on_bad_task=partial(_report_bad_task, told, is_logged=not options.dry_run),
    )


def _chosen_place(options: AskingOptions, place: OutputPlace) -> OutputPlace:
    """Where the options want the files, or the script's own place."""
    directory = options.output_directory or place.directory
    return replace(place, directory=directory / (options.run_name or ""))


def _report_bad_task(told: set[str], task_id: str, reason: str, *, is_logged: bool) -> None:
    line = f"task {task_id}: {reason}"
    if line not in told:
        told.add(line)
        say(line)
    if is_logged:  # a dry run opens no log, and what has no log is said once more
        _log.warning("task %s skipped: %s", task_id, reason)


def selection_of(options: AskingOptions) -> Selection:
    """The tasks that the user chose; raises UsageError for a form that cannot be read."""
    return Selection(
        max_tasks=options.max_tasks,
        tasks=None if options.tasks is None else parse_slice(options.tasks),
        task_ids=None if options.task_ids is None else parse_task_ids(options.task_ids),
        largest_grid=options.largest_grid,
    )


class AskingRun:
    """An open run; `answer_tasks` does the work and returns the exit code."""

    def __init__(
        self,
        options: AskingOptions,
        tasks: TaskSource,
        store: ResultStore,
        *,
        budget: Budget | None = None,
        shown_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Made by `open_run`."""
        self.options = options
        self.tasks = tasks
        self.store = store
        self.stopping = asyncio.Event()
        self.budget = budget or Budget(options.max_cost_usd, options.deadline)
        self.replies = Replies(
            store.journal,
            self.budget,
            self.stopping,
            asks=not options.asks_nothing,
            plan=RequestPlan() if options.dry_run else None,
        )
        self.batches: BatchQueue | None = None
        """Set if the model is asked by batches."""
        self.agent_without_model: str | None = None
        """Set to its name if the agent asks no model."""
        self.pays_for_samples = True
        """Set to False if the samples are those of earlier runs."""
        self.provenance = provenance()
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._spending = Spending(self.budget)
        self._shown_options = options.to_json() if shown_options is None else dict(shown_options)

    async def answer_tasks(
        self,
        answer: Answer,
        identity: Mapping[str, Any],
        *,
        entry_fields: Mapping[str, Any] = MappingProxyType({}),
        observe: Callable[[ResultEntry], None] = lambda _: None,
        conclude: Callable[[], Conclusion] = lambda: ({}, []),
    ) -> int:
        """Answer every selected task, write the metadata, print the summary.

        `identity` is all that an entry depends on besides its task (agent, prompt, model,
        sampling): entries of the same identity are resumed. `entry_fields` are added to every
        entry. Raises what ended the run.
        """
        configuration = {**identity, "best_of": self.options.best_of}
        if self.replies.plan is not None:
            await self._count_requests(answer, configuration, self.replies.plan)
            return 0
        tasks: Iterable[Task] = self.tasks
        if self.batches is not None:
            admission = self.batches.admission
            tasks, answer = admission.watched(tasks), admission.answering(answer)
        loop, answer = self._loop(configuration, entry_fields), self._noting_unfinished(answer)
        _log.info("run %s: %s", self.store.run_id, configuration)
        with loop.signals(), seldom_collected():
            try:
                with Progress(self.tasks.total, unit="tasks", quiet=self.options.quiet) as progress:
                    await loop.run(tasks, answer, progress=progress, observe=observe)
                    if self.batches is not None:
                        await self.batches.finish()
            finally:
                loop.server_is_gone = self.replies.server_is_gone
                for got in self.replies.of_unfinished.values():
                    loop.tally.add_unfinished(got)
                more, lines = conclude()
                metadata = self._metadata(loop, configuration) | more
                paths = await self._write(metadata, interrupted=loop.status == "interrupted")
        show(*summary_of(self._figures(loop), lines, paths))
        return _exit_code(loop, reparsed=self.options.reparse)

    def _noting_unfinished(self, answer: Answer) -> Answer:
        """The same answers; what is spent on a task is told apart until it has an entry."""

        async def noted(task: Task) -> dict[str, Any]:
            entry = await answer(task)
            if entry["complete"] is not None:
                self.replies.of_unfinished.pop(task.task_id, None)
            return entry

        return noted

    async def _count_requests(
        self, answer: Answer, configuration: Mapping[str, Any], plan: RequestPlan
    ) -> None:
        """Say what the run would ask, and ask nothing.

        The model behind `answer` counts its requests in the plan and sends none. Requests that an
        agent makes only after a reply are not counted.
        """
        plan.agent_without_model = self.agent_without_model
        configuration_hash = hash_of(configuration)
        for task in self.tasks:
            entry = self.store.finished_entry(entry_key(configuration_hash, task))
            if entry is not None:
                plan.note_finished(entry)
                continue
            plan.unfinished_tasks += 1
            plan.unfinished_test_inputs += len(task.test)
            if self.agent_without_model is None:
                await answer(task)
        show(*plan.summary(self.store.place.stem, self.options.max_cost_usd))

    def _loop(self, configuration: dict[str, Any], entry_fields: Mapping[str, Any]) -> RunLoop:
        most = self.options.max_concurrent_tasks
        return RunLoop(
            self.store,
            configuration=configuration,
            max_concurrent_tasks=most if self.batches is None else self.batches.admission.max_tasks,
            budget=self.budget,
            stopping=self.stopping,
            entry_fields=entry_fields,
            asks_model=self.agent_without_model is None,
            reparsing=self.options.reparse,
            outlasts_budget=not self.pays_for_samples,
        )

    def _figures(self, loop: RunLoop) -> RunFigures:
        return RunFigures(
            script=self.store.place.stem,
            status=loop.status,
            duration_s=time.monotonic() - self._started,
            tally=loop.tally,
            spending=self._spending,
            skipped=len(self.tasks.skipped),
            chosen=self.tasks.total,
            pays_for_samples=self.pays_for_samples,
            batches=None if self.batches is None else self.batches.summary(),
            reparsed_best_of=self.options.best_of if self.options.reparse else None,
        )

    def _metadata(self, loop: RunLoop, configuration: Mapping[str, Any]) -> dict[str, Any]:
        fields = {
            "duration_s": round(time.monotonic() - self._started, 3),
            "model_identifier": configuration["model_identifier"],
            "model": configuration["model"],
            "configuration": configuration,
            "configuration_hash": hash_of(configuration),
            "options": self._shown_options,
            "dataset": str(self.tasks.path),
            "dataset_hash": self.tasks.dataset_hash,
            "skipped_tasks": dict(self.tasks.skipped),
            **loop.tally.to_json(),
            "spent_usd": self._spending.usd,
            "lost_attempts": self._spending.lost_count,
            "lost_worst_case_usd": self._spending.lost_usd,
            **({} if self.batches is None else self.batches.to_json()),
            **self.provenance,
        }
        return run_metadata(self.store.place.stem, loop.status, self._started_at, fields)

    async def _write(self, metadata: dict[str, Any], *, interrupted: bool) -> list[Path]:
        """Write the metadata, and the snapshot if it was asked for; the paths written."""
        place = self.store.place
        await self.store.append(metadata)
        _log.info("run %s: %s, %s", self.store.run_id, metadata["status"], metadata["counts"])
        paths = [place.results, place.journal, place.log]
        if self.options.snapshot:
            paths.append(await self.store.write_snapshot(metadata, interrupted=interrupted))
        return paths


def _exit_code(loop: RunLoop, *, reparsed: bool) -> int:
    if loop.stopped_by is not None:
        terminated = loop.stopped_by == signal.SIGTERM
        return cli.EXIT_TERMINATED if terminated else cli.EXIT_INTERRUPTED
    if loop.status in {"budget_exhausted", "deadline_reached"}:
        return cli.EXIT_BUDGET
    if loop.server_is_gone:
        return cli.EXIT_TASKS_FAILED
    # A run that reparses asks nothing: its tasks failed in earlier runs.
    return cli.EXIT_TASKS_FAILED if loop.tally.failed_task_ids and not reparsed else 0


_NEW_OBJECTS_BEFORE_LOOKING = 50_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Run the collector of cyclic garbage seldom, and never on the objects that exist already.

    Requests leave few cycles behind. To look for them among all the SDK's objects, again and
    again, took a sixth of a run's processor time.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS_BEFORE_LOOKING, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
