"""No damage to a results file ends a script in a traceback, and none changes the file."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.damage import BENCHMARK, CODE, DAMAGES, DIRECT, SOURCES, damaged_file, no_files
from tests.support.scripts import REPOSITORY, SCRIPTS, Run

TASKS = BENCHMARK.parents[1] / "tasks.json"
ASK = ["--model_identifier", "PROGRAM_SEARCH", "--search_budget", "1000", "--quiet"]
ASK += ["--dataset_directory", str(TASKS), "--output_directory", "{}/out"]
READERS: dict[str, list[str]] = {
    "auxiliary_utilities/build_report.py": ["{file}", "--output", "{}/page.html"],
    "auxiliary_utilities/export_training_data.py": [
        *("{file}", "--format", "messages", "--verified", "any", "--output", "{}/rows.jsonl"),
    ],
    "auxiliary_utilities/merge_reasoning.py": ["{file}", "--traces_path", "{}/store.json"],
    "auxiliary_utilities/show_task.py": ["6150a2bd", "--texts", "--results", "{file}"],
    "benchmark/choose_again.py": [
        *("{file}", "--judge", "local:j", "--base_url", "http://127.0.0.1:9/v1", "--dry_run"),
    ],
    "benchmark/combine_runs.py": [
        *("{file}", str(BENCHMARK), "--output", "{}/c.jsonl", "--submission", "{}/s.json"),
    ],
    "benchmark/compare_runs.py": ["{file}", str(BENCHMARK), "--pareto", "{}/p.svg"],
    "benchmark/run_code_benchmark.py": ["--from_metadata", "{file}", *ASK, "--dry_run"],
    "benchmark/run_direct_benchmark.py": ["--from_metadata", "{file}", *ASK, "--dry_run"],
    "benchmark/score_results.py": ["{file}", "--submission_directory", "{}/sub", "--json"],
    "synthetic_data_generators/generate_task_data.py": [
        *("--programs", "{file}", "--dry_run", "--output_directory", "{}/out"),
    ],
    "synthetic_data_generators/relabel_programs.py": ["{file}", "--output", "{}/new.jsonl"],
    "synthetic_data_generators/verify_generated_code.py": ["{file}", "--output", "{}/v.jsonl"],
    "synthetic_data_generators/verify_reasoning.py": [
        *("{file}", "--model_identifier", "local:j", "--base_url", "http://127.0.0.1:9/v1"),
        *("--output", "{}/f.jsonl", "--dry_run"),
    ],
}
"""The scripts that read results, and a command of each that looks at many fields."""
OTHER_READERS: dict[str, list[str]] = {
    "a list of runs": ["auxiliary_utilities/list_runs.py", "{file}"],
    "training data": ["benchmark/score_results.py", str(DIRECT), "--training_data", "{file}"],
    "a store of traces": [
        *("auxiliary_utilities/merge_reasoning.py", str(CODE), "--traces_path", "{file}"),
        "--dry_run",
    ],
    "a dataset": [
        *("benchmark/run_direct_benchmark.py", *ASK[:5], "--dataset_directory", "{file}"),
        *("--output_directory", "{}/out"),
    ],
}


def checked(done: subprocess.CompletedProcess[str], path: Path, content: bytes, what: str) -> None:
    """Assert what holds of every script and every damage."""
    told = f"{what}\n{done.args}\n{done.stdout[-500:]}\n{done.stderr[-3000:]}"
    assert "Traceback" not in done.stderr + done.stdout, told
    assert done.returncode in {0, 1, 2}, told
    assert path.read_bytes() == content, told
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == (done.returncode == 2), told
    assert not errors or done.stderr.endswith(f"{errors[0]}\n"), told


def words_of(command: list[str], folder: Path, path: Path) -> list[str]:
    return [word.replace("{file}", str(path)).replace("{}", str(folder)) for word in command]


def damage_and_read(
    command: list[str], seed: int, source: Path, folder: Path, run_script: Run
) -> str:
    """Run a script over the damage of a seed; returns what it complained of."""
    folder.mkdir()
    path, what = damaged_file(folder, seed, source)
    content = path.read_bytes()
    done = run_script(*words_of(command, folder, path))
    checked(done, path, content, what)
    return done.stderr if done.returncode == 2 else ""


def source_for(script: str, seed: int) -> Path:
    if "direct" in script:
        return DIRECT
    if "relabel" in script or "verify" in script:
        return CODE
    return SOURCES[seed // len(DAMAGES) % len(SOURCES)]


def test_every_script_that_reads_results_is_known() -> None:
    reading = [
        script
        for script in SCRIPTS
        if any(
            word in (REPOSITORY / script).read_text()
            for word in (
                '"RESULTS"',
                '"SOURCE"',
                "ExportOptions",
                "VerificationOptions",
                "BenchmarkOptions",
            )
        )
    ]
    assert sorted(READERS) == reading


def starts_a_sandbox(script: str) -> bool:
    """Whether the script takes seconds each time."""
    return any(word in script for word in ("relabel", "verify", "export"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, marks=pytest.mark.slow) if starts_a_sandbox(script) else script
        for script in READERS
    ],
)
def test_no_damage_ends_a_script_in_a_traceback(
    script: str, tmp_path: Path, run_script: Run
) -> None:
    for seed in range(len(DAMAGES)):
        command = [script, *READERS[script]]
        source = source_for(script, seed)
        damage_and_read(command, seed, source, tmp_path / f"{seed}", run_script)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("script", READERS)
def test_no_further_damage_ends_a_script_in_a_traceback(
    script: str, tmp_path: Path, run_script: Run
) -> None:
    for seed in range(len(DAMAGES), 6 * len(DAMAGES)):
        command = [script, *READERS[script]]
        source = source_for(script, seed)
        damage_and_read(command, seed, source, tmp_path / f"{seed}", run_script)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("reader", OTHER_READERS)
def test_no_damage_to_other_inputs_ends_in_a_traceback(
    reader: str, tmp_path: Path, run_script: Run
) -> None:
    command = OTHER_READERS[reader]
    sources = {"a dataset": TASKS, "a store of traces": TASKS}
    for seed in range(len(DAMAGES)):
        source = sources.get(reader, SOURCES[seed % len(SOURCES)])
        lines = tmp_path / f"{seed}.lines"
        lines.write_bytes(source.read_bytes().replace(b"\n", b"") + b"\n")
        chosen = lines if reader in sources else source
        damage_and_read(command, seed, chosen, tmp_path / f"{seed}", run_script)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["code_benchmark_results", "code_benchmark_partial_results"])
def test_no_damage_to_a_runs_own_files_ends_in_a_traceback(
    name: str, tmp_path: Path, run_script: Run
) -> None:
    """What the run writes comes behind what was there, which stays byte for byte."""
    command = ["benchmark/run_code_benchmark.py", *ASK]
    for seed in range(len(DAMAGES)):
        (out := tmp_path / f"{seed}" / "out").mkdir(parents=True)
        damaged, what = damaged_file(tmp_path, seed, BENCHMARK.with_name(f"{name}.jsonl"))
        path = damaged.rename(out / f"{name}.jsonl")
        content = path.read_bytes()
        done = run_script(*words_of(command, out.parent, path))
        torn = path.with_name(f"{path.name}.torn")
        kept = content.rpartition(b"\n")[0] + b"\n" if torn.exists() else content
        assert path.read_bytes().startswith(kept.lstrip(b"\n") if kept == b"\n" else kept), what
        (out.parent / "kept").write_bytes(content)
        checked(done, out.parent / "kept", content, what)


@pytest.mark.parametrize("script", READERS)
def test_what_is_no_file_is_one_line(script: str, tmp_path: Path, run_script: Run) -> None:
    for path in no_files(tmp_path):
        if path.name.startswith("pipe") and ("verify" in script or "merge" in script):
            continue  # they read it once, and wait for its writer
        done = run_script(script, *words_of(READERS[script], tmp_path, path))
        assert done.returncode == 2, (path, done)
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert path.name[:20] in done.stderr


@pytest.mark.parametrize("script", READERS)
def test_a_damaged_line_is_named(script: str, tmp_path: Path, run_script: Run) -> None:
    source = source_for(script, 0)
    lines = source.read_bytes().splitlines(keepends=True)
    path = tmp_path / "damaged.jsonl"
    damages: dict[str, Callable[[bytes], bytes]] = {
        "broken JSON": lambda line: line[: len(line) // 2] + b"\n",
        "UTF-8": lambda line: line.replace(b'"task_id":"', b'"task_id":"\xff', 1),
        "cannot be read": lambda _: b'{"task_id":' + b"[" * 100_000 + b"\n",
        "not an object": lambda _: b"[1]\n",
        "": lambda line: line.replace(b'"status":', b'"status":7,"was":', 1),
    }
    for said, damage in damages.items():
        path.write_bytes(b"".join([lines[0], damage(lines[1]), *lines[2:]]))
        done = run_script(script, *words_of(READERS[script], tmp_path, path))
        assert done.returncode == 2, (said, done)
        assert said in done.stderr
        assert f"{path}, line 2" in done.stderr, (said, done.stderr)
