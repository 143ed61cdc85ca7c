"""The options of the scripts that ask an agent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from utilities import config
from utilities.command_line.options import (
    Options,
    flag,
    non_negative_float,
    option,
    positive_float,
    positive_int,
    price,
    whole_number,
)

_model = partial(option, group="model")
_tasks = partial(option, group="tasks")
_run = partial(option, group="run and results")
_run_flag = partial(flag, group="run and results")


@dataclass(frozen=True, kw_only=True)
class AskingOptions(Options):
    """What the user asked of a script that asks an agent."""

    model_identifier: str | None = _model(
        "NAME",
        "a name of utilities/config.py, or provider:model; without it the first model whose key "
        "is set, else PROGRAM_SEARCH, which needs no key",
    )
    base_url: str | None = _model(
        "URL",
        "ask this server instead of the model's own, or several (A,B,C) side by side, the least "
        "busy first",
    )
    temperature: float | None = _model(
        "T", "only for models that take it", parse=non_negative_float
    )
    max_tokens: int | None = _model("N", "longest reply, reasoning included", parse=positive_int)
    top_p: float | None = _model("P", "only for models that take it", parse=positive_float)
    reasoning_effort: str | None = _model("E", "none, low, medium, high… as the model knows it")
    seed: int | None = _model(
        "N", "seed of a task's first sample; the next has N + 1", parse=whole_number
    )
    request_timeout_s: float | None = _model(
        "S", "longest wait for one whole reply; then it is asked for again", parse=positive_float
    )
    price: tuple[float, float] | None = _model(
        "IN,OUT", "USD per million tokens, for a model whose price is unknown", parse=price
    )
    max_cost_usd: float | None = _model(
        "X", "stop asking before the bill passes this; exit code 3", parse=non_negative_float
    )
    search_budget: int | None = _model(
        "N",
        "work that PROGRAM_SEARCH may spend on a task, in counted steps",
        parse=partial(positive_int, most=10**15),
    )
    batch: bool = flag(
        "ask by the provider's batch endpoint: half the price, within a day (OpenAI, Anthropic)",
        group="model",
    )
    batch_size: int = _model(
        "N", "most requests in one batch", parse=positive_int, default=config.DEFAULT_BATCH_SIZE
    )
    batch_poll_s: float = _model(
        "S",
        "seconds before a batch is first asked about; each further wait is longer",
        parse=positive_float,
        default=config.DEFAULT_BATCH_POLL_S,
    )
    dataset_directory: Path | None = _tasks(
        "DIR",
        "a folder of ARC task files or of Kaggle's files, or one JSON or JSON Lines file",
        parse=Path,
    )
    dataset: str | None = _tasks(
        "NAME",
        "arc1_training (default), arc1_evaluation, arc2_training, arc2_evaluation, all; or a "
        "file's name in --dataset_directory",
    )
    max_tasks: int | None = _tasks("N", "no more than N tasks", parse=positive_int)
    tasks: str | None = _tasks("[20:40]", "a slice of the dataset, in its order")
    task_ids: str | None = _tasks("IDS", "'[\"00d62c1b\"]', a comma list, or a file of ids")
    strict: bool = flag("stop at the first bad task instead of skipping it", group="tasks")
    best_of: int = _run(
        "N", "samples for each task", parse=partial(positive_int, most=10_000), default=1
    )
    max_concurrent_tasks: int = _run(
        "N",
        "tasks under way at once",
        parse=positive_int,
        default=config.DEFAULT_MAX_CONCURRENT_TASKS,
    )
    max_concurrent_requests: int | None = _run(
        "N",
        "requests under way at once, from the start; without it tasks x samples, found out step "
        "by step",
        parse=positive_int,
    )
    save_interval: int = _run(
        "N",
        "entries between two flushes to the disk, which are at most a second apart anyway",
        parse=positive_int,
        default=config.DEFAULT_SAVE_INTERVAL,
    )
    output_directory: Path | None = _run("DIR", "where the results go", parse=Path)
    no_resume: bool = _run_flag(
        "ask everything again, even what is paid for", exclusive="earlier replies"
    )
    reparse: bool = _run_flag(
        "ask nothing; make the entries again from the journal's replies, with today's parsers",
        exclusive="earlier replies",
    )
    dry_run: bool = _run_flag(
        "print the requests still to make, their tokens and cost; send and write nothing"
    )
    snapshot: bool = _run_flag("also write this run's entries as one .json file")
    quiet: bool = _run_flag("no progress, only the summary", exclusive="loudness")
    verbose: bool = _run_flag("prompts and replies in the log", exclusive="loudness")

    @property
    def asks_nothing(self) -> bool:
        """Whether no request is made, so that no key is needed."""
        return self.reparse or self.dry_run
