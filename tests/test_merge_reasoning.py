"""Merging reasoning into the traces store: once, whole, and with nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from utilities import config
from utilities.errors import UsageError
from utilities.traces_store import Trace, merge_entries, read_store

SCRIPT = config.REPOSITORY / "auxiliary_utilities" / "merge_reasoning.py"
VOTED = {
    "trace_id": "hand-made",
    "task_id": "00d62c1b",
    "username": "anna",
    "text": "Fill what is enclosed. ½ \ud800",
    "score": 7,
    "timestamp": 1700000000.0,
    "voters": ["ben", "cleo"],
    "colour_of_badge": {"of": "gold"},
}


def result(
    task_id: str, reasoning: list[str | None], status: list[str] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "entry_type": "result",
        "schema_version": 1,
        "run_id": "run",
        "task_id": task_id,
        "task_data": {"train": [], "test": []},
        "model_identifier": "CLAUDE",
        "model": "anthropic:claude",
        "reasoning": reasoning,
        "status": status or ["ok"] * len(reasoning),
        **more,
    }


def write_results(path: Path, *entries: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    return path


def start_merge(results: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(results), "--traces_path", str(store), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def merge(results: Path, store: Path, *more: str) -> tuple[int, str, str]:
    with start_merge(results, store, *more) as process:
        out, err = process.communicate()
        return process.returncode, out, err


def texts(store: Path) -> dict[str, list[str]]:
    return {
        task_id: [trace["text"] for trace in traces]
        for task_id, traces in read_store(store).items()
    }


def test_each_usable_sample_becomes_a_trace(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.jsonl",
        result("a", [" one\n", "two"], python_code=["def solve_task(grid): ...", None]),
        result("b", ["three"]),
        {"entry_type": "metadata", "run_id": "run", "status": "completed"},
    )
    store = tmp_path / "store.json"
    code, out, err = merge(results, store)

    assert (code, err) == (0, "")
    assert texts(store) == {"a": ["one", "two"], "b": ["three"]}
    trace = read_store(store)["b"][0]
    assert list(trace) == [
        "trace_id", "task_id", "username", "text", "score", "timestamp", "voters"
    ]  # fmt: skip
    assert (trace["task_id"], trace["username"]) == ("b", "anthropic:claude")
    assert (trace["score"], trace["voters"]) == (0, [])
    assert "added          3\n" in out
    assert "total          3 traces of 2 tasks\n" in out
    assert f"store          {store}\n" in out


def test_what_is_not_usable_is_counted_by_its_reason(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results.jsonl",
        result(
            "a",
            ["cut of", None, " ", "good", None],
            ["truncated", "timed_out", "ok", "ok", "timed_out"],
        ),
    )
    store = tmp_path / "store.json"

    assert "skipped        4 (timed_out 2, truncated 1, no reasoning 1)" in merge(results, store)[1]
    assert texts(store) == {"a": ["good"]}


def test_entries_of_the_older_layout_are_merged_too(tmp_path: Path) -> None:
    old = {"task_id": "a", "model": "m", "reasoning": "one"}
    results = tmp_path / "results.json"
    nameless = [{"model": "m", "reasoning": "two"}, {"task_id": "a", "reasoning": "three"}]
    document = {"metadata": {}, "results": [old, *nameless, {"task_id": "a", "model": "m"}]}
    results.write_text(json.dumps(document), encoding="utf-8")
    store = tmp_path / "store.json"

    assert "skipped        2 (no task_id or model 2)" in merge(results, store)[1]
    assert texts(store) == {"a": ["one"]}


def test_lists_of_unequal_length_lose_no_usable_sample(tmp_path: Path) -> None:
    entries = [result("a", ["one", "two"], ["ok"]), result("b", [], ["ok", "ok"])]
    counts = merge_entries(entries, tmp_path / "store.json")

    assert counts.added == 1
    assert counts.skipped == {"no status": 1, "no reasoning": 2}


def test_a_second_merge_adds_nothing_and_leaves_the_bytes(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", result("a", ["one", "one", "two"]))
    store = tmp_path / "store.json"
    merge(results, store)
    before = store.read_bytes()
    out = merge(results, store)[1]

    assert store.read_bytes() == before
    assert texts(store) == {"a": ["one", "two"]}
    assert "added          0\n" in out
    assert "already there  3\n" in out


def test_the_same_text_of_another_model_or_task_is_another_trace(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    entries = [
        result("a", ["same"]),
        result("a", ["same"], model="openai:gpt"),
        result("b", ["same"]),
        result("c", ["same"], model=None),
    ]
    assert merge_entries(entries, store).added == 4

    names = [trace["username"] for traces in read_store(store).values() for trace in traces]
    assert names == ["anthropic:claude", "openai:gpt", "anthropic:claude", "CLAUDE"]


def test_what_people_voted_on_stays_as_it_is(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    store.write_text(json.dumps({"00d62c1b": [VOTED], "empty": []}), encoding="utf-8")
    merge_entries([result("00d62c1b", ["new"]), result("z", ["new"])], store)
    kept = read_store(store)

    assert kept["00d62c1b"][0] == VOTED
    assert list(kept["00d62c1b"][0]) == list(VOTED)
    assert [len(traces) for traces in kept.values()] == [2, 0, 1]


def test_a_trace_with_an_id_of_its_own_is_known_by_its_text(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    there = Trace("a", "anthropic:claude", "one").to_json("long ago") | {"trace_id": "uuid"}
    store.write_text(json.dumps({"a": [there]}), encoding="utf-8")
    counts = merge_entries([result("a", ["one "])], store)

    assert (counts.added, counts.already_there) == (0, 1)


def test_a_corrected_trace_is_not_added_again(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    merge_entries([result("a", ["a typpo"])], store)
    store.write_text(store.read_text().replace("typpo", "typo"), encoding="utf-8")

    assert merge_entries([result("a", ["a typpo"])], store).added == 0


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", result("a", ["one"]))
    store = tmp_path / "store.json"
    code, out, _ = merge(results, store, "--dry_run")

    assert code == 0
    assert "would be added 1\n" in out
    assert list(tmp_path.iterdir()) == [results]


BROKEN = [
    b"",
    b'{"a": [{"trace_id": "1", "te',
    b"[]",
    b'{"a": {}}',
    b'{"a": ["text"]}',
    b'{"a": [], "a": []}',
    b'{"a": [{"score": 1, "score": 2}]}',
    b'{"\xff": []}',
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_store_that_is_broken_is_never_overwritten(content: bytes, tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    store.write_bytes(content)
    with pytest.raises(UsageError, match="the store is left as it is: mend it, or move it away"):
        merge_entries([result("a", ["one"])], store)

    assert store.read_bytes() == content


def test_a_broken_store_ends_the_script_with_one_line(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results.jsonl", result("a", ["one"]))
    store = tmp_path / "store.json"
    store.write_bytes(BROKEN[1])
    code, out, err = merge(results, store)

    assert (code, out) == (2, "")
    assert err.startswith(f"error: {store}, line 1, column ")
    assert err.count("\n") == 1


def test_results_that_are_missing_end_the_script_with_one_line(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    code, _, err = merge(tmp_path / "nowhere.jsonl", store)

    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not store.exists()


def test_merges_at_once_lose_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    count = 4
    processes = [
        start_merge(
            write_results(
                tmp_path / f"{number}.jsonl",
                *(result(f"task{task}", [f"of {number}"]) for task in range(200)),
            ),
            store,
        )
        for number in range(count)
    ]
    for process in processes:
        with process:
            assert process.communicate()[1] == ""

    expected = {f"of {number}" for number in range(count)}
    assert {frozenset(found) for found in texts(store).values()} == {frozenset(expected)}


def state_of(store: Path) -> tuple[int, set[str]]:
    """Changes as soon as something begins to write the store, in whatever way."""
    return store.stat().st_mtime_ns, {path.name for path in store.parent.glob("*.tmp")}


def test_a_killed_merge_leaves_the_old_store_or_the_new(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    merge_entries([result(f"old{task}", ["x" * 4000]) for task in range(1000)], store)
    old = store.read_bytes()
    results = write_results(tmp_path / "results.jsonl", result("new", ["y"]))
    for delay_ms in range(10):
        store.write_bytes(old)
        with start_merge(results, store) as process:
            before = state_of(store)
            while process.poll() is None and state_of(store) == before:
                time.sleep(0.0005)
            time.sleep(delay_ms / 1000)  # from the first byte written to past the rename
            process.kill()
        for left in tmp_path.glob(".store.json.*.tmp"):
            left.unlink()

        if store.read_bytes() != old:
            assert texts(store).pop("new") == ["y"]
            assert len(read_store(store)) == 1001

    assert merge_entries([result("new", ["y"])], store).traces == 1001
