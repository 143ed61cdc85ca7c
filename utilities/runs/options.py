"""The options of the scripts that ask an agent."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utilities import config
from utilities.command_line.argument_types import (
    non_negative_float,
    positive_float,
    positive_int,
    price,
    sample_count,
    seed,
    work_count,
)


@dataclass(frozen=True, slots=True)
class AskingOptions:
    """What the user asked of a script that asks an agent; see `add_asking_options`."""

    model_identifier: str | None
    base_url: str | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    reasoning_effort: str | None
    seed: int | None
    request_timeout_s: float | None
    price: tuple[float, float] | None
    max_cost_usd: float | None
    search_budget: int | None
    batch: bool
    batch_size: int
    batch_poll_s: float
    dataset_directory: Path | None
    dataset: str | None
    max_tasks: int | None
    tasks: str | None
    task_ids: str | None
    strict: bool
    best_of: int
    max_concurrent_tasks: int
    max_concurrent_requests: int | None
    save_interval: int
    output_directory: Path | None
    no_resume: bool
    reparse: bool
    dry_run: bool
    snapshot: bool
    quiet: bool
    verbose: bool

    @property
    def asks_nothing(self) -> bool:
        """Whether no request is made, so that no key is needed."""
        return self.reparse or self.dry_run

    @classmethod
    def of(cls, parsed: argparse.Namespace) -> AskingOptions:
        """Take the shared options out of what a script's parser made."""
        return cls(**{name: getattr(parsed, name) for name in cls.__slots__})

    def to_json(self) -> dict[str, Any]:
        """Every option as it goes into the metadata."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }


def add_asking_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the scripts that ask an agent."""
    _add_model_options(parser.add_argument_group("model"))
    _add_task_options(parser.add_argument_group("tasks"))
    _add_run_options(parser.add_argument_group("run and results"))


def _add_model_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--model_identifier", metavar="NAME", help="a name of utilities/config.py, or "
        "provider:model; without it the first model whose key is set, else PROGRAM_SEARCH, "
        "which needs no key")  # fmt: skip
    add("--base_url", metavar="URL", help="ask this server instead of the model's own, or several "
        "(A,B,C) side by side, the least busy first")  # fmt: skip
    add("--temperature", type=non_negative_float, metavar="T", help="only for models that take it")
    add("--max_tokens", type=positive_int, metavar="N", help="longest reply, reasoning included")
    add("--top_p", type=positive_float, metavar="P", help="only for models that take it")
    add("--reasoning_effort", metavar="E", help="none, low, medium, high… as the model knows it")
    add("--seed", type=seed, metavar="N", help="of a task's first sample; the next has N + 1")
    add("--request_timeout_s", type=positive_float, metavar="S", help="longest wait for one whole "
        "reply; a longer one is tried again")  # fmt: skip
    add("--price", type=price, metavar="IN,OUT", help="USD per million tokens, for a model whose "
        "price is unknown")  # fmt: skip
    add("--max_cost_usd", type=non_negative_float, metavar="X", help="stop asking before the bill "
        "passes this; exit code 3")  # fmt: skip
    add("--search_budget", type=work_count, metavar="N", help="work that PROGRAM_SEARCH may "
        "spend on a task, in counted steps")  # fmt: skip
    add("--batch", action="store_true", help="by the provider's batch endpoint: half the price, "
        "within a day (OpenAI, Anthropic)")  # fmt: skip
    add("--batch_size", type=positive_int, metavar="N", help="most requests in one batch "
        f"({config.DEFAULT_BATCH_SIZE:,})", default=config.DEFAULT_BATCH_SIZE)  # fmt: skip
    add("--batch_poll_s", type=positive_float, metavar="S", help="seconds before a batch is asked "
        f"about ({config.DEFAULT_BATCH_POLL_S:g}); longer each time",
        default=config.DEFAULT_BATCH_POLL_S)  # fmt: skip


def _add_task_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--dataset", metavar="NAME", help="arc1_training (default), arc1_evaluation, "
        "arc2_training, arc2_evaluation, all; or a file's name in --dataset_directory")  # fmt: skip
    add("--dataset_directory", type=Path, metavar="DIR", help="a folder of ARC task files or of "
        "Kaggle's files, or one JSON or JSON Lines file")  # fmt: skip
    add("--max_tasks", type=positive_int, metavar="N", help="no more than N tasks")
    add("--tasks", metavar="[20:40]", help="a slice of the data set, in its order")
    add("--task_ids", metavar="IDS", help="'[\"00d62c1b\"]', a comma list, or a file of them")
    add("--strict", action="store_true", help="stop at the first bad task instead of skipping it")


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--best_of", type=sample_count, default=1, metavar="N", help="samples a task (1)")
    add("--max_concurrent_tasks", type=positive_int, metavar="N", help="tasks under way at once "
        f"({config.DEFAULT_MAX_CONCURRENT_TASKS})",
        default=config.DEFAULT_MAX_CONCURRENT_TASKS)  # fmt: skip
    add("--max_concurrent_requests", type=positive_int, metavar="N", help="requests under way at "
        "once, from the start; without it tasks x samples, found out step by step")  # fmt: skip
    add("--save_interval", type=positive_int, metavar="N", help="entries between two flushes to "
        f"the disk ({config.DEFAULT_SAVE_INTERVAL}); at most a second passes anyway",
        default=config.DEFAULT_SAVE_INTERVAL)  # fmt: skip
    add("--output_directory", type=Path, metavar="DIR", help="where the results go")
    past = group.add_mutually_exclusive_group()
    past.add_argument("--no_resume", action="store_true", help="ask everything again, also what "
        "is paid for")  # fmt: skip
    past.add_argument("--reparse", action="store_true", help="ask nothing; make the entries anew "
        "from the journal's replies with today's parsers")  # fmt: skip
    add("--dry_run", action="store_true", help="print the requests still to make, their tokens and "
        "cost; send and write nothing")  # fmt: skip
    add("--snapshot", action="store_true", help="also write this run's entries as one .json file")
    volume = group.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="no progress, only the summary")
    volume.add_argument("--verbose", action="store_true", help="prompts and replies in the log")
