"""Run the programs of a results file and write each entry again with its verdicts.

    python synthetic_data_generators/verify_generated_code.py RESULTS.jsonl
    python synthetic_data_generators/verify_generated_code.py RESULTS.jsonl \
--output verified.jsonl --max_concurrent_programs 8

Each program runs in a sandbox on the train and test inputs of the task that its entry carries; the
outputs are compared outside. Entries are written as they are judged, to NAME.partial, which takes
its name at the end. No model is asked, and RESULTS stays as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable
from contextlib import aclosing
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from utilities.cli import OneLineParser, positive_int, run_script
from utilities.code_verification import CodeVerification, PartialFile, VerificationCounts
from utilities.errors import UsageError
from utilities.logs import open_log
from utilities.results_reader import Entry, read_entries
from utilities.sandbox.sandbox import Sandbox

LOG_NAME = "code_verification.log"


def parse_arguments() -> argparse.Namespace:
    """The options, with the default of --output filled in."""
    parser = OneLineParser(__doc__, usage="%(prog)s RESULTS [options]")
    parser.add_argument("results", type=Path, metavar="RESULTS", help="a results file")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write (default: beside RESULTS, as NAME_verified.jsonl)",
    )
    parser.add_argument(
        "--max_concurrent_programs",
        type=positive_int,
        metavar="N",
        help="programs that run at the same time (default: one for each core)",
    )
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("--quiet", action="store_true", help="no progress, no summary")
    loudness.add_argument("--verbose", action="store_true", help="every verdict in the log")
    options = parser.parse_args()
    options.output = options.output or default_output(options.results)
    if options.output.resolve() == options.results.resolve():
        parser.error("--output is RESULTS itself")
    return options


def default_output(results: Path) -> Path:
    """`code_data_results.jsonl.gz` → `code_data_results_verified.jsonl`, beside it."""
    stem = results.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")
    return results.with_name(f"{stem}_verified.jsonl")


async def verify_entries(
    options: argparse.Namespace, entries: Iterable[Entry], output: PartialFile
) -> VerificationCounts:
    """Judge every entry; `output` takes its name once all are judged.

    Raises UsageError where the entries break off or none of them can be judged.
    """
    hide = True if options.quiet else None
    async with Sandbox(workers=options.max_concurrent_programs) as sandbox:
        verification = CodeVerification(sandbox, entries_ahead=2 * sandbox.workers)
        with tqdm(unit=" entries", disable=hide, leave=False) as progress:
            async with aclosing(verification.judged(entries)) as judged:
                async for entry in judged:
                    output.append(entry)
                    progress.update()
        if not verification.counts.entries:
            output.discard()
            reason = verification.counts.skipped[:1] or ["it has no result entries"]
            raise UsageError(f"{options.results} holds nothing to judge: {reason[0]}")
        output.append(verification.metadata(options.results))
    output.finish()
    return verification.counts


def print_summary(counts: VerificationCounts, options: argparse.Namespace) -> None:
    """Say what came of the programs, and where it is written."""
    print(f"programs                  {counts.programs} in {counts.entries} entries")
    for status, number in counts.statuses.most_common():
        print(f"  {status:23} {number}")
    print(f"passing train             {counts.passed_train}")
    print(f"passing train and test    {counts.passed_train_and_test}")
    print(f"tasks with such a program {len(counts.verified_task_ids)}")
    if counts.skipped:
        print(f"entries not judged        {len(counts.skipped)}, the first: {counts.skipped[0]}")
    print(f"results                   {options.output}")
    print(f"log                       {options.output.parent / LOG_NAME}")


def main() -> int:
    """Verify and say what came of it."""
    options = parse_arguments()
    entries = read_entries(options.results)
    first = next(entries)  # a file that cannot be read leaves nothing behind
    output = PartialFile(options.output)
    try:
        with open_log(options.output.parent / LOG_NAME, verbose=options.verbose):
            counts = asyncio.run(verify_entries(options, chain([first], entries), output))
    except KeyboardInterrupt:
        print(f"interrupted: what was judged so far is in {output.partial}", file=sys.stderr)
        raise
    if not options.quiet:
        print_summary(counts, options)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
