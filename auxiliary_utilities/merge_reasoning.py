"""Merge the reasoning of results files, and of others' data, into the store of traces.

    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl
    python auxiliary_utilities/merge_reasoning.py RESULTS.jsonl OTHER.json.gz --dry_run
    python auxiliary_utilities/merge_reasoning.py RESULTS_verified.jsonl --only_verified
    python auxiliary_utilities/merge_reasoning.py LARC/dataset/tasks_json

Each usable sample's reasoning becomes a trace of its task, under its model's name. What the store
has stays as it is, and no trace is added twice: run the command after every run, even twice at
once. Also read are journals of raw replies, other stores of traces, LARC's folder tasks_json,
H-ARC's summary_data.csv, ARC-TGI's CSV, and tables with task_id and reasoning (SOAR's Parquet).
"""

from utilities.command_line.script import EXIT_TASKS_FAILED, run_script

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from utilities.command_line.options import Options, argument, flag, option, parse_options
from utilities.command_line.terminal import printable, printable_end, say, show
from utilities.command_line.words import is_one_of
from utilities.config import TRACES_STORE_PATH
from utilities.traces.merging import MergeCounts, Merged, MergeRules, merge_sources
from utilities.traces.sources import open_source

_LONGEST_NAME = 48


@dataclass(frozen=True, kw_only=True)
class MergeOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files or journals: .jsonl, or the older .json, also gzipped (.gz); or other "
        "sources, as above",
        "RESULTS",
    )
    traces_path: Path = option(
        "the store (default: data/traces_store.json)", "FILE", default=TRACES_STORE_PATH
    )
    only_verified: bool = flag("only samples whose program passes every train and test pair")
    min_length: int = option("only reasoning of at least N characters", "N", default=1)
    include_views: bool = flag(
        "also reasoning about turned, recoloured or reordered tasks (of runs with --vary); the "
        "trace says so"
    )
    dry_run: bool = flag("only say what would be merged")

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        is_input = is_one_of(self.traces_path, self.results)
        return "--traces_path is one of RESULTS" if is_input else None


def main() -> int:
    """Merge and say what came of it."""
    options = parse_options(MergeOptions, __doc__)
    opened = {str(path): open_source(path) for path in options.results}
    sources = {name: source.entries for name, source in opened.items()}
    kinds = {name: source.kind for name, source in opened.items()}
    rules = MergeRules(options.only_verified, options.min_length, options.include_views)
    merged = merge_sources(sources, options.traces_path, rules=rules, dry_run=options.dry_run)
    show(*table_of(merged, kinds, dry_run=options.dry_run))
    show(f"{options.traces_path}: {merged.traces} traces of {merged.tasks} tasks")
    if merged.brought_nothing:
        say("nothing was added: see why above")
        return EXIT_TASKS_FAILED
    return 0


def table_of(merged: Merged, kinds: Mapping[str, str], *, dry_run: bool) -> list[str]:
    """A line for each source with what it was read as, and one for all if there are several."""
    rows = [
        (printable_end(name, _LONGEST_NAME), of, f"  read as {kinds[name]}")
        for name, of in merged.sources.items()
    ]
    if len(rows) > 1:
        rows.append(("total", merged.total, ""))
    width = max(len(name) for name, *_ in rows)
    added = "would be added" if dry_run else "added"
    head = f"{'results':{width}}  {added:>{len(added)}}  already there  skipped"
    return [head, *(f"{name:{width}}  {_cells(of, len(added), kind)}" for name, of, kind in rows)]


def _cells(counts: MergeCounts, width: int, kind: str) -> str:
    reasons = ", ".join(
        f"{printable(reason, _LONGEST_NAME)} {count}"
        for reason, count in counts.skipped.most_common()
    )
    why = f"  ({reasons})" if reasons else ""
    return (
        f"{counts.added:{width}}  {counts.already_there:13}  {counts.skipped.total():7}{kind}{why}"
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
