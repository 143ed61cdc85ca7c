"""Measures what combining gives: the embedded agent's programs, its grids, and a scripted model.

    .venv/bin/python -m tests.performance.measure_combining --max_tasks 4

The three runs of ARC-1's training tasks that benchmark/readme.md shows combined, and their
combination with its cascades. The options are those of the benchmarks. Without `--max_tasks` it
takes hours; started again, it goes on where it was.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import REPOSITORY

OUTPUT = REPOSITORY / "benchmark" / "benchmark_results" / "measured_combining"


def run(script: str, *words: str | Path) -> None:
    """Run a script of the benchmarks; its exit code must be 0."""
    program = REPOSITORY / "benchmark" / script
    subprocess.run([sys.executable, program, *words], cwd=REPOSITORY, check=True)


def main() -> None:
    """Make the three runs, and combine them."""
    places = {name: OUTPUT / name for name in ("code", "direct", "scripted")}
    given = ("--dataset", "arc1_training", *sys.argv[1:], "--quiet", "--output_directory")
    embedded = ("--model_identifier", "PROGRAM_SEARCH", "--best_of", "3", *given)
    run("run_code_benchmark.py", *embedded, places["code"])
    run("run_direct_benchmark.py", *embedded, places["direct"])
    with LoopbackServer(then=reply(maker="knowing_grids")) as server:
        asked = ("--model_identifier", "local:scripted", "--base_url", server.openai_url)
        run("run_direct_benchmark.py", *asked, "--price", "1,5", *given, places["scripted"])
    results = [
        place / f"{'code' if name == 'code' else 'direct'}_benchmark_results.jsonl"
        for name, place in places.items()
    ]
    run("combine_runs.py", *results, "--cascade", "--output", OUTPUT / "combined.jsonl")


if __name__ == "__main__":
    main()
