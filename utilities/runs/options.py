"""The options of the scripts that ask an agent, and where their files go.

Nothing here is slow to import: a script answers --help before it imports the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from utilities import config
from utilities.command_line.options import Options, flag, option, part
from utilities.command_line.words import (
    folder_name,
    json_object,
    non_negative_float,
    positive_int,
    price,
    time_span,
    whole_number,
)
from utilities.tasks.selection import DrawOptions, largest_grid_option
from utilities.views.changes import KINDS, Kind, kinds_in
from utilities.views.formats import FORMATS, ROWS, formats_in


@dataclass(frozen=True, slots=True)
class OutputPlace:
    """Where a script's files go: `{stem}_results.jsonl` and its companions in `directory`."""

    directory: Path
    stem: str
    log_name: str

    @property
    def results(self) -> Path:
        """One entry for each task, and one metadata entry for each run."""
        return self.directory / f"{self.stem}_results.jsonl"

    @property
    def journal(self) -> Path:
        """One line for each raw reply."""
        return self.directory / f"{self.stem}_partial_results.jsonl"

    @property
    def log(self) -> Path:
        """The log file, rotated."""
        return self.directory / self.log_name


SEARCH_OPTIONS = ("search_budget", "executor", "ray_address")
"""Options for the embedded agent, which asks no model."""
_model = partial(option, group="model")
_shown = partial(option, group="how tasks are shown")
_tasks = partial(option, group="tasks")
_run = partial(option, group="run and results")
_run_flag = partial(flag, group="run and results")


@dataclass(frozen=True, kw_only=True)
class AskingOptions(Options):
    """What the user asked of a script that asks an agent."""

    agent: str | None = _model(
        "who makes the samples: reasoning_trace, reasoning_code, code_generating, direct_answer, "
        "program_search, or FILE.py:CLASS for your own; by default the script's agent",
        "NAME",
    )
    model_identifier: str | None = _model(
        "a name of the catalogue (list_models.py shows it), or provider:model; without it the "
        "first model whose key is set, else PROGRAM_SEARCH, which needs no key",
        "NAME",
    )
    models: Path | None = _model(
        "models of your own, by name: a TOML file, or arc-agi-benchmarking's models.yml (default: "
        "models.toml in this folder, if it is there)",
        "FILE",
    )
    base_url: str | None = _model(
        "ask this server instead of the model's own, or several (A,B,C) side by side, the least "
        "busy first",
        "URL",
    )
    temperature: float | None = _model(
        "only for models that take it", "T", parse=non_negative_float
    )
    max_tokens: int | None = _model("longest reply, reasoning included", "N")
    top_p: float | None = _model("only for models that take it", "P")
    reasoning_effort: str | None = _model("none, low, medium, high… as the model knows it", "E")
    seed: int | None = _model(
        "seed of a task's first sample; the next has N + 1", "N", parse=whole_number
    )
    extra_body: Mapping[str, Any] | None = _model(
        "more fields of each request, for what the server alone knows: '{\"top_k\": 20}'",
        "JSON",
        parse=json_object,
    )
    system_as_user: bool = flag(
        "put the system text before the user's, in one message: for servers without a system role",
        group="model",
    )
    request_timeout_s: float | None = _model(
        "longest wait for one whole reply; then it is asked for again", "S"
    )
    max_silence_s: float = _model(
        "end the run when no server has answered for so long; exit code 1",
        "S",
        default=config.DEFAULT_MAX_SILENCE_S,
    )
    stall_timeout_s: float | None = _model(
        "longest silence in the middle of a streamed reply (60); then it is asked for again", "S"
    )
    no_stream: bool = flag("ask for each reply as a whole, not as a stream", group="model")
    background: bool = flag(
        "have each reply made in the background (OpenAI's own models): a killed run fetches what "
        "it paid for",
        group="model",
    )
    price: tuple[float, float] | None = _model(
        "USD per million tokens, for a model whose price is unknown", "IN,OUT", parse=price
    )
    max_cost_usd: float | None = _model(
        "stop asking before the bill passes this; exit code 3", "X", parse=non_negative_float
    )
    deadline: float | None = _model(
        "end within this time (11h30m, 45m, 90s): ask nothing that may not end in it, by the "
        "slowest reply so far; exit code 3",
        "TIME",
        parse=time_span,
    )
    search_budget: int | None = _model(
        "work that PROGRAM_SEARCH may spend on a task, in counted steps",
        "N",
        parse=partial(positive_int, most=10**15),
    )
    executor: Literal["local", "ray"] = _model(
        "where PROGRAM_SEARCH searches: on this machine or in Ray actors", default="local"
    )
    ray_address: str | None = _model(
        "the Ray cluster (default: one on this machine, for this run)", "ADDRESS"
    )
    batch: bool = flag(
        "ask by the provider's batch endpoint: half the price, within a day (OpenAI, Anthropic)",
        group="model",
    )
    batch_size: int = _model("most requests in one batch", "N", default=config.DEFAULT_BATCH_SIZE)
    batch_poll_s: float = _model(
        "seconds before a batch is first asked about; each further wait is longer",
        "S",
        default=config.DEFAULT_BATCH_POLL_S,
    )
    prompt_directory: Path | None = _shown(
        "take prompts from this folder, by the names of agents/prompts; what it lacks from there",
        "DIR",
    )
    grid_format: tuple[str, ...] = _shown(
        f"how a grid is written: {', '.join(FORMATS)}; several (A,B) show it in each, and answers "
        f"have the form of the first (default: {ROWS})",
        "FORMATS",
        parse=formats_in,
        default=(ROWS,),
    )
    images: Literal["pairs", "sheet"] | None = _shown(
        "also show pictures: one of each pair, or one sheet of all"
    )
    image_cell_size: int = _shown(
        "pixels of a cell's side", "N", default=16, parse=partial(positive_int, most=64)
    )
    image_digits: bool = flag("write its number into each cell", group="how tasks are shown")
    images_only: bool = flag("pictures in place of the grids' text", group="how tasks are shown")
    vary: tuple[Kind, ...] | None = _shown(
        f"show each sample another view of its task: {', '.join(KINDS)}, comma list; sample 0 sees "
        "it as it is",
        "KINDS",
        parse=kinds_in,
    )
    vary_seed: int = _shown("seed of the views", "N", default=0, parse=whole_number)
    dataset: str | None = _tasks(
        "arc1_training (default), arc1_evaluation, arc2_training, arc2_evaluation, all; or a "
        "file's name in --dataset_directory",
        "NAME",
    )
    dataset_directory: Path | None = _tasks(
        "a folder of ARC task files or of Kaggle's files, or one JSON or JSON Lines file", "DIR"
    )
    draw: DrawOptions = part(DrawOptions)
    max_tasks: int | None = _tasks("no more than N tasks", "N")
    largest_grid: int | None = largest_grid_option()
    tasks: str | None = _tasks("a slice of the dataset, in its order", "[20:40]")
    task_ids: str | None = _tasks("'[\"00d62c1b\"]', a comma list, or a file of ids", "IDS")
    strict: bool = flag("stop at the first bad task instead of skipping it", group="tasks")
    best_of: int = _run(
        "samples for each task", "N", default=1, parse=partial(positive_int, most=10_000)
    )
    max_concurrent_tasks: int = _run(
        "tasks under way at once", "N", default=config.DEFAULT_MAX_CONCURRENT_TASKS
    )
    max_concurrent_requests: int | None = _run(
        "requests under way at once, from the start; without it tasks x samples, found out step "
        "by step",
        "N",
    )
    save_interval: int = _run(
        "entries between two flushes to the disk, which are at most a second apart anyway",
        "N",
        default=config.DEFAULT_SAVE_INTERVAL,
    )
    output_directory: Path | None = _run("where the results go", "DIR")
    run_name: str | None = _run(
        "keep this run apart: its files stand in a folder of this name, below where the results go",
        "NAME",
        parse=folder_name,
    )
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

    def fault(self) -> str | None:
        """Options about pictures need pictures, and an address of Ray needs Ray."""
        if self.ray_address is not None and self.executor != "ray":
            return "--ray_address goes with --executor ray"
        names = ("image_cell_size", "image_digits", "images_only")
        given = self.first_given(names)
        if given is None or self.images is not None:
            return None
        return f"--{given}: give --images as well"

    def first_given(self, names: Iterable[str]) -> str | None:
        """The first of these options whose value is not its default."""
        defaults = type(self)()
        return next(
            (name for name in names if getattr(self, name) != getattr(defaults, name)), None
        )

    def without(self, names: Iterable[str]) -> Self:
        """The same options, these with their defaults."""
        defaults = type(self)()
        return replace(self, **{name: getattr(defaults, name) for name in names})

    @property
    def asks_nothing(self) -> bool:
        """Whether no request is made, so that no key is needed."""
        return self.reparse or self.dry_run


@dataclass(frozen=True, kw_only=True)
class ToolOptions(Options):
    """Whether, and for how long, a model may run Python before it answers."""

    tools: Literal["python", "python_text"] | None = option(
        "let the model run Python in a sandbox before it answers: by tool calls, or by blocks in "
        "its text (python_text) for servers without them",
        group="tools",
    )
    max_turns: int = option(
        "replies that a sample may take, the one with its answer included",
        "N",
        default=10,
        parse=partial(positive_int, most=1000),
        group="tools",
    )
    max_sessions: int = option(
        "Python sessions open at the same time",
        "N",
        default=64,
        parse=partial(positive_int, most=10_000),
        group="tools",
    )

    def fault(self) -> str | None:
        """Options about tools need tools."""
        if self.tools is not None:
            return None if self.max_turns > 1 else "--max_turns 1: no call could be answered"
        defaults = {one.name: one.default for one in fields(self)}
        given = next((name for name in defaults if getattr(self, name) != defaults[name]), None)
        return None if given is None else f"--{given}: give --tools as well"


NO_TOOLS = ToolOptions()


@dataclass(frozen=True, kw_only=True)
class LibraryOptions(Options):
    """Programs of other tasks to show in prompts."""

    library: tuple[Path, ...] = _shown(
        "results with programs verified on other tasks: the two that come nearest on a task's "
        "train pairs stand in its prompt",
        "VERIFIED",
        default=(),
    )
    library_programs: int = _shown(
        "programs of the library that run for a task, at most",
        "N",
        default=100,
        parse=partial(positive_int, most=10_000),
    )

    def fault(self) -> str | None:
        """Programs to try need a library."""
        is_given = self.library_programs != type(self).library_programs
        return (
            "--library_programs: give --library as well" if is_given and not self.library else None
        )
