"""Make one page out of results files: scores, every task, every attempt, in the ARC colours.

    python auxiliary_utilities/build_report.py benchmark/benchmark_results/code_benchmark/code_benchmark_results.jsonl
    python auxiliary_utilities/build_report.py GPT.jsonl CLAUDE.jsonl --output compared.html
    python auxiliary_utilities/build_report.py RUNNING.jsonl --serve 8901

The page is one file that opens from the disk and fetches nothing. It takes results of the
benchmarks and of the generators, verified or not, plain or gzipped; several of them, or several
models in one file, are compared. Replies are shown as text, whatever they contain. With --serve a
page on this machine follows results files while runs write them.
"""  # noqa: E501 - a command to paste

from utilities.command_line.script import run_script

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from utilities.command_line.options import Options, argument, option, parse_options, part
from utilities.command_line.signals import Stopped, run_until_stopped
from utilities.command_line.terminal import show
from utilities.command_line.words import is_one_of, port_number, whole_number
from utilities.files.atomic import write_atomically
from utilities.files.json_files import stem_of
from utilities.scoring.options import TaskSetOptions

if TYPE_CHECKING:
    from utilities.report.contents import ReportContents


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

    serve: int | None = option(
        "instead of a page, serve one at this port of 127.0.0.1 that follows running files, which "
        "need not be there yet; 0 takes a free port",
        "PORT",
        parse=port_number,
    )

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        if self.serve is not None:
            strange = (path for path in self.results if path.suffix != ".jsonl" or path.is_dir())
            for path in strange:
                return f"--serve follows results files as they grow (.jsonl); {path} is none"
            if self.output is not None or self.task_set != TaskSetOptions():
                return "--serve writes no page: leave out --output, --dataset, --dataset_directory"
        return "--output is one of RESULTS" if is_one_of(self.output, self.results) else None


def main() -> int:
    """Build the page, or serve one."""
    options = parse_options(ReportOptions, __doc__)
    from utilities.report.contents import ReportContents  # slow to import, as is the page

    empty = partial(
        ReportContents,
        longest_text=options.max_text,
        most_bytes=options.max_megabytes * 1_000_000,
        most_reply_bytes=options.max_reply_megabytes * 1_000_000,
    )
    if options.serve is not None:
        return follow(options.results, options.serve, empty)
    return build(options, empty())


def follow(paths: Sequence[Path], port: int, empty: Callable[[], "ReportContents"]) -> int:
    """Serve until a signal ends it; returns the exit code."""
    from utilities.report.live import serve

    try:
        run_until_stopped(serve(paths, port, empty))
    except Stopped as stopped:
        return stopped.exit_code
    return 0


def build(options: ReportOptions, contents: "ReportContents") -> int:
    """Write the page and say where it is; returns the exit code."""
    from utilities.report.page import page_of

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
