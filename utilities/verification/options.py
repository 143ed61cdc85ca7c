"""The options of `verify_generated_code.py`."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from utilities.command_line.argument_types import positive_float, positive_int
from utilities.command_line.script import OneLineParser
from utilities.sandbox.execution import Limits
from utilities.verification.verifier import LocalVerifier, Verifier, VerifierSettings

_DEFAULTS = Limits()
_WALL_TO_CPU = _DEFAULTS.wall_s / _DEFAULTS.cpu_s


@dataclass(frozen=True, slots=True)
class VerificationOptions:
    """What the user asked for, with the defaults filled in."""

    source: Path
    """A results file, or the folder of --programs."""
    is_folder: bool
    dataset: str | None
    dataset_directory: Path | None
    output: Path
    settings: VerifierSettings
    executor: Literal["local", "ray"]
    ray_address: str | None
    max_concurrent_programs: int | None
    no_resume: bool
    quiet: bool
    verbose: bool

    def open_verifier(self) -> Verifier:
        """What judges, to be entered; raises UsageError where --executor is not installed."""
        if self.executor == "local":
            return LocalVerifier(self.settings, workers=self.max_concurrent_programs)
        from utilities.verification.ray_verifier import RayVerifier

        return RayVerifier(
            self.settings, address=self.ray_address, actors=self.max_concurrent_programs
        )

    def to_json(self) -> dict[str, Any]:
        """Every option as it goes into the metadata."""
        return {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }


def parse_options(description: str | None) -> VerificationOptions:
    """Read the command line; `description` is the script's docstring."""
    parser = OneLineParser(description, usage="%(prog)s (RESULTS | --programs DIR) [options]")
    _add_source_options(parser)
    _add_limit_options(parser.add_argument_group("limits for each program, over all its inputs"))
    _add_run_options(parser.add_argument_group("run"))
    parsed = parser.parse_args()
    if (fault := _fault(parsed)) is not None:
        parser.error(fault)
    return _options_of(parsed)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("results", type=Path, nargs="?", metavar="RESULTS", help="a results file: JSON Lines or "
        "the older .json, also gzipped (.gz)")  # fmt: skip
    add("--programs", type=Path, metavar="DIR", help="a folder of programs named by task, such "
        "as 00d62c1b.py, instead of RESULTS")  # fmt: skip
    add("--dataset", metavar="NAME", help="the tasks for --programs (default: data/dataset.json)")
    add("--dataset_directory", type=Path, metavar="DIR", help="a folder or file of tasks for "
        "--programs")  # fmt: skip
    add("--output", type=Path, metavar="FILE", help="where to write (default: beside the source, "
        "as NAME_verified.jsonl)")  # fmt: skip


def _add_limit_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--cpu_s", type=positive_float, metavar="S", default=_DEFAULTS.cpu_s,
        help=f"processor seconds ({_DEFAULTS.cpu_s:g})")  # fmt: skip
    add("--wall_s", type=positive_float, metavar="S", help="seconds by the clock "
        f"({_WALL_TO_CPU:g} times --cpu_s)")  # fmt: skip
    add("--memory_mb", type=positive_int, metavar="MB", default=_DEFAULTS.memory_mb,
        help=f"MiB over the bare interpreter's ({_DEFAULTS.memory_mb})")  # fmt: skip
    add("--retry_timeouts", type=positive_float, metavar="S", help="give programs that time out "
        "one more pass of so many processor seconds")  # fmt: skip


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--mode", choices=("strict", "batch"), default="strict", help="strict: a process for each "
        "program (default); batch: many programs a process, faster")  # fmt: skip
    add("--max_concurrent_programs", type=positive_int, metavar="N", help="workers, each of "
        "which runs one program at a time of each kind (default: one for each core)")  # fmt: skip
    add("--executor", choices=("local", "ray"), default="local", help="where programs run: on this "
        "machine (default), or in actors of Ray")  # fmt: skip
    add("--ray_address", metavar="ADDRESS", help="the Ray cluster to use (default: one on this "
        "machine, for this run)")  # fmt: skip
    add("--unsafe_no_seccomp", action="store_true", help="run also where system calls cannot be "
        "filtered; only for programs that you trust")  # fmt: skip
    add("--no_resume", action="store_true", help="judge everything anew, also what an interrupted "
        "run has judged")  # fmt: skip
    loudness = group.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", action="store_true", help="no progress, no summary")
    loudness.add_argument("--verbose", action="store_true", help="every verdict in the log")


def _fault(parsed: argparse.Namespace) -> str | None:
    """What is wrong with options that are each right."""
    if (parsed.results is None) == (parsed.programs is None):
        return "give either RESULTS or --programs DIR"
    if parsed.programs is None and (parsed.dataset or parsed.dataset_directory):
        return "--dataset and --dataset_directory go with --programs: RESULTS carries its tasks"
    if parsed.ray_address is not None and parsed.executor != "ray":
        return "--ray_address goes with --executor ray"
    if parsed.retry_timeouts is not None and parsed.retry_timeouts <= parsed.cpu_s:
        return f"--retry_timeouts must be longer than --cpu_s, which is {parsed.cpu_s:g}"
    output, source = parsed.output, parsed.results or parsed.programs
    if output is not None and output.resolve() == source.resolve():
        return f"--output is {'RESULTS' if parsed.results else '--programs'} itself"
    return None


def _options_of(parsed: argparse.Namespace) -> VerificationOptions:
    source = parsed.results or parsed.programs
    wall_s = parsed.wall_s or _WALL_TO_CPU * parsed.cpu_s
    return VerificationOptions(
        source=source,
        is_folder=parsed.results is None,
        dataset=parsed.dataset,
        dataset_directory=parsed.dataset_directory,
        output=parsed.output or _default_output(source),
        settings=VerifierSettings(
            limits=Limits(cpu_s=parsed.cpu_s, wall_s=wall_s, memory_mb=parsed.memory_mb),
            mode=parsed.mode,
            retry_timeouts_s=parsed.retry_timeouts,
            unsafe_no_seccomp=parsed.unsafe_no_seccomp,
        ),
        executor=parsed.executor,
        ray_address=parsed.ray_address,
        max_concurrent_programs=parsed.max_concurrent_programs,
        no_resume=parsed.no_resume,
        quiet=parsed.quiet,
        verbose=parsed.verbose,
    )


def _default_output(source: Path) -> Path:
    """`code_data_results.jsonl.gz` → `code_data_results_verified.jsonl`, beside it."""
    name = source.resolve().name
    stem = name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")
    return source.parent / f"{stem}_verified.jsonl"
