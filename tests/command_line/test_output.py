"""What scripts print: nothing that a terminal obeys, in any encoding, to readers that leave."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.loopback_server import LoopbackServer, reply, status
from tests.support.scripts import REPOSITORY, SCRIPTS, Run, clean_environment, script_command
from utilities.command_line.terminal import printable, printable_end

FIXTURES = REPOSITORY / "tests" / "compatibility" / "fixtures"
BENCHMARK = FIXTURES / "code_benchmark_refined" / "code_benchmark_results.jsonl"
DIRECT = FIXTURES / "direct_benchmark" / "direct_benchmark_results.jsonl"
CODE = FIXTURES / "code" / "code_data_results.jsonl"
TASKS = FIXTURES / "tasks.json"
EVIL = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\r\u2713"
_KEPT = {"entry_type", "entry_key", "configuration_hash", "python_code", "status", "run_id"}
_ASKING = ["--model_identifier", "PROGRAM_SEARCH", "--search_budget", "1000"]
_ASKING += ["--dataset_directory", "{}/tasks.json", "--output_directory", "{}/out"]
_JUDGE = ["--judge", "local:j", "--base_url", "http://127.0.0.1:9/v1", "--dry_run"]
WORDS: dict[str, list[str]] = {
    "auxiliary_utilities/build_dataset.py": ["--output", "{}/dataset.json"],
    "auxiliary_utilities/build_report.py": ["{}/benchmark.jsonl", "--output", "{}/page.html"],
    "auxiliary_utilities/check_model.py": ["local:x", "--base_url", "http://127.0.0.1:9/v1"],
    "auxiliary_utilities/export_training_data.py": [
        *(
            "{}/code.jsonl",
            "--format",
            "messages",
            "--verified",
            "any",
            "--output",
            "{}/rows.jsonl",
        ),
    ],
    "auxiliary_utilities/list_models.py": [],
    "auxiliary_utilities/list_runs.py": ["{}/benchmark.jsonl", "{}/code.jsonl"],
    "auxiliary_utilities/merge_reasoning.py": ["{}/code.jsonl", "--traces_path", "{}/store.json"],
    "auxiliary_utilities/show_task.py": [f"6150a2bd{EVIL}", "--results", "{}/benchmark.jsonl"],
    "benchmark/choose_again.py": ["{}/benchmark.jsonl", *_JUDGE],
    "benchmark/combine_runs.py": [
        *("{}/benchmark.jsonl", "{}/direct.jsonl", "--cascade", "--output", "{}/combined.jsonl"),
    ],
    "benchmark/compare_runs.py": ["{}/benchmark.jsonl", "{}/direct.jsonl"],
    "benchmark/run_code_benchmark.py": _ASKING,
    "benchmark/run_direct_benchmark.py": _ASKING,
    "benchmark/serve_rewards.py": ["--dataset", f"none{EVIL}"],
    "benchmark/score_results.py": ["{}/benchmark.jsonl", "--dataset_directory", "{}/tasks.json"],
    "synthetic_data_generators/generate_code_data.py": [*_ASKING, "--max_tasks", "3"],
    "synthetic_data_generators/generate_reasoning_data.py": [*_ASKING, "--dry_run"],
    "synthetic_data_generators/generate_task_data.py": [
        *("--model_identifier", "local:m", "--base_url", "http://127.0.0.1:9/v1"),
        *("--dataset_directory", "{}/tasks.json", "--dry_run"),
    ],
    "synthetic_data_generators/relabel_programs.py": ["{}/code.jsonl", "--output", "{}/new.jsonl"],
    "synthetic_data_generators/verify_generated_code.py": [
        *("{}/code.jsonl", "--output", "{}/verified.jsonl"),
    ],
    "synthetic_data_generators/verify_reasoning.py": [
        *("{}/code.jsonl", "--model_identifier", *_JUDGE[1:], "--output", "{}/followed.jsonl"),
    ],
}
"""A command of each script over the evil files of a folder `{}`."""
NOBODY_THERE = {"auxiliary_utilities/check_model.py": 1, "benchmark/serve_rewards.py": 2}
"""The exit codes of these commands that are not 0."""


def with_evil(value: Any, name: str = "") -> Any:
    """The value, every text of it and every task id with sequences that a terminal obeys."""
    if isinstance(value, str):
        return value if name in _KEPT or name.endswith("_at") else value + EVIL
    if isinstance(value, list):
        return [with_evil(item, name) for item in value]
    if isinstance(value, dict):
        return {
            key + EVIL if key[:1].isdigit() else key: with_evil(item, key)
            for key, item in value.items()
        }
    return value


@pytest.fixture(scope="module")
def evil_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evil")
    for name, source in (("benchmark", BENCHMARK), ("direct", DIRECT), ("code", CODE)):
        entries = map(json.loads, source.read_text().splitlines())
        lines = "".join(json.dumps(with_evil(entry)) + "\n" for entry in entries)
        (folder / f"{name}.jsonl").write_text(lines)
    tasks = {key + EVIL: task for key, task in json.loads(TASKS.read_text()).items()}
    tasks[f"bad{EVIL}"] = {"train": f"no{EVIL}", "test": []}
    (folder / "tasks.json").write_text(json.dumps(tasks))
    return folder


def command_over(folder: Path, script: str) -> list[str]:
    words = [word.replace("{}", str(folder)) for word in WORDS[script]]
    return script_command(script, *(word for word in words))


def obeyed(content: bytes) -> list[str]:
    """What a terminal would obey: control characters of either set, and changes of direction."""
    text = content.decode("utf-8", "backslashreplace")
    return [c for c in text if c != "\n" and not c.isprintable()]


def test_a_command_is_known_for_every_script() -> None:
    assert sorted(WORDS) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_text_from_outside_is_obeyed_by_the_terminal(
    script: str, evil_folder: Path, tmp_path: Path
) -> None:
    command = command_over(evil_folder, script)
    if script.endswith("show_task.py"):  # such a word is refused on the command line
        command[2:] = ["nothing", *command[3:]]
    done = subprocess.run(command, capture_output=True, env=clean_environment(), cwd=tmp_path)
    assert b"Traceback" not in done.stderr
    expected = 2 if script.endswith("show_task.py") else NOBODY_THERE.get(script, 0)
    assert done.returncode == expected, done.stderr
    assert obeyed(done.stdout + done.stderr) == []


def test_a_drawing_spells_out_texts_from_outside(tmp_path: Path, run_script: Run) -> None:
    path = tmp_path / "r.jsonl"
    entries = [json.loads(line) for line in BENCHMARK.read_text().splitlines()]
    evil = [{**with_evil(entry), "task_id": entry.get("task_id")} for entry in entries]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in evil))
    words = ("6150a2bd", "--results", path, "--texts")
    done = run_script("auxiliary_utilities/show_task.py", *words)
    assert done.returncode == 0
    assert obeyed(done.stdout.encode()) == []
    assert r"\x1b]0;owned\x07" in done.stdout


@pytest.mark.parametrize("what", [200, 400, 500])
def test_the_servers_words_reach_terminal_and_log_spelt_out(
    what: int, tmp_path: Path, run_script: Run
) -> None:
    texts = f"<reasoning>{EVIL}</reasoning>"
    said = reply(texts) if what == 200 else status(what, message=EVIL)
    with LoopbackServer(then=said) as server:
        done = run_script(
            "synthetic_data_generators/generate_reasoning_data.py",
            *("--model_identifier", "local:x", "--base_url", server.openai_url, "--verbose"),
            *("--dataset_directory", TASKS, "--output_directory", tmp_path, "--max_tasks", "1"),
        )
    log = (tmp_path / "reasoning_data_generation.log").read_bytes()
    assert "Traceback" not in done.stderr
    assert obeyed((done.stdout + done.stderr).encode() + log) == []


def test_only_one_function_prints() -> None:
    """The others would have to remember to spell out what a terminal obeys."""

    def prints(path: Path) -> Iterator[int]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                *("print", "sys.stdout.write", "sys.stderr.write"),
            }:
                yield node.lineno

    folders = ("agents", "auxiliary_utilities", "benchmark", "synthetic_data_generators")
    printing = {
        str(path.relative_to(REPOSITORY))
        for folder in (*folders, "utilities")
        for path in (REPOSITORY / folder).rglob("*.py")
        if any(prints(path))
    }
    assert printing == {"utilities/command_line/terminal.py"}


@pytest.mark.parametrize(
    ("script", "encoding"),
    [
        *((script, "ascii") for script in SCRIPTS),
        ("auxiliary_utilities/show_task.py", "iso-8859-1"),
        ("benchmark/compare_runs.py", "iso-8859-1"),
    ],
)
def test_an_output_that_has_not_every_character_is_no_traceback(
    script: str, encoding: str, evil_folder: Path, tmp_path: Path
) -> None:
    environment = clean_environment(PYTHONIOENCODING=encoding)
    command = command_over(evil_folder, script)
    if script.endswith("show_task.py"):
        command[2:] = ["6150a2bd", "--texts", "--results", str(BENCHMARK)]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path)
    assert done.returncode == NOBODY_THERE.get(script, 0), done.stderr
    assert b"Traceback" not in done.stderr
    assert (done.stdout + done.stderr).decode(encoding)
    if script.endswith("show_task.py"):
        assert b"\\u2713 right" in done.stdout, "a tick is spelt out"


def test_the_locale_c_is_no_traceback(tmp_path: Path) -> None:
    environment = clean_environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    words = ("6150a2bd", "--texts", "--results", BENCHMARK)
    command = script_command("auxiliary_utilities/show_task.py", *words)
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")


SAY_NOTHING_ON_STDOUT = ("build_dataset", "serve_rewards")


@pytest.mark.parametrize(
    "script", [script for script in SCRIPTS if Path(script).stem not in SAY_NOTHING_ON_STDOUT]
)
def test_a_reader_that_leaves_ends_a_script_as_a_shell_expects(
    script: str, evil_folder: Path, tmp_path: Path
) -> None:
    command = command_over(evil_folder, script)
    if script.endswith("show_task.py"):
        command[2:] = ["6150a2bd", "--texts", "--results", str(BENCHMARK)]
    reading, writing = os.pipe()
    os.close(reading)  # the reader has left before the first line
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=clean_environment(), cwd=tmp_path
    )
    os.close(writing)
    assert done.returncode == 141
    assert b"Error" not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_error_that_nobody_reads_keeps_its_exit_code(script: str, tmp_path: Path) -> None:
    words = {"show_task": ["--results"], "build_dataset": ["--output"]}.get(Path(script).stem, [])
    asks = "run_" in script or "generate_" in script
    words = ["--dataset_directory"] if asks else words
    more = ["--format", "messages", "--output", "x"] if "export" in script else []
    first = ["6150a2bd"] if "show_task" in script else []
    command = script_command(script, *first, *words, "/does/not/exist", *more)
    if "build_dataset" in script:
        command[-1] = "/proc/does/not/exist"
    if "list_runs" in script:
        command[-1] = str(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=writing, env=clean_environment(), cwd=tmp_path
    )
    os.close(writing)
    assert done.returncode == 2


def test_an_output_on_a_full_disk_is_one_line(tmp_path: Path) -> None:
    command = script_command("benchmark/score_results.py", BENCHMARK)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment()
        )
    said = "error: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_a_warning_without_a_log_is_said_once(tmp_path: Path, run_script: Run) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(BENCHMARK.read_text() + '{"entry_type": "re\\u001bslt"}\n{"torn')
    done = run_script("benchmark/score_results.py", path, "--submission", tmp_path / "s.json")
    assert done.returncode == 0
    assert done.stderr.count("the torn last line") == 1, "the file is read twice"
    assert r"1 entries of the kind 're\x1bslt' are passed over" in done.stderr


@pytest.mark.parametrize("more", [(), ("--dry_run",), ("--dataset", "tasks,again")])
def test_a_bad_task_is_said_once(more: tuple[str, ...], tmp_path: Path, run_script: Run) -> None:
    tasks = json.loads(TASKS.read_text())
    tasks["worse"] = {"train": [], "test": []}
    for name in ("tasks", "again"):
        (tmp_path / f"{name}.json").write_text(json.dumps(tasks))
    where = tmp_path if "--dataset" in more else tmp_path / "tasks.json"
    done = run_script(
        "benchmark/run_direct_benchmark.py",
        *(*_ASKING[:4], "--dataset_directory", where, "--output_directory", tmp_path / "o", *more),
    )
    assert done.returncode == 0
    named = [line for line in done.stderr.splitlines() if "worse" in line]
    assert len(named) == len(set(named)) == (2 if "--dataset" in more else 1)


def test_long_paths_lose_their_beginning_and_say_so(tmp_path: Path, run_script: Run) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    source = folder / "code_data_results.jsonl"
    source.write_bytes(CODE.read_bytes())
    done = run_script(
        "auxiliary_utilities/merge_reasoning.py", source, "--traces_path", tmp_path / "s.json"
    )
    (row,) = [line for line in done.stdout.splitlines() if "code_data_results.jsonl" in line]
    assert row.startswith("…")
    assert len(row.split()[0]) == 48
    assert printable_end("a/b", 48) == "a/b"
    assert printable("abc", 2) == "a…"
