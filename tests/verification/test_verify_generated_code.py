"""The script that judges a results file, run as a user runs it."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_sources import HOSTILE_SOURCES
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, clean_environment, script_command

SCRIPT = "synthetic_data_generators/verify_generated_code.py"
TASK_DATA = {
    "train": [{"input": [[1, 2]], "output": [[2, 1]]}],
    "test": [{"input": [[3, 4]], "output": [[4, 3]]}],
}
RIGHT = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
TRAIN_ONLY = "def solve_task(grid):\n    return [[2, 1]]\n"
FAILING = "def solve_task(grid):\n    return 1 / 0\n"
SLEEPING = "import time\ndef solve_task(grid):\n    time.sleep(60)\n"


def result(task_id: str, *codes: str | None, **more: Any) -> dict[str, Any]:
    entry = {"entry_type": "result", "task_id": task_id, "task_data": TASK_DATA}
    return {**entry, "python_code": list(codes), "status": ["ok"] * len(codes), **more}


def write_results(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write_results(
        tmp_path / "code_data_results.jsonl",
        result("right", RIGHT, TRAIN_ONLY),
        {"entry_type": "metadata", "run_id": "r", "status": "completed"},
        result("wrong", FAILING, None, reasoning=["kept", None]),
    )


def test_every_entry_comes_back_with_its_verdicts(run_script: Run, results: Path) -> None:
    done = run_script(SCRIPT, results)
    assert done.returncode == 0, done.stderr
    right, source_metadata, wrong, metadata = read_lines(
        results.with_name("code_data_results_verified.jsonl")
    )
    assert right["execution_status"] == ["ok", "ok"]
    assert right["train_passed"] == [[True], [True]]
    assert right["test_passed"] == [[True], [False]]
    assert right["train_outputs"] == [[[[2, 1]]], [[[2, 1]]]]
    assert right["test_outputs"] == [[[[4, 3]]], [[[2, 1]]]]
    assert source_metadata["run_id"] == "r"
    assert wrong["execution_status"] == ["exception", None]
    assert wrong["train_outputs"] == [[None], None]
    assert wrong["reasoning"] == ["kept", None]
    assert metadata["entry_type"] == "metadata"
    assert metadata["status"] == "completed"
    assert metadata["execution_statuses"] == {"ok": 2, "exception": 1}
    assert metadata["verified_task_ids"] == ["right"]
    assert metadata["entries_not_judged"] == []
    assert metadata["sandbox"]
    assert right["entry_point"] == ["solve_task", "solve_task"]
    assert right["deterministic"] == [True, True]
    assert right["hardcoded"] == [False, True]
    assert right["uses_numpy_without_import"] == [False, False]
    assert wrong["deterministic"] == wrong["hardcoded"] == [None, None]
    assert metadata["labels"]["hardcoded"] == 1
    assert metadata["source_sha256"] == hashlib.sha256(results.read_bytes()).hexdigest()
    assert set(metadata["execution_duration_s"]) == {"p50", "p95", "p99"}
    assert metadata["options"]["settings"]["limits"]["cpu_s"] == 1.0


def test_the_summary_counts_programs_and_names_the_files(run_script: Run, results: Path) -> None:
    out = run_script(SCRIPT, results).stdout
    for line in (
        "programs                  3 in 2 entries",
        "  ok                      2",
        "  exception               1",
        "passing train             2",
        "passing train and test    1",
        "tasks with such a program 1",
        "hard-coded                1",
        "sandbox  ",
        str(results.with_name("code_data_results_verified.jsonl")),
        str(results.with_name("code_verification.log")),
    ):
        assert line in out


def test_quiet_prints_nothing(run_script: Run, results: Path) -> None:
    done = run_script(SCRIPT, results, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_results_stay_as_they_are(run_script: Run, results: Path, tmp_path: Path) -> None:
    before = results.read_bytes()
    output = tmp_path / "elsewhere" / "judged.jsonl"
    assert run_script(SCRIPT, results, "--output", output).returncode == 0
    assert results.read_bytes() == before
    assert len(read_lines(output)) == 4
    assert not list(tmp_path.rglob("*.partial"))


def test_the_older_layout_is_judged(run_script: Run, tmp_path: Path) -> None:
    old = {"task_id": "old", "task_data": TASK_DATA, "python_code": RIGHT, "reasoning": "r"}
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"metadata": {"model": "m"}, "results": [old]}))
    assert run_script(SCRIPT, path).returncode == 0
    _, entry, metadata = read_lines(tmp_path / "old_verified.jsonl")
    assert entry["train_passed"] == [[True]]
    assert metadata["passed_train_and_test"] == 1


def test_an_entry_that_cannot_be_judged_is_kept_and_counted(
    run_script: Run, tmp_path: Path
) -> None:
    unjudged = {"entry_type": "result", "task_id": "bare", "python_code": [RIGHT]}
    path = write_results(tmp_path / "r.jsonl", unjudged, result("right", RIGHT))
    done = run_script(SCRIPT, path)
    assert done.returncode == 0
    assert "entries not judged        1, the first: task bare" in done.stdout
    kept, _, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert "train_passed" not in kept
    assert len(metadata["entries_not_judged"]) == 1


@pytest.mark.parametrize(
    "unjudged",
    [{"python_code": None}, {"python_code": [None]}, {"python_code": 7}, {"task_data": None}],
    ids=str,
)
def test_an_entry_that_is_not_judged_keeps_no_verdict_that_it_came_with(
    run_script: Run, tmp_path: Path, unjudged: dict[str, Any]
) -> None:
    stale = {
        "execution_status": ["ok"],
        "train_passed": [[True]],
        "test_passed": [[True]],
        "train_outputs": [[[[2, 1]]]],
        "test_outputs": [[[[4, 3]]]],
        "deterministic": [True],
        "hardcoded": [False],
        "entry_point": ["p"],
        "uses_numpy_without_import": [False],
        "execution_message": [None],
        "execution_duration_s": [0.1],
    }
    entry = {**result("stale", RIGHT), **stale, **unjudged}
    path = write_results(tmp_path / "r.jsonl", entry, result("right", RIGHT))
    assert run_script(SCRIPT, path).returncode == 0
    kept, _, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert [kept[name] for name in stale if kept.get(name) not in (None, [None])] == []
    assert metadata["verified_task_ids"] == ["right"]


def test_what_is_read_from_standard_input_has_no_hash_of_nothing(
    results: Path, tmp_path: Path
) -> None:
    output = tmp_path / "judged.jsonl"
    command = script_command(SCRIPT, "/dev/stdin", "--output", output)
    done = subprocess.run(
        command, input=results.read_bytes(), env=clean_environment(), capture_output=True
    )
    assert done.returncode == 0, done.stderr
    metadata = read_lines(output)[-1]
    assert (metadata["programs"], metadata["source_sha256"]) == (3, None)


def test_a_task_of_a_thousand_pairs_is_judged(run_script: Run, tmp_path: Path) -> None:
    pairs = [{"input": [[n % 9, 0]], "output": [[0, n % 9]]} for n in range(1000)]
    task_data = {"train": pairs[:996], "test": pairs[996:]}
    path = write_results(tmp_path / "r.jsonl", result("many", RIGHT, FAILING, task_data=task_data))
    done = run_script(SCRIPT, path)
    assert done.returncode == 0, done.stderr
    entry, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert entry["train_passed"] == [[True] * 996, [False] * 996]
    assert entry["test_passed"] == [[True] * 4, [False] * 4]
    assert metadata["passed_train_and_test"] == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        ("", "holds no entry"),
        ('{"task_id": "a"}\n{"broken\n{}\n', "line 2"),
        (json.dumps(result("a", task_data=None)) + "\n", "nothing to judge"),
        (json.dumps(result("a", python_code=[1])) + "\n", "python_code"),
        ('{"entry_type": "result", "task_id": "a", "reasoning": ["r"]}\n', "nothing to judge"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    run_script: Run, tmp_path: Path, content: str | None, told: str
) -> None:
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_text(content)
    done = run_script(SCRIPT, path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r_verified.jsonl").exists()


def test_a_file_with_nothing_to_judge_leaves_only_the_log(run_script: Run, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT, task_data=None))
    assert run_script(SCRIPT, path).returncode == 2
    assert {left.name for left in tmp_path.iterdir()} == {"r.jsonl", "code_verification.log"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max_concurrent_programs", "0"],
        ["--quiet", "--verbose"],
        ["--outputs", "x"],
        ["--cpu_s", "0"],
        ["--cpu_s", "nan"],
        ["--wall_s", "-1"],
        ["--memory_mb", "1.5"],
        ["--retry_timeouts", "soon"],
        ["--retry_timeouts", "1"],
        ["--mode", "loose"],
        ["--executor", "cluster"],
        ["--ray_address", "auto"],
        ["--programs", "."],
        ["--dataset", "arc1_training"],
        ["--dataset_directory", "."],
        ["--output", "/dev/null/verified.jsonl"],
    ],
    ids=" ".join,
)
def test_bad_options_are_one_line_and_exit_code_2(
    run_script: Run, results: Path, arguments: list[str]
) -> None:
    done = run_script(SCRIPT, results, *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_results_cannot_be_their_own_output(run_script: Run, results: Path) -> None:
    assert run_script(SCRIPT, results, "--output", results).returncode == 2
    assert len(read_lines(results)) == 3


def test_ctrl_c_keeps_what_was_judged(tmp_path: Path) -> None:
    path = write_results(
        tmp_path / "r.jsonl",
        *[result(f"right{n}", RIGHT) for n in range(3)],
        *[result(f"slow{n}", SLEEPING.replace("60", f"6{n}")) for n in range(9)],
    )
    partial = tmp_path / "r_verified.jsonl.partial"
    process = ScriptProcess(SCRIPT, path, "--max_concurrent_programs", "1", "--wall_s", "1.5")
    while not partial.exists() or partial.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    done = process.completed()
    assert done.returncode == 130
    assert str(partial) in done.stderr
    assert "Traceback" not in done.stderr
    assert [entry["task_id"] for entry in read_lines(partial)][:3] == ["right0", "right1", "right2"]
    assert not (tmp_path / "r_verified.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_is_taken_up_again(
    run_script: Run, tmp_path: Path, number: signal.Signals
) -> None:
    codes = [RIGHT + f"N = {n}\n" for n in range(200)]
    path = write_results(tmp_path / "r.jsonl", *[result(f"t{n}", c) for n, c in enumerate(codes)])
    run_until(path, 5, number, expected=128 + number)
    done = run_script(SCRIPT, path, *BRIEF)
    assert done.returncode == 0, done.stderr
    verified = read_lines(tmp_path / "r_verified.jsonl")
    assert [entry["task_id"] for entry in verified[:-1]] == [f"t{n}" for n in range(200)]
    assert 5 <= verified[-1]["entries_resumed"] <= 200
    assert verified[-1]["programs"] == verified[-1]["passed_train_and_test"] == 200
    assert f"judged by an earlier run  {verified[-1]['entries_resumed']} entries" in done.stdout
    assert not list(tmp_path.glob("*.partial*"))


BRIEF = ("--wall_s", "1")
"""So that a sleeping program holds nobody up for long."""


def run_until(path: Path, lines: int, number: signal.Signals, *, expected: int) -> None:
    """Start a verification and signal it once its partial file has so many more lines."""
    partial = path.with_name(f"{path.stem}_verified.jsonl.partial")
    before = partial.read_bytes().count(b"\n") if partial.exists() else 0
    process = ScriptProcess(SCRIPT, path, "--max_concurrent_programs", "1", *BRIEF)
    while process.poll() is None and (
        not partial.exists() or partial.read_bytes().count(b"\n") < before + lines
    ):
        time.sleep(0.005)
    process.send_signal(number)
    done = process.completed()
    assert done.returncode == expected, done.stderr


@pytest.mark.timeout(200)
def test_nothing_is_lost_or_judged_twice_by_kill_minus_nine(
    run_script: Run, tmp_path: Path
) -> None:
    chance = random.Random(3)
    codes = [RIGHT + f"N = {n}\n" for n in range(300)]
    path = write_results(tmp_path / "r.jsonl", *[result(f"t{n}", c) for n, c in enumerate(codes)])
    partial = tmp_path / "r_verified.jsonl.partial"
    kept = 0
    for _ in range(6):
        run_until(path, chance.randrange(1, 25), signal.SIGKILL, expected=-signal.SIGKILL)
        whole = partial.read_bytes().count(b"\n")
        assert whole > kept
        kept = whole
    done = run_script(SCRIPT, path, *BRIEF)
    assert done.returncode == 0, done.stderr
    *verified, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert [entry["task_id"] for entry in verified] == [f"t{n}" for n in range(300)]
    assert metadata["entries_resumed"] == kept
    assert metadata["programs"] == 300


def test_a_changed_input_is_judged_anew_and_the_rest_is_not(
    run_script: Run, tmp_path: Path
) -> None:
    path = tmp_path / "r.jsonl"
    entries = [result(f"t{n}", RIGHT + f"N = {n}\n") for n in range(40)]
    slow = [result("slow", SLEEPING)]
    run_until(write_results(path, *entries, *slow), 40, signal.SIGKILL, expected=-signal.SIGKILL)
    entries[7]["python_code"] = [FAILING]
    entries[3], entries[30] = entries[30], entries[3]
    del entries[20]
    done = run_script(SCRIPT, write_results(path, *entries), *BRIEF)
    assert done.returncode == 0, done.stderr
    *verified, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert [entry["task_id"] for entry in verified] == [entry["task_id"] for entry in entries]
    assert metadata["entries_resumed"] == 38
    assert metadata["execution_statuses"] == {"ok": 38, "exception": 1}
    assert not list(tmp_path.glob("*.partial*"))


@pytest.mark.parametrize("arguments", [["--cpu_s", "2"], ["--no_resume"]])
def test_other_settings_judge_anew(run_script: Run, tmp_path: Path, arguments: list[str]) -> None:
    entries = [result(f"t{n}", RIGHT + f"N = {n}\n") for n in range(5)]
    path = write_results(tmp_path / "r.jsonl", *entries, result("slow", SLEEPING))
    run_until(path, 5, signal.SIGKILL, expected=-signal.SIGKILL)
    write_results(path, *entries)
    assert run_script(SCRIPT, path, *BRIEF, *arguments).returncode == 0
    *verified, metadata = read_lines(tmp_path / "r_verified.jsonl")
    assert (len(verified), metadata["entries_resumed"]) == (5, 0)


def test_two_runs_do_not_write_the_same_file(run_script: Run, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("slow", SLEEPING))
    partial = tmp_path / "r_verified.jsonl.partial"
    with ScriptProcess(SCRIPT, path) as process:
        while not partial.exists():
            time.sleep(0.01)
        time.sleep(0.2)
        second = run_script(SCRIPT, path)
        assert process.poll() is None
    assert second.returncode == 2
    assert "another run is writing" in second.stderr
    assert "--output\n" in second.stderr


def test_entries_before_a_broken_line_are_kept(run_script: Run, tmp_path: Path) -> None:
    path = write_results(tmp_path / "r.jsonl", result("a", RIGHT), result("b", FAILING))
    whole = path.read_text()
    path.write_text(whole + "broken\n" + json.dumps(result("c", RIGHT)) + "\n")
    done = run_script(SCRIPT, path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "line 3" in done.stderr
    path.write_text(whole)
    assert run_script(SCRIPT, path).returncode == 0
    *verified, _ = read_lines(tmp_path / "r_verified.jsonl")
    assert [entry["task_id"] for entry in verified] == ["a", "b"]


@pytest.mark.parametrize("name", ["old.json.gz", "r.jsonl.gz"])
def test_gzipped_files_are_judged(run_script: Run, tmp_path: Path, name: str) -> None:
    entry = result("a", RIGHT)
    content = {"metadata": {}, "results": [entry]} if ".json." in name else entry
    (tmp_path / name).write_bytes(gzip.compress(json.dumps(content).encode() + b"\n"))
    assert run_script(SCRIPT, tmp_path / name).returncode == 0
    verified = read_lines(tmp_path / f"{name.partition('.')[0]}_verified.jsonl")
    assert verified[-2]["train_passed"] == [[True]]


def test_verified_entries_can_be_verified_again(run_script: Run, results: Path) -> None:
    assert run_script(SCRIPT, results).returncode == 0
    once = results.with_name("code_data_results_verified.jsonl")
    assert run_script(SCRIPT, once).returncode == 0
    first, second = (
        read_lines(path) for path in (once, once.with_name(f"{once.stem}_verified.jsonl"))
    )
    assert len(second) == len(first) + 1
    assert second[0]["train_passed"] == first[0]["train_passed"]
    assert second[-1]["execution_statuses"] == first[-1]["execution_statuses"]


def test_programs_of_a_folder_are_judged_by_the_tasks_they_are_named_for(
    run_script: Run, tmp_path: Path
) -> None:
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps({"aa": TASK_DATA, "bb": TASK_DATA, "cc": TASK_DATA}))
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "bb.py").write_text(RIGHT)
    (folder / "aa.py").write_text(FAILING)
    (folder / "zz.py").write_text(RIGHT)
    (folder / "notes.txt").write_text("no program")
    done = run_script(SCRIPT, "--programs", folder, "--dataset_directory", tasks)
    assert done.returncode == 0, done.stderr
    first, second, unknown, metadata = read_lines(tmp_path / "programs_verified.jsonl")
    assert (first["task_id"], first["execution_status"]) == ("aa", ["exception"])
    assert (second["task_id"], second["test_passed"]) == ("bb", [[True]])
    assert second["task_data"] == TASK_DATA
    assert second["python_code"] == [RIGHT]
    assert second["program_file"] == ["bb.py"]
    assert "no task zz" in unknown["not_judged"]
    assert metadata["entries_not_judged"] == [unknown["not_judged"]]
    assert metadata["verified_task_ids"] == ["bb"]
    before = metadata["source_sha256"]
    (folder / "aa.py").write_text(RIGHT)
    assert run_script(SCRIPT, "--programs", folder, "--dataset_directory", tasks).returncode == 0
    assert read_lines(tmp_path / "programs_verified.jsonl")[-1]["source_sha256"] != before


@pytest.mark.parametrize("name", [None, "notes.txt", "zz.py", "latin.py"])
def test_a_folder_without_a_program_to_judge_is_told_in_one_line(
    run_script: Run, tmp_path: Path, name: str | None
) -> None:
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps({"aa": TASK_DATA, "latin": TASK_DATA}))
    folder = tmp_path / "programs"
    if name is not None:
        folder.mkdir()
        (folder / name).write_bytes(b"\xe9" if name == "latin.py" else RIGHT.encode())
    done = run_script(SCRIPT, "--programs", folder, "--dataset_directory", tasks)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert not (tmp_path / "programs_verified.jsonl").exists()


def test_a_right_program_that_is_slow_passes_on_a_longer_pass(
    run_script: Run, tmp_path: Path
) -> None:
    busy = (
        "import time\ndef solve_task(grid):\n    end = time.process_time() + 0.4\n"
        "    while time.process_time() < end:\n        pass\n"
        "    return [row[::-1] for row in grid]\n"
    )
    path = write_results(tmp_path / "r.jsonl", result("slow", busy))
    arguments = ["--cpu_s", "0.3", "--wall_s", "60"]
    found, told = [], []
    for more in ([], ["--retry_timeouts", "20"]):
        done = run_script(SCRIPT, path, *arguments, *more)
        assert done.returncode == 0
        found.append(read_lines(tmp_path / "r_verified.jsonl")[0]["execution_status"])
        told.append("timed out" in done.stdout)
    assert found == [["timeout"], ["ok"]]
    assert told == [True, False]


def test_the_summary_says_how_many_timed_out_and_what_gives_them_more_time(
    run_script: Run, tmp_path: Path
) -> None:
    codes = (SLEEPING, RIGHT, SLEEPING.replace("60", "61"))
    path = write_results(tmp_path / "r.jsonl", result("a", *codes))
    limits = ("--cpu_s", "0.1", "--wall_s", "0.3")
    lines = []
    for more in ((), ("--retry_timeouts", "0.2")):
        done = run_script(SCRIPT, path, *limits, *more)
        lines.append(done.stdout.splitlines()[-1])
        assert read_lines(tmp_path / "r_verified.jsonl")[-1]["programs_timed_out"] == 2
    assert lines[0].startswith("programs that timed out: 2 (")
    assert "--retry_timeouts S gives them a pass of S seconds" in lines[0]
    assert lines[1].startswith("programs that timed out: 2 (also in the longer pass; a larger")


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path: Path) -> None:
    measured = []
    for count in (200, 2000):
        grid = [[n % 10 for n in range(20)]] * 20
        task_data = {"train": [{"input": grid, "output": grid}] * 3, "test": [{"input": grid}]}
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            for n in range(count):
                code = f"def solve_task(grid):\n    return grid[::{n % 7 + 1}]\n"
                entry = result(f"t{n}", code, task_data=task_data, reasoning=["r" * 8000])
                file.write(json.dumps(entry) + "\n")
        measured.append(peak_memory_kb(script_command(SCRIPT, path, "--quiet")))
    few, many = measured
    assert many < 1.25 * few
    assert (many - few) * 1024 < (tmp_path / "2000.jsonl").stat().st_size / 3


def peak_memory_kb(command: list[str]) -> int:
    """The largest resident size of the process that the command is, its children apart."""
    process = subprocess.Popen(command, env=clean_environment())
    peak = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        peak = max([peak, *[int(line.split()[1]) for line in found]])
        time.sleep(0.02)
    assert process.returncode == 0
    return peak


def without_times(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in entry.items() if name != "execution_duration_s"}
        for entry in entries
    ]


def test_the_options_reach_the_sandbox_and_the_metadata(run_script: Run, results: Path) -> None:
    hungry = "def solve_task(grid):\n    return [[len([0] * 9_000_000) % 7]]\n"
    write_results(results, result("hungry", hungry))
    found = []
    for memory_mb in ("32", "512"):
        arguments = ["--mode", "batch", "--unsafe_no_seccomp", "--memory_mb", memory_mb]
        done = run_script(SCRIPT, results, *arguments)
        assert done.returncode == 0, done.stderr
        entry, metadata = read_lines(results.with_name("code_data_results_verified.jsonl"))
        found.append(entry["execution_status"])
    assert found == [["memory_limit"], ["ok"]]
    settings = metadata["options"]["settings"]
    assert (settings["mode"], settings["unsafe_no_seccomp"]) == ("batch", True)
    assert settings["limits"]["memory_mb"] == 512


def test_one_worker_judges_as_many_do(run_script: Run, results: Path, tmp_path: Path) -> None:
    for workers in ("1", "4"):
        arguments = ["--output", tmp_path / workers, "--max_concurrent_programs", workers]
        assert run_script(SCRIPT, results, *arguments).returncode == 0
    one, four = (read_lines(tmp_path / workers)[:-1] for workers in ("1", "4"))
    assert without_times(one) == without_times(four)


def test_hardcoded_is_null_for_a_right_program_that_is_nested_too_deeply_to_be_read(
    run_script: Run, tmp_path: Path
) -> None:
    elifs = "k = 0\n" + HOSTILE_SOURCES["a thousand elifs"]
    results = write_results(tmp_path / "r.jsonl", result("t", elifs + RIGHT, RIGHT))
    done = run_script(SCRIPT, results)
    assert done.returncode == 0, done.stderr
    entry, _ = read_lines(tmp_path / "r_verified.jsonl")
    assert entry["test_passed"] == [[True], [True]]
    assert entry["deterministic"] == [True, True]
    assert entry["hardcoded"] == [None, False]
    assert entry["entry_point"] == [None, "solve_task"]
