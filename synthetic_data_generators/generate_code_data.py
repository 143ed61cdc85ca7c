"""Ask for reasoning and a Python program `solve_task(grid)` for each task.

    python synthetic_data_generators/generate_code_data.py --max_tasks 20
    python synthetic_data_generators/generate_code_data.py --model_identifier GPT_MINI \
--best_of 8 --max_cost_usd 5

The agent sees the train pairs only; --include_test_inputs shows it the test inputs as well (never
the test outputs). Every reply is journalled as it comes; the same command again goes on where the
last run ended and asks nothing twice. Run the programs with verify_generated_code.py.
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Any

from agents.opening import choose_agent, open_agent
from agents.strategies.strategy import sample_task
from utilities.command_line.options import Options, flag, parse_options, part
from utilities.command_line.script import run_script
from utilities.config import CODE_DATA_DIRECTORY
from utilities.results.entry import entry_of
from utilities.runs.options import AskingOptions
from utilities.runs.run import open_run
from utilities.runs.store import OutputPlace
from utilities.tasks.task import Task

PLACE = OutputPlace(CODE_DATA_DIRECTORY, "code_data", "code_data_generation.log")


@dataclass(frozen=True, kw_only=True)
class CodeDataOptions(Options):
    """What the user asked for."""

    asking: AskingOptions = part(AskingOptions)
    include_test_inputs: bool = flag("show the agent the test inputs too")


async def generate(options: AskingOptions, *, include_test_inputs: bool) -> int:
    """Ask for `best_of` programs a task; returns the exit code."""
    chosen = choose_agent(options, "reasoning_code")
    async with (
        open_run(options, PLACE, keys=chosen.keys) as run,
        open_agent(run, chosen) as opened,
    ):
        identity = {**opened.identity, "include_test_inputs": include_test_inputs}

        async def answer(task: Task) -> dict[str, Any]:
            seen = task.without_test_outputs() if include_test_inputs else task.train_pairs_only()
            samples = await sample_task(opened.agent, seen, options.best_of)
            return entry_of(task, samples, identity)

        return await run.answer_tasks(answer, identity)


def main() -> int:
    """Run the script."""
    options = parse_options(CodeDataOptions, __doc__)
    return asyncio.run(generate(options.asking, include_test_inputs=options.include_test_inputs))


if __name__ == "__main__":
    sys.exit(run_script(main))
