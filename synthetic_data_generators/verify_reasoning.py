"""Let other models follow traces, and write how many of them arrive at the right output.

    python synthetic_data_generators/verify_reasoning.py RESULTS.jsonl --model_identifier GPT_MINI \
--followers 3 --max_cost_usd 5
    python synthetic_data_generators/verify_reasoning.py traces_store.json --dataset all \
--model_identifier CLAUDE_HAIKU --fresh_pairs re_arc.zip

A follower is shown a trace and one input grid, and none of the task's pairs; where the trace
quotes outputs, they are hidden. RESULTS or the store is written again beside itself (_followed),
with `followed` (the share that arrived) for each trace. Every reply is journalled as it comes; the
same command again goes on where the last run ended and asks nothing twice.
"""

from utilities.command_line.script import run_script

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from utilities.command_line.options import Options, argument, option, parse_options, part
from utilities.command_line.signals import run_until_stopped
from utilities.command_line.words import positive_int, whole_number
from utilities.config import SYNTHETIC_DATA_DIRECTORY
from utilities.runs.options import SEARCH_OPTIONS, AskingOptions, OutputPlace

PLACE = OutputPlace(
    SYNTHETIC_DATA_DIRECTORY / "reasoning_verification",
    "reasoning_verification",
    "reasoning_verification.log",
)
_SAY_NOTHING = ("agent", *SEARCH_OPTIONS, "vary", "best_of", "tasks", "strict")
"""Options of the asking scripts that say nothing here."""


@dataclass(frozen=True, kw_only=True)
class FollowingOptions(Options):
    """What the user asked for."""

    source: Path = argument("a results file with reasoning, or a store of traces", "SOURCE")
    followers: int = option(
        "followers of each trace", "K", default=3, parse=partial(positive_int, most=1000)
    )
    fresh_pairs: Path | None = option(
        "a folder or zip archive of further pairs of the same rules, as RE-ARC and ARC-GEN write "
        "them; followers are given inputs of these, if there are some for the task",
        "PATH",
    )
    inputs_seed: int = option(
        "the seed by which inputs are chosen", "N", default=0, parse=whole_number
    )
    output: Path | None = option(
        "where to write (default: beside SOURCE, as NAME_followed.jsonl, a store as .json)", "FILE"
    )
    asking: AskingOptions = part(AskingOptions)

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        if (name := self.asking.first_given(_SAY_NOTHING)) is None:
            return None
        instead = "--followers K says how many" if name == "best_of" else "leave it out"
        return f"--{name}: traces are followed, not made; {instead}"


def main() -> int:
    """Run the script."""
    options = parse_options(FollowingOptions, __doc__)
    from synthetic_data_generators.following import follow  # slow to import
    from utilities.verification.fresh_pairs import FreshPairs

    fresh = None if options.fresh_pairs is None else FreshPairs(options.fresh_pairs)
    return run_until_stopped(
        follow(
            options.source,
            options.output,
            replace(options.asking, best_of=options.followers),
            PLACE,
            seed=options.inputs_seed,
            fresh=fresh,
            shown_options=options.to_json(),
        )
    )


if __name__ == "__main__":
    sys.exit(run_script(main))
