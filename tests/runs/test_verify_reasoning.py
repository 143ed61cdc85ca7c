"""Traces are followed by a model that sees nothing else; what it reaches is their score."""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.entries import result_entry, run_metadata, write_entries
from tests.support.loopback_server import LoopbackServer, dropped, reply, status
from tests.support.script_process import ScriptProcess
from tests.support.scripts import Run, entries

SCRIPT = "synthetic_data_generators/verify_reasoning.py"
FOLLOWS = reply(maker="true_follower")
MIRROR, FLIP, VAGUE = "Mirror every row.", "Turn the grid upside down.", "See the deep order."
Grid = list[list[int]]


def task_of(number: int, rows: int = 3) -> dict[str, Any]:
    """A task that mirrors every row; three train pairs and a test pair."""
    chance = random.Random(number)
    grids = [[[chance.randrange(10) for _ in range(4)] for _ in range(rows)] for _ in range(4)]
    pairs = [{"input": grid, "output": [row[::-1] for row in grid]} for grid in grids]
    return {"train": pairs[:3], "test": pairs[3:]}


def prompt_of(task: dict[str, Any], *, without: Sequence[int] = ()) -> list[dict[str, str]]:
    shown = [pair for place, pair in enumerate(task["train"]) if place not in without]
    return [{"role": "user", "content": f"Explain:\n{json.dumps(shown)}"}]


def results(folder: Path, *traces: str | None, tasks: int = 1, **more: Any) -> Path:
    """A results file of tasks, each with these traces."""
    made = []
    for number in range(tasks):
        task = task_of(number)
        statuses = ["truncated" if trace is None else "ok" for trace in traces]
        told = {"prompt_messages": [prompt_of(task)] * len(traces)} | more
        fields = {"task_data": task, "reasoning": list(traces), **told}
        made.append(result_entry(f"t{number}", status=statuses, **fields))
    return write_entries(folder / "r.jsonl", *made, run_metadata())


def command(server: LoopbackServer, source: Path, *more: str | Path) -> list[str | Path]:
    words = ("--model_identifier", "local:x", "--base_url", server.openai_url)
    return [SCRIPT, source, *words, "--output_directory", source.parent / "out", *more]


def prompts(server: LoopbackServer) -> list[str]:
    """What each request says, without the system's words."""
    return [request.body["messages"][-1]["content"] for request in server.ledger()]


def read_followed(source: Path) -> list[dict[str, Any]]:
    return entries(source.with_name("r_followed.jsonl"))


def test_the_share_of_followers_that_arrive_is_the_score(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, FLIP, VAGUE, None)
    with LoopbackServer(then=FOLLOWS) as server:
        done = run_script(*command(server, source))
    assert done.returncode == 0, done.stderr
    (entry,) = read_followed(source)
    assert (entry["followed"], entry["followers"]) == ([1, 0, 0, None], [3, 3, 3, None])
    assert [one["status"] for one in entry["followed_by"][2]["answers"]] == ["unparsable"] * 3
    assert "3 traces: 33.3% of followers arrived on average; 1 led all of them there" in done.stdout
    before = json.loads(source.read_text().splitlines()[0])
    assert {name: entry[name] for name in before} == before
    metadata = entries(source.with_name("r_followed.jsonl"), "metadata")
    assert [one.get("script") for one in metadata] == [None, "verify_reasoning"]
    assert metadata[1]["configuration"]["prompt_hash"]


def test_a_follower_sees_one_input_and_no_pair(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR)
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source))
        sent = prompts(server)
    task = task_of(0)
    texts = ["\n".join(" ".join(map(str, row)) for row in pair["input"]) for pair in task["train"]]
    assert sorted(next(n for n, text in enumerate(texts) if text in one) for one in sent) == [
        0,
        1,
        2,
    ]
    for one in sent:
        assert sum(text in one for text in texts) == 1
        assert "Train pair" not in one
        assert one.count("\nInput (") == 1
        assert "Output (" not in one


def test_pairs_whose_output_stands_in_the_trace_are_not_asked_about(
    tmp_path: Path, run_script: Run
) -> None:
    task = task_of(0)
    two = f"{MIRROR} {task['train'][0]['output']} and {task['train'][2]['output']}."
    every = f"{MIRROR} {[pair['output'] for pair in task['train']]}"
    all_of_them = f"{every} {task['test'][0]['output']}"
    source = results(tmp_path, two, every, all_of_them)
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source))
        sent = prompts(server)
    (entry,) = read_followed(source)
    told = [
        {(pair["part"], pair["index"], pair["in_trace"]) for pair in one["pairs"]}
        for one in entry["followed_by"]
    ]
    assert told[:2] == [{("train", 1, False)}, {("test", 0, False)}]
    assert {pair[::2] for pair in told[2]} == {("train", True)}
    assert entry["followed"] == [1, 1, 1]
    outputs = [pair["output"] for pair in (*task["train"], *task["test"])]
    assert not any(str(output)[1:-1] in one for output in outputs for one in sent)
    assert sum(one.count("[hidden grid]") for one in sent) == 3 * (2 + 3 + 4)


def test_a_train_pair_that_the_prompt_left_out_comes_first(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, prompt_messages=[prompt_of(task_of(0), without=[1])])
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source))
    (entry,) = read_followed(source)
    (pair,) = entry["followed_by"][0]["pairs"]
    assert pair == {"part": "train", "index": 1, "in_prompt": False, "in_trace": False}


def test_fresh_pairs_are_asked_about_if_the_task_has_some(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, tasks=2)
    (fresh := tmp_path / "fresh").mkdir()
    other = task_of(7)["train"]
    (fresh / "t0.json").write_text(json.dumps([*other, task_of(0)["train"][0]]))
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source, "--fresh_pairs", fresh, "--followers", "6"))
    parts = [
        Counter(pair["part"] for pair in entry["followed_by"][0]["pairs"])
        for entry in read_followed(source)
    ]
    assert parts == [{"fresh": 3}, {"train": 3}]
    assert [entry["followed"] for entry in read_followed(source)] == [[1], [1]]


def test_a_failed_request_is_no_wrong_answer_and_is_asked_again(
    tmp_path: Path, run_script: Run
) -> None:
    source = results(tmp_path, MIRROR, FLIP)
    with LoopbackServer(prompts={FLIP: [status(400)]}, then=FOLLOWS) as server:
        done = run_script(*command(server, source))
        assert done.returncode == 1, done.stderr
        (entry,) = read_followed(source)
        assert (entry["followed"], entry["followers"]) == ([1, None], [3, 0])
    with LoopbackServer(then=FOLLOWS) as server:
        done = run_script(*command(server, source))
        assert done.returncode == 0, done.stderr
        assert len(server.ledger()) == 3
    (entry,) = read_followed(source)
    assert (entry["followed"], entry["followers"]) == ([1, 0], [3, 3])


def test_rate_limits_cost_no_follower_an_answer(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, tasks=4)
    limit = status(429, retry_after="0.05")
    with LoopbackServer(first=[limit, dropped()], then=FOLLOWS) as server:
        assert run_script(*command(server, source)).returncode == 0
    assert [entry["followed"] for entry in read_followed(source)] == [[1]] * 4


def test_a_cap_is_kept_and_what_is_known_is_written(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, tasks=30)
    shape = ("--price", "0,1000", "--max_tokens", "1000", "--max_concurrent_tasks", "2")
    with LoopbackServer(then=reply(maker="true_follower", output_tokens=200)) as server:
        done = run_script(*command(server, source, *shape, "--max_cost_usd", "4"))
        assert done.returncode == 3, done.stderr
        paid = len(server.ledger())
        assert paid <= 20  # 0.2 USD each
        known = [one["followed"] for one in read_followed(source)]
        assert 0 < known.count([1]) < known.count([None])
        metadata = entries(source.with_name("r_followed.jsonl"), "metadata")[-1]
        assert metadata["status"] == "unfinished"
        done = run_script(*command(server, source, *shape))
        assert done.returncode == 0, done.stderr
        assert len(server.ledger()) == 90
    assert [one["followed"] for one in read_followed(source)] == [[1]] * 30


def test_traces_of_a_store_get_scores_and_keep_their_votes(tmp_path: Path, run_script: Run) -> None:
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps({"t0": task_of(0)}))
    trace = {"trace_id": "a", "username": "anna", "score": 7, "voters": ["ben"], "odd": {"of": 1}}
    store = {"t0": [{**trace, "text": MIRROR}, {"text": FLIP}, {"text": " "}], "t9": [trace]}
    store["t8"] = [{"text": MIRROR, "task": task_of(8)}, {"text": MIRROR, "task": {"train": 7}}]
    source = tmp_path / "store.json"
    source.write_text(json.dumps(store))
    with LoopbackServer(then=FOLLOWS) as server:
        done = run_script(*command(server, source, "--dataset_directory", tasks))
    assert done.returncode == 0, done.stderr
    assert "of an unknown task 2" in done.stdout
    after = json.loads((tmp_path / "store_followed.json").read_text())
    assert [one["followed"] for one in after["t0"]] == [1, 0, None]
    assert [one["followed"] for one in after["t8"]] == [1, None]
    told = {"followed", "followers", "followed_by"}
    kept = {
        task_id: [{name: one[name] for name in one if name not in told} for one in traces]
        for task_id, traces in after.items()
    }
    assert kept == store
    assert json.loads(source.read_text()) == store


def test_scores_go_into_the_store_and_choose_rows(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, FLIP, None)
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source))
    followed = tmp_path / "r_followed.jsonl"
    merge = ("auxiliary_utilities/merge_reasoning.py", followed, "--traces_path")
    run_script(*merge, tmp_path / "store.json")
    traces = json.loads((tmp_path / "store.json").read_text())["t0"]
    assert [(one["text"], one["followed"], one["followers"]) for one in traces] == [
        (MIRROR, 1, 3),
        (FLIP, 0, 3),
    ]
    rows = tmp_path / "rows.jsonl"
    export = ("auxiliary_utilities/export_training_data.py", followed, "--format", "messages")
    done = run_script(*export, "--verified", "any", "--min_followed", "0.5", "--output", rows)
    assert done.returncode == 0, done.stderr
    assert "reasoning that led too few there 1" in done.stdout
    (row,) = map(json.loads, rows.read_text().splitlines())
    assert (row["provenance"]["followed"], row["provenance"]["followers"]) == (1.0, 3)
    none = run_script(*export[:1], source, *export[2:], "--min_followed", "1", "--output", rows,
                      "--verified", "any")  # fmt: skip
    assert none.returncode == 2
    assert "reasoning that nobody followed 2" in none.stderr


def test_answers_of_followers_are_no_traces_and_no_rows(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR)
    with LoopbackServer(then=FOLLOWS) as server:
        run_script(*command(server, source))
        answers = tmp_path / "out" / "reasoning_verification_results.jsonl"
        assert "a follower of a trace 3" in run_script(*command(server, answers)).stderr
    rows = ("--format", "messages", "--verified", "any", "--output", tmp_path / "rows.jsonl")
    store = ("--traces_path", tmp_path / "store.json")
    exported = run_script("auxiliary_utilities/export_training_data.py", answers, *rows)
    merged = run_script("auxiliary_utilities/merge_reasoning.py", answers, *store)
    assert "a follower of a trace 3" in exported.stderr
    assert "a follower of a trace 3" in merged.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model_identifier", "PROGRAM_SEARCH"), "the follower: it asks a model"),
        (("--best_of", "2"), "--followers K says how many"),
        (("--agent", "direct_answer"), "--agent: traces are followed, not made"),
        (("--dataset", "all"), "--dataset: results carry their tasks"),
        (("--output", "r.jsonl"), "--output is SOURCE itself"),
        (("--task_ids", "t7"), "holds no trace to follow: of a task that was not chosen 1"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    words: tuple[str, ...], said: str, tmp_path: Path, run_script: Run
) -> None:
    source = results(tmp_path, MIRROR)
    model = () if "PROGRAM_SEARCH" in words else ("--model_identifier", "local:x")
    done = run_script(SCRIPT, source, *model, *words, "--output_directory", tmp_path / "out")
    assert done.returncode == 2, done
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r_followed.jsonl").exists()


@pytest.mark.parametrize("name", ["results", "partial_results"])
def test_the_followers_own_files_are_no_output(tmp_path: Path, run_script: Run, name: str) -> None:
    source = results(tmp_path, MIRROR)
    own = tmp_path / "out" / f"reasoning_verification_{name}.jsonl"
    with LoopbackServer(then=FOLLOWS) as server:
        done = run_script(*command(server, source, "--output", own))
        assert server.ledger() == []
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "is a file of the followers" in done.stderr


def test_a_dry_run_counts_the_followers_and_writes_nothing(tmp_path: Path, run_script: Run) -> None:
    source = results(tmp_path, MIRROR, FLIP, tasks=3)
    words = ("--model_identifier", "local:x", "--output_directory", tmp_path / "out", "--dry_run")
    done = run_script(SCRIPT, source, *words, "--followers", "4")
    assert "24 to make" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.jsonl"]


def run_and_kill(words: Sequence[str | Path], journal: Path, after_s: float) -> None:
    """Start the script, wait until it has journalled something, and kill it a little later."""
    process = ScriptProcess(*words)
    size = journal.stat().st_size if journal.exists() else 0
    while process.poll() is None and (not journal.exists() or journal.stat().st_size == size):
        time.sleep(0.01)
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_follower_is_paid_twice_after_kill_minus_nine(tmp_path: Path, run_script: Run) -> None:
    """200 traces, 6 kills; the pace is such that every kill meets requests in flight."""
    source = results(tmp_path, MIRROR, FLIP, VAGUE, f"{MIRROR} Then look.", tasks=50)
    journal = tmp_path / "out" / "reasoning_verification_partial_results.jsonl"
    chance = random.Random(4)
    slow = reply(maker="true_follower", delay_s=0.1)
    with LoopbackServer(mixture=[(0.1, status(503)), (0.05, dropped())], then=slow) as server:
        words = command(server, source, "--max_concurrent_tasks", "4")
        for _ in range(6):
            run_and_kill(words, journal, chance.uniform(0.1, 0.9))
            assert not (tmp_path / "r_followed.jsonl").exists()
        before = len(journalled(journal))
        done = run_script(*words)
        assert done.returncode == 0, done.stderr
        sent = [one for one in server.ledger() if one.completed]
    keys = journalled(journal)
    assert before > 50
    assert len(set(keys)) == len(keys) == 600
    paid = sum(one.behaviour is not None and one.behaviour["kind"] == "reply" for one in sent)
    assert paid <= 600 + 6 * 12  # what was in flight when a run was killed: at most 12 replies
    assert [one["followed"] for one in read_followed(source)] == [[1, 0, 0, 1]] * 50


def journalled(journal: Path) -> list[str]:
    """The keys of all replies whose lines are whole."""
    lines = journal.read_text().splitlines(keepends=True)
    found = [json.loads(line) for line in lines if line.endswith("\n")]
    return [line["key"] for line in found if "reply" in line]
