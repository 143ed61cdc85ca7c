"""List the runs whose results lie here: model, dataset, tasks, score, cost and status.

    python auxiliary_utilities/list_runs.py
    python auxiliary_utilities/list_runs.py results/ my_run_results.jsonl.gz

Without paths it looks where the scripts write, in the folders of `--run_name` too. Figures are
those of score_results.py. Runs of one configuration that go on where earlier ones stopped are one
line.
"""

from utilities.command_line.script import run_script

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from utilities.command_line.options import Options, argument, parse_options
from utilities.command_line.terminal import show
from utilities.config import BENCHMARK_RESULTS_DIRECTORY, SYNTHETIC_DATA_DIRECTORY
from utilities.errors import UsageError
from utilities.files.atomic import is_locked
from utilities.models.costs import cost_text
from utilities.scoring.scored_run import ScoredRun
from utilities.scoring.scored_runs import read_scored_runs

_ENDINGS = tuple(
    f"_results{verified}.jsonl{packed}" for verified in ("", "_verified") for packed in ("", ".gz")
)
_JOURNAL = "_partial_results"
_STATUS_OF_NO_RUN = "killed, or still under way"
_HEAD = ("run", "model", "dataset", "tasks", "score", "cost", "status", "file")


@dataclass(frozen=True, kw_only=True)
class ListingOptions(Options):
    """What the user asked for."""

    paths: tuple[Path, ...] = argument(
        "folders or results files (default: where the scripts write)", "PATH", default=()
    )


def main() -> int:
    """Find the results files and print a table of their runs."""
    options = parse_options(ListingOptions, __doc__, usage="[PATH ...] [options]")
    places = options.paths or (SYNTHETIC_DATA_DIRECTORY, BENCHMARK_RESULTS_DIRECTORY)
    rows, unread = [], []
    for path in results_files(places):
        try:
            runs = read_scored_runs([path], generated_too=True)
        except UsageError as error:
            unread.append(f"{path}: {error}")
            continue
        rows += [row_of(run, path) for run in runs]
    if not rows and not unread:
        where = ", ".join(map(str, places))
        raise UsageError(f"no results in {where}; name other folders or files")
    show(*table_of(sorted(rows, key=lambda row: row[0])), *(f"unread  {line}" for line in unread))
    return 0


def results_files(places: Iterable[Path]) -> Iterator[Path]:
    """The files that are named, and those below the folders; journals are left out."""
    for place in places:
        if not os.path.isdir(place):  # noqa: PTH112 - False for a name that is too long, too
            yield place
            continue
        for path in sorted(place.rglob("*_results*")):
            if path.name.endswith(_ENDINGS) and _JOURNAL not in path.name:
                yield path


def row_of(run: ScoredRun, path: Path) -> tuple[str, ...]:
    """What is shown of a run, in the order of the table's head."""
    newest = run.metadata[-1] if run.metadata else None
    run_id = str(newest.run_id) if newest is not None else "unknown"
    more = f" and {len(run.metadata) - 1} before" if len(run.metadata) > 1 else ""
    status = str(newest.fields.get("status")) if newest is not None else _STATUS_OF_NO_RUN
    if newest is None and run.remarks:  # a later script went through the file
        status = "not told"
    if is_locked(path):
        status = "under way"
    scores, seen = run.scores(), [one for one in run.outcomes.values() if not one.missing]
    is_judged = run.kind == "benchmark" or any(one.train_fits is not None for one in seen)
    score = f"{scores.macro:.2%}" if is_judged and scores.tasks else "-"
    tasks = str(len(seen)) if len(seen) == len(run.outcomes) else f"{len(seen)}/{len(run.outcomes)}"
    return (
        f"{run_id}{more}",
        run.model_identifier,
        Path(run.dataset).stem or "-",
        tasks,
        score,
        cost_of(run),
        status,
        str(path),
    )


def cost_of(run: ScoredRun) -> str:
    """What the run cost; what attempts without a reply may have cost besides is said to be so."""
    lost, lost_usd = (
        sum(told for one in run.metadata if isinstance(told := one.fields.get(name), int | float))
        for name in ("lost_attempts", "lost_worst_case_usd")
    )
    known = cost_text(run.known_cost_usd, run.unpriced, may_be_more=lost > 0 and not lost_usd)
    return f"{known} (at most ${lost_usd:.4f} more)" if lost_usd else known


def table_of(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """The rows below their head, each column as wide as its longest cell."""
    whole = [_HEAD, *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(_HEAD))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in whole]


if __name__ == "__main__":
    sys.exit(run_script(main))
