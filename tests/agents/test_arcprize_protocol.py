"""`--protocol arcprize`: what is asked, how it is read, and what is said of it."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agents.arcprize_protocol import PROMPT_IN_CHECKOUT, ProtocolPrompt
from benchmark.benchmark_options import DirectBenchmarkOptions
from tests.support.loopback_server import Behaviour, LedgerEntry, LoopbackServer, dropped, reply
from tests.support.scripts import Run, arc1_training, entries
from utilities.command_line.options import parse_options
from utilities.errors import UsageError
from utilities.tasks.grids import check_grid
from utilities.tasks.harness_answers import rows_of_answer
from utilities.tasks.task import Pair, Task

DIRECT = "benchmark/run_direct_benchmark.py"
RESULTS = "direct_benchmark_results.jsonl"
CHECKOUT = Path(os.environ.get("ARC_AGI_BENCHMARKING", "no checkout"))
"""A checkout of github.com/arcprize/arc-agi-benchmarking."""
REPLIES = [
    json.loads(line)
    for line in Path("tests/reply_parsing/replies_of_the_harness.jsonl").read_text().splitlines()
]
"""Replies of many forms, and what the harness's own reader made of them."""
TASK = Task(
    "t",
    (Pair([[1, 2]], [[2, 1]]), Pair([[3], [4]], [[4], [3]])),
    (Pair([[5, 6]], [[6, 5]]), Pair([[7]], [[7]])),
)
ASKS = ("--protocol", "arcprize", "--model_identifier", "local:x", "--quiet")


def checkout(path: Path, template: str) -> Path:
    prompt = path / PROMPT_IN_CHECKOUT
    prompt.parent.mkdir(parents=True)
    prompt.write_text(template)
    return path


def dataset(path: Path, *tasks: Task) -> Path:
    path.write_text(json.dumps({task.task_id: task.to_json() for task in tasks}))
    return path


def ask(
    run_script: Run, tmp_path: Path, replies: dict[str, list[Behaviour]], *more: str | Path
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]], list[LedgerEntry]]:
    """The finished script, the entries, and what the server was asked."""
    with LoopbackServer(prompts=replies) as server:
        done = run_script(
            DIRECT, *ASKS, "--base_url", server.openai_url, "--output_directory", tmp_path / "out",
            *more,
        )  # fmt: skip
        ledger = server.ledger()
    path = tmp_path / "out" / RESULTS
    return done, entries(path) if path.exists() else [], ledger


def test_replies_are_read_as_the_harness_reads_them() -> None:
    for told in REPLIES:
        assert repr(rows_of_answer(told["reply"])) == repr(told["rows"]), told["reply"]


def test_a_prompt_has_the_grids_as_json_and_one_test_input(tmp_path: Path) -> None:
    template = "Words {{kept}}.\n{training_examples}|{test_input}\n"
    prompt = ProtocolPrompt.read(checkout(tmp_path, template))
    assert prompt.of(TASK, 1) == (
        "Words {kept}.\n"
        "--Example 0-- \n\n INPUT: \n\n[[1, 2]]\n\nOUTPUT: \n\n[[2, 1]]\n\n"
        "--Example 1-- \n\n INPUT: \n\n[[3], [4]]\n\nOUTPUT: \n\n[[4], [3]]\n\n"
        "|[[7]]\n"
    )


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{training_examples} {other}", "cannot be filled in: 'other'"),
        ("{training_examples} {test_input", "cannot be filled in"),
        ("{training_examples.x} {test_input}", "cannot be filled in"),
        ("{training_examples}", "lacks {training_examples} or {test_input}"),
    ],
)
def test_a_prompt_that_cannot_be_filled_in_is_refused(
    tmp_path: Path, template: str, fault: str
) -> None:
    with pytest.raises(UsageError, match="--protocol_directory") as caught:
        ProtocolPrompt.read(checkout(tmp_path, template))
    assert fault in str(caught.value)


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give a checkout of https://github"):
        ProtocolPrompt.read(tmp_path)


def test_the_words_hash_tells_whose_they_are(tmp_path: Path) -> None:
    assert ProtocolPrompt.read(None).origin == "own"
    other = ProtocolPrompt.read(checkout(tmp_path, "{training_examples}{test_input}"))
    assert other.origin == "other"
    assert "another version's" in other.differences()[0]


def test_each_test_input_is_asked_for_twice_and_what_cannot_be_parsed_once_more(
    run_script: Run, tmp_path: Path
) -> None:
    """The second test input: two replies without a list, then one; the other stays without."""
    none, right = reply("I see no answer."), reply("So: [[7]]")
    first = [reply("[[6, 5]]", output_tokens=10)]
    replies = {"[[5, 6]]\n== Your": first, "[[7]]\n== Your": [none, none, right, none]}
    data = dataset(tmp_path / "tasks.json", TASK)
    done, (entry,), asked = ask(run_script, tmp_path, replies, "--dataset_directory", data,
                                "--price", "1,1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(asked) == 6
    streamed = {"stream", "stream_options"}
    assert all(one.body.keys() == {"model", "messages"} | streamed for one in asked)
    assert entry["test_input"] == [0, 0, 1, 1, 1, 1]
    assert Counter(entry["status"]) == {"ok": 3, "unparsable": 3}
    assert all(cost > 0 for cost in entry["cost_usd"])
    assert entry["attempts"][0] == [[[6, 5]], [[6, 5]]]
    assert sorted(entry["attempts"][1], key=str) == [None, [[7]]]
    assert entry["outputs_solved"] == [True, True]
    for messages in entry["prompt_messages"]:
        assert [one["role"] for one in messages] == ["user"]
    assert "pass@1          50.00%" in done.stdout  # an attempt at both inputs is a sample


def test_rows_that_are_no_grid_are_an_answer_and_not_asked_again(
    run_script: Run, tmp_path: Path
) -> None:
    task = Task("t", TASK.train, TASK.test[:1])
    data = dataset(tmp_path / "tasks.json", task)
    replies = {"[[5, 6]]\n== Your": [reply("[[1], [2, 3]]")]}
    _, (entry,), asked = ask(run_script, tmp_path, replies, "--dataset_directory", data)
    assert len(asked) == 2
    assert entry["status"] == ["unparsable", "unparsable"]
    assert entry["attempts"] == [[None, None]]


def test_a_run_started_again_asks_only_for_what_has_no_reply(
    run_script: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRY_DELAY_S", "0.01")
    data = dataset(tmp_path / "tasks.json", TASK)
    failing = {"== Your output ==": [reply("none")] * 3 + [dropped()]}
    where = ("--dataset_directory", data)
    ask(run_script, tmp_path, failing, *where, "--max_silence_s", "0.2")
    answering = {"== Your output ==": [reply("[[7]]")]}
    _, found, asked = ask(run_script, tmp_path, answering, *where)
    assert len(asked) == 4  # the first request that failed, and the three that were unparsable
    assert found[-1]["complete"] is True
    _, _, asked = ask(run_script, tmp_path, answering, *where)
    assert asked == []


def test_summary_and_metadata_name_the_protocol_and_what_differs(
    run_script: Run, tmp_path: Path
) -> None:
    data = dataset(tmp_path / "tasks.json", TASK)
    replies = {"== Your output ==": [reply("[[7]]")]}
    done, _, _ = ask(run_script, tmp_path, replies, "--dataset_directory", data)
    said = "protocol  arcprize: as arcprize/arc-agi-benchmarking 28e67d5 asks, with a prompt of our"
    assert said in done.stdout
    assert "differs   the prompt's words are this toolkit's own" in done.stdout
    (told,) = entries(tmp_path / "out" / RESULTS, "metadata")
    assert (told["protocol"]["prompt"], told["protocol"]["commit"]) == ("own", "28e67d5")
    scored = run_script("benchmark/score_results.py", tmp_path / "out" / RESULTS)
    assert "protocol arcprize 28e67d5 with a prompt of our own" in scored.stdout


def test_a_dry_run_says_what_may_be_asked_again(run_script: Run, tmp_path: Path) -> None:
    data = dataset(tmp_path / "tasks.json", TASK)
    done, _, asked = ask(run_script, tmp_path, {}, "--dataset_directory", data, "--dry_run")
    assert asked == []
    assert "requests  4 to make" in done.stdout
    assert "again     not counted here: at most 4 requests more" in done.stdout


@pytest.mark.parametrize(
    "given",
    [
        ("--agent", "direct_answer"), ("--attempts", "3"), ("--best_of", "5"),
        ("--best_of", "1"), ("--stop_when_agree", "2"),
        ("--judge", "GPT"), ("--tools", "python"),
        ("--prompt_directory", "."), ("--grid_format", "json"), ("--system_as_user",),
        ("--images", "pairs"), ("--vary", "symmetry"), ("--vary_seed", "3"),
    ],
    ids=lambda given: given[0],
)  # fmt: skip
def test_options_that_would_change_the_protocol_are_refused(
    given: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_options(DirectBenchmarkOptions, None, words=[*ASKS, *given])
    said = capsys.readouterr().err
    assert f"error: {given[0]}: " in said
    assert "protocol" in said


def test_a_protocol_asks_a_model(run_script: Run) -> None:
    done = run_script(DIRECT, "--protocol", "arcprize", "--model_identifier", "PROGRAM_SEARCH")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--protocol arcprize: it asks a model, and PROGRAM_SEARCH is none" in done.stderr


def test_a_checkout_without_a_protocol_is_refused(run_script: Run) -> None:
    done = run_script(DIRECT, "--protocol_directory", ".")
    assert (done.returncode, "give --protocol as well" in done.stderr) == (2, True)


def in_checkout(program: str, given: Any) -> Any:
    """What a program that uses the harness's own modules makes of a value."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\ngiven = json.load(sys.stdin)\n{program}"],
        input=json.dumps(given), capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "src")},
    )  # fmt: skip
    return json.loads(done.stdout)


THEIR_ANSWERS = """
from arc_agi_benchmarking.schemas import Attempt
tokens = dict(reasoning_tokens=0, accepted_prediction_tokens=0, rejected_prediction_tokens=0)
usage = dict(prompt_tokens=0, completion_tokens=0, total_tokens=0, completion_tokens_details=tokens)
told = dict(model="m", provider="p", start_timestamp="2025-01-01T00:00:00Z", choices=[], kwargs={},
            end_timestamp="2025-01-01T00:00:00Z", usage=usage,
            cost=dict(prompt_cost=0, completion_cost=0, total_cost=0))
def answer(text):
    try:
        return Attempt(answer=text, metadata=told).answer
    except Exception:
        return None
print(json.dumps([answer(text) for text in given]))
"""
needs_checkout = pytest.mark.skipif(
    not CHECKOUT.is_dir(), reason="ARC_AGI_BENCHMARKING names no checkout"
)


@pytest.mark.slow
@needs_checkout
def test_the_harness_reads_the_replies_as_they_are_pinned() -> None:
    theirs = in_checkout(THEIR_ANSWERS, [told["reply"] for told in REPLIES])
    assert theirs == [told["rows"] for told in REPLIES]
    assert len(theirs) >= 100


@pytest.mark.slow
@needs_checkout
def test_the_official_prompt_is_known_and_filled_in_as_the_harness_does() -> None:
    prompt = ProtocolPrompt.read(CHECKOUT)
    assert prompt.origin == "official"
    tasks = [Task.from_json(key, task) for key, task in list(arc1_training().items())[:100]]
    program = """
from arc_agi_benchmarking.prompts.prompt_manager import convert_task_pairs_to_prompt
from arc_agi_benchmarking.schemas import ARCPair
print(json.dumps([convert_task_pairs_to_prompt([ARCPair(**one) for one in task["train"]],
      ARCPair(input=task["test"][0]["input"])) for task in given]))
"""
    theirs = in_checkout(program, [task.to_json() for task in tasks])
    assert theirs == [prompt.of(task, 0) for task in tasks]


@pytest.mark.slow
@needs_checkout
def test_a_run_gets_the_answers_that_the_harness_reads_in_the_same_replies(
    run_script: Run, tmp_path: Path
) -> None:
    """A task for each reply, which the server gives both times; the official prompt."""
    told = [one for one in REPLIES if one["reply"].strip()]  # a reply needs some text
    tasks = [
        Task(f"t{at}", TASK.train, (Pair([[at // 100, at // 10 % 10, at % 10]], None),))
        for at in range(len(told))
    ]
    replies = {
        f"--Test Input--\n{json.dumps(task.test[0].input)}\n": [reply(one["reply"])]
        for task, one in zip(tasks, told, strict=True)
    }
    data = dataset(tmp_path / "tasks.json", *tasks)
    done, found, asked = ask(
        run_script, tmp_path, replies,
        "--dataset_directory", data, "--protocol_directory", CHECKOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    theirs = in_checkout(THEIR_ANSWERS, [one["reply"] for one in told])
    by_task = {entry["task_id"]: entry for entry in found}
    for task, rows in zip(tasks, theirs, strict=True):
        entry = by_task[task.task_id]
        grid = None if rows is None or check_grid(rows) else rows
        assert entry["attempts"] == [[grid, grid]]
        assert len(entry["status"]) == (4 if rows is None else 2)
    assert len(asked) == sum(4 if rows is None else 2 for rows in theirs)
