"""Merge the reasoning of results files into the store of traces.

    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl
    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl OTHER.json.gz --dry_run
    python auxiliary_utilities/merge_reasoning.py RESULTS_verified.jsonl --only_verified

Each usable sample's reasoning becomes a trace of its task, under its model's name. What the store
has stays as it is, and no trace is added twice: run the command after every run, even twice at
once. A journal of raw replies can be merged like a results file.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass
from pathlib import Path

from utilities.command_line.options import Options, argument, flag, is_one_of, option, parse_options
from utilities.command_line.terminal import printable, printable_end, show
from utilities.config import TRACES_STORE_PATH
from utilities.results.reader import read_entries
from utilities.traces.merging import MergeCounts, Merged, MergeRules, merge_sources

_LONGEST_NAME = 48


@dataclass(frozen=True, kw_only=True)
class MergeOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files or journals: .jsonl, or the older .json, also gzipped (.gz)", "RESULTS"
    )
    traces_path: Path = option(
        "the store (default: data/traces_store.json)", "FILE", default=TRACES_STORE_PATH
    )
    only_verified: bool = flag("only samples whose program passes every train and test pair")
    min_length: int = option("only reasoning of at least N characters", "N", default=1)
    dry_run: bool = flag("only say what would be merged")

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        is_input = is_one_of(self.traces_path, self.results)
        return "--traces_path is one of RESULTS" if is_input else None


def main() -> int:
    """Merge and say what came of it."""
    options = parse_options(MergeOptions, __doc__)
    sources = {str(path): read_entries(path, may_be_pipe=True) for path in options.results}
    rules = MergeRules(options.only_verified, options.min_length)
    merged = merge_sources(sources, options.traces_path, rules=rules, dry_run=options.dry_run)
    show(*table_of(merged, dry_run=options.dry_run))
    show(f"{options.traces_path}: {merged.traces} traces of {merged.tasks} tasks")
    return 0


def table_of(merged: Merged, *, dry_run: bool) -> list[str]:
    """A line for each source, and one for all of them if there are several."""
    rows = [(printable_end(name, _LONGEST_NAME), of) for name, of in merged.sources.items()]
    if len(rows) > 1:
        rows.append(("total", merged.total))
    width = max(len(name) for name, _ in rows)
    added = "would be added" if dry_run else "added"
    head = f"{'results':{width}}  {added:>{len(added)}}  already there  skipped"
    return [head, *(f"{name:{width}}  {_cells(of, len(added))}" for name, of in rows)]


def _cells(counts: MergeCounts, width: int) -> str:
    reasons = ", ".join(
        f"{printable(reason, _LONGEST_NAME)} {count}"
        for reason, count in counts.skipped.most_common()
    )
    why = f"  ({reasons})" if reasons else ""
    return f"{counts.added:{width}}  {counts.already_there:13}  {counts.skipped.total():7}{why}"


if __name__ == "__main__":
    sys.exit(run_script(main))
