"""Make one page out of results files: scores, every task, every attempt, in the ARC colours.

    python auxiliary_utilities/build_report.py benchmark/benchmark_results/code_benchmark/code_benchmark_results.jsonl
    python auxiliary_utilities/build_report.py GPT.jsonl CLAUDE.jsonl --output compared.html

The page is one file that opens from the disk and fetches nothing. It takes results of the
benchmarks and of the generators, verified or not, plain or gzipped; several of them, or several
models in one file, are compared. Replies are shown as text, whatever they contain.
"""  # noqa: E501 - a command to paste

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from utilities.command_line.options import Options, argument, option, parse_options, part
from utilities.command_line.terminal import show
from utilities.command_line.words import is_one_of, whole_number
from utilities.files.atomic import write_atomically
from utilities.files.json_files import stem_of
from utilities.scoring.options import TaskSetOptions


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument(
        "results files, or answers of others (with --dataset)", "RESULTS"
    )
    task_set: TaskSetOptions = part(TaskSetOptions)
    output: Path | None = option(
        "the page (default: beside the first results file, NAME_report.html)", "FILE"
    )
    max_text: int = option(
        "longest reasoning or program, in characters; the middle of longer ones is left out",
        "N",
        default=20_000,
    )
    max_megabytes: int = option(
        "room for samples; results beyond it are in the table only", "N", default=100
    )
    max_reply_megabytes: int = option(
        "room for raw replies, packed, from the journals beside the results; 0 leaves them out",
        "N",
        parse=whole_number,
        default=30,
    )

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        return "--output is one of RESULTS" if is_one_of(self.output, self.results) else None


def main() -> int:
    """Build the page and say where it is."""
    options = parse_options(ReportOptions, __doc__)
    from utilities.report.contents import ReportContents  # slow to import, as is the page
    from utilities.report.page import page_of

    contents = ReportContents(
        longest_text=options.max_text,
        most_bytes=options.max_megabytes * 1_000_000,
        most_reply_bytes=options.max_reply_megabytes * 1_000_000,
    )
    tasks, dataset = options.task_set.chosen_tasks()
    contents.read(options.results, tasks=tasks, dataset=dataset)
    page = b"".join(page_of(contents, built_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"))
    first = options.results[0]
    path = options.output or first.with_name(f"{stem_of(first.name)}_report.html")
    write_atomically(path, page)
    show(f"report   {path} ({len(page) / 1e6:.1f} MB)")
    show(f"tasks    {len(contents.tasks)}")
    show(f"runs     {len(contents.runs)}")
    if contents.cut_texts:
        show(f"cut      {contents.cut_texts} texts longer than {options.max_text:,} characters")
    if contents.left_out:
        show(f"left out the samples of {contents.left_out} results; --max_megabytes makes room")
    if contents.replies.blocks:
        show(f"replies  {len(contents.replies.blocks) - contents.replies.left_out} raw ones")
    for note in contents.replies.notes():
        show(note)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
