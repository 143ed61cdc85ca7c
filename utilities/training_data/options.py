"""The options of `export_training_data.py`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utilities.command_line.argument_types import positive_int
from utilities.command_line.script import OneLineParser
from utilities.training_data.augmentation import KINDS, Kind
from utilities.training_data.filters import Filters
from utilities.training_data.rows import FORMATS, PAIRED, Format
from utilities.training_data.selection import Deduplication
from utilities.training_data.splits import WHOLE, Shares, parse_shares
from utilities.verification.verifier import VerifierSettings

EvaluationTasks = Literal["leave_out", "refuse", "allow"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What the user asked for, with the defaults filled in."""

    results: tuple[Path, ...]
    form: Format
    output: Path
    filters: Filters
    deduplication: Deduplication
    max_per_task: int | None
    recorded_prompts: bool
    evaluation_tasks: EvaluationTasks
    shares: Shares
    seed: int
    augment: int
    augment_with: tuple[Kind, ...]
    verify_again: bool
    settings: VerifierSettings

    @property
    def splits(self) -> bool:
        """Whether there are parts."""
        return self.shares != WHOLE


def parse_options(description: str | None) -> ExportOptions:
    """Read the command line; raises UsageError for what does not go together."""
    parser = OneLineParser(description, usage="%(prog)s RESULTS ... --format FORMAT --output PATH")
    add = parser.add_argument
    add("results", nargs="+", type=Path, metavar="RESULTS", help="results files: .jsonl, or the "
        "older .json, also gzipped (.gz)")  # fmt: skip
    add("--format", choices=FORMATS, required=True, help="what a row is", metavar="FORMAT")
    add("--output", type=Path, required=True, metavar="PATH", help="the file to write; for parquet "
        "a folder")  # fmt: skip
    _add_filters(parser.add_argument_group("which samples"))
    _add_rows(parser.add_argument_group("rows"))
    parsed = parser.parse_args()
    if (fault := _fault(parsed)) is not None:
        parser.error(fault)
    return _options_of(parsed)


def _add_filters(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--verified", choices=("train_and_test", "train", "any"), default="train_and_test",
        help="what the program must solve (default: train_and_test); any: also what fails and "
        "what has no program")  # fmt: skip
    add("--allow_nondeterministic", action="store_true", help="also programs whose outputs vary")
    add("--allow_hardcoded", action="store_true", help="also programs that hold an output")
    add("--status", default="ok", metavar="LIST", help="statuses of samples, comma list (ok)")
    add("--models", metavar="LIST", help="only samples of these models, comma list")
    add("--min_length", type=positive_int, default=1, metavar="N", help="characters of reasoning "
        "and program together, at least")  # fmt: skip
    add("--max_length", type=positive_int, metavar="N", help="the same, at most")
    add("--evaluation_tasks", choices=("leave_out", "refuse", "allow"), default="leave_out",
        help="tasks of ARC-AGI's evaluation sets, known by content: left out and named (default), "
        "an error, or rows like others")  # fmt: skip
    add("--verify_again", action="store_true", help="run every program, also those whose verdict "
        "RESULTS tells; without it, those whose verdict or labels are missing")  # fmt: skip
    add("--unsafe_no_seccomp", action="store_true", help="run programs also where system calls "
        "cannot be filtered; only if you trust them")  # fmt: skip


def _add_rows(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--deduplicate", choices=("program", "outputs", "none"), default="program", help="equal "
        "programs of a task once (default), or also those that give the same outputs")  # fmt: skip
    add("--max_per_task", type=positive_int, metavar="N", help="rows a task, its turned and "
        "recoloured copies counted with it")  # fmt: skip
    add("--prompt", choices=("recorded", "standard"), default="recorded", help="what the "
        "model was sent, where there is something (default), or one question for all")  # fmt: skip
    add("--split", metavar="SHARES", help="parts and their shares of the tasks: "
        "train=0.9,validation=0.1")  # fmt: skip
    add("--augment", type=positive_int, metavar="N", help="N further versions of each row, their "
        "programs wrapped and verified again")  # fmt: skip
    add("--augment_with", default=",".join(KINDS), metavar="LIST", help="how versions differ: "
        f"comma list of {', '.join(KINDS)} (default: all)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of splits and versions (0)")


def _fault(parsed: argparse.Namespace) -> str | None:
    """What is wrong with options that are each right."""
    kinds, paired = _list(parsed.augment_with), parsed.format in PAIRED
    unknown = [kind for kind in kinds if kind not in KINDS]
    folder = parsed.format == "parquet"
    is_file = parsed.output.is_file() or parsed.output.suffix == ".parquet"
    sources = {path.resolve() for path in parsed.results}
    faults = {
        f"--augment_with {','.join(unknown)}: known are {', '.join(KINDS)}": bool(unknown),
        f"--augment_with names none of {', '.join(KINDS)}": not kinds,
        f"--augment does not go with --format {parsed.format}": paired and parsed.augment,
        f"--format {parsed.format} needs verified samples: leave --verified any out": (
            paired and parsed.verified == "any"
        ),
        "--max_length is less than --min_length": (
            parsed.max_length is not None and parsed.max_length < parsed.min_length
        ),
        "--output is one of RESULTS": parsed.output.resolve() in sources,
        "--output names a file; --format parquet writes a folder": folder and is_file,
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def _options_of(parsed: argparse.Namespace) -> ExportOptions:
    return ExportOptions(
        results=tuple(parsed.results),
        form=parsed.format,
        output=parsed.output,
        filters=Filters(
            verified=parsed.verified,
            allow_nondeterministic=parsed.allow_nondeterministic,
            allow_hardcoded=parsed.allow_hardcoded,
            status=_list(parsed.status),
            models=None if parsed.models is None else _list(parsed.models),
            min_length=parsed.min_length,
            max_length=parsed.max_length,
        ),
        deduplication=parsed.deduplicate,
        max_per_task=parsed.max_per_task,
        recorded_prompts=parsed.prompt == "recorded",
        evaluation_tasks=parsed.evaluation_tasks,
        shares=WHOLE if parsed.split is None else parse_shares(parsed.split),
        seed=parsed.seed,
        augment=parsed.augment or 0,
        augment_with=tuple(kind for kind in KINDS if kind in _list(parsed.augment_with)),
        verify_again=parsed.verify_again,
        settings=VerifierSettings(unsafe_no_seccomp=parsed.unsafe_no_seccomp),
    )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
