"""`--tools` in the scripts, with the sandbox's sessions, against a scripted model."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agents.agent_choice import choose_agent
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, arc1_training, entries
from tests.support.tool_server import ToolServer, python, says, submit
from utilities.errors import UsageError
from utilities.runs.options import AskingOptions, ToolOptions

TASK = "6150a2bd"  # its rule is a turn by 180 degrees
PROGRAM = "def solve_task(grid):\n    return [row[::-1] for row in grid[::-1]]\n"
SCRIPTS = {
    "code_data": "synthetic_data_generators/generate_code_data.py",
    "code_benchmark": "benchmark/run_code_benchmark.py",
    "direct_benchmark": "benchmark/run_direct_benchmark.py",
}
TURNS = [
    says("", python("x = len(train)\nx"), python("[len(grid) for grid in test_inputs]")),
    says("", python(f"{PROGRAM}\n[solve_task(p['input']) == p['output'] for p in train]")),
    says("", python("x + 1"), {"name": "python", "arguments": "x"}),
    says("It is a turn.", submit(code=PROGRAM)),
]
RESULTS = [["2\n", "[3]\n"], ["[True, True]\n"], ["3\n"]]


def arguments(server: ToolServer, folder: Path, data: Path, *more: str) -> list[str | Path]:
    return [
        *("--model_identifier", "local:scripted", "--base_url", server.openai_url),
        *("--dataset_directory", data, "--tools", "python", "--output_directory", folder),
        *more,
    ]


def test_a_conversation_in_the_code_benchmark_gives_what_was_worked_out_by_hand(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    """And no message of it has a test output."""
    script = SCRIPTS["code_benchmark"]
    with ToolServer(TURNS) as server:
        done = run_script(script, *arguments(server, tmp_path / "out", dataset(TASK), "--verbose"))
    assert done.returncode == 0, done.stderr
    (entry,) = entries(tmp_path / "out" / "code_benchmark_results.jsonl")
    (turns,) = entry["turns"]
    shown = [[call["result"] for call in turn["tool_calls"]] for turn in turns]
    assert [results[: len(wanted)] for results, wanted in zip(shown, RESULTS, strict=False)] == (
        RESULTS
    )
    assert "no JSON object" in shown[2][1]
    assert (entry["solved"], entry["status"], entry["python_code"]) == (True, ["ok"], [PROGRAM])
    assert entry["request_attempts"] == [4]
    assert "requests  4" in done.stdout
    output = arc1_training()[TASK]["test"][0]["output"]
    forms = [json.dumps(output), "\n".join(" ".join(map(str, row)) for row in output)]
    told = json.dumps(server.requests)
    assert not any(form in told or json.dumps(form)[1:-1] in told for form in forms)
    log = (tmp_path / "out" / "code_benchmark.log").read_text()
    assert "turn': 4" in log
    assert "x = len(train)" in log
    assert "[True, True]" in log


def test_grids_are_handed_in_to_the_direct_benchmark(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    output = arc1_training()[TASK]["test"][0]["output"]
    with ToolServer([TURNS[0], says("", submit(outputs=[output]))]) as server:
        done = run_script(
            SCRIPTS["direct_benchmark"], *arguments(server, tmp_path / "out", dataset(TASK))
        )
    assert done.returncode == 0, done.stderr
    (entry,) = entries(tmp_path / "out" / "direct_benchmark_results.jsonl")
    assert (entry["solved"], entry["attempts"][0][0]) == (True, output)


def kill_at(turn: int, running: list[ScriptProcess], replied: int) -> None:
    if replied == turn:
        running[0].send_signal(signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["code_data", "code_benchmark"])
def test_a_script_killed_after_each_turn_buys_none_twice(
    name: str, tmp_path: Path, dataset: Callable[..., Path]
) -> None:
    journal = tmp_path / "out" / f"{name}_partial_results.jsonl"
    with ToolServer(TURNS) as server:
        command = [SCRIPTS[name], *arguments(server, tmp_path / "out", dataset(TASK))]
        for turn in range(1, len(TURNS)):
            running: list[ScriptProcess] = []
            # The reply before this turn's is journalled, this one never comes.
            server.after = partial(kill_at, turn, running)
            running.append(ScriptProcess(*command))
            running[0].wait()
            assert len(journal.read_text().splitlines()) == turn
            server.replied.remove(turn)
        server.after = lambda _turn: None
        done = ScriptProcess(*command).completed()
        assert done.returncode == 0, done.stderr
    assert server.replied == [0, 1, 2, 3]
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["turn"] for line in lines] == [1, 2, 3, 4]
    assert len({line["key"] for line in lines}) == 4
    (entry,) = entries(tmp_path / "out" / f"{name}_results.jsonl")
    assert entry["turns"][0][1]["tool_calls"][0]["result"] == "[True, True]\n"
    assert entry["python_code"] == [PROGRAM]


def test_a_dry_run_counts_first_turns_and_says_so(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    with ToolServer(TURNS) as server:
        more = ("--dry_run", "--max_turns", "5")
        done = run_script(SCRIPTS["code_data"], *arguments(server, tmp_path, dataset(TASK), *more))
    assert (done.returncode, server.requests) == (0, [])
    assert "1 to make" in done.stdout
    assert "up to 4 further replies of each sample" in done.stdout


@pytest.mark.parametrize(
    ("asking", "agent", "words"),
    [
        ({"model_identifier": "GPT", "batch": True}, "code_generating", "leave out --batch"),
        ({"model_identifier": "PROGRAM_SEARCH"}, "code_generating", "asks no model"),
        ({"model_identifier": "GPT"}, "reasoning_trace", "has no answer"),
    ],
)
def test_tools_are_refused_where_nothing_could_come_of_them(
    asking: dict[str, object], agent: str, words: str
) -> None:
    options = AskingOptions(**asking, dry_run=True)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=words):
        choose_agent(options, agent, ToolOptions(tools="python"))


def test_a_model_without_tools_is_pointed_to_blocks_in_text(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text('[m]\nmodel = "m"\nbase_url = "http://localhost:9/v1"\ntools = false\n')
    options = AskingOptions(model_identifier="m", models=models, dry_run=True)
    with pytest.raises(UsageError, match="m takes no tools; use --tools python_text"):
        choose_agent(options, "code_generating", ToolOptions(tools="python"))
    chosen = choose_agent(options, "code_generating", ToolOptions(tools="python_text"))
    assert chosen.turns.tools == "python_text"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ToolOptions(max_turns=3), "--max_turns: give --tools as well"),
        (ToolOptions(max_sessions=3), "--max_sessions: give --tools as well"),
        (ToolOptions(tools="python", max_turns=1), "no call could be answered"),
        (ToolOptions(tools="python", max_turns=2), None),
        (ToolOptions(), None),
    ],
)
def test_options_about_tools_need_tools(options: ToolOptions, words: str | None) -> None:
    fault = options.fault()
    assert (fault is None) if words is None else (words in str(fault))
