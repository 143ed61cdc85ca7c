"""Ctrl-C, sent to the process group as a terminal does, at many moments of every script."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.support.scripts import REPOSITORY, SCRIPTS, clean_environment, script_command

FIXTURES = REPOSITORY / "tests" / "compatibility" / "fixtures"
BENCHMARK = FIXTURES / "code_benchmark_refined" / "code_benchmark_results.jsonl"
DIRECT = FIXTURES / "direct_benchmark" / "direct_benchmark_results.jsonl"
CODE = FIXTURES / "code" / "code_data_results.jsonl"
ASK = [
    *("--model_identifier", "PROGRAM_SEARCH", "--dataset_directory", FIXTURES / "tasks.json"),
    *("--search_budget", "300000", "--quiet", "--output_directory", "{}"),
]
ARGUMENTS: dict[str, list[str | Path]] = {
    "auxiliary_utilities/build_dataset.py": ["--output", "{}/dataset.json"],
    "auxiliary_utilities/build_report.py": [BENCHMARK, DIRECT, "--output", "{}/page.html"],
    "auxiliary_utilities/check_model.py": ["local:x", "--base_url", "http://127.0.0.1:9/v1"],
    "auxiliary_utilities/export_training_data.py": [
        *(CODE, "--format", "messages", "--output", "{}/rows.jsonl"),
    ],
    "auxiliary_utilities/list_models.py": [],
    "auxiliary_utilities/list_runs.py": [BENCHMARK, DIRECT],
    "auxiliary_utilities/merge_reasoning.py": [CODE, "--traces_path", "{}/store.json"],
    "auxiliary_utilities/show_task.py": ["6150a2bd", "--results", BENCHMARK],
    "benchmark/choose_again.py": [
        *(BENCHMARK, "--judge", "local:j", "--base_url", "http://127.0.0.1:9/v1", "--dry_run"),
    ],
    "benchmark/combine_runs.py": [BENCHMARK, DIRECT, "--output", "{}/combined.jsonl"],
    "benchmark/compare_runs.py": [BENCHMARK, DIRECT],
    "benchmark/run_code_benchmark.py": ASK,
    "benchmark/run_direct_benchmark.py": ASK,
    "benchmark/score_results.py": [BENCHMARK],
    "benchmark/serve_rewards.py": ["--dataset", "none"],  # else it would never end
    "synthetic_data_generators/generate_code_data.py": ASK,
    "synthetic_data_generators/generate_reasoning_data.py": ASK,
    "synthetic_data_generators/generate_task_data.py": [
        *("--model_identifier", "PROGRAM_SEARCH", "--max_tasks", "4", "--fresh_per_task", "8"),
        *("--quiet", "--output_directory", "{}"),
    ],
    "synthetic_data_generators/relabel_programs.py": [CODE, "--output", "{}/new.jsonl"],
    "synthetic_data_generators/verify_generated_code.py": [
        *(CODE, "--output", "{}/verified.jsonl", "--quiet"),
    ],
    "synthetic_data_generators/verify_reasoning.py": [
        *(
            CODE,
            "--model_identifier",
            "local:x",
            "--base_url",
            "http://127.0.0.1:9/v1",
            "--dry_run",
        ),
    ],
}
"""Small inputs for each script; `{}` is the folder to write to."""
EXIT_CODES = {"auxiliary_utilities/check_model.py": 1, "benchmark/serve_rewards.py": 2}
"""Those that are not 0: nobody is there to be checked, and there is no such dataset."""
_PR_SET_CHILD_SUBREAPER = 36
IN_FLIGHT_S = 60
"""More than the tasks in flight ever need, on a machine that is busy with other things."""


@dataclass(frozen=True)
class Ended:
    """How a script ended that was told to stop."""

    code: int
    output: str
    complaint: str

    @property
    def lines(self) -> list[str]:
        """What it said of the stop."""
        return [line for line in self.complaint.splitlines() if line.startswith("stop")]

    def is_of_python(self, script: str) -> bool:
        """Whether Python itself was starting: no line after the script's first import had run.

        While it reads `.pth` files, or drops a lock of an import, it prints the exception and goes
        on. Line 0 is where it enters the script.
        """
        goes_on = ("Error processing line", "Exception ignored in: <function _get_module_lock")
        if any(words in self.complaint for words in goes_on):
            return True
        frames = self.complaint.split(f'/{script}", line ')[1:]
        first = ("0, in <module>", "from utilities.command_line.script")
        begun = [frame for frame in frames if not any(words in frame for words in first)]
        return self.code in (-signal.SIGINT, 1) and not begun and not self.output


def started(script: str, folder: Path, *flags: str) -> subprocess.Popen[str]:
    folder.mkdir()
    words = [str(word).replace("{}", str(folder)) for word in ARGUMENTS[script]]
    python, *command = script_command(script, *words)
    return subprocess.Popen(
        [python, *flags, *command],
        cwd=folder,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> Ended:
    """All that is known when it has ended, and with it every process that has its stderr."""
    try:
        output, complaint = process.communicate(timeout=IN_FLIGHT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return Ended(process.returncode, output, complaint)


def interrupt(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)


@pytest.fixture(autouse=True)
def orphans_come_here() -> Iterator[None]:
    """Let processes whose parent has ended become children of the tests' process."""
    for adopts in (True, False):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, adopts, 0, 0, 0)
        if adopts:
            yield


def running_children() -> set[str]:
    listed = Path("/proc/self/task").glob("*/children")
    found = {pid for path in listed for pid in path.read_text().split()}
    return {pid for pid in found if _state_of(pid) not in {"Z", "X"}}


def _state_of(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):  # it has ended meanwhile
        return "X"


def assert_nothing_is_left(folder: Path, before: set[str]) -> None:
    """No process, no lock, no file that is half written; `before` has the children from before."""
    deadline = time.monotonic() + IN_FLIGHT_S
    while left := running_children() - before:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert_nothing_is_half_written(folder)


def assert_nothing_is_half_written(folder: Path) -> None:
    assert not list(folder.rglob("*.tmp"))
    assert all(path.stat().st_size for path in folder.rglob("*.partial"))
    for path in folder.rglob("*.json*"):
        text = path.read_text()
        whole = [text] if path.suffix == ".json" else text.splitlines()
        assert all(map(json.loads, whole)), path
        assert path.suffix == ".json" or not text or text.endswith("\n"), path


def assert_stopped(how: Ended, whole: int = 0) -> None:
    """It was stopped with one line, or came to its end, whose exit code is `whole`."""
    assert "Traceback" not in how.complaint
    assert how.code in (whole, 130), how
    assert len(how.lines) == (how.code == 130), how


def test_small_inputs_are_known_for_every_script() -> None:
    assert sorted(ARGUMENTS) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_during_the_imports_is_one_line(script: str, tmp_path: Path) -> None:
    process = started(script, tmp_path / "out", "-X", "importtime")
    assert process.stderr is not None
    while "utilities.command_line.start" not in process.stderr.readline():
        assert process.poll() is None
    interrupt(process)
    how = ended(process)
    assert (how.code, how.lines) == (130, ["stopped at once by SIGINT"])
    assert "Traceback" not in how.complaint


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_as_soon_as_a_search_has_its_process_is_a_line_each_at_most(
    tmp_path: Path, times: int
) -> None:
    before = running_children()
    process = started("synthetic_data_generators/generate_code_data.py", tmp_path / "out")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not children.read_text():
        time.sleep(0.002)
    for _ in range(times):
        interrupt(process)
        time.sleep(0.01)
    how = ended(process)
    assert how.code == 130
    assert 1 <= len(how.lines) <= times, "at most a line for each Ctrl-C"
    assert "Traceback" not in how.complaint
    assert_nothing_is_left(tmp_path / "out", before)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "moments",
    [pytest.param(8, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.long)],
)
@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_at_any_moment_is_one_line(script: str, moments: int, tmp_path: Path) -> None:
    folders = (tmp_path / f"{number}" for number in count())
    began = time.monotonic()
    whole = ended(started(script, next(folders)))
    whole_s = time.monotonic() - began
    assert whole.code == EXIT_CODES.get(script, 0)
    before = running_children()
    of_python = 0
    for number in range(moments):
        folder = next(folders)
        process = started(script, folder)
        time.sleep(1.1 * whole_s * number / moments)
        interrupt(process)
        how = ended(process)
        if how.is_of_python(script):
            of_python += 1
        else:
            assert_stopped(how, whole.code)
        assert_nothing_is_left(folder, before)
    assert of_python < 0.6 * moments


def test_a_drawing_whose_reader_has_gone_ends_as_a_shell_expects(tmp_path: Path) -> None:
    process = started("auxiliary_utilities/show_task.py", tmp_path / "out")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(IN_FLIGHT_S) == 141
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_a_search_without_a_stderr_succeeds(tmp_path: Path) -> None:
    words = [str(word).replace("{}", str(tmp_path)) for word in ASK]
    command = script_command("synthetic_data_generators/generate_code_data.py", *words)
    shell = ["bash", "-c", '"$@" 2>&-', "bash", *command]
    done = subprocess.run(shell, capture_output=True, text=True, env=clean_environment())
    assert done.returncode == 0
    assert "5 done" in done.stdout
