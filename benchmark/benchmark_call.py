"""A call of a benchmark script: a run for each model and dataset, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from agents.base import Agent
from agents.language_model_agent import LanguageModelAgent
from agents.opening import ChosenModel, choose_model, open_agent
from benchmark.benchmark_options import BenchmarkOptions, names_in
from utilities.command_line.script import EXIT_BUDGET, EXIT_INTERRUPTED, EXIT_TERMINATED
from utilities.command_line.terminal import say
from utilities.config import PROGRAM_SEARCH, TRACES_STORE_PATH
from utilities.errors import UsageError
from utilities.replies.budget import Budget
from utilities.runs.earlier_run import differences
from utilities.runs.loop import Entry
from utilities.runs.options import AskingOptions
from utilities.runs.run import AskingRun, open_run, selection_of
from utilities.runs.store import OutputPlace
from utilities.scoring.run_score import BenchmarkOutcome
from utilities.scoring.submissions import print_submissions
from utilities.scoring.training_sources import open_check
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.task import Task

_ENDS_THE_CALL = frozenset({EXIT_BUDGET, EXIT_INTERRUPTED, EXIT_TERMINATED})


@dataclass(frozen=True, slots=True)
class _Part:
    """One model on one dataset."""

    options: AskingOptions
    chosen: ChosenModel

    @property
    def name(self) -> str:
        model = self.chosen.entry.name if self.chosen.entry else PROGRAM_SEARCH
        dataset = self.options.dataset or self.options.dataset_directory or "the default dataset"
        return f"{model} on {dataset}"


class BenchmarkRun:
    """One run of a call, open: its agent, its tasks, and what came of them."""

    def __init__(
        self, run: AskingRun, agent: Agent, options: BenchmarkOptions, call: Mapping[str, Any]
    ) -> None:
        """`call` is what the metadata says of the whole call."""
        self.agent = agent
        self.run_id = run.store.run_id
        self.results = run.store.place.results
        check = open_check(TRACES_STORE_PATH, options.submission.training_data)
        self.outcome = BenchmarkOutcome(run.tasks.again(), check, options.attempts)
        self._run = run
        self._options = options
        self._call = call
        self._dataset = dataset_name(run.tasks)

    async def over_tasks(
        self,
        answer: Callable[[Task], Awaitable[Entry]],
        depends_on: Mapping[str, Any],
        *,
        more: Mapping[str, Any],
    ) -> int:
        """Answer, score and record every task; returns the exit code.

        `depends_on` is what an entry depends on besides the agent, the dataset and the number of
        attempts; `more` goes into the metadata.
        """
        identity = {
            **self.agent.identity(),
            **depends_on,
            "attempts": self._options.attempts,
            "dataset": self._dataset,
        }
        about = {"dataset": self._dataset, "dataset_hash": self._run.tasks.dataset_hash}

        async def answer_from_dataset(task: Task) -> Entry:
            return {**await answer(task), **about}

        if self._run.replies.plan is not None:
            rounds = depends_on.get("refine", 0)
            self._run.replies.plan.most_later_requests = rounds * self._options.asking.best_of
        more = {"call": self._call, **more, **self._repetition({**identity, **about}, more)}
        return await self._run.over_tasks(
            answer_from_dataset,
            identity,
            observe=self.outcome.add,
            conclude=lambda: self._conclusion(more),
        )

    def _conclusion(self, more: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        added, lines = self.outcome.conclusion(more)
        if self._call["parts"] == 1:
            return added, lines
        return added, [f"{'of':10}{self.agent.identity()['model_identifier']} on {self._dataset}",
                       *lines]  # fmt: skip

    def _repetition(self, identity: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
        """Say what differs from the run that is started again, and keep it in the metadata."""
        if self._options.earlier is None:
            return {}
        earlier = self._options.earlier.part_of(identity["model_identifier"], self._dataset)
        now = {
            **more,
            **self._run.provenance,
            "configuration": {
                **{key: value for key, value in identity.items() if key != "dataset_hash"},
                "best_of": self._options.asking.best_of,
            },
            "dataset_hash": identity["dataset_hash"],
            "options": self._options.to_json(),
        }
        lines = differences(earlier, now)
        run_id = earlier.get("run_id")
        say(f"run {run_id} again: {'nothing differs' if not lines else 'what differs:'}")
        for line in lines:
            say(f"  {line}")
        return {"repeats": {"run_id": run_id, "differences": lines}}


class BenchmarkCall:
    """The runs that the options ask for, under one budget."""

    def __init__(
        self, options: BenchmarkOptions, place: OutputPlace, kind: type[LanguageModelAgent]
    ) -> None:
        """Find every model, key and dataset before anything is asked.

        Raises UsageError for whatever the user gave that cannot be used.
        """
        self._options = options
        self._place = place
        self._kind = kind
        self._budget = Budget(options.asking.max_cost_usd)
        self._parts = _parts_of(options.asking)
        self._call_id = ""
        self._ended: list[BenchmarkRun] = []

    async def over_runs(self, benchmark: Callable[[BenchmarkRun], Awaitable[int]]) -> int:
        """Do one run after the other; returns the exit code of the call.

        A run that is interrupted, or that finds the budget spent, is the last. Raises what ended
        a run: a model that cannot be asked ends the call, and what was done before is shown.
        """
        code = 0
        try:
            for number, part in enumerate(self._parts, start=1):
                async with self._open(part, number) as run:
                    code = max(code, await benchmark(run))
                    self._ended.append(run)
                if code in _ENDS_THE_CALL:
                    break
        except UsageError:
            if self._ended:
                self._conclude("failed")
            raise
        self._conclude("not begun")
        return code

    def _conclude(self, next_is: str) -> None:
        """Print the table of several runs and write their submissions; a dry run made none."""
        if self._options.asking.dry_run:
            return
        if len(self._parts) > 1:
            print("\n".join(self._table(next_is)))
        run_ids = [run.run_id for run in self._ended]
        print_submissions(self._options.submission, self._ended[-1].results, run_ids)

    @asynccontextmanager
    async def _open(self, part: _Part, number: int) -> AsyncIterator[BenchmarkRun]:
        async with (
            open_run(
                part.options,
                self._place,
                keys=part.chosen.keys,
                budget=self._budget,
                shown_options=self._options.to_json(),
            ) as run,
            open_agent(run, part.chosen, self._kind) as agent,
        ):
            if part.options.dry_run and len(self._parts) > 1:
                print(f"{part.name}:")
            self._call_id = self._call_id or run.store.run_id
            call = {"id": self._call_id, "part": number, "parts": len(self._parts)}
            yield BenchmarkRun(run, agent, self._options, call)

    def _table(self, next_is: str) -> list[str]:
        """The scores of the call's runs side by side, ARC Prize's first, and what was not done.

        `next_is` says what became of the part after the last one that ended.
        """
        names = [part.name for part in self._parts]
        width = max(map(len, names))
        lines = [f"{'':{width}}   tasks    macro    micro   strict"]
        for name, run in zip(names, self._ended, strict=False):
            summary = run.outcome.summary
            scores = (summary.macro, summary.micro, summary.strict)
            shown = "".join(f"{score:9.2%}" for score in scores) if summary.tasks else " not scored"
            lines.append(f"{name:{width}}{summary.tasks:8}{shown}")
        for place, name in enumerate(names[len(self._ended) :]):
            lines.append(f"{name:{width}}  {'not begun' if place else next_is}")
        return lines


def dataset_name(tasks: TaskSource) -> str:
    """What a dataset is called in the records: the name of its file or folder."""
    path = tasks.path.resolve()
    return path.stem if path.is_file() else path.name


def _parts_of(options: AskingOptions) -> Sequence[_Part]:
    """Each model on each dataset; raises UsageError before any of them is asked."""
    models = names_in(options.model_identifier, "--model_identifier")
    datasets = names_in(options.dataset, "--dataset")
    parts = [
        _Part(narrowed, choose_model(narrowed))
        for model in models
        for narrowed in _narrowed(options, model, datasets, is_only_model=len(models) == 1)
    ]
    if len(datasets) > 1:
        for part in parts[: len(datasets)]:
            open_tasks(
                dataset_directory=options.dataset_directory,
                dataset=part.options.dataset,
                selection=selection_of(options),
            )
    return parts


def _narrowed(
    options: AskingOptions,
    model: str | None,
    datasets: Sequence[str | None],
    *,
    is_only_model: bool,
) -> list[AskingOptions]:
    """The options for one model on each dataset.

    PROGRAM_SEARCH, beside models, gets no URL and no batches.
    """
    if model == PROGRAM_SEARCH and not is_only_model:
        options = replace(options, base_url=None, batch=False)
    return [replace(options, model_identifier=model, dataset=dataset) for dataset in datasets]
