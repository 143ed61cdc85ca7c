"""Ask for step-by-step reasoning that explains each task's train pairs.

    python synthetic_data_generators/generate_reasoning_data.py --max_tasks 20
    python synthetic_data_generators/generate_reasoning_data.py --model_identifier CLAUDE_OPUS \
--best_of 3 --max_cost_usd 5

Without a key the embedded PROGRAM_SEARCH does the work. Every reply is journalled as it comes;
the same command again goes on where the last run ended and asks nothing twice. Merge the result
with auxiliary_utilities/merge_reasoning.py.
"""

import asyncio
import sys
from typing import Any

from agents.opening import choose_agent, open_agent
from agents.strategies.strategy import sample_task
from utilities.command_line.options import parse_options
from utilities.command_line.script import run_script
from utilities.config import REASONING_DATA_DIRECTORY
from utilities.results.entry import entry_of
from utilities.runs.options import AskingOptions
from utilities.runs.run import open_run
from utilities.runs.store import OutputPlace
from utilities.tasks.task import Task

PLACE = OutputPlace(REASONING_DATA_DIRECTORY, "reasoning_data", "reasoning_data_generation.log")


async def generate(options: AskingOptions) -> int:
    """Ask for `best_of` traces a task; returns the exit code."""
    chosen = choose_agent(options, "reasoning_trace")
    async with (
        open_run(options, PLACE, keys=chosen.keys) as run,
        open_agent(run, chosen) as opened,
    ):

        async def answer(task: Task) -> dict[str, Any]:
            samples = await sample_task(opened.agent, task.train_pairs_only(), options.best_of)
            return entry_of(task, samples, opened.identity)

        return await run.answer_tasks(answer, opened.identity)


def main() -> int:
    """Run the script."""
    return asyncio.run(generate(parse_options(AskingOptions, __doc__)))


if __name__ == "__main__":
    sys.exit(run_script(main))
