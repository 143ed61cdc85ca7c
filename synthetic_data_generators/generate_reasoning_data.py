"""Ask for step-by-step reasoning that explains each task's train pairs.

    python synthetic_data_generators/generate_reasoning_data.py --max_tasks 20
    python synthetic_data_generators/generate_reasoning_data.py --model_identifier CLAUDE_OPUS \
--best_of 3 --max_cost_usd 5

Without a key the embedded PROGRAM_SEARCH does the work. Every reply is journalled as it comes;
the same command again goes on where the last run ended and asks nothing twice. Merge the result
with auxiliary_utilities/merge_reasoning.py.
"""

from utilities.command_line.script import run_script

import sys

from utilities.command_line.options import parse_options
from utilities.command_line.signals import run_until_stopped
from utilities.config import REASONING_DATA_DIRECTORY
from utilities.runs.options import AskingOptions, OutputPlace

PLACE = OutputPlace(REASONING_DATA_DIRECTORY, "reasoning_data", "reasoning_data_generation.log")


def main() -> int:
    """Run the script."""
    options = parse_options(AskingOptions, __doc__)
    from agents.opening import ask_for_data  # slow to import, so only once there are options
    from utilities.tasks.task import Task

    return run_until_stopped(ask_for_data(options, PLACE, "reasoning_trace", Task.train_pairs_only))


if __name__ == "__main__":
    sys.exit(run_script(main))
