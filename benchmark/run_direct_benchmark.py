"""Benchmark a model that answers tasks with grids, without code: votes, two attempts, scores.

    python benchmark/run_direct_benchmark.py --best_of 3
    python benchmark/run_direct_benchmark.py --dataset arc1_evaluation,arc2_evaluation \
--model_identifier GPT,GEMINI_PRO --best_of 5 --max_cost_usd 50

For each test input the grids that most samples gave are the attempts, two unless --attempts says
otherwise. The agent sees all test inputs and no test output. Each model runs on each dataset.
--protocol arcprize asks as ARC Prize's own harness does instead.
"""

from utilities.command_line.script import run_script

import sys

from benchmark.benchmark_options import DirectBenchmarkOptions, parse_benchmark_options
from utilities.command_line.signals import run_until_stopped
from utilities.config import DIRECT_BENCHMARK_DIRECTORY
from utilities.runs.options import OutputPlace

PLACE = OutputPlace(DIRECT_BENCHMARK_DIRECTORY, "direct_benchmark", "direct_benchmark.log")


def main() -> int:
    """Run the script."""
    options = parse_benchmark_options(DirectBenchmarkOptions, __doc__, PLACE.stem)
    from benchmark.direct_benchmark import (
        benchmark,  # slow to import, so only once there are options
    )

    return run_until_stopped(benchmark(options, PLACE))


if __name__ == "__main__":
    sys.exit(run_script(main))
