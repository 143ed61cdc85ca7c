"""A call of a benchmark script: a run for each model and dataset, one after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents.agent_choice import PROMPT_OPTIONS, ChosenAgent, check_takes_library, choose_agent
from agents.attempt_judge import AttemptJudge, choose_judge, open_judge
from agents.base import Library
from agents.catalogue import AgentKind, agent_named_as_model
from agents.opening import OpenAgent, open_agent
from benchmark.benchmark_options import BenchmarkOptions, names_in
from utilities.command_line import script as cli
from utilities.command_line.terminal import say, show
from utilities.config import TRACES_STORE_PATH
from utilities.errors import UsageError
from utilities.replies.budget import Budget
from utilities.runs.earlier_run import differences
from utilities.runs.loop import Answer
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions, OutputPlace, ToolOptions
from utilities.runs.run import AskingRun, Conclusion, open_run, selection_of
from utilities.scoring.run_score import BenchmarkOutcome
from utilities.scoring.scores import ScoreSummary
from utilities.scoring.submissions import print_submissions
from utilities.scoring.training_sources import open_check
from utilities.tasks.datasets import TaskSource, open_tasks

_ENDS_THE_CALL = frozenset({cli.EXIT_BUDGET, cli.EXIT_INTERRUPTED, cli.EXIT_TERMINATED})


@dataclass(frozen=True, slots=True)
class Answers:
    """How a script answers the tasks of a run."""

    answer: Answer
    depends_on: Mapping[str, Any] = field(default_factory=dict)
    """What an entry depends on apart from the agent, the dataset, and the numbers of samples and
    attempts."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What is added to the run's metadata."""
    most_later_samples: int = 0
    """How many samples a task may get that depend on earlier replies."""
    most_asked_again: int = 0
    """How many requests a test input may get because a reply cannot be parsed."""
    notes: Sequence[str] = ()
    """Lines of the run's summary, below its scores."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One agent, or its model, on one dataset."""

    options: AskingOptions
    chosen: ChosenAgent

    @property
    def name(self) -> str:
        dataset = self.options.dataset or self.options.dataset_directory or "the default dataset"
        return f"{self.chosen.model_identifier} on {dataset}"


class BenchmarkCall:
    """The runs that the options ask for, under one budget."""

    def __init__(
        self,
        options: BenchmarkOptions,
        place: OutputPlace,
        agent: str | AgentKind,
        library: Library | None = None,
    ) -> None:
        """Find every agent, model, key and dataset before anything is asked.

        `agent` names the one that is asked by default, or is the only one; prompts show programs
        of the `library`. Raises UsageError for any option that cannot be used.
        """
        options.submission.check()
        self._options = options
        self._place = place
        self._budget = Budget(options.asking.max_cost_usd, options.asking.deadline)
        self._parts = _parts_of(options.asking, agent, options.turns)
        check_takes_library([part.chosen for part in self._parts], library)
        self._library = library
        judge = options.judging.judge
        self._judge = None if judge is None else choose_judge(judge, options.asking)
        self._call_id = ""
        self._results = place.results
        self._told: set[str] = set()
        """Bad tasks that were said; each run of the call meets them."""
        self._summaries: dict[str, ScoreSummary] = {}
        """By the ids of the runs that have ended."""

    async def run(self, answers_by: Callable[[OpenAgent], Answers]) -> int:
        """Do one run after the other; returns the exit code of the call.

        A run that is interrupted, or that finds the budget spent, is the last. A model that cannot
        be asked ends the call: the scores of the runs before it are shown, and the error is raised.
        """
        code = 0
        try:
            for number, part in enumerate(self._parts, start=1):
                code = max(code, await self._run_part(part, number, answers_by))
                if code in _ENDS_THE_CALL:
                    break
        except UsageError:
            if self._summaries:
                self._conclude("failed")
            raise
        self._conclude("not begun")
        return code

    async def _run_part(
        self, part: _Part, number: int, answers_by: Callable[[OpenAgent], Answers]
    ) -> int:
        """Answer, score and record every task of one run; returns its exit code."""
        options = self._options
        async with (
            open_run(
                part.options,
                self._place,
                keys=part.chosen.keys + (() if self._judge is None else self._judge.keys),
                budget=self._budget,
                shown_options=options.to_json(),
                told=self._told,
            ) as run,
            open_agent(run, part.chosen, self._library) as agent,
            open_judge(run, self._judge, options.judging.judge_calls) as judge,
        ):
            if part.options.dry_run and len(self._parts) > 1:
                show(f"{part.name}:")
            self._call_id = self._call_id or run.store.run_id
            answers = answers_by(agent)
            if judge is not None:
                answers = judged(answers, judge, options.attempts)
                if run.replies.plan is not None:
                    run.replies.plan.most_judge_calls = judge.calls
            return await self._answer_tasks(run, agent, answers, number)

    async def _answer_tasks(
        self, run: AskingRun, agent: OpenAgent, answers: Answers, number: int
    ) -> int:
        attempts, dataset = self._options.attempts, dataset_name(run.tasks)
        about = {"dataset": dataset, "dataset_hash": run.tasks.dataset_hash}
        identity = {
            **agent.identity,
            **answers.depends_on,
            "attempts": attempts,
            "dataset": dataset,
        }
        if run.replies.plan is not None:
            run.replies.plan.most_later_requests = answers.most_later_samples
            run.replies.plan.most_asked_again = answers.most_asked_again
        call = {"id": self._call_id, "part": number, "parts": len(self._parts)}
        more = {"call": call, **answers.metadata}
        more |= self._repetition(run, {**identity, **about}, more)
        check = open_check(TRACES_STORE_PATH, self._options.submission.training_data)
        outcome = BenchmarkOutcome(run.tasks.again(), check, attempts)
        code = await run.answer_tasks(
            answers.answer,
            identity,
            entry_fields=about,
            observe=outcome.add,
            conclude=lambda: self._conclusion(outcome, identity, more, answers.notes),
        )
        self._results = run.store.place.results
        self._summaries[run.store.run_id] = outcome.summary
        return code

    def _conclusion(
        self,
        outcome: BenchmarkOutcome,
        identity: Mapping[str, Any],
        more: Mapping[str, Any],
        notes: Sequence[str],
    ) -> Conclusion:
        added, lines = outcome.conclusion(more)
        lines = [*lines, *notes]
        if len(self._parts) == 1:
            return added, lines
        return added, [f"{'of':10}{identity['model_identifier']} on {identity['dataset']}", *lines]

    def _repetition(
        self, run: AskingRun, identity: Mapping[str, Any], more: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Say what differs from the run that is started again, and keep it in the metadata."""
        if self._options.earlier is None:
            return {}
        earlier = self._options.earlier.run_of(identity["model_identifier"], identity["dataset"])
        now = {
            **more,
            **run.provenance,
            "configuration": {
                **{key: value for key, value in identity.items() if key != "dataset_hash"},
                "best_of": self._options.asking.best_of,
            },
            "dataset_hash": identity["dataset_hash"],
            "options": self._options.to_json(),
        }
        lines = differences(earlier.fields, now)
        say(f"run {earlier.run_id} again: {'what differs:' if lines else 'nothing differs'}")
        for line in lines:
            say(f"  {line}")
        return {"repeats": {"run_id": earlier.run_id, "differences": lines}}

    def _conclude(self, next_is: str) -> None:
        """Print the table of several runs and write their submissions; a dry run made none."""
        if self._options.asking.dry_run:
            return
        if len(self._parts) > 1:
            show(*self._table(next_is))
        print_submissions(self._options.submission, self._results, list(self._summaries))

    def _table(self, next_is: str) -> list[str]:
        """The scores of the call's runs side by side, ARC Prize's first, and what was not done.

        `next_is` says what became of the part after the last one that ended.
        """
        names = [part.name for part in self._parts]
        width = max(map(len, names))
        lines = [f"{'':{width}}   tasks    macro    micro   strict"]
        for name, summary in zip(names, self._summaries.values(), strict=False):
            scores = (summary.macro, summary.micro, summary.strict)
            shown = "".join(f"{score:9.2%}" for score in scores) if summary.tasks else " not scored"
            lines.append(f"{name:{width}}{summary.tasks:8}{shown}")
        for place, name in enumerate(names[len(self._summaries) :]):
            lines.append(f"{name:{width}}  {'not begun' if place else next_is}")
        return lines


def judged(answers: Answers, judge: AttemptJudge, attempts: int) -> Answers:
    """The same answers, with the attempts that a judge chooses."""
    return replace(
        answers,
        answer=judge.judging(answers.answer, attempts),
        depends_on={**answers.depends_on, **judge.identity()},
    )


def dataset_name(tasks: TaskSource) -> str:
    """What a dataset is called in the records: the name of its file or folder."""
    path = tasks.path.resolve()
    return path.stem if path.is_file() else path.name


def _parts_of(
    options: AskingOptions, agent: str | AgentKind, turns: ToolOptions
) -> Sequence[_Part]:
    """Each model on each dataset; raises UsageError before any of them is asked."""
    models = names_in(options.model_identifier, "--model_identifier")
    datasets = names_in(options.dataset, "--dataset")
    searching = sum(agent_named_as_model(model) is not None for model in models)
    parts = [
        _Part(narrowed, choose_agent(narrowed, agent, turns))
        for model in models
        for narrowed in _narrowed(options, model, datasets, has_both=0 < searching < len(models))
    ]
    if len(datasets) > 1:
        for part in parts[: len(datasets)]:
            open_tasks(
                dataset_directory=options.dataset_directory,
                dataset=part.options.dataset,
                selection=selection_of(options),
                draw=options.draw.draw,
            )
    return parts


def _narrowed(
    options: AskingOptions,
    model: str | None,
    datasets: Sequence[str | None],
    *,
    has_both: bool,
) -> list[AskingOptions]:
    """The options for one model on each dataset.

    An agent that asks no model, named beside models, gets no URL, no batches and no prompts; a
    model named beside it gets nothing that is about the search.
    """
    if has_both and agent_named_as_model(model) is not None:
        options = options.without(("base_url", "batch", *PROMPT_OPTIONS))
    elif has_both:
        options = options.without(SEARCH_OPTIONS)
    return [replace(options, model_identifier=model, dataset=dataset) for dataset in datasets]
