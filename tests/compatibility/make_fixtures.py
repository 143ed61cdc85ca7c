"""Makes the files of `fixtures/`; it was run at commit 68fc801 and is not a test.

    PYTHONPATH=. python tests/compatibility/make_fixtures.py

It is kept to show how the files came to be. Do not run it again to make a failing test pass: the
files stand for what people have paid for with that version. It knows the scripts by their command
lines only, and the tests' own servers. Each run has a folder of its own; `runs.json` names its
script, its options and its exit code. Ports and the kernel's name are made neutral at the end.
"""

from __future__ import annotations

import gzip
import json
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.compatibility.replies import (
    FAILURES,
    GRIDS,
    PROGRAMS,
    REASONS,
    REFINED,
    TASK_IDS,
    prompts_of,
)
from tests.support.batch_server import BatchServer
from tests.support.loopback_server import Behaviour, LoopbackServer
from tests.support.scripts import arc1_training, clean_environment, script_command

FIXTURES = Path(__file__).parent / "fixtures"
REASONING = "synthetic_data_generators/generate_reasoning_data.py"
CODE = "synthetic_data_generators/generate_code_data.py"
VERIFY = "synthetic_data_generators/verify_generated_code.py"
RELABEL = "synthetic_data_generators/relabel_programs.py"
CODE_BENCHMARK = "benchmark/run_code_benchmark.py"
DIRECT_BENCHMARK = "benchmark/run_direct_benchmark.py"
MERGE = "auxiliary_utilities/merge_reasoning.py"
EXPORT = "auxiliary_utilities/export_training_data.py"
ONE_BY_ONE = ("--max_concurrent_tasks", "1", "--max_concurrent_requests", "1")
OPENAI = ("--model_identifier", "openai:scripted", "--price", "1,10")
ANTHROPIC = ("--model_identifier", "anthropic:scripted", "--price", "1,10")
LOCAL = ("--model_identifier", "local:scripted")
SEARCH = ("--model_identifier", "PROGRAM_SEARCH", "--max_tasks", "3")
UNNAMED_PORT = 18431
"""A model without a name is known by its address, so that this one cannot be made neutral."""

runs: dict[str, dict[str, Any]] = {}


def command_of(script: str, *words: str | Path) -> list[str]:
    return script_command(script, *words)


def plain(script: str, *words: str | Path) -> str:
    """What a script prints that asks nobody."""
    done = subprocess.run(
        command_of(script, *words), cwd=FIXTURES, env=clean_environment(), text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout


def words_of(name: str, script: str, words: Sequence[str]) -> tuple[str, ...]:
    """A run's options, besides its server's address, as they go into `runs.json`."""
    all_words = (*words, "--dataset_directory", "tasks.json", "--output_directory", name)
    runs[name] = {"script": script, "words": all_words}
    return all_words


def run(name: str, script: str, *words: str, url: str | None = None) -> None:
    """One run to its end, in the folder of the fixtures, so that its paths are relative."""
    command = command_of(script, *words_of(name, script, words))
    address = ["--base_url", url] if url else []
    done = subprocess.run(command + address, cwd=FIXTURES, env=clean_environment())
    runs[name] |= {"exit_code": done.returncode, "server": server_of(words, url)}


def server_of(words: Sequence[str], url: str | None) -> str | None:
    """Which kind of server the run asked."""
    if url is None:
        return None
    api = "anthropic" if "anthropic:scripted" in words else "openai"
    return f"{api} batches" if "--batch" in words else api


def asked(
    name: str, script: str, *words: str, prompts: dict[str, list[Behaviour]], **more: Any
) -> None:
    """A run against a server with scripted replies."""
    with LoopbackServer(prompts=prompts, **more) as server:
        url = server.anthropic_url if "anthropic:scripted" in words else server.openai_url
        run(name, script, *ONE_BY_ONE, *words, url=url)


def killed_when(condition: Callable[[], bool], command: list[str]) -> None:
    """Start it, and kill it as soon as the condition holds."""
    process = subprocess.Popen(command, cwd=FIXTURES, env=clean_environment())
    while not condition():
        assert process.poll() is None, "it came to its end"
        time.sleep(0.01)
    process.kill()
    process.wait()


def lines_in(name: str) -> int:
    path = FIXTURES / name
    return path.read_bytes().count(b"\n") if path.exists() else 0


def make_asked_runs() -> None:
    programs, reasons = prompts_of(PROGRAMS), prompts_of(REASONS)
    sampling = ("--temperature", "0.7", "--seed", "5")
    asked("reasoning", REASONING, *LOCAL, "--best_of", "2", *sampling, prompts=reasons)
    asked("code", CODE, *OPENAI, "--best_of", "3", prompts=programs)
    seen = ("--include_test_inputs", "--max_tokens", "4000", "--reasoning_effort", "low")
    few = ("--best_of", "2", "--max_tasks", "3")
    asked("code_anthropic", CODE, *ANTHROPIC, *few, *seen, prompts=programs)
    rounds = ("--best_of", "2", "--refine", "2", "--max_tasks", "4")
    asked("code_benchmark_refined", CODE_BENCHMARK, *OPENAI, *rounds, prompts=prompts_of(REFINED))
    drawn = ("--best_of", "3", "--attempts", "2")
    asked("direct_benchmark", DIRECT_BENCHMARK, *OPENAI, *drawn, prompts=prompts_of(GRIDS))
    failing = ("--best_of", "2", "--max_tasks", "4")
    asked("code_failed", CODE, *OPENAI, *failing, prompts=prompts_of(FAILURES))
    make_unnamed_run()
    make_unfinished_run(programs)


def make_unnamed_run() -> None:
    server = Path(__file__).parent.parent / "loopback_server.py"
    ledger = FIXTURES / "ledger.jsonl"
    command = [sys.executable, server, "--port", str(UNNAMED_PORT), "--ledger", ledger]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        words = ("--model_identifier", "LOCAL_0", "--max_tasks", "2", *ONE_BY_ONE)
        url = f"http://127.0.0.1:{UNNAMED_PORT}/v1"
        run("code_unnamed", CODE, *words, url=url)
        process.kill()
    runs["code_unnamed"]["server"] = url
    ledger.unlink()


def make_unfinished_run(programs: dict[str, list[Behaviour]]) -> None:
    """`kill -9` when the third of five tasks has some of its three replies."""
    slow = {
        text: [Behaviour(**asdict(one) | {"delay_s": 0.2}) for one in of]
        for text, of in programs.items()
    }
    with LoopbackServer(prompts=slow) as server:
        name, fast = "code_unfinished", ("--save_interval", "1", *ONE_BY_ONE)
        words = words_of(name, CODE, (*OPENAI, "--best_of", "3", *fast))
        command = command_of(CODE, *words, "--base_url", server.openai_url)
        killed_when(lambda: lines_in(f"{name}/code_data_partial_results.jsonl") >= 8, command)
    runs[name] |= {"exit_code": 0, "server": "openai"}


def make_batch_runs() -> None:
    by_batch = ("--batch", "--batch_poll_s", "0.05", "--best_of", "2", "--max_tasks", "2")
    with BatchServer(maker="one_cell_grid") as server:
        words = (*ANTHROPIC, *by_batch, "--snapshot")
        run("direct_benchmark_batch", DIRECT_BENCHMARK, *words, url=server.anthropic_url)
    (snapshot,) = (FIXTURES / "direct_benchmark_batch").glob("*_results_*.json")
    snapshot.replace(FIXTURES / "files" / "direct_benchmark_snapshot.json")
    with BatchServer(held=True) as server:
        name = "code_batch_open"
        words = words_of(name, CODE, (*OPENAI, *by_batch))
        command = command_of(CODE, *words, "--base_url", server.openai_url)
        killed_when(lambda: bool(server.batches) and server.batches[0].polls > 1, command)
        (batch,) = server.batches
    runs[name] |= {"exit_code": 0, "server": "openai batches"}
    kept = {key: asdict(batch)[key] for key in ("batch_id", "api", "requests", "metadata")}
    (FIXTURES / name / "at_the_provider.json").write_text(json.dumps(kept) + "\n")


def make_search_runs() -> None:
    run("search_reasoning", REASONING, *SEARCH)
    run("search_code", CODE, *SEARCH)
    run("search_code_benchmark", CODE_BENCHMARK, *SEARCH)
    run("search_direct_benchmark", DIRECT_BENCHMARK, *SEARCH)


def make_files_of_other_scripts() -> None:
    code, verified = "code/code_data_results.jsonl", "files/code_data_results_verified.jsonl"
    one_program = ("--max_concurrent_programs", "1", "--wall_s", "1", "--quiet")
    words = (VERIFY, code, "--output", verified, *one_program)
    partial = f"{verified}.partial"
    killed_when(lambda: lines_in(partial) >= 4, command_of(*words))
    kept = (FIXTURES / partial).read_bytes()
    plain(*words)
    (FIXTURES / partial).write_bytes(kept)
    plain(RELABEL, verified, "--output", "files/relabelled_data_results.jsonl")
    merged = ("reasoning/reasoning_data_results.jsonl", "code/code_data_partial_results.jsonl")
    store = ("--traces_path", "files/traces_store.json")
    plain(MERGE, *merged, "search_reasoning/reasoning_data_results.jsonl", *store)
    for form in ("messages", "sharegpt", "prompt_completion", "preference", "repair"):
        plain(EXPORT, verified, "--format", form, "--output", f"files/rows_{form}.jsonl")


def make_older_layout() -> None:
    """As it was before results were JSON Lines: one file, texts instead of lists."""
    tasks = json.loads((FIXTURES / "tasks.json").read_text())
    results = [
        {
            "task_id": task_id,
            "task_data": tasks[task_id],
            "model": "openai:older",
            "reasoning": f"Sample of {task_id}: turn the grid by half a circle.",
            "python_code": "def solve_task(grid):\n    return [r[::-1] for r in grid[::-1]]\n",
        }
        for task_id in TASK_IDS[:2]
    ]
    text = json.dumps({"metadata": {"model": "openai:older"}, "results": results}, indent=1)
    (FIXTURES / "files" / "older_layout.json").write_text(text)
    packed = gzip.compress(text.encode(), mtime=0)
    (FIXTURES / "files" / "older_layout.json.gz").write_bytes(packed)


def record_expected_output() -> None:
    names = ("code_benchmark_refined/code", "direct_benchmark/direct", "search_code_benchmark/code",
             "search_direct_benchmark/direct", "direct_benchmark_batch/direct")  # fmt: skip
    files = [f"{name}_benchmark_results.jsonl" for name in names]
    expected = FIXTURES / "expected"
    expected.mkdir()
    (expected / "files.json").write_text(json.dumps(files) + "\n")
    score, compare = "benchmark/score_results.py", "benchmark/compare_runs.py"
    (expected / "score_results.txt").write_text(plain(score, *files))
    (expected / "score_results.json").write_text(plain(score, *files, "--json"))
    (expected / "compare_runs.txt").write_text(plain(compare, *files))


def make_neutral() -> None:
    """No port and no kernel of this machine; nothing but data is kept."""
    for path in FIXTURES.rglob("*"):
        if path.name.endswith((".log", ".lock", ".md")):
            path.unlink()
        elif path.is_file() and path.suffix != ".gz":
            text = path.read_text().replace(platform.platform(), "Linux-x86_64")
            address = rf"127\.0\.0\.1:(?!{UNNAMED_PORT})\d+"
            path.write_text(re.sub(address, "127.0.0.1:8000", text))


def main() -> None:
    shutil.rmtree(FIXTURES, ignore_errors=True)
    (FIXTURES / "files").mkdir(parents=True)
    tasks = arc1_training()
    chosen = {task_id: tasks[task_id] for task_id in TASK_IDS}
    (FIXTURES / "tasks.json").write_text(json.dumps(chosen) + "\n")
    make_asked_runs()
    make_batch_runs()
    make_search_runs()
    make_files_of_other_scripts()
    make_older_layout()
    record_expected_output()
    make_neutral()
    (FIXTURES / "runs.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    main()
