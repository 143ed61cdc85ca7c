"""Measures the reward server: many clients, hostile programs among them, workers that are killed.

    .venv/bin/python -m tests.performance.measure_rewards
    .venv/bin/python -m tests.performance.measure_rewards --requests 2000 --executor ray

The real script serves; each reply is compared with what it must be.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
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

from benchmark.rewards import Answer, reward_of
from tests.support.scripts import REPOSITORY, arc1_training, clean_environment, script_command
from utilities.tasks.datasets import open_tasks
from utilities.verification.verifier import LocalVerifier, VerifierSettings

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
    unavailable: int = 0
    killed: int = 0
    memory: list[str] = field(default_factory=list)
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
    """Send requests one after the other; after a 429 or 503, again when it says."""
    while numbers:
        number = numbers.pop()
        content, expected = request_of(number, random.Random(number), share)
        started = time.monotonic()
        while True:
            async with session.post(f"{url}/reward", json=content) as response:
                if response.status in {429, 503}:
                    outcome.refused += response.status == 429
                    outcome.unavailable += response.status == 503
                    await asyncio.sleep(float(response.headers["Retry-After"]))
                    continue
                told = await response.json()
            break
        outcome.latencies_s.append(time.monotonic() - started)
        if told.get("reward") != expected:
            outcome.wrong.append(f"{content!r:.300}: {told}")


def descendants_of(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants_of(child)]
    return found


def victims_of(pid: int, executor: str) -> list[int]:
    """Those of its processes that judge: the sandbox's, or Ray's actors and their sandboxes."""
    if executor == "local":
        return descendants_of(pid)
    actors = []
    for one in descendants_of(pid):
        with contextlib.suppress(OSError):
            if b"ray::VerifyingActor" in Path(f"/proc/{one}/cmdline").read_bytes():
                actors += [one, *descendants_of(one)]
    return actors


def resident_mb(*pids: int) -> float:
    """What these processes hold in memory."""
    kilobytes = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            kilobytes += sum(map(int, re.findall(r"VmRSS:\s+(\d+)", status)))
    return kilobytes / 1024


async def watch_memory(server: int, numbers: list[int], total: int) -> list[str]:
    """What server and children hold after a tenth, a half and all of the requests."""
    told = []
    for share in (0.1, 0.5, 1):
        while len(numbers) > total * (1 - share):
            await asyncio.sleep(0.05)
        own, others = resident_mb(server), resident_mb(*descendants_of(server))
        told.append(f"{share * total:.0f}: {own:.0f} + {others:.0f} MiB")
    return told


async def load(url: str, server: int, options: argparse.Namespace) -> Outcome:
    """All requests, with the kills among them."""
    outcome, numbers = Outcome(), list(range(options.requests))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        clients = [
            asyncio.create_task(client(session, url, numbers, options.hostile, outcome))
            for _ in range(options.clients)
        ]
        watching = asyncio.create_task(watch_memory(server, numbers, options.requests))
        for kill in range(options.kills):
            while len(numbers) > options.requests * (1 - (kill + 1) / (options.kills + 1)):
                await asyncio.sleep(0.05)
            victim = random.choice(victims_of(server, options.executor))
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                outcome.killed += 1
        await asyncio.gather(*clients)
        outcome.memory = await watching
    return outcome


async def sandbox_rate(options: argparse.Namespace) -> float:
    """The same answers judged in this process, as many at a time: how many a second."""
    (task,) = (task for task in open_tasks(dataset="arc1_training") if task.task_id == TASK_ID)
    numbers = list(range(options.requests))

    async def judging(verifier: LocalVerifier) -> None:
        while numbers:
            number = numbers.pop()
            item, _ = request_of(number, random.Random(number), options.hostile)
            await reward_of(Answer.of(item, {TASK_ID: task}, "program"), verifier, "solved")

    async with LocalVerifier(VerifierSettings()) as verifier:
        started = time.monotonic()
        await asyncio.gather(*(judging(verifier) for _ in range(options.clients)))
        return options.requests / (time.monotonic() - started)


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
    started = time.monotonic()
    outcome = asyncio.run(load(url, process.pid, options))
    seconds = time.monotonic() - started
    process.send_signal(signal.SIGINT)
    process.wait()
    sandbox = asyncio.run(sandbox_rate(options)) if options.executor == "local" else 0
    times = sorted(outcome.latencies_s)
    print(f"{len(times)} rewards in {seconds:.1f} s: {len(times) / seconds:.0f} a second")
    if sandbox:
        print(
            f"the sandbox alone: {sandbox:.0f} a second; "
            f"served: {len(times) / seconds / sandbox:.2f} of that"
        )
    percentiles = (
        f"p{n} {1000 * times[int(len(times) * n / 100.01)]:.0f} ms" for n in (50, 95, 99)
    )
    print(f"latency {', '.join(percentiles)}; {outcome.refused} requests refused for a while")
    print(f"{outcome.killed} processes killed; {outcome.unavailable} replies 503")
    print(f"memory of server + children after {', '.join(outcome.memory)}")
    print(f"wrong rewards: {len(outcome.wrong)}", *outcome.wrong[:5], sep="\n")
    sys.exit(bool(outcome.wrong))


if __name__ == "__main__":
    main()
