"""One way to ask 2,000 times, in a process of its own; prints what it took as a line of JSON.

    python -m tests.performance.measured_asking whole openai http://127.0.0.1:8000/v1 …

Imports and first connections are made before the clock starts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import resource
import tempfile
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.opening import ask_for_data
from synthetic_data_generators.generate_code_data import PLACE
from utilities.runs.options import AskingOptions
from utilities.tasks.task import Task

PROMPT_BYTES = 3000
WARM_UP = 20
Asking = Callable[[int, Path], Coroutine[Any, Any, None]]
"""Asks that many times, with that folder for its files."""


def write_tasks(path: Path, count: int) -> None:
    """Tasks of which no two are alike, each with a prompt of about 3 KB; a line for each."""
    with path.open("w") as file:
        for number in range(count):
            digits = [int(digit) for digit in f"{number:010}"]
            grid = [digits, *([row, *digits[1:]] for row in range(9))]
            pair = {"input": grid, "output": [row[::-1] for row in grid]}
            task = {"train": [pair] * 4, "test": [pair]}
            file.write(json.dumps({"task_id": f"task_{number:06}", **task}) + "\n")


def whole_path(options: argparse.Namespace) -> Asking:
    """The script that generates code: agent, SDK, journal, results."""
    provider = {"openai": "local", "anthropic": "anthropic"}[options.sdk]
    given = AskingOptions(
        model_identifier=f"{provider}:paced",
        base_url=options.url,
        quiet=True,
        max_concurrent_tasks=options.in_flight,
        price=(1.0, 10.0),
        no_stream=options.no_stream,
    )
    if not options.default_gate:
        given = replace(given, max_concurrent_requests=options.in_flight)

    async def ask(count: int, folder: Path) -> None:
        run = replace(given, dataset_directory=folder / "tasks.jsonl", output_directory=folder)
        with contextlib.redirect_stdout(io.StringIO()):
            await ask_for_data(run, PLACE, "reasoning_code", Task.train_pairs_only)

    return ask


def raw_aiohttp(options: argparse.Namespace) -> Asking:
    """The request and nothing else."""
    import aiohttp

    path = {"openai": "/chat/completions", "anthropic": "/v1/messages"}[options.sdk]
    prompt = {"role": "user", "content": "x" * PROMPT_BYTES}
    body: dict[str, Any] = {"model": "paced", "messages": [prompt]}
    if not options.no_stream:
        body["stream"] = True

    async def ask(count: int, folder: Path) -> None:
        left = iter(range(count))
        connector = aiohttp.TCPConnector(limit=options.in_flight)
        async with aiohttp.ClientSession(connector=connector) as session:

            async def one_after_the_other() -> None:
                for _ in left:
                    async with session.post(options.url + path, json=body) as response:
                        await response.read()

            await asyncio.gather(*(one_after_the_other() for _ in range(options.in_flight)))

    return ask


def failed_attempts(folder: Path) -> dict[str, int]:
    """The attempts without a reply by their causes, of a run whose samples all came out well."""
    results = folder / "code_data_results.jsonl"
    if not results.exists():
        return {}
    with results.open("rb") as lines:
        (last,) = deque(lines, maxlen=1)
    counts = json.loads(last)["counts"]
    assert set(counts["samples_by_status"]) == {"ok"}, counts
    causes: dict[str, int] = counts["failed_attempts"]
    return causes


def measure(ask: Asking, count: int) -> dict[str, Any]:
    """Processor and clock time of `count` requests, and the peak of memory."""
    with tempfile.TemporaryDirectory(prefix="asking") as name:
        warm_up, folder = Path(name, "warm_up"), Path(name, "measured")
        for made, tasks in ((warm_up, WARM_UP), (folder, count)):
            made.mkdir()
            write_tasks(made / "tasks.jsonl", tasks)
        asyncio.run(ask(WARM_UP, warm_up))
        began, began_cpu = time.perf_counter(), time.process_time()
        asyncio.run(ask(count, folder))
        return {
            "cpu_s": time.process_time() - began_cpu,
            "wall_s": time.perf_counter() - began,
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "failed_attempts": failed_attempts(folder),
        }


def main() -> None:
    """Read the options, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", choices=("whole", "raw"))
    parser.add_argument("sdk", choices=("openai", "anthropic"))
    parser.add_argument("url")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--in_flight", type=int, default=100)
    parser.add_argument("--default_gate", action="store_true")
    parser.add_argument("--no_stream", action="store_true")
    parser.add_argument("--profile", type=Path, help="where cProfile's figures go")
    options = parser.parse_args()
    ask = {"whole": whole_path, "raw": raw_aiohttp}[options.path](options)
    if options.profile is None:
        print(json.dumps(measure(ask, options.requests)))
        return
    import cProfile

    measure(ask, WARM_UP)  # imports
    with cProfile.Profile() as profile:
        measure(ask, options.requests)
    profile.dump_stats(options.profile)


if __name__ == "__main__":
    main()
