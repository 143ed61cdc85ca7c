"""Let a judge choose the attempts of finished benchmark results; writes new results.

    python benchmark/choose_again.py code_benchmark_results.jsonl --judge CLAUDE_OPUS
    python benchmark/choose_again.py direct_benchmark_results.jsonl --judge gpt-oss \
--judge_calls 5 --max_cost_usd 10 --submission submission.json

For each task with two different answers or more the judge is shown the train pairs, the test
inputs, and all answers with the reasoning behind them, in another order at each call. A first
choice is two points, a second one; attempts go by points, then as without a judge. No test output
is shown. RESULTS is not changed, and what was asked once is not asked again.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmark.benchmark_options import JudgeOptions
from utilities.command_line.options import Options, argument, parse_options, part
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.words import is_one_of
from utilities.config import CHOSEN_AGAIN_DIRECTORY
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions, OutputPlace
from utilities.scoring.options import SubmissionOptions

PLACE = OutputPlace(CHOSEN_AGAIN_DIRECTORY, "chosen_again", "chosen_again.log")
_OF_RESULTS = (
    *("agent", "model_identifier", *SEARCH_OPTIONS, "batch", "best_of", "reparse"),
    *("dataset", "dataset_directory", "max_tasks", "tasks", "task_ids", "strict"),
    *("vary", "grid_format", "images", "images_only", "prompt_directory"),
)
"""Options of the asking scripts that say nothing here: tasks and samples stand in the results."""


@dataclass(frozen=True, kw_only=True)
class ChoosingOptions(Options):
    """What the user asked for."""

    results: tuple[Path, ...] = argument("results files of the benchmarks", "RESULTS")
    judging: JudgeOptions = part(JudgeOptions)
    asking: AskingOptions = part(AskingOptions)
    submission: SubmissionOptions = part(SubmissionOptions)

    def fault(self) -> str | None:
        """A judge is needed, and what is chosen from is there already."""
        if self.judging.judge is None:
            return "--judge is missing: name the model that chooses"
        if is_one_of(self.submission.submission, self.results):
            return "--submission is one of RESULTS"
        if (name := self.asking.first_given(_OF_RESULTS)) is not None:
            return f"--{name}: tasks and samples are those of RESULTS; leave it out"
        return None


def main() -> int:
    """Choose, score, and write the results and the submissions asked for."""
    options = parse_options(ChoosingOptions, __doc__)
    from benchmark.choosing import choose_again  # slow to import, so only once there are options

    work = choose_again(options.results, options.judging, options.asking, options.submission, PLACE)
    return run_until_stopped(work)


if __name__ == "__main__":
    sys.exit(run_script(main))
