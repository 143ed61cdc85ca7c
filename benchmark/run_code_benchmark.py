"""Benchmark a model that answers tasks with programs: best of N, two attempts, ARC Prize scores.

    python benchmark/run_code_benchmark.py --best_of 3
    python benchmark/run_code_benchmark.py --dataset arc2_evaluation \
--model_identifier CLAUDE_OPUS,GPT --best_of 5 --refine 2 --max_cost_usd 50

Each program runs in a sandbox on the train and test inputs. Those that solve most train pairs
count first, then the answers that most programs share, then the shorter program; the two best
different answers are the attempts. With --refine, a task without a program that solves all train
pairs gets further rounds, in which the model sees what its programs gave. Neither the agent nor
the choice sees a test output.
"""

from utilities.command_line.script import run_script

import sys

from benchmark.benchmark_options import CodeBenchmarkOptions, parse_benchmark_options
from utilities.command_line.signals import run_until_stopped
from utilities.config import CODE_BENCHMARK_DIRECTORY
from utilities.runs.options import OutputPlace

PLACE = OutputPlace(CODE_BENCHMARK_DIRECTORY, "code_benchmark", "code_benchmark.log")


def main() -> int:
    """Run the script."""
    options = parse_benchmark_options(CodeBenchmarkOptions, __doc__, PLACE.stem)
    from benchmark.code_benchmark import benchmark  # slow to import, so only once there are options

    return run_until_stopped(benchmark(options, PLACE))


if __name__ == "__main__":
    sys.exit(run_script(main))
