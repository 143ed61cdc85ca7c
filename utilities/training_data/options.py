"""The options of `export_training_data.py`."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from utilities.command_line.options import (
    Options,
    argument,
    comma_list,
    flag,
    is_one_of,
    option,
    part,
    unsafe_no_seccomp_flag,
)
from utilities.training_data.augmentation import KINDS, Kind
from utilities.training_data.filters import Filters
from utilities.training_data.rows import FORMATS, RowFormat
from utilities.training_data.selection import Deduplication
from utilities.training_data.splits import WHOLE, Shares, parse_shares
from utilities.verification.verifier import VerifierSettings


def _kinds(text: str) -> tuple[Kind, ...]:
    """Kinds of versions in the order of KINDS, from a comma list."""
    words = comma_list(text)
    known = ", ".join(KINDS)
    if unknown := [word for word in words if word not in KINDS]:
        raise argparse.ArgumentTypeError(f"{','.join(unknown)}: known are {known}")
    if not words:
        raise argparse.ArgumentTypeError(f"names none of {known}")
    return tuple(kind for kind in KINDS if kind in words)


_row = partial(option, group="rows")


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files: .jsonl, or the older .json, also gzipped (.gz)", "RESULTS"
    )
    format: str = option(
        f"what a row is: {', '.join(FORMATS)}", "FORMAT", choices=tuple(FORMATS), required=True
    )
    output: Path = option("the file to write; for parquet a folder", "PATH", required=True)
    filters: Filters = part(Filters)
    evaluation_tasks: Literal["leave_out", "refuse", "allow"] = option(
        "tasks of ARC-AGI's evaluation sets, known by content: left out and named, an error, or "
        "rows like others",
        default="leave_out",
        group="which samples",
    )
    verify_again: bool = flag(
        "run every program, even if RESULTS tells its verdict; without it, those whose verdict or "
        "labels are missing",
        group="which samples",
    )
    unsafe_no_seccomp: bool = unsafe_no_seccomp_flag(group="which samples")
    deduplicate: Deduplication = _row(
        "equal programs of a task once, or also those that give the same outputs",
        default="program",
    )
    max_per_task: int | None = _row(
        "rows for each task, its turned and recoloured copies counted with it", "N"
    )
    prompt: Literal["recorded", "standard"] = _row(
        "what the model was sent, if it is recorded, or one question for all", default="recorded"
    )
    split: Shares = _row(
        "parts and their shares of the tasks: train=0.9,validation=0.1 (default: one part)",
        "SHARES",
        parse=parse_shares,
        default=WHOLE,
    )
    augment: int = _row(
        "N further versions of each row, their programs wrapped and verified again",
        "N",
        default=0,
    )
    augment_with: tuple[Kind, ...] = _row(
        f"how versions differ: comma list of {', '.join(KINDS)} (default: all)",
        "LIST",
        parse=_kinds,
        default=KINDS,
    )
    seed: int = _row("of splits and versions", "N", parse=int, default=0)

    @property
    def row_format(self) -> RowFormat:
        """What makes the rows."""
        return FORMATS[self.format]

    @property
    def settings(self) -> VerifierSettings:
        """How programs are run."""
        return VerifierSettings(unsafe_no_seccomp=self.unsafe_no_seccomp)

    @property
    def is_split(self) -> bool:
        """Whether there are parts."""
        return self.split != WHOLE

    def fault(self) -> str | None:
        """What is wrong with options that are each right."""
        paired, folder = self.row_format.of_pair is not None, self.row_format.is_folder
        is_file = self.output.is_file() or self.output.suffix == ".parquet"
        faults = {
            f"--augment does not go with --format {self.format}": paired and self.augment,
            f"--format {self.format} needs verified samples: leave --verified any out": (
                paired and self.filters.verified == "any"
            ),
            "--output is one of RESULTS": is_one_of(self.output, self.results),
            f"--output names a file; --format {self.format} writes a folder": folder and is_file,
        }
        return next((fault for fault, is_so in faults.items() if is_so), None)
