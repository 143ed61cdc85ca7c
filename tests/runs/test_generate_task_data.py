"""The script that makes new tasks, as a user runs it."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from synthetic_data_generators.generate_task_data import TaskDataOptions
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, entries
from utilities.command_line.options import parse_options
from utilities.tasks.datasets import open_tasks
from utilities.verification.fresh_pairs import FreshPairs

SCRIPT = "synthetic_data_generators/generate_task_data.py"
VERIFY = "synthetic_data_generators/verify_generated_code.py"
CODE = "synthetic_data_generators/generate_code_data.py"


def test_without_a_key_tasks_are_composed_that_the_other_scripts_read(
    run_script: Run, tmp_path: Path
) -> None:
    done = run_script(
        *(SCRIPT, "--max_tasks", "6", "--fresh_per_task", "5", "--output_directory", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "new_tasks"
    tasks = list(open_tasks(dataset_directory=folder))
    records = entries(folder / "new_tasks_results.jsonl")
    assert [task.task_id for task in tasks] == [record["task_id"] for record in records]
    assert tasks
    fresh = FreshPairs(folder / "fresh_pairs.zip")
    assert all(len(fresh.of(task.task_id)) == 5 for task in tasks)
    for record in records:
        assert record["train_passed"] == [[True] * 3]
        assert "def generate_input" in record["generator"]
        assert "generate_input" not in record["python_code"][0]
        assert (record["seed"], record["made_from"]) == (0, "nothing")
    statuses = [status for entry in entries(tmp_path / "task_data_results.jsonl")
                for status in entry["status"]]  # fmt: skip
    assert statuses.count("ok") >= len(tasks)


def test_a_dry_run_writes_nothing(run_script: Run, tmp_path: Path) -> None:
    done = run_script(SCRIPT, "--dry_run", "--output_directory", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--vary", "symmetry"], "--vary"),
        (["--pairs_per_task", "1"], "two train pairs or more"),
        (["--made_from", "descriptions"], "give --descriptions"),
        (["--made_from", "programs"], "give --programs"),
        (["--made_from", "nothing", "--programs", "a.jsonl"], "--programs: nothing to do with"),
        (["--descriptions", "a.txt", "--programs", "a.jsonl"], "give one of them"),
        (["--made_from", "task", "--descriptions", "a.txt"], "nothing to do with"),
        (["--made_from", "nothing", "--task_ids", "a"], "--task_ids: nothing to do with"),
        (["--descriptions", "a.txt", "--images", "pairs"], "--images: nothing to do with"),
        (["--search_budget", "9"], "--search_budget: nothing is searched; give --solvable_by"),
    ],
)
def test_options_with_nothing_to_act_on_are_refused(
    words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(TaskDataOptions, "", words=words)
    assert fault in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--made_from", "task"], "makes tasks from nothing only"),
        (["--agent", "program_search"], "makes no tasks"),
        (["--programs", "a.jsonl", "--model_identifier", "LOCAL_0"], "no model is asked"),
        (["--programs", "missing.jsonl"], "missing.jsonl"),
        (["--solvable_by", "NONSENSE"], "--solvable_by NONSENSE: unknown model"),
        (["--dataset", "arc1_training"], "--dataset: nothing to do with"),
        (
            ["--search_budget", "9", "--solvable_by", "PROGRAM_SEARCH", "--made_from", "task"],
            "makes tasks from nothing only",
        ),
    ],
)
def test_without_a_model_tasks_are_made_from_nothing_only(
    words: list[str], fault: str, run_script: Run
) -> None:
    done = run_script(SCRIPT, *words)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert fault in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_run_buys_nothing_twice_and_makes_the_same_tasks(
    dataset: Callable[..., Path], run_script: Run, tmp_path: Path
) -> None:
    path = dataset(count=120)
    behaviour = replace(reply(maker="any_task"), delay_s=0.1)
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        with LoopbackServer(then=behaviour) as server:
            words = ["--model_identifier", "local:m", "--base_url", server.openai_url,
                     "--dataset_directory", path, "--fresh_per_task", "20",
                     "--output_directory", folder]  # fmt: skip
            for most in (30, 70) if folder.name == "killed" else ():
                process = ScriptProcess(SCRIPT, *words, folder=tmp_path)
                while len(server.ledger()) < most:
                    time.sleep(0.1)
                process.send_signal(signal.SIGKILL)
                process.wait()
            done = run_script(SCRIPT, *words)
            assert done.returncode == 0, done.stderr
            asked = Counter(json.dumps(request.body["messages"]) for request in server.ledger())
        lost = sum(count - 1 for count in asked.values())
        assert lost <= 2 * 20  # in flight when it was killed
        journal = entries(folder / "task_data_partial_results.jsonl", kind="reply")
        assert len(journal) == len({line["key"] for line in journal}) == len(asked)
    for name in ("dataset.json", "fresh_pairs.zip"):
        whole, killed = ((folder / "new_tasks" / name).read_bytes() for folder in folders)
        assert whole == killed


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_new_tasks_go_through_asking_and_fresh_pairs(run_script: Run, tmp_path: Path) -> None:
    run_script(SCRIPT, "--max_tasks", "8", "--output_directory", tmp_path)
    folder = tmp_path / "new_tasks"
    done = run_script(
        *(VERIFY, folder / "new_tasks_results.jsonl", "--fresh_pairs", folder / "fresh_pairs.zip"),
    )
    assert done.returncode == 0, done.stderr
    judged = entries(folder / "new_tasks_results_verified.jsonl")
    assert all(entry["generalises"] == [True] for entry in judged)
    done = run_script(
        *(CODE, "--dataset_directory", folder, "--search_budget", "1000000"),
        *("--output_directory", tmp_path / "code"),
    )
    assert done.returncode == 0, done.stderr
    assert len(entries(tmp_path / "code" / "code_data_results.jsonl")) == len(judged)
