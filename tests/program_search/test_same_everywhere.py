"""A task's programs are the same with any workers, under load, and by Ray, whatever dies there."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from agents.program_search.agent import ProgramSearchAgent
from agents.program_search.ray_pool import RayPool
from agents.program_search.worker_pool import WorkerPool
from tests.performance.measure_rewards import descendants_of
from tests.support.scripts import arc1_training, clean_environment, script_command
from utilities.errors import ProviderFailed, UsageError
from utilities.runs.options import AskingOptions
from utilities.tasks.task import Task

RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
NAMES = ("007bbfb7", "25ff71a9", "6150a2bd", "3c9b0459", "d631b094", "a85d4709")
SCRIPT = "synthetic_data_generators/generate_code_data.py"


def jobs() -> list[dict[str, Any]]:
    tasks = arc1_training()
    return [
        {
            "task_id": name,
            **Task.from_json(name, tasks[name]).without_test_outputs().to_json(),
            "best_of": 3,
            "search_budget": 3_000_000,
        }
        for name in NAMES
    ]


async def found_by(pool: WorkerPool | RayPool) -> list[Any]:
    async with pool:
        return await asyncio.gather(*map(pool.run, jobs()))


@contextmanager
def load() -> Iterator[None]:
    """More processes that never rest than there are cores."""
    idle = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(idle) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_programs_depend_on_no_number_of_workers_and_on_no_load() -> None:
    alone = await found_by(WorkerPool(1))
    with load():
        assert await found_by(WorkerPool(2)) == alone
    assert sum(map(bool, alone)) >= 5
    assert max(map(len, alone)) == 3


@RAY
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_ray_finds_the_same_also_if_an_actor_or_its_worker_is_killed() -> None:
    alone = await found_by(WorkerPool(1))
    async with RayPool(most=2) as pool:
        for victim in (b"", b"ray::SearchingActor", b"agents.program_search.worker_pool"):
            search = asyncio.gather(*map(pool.run, jobs()))
            if victim:
                await asyncio.sleep(0.5)
                assert not search.done()
                os.kill(named(os.getpid(), victim)[0], signal.SIGKILL)
            assert await search == alone, victim
        with pytest.raises(ProviderFailed, match=r"task no task: .* died 2 times"):
            await pool.run({"task_id": "no task", "search_budget": 1})
        assert await pool.run(jobs()[2]) == alone[2], "other tasks do not notice"


def named(parent: int, name: bytes) -> list[int]:
    """The processes below the parent whose command line has this word in it."""
    found = []
    for one in descendants_of(parent):
        try:
            words = Path(f"/proc/{one}/cmdline").read_bytes()
        except OSError:
            continue
        if name in words:
            found.append(one)
    return found


class ByRay:
    """Runs of the script in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *more: str) -> list[str]:
        return script_command(
            SCRIPT,
            *("--model_identifier", "PROGRAM_SEARCH", "--dataset", "arc1_training"),
            *("--task_ids", ",".join(NAMES), "--search_budget", "3000000", "--quiet"),
            *("--max_concurrent_tasks", "2", "--output_directory", self.folder, *more),
        )

    def entries(self) -> dict[str, Any]:
        lines = (self.folder / "code_data_results.jsonl").read_text().splitlines()
        kept = ("status", "reasoning", "python_code", "confidence", "entry_key")
        return {
            entry["task_id"]: [entry.get(name) for name in kept]
            for entry in map(json.loads, lines)
            if "task_id" in entry
        }

    def whole(self, *more: str) -> dict[str, Any]:
        command, told = self.command(*more), clean_environment()
        done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return self.entries()

    def disturbed(self, disturb: Callable[[int], None]) -> tuple[int, str]:
        """Exit code and stderr of a run that is disturbed after its first reply."""
        journal = self.folder / "code_data_partial_results.jsonl"
        with subprocess.Popen(
            self.command("--executor", "ray"),
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        ) as process:
            while not journal.exists() or not journal.stat().st_size:
                assert process.poll() is None
                time.sleep(0.02)
            disturb(process.pid)
            _, said = process.communicate(timeout=120)
        return process.returncode, said


@RAY
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_run_that_ctrl_c_or_the_death_of_ray_ends_is_gone_on_with(tmp_path: Path) -> None:
    def ctrl_c(process: int) -> None:
        os.killpg(process, signal.SIGINT)

    def death(process: int) -> None:
        for one in named(process, b"raylet/raylet") + named(process, b"ray::SearchingActor"):
            os.kill(one, signal.SIGKILL)

    here = ByRay(tmp_path / "local").whole()
    assert len(here) == len(NAMES)
    for name, disturb, code in (("ctrl_c", ctrl_c, 130), ("death", death, 2)):
        run = ByRay(tmp_path / name)
        done, said = run.disturbed(disturb)
        assert done == code, said
        if code == 2:
            assert "error: --executor ray: workers died" in said.splitlines()[-1]
        else:
            assert 0 < len(run.entries()) < len(here)
        assert run.whole() == here  # what Ray found is resumed on this machine


def test_without_ray_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    replies: Any = None
    with pytest.raises(UsageError, match=r"needs Ray: pip install -e '\.\[ray\]'"):
        ProgramSearchAgent.for_run(replies, AskingOptions(executor="ray"))


def test_a_run_that_asks_nothing_needs_no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    replies: Any = None
    options = AskingOptions(executor="ray", dry_run=True)
    assert ProgramSearchAgent.for_run(replies, options).identity()
