"""Measures what asking a model costs besides the model: ratios of timings of the same round.

    .venv/bin/python -m tests.performance.measure_model_layer
    .venv/bin/python -m tests.performance.measure_model_layer --only cpu errors --rounds 7

The whole path is `generate_code_data.py` (agent, SDK, journal, results) with prompts of 3 KB and
replies of 2 KB, against a server in a process of its own; what it is compared with is aiohttp
sending a request as long and reading the reply. `wall` tells something on a quiet machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import product
from statistics import median
from typing import Any

from tests.performance.paced_server import PacedServer
from tests.support.scripts import REPOSITORY, clean_environment

SCRIPTS = (
    "synthetic_data_generators/generate_reasoning_data.py",
    "synthetic_data_generators/generate_code_data.py",
    "benchmark/run_code_benchmark.py",
    "benchmark/run_direct_benchmark.py",
)
SDKS = ("openai", "anthropic")
INSPECT_PYTHON = "INSPECT_PYTHON"
"""The variable that names the Python of a virtual environment with inspect_ai and openai."""


def asked(
    way: str, sdk: str, latency_s: float, requests: int, in_flight: int, *more: str
) -> dict[str, Any]:
    """What `requests` requests took, in a process of their own."""
    with PacedServer(latency_s) as server:
        url = {"openai": server.openai_url, "anthropic": server.anthropic_url}[sdk]
        command = [sys.executable, "-m", "tests.performance.measured_asking", way, sdk, url]
        if way == "inspect_ai":
            command = [os.environ[INSPECT_PYTHON], "tests/performance/measured_inspect.py", url]
        command += ["--requests", str(requests), "--in_flight", str(in_flight), *more]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=clean_environment(), capture_output=True, text=True
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def measure_cpu(requests: int, rounds: int) -> None:
    """CPU of a request: whole path by raw aiohttp, in turns."""
    for sdk, more in product(SDKS, ((), ("--no_stream",))):
        taken: dict[str, list[float]] = {"raw": [], "whole": []}
        for _ in range(rounds):
            for way, each in taken.items():
                each.append(asked(way, sdk, 0.2, requests, 100, *more)["cpu_s"] / requests)
        ratios = [whole / raw for whole, raw in zip(taken["whole"], taken["raw"], strict=True)]
        how = "as a whole" if more else "in 500 events"
        print(
            f"CPU a request, {sdk}, {how}, whole path ÷ raw aiohttp: {median(ratios):.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f}); {median(taken['whole']) * 1e3:.2f} ms ÷ "
            f"{median(taken['raw']) * 1e3:.2f} ms"
        )


def measure_inspect(requests: int, rounds: int) -> None:
    """CPU of a request by inspect_ai and by the whole path, replies as a whole, in turns."""
    if INSPECT_PYTHON not in os.environ:
        print(f"inspect_ai: not measured; set {INSPECT_PYTHON} to a Python that has it and openai")
        return
    for _ in range(rounds):
        theirs, ours = (
            asked(way, "openai", 0.2, requests, 100, *more)["cpu_s"] / requests * 1e3
            for way, more in (("inspect_ai", ()), ("whole", ("--no_stream",)))
        )
        print(
            f"CPU a request, openai, as a whole, inspect_ai ÷ whole path: {theirs / ours:.1f}; "
            f"{theirs:.1f} ms ÷ {ours:.2f} ms"
        )


def measure_wall(requests: int, rounds: int) -> None:
    """Time by the clock, by what the latency alone would take."""
    for latency_s, in_flight in ((1.0, 100), (5.0, 500)):
        ideal_s = requests * latency_s / in_flight
        for sdk in SDKS:
            ratios = [
                asked("whole", sdk, latency_s, requests, in_flight)["wall_s"] / ideal_s
                for _ in range(rounds)
            ]
            print(
                f"wall ÷ ideal, {sdk}, {latency_s:g} s latency, {in_flight} in flight: "
                f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
                f"load average {os.getloadavg()[0]:.1f}"
            )


def measure_errors(requests: int, rounds: int) -> None:
    """Attempts without a reply at 500 in flight, with the gate finding its own way up."""
    for sdk in SDKS:
        runs = [asked("whole", sdk, 1.0, requests, 500, "--default_gate") for _ in range(rounds)]
        failed = [sum(run["failed_attempts"].values()) for run in runs]
        print(f"attempts without a reply, {sdk}, 500 tasks under way, {rounds} runs: {failed}")


def measure_memory(requests: int, rounds: int) -> None:
    """Peak memory with ten times as many tasks."""
    for sdk in SDKS:
        few, many = (
            median(asked("whole", sdk, 0.05, count, 100)["peak_kb"] for _ in range(times))
            for count, times in ((requests, rounds), (10 * requests, 1))
        )
        print(
            f"peak memory, {sdk}, {10 * requests} tasks ÷ {requests}: {many / few:.2f} "
            f"({many / 1024:.0f} MiB ÷ {few / 1024:.0f} MiB)"
        )


def measure_help(requests: int, rounds: int) -> None:
    """CPU of importing a script and printing its help."""
    for script in SCRIPTS:
        taken = []
        for _ in range(rounds):
            before = children_cpu_s()
            command = [sys.executable, str(REPOSITORY / script), "--help"]
            subprocess.run(command, check=True, capture_output=True)
            taken.append(children_cpu_s() - before)
        print(f"CPU of {script} --help: {median(taken):.2f} s")


def children_cpu_s() -> float:
    """CPU of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


MEASUREMENTS: Mapping[str, Callable[[int, int], None]] = {
    "cpu": measure_cpu,
    "errors": measure_errors,
    "help": measure_help,
    "inspect": measure_inspect,
    "memory": measure_memory,
    "wall": measure_wall,
}


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=[*MEASUREMENTS])
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, {options.rounds} rounds")
    for name in options.only:
        MEASUREMENTS[name](options.requests, options.rounds)


if __name__ == "__main__":
    main()
