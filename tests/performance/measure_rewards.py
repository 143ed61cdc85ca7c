"""Measures the reward server: many clients, hostile programs among them, workers that are killed.

    .venv/bin/python -m tests.performance.measure_rewards
    .venv/bin/python -m tests.performance.measure_rewards --requests 2000 --executor ray

The real script serves; each reply is compared with what it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.scripts import REPOSITORY, arc1_training, clean_environment, script_command

HOSTILE_PROGRAMS = [
    path.read_text(encoding="utf-8", errors="replace")
    for path in sorted((REPOSITORY / "tests" / "hostile").glob("*.py"))
]
TASK_ID = "67a3c6ac"
"""A mirror."""
RIGHT = "def solve_task(grid):\n    # {}\n    return [row[::-1] for row in grid]\n"
WRONG = "def solve_task(grid):\n    # {}\n    return [row[:] for row in grid]\n"
BROKEN = "def solve_task(grid):\n    # {}\n    return 1 / 0\n"
SILENT = "I cannot find the rule of {}."


@dataclass
class Outcome:
    """What came of all requests."""

    wrong: list[str] = field(default_factory=list)
    refused: int = 0
    latencies_s: list[float] = field(default_factory=list)


def request_of(number: int, chance: random.Random, hostile_share: float) -> tuple[Any, float]:
    """A request, no two alike, and the reward that it must get."""
    if chance.random() < hostile_share:
        code = chance.choice(HOSTILE_PROGRAMS)
        return {"task_id": TASK_ID, "code": f"{code}\n# {number}\n"}, 0.0
    text, reward = chance.choice([(RIGHT, 1.0), (WRONG, 0.0), (BROKEN, 0.0), (SILENT, 0.0)])
    if text == SILENT:
        return {"task_id": TASK_ID, "completion": text.format(number)}, reward
    if chance.random() < 0.5:
        return {"task_id": TASK_ID, "code": text.format(number)}, reward
    fenced = f"So it is a mirror.\n```python\n{text.format(number)}```\n"
    return {"task_id": TASK_ID, "completion": fenced}, reward


async def client(
    session: aiohttp.ClientSession, url: str, numbers: list[int], share: float, outcome: Outcome
) -> None:
    """Send requests one after the other; after a 429, once more when it says."""
    while numbers:
        number = numbers.pop()
        content, expected = request_of(number, random.Random(number), share)
        started = time.monotonic()
        while True:
            async with session.post(f"{url}/reward", json=content) as response:
                if response.status == 429:
                    outcome.refused += 1
                    await asyncio.sleep(float(response.headers["Retry-After"]))
                    continue
                told = await response.json()
            break
        outcome.latencies_s.append(time.monotonic() - started)
        if told.get("reward") != expected:
            outcome.wrong.append(f"{content!r:.300}: {told}")


def workers_of(pid: int) -> list[int]:
    """The server's own children."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]


def resident_mb(pid: int) -> float:
    """What the server's process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


async def load(url: str, server: int, options: argparse.Namespace) -> Outcome:
    """All requests, with the kills among them."""
    outcome, numbers = Outcome(), list(range(options.requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [
            asyncio.create_task(client(session, url, numbers, options.hostile, outcome))
            for _ in range(options.clients)
        ]
        for kill in range(options.kills):
            while len(numbers) > options.requests * (1 - (kill + 1) / (options.kills + 1)):
                await asyncio.sleep(0.05)
            victim = random.choice(workers_of(server))
            os.kill(victim, signal.SIGKILL)
        await asyncio.gather(*clients)
    return outcome


def main() -> None:
    """Start the server, load it, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--hostile", type=float, default=0.05, help="their share of the programs")
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--executor", choices=("local", "ray"), default="local")
    options = parser.parse_args()
    assert TASK_ID in arc1_training()
    command = script_command(
        "benchmark/serve_rewards.py",
        *("--port", "0", "--dataset", "arc1_training", "--executor", options.executor),
    )
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr
    url = ""
    while not url:
        found = re.search(r"at (http://\S+);", process.stderr.readline())
        url = found[1] if found else ""
    started, before = time.monotonic(), resident_mb(process.pid)
    outcome = asyncio.run(load(url, process.pid, options))
    seconds, after = time.monotonic() - started, resident_mb(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait()
    times = sorted(outcome.latencies_s)
    print(f"{len(times)} rewards in {seconds:.1f} s: {len(times) / seconds:.0f} a second")
    percentiles = (
        f"p{n} {1000 * times[int(len(times) * n / 100.01)]:.0f} ms" for n in (50, 95, 99)
    )
    print(f"latency {', '.join(percentiles)}; {outcome.refused} requests refused for a while")
    print(f"memory {before:.0f} MiB at the start, {after:.0f} at the end")
    print(f"wrong rewards: {len(outcome.wrong)}", *outcome.wrong[:5], sep="\n")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
