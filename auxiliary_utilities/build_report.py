"""Make one page out of results files: scores, every task, every attempt, in the ARC colours.

    python auxiliary_utilities/build_report.py benchmark/benchmark_results/code_benchmark/code_benchmark_results.jsonl
    python auxiliary_utilities/build_report.py GPT.jsonl CLAUDE.jsonl --output compared.html

The page is one file that opens from the disk and fetches nothing. It takes results of the
benchmarks and of the generators, verified or not, plain or gzipped; several of them, or several
models in one file, are compared. Replies are shown as text, whatever they contain.
"""  # noqa: E501 - a command to paste

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from utilities.command_line.argument_types import positive_int
from utilities.command_line.script import OneLineParser, run_script
from utilities.files.atomic import write_atomically
from utilities.report.contents import ReportContents
from utilities.report.page import page_of


def parse_arguments() -> argparse.Namespace:
    """The options."""
    parser = OneLineParser(__doc__, usage="%(prog)s RESULTS [RESULTS ...] [options]")
    add = parser.add_argument
    add("results", nargs="+", type=Path, metavar="RESULTS", help="results files")
    add("--output", type=Path, metavar="FILE", help="the page (default: beside the first "
        "results file, NAME_report.html)")  # fmt: skip
    add("--max_text", type=positive_int, default=20_000, metavar="N", help="longest reasoning or "
        "program, in characters; of longer ones the middle is left out (20000)")  # fmt: skip
    add("--max_megabytes", type=positive_int, default=100, metavar="N", help="room for samples; "
        "results that find none stand in the table only (100)")  # fmt: skip
    return parser.parse_args()


def main() -> int:
    """Build the page and say where it is."""
    options = parse_arguments()
    contents = ReportContents(
        longest_text=options.max_text, most_bytes=options.max_megabytes * 1_000_000
    )
    contents.read(options.results)
    page = b"".join(page_of(contents, built_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
    path = options.output or default_output(options.results[0])
    write_atomically(path, page)
    print(f"report   {path} ({len(page) / 1e6:.1f} MB)")
    print(f"tasks    {len(contents.tasks)}")
    print(f"runs     {len(contents.runs)}")
    if contents.cut_texts:
        print(f"cut      {contents.cut_texts} texts longer than {options.max_text:,} characters")
    if contents.left_out:
        print(f"left out the samples of {contents.left_out} results; --max_megabytes makes room")
    return 0


def default_output(results: Path) -> Path:
    """Beside the results: `code_benchmark_results.jsonl` → `code_benchmark_results_report.html`."""
    stem = results.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")
    return results.with_name(f"{stem}_report.html")


if __name__ == "__main__":
    sys.exit(run_script(main))
