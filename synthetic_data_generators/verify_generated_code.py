"""Run the programs of a results file and write each entry again with its verdicts and labels.

    python synthetic_data_generators/verify_generated_code.py RESULTS.jsonl
    python synthetic_data_generators/verify_generated_code.py RESULTS.json.gz \
--output verified.jsonl --retry_timeouts 30
    python synthetic_data_generators/verify_generated_code.py --programs DIR --dataset arc1_training
    python synthetic_data_generators/verify_generated_code.py RESULTS.jsonl --fresh_pairs re_arc.zip

Each program runs in a sandbox on the train and test inputs of its task; its outputs are compared
outside. Judged entries are written to NAME.partial, which is renamed to NAME at the end. After a
stop, the same command goes on from there. No model is asked, and RESULTS is not changed.
"""

from utilities.command_line.script import run_script

import asyncio
import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain

from utilities.command_line.logs import open_log
from utilities.command_line.options import parse_options
from utilities.command_line.signals import Stopped, run_until_stopped
from utilities.command_line.terminal import Progress, say, show
from utilities.errors import UsageError
from utilities.results.program_tables import is_program_table
from utilities.results.provenance import provenance, run_metadata
from utilities.results.reader import Fields as Entry
from utilities.results.reader import read_fields
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.verification.fresh_pairs import FreshPairs
from utilities.verification.options import VerificationOptions
from utilities.verification.program_files import (
    entries_of_programs,
    entries_of_table,
    program_files,
)
from utilities.verification.results_pass import (
    CodeVerification,
    source_hash,
    summary_lines,
)
from utilities.verification.verified_file import VerifiedFile

LOG_NAME = "code_verification.log"


def open_source(options: VerificationOptions) -> tuple[Iterator[Entry], int | None]:
    """The entries to judge, and their number if it is known; raises UsageError if there is none."""
    if options.programs is None and is_program_table(options.source):
        return entries_of_table(options.source, _tasks_of(options)), None
    if options.programs is None:
        entries = read_fields(options.source)
        return chain([next(entries)], entries), None  # read one: if that fails, no output is made
    files = program_files(options.source)
    return entries_of_programs(files, _tasks_of(options)), len(files)


def _tasks_of(options: VerificationOptions) -> TaskSource:
    """The tasks that programs without their tasks are for."""
    return open_tasks(
        dataset=options.dataset,
        dataset_directory=options.dataset_directory,
        draw=options.draw.draw,
    )


async def verify(
    options: VerificationOptions,
    entries: Iterable[Entry],
    total: int | None,
    fresh: FreshPairs | None,
) -> None:
    """Judge every entry and say what came of it; the output gets its name when all are judged.

    Raises UsageError if an entry cannot be read, or if none can be judged.
    """
    started_at = datetime.now(UTC)
    async with (
        VerifiedFile(options.destination, resume=not options.no_resume) as output,
        options.verifier.open_verifier() as verifier,
    ):
        logging.getLogger(__name__).info("sandbox: %s", verifier.layers)
        verification = CodeVerification(verifier, output, asdict(options.verifier.settings), fresh)
        counts = verification.counts
        with Progress(total, unit="entries", quiet=options.quiet) as progress:
            await verification.judge_all(entries, progress)
        if not counts.entries:
            output.discard()
            reason = counts.skipped[:1] or ["it has no result entries"]
            raise UsageError(f"{options.source} holds nothing to judge: {reason[0]}")
        source_sha256 = await asyncio.to_thread(source_hash, options.source)
        ran = {
            "source": str(options.source),
            "source_sha256": source_sha256,
            "sandbox": verifier.layers,
            **counts.to_json(),
            "options": options.to_json(),
            **provenance(),
        }
        await output.finish(run_metadata("verify_generated_code", "completed", started_at, ran))
    if not options.quiet:
        paths = {"results": options.destination, "log": options.destination.parent / LOG_NAME}
        retried = options.verifier.retry_timeouts is not None
        show(*summary_lines(counts, verifier.layers, paths, retried=retried))


def main() -> int:
    """Verify and say what came of it."""
    options = parse_options(
        VerificationOptions, __doc__, usage="(RESULTS | --programs DIR) [options]"
    )
    entries, total = open_source(options)
    fresh = options.open_fresh_pairs()
    try:
        log = options.destination.parent / LOG_NAME
        with open_log(log, verbose=options.verbose, option="--output"):
            run_until_stopped(verify(options, entries, total, fresh))
    except Stopped as stopped:
        partial = VerifiedFile(options.destination).partial
        kept = f"what was judged is kept in {partial}" if partial.exists() else "nothing was judged"
        say(f"stopped: {kept}; the same command goes on from there")
        return stopped.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
