"""Merge the reasoning of results files into the store of traces.

    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl
    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl OTHER.json --dry_run

Each usable sample's reasoning becomes a trace of its task, under its model's name. A trace that
is there already is not added again, and nothing that is there is changed: the command may be run
after every run, also twice at once.
"""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from pathlib import Path

from utilities.cli import OneLineParser, run_script
from utilities.config import TRACES_STORE_PATH
from utilities.results_reader import read_entries
from utilities.traces_store import MergeCounts, merge_entries


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = OneLineParser(__doc__)
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULTS", help="results files (.jsonl or .json)"
    )
    parser.add_argument(
        "--traces_path",
        type=Path,
        default=TRACES_STORE_PATH,
        metavar="FILE",
        help="the store (default: data/traces_store.json)",
    )
    parser.add_argument("--dry_run", action="store_true", help="only say what would be merged")
    return parser.parse_args()


def main() -> int:
    """Merge and say what came of it."""
    options = parse_arguments()
    entries = chain.from_iterable(map(read_entries, options.results))
    counts = merge_entries(entries, options.traces_path, dry_run=options.dry_run)
    print_counts(counts, dry_run=options.dry_run)
    print(f"store          {options.traces_path}")
    return 0


def print_counts(counts: MergeCounts, *, dry_run: bool) -> None:
    """Print the summary."""
    reasons = ", ".join(f"{reason} {count}" for reason, count in counts.skipped.most_common())
    print(f"{'would be added' if dry_run else 'added':14} {counts.added}")
    print(f"already there  {counts.already_there}")
    print(f"skipped        {counts.skipped.total()}{f' ({reasons})' if reasons else ''}")
    print(f"total          {counts.traces} traces of {counts.tasks} tasks")


if __name__ == "__main__":
    sys.exit(run_script(main))
