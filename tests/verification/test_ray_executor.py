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

import pytest

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
from utilities.tasks.task import Task
from utilities.verification.verdict import VerifierSettings

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
        victim = await verifier._actors[0].__ray_call__.remote(lambda _: os.getpid())
        judging = asyncio.gather(
            *(verifier.judge(TASK, [RIGHT + f"N = {n}\n"]) for n in range(600))
        )
        await asyncio.sleep(0.5)
        assert not judging.done()
        os.kill(victim, signal.SIGKILL)
        verdicts = await judging
    assert all(verdict is not None and verdict.passed_all for (verdict,) in verdicts)


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
