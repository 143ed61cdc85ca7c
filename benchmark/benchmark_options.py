"""The options of the two benchmark scripts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from utilities.command_line.options import (
    Options,
    option,
    parse_options,
    part,
    unsafe_no_seccomp_flag,
)
from utilities.command_line.words import positive_int
from utilities.errors import UsageError
from utilities.runs.earlier_run import EarlierRun, find_earlier_run
from utilities.runs.options import AskingOptions, LibraryOptions, ToolOptions
from utilities.runs.strategy_options import StopOptions, StrategyOptions
from utilities.scoring.options import SubmissionOptions

_benchmark = partial(option, group="benchmark")
_T = TypeVar("_T", bound="BenchmarkOptions")


@dataclass(frozen=True, kw_only=True)
class JudgeOptions(Options):
    """Whether and how a judge chooses the attempts."""

    judge: str | None = _benchmark(
        "a model that is shown the different answers to each task and chooses the attempts; its "
        "own settings stand in --models",
        "NAME",
    )
    judge_calls: int = _benchmark(
        "how often the judge is asked about a task",
        "K",
        default=3,
        parse=partial(positive_int, most=1000),
    )

    def fault(self) -> str | None:
        """Calls need a judge."""
        is_given = self.judge_calls != type(self).judge_calls
        return "--judge_calls: give --judge as well" if is_given and self.judge is None else None


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(Options):
    """What the user asked of a benchmark."""

    asking: AskingOptions = part(AskingOptions)
    turns: ToolOptions = part(ToolOptions)
    attempts: int = _benchmark(
        "different answers handed in for each test input",
        "K",
        default=2,
        parse=partial(positive_int, most=1000),
    )
    judging: JudgeOptions = part(JudgeOptions)
    from_metadata: Path | None = _benchmark(
        "start the last run of this results file again, with its options; an option that is also "
        "given here counts instead",
        "RESULTS",
    )
    submission: SubmissionOptions = part(SubmissionOptions)
    earlier: EarlierRun | None = None
    """The run that is started again, with --from_metadata."""


@dataclass(frozen=True, kw_only=True)
class DirectBenchmarkOptions(BenchmarkOptions):
    """What the user asked of the benchmark of grids."""

    spending: StopOptions = part(StopOptions)
    protocol: Literal["arcprize"] | None = _benchmark(
        "ask as arcprize/arc-agi-benchmarking does: a request for each test input and attempt"
    )
    protocol_directory: Path | None = _benchmark(
        "a checkout of that repository, whose prompt is taken; without it one of our own", "DIR"
    )

    def fault(self) -> str | None:
        """A protocol allows no option that would change how it asks."""
        if self.protocol is None:
            given = self.protocol_directory is not None
            if given:
                return "--protocol_directory: give --protocol as well"
            return self.spending.stop_fault(self.asking.best_of)
        if self.spending.stops:
            return "--stop_when_agree: it would change the protocol; leave it out"
        mine, by_default = self.to_json(), type(self)().to_json()
        for name in _CHANGE_A_PROTOCOL:
            if mine.get(name) != by_default.get(name):
                return f"--{name}: it would change the protocol; leave it out"
        return None

    def fault_as_given(self, given: Mapping[str, Any]) -> str | None:
        """A protocol has its own number of samples."""
        if self.protocol is None or "best_of" not in given or given["best_of"] == 2:
            return None
        return "--best_of: the protocol asks for 2 attempts; leave it out"

    def __post_init__(self) -> None:
        """A protocol's samples are its two attempts."""
        if self.protocol is not None and self.asking.best_of == 1:
            object.__setattr__(self, "asking", replace(self.asking, best_of=2))


_CHANGE_A_PROTOCOL = (
    *("agent", "attempts", "judge", "tools", "prompt_directory", "grid_format", "system_as_user"),
    *("images", "image_cell_size", "image_digits", "images_only", "vary", "vary_seed"),
)


@dataclass(frozen=True, kw_only=True)
class CodeBenchmarkOptions(BenchmarkOptions):
    """What the user asked of the benchmark that runs programs."""

    spending: StrategyOptions = part(StrategyOptions)
    library: LibraryOptions = part(LibraryOptions)
    unsafe_no_seccomp: bool = unsafe_no_seccomp_flag(group="benchmark")

    def fault(self) -> str | None:
        """A stop must be within reach."""
        return self.spending.stop_fault(self.asking.best_of)


def parse_benchmark_options(kind: type[_T], description: str | None, stem: str) -> _T:
    """Read the command line, over the options of an earlier run with --from_metadata.

    `description` is the script's docstring, `stem` names its results. Raises UsageError if there
    is no such run.
    """
    options = parse_options(kind, description)
    if options.from_metadata is None:
        return options
    earlier = find_earlier_run(options.from_metadata, stem)
    kept = earlier.options_to_repeat(options.asking)
    return replace(parse_options(kind, description, earlier=kept), earlier=earlier)


def names_in(listed: str | None, option: str) -> list[str | None]:
    """The names of a comma list, each once; [None] if nothing was given.

    Raises UsageError if a name is missing between commas.
    """
    if listed is None:
        return [None]
    names = [name.strip() for name in listed.split(",")]
    if not all(names):
        raise UsageError(f"{option} {listed!r} has an empty name; write NAME or NAME,NAME")
    return list(dict.fromkeys(names))
