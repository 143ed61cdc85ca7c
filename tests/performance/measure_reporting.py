"""Measures how the scripts that read results grow with them: time and memory, 10 times the entries.

    .venv/bin/python -m tests.performance.measure_reporting
    .venv/bin/python -m tests.performance.measure_reporting --entries 1000 4000 --samples 8

Each command runs in a process of its own; entries come from `synthetic_results.py`. CPU time that
grows as fast as the entries do has a ratio of 1; twice that is a sign of something quadratic.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.performance.synthetic_results import write_synthetic_results
from tests.support.scripts import REPOSITORY


class Cost(NamedTuple):
    """What a command took."""

    cpu_s: float
    peak_mb: float
    output_mb: float


COMMANDS: dict[str, Callable[[Path, Path], list[str | Path]]] = {
    "report": lambda results, output: [
        "auxiliary_utilities/build_report.py", results, "--output", output
    ],
}  # fmt: skip
"""Script and arguments, from the results file and a path for what is written."""


def cost_of(name: str, results: Path, output: Path) -> Cost:
    """Run a command; raises SystemExit where it fails."""
    script, *arguments = COMMANDS[name](results, output)
    command = [sys.executable, str(REPOSITORY / str(script)), *map(str, arguments)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    return Cost(
        usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.stat().st_size / 1e6
    )


def main() -> None:
    """Measure each command with fewer and with more entries."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, nargs=2, default=(1000, 10_000))
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    few, many = options.entries
    print(f"{'':10}{'entries':>9}{'input MB':>10}{'CPU s':>8}{'peak MB':>9}{'output MB':>11}")
    with tempfile.TemporaryDirectory() as folder:
        costs: dict[str, list[Cost]] = {}
        for count in (few, many):
            results = Path(folder) / f"{count}.jsonl"
            write_synthetic_results(results, count, samples=options.samples)
            for name in COMMANDS:
                cost = cost_of(name, results, Path(folder) / f"{name}_{count}")
                costs.setdefault(name, []).append(cost)
                size = results.stat().st_size / 1e6
                print(f"{name:10}{count:9,}{size:10.1f}{cost.cpu_s:8.2f}{cost.peak_mb:9.0f}"
                      f"{cost.output_mb:11.1f}")  # fmt: skip
        for name, (first, second) in costs.items():
            growth = second.cpu_s / first.cpu_s / (many / few)
            memory = second.peak_mb / first.peak_mb
            print(f"{name}: CPU per entry × {growth:.2f}, peak memory × {memory:.2f}")


if __name__ == "__main__":
    main()
