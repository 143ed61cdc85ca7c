"""Ask for reasoning and a Python program `solve_task(grid)` for each task.

    python synthetic_data_generators/generate_code_data.py --max_tasks 20
    python synthetic_data_generators/generate_code_data.py --model_identifier GPT_MINI \
--best_of 8 --until_verified 2 --max_cost_usd 5

The agent sees the train pairs only; --include_test_inputs shows it the test inputs as well (never
the test outputs). With --strategy or --until_verified, programs run on what the agent sees, to
decide what is asked next: the test outputs decide nothing. Every reply is journalled as it comes;
the same command again goes on where the last run ended and asks nothing twice. Run the programs
with verify_generated_code.py.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass

from utilities.command_line.options import Options, flag, parse_options, part
from utilities.command_line.signals import run_until_stopped
from utilities.config import CODE_DATA_DIRECTORY
from utilities.runs.options import AskingOptions, LibraryOptions, OutputPlace, ToolOptions
from utilities.runs.strategy_options import StrategyOptions

PLACE = OutputPlace(CODE_DATA_DIRECTORY, "code_data", "code_data_generation.log")


@dataclass(frozen=True, kw_only=True)
class CodeDataOptions(Options):
    """What the user asked for."""

    asking: AskingOptions = part(AskingOptions)
    turns: ToolOptions = part(ToolOptions)
    spending: StrategyOptions = part(StrategyOptions)
    include_test_inputs: bool = flag("show the agent the test inputs too")
    library: LibraryOptions = part(LibraryOptions)

    def fault(self) -> str | None:
        """Programs agree on test inputs only if they see some; a stop must be within reach."""
        if self.spending.stop_when_agree is None or self.include_test_inputs:
            return self.spending.stop_fault(self.asking.best_of)
        return "--stop_when_agree: give --include_test_inputs as well, or --until_verified instead"


async def generate(options: CodeDataOptions) -> int:
    """Ask for every task; returns the exit code."""
    from agents.opening import ask_for_data  # slow to import, so only once there are options
    from agents.program_library import read_library
    from utilities.tasks.task import Task
    from utilities.verification.verifier import LocalVerifier, VerifierSettings

    shown = options.include_test_inputs
    seen = Task.without_test_outputs if shown else Task.train_pairs_only
    depends_on = {"include_test_inputs": shown}
    async with LocalVerifier(VerifierSettings(), labels=False, opens_late=True) as verifier:
        return await ask_for_data(
            options.asking,
            PLACE,
            "reasoning_code",
            seen,
            depends_on=depends_on,
            turns=options.turns,
            spending=options.spending,
            library=read_library(options.library, verifier.judge),
            shown_options=options.to_json(),
        )


def main() -> int:
    """Run the script."""
    return run_until_stopped(generate(parse_options(CodeDataOptions, __doc__)))


if __name__ == "__main__":
    sys.exit(run_script(main))
