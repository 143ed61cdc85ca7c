"""The options of `verify_generated_code.py`."""

import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from utilities.command_line.options import (
    Options,
    argument,
    flag,
    option,
    part,
    unsafe_no_seccomp_flag,
)
from utilities.command_line.words import is_one_of
from utilities.files.json_files import stem_of
from utilities.sandbox.execution import Limits
from utilities.tasks.selection import DrawOptions
from utilities.verification.fresh_pairs import FEWEST_PAIRS, FreshPairs
from utilities.verification.verified_file import VerifiedFile
from utilities.verification.verifier import LocalVerifier, Verifier, VerifierSettings

_DEFAULTS = Limits()
_WALL_TO_CPU = _DEFAULTS.wall_s / _DEFAULTS.cpu_s
_limit = partial(option, group="limits for each program, over all its inputs")
_fresh = partial(option, group="fresh pairs")
_run = partial(option, group="run")
_run_flag = partial(flag, group="run")


@dataclass(frozen=True, kw_only=True)
class VerifierOptions(Options):
    """How programs are run, and where."""

    cpu_s: float = _limit("processor seconds", "S", default=_DEFAULTS.cpu_s)
    wall_s: float | None = _limit(
        f"seconds by the clock (default: {_WALL_TO_CPU:g} times --cpu_s)", "S"
    )
    memory_mb: int = _limit("MiB over the bare interpreter's", "MB", default=_DEFAULTS.memory_mb)
    retry_timeouts: float | None = _limit(
        "run programs that time out once more, with this many processor seconds", "S"
    )
    mode: Literal["strict", "batch"] = _run(
        "strict: a process for each program; batch: many programs a process, faster",
        default="strict",
    )
    max_concurrent_programs: int | None = _run(
        "programs of each kind that run at the same time (default: one a core)",
        "N",
    )
    executor: Literal["local", "ray"] = _run(
        "where programs run: on this machine or in Ray actors", default="local"
    )
    ray_address: str | None = _run(
        "the Ray cluster (default: one on this machine, for this run)", "ADDRESS"
    )
    unsafe_no_seccomp: bool = unsafe_no_seccomp_flag(group="run")

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        if self.ray_address is not None and self.executor != "ray":
            return "--ray_address goes with --executor ray"
        if self.retry_timeouts is not None and self.retry_timeouts <= self.cpu_s:
            return f"--retry_timeouts must be longer than --cpu_s, which is {self.cpu_s:g}"
        return None

    @property
    def settings(self) -> VerifierSettings:
        """How programs are run."""
        wall_s = self.wall_s or _WALL_TO_CPU * self.cpu_s
        return VerifierSettings(
            limits=Limits(cpu_s=self.cpu_s, wall_s=wall_s, memory_mb=self.memory_mb),
            mode=self.mode,
            retry_timeouts_s=self.retry_timeouts,
            unsafe_no_seccomp=self.unsafe_no_seccomp,
        )

    def open_verifier(self) -> Verifier:
        """The verifier, not entered yet; raises UsageError if Ray is wanted and not installed."""
        if self.executor == "local":
            return LocalVerifier(self.settings, workers=self.max_concurrent_programs)
        from utilities.verification.ray_verifier import RayVerifier

        return RayVerifier(
            self.settings, address=self.ray_address, actors=self.max_concurrent_programs
        )


@dataclass(frozen=True, kw_only=True)
class VerificationOptions(Options):
    """What the user asked for."""

    results: Path | None = argument(
        "a results file: JSON Lines or the older .json, also gzipped (.gz); or a .parquet file "
        "with task_id and code (SOAR)",
        "RESULTS",
        default=None,
    )
    programs: Path | None = option(
        "a folder of programs named by task, such as 00d62c1b.py, instead of RESULTS", "DIR"
    )
    dataset: str | None = option(
        "the tasks for --programs and for .parquet files (default: data/dataset.json)", "NAME"
    )
    dataset_directory: Path | None = option("a folder or file of tasks for these", "DIR")
    draw: DrawOptions = part(DrawOptions)
    output: Path | None = option(
        "where to write (default: beside the source, as NAME_verified.jsonl)", "FILE"
    )
    verifier: VerifierOptions = part(VerifierOptions)
    fresh_pairs: Path | None = _fresh(
        "a folder or zip archive of further pairs of the same rules, as RE-ARC and ARC-GEN write "
        "them (00d62c1b.json: a list of pairs); programs that pass train run on these too",
        "PATH",
    )
    fresh_per_task: int = _fresh("most fresh pairs of a task", "N", default=50)
    fresh_threshold: float = _fresh(
        "the share of fresh pairs from which on a program generalises, if there are "
        f"{FEWEST_PAIRS} at least",
        "SHARE",
        default=1.0,
    )
    no_resume: bool = _run_flag("judge everything again, even what a stopped run has judged")
    quiet: bool = _run_flag("no progress, no summary", exclusive="loudness")
    verbose: bool = _run_flag("every verdict in the log", exclusive="loudness")

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        if (self.results is None) == (self.programs is None):
            return "give either RESULTS or --programs DIR"
        is_table = self.results is not None and self.results.suffix.lower() == ".parquet"
        if self.programs is None and not is_table and (self.dataset or self.dataset_directory):
            return (
                "--dataset and --dataset_directory go with --programs and .parquet files: RESULTS "
                "carries its tasks"
            )
        if not 0 < self.fresh_threshold <= 1:
            return (
                f"--fresh_threshold {self.fresh_threshold:g} is no share: give one over 0, up to 1"
            )
        return self._fault_of_output()

    def _fault_of_output(self) -> str | None:
        if is_one_of(self.destination, [self.source]):
            return f"--output is {'RESULTS' if self.results else '--programs'} itself"
        if is_one_of(partial := VerifiedFile(self.destination).partial, [self.source]):
            return f"{partial.name} is written until --output is whole: give RESULTS another name"
        return None

    @property
    def source(self) -> Path:
        """A results file, or the folder of --programs."""
        source = self.results or self.programs
        assert source is not None
        return source

    @property
    def destination(self) -> Path:
        """Where to write: `code_data_results.jsonl.gz` → `code_data_results_verified.jsonl`."""
        stem = stem_of(Path(os.path.realpath(self.source)).name)
        return self.output or self.source.parent / f"{stem}_verified.jsonl"

    def open_fresh_pairs(self) -> FreshPairs | None:
        """The fresh pairs, if they are wanted; raises UsageError if there are none."""
        if self.fresh_pairs is None:
            return None
        return FreshPairs(
            self.fresh_pairs, most_pairs=self.fresh_per_task, threshold=self.fresh_threshold
        )

    def to_json(self) -> dict[str, Any]:
        """The options as the metadata keeps them, with their defaults filled in."""
        given = super().to_json() | self.verifier.to_json()
        run = ("executor", "ray_address", "max_concurrent_programs")
        return {
            "source": str(self.source),
            "is_folder": self.programs is not None,
            **{name: given[name] for name in ("dataset", "dataset_directory")},
            **self.draw.to_json(),
            "output": str(self.destination),
            "settings": asdict(self.verifier.settings),
            **{name: given[name] for name in ("fresh_pairs", "fresh_per_task", "fresh_threshold")},
            **{name: given[name] for name in (*run, "no_resume", "quiet", "verbose")},
        }
