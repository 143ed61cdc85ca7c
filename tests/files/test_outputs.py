"""Where scripts write: a link stays a link, and what is no file is refused and left as it was."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import REPOSITORY, SCRIPTS, Run, entries
from utilities.command_line.logs import open_log
from utilities.errors import UsageError
from utilities.files import spool
from utilities.files.atomic import file_to_write, locked, replacing, write_atomically
from utilities.files.json_lines import JsonLinesFile
from utilities.files.spool import open_spool
from utilities.tasks.datasets import open_tasks

FIXTURES = REPOSITORY / "tests" / "compatibility" / "fixtures"
BENCHMARK = FIXTURES / "code_benchmark_refined" / "code_benchmark_results.jsonl"
DIRECT = FIXTURES / "direct_benchmark" / "direct_benchmark_results.jsonl"
CODE = FIXTURES / "code" / "code_data_results.jsonl"
VERIFY = "synthetic_data_generators/verify_generated_code.py"
WRITING: dict[str, list[str | Path]] = {
    "auxiliary_utilities/build_dataset.py": ["--output"],
    "auxiliary_utilities/build_report.py": [DIRECT, "--output"],
    "auxiliary_utilities/export_training_data.py": [CODE, "--format", "messages", "--output"],
    "auxiliary_utilities/merge_reasoning.py": [CODE, "--traces_path"],
    "benchmark/combine_runs.py": [BENCHMARK, DIRECT, "--output"],
    "benchmark/compare_runs.py": [BENCHMARK, DIRECT, "--pareto"],
    "benchmark/score_results.py": [DIRECT, "--submission"],
    "synthetic_data_generators/relabel_programs.py": [CODE, "--output"],
    VERIFY: [CODE, "--output"],
}
"""The scripts that write a file of the user's choice; its path follows."""
ASKING: dict[str, list[str | Path]] = {
    "benchmark/choose_again.py": [DIRECT, "--submission", "--judge"],
    "synthetic_data_generators/verify_reasoning.py": [CODE, "--output", "--model_identifier"],
}
"""Those that ask a model first: what they read, the option of the path, and that of the model."""
BENCHMARKS = {
    f"benchmark/run_{kind}_benchmark.py": ["--submission", "--model_identifier"]
    for kind in ("code", "direct")
}


def unusable_places(folder: Path) -> dict[str, Path]:
    """A folder, a device, a pipe, a socket, and a link that leads back to itself."""
    places = {name: folder / name for name in ("folder", "device", "pipe", "socket", "loop")}
    places["folder"].mkdir()
    places["device"].symlink_to("/dev/null")
    os.mkfifo(places["pipe"])
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(folder)  # the path of a socket is short
        listening.bind("socket")
    places["loop"].symlink_to(places["loop"])
    return places


def kinds_of(places: dict[str, Path]) -> dict[str, int]:
    return {name: stat.S_IFMT(path.lstat().st_mode) for name, path in places.items()}


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_every_script_that_writes_is_known() -> None:
    writing = [
        script
        for script in SCRIPTS
        if "output: Path" in (text := (REPOSITORY / script).read_text())
        or any(word in text for word in ("pareto", "SubmissionOptions", "traces_path: Path"))
        or any(name in text for name in ("ExportOptions", "VerificationOptions"))
    ]
    assert sorted([*WRITING, *ASKING]) == writing


@pytest.mark.parametrize("script", [*ASKING, *BENCHMARKS])
def test_nothing_is_asked_for_a_file_that_cannot_be_written(
    script: str, tmp_path: Path, run_script: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    *given, option, model = (ASKING | BENCHMARKS)[script]
    words = (*given, model, "local:x", "--output_directory", "out", "--base_url")
    with LoopbackServer(then=reply("[[1]]")) as server:
        for name, path in unusable_places(tmp_path).items():
            refused(run_script(script, *words, server.openai_url, option, path), name)
        assert server.ledger() == []


@pytest.mark.parametrize("script", WRITING)
def test_what_is_no_file_is_refused_as_output_and_stays(
    script: str, tmp_path: Path, run_script: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    places = unusable_places(tmp_path)
    before = kinds_of(places)
    for path in places.values():
        refused(run_script(script, *WRITING[script], path), path.name)
    assert kinds_of(places) == before
    refused(run_script(script, *WRITING[script], ""), "no path")


@pytest.mark.parametrize("script", WRITING)
def test_a_link_as_output_stays_a_link(script: str, tmp_path: Path, run_script: Run) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "link.json", tmp_path / "elsewhere" / "target.json"
    link.symlink_to(target)
    done = run_script(script, *WRITING[script], link)
    assert done.returncode == 0, done
    assert link.is_symlink()
    assert target.stat().st_size > 0


@pytest.mark.parametrize("script", WRITING)
def test_no_script_writes_over_what_it_reads(script: str, tmp_path: Path, run_script: Run) -> None:
    *words, option = WRITING[script]
    sources = [word for word in words if isinstance(word, Path)]
    if not sources:
        pytest.skip("it reads no file")
    own, hard, soft = (tmp_path / f"{name}.jsonl" for name in ("own", "hard", "soft"))
    own.write_bytes(sources[0].read_bytes())
    hard.hardlink_to(own)
    soft.symlink_to(own)
    words[0] = own
    for output in (own, hard, soft):
        refused(run_script(script, *words, option, output), str(option))
    assert own.read_bytes() == sources[0].read_bytes()


@pytest.mark.parametrize("name", ["X", "Y"], ids=["the source", "another file"])
def test_a_file_that_is_named_like_the_unfinished_output_is_not_destroyed(
    name: str, tmp_path: Path, run_script: Run
) -> None:
    content = CODE.read_bytes()
    for source in ("X.partial", "Y.partial"):
        (tmp_path / source).write_bytes(content.rstrip(b"\n"))  # as if its end were torn
    done = run_script(VERIFY, tmp_path / "Y.partial", "--output", tmp_path / name)
    refused(done, ".partial")
    assert {path.name for path in tmp_path.glob("*.partial*")} == {"X.partial", "Y.partial"}
    assert (tmp_path / "X.partial").read_bytes() == content.rstrip(b"\n")


def test_an_unfinished_output_of_an_earlier_run_is_taken_up(
    tmp_path: Path, run_script: Run
) -> None:
    output = tmp_path / "X"
    assert run_script(VERIFY, CODE, "--output", output).returncode == 0
    kept = output.read_bytes().splitlines(keepends=True)[0]
    (tmp_path / "X.partial").write_bytes(kept)
    done = run_script(VERIFY, CODE, "--output", output)
    assert "judged by an earlier run  1 entries" in done.stdout


def test_a_pipe_among_the_outputs_of_a_run_is_refused(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    script = "synthetic_data_generators/generate_code_data.py"
    for name in ("code_data_results.jsonl", "code_data_partial_results.jsonl"):
        folder = tmp_path / name
        folder.mkdir()
        os.mkfifo(folder / name)
        arguments = ("--dataset_directory", dataset(count=1), "--output_directory", folder)
        refused(run_script(script, *arguments), name, "pipe")
        refused(run_script(script, *arguments, "--dry_run"), name, "pipe")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
async def test_a_file_system_without_locks_is_not_taken_for_another_run(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_no_locks(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", has_no_locks)
    with pytest.raises(UsageError, match=r"has no locks .*another") as lines:
        async with JsonLinesFile(tmp_path / "a.jsonl"):
            pass
    assert "another run" not in str(lines.value)
    with pytest.raises(UsageError, match="has no locks"), locked(tmp_path / "store.json"):
        pass


READ_ONLY = Path("/proc/installation")
"""A place where not even root may make a file."""


def test_a_read_only_installation_is_told_the_way_out() -> None:
    with pytest.raises(UsageError) as dataset:
        open_tasks(own_directory=READ_ONLY)
    for words in ("build_dataset.py --dataset arc1_training --output", "--dataset_directory"):
        assert words in str(dataset.value)
    with pytest.raises(UsageError, match="another place with --output"):
        write_atomically(READ_ONLY / "page.html", b"")
    with (
        pytest.raises(UsageError, match="another place with --traces_path"),
        locked(READ_ONLY / "store.json", option="--traces_path"),
    ):
        pass
    with (
        pytest.raises(UsageError, match="another folder with --output"),
        open_log(READ_ONLY / "log", verbose=False, option="--output"),
    ):
        pass


@pytest.mark.parametrize(
    ("script", "option"),
    [
        ("auxiliary_utilities/build_dataset.py", "--output"),
        ("auxiliary_utilities/merge_reasoning.py", "--traces_path"),
        ("benchmark/combine_runs.py", "--output"),
        ("benchmark/compare_runs.py", "--pareto"),
        ("benchmark/score_results.py", "--submission"),
        ("synthetic_data_generators/relabel_programs.py", "--output"),
        (VERIFY, "--output"),
    ],
)
def test_where_nothing_may_be_written_each_script_names_its_option(
    script: str, option: str, run_script: Run
) -> None:
    refused(run_script(script, *WRITING[script], READ_ONLY / "file"), f"with {option}")


def test_a_folder_that_may_not_be_written_costs_no_dry_run_its_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with open_spool(tmp_path, "t (a)") as database:
        database.execute("INSERT INTO t VALUES (1)")
        assert not list(tmp_path.iterdir())


def test_a_spool_that_is_stopped_at_any_line_leaves_nothing(tmp_path: Path) -> None:
    for line in count(1):
        remaining = line

        def stop(frame: FrameType, event: str, _: object) -> Any:
            nonlocal remaining
            if frame.f_code.co_filename != spool.__file__:
                return None
            remaining -= event == "line"
            if event == "line" and not remaining:
                signal.raise_signal(signal.SIGINT)
            return stop

        before = sys.gettrace(), signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            sys.settrace(stop)
            with open_spool(tmp_path, "t (a)"):
                break
        except KeyboardInterrupt:
            assert not list(tmp_path.iterdir()), line
        finally:
            sys.settrace(before[0])
            signal.signal(signal.SIGINT, before[1])
    assert line > 15, "every line up to the block has been tried"


def test_a_link_to_nothing_is_written_through(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    assert file_to_write(link) == tmp_path / "target"
    with replacing(link) as file:
        file.write(b"x")
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"x"


def test_standard_output_is_refused_and_stays(tmp_path: Path, run_script: Run) -> None:
    before = Path("/dev/stdout").readlink()
    command = [sys.executable, str(REPOSITORY / VERIFY), str(CODE), "--output", "/dev/stdout"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    refused(done, "/dev/stdout", "pipe")
    assert Path("/dev/stdout").readlink() == before
    assert not os.path.lexists("/dev/stdout.partial")


def test_an_odd_kind_of_entry_is_copied_and_counted(tmp_path: Path, run_script: Run) -> None:
    source, output = tmp_path / "r.jsonl", tmp_path / "v.jsonl"
    odd = {"entry_type": "reslt", "task_id": "a"}
    source.write_text("".join(json.dumps(one) + "\n" for one in (odd, odd)) + CODE.read_text())
    done = run_script(VERIFY, source, "--output", output)
    assert "copied as they are        2 entries of the kind 'reslt'" in done.stdout
    assert entries(output, "metadata")[-1]["entries_of_unknown_kinds"] == {"reslt": 2}
    assert len(entries(output, "reslt")) == 2
