"""Make new tasks of programs that fail theirs: hindsight relabelling.

    python synthetic_data_generators/relabel_programs.py code_data_results_verified.jsonl
    python synthetic_data_generators/relabel_programs.py *_results.jsonl.gz --output new_tasks.jsonl

A program that runs without errors on a task's inputs, but gives other outputs, is right for the
task with those outputs. Each such task becomes an entry `synthetic:<hash>`, in the format of other
results, with the program as its verified solution. Left out are tasks that are trivial or known
in any symmetry, and programs that are not deterministic. No model is asked, and RESULTS is not
changed.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from utilities.command_line.options import (
    Options,
    argument,
    option,
    parse_options,
    unsafe_no_seccomp_flag,
)
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.terminal import printable, show
from utilities.command_line.words import is_one_of
from utilities.config import SYNTHETIC_DATA_DIRECTORY
from utilities.files.atomic import replacing
from utilities.files.hashing import file_sha256, hash_of
from utilities.files.json_lines import encode_line
from utilities.results.provenance import new_run_id, provenance, run_metadata
from utilities.results.result_entry import SCHEMA_VERSION
from utilities.training_data.known_tasks import PUBLIC_SETS, KnownTasks
from utilities.training_data.relabelling import Relabeller
from utilities.verification.verifier import LocalVerifier, VerifierSettings

DEFAULT_OUTPUT = SYNTHETIC_DATA_DIRECTORY / "relabelled_data" / "relabelled_data_results.jsonl"


@dataclass(frozen=True, kw_only=True)
class RelabellingOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files with programs: .jsonl, or the older .json, also gzipped (.gz)", "RESULTS"
    )
    output: Path = option(
        "where to write (default: synthetic_data/relabelled_data/relabelled_data_results.jsonl)",
        "FILE",
        default=DEFAULT_OUTPUT,
    )
    unsafe_no_seccomp: bool = unsafe_no_seccomp_flag()

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        return "--output is one of RESULTS" if is_one_of(self.output, self.results) else None


async def relabel(options: RelabellingOptions) -> Relabeller:
    """Write the new tasks and the metadata; raises UsageError if results cannot be read."""
    started_at = datetime.now(UTC)
    run_id = new_run_id(started_at)
    relabeller = Relabeller(KnownTasks(PUBLIC_SETS))
    settings = VerifierSettings(unsafe_no_seccomp=options.unsafe_no_seccomp)
    async with LocalVerifier(settings, opens_late=True) as verifier:
        with replacing(options.output) as file:
            async for entry in relabeller.entries(options.results, verifier, run_id):
                file.write(encode_line(entry))
            fields = metadata_fields(options, relabeller, run_id)
            fields["sandbox"] = verifier.layers or None
            metadata = run_metadata("relabel_programs", "completed", started_at, fields)
            file.write(encode_line(metadata))
    return relabeller


def metadata_fields(
    options: RelabellingOptions, relabeller: Relabeller, run_id: str
) -> dict[str, Any]:
    """What the file's last entry says; its dataset is the results that the tasks were made of."""
    sources = {str(path): file_sha256(path) for path in options.results}
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "sources": sources,
        "dataset_hash": hash_of(sorted(sources.values())),
        "counts": {
            "samples": relabeller.samples,
            "tasks": relabeller.tasks,
            "programs": relabeller.programs,
            "skipped": dict(relabeller.skipped),
        },
        "cost_usd": 0.0,
        "options": {"unsafe_no_seccomp": options.unsafe_no_seccomp},
        **provenance(),
    }


def main() -> int:
    """Relabel and say what came of it."""
    options = parse_options(RelabellingOptions, __doc__)
    made = run_until_stopped(relabel(options))
    reasons = ", ".join(f"{reason} {count}" for reason, count in made.skipped.most_common())
    show(f"samples     {made.samples} read")
    show(f"skipped     {made.skipped.total()}{f' ({reasons})' if reasons else ''}")
    for reason in list(made.unusable_tasks.values())[:3]:
        show(f"unusable    {printable(reason, 200)}")
    show(f"new tasks   {made.tasks}, solved by {made.programs} programs")
    show(f"results     {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
