"""Agents from a user's own file, as scripts take them by --agent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from agents.catalogue import find_agent
from agents.strategies import STRATEGIES
from agents.strategies.strategy import Asked, JudgedSample, Strategy
from benchmark.benchmark_options import CodeBenchmarkOptions
from benchmark.code_benchmark import benchmark
from benchmark.run_code_benchmark import PLACE
from tests.support.loopback_server import LoopbackServer, reply
from tests.support.scripts import Run, entries
from utilities.command_line.options import parse_options
from utilities.errors import UsageError
from utilities.tasks.task import Task

GENERATE = "synthetic_data_generators/generate_code_data.py"
BENCHMARK = "benchmark/run_code_benchmark.py"
FLIP = "67a3c6ac"
"""A task: mirror the grid left to right."""
FLIPS = "def solve_task(grid):\n    return [row[::-1] for row in grid]\n"
TERSE = """
from agents.base import LanguageModelAgent


class TerseAgent(LanguageModelAgent):
    prompt_name = "terse"
"""
FLIPPER = f"""
from utilities.results.entry import Sample

PROGRAM = {FLIPS!r}


class Flipper:
    def identity(self):
        return {{"direction": "left to right"}}

    async def sample(self, task, index):
        return Sample(task.task_id, index, [], "ok", python_code=PROGRAM)
"""


def terse_agent(folder: Path) -> str:
    """A file with an agent, and its two prompts beside it."""
    (folder / "terse_agent.py").write_text(TERSE)
    (folder / "terse_system.md").write_text("Answer with a program and nothing else.\n")
    (folder / "terse_user.md").write_text("$pairs\n\nWrite `solve_task(grid)`.\n")
    return f"{folder / 'terse_agent.py'}:TerseAgent"


def own_agent(folder: Path, source: str, name: str) -> str:
    (folder / "own.py").write_text(source)
    return f"{folder / 'own.py'}:{name}"


@pytest.mark.parametrize("script", [GENERATE, BENCHMARK])
def test_an_agent_of_a_users_file_asks_with_its_own_prompts(
    script: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with LoopbackServer(then=reply(f"```python\n{FLIPS}```")) as server:
        done = run_script(
            script, "--agent", terse_agent(tmp_path), "--model_identifier", "local:x",
            "--base_url", server.openai_url, "--dataset_directory", dataset(FLIP),
            "--output_directory", tmp_path / "out",
        )  # fmt: skip
        asked = [request.body["messages"] for request in server.ledger()]
    assert done.returncode == 0, done.stderr
    assert asked[0][0]["content"] == "Answer with a program and nothing else."
    assert "## Train pair 1" in asked[0][1]["content"]
    (results,) = (p for p in (tmp_path / "out").glob("*_results.jsonl") if "partial" not in p.name)
    (entry,) = entries(results)
    assert entry["python_code"] == [FLIPS]
    (metadata,) = entries(results, "metadata")
    assert metadata["configuration"]["agent"] == "TerseAgent"
    assert metadata["options"]["agent"].endswith("terse_agent.py:TerseAgent")


def test_an_edited_agent_is_not_taken_for_the_earlier_one_and_buys_nothing_again(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    agent, path = terse_agent(tmp_path), dataset(FLIP)
    requests = []
    for more in ("", "", "\n    # edited\n"):
        (tmp_path / "terse_agent.py").write_text(TERSE + more)
        with LoopbackServer(then=reply(f"```python\n{FLIPS}```")) as server:
            done = run_script(
                GENERATE, "--agent", agent, "--model_identifier", "local:x", "--base_url",
                server.openai_url, "--dataset_directory", path, "--output_directory",
                tmp_path / "out",
            )  # fmt: skip
            requests.append(len(server.ledger()))
        assert done.returncode == 0, done.stderr
    assert requests == [1, 0, 0]
    results = tmp_path / "out" / "code_data_results.jsonl"
    assert len(entries(results)) == 2
    configurations = [entry["configuration"] for entry in entries(results, "metadata")]
    assert len({one["agent_file_hash"] for one in configurations}) == 2


def test_an_agent_without_a_model_needs_no_key_and_is_known_by_its_class(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        BENCHMARK, "--agent", own_agent(tmp_path, FLIPPER, "Flipper"), "--dataset_directory",
        dataset(FLIP), "--output_directory", tmp_path / "out", "--refine", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--refine: Flipper has nothing to refine" in done.stderr
    (metadata,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl", "metadata")
    assert metadata["model_identifier"] == metadata["model"] == "Flipper"
    assert metadata["configuration"]["direction"] == "left to right"
    assert metadata["solved_task_ids"] == [FLIP]
    assert metadata["counts"]["requests"] == 0


@pytest.mark.parametrize("script", [GENERATE, BENCHMARK])
@pytest.mark.parametrize("given", ["None", 'Sample(task.task_id, index, [], "odd")'])
def test_an_agent_that_gives_no_proper_sample_is_told_so_in_one_line(
    script: str, given: str, tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    i = FLIPPER.index("return Sample")
    agent = own_agent(tmp_path, f"{FLIPPER[:i]}return {given}\n", "Flipper")
    done = run_script(
        script, "--agent", agent, "--dataset_directory", dataset(FLIP), "--output_directory",
        tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "--agent Flipper: sample()" in line
    assert ("NoneType" if given == "None" else "'odd'") in line
    assert "Traceback" not in done.stderr


def test_a_dry_run_of_an_agent_without_a_model_asks_nothing(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    done = run_script(
        GENERATE, "--agent", own_agent(tmp_path, FLIPPER, "Flipper"), "--dataset_directory",
        dataset(FLIP), "--dry_run",
    )  # fmt: skip
    assert "none: Flipper asks no model" in done.stdout
    assert "1 to do" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agent", "program_search", "--model_identifier", "GPT"), "asks no model"),
        (("--agent", "program_search", "--batch"), "--batch: PROGRAM_SEARCH asks no provider"),
        (("--agent", "direct_answer"), "it asks a model, and no key is set"),
        (("--agent", "direct_answer", "--model_identifier", "PROGRAM_SEARCH"), "is none"),
        (
            ("--model_identifier", "GPT", "--search_budget", "9"),
            "--search_budget: GPT is asked, and no search is made; leave it out",
        ),
        (("--model_identifier", "local:x", "--executor", "ray"), "--executor: local:x is asked"),
        (("--ray_address", "127.0.0.1:1"), "--ray_address goes with --executor ray"),
        (("--agent", "no_such_agent"), "unknown; write one of reasoning_trace"),
    ],
)  # fmt: skip
def test_an_agent_that_does_not_fit_the_other_options_is_refused_in_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: Path, run_script: Run
) -> None:
    done = run_script(GENERATE, *arguments, "--output_directory", tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = 1", "has no class 'Own'; it has none"),
        ("class Other:\n    pass", "has no class 'Own'; it has Other"),
        ("\n\nraise ValueError('two\\nlines')", "line 3: ValueError: two lines"),
        ("class Own\n    pass", "line 1: SyntaxError"),
        ("raise SystemExit(1)", "SystemExit"),
        ("class Own:\n    pass", "`async def"),
        ("class Own:\n    def sample(self, task, index):\n        pass", "`async def"),
        ("class Own:\n    async def sample(self, task, index):\n        pass", "`def identity"),
        ("from agents.base import LanguageModelAgent\nclass Own(LanguageModelAgent):\n    pass",
         "needs `prompt_name"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_agent_is_refused_in_one_line(
    source: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as raised:
        find_agent(own_agent(tmp_path, source, "Own"))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*missing.py"):
        find_agent(f"{tmp_path / 'missing.py'}:Own")


class UntilItFits(Strategy):
    """One sample after the other, until a program solves all train pairs."""

    def identity(self) -> dict[str, object]:
        return {"strategy": "until_it_fits", "refine": 0}

    def wave(self, task: Task, done: Sequence[JudgedSample]) -> Sequence[Asked]:
        if len(done) == self.limits.best_of or any(one.fits_train for one in done):
            return []
        return [Asked(self.agent.sample(task, len(done)))]


async def test_a_strategy_of_the_table_decides_how_many_samples_a_task_gets(
    tmp_path: Path, dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(STRATEGIES, "best_of", UntilItFits)
    words = [
        "--agent", own_agent(tmp_path, FLIPPER, "Flipper"), "--best_of", "5",
        "--dataset_directory", str(dataset(FLIP)), "--output_directory", str(tmp_path / "out"),
    ]  # fmt: skip
    options = parse_options(CodeBenchmarkOptions, None, words=words)
    assert await benchmark(options, PLACE) == 0
    (entry,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl")
    assert entry["status"] == ["ok"], "the first program fits, so no second one is asked for"
    (metadata,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl", "metadata")
    assert metadata["configuration"]["strategy"] == "until_it_fits"
