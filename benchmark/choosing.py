"""Attempts of finished results, chosen again by a judge: a run over entries in place of tasks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.attempt_judge import AttemptJudge, choose_judge, open_judge
from benchmark.benchmark_options import JudgeOptions
from utilities.command_line import script as cli
from utilities.config import TRACES_STORE_PATH
from utilities.files.hashing import hash_of
from utilities.replies.budget import Budget
from utilities.results.reader import read_fields
from utilities.results.result_entry import ResultEntry
from utilities.runs.options import AskingOptions, OutputPlace
from utilities.runs.run import AskingRun, open_run
from utilities.scoring.options import SubmissionOptions
from utilities.scoring.outcomes import ATTEMPTS
from utilities.scoring.run_score import BenchmarkOutcome
from utilities.scoring.scored_run import ScoredRun, judged_task
from utilities.scoring.scored_runs import read_scored_runs
from utilities.scoring.submissions import print_submissions
from utilities.scoring.training_sources import open_check
from utilities.tasks.datasets import TaskSource
from utilities.tasks.task import Pair, Task

_WRITTEN_ANEW = frozenset(
    {"entry_type", "schema_version", "run_id", "entry_key", "configuration_hash"}
)
_ENDS_THE_CALL = frozenset({cli.EXIT_BUDGET, cli.EXIT_INTERRUPTED, cli.EXIT_TERMINATED})


@dataclass(frozen=True)
class AnsweredTask(Task):
    """A task with its entry of a finished run, in its fields."""

    fields: Mapping[str, Any] = field(default_factory=dict)


class AnsweredTasks(TaskSource):
    """The tasks of a finished run that have an entry, one of them in memory."""

    def __init__(self, source: ScoredRun) -> None:
        """`source` is one table of results files."""
        self._source = source
        newest = source.metadata[-1] if source.metadata else None
        self.path = Path(source.dataset)
        self.dataset_hash = newest.dataset_hash or "" if newest else ""
        self.skipped = dict(source.skipped)
        self.total = sum(not one.missing for one in source.outcomes.values())

    def __iter__(self) -> Iterator[Task]:
        """Yield each task that has an entry, in the order of the files."""
        wanted: dict[Path, dict[int, str]] = {}
        for task_id, place in self._source.places.items():
            if task_id in self._source.outcomes:
                wanted.setdefault(place.path, {})[place.number] = task_id
        for path, numbers in wanted.items():
            for number, fields in enumerate(read_fields(path)):
                if number in numbers:
                    yield _answered(fields)

    def again(self) -> Iterator[Task]:
        """Yield all tasks, those without an entry too, which are known by their outputs alone."""
        yield from self
        for task_id, outcome in self._source.outcomes.items():
            if outcome.missing:
                known = ([[0]] if one is not None else None for one in outcome.outputs_solved)
                yield Task(task_id, (), tuple(Pair([[0]], output) for output in known))


def _answered(fields: Mapping[str, Any]) -> AnsweredTask:
    entry = ResultEntry.of(fields)
    task = judged_task(entry, {})
    kept = {name: value for name, value in fields.items() if name not in _WRITTEN_ANEW}
    kept["complete"] = entry.is_complete
    return AnsweredTask(task.task_id, task.train, task.test, fields=kept)


async def choose_again(
    results: tuple[Path, ...],
    judging: JudgeOptions,
    asking: AskingOptions,
    submission: SubmissionOptions,
    place: OutputPlace,
) -> int:
    """Judge each table of the results, under one budget; returns the exit code.

    Raises UsageError for results that cannot be read or have no answers, and for a judge that
    cannot be asked.
    """
    assert judging.judge is not None, "the options have seen to it"
    submission.check()
    sources = read_scored_runs(results)
    chosen = choose_judge(judging.judge, asking, asks_alone=True)
    budget, code, run_ids = Budget(asking.max_cost_usd, asking.deadline), 0, []
    for source in sources:
        options = replace(asking, best_of=_best_of(source))
        async with (
            open_run(
                options,
                place,
                keys=chosen.keys,
                budget=budget,
                shown_options=asking.to_json() | judging.to_json(),
                tasks=AnsweredTasks(source),
            ) as run,
            open_judge(run, chosen, judging.judge_calls) as judge,
        ):
            assert judge is not None, "a judge was chosen"
            code = max(code, await _judge_table(run, source, judge, submission))
            run_ids.append(run.store.run_id)
            written = run.store.place.results
        if code in _ENDS_THE_CALL:
            break
    if not asking.dry_run:
        print_submissions(submission, written, run_ids)
    return code


async def _judge_table(
    run: AskingRun, source: ScoredRun, judge: AttemptJudge, submission: SubmissionOptions
) -> int:
    """Write an entry for each of a table's; returns the exit code."""
    attempts = source.configuration.get("attempts")
    attempts = attempts if isinstance(attempts, int) and attempts > 0 else ATTEMPTS
    identity = {
        "model_identifier": source.model_identifier,
        "model": None,
        **source.configuration,
        **judge.identity(),
        "attempts": attempts,
        "chosen_from": _name_of(source),
    }
    check = open_check(TRACES_STORE_PATH, submission.training_data)
    outcome = BenchmarkOutcome(run.tasks.again(), check, attempts)
    run.pays_for_samples = False

    async def answer(task: Task) -> dict[str, Any]:
        assert isinstance(task, AnsweredTask), "AnsweredTasks has no others"
        return await judge.judged(task.fields, attempts)

    return await run.answer_tasks(
        answer, identity, observe=outcome.add, conclude=lambda: outcome.conclusion({})
    )


def _best_of(source: ScoredRun) -> int:
    told = source.configuration.get("best_of")
    most = max((one.samples for one in source.outcomes.values()), default=1)
    return told if isinstance(told, int) and told > 0 else max(1, most)


def _name_of(source: ScoredRun) -> str:
    """Tells repeats of a configuration apart: the run that began it, or its files' names."""
    began = source.metadata[0].run_id if source.metadata else None
    return began or hash_of([path.name for path in source.paths])
