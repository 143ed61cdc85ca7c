"""The options of the two benchmark scripts."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utilities.command_line.argument_types import positive_int
from utilities.command_line.script import OneLineParser
from utilities.errors import UsageError
from utilities.runs.earlier_run import EarlierRun, find_earlier_run
from utilities.runs.options import AskingOptions, add_asking_options
from utilities.scoring.options import SubmissionOptions, add_submission_options

DEFAULT_ATTEMPTS = 2
_MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What the user asked of a benchmark; `shown` is every option as the metadata keeps it."""

    asking: AskingOptions
    submission: SubmissionOptions
    attempts: int
    refine: int
    unsafe_no_seccomp: bool
    earlier: EarlierRun | None
    """The run that is started again, with --from_metadata."""
    shown: dict[str, Any]


def parse_benchmark_options(
    description: str | None, stem: str, *, runs_programs: bool
) -> BenchmarkOptions:
    """Read the command line, over the options of an earlier run with --from_metadata.

    `description` is the script's docstring, `stem` names its results. Raises UsageError where
    there is no such run.
    """
    parser = OneLineParser(description)
    add_asking_options(parser)
    _add_benchmark_options(parser.add_argument_group("benchmark"), runs_programs=runs_programs)
    add_submission_options(parser)
    parsed = parser.parse_args()
    earlier = None
    if parsed.from_metadata is not None:
        earlier = find_earlier_run(parsed.from_metadata, stem)
        parser.set_defaults(**earlier.options_among(vars(parsed)))
        parsed = parser.parse_args()
    return BenchmarkOptions(
        asking=AskingOptions.of(parsed),
        submission=SubmissionOptions.of(parsed),
        attempts=parsed.attempts,
        refine=parsed.refine if runs_programs else 0,
        unsafe_no_seccomp=parsed.unsafe_no_seccomp if runs_programs else False,
        earlier=earlier,
        shown={
            name: str(value) if isinstance(value, Path) else value
            for name, value in vars(parsed).items()
        },
    )


def _add_benchmark_options(group: argparse._ArgumentGroup, *, runs_programs: bool) -> None:
    add = group.add_argument
    add("--attempts", type=_attempt_count, default=DEFAULT_ATTEMPTS, metavar="K",
        help=f"different answers handed in for each test input ({DEFAULT_ATTEMPTS})")  # fmt: skip
    add("--from_metadata", type=Path, metavar="RESULTS", help="start the last run of this results "
        "file again, with its options; those given besides count instead")  # fmt: skip
    if not runs_programs:
        return
    add("--refine", type=_round_count, default=0, metavar="R", help="up to R further rounds of "
        "--best_of samples for tasks without a program that fits all train pairs (0)")  # fmt: skip
    add("--unsafe_no_seccomp", action="store_true", help="run programs also where system calls "
        "cannot be filtered; only if you trust them")  # fmt: skip


def _attempt_count(text: str) -> int:
    return positive_int(text, most=1000)


def _round_count(text: str) -> int:
    return 0 if text == "0" else positive_int(text, most=_MOST_ROUNDS)


def names_in(listed: str | None, option: str) -> list[str | None]:
    """The names of a comma list, each once; [None] where nothing was given.

    Raises UsageError where a name is missing between commas.
    """
    if listed is None:
        return [None]
    names = [name.strip() for name in listed.split(",")]
    if not all(names):
        raise UsageError(f"{option} {listed!r} has an empty name; write NAME or NAME,NAME")
    return list(dict.fromkeys(names))
