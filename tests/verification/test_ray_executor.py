"""The same verdicts from actors of Ray; those that start Ray are slow, and need it installed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.test_serve_rewards import MIRROR, serving
from tests.performance.measure_rewards import descendants_of
from tests.support.scripts import REPOSITORY, Run, clean_environment, script_command
from tests.verification.test_verify_generated_code import (
    FAILING,
    RIGHT,
    SCRIPT,
    TASK_DATA,
    read_lines,
    result,
    without_times,
    write_results,
)
from utilities.errors import WorkersLost
from utilities.tasks.task import Task
from utilities.verification.ray_verifier import _answer
from utilities.verification.verifier import VerifierSettings

TASK = Task.from_json("a", TASK_DATA)
RAY = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")


def run_without_ray(path: Path) -> subprocess.CompletedProcess[str]:
    hidden = (
        "import runpy, sys; sys.modules['ray'] = None; "
        f"sys.argv = ['verify', {str(path)!r}, '--executor', 'ray']; "
        f"runpy.run_path({str(REPOSITORY / SCRIPT)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", hidden]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True)


def test_without_ray_one_line_says_how_to_install_it(tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT))
    done = run_without_ray(path)
    assert done.returncode == 2
    assert done.stderr == "error: --executor ray needs Ray: pip install -e '.[ray]'\n"
    assert not list(tmp_path.glob("*verified*"))


def test_without_executor_ray_nothing_of_ray_is_imported(tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT))
    told = (
        "import runpy, sys\n"
        f"sys.argv = ['verify', {str(path)!r}, '--quiet']\n"
        f"try: runpy.run_path({str(REPOSITORY / SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'ray' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert done.stdout == "0 False\n", done.stderr


@RAY
@pytest.mark.slow  # only then Ray is installed in CI
def test_an_address_where_nobody_listens_is_one_line(run_script: Run, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT))
    done = run_script(SCRIPT, path, "--executor", "ray", "--ray_address", "127.0.0.1:1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "127.0.0.1:1" in done.stderr


@RAY
@pytest.mark.slow
def test_actors_judge_as_this_machine_does(run_script: Run, tmp_path: Path) -> None:
    entries = [result(f"t{n}", RIGHT + f"N = {n}\n", None, FAILING) for n in range(150)]
    path = write_results(tmp_path / "r.jsonl", *entries)
    found = []
    for executor in ("local", "ray"):
        arguments = ["--executor", executor, "--max_concurrent_programs", "2"]
        output = tmp_path / f"{executor}.jsonl"
        done = run_script(SCRIPT, path, *arguments, "--output", output)
        assert done.returncode == 0, done.stderr
        *verified, metadata = read_lines(output)
        found.append((without_times(verified), metadata["execution_statuses"]))
    assert found[0] == found[1]
    assert metadata["sandbox"].endswith("2 Ray actors")


@RAY
@pytest.mark.slow
async def test_a_killed_actor_loses_no_program() -> None:
    from utilities.verification.ray_verifier import RayVerifier

    async with RayVerifier(VerifierSettings(), actors=2) as verifier:
        victim = await verifier._actors.all[0].__ray_call__.remote(lambda _: os.getpid())
        judging = asyncio.gather(
            *(verifier.judge(TASK, [RIGHT + f"N = {n}\n"]) for n in range(600))
        )
        await asyncio.sleep(0.5)
        assert not judging.done()
        os.kill(victim, signal.SIGKILL)
        verdicts = await judging
    assert all(verdict is not None and verdict.passed_all for (verdict,) in verdicts)


class SilentActor:
    """Its calls are never answered."""

    @property
    def judge(self) -> Any:
        return self

    def remote(self, _: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()


@RAY
@pytest.mark.slow
async def test_a_call_that_is_never_answered_ends_as_lost_workers() -> None:
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    await _answer(SilentActor(), [((TASK, [RIGHT], True), answer)], 0.05)
    with pytest.raises(WorkersLost, match=r"no answer in 0 s.*try again later"):
        await answer


@RAY
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_server_whose_ray_dies_gives_right_rewards_or_503_and_can_be_ended(
    tmp_path: Path,
) -> None:
    options = ("--executor", "ray", "--max_concurrent_programs", "1")
    with serving(tmp_path, *options) as server:

        def named(word: bytes) -> list[int]:
            return [
                one
                for one in descendants_of(server.process.pid)
                if word in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")[0]
            ]

        def asked(number: int) -> Any:
            item = {"task_id": "mirror", "code": f"{MIRROR}# {number}"}
            status, told, headers = server.ask("/reward", item)
            return told["reward"] if status == 200 else (status, headers["Retry-After"])

        assert asked(0) == 1
        (actor,), (raylet,) = named(b"ray::VerifyingActor"), named(b"raylet/raylet")
        os.kill(actor, signal.SIGKILL)
        assert {asked(number) for number in range(1, 20)} <= {1, (503, "1")}
        (actor,) = named(b"ray::VerifyingActor")
        os.kill(raylet, signal.SIGKILL)
        os.kill(actor, signal.SIGKILL)
        assert asked(20) == (503, "1")
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=60)
    assert server.process.returncode == 143


@RAY
@pytest.mark.slow
def test_a_signal_stops_actors_and_keeps_what_was_judged(tmp_path: Path, run_script: Run) -> None:
    entries = [result(f"t{n}", RIGHT + f"N = {n}\n") for n in range(2000)]
    path = write_results(tmp_path / "r.jsonl", *entries)
    partial = tmp_path / "r_verified.jsonl.partial"
    command = script_command(SCRIPT, path, "--executor", "ray", "--max_concurrent_programs", "2")
    with subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE) as process:
        while not partial.exists() or not partial.stat().st_size:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    kept = partial.read_bytes().count(b"\n")
    assert 0 < kept < 2000
    assert run_script(SCRIPT, path).returncode == 0
    assert read_lines(tmp_path / "r_verified.jsonl")[-1]["entries_resumed"] == kept
