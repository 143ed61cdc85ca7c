"""Serve rewards for answers to ARC tasks, for training by reinforcement; asks no model.

    python benchmark/serve_rewards.py --port 8900 --dataset arc1_training
    python benchmark/serve_rewards.py --port 8900 --answers grids --reward share

`POST /reward` takes {"task_id", "completion" | "code" | "grids"} and returns {"reward",
"train_passed", "test_passed", "status", "label"}; `POST /batch_reward` takes {"items": [...]} and
returns {"rewards": [...]}. Programs run in the sandbox. `GET /health`, `GET /metrics`.
"""

from utilities.command_line.script import run_script

import asyncio
import ipaddress
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from utilities.command_line.options import Options, flag, option, parse_options, part
from utilities.command_line.signals import hearing_signals, run_until_stopped
from utilities.command_line.terminal import say
from utilities.command_line.words import port_number, positive_int
from utilities.errors import UsageError
from utilities.tasks.datasets import open_tasks
from utilities.tasks.selection import DrawOptions
from utilities.tasks.task import Task
from utilities.verification.options import VerifierOptions

TOKEN_VARIABLE = "REWARD_SERVER_TOKEN"  # noqa: S105 - where the token is, not the token
_serve = partial(option, group="server")


@dataclass(frozen=True, kw_only=True)
class RewardOptions(Options):
    """What the user asked for."""

    port: int = _serve("the port; 0 takes a free one", "PORT", default=8900, parse=port_number)
    host: str = _serve(
        f"the address to listen at; any but this machine's own needs {TOKEN_VARIABLE}, which "
        "clients send as Authorization: Bearer …",
        "HOST",
        default="127.0.0.1",
    )
    most_waiting: int = _serve(
        "answers under way; a request that would exceed it gets a 429 with Retry-After",
        "N",
        default=4096,
        parse=positive_int,
    )
    answers: Literal["program", "grids"] = option(
        "what is looked for in completions", default="program", group="rewards"
    )
    reward: Literal["solved", "share"] = option(
        "solved: 1 if every pair is right, else 0; share: the share of pairs that are right",
        default="solved",
        group="rewards",
    )
    dataset: str | None = option("the tasks (default: data/dataset.json)", "NAME")
    dataset_directory: Path | None = option("a folder or file of tasks", "DIR")
    draw: DrawOptions = part(DrawOptions)
    allow_evaluation_tasks: bool = flag(
        "serve tasks of ARC-AGI's evaluation sets, too; without it they are left out"
    )
    verifier: VerifierOptions = part(VerifierOptions)

    def fault(self) -> str | None:
        """What is wrong with the options together."""
        if not _is_loopback(self.host) and not self.token:
            return f"--host {self.host} lets others in: set {TOKEN_VARIABLE} first"
        return None

    @property
    def token(self) -> str | None:
        """What clients must send; None if there is nothing that they must."""
        return os.environ.get(TOKEN_VARIABLE) or None


def main() -> int:
    """Serve until a signal ends it."""
    options = parse_options(RewardOptions, __doc__)
    tasks = tasks_to_serve(options)
    return 128 + run_until_stopped(serve(options, tasks))


def tasks_to_serve(options: RewardOptions) -> dict[str, Task]:
    """The tasks by id whose test outputs are known; raises UsageError if there is none."""
    from utilities.training_data.known_tasks import EVALUATION_SETS, KnownTasks

    source = open_tasks(
        dataset=options.dataset,
        dataset_directory=options.dataset_directory,
        draw=options.draw.draw,
    )
    guard = None if options.allow_evaluation_tasks else KnownTasks(EVALUATION_SETS)
    tasks, unknown, held_out = {}, 0, 0
    for task in source:
        if not task.is_scorable:
            unknown += 1
        elif guard is not None and (guard.name_of(task) or guard.name_by_pair(task)):
            held_out += 1
        else:
            tasks[task.task_id] = task
    if unknown:
        say(f"left out: {unknown} tasks whose test outputs are not known")
    if held_out:
        say(f"left out: {held_out} tasks of ARC-AGI's evaluation sets (--allow_evaluation_tasks)")
    if not tasks:
        raise UsageError(f"{source.path} has no task to serve; give another --dataset")
    return tasks


async def serve(options: RewardOptions, tasks: dict[str, Task]) -> signal.Signals:
    """Serve until a signal comes, then give the rewards that are under way; returns the signal.

    A second signal ends it at once. Raises UsageError if the port cannot be had.
    """
    from benchmark.reward_server import RewardServer, ServedRewards
    from utilities.command_line.serving import listening

    async with options.verifier.open_verifier() as verifier:
        server = RewardServer(
            ServedRewards(
                tasks,
                verifier,
                answers=options.answers,
                rule=options.reward,
                most_waiting=options.most_waiting,
                token=options.token,
            )
        )
        async with listening(server.application(), options.host, options.port) as address:
            signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
            with hearing_signals(signals.put_nowait):
                say(f"rewards for {len(tasks)} tasks at {address}; Ctrl-C ends it")
                received = await signals.get()
                await _first_of(server.drain(), signals.get())
            lost = f": {server.waiting} answers under way have no reward" if server.waiting else ""
            say(f"stopped{lost}")
            return received


async def _first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is done, and cancel the others."""
    jobs = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
    for job in jobs:
        job.cancel()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(run_script(main))
