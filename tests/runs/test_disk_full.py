"""A full disk or a closed folder: one line, nothing torn, and it goes on when there is room."""

from __future__ import annotations

import json
import os
import resource
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import clean_environment, entries, script_command

CODE = "synthetic_data_generators/generate_code_data.py"
TASKS = 12
MOUNTS = (
    os.getuid() == 0
    and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
)
needs_mounts = pytest.mark.skipif(not MOUNTS, reason="only root may mount a small disk")


def command(server: LoopbackServer, path: Path, folder: Path) -> list[str]:
    return script_command(
        CODE, "--model_identifier", "local:m", "--base_url", server.openai_url,
        "--dataset_directory", path, "--max_concurrent_tasks", "2", "--output_directory", folder,
    )  # fmt: skip


def in_a_mount_namespace(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env=clean_environment(), capture_output=True, text=True, timeout=200,
    )  # fmt: skip


def assert_whole_and_bought_once(folder: Path, server: LoopbackServer) -> None:
    """Every task has its entry, every line is whole, and little was asked a second time."""
    found = entries(folder / "code_data_results.jsonl")
    assert sorted(entry["task_id"] for entry in found) == sorted(
        {entry["task_id"] for entry in found}
    )
    assert len(found) == TASKS
    journal = (folder / "code_data_partial_results.jsonl").read_text()
    assert journal.endswith("\n")
    assert len({json.loads(line)["key"] for line in journal.splitlines()}) == TASKS
    assert not list(folder.glob("*.torn"))
    # What was in flight when the disk was full could not be kept: two tasks at the most.
    assert TASKS <= len(server.ledger()) <= TASKS + 2


@needs_mounts
@pytest.mark.timeout(300)
def test_a_full_disk_ends_the_run_with_one_line_and_it_goes_on_when_there_is_room(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        run = shlex.join(command(server, dataset(count=TASKS), small))
        done = in_a_mount_namespace(
            f"mount -t tmpfs -o size=80k none {small}; {run}; echo first $?;"
            f"tail -qc1 {small}/*.jsonl | xxd -p; mount -o remount,size=16m {small};"
            f"{run}; echo second $?; cp -r {small} {kept}"
        )
        assert "first 2\n0a0a\n" in done.stdout, done
        assert "second 0\n" in done.stdout
        assert_whole_and_bought_once(kept, server)
    line, *more = [line for line in done.stderr.splitlines() if "the log" not in line]
    assert "No space left on device; make room" in line
    assert (line[:7], more) == ("error: ", [])


@pytest.mark.timeout(300)
def test_a_limit_on_file_sizes_is_a_full_disk_too(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "out"
    with LoopbackServer(then=reply(maker="identity_program")) as server:
        run = command(server, dataset(count=TASKS), folder)
        limited = subprocess.run(
            run, env=clean_environment(), capture_output=True, text=True, timeout=100,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        )  # fmt: skip
        assert limited.returncode == 2
        line, *more = [line for line in limited.stderr.splitlines() if "the log" not in line]
        assert "File too large; make room" in line
        assert (line[:7], more) == ("error: ", [])
        assert all(file.read_bytes()[-1:] == b"\n" for file in folder.glob("*.jsonl"))
        assert 0 < len(entries(folder / "code_data_results.jsonl")) < TASKS
        done = subprocess.run(
            run, env=clean_environment(), capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert_whole_and_bought_once(folder, server)


@needs_mounts
def test_a_read_only_folder_is_one_line_before_anything_is_asked(
    tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    with LoopbackServer() as server:
        run = shlex.join(command(server, dataset(count=1), folder / "out"))
        done = in_a_mount_namespace(f"mount -t tmpfs -o ro none {folder}; {run}")
        assert server.ledger() == []
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Read-only file system" in done.stderr
    assert str(folder) in done.stderr


def test_a_log_that_cannot_be_written_is_said_once_and_the_run_goes_on(tmp_path: Path) -> None:
    program = (
        "import logging, resource, sys\n"
        "from pathlib import Path\n"
        "from utilities.command_line.logs import open_log\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"with open_log(Path({str(tmp_path / 'a.log')!r}), verbose=False):\n"
        "    for _ in range(100):\n"
        "        logging.getLogger('x').warning('y' * 100)\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [command_python(), "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert done.stderr.count("\n") == 1
    assert "a.log cannot be written: File too large" in done.stderr


def command_python() -> str:
    return script_command(CODE)[0]
