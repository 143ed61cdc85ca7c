"""Merging reasoning into the traces store: once, whole, and with nothing lost."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.reply_parsing import extract_reasoning
from tests.support.entries import result_entry, write_entries
from tests.support.scripts import Run
from utilities import config
from utilities.errors import UsageError
from utilities.results.reader import entry_of_fields, read_entries
from utilities.traces.merging import Merged, MergeRules, merge_sources, reasoning_of_reply
from utilities.traces.store import Trace, read_store

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
    fields = {
        "task_data": {"train": [], "test": []},
        "status": status or ["ok"] * len(reasoning),
        "model_identifier": "CLAUDE",
        "model": "anthropic:claude",
        "reasoning": reasoning,
    }
    return result_entry(task_id, **(fields | more))


def merge_entries(entries: list[dict[str, Any]], store: Path, **more: Any) -> Merged:
    """Merge entries as if they stood in one file."""
    read = (entry_of_fields(dict(entry), Path("results.jsonl")) for entry in entries)
    return merge_sources({"entries": read}, store, **more)


def start_merge(results: Path, store: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(results), "--traces_path", str(store), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def merge(results: Path, store: Path, *more: str) -> tuple[int, str, str]:
    with start_merge(results, store, *more) as process:
        out, err = process.communicate()
        return process.returncode, out, err


def row_of(out: str, name: str) -> list[str]:
    """The figures of a source: added, already there, skipped."""
    line = next(line for line in out.splitlines() if line.split()[0].endswith(name))
    return line.split()[1:4]


def texts(store: Path) -> dict[str, list[str]]:
    return {
        task_id: [trace["text"] for trace in traces]
        for task_id, traces in read_store(store).items()
    }


def test_each_usable_sample_becomes_a_trace(tmp_path: Path) -> None:
    results = write_entries(
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
        "trace_id", "task_id", "username", "text", "score", "timestamp", "voters",
        "kind", "source", "licence",
    ]  # fmt: skip
    assert (trace["task_id"], trace["username"]) == ("b", "anthropic:claude")
    assert (trace["score"], trace["voters"]) == (0, [])
    assert row_of(out, "results.jsonl") == ["3", "0", "0"]
    assert f"{store}: 3 traces of 2 tasks\n" in out


def test_what_is_not_usable_is_counted_by_its_reason(tmp_path: Path) -> None:
    results = write_entries(
        tmp_path / "results.jsonl",
        result(
            "a",
            ["cut of", None, " ", "good", None],
            ["truncated", "timed_out", "ok", "ok", "timed_out"],
        ),
    )
    store = tmp_path / "store.json"

    out = merge(results, store)[1]
    assert row_of(out, "results.jsonl") == ["1", "0", "4"]
    assert "  (timed_out 2, truncated 1, no reasoning 1)\n" in out
    assert texts(store) == {"a": ["good"]}


def test_entries_of_the_older_layout_are_merged_too(tmp_path: Path) -> None:
    old = {"task_id": "a", "model": "m", "reasoning": "one"}
    results = tmp_path / "results.json"
    nameless = [{"model": "m", "reasoning": "two"}, {"task_id": "a", "reasoning": "three"}]
    document = {"metadata": {}, "results": [old, *nameless, {"task_id": "a", "model": "m"}]}
    results.write_text(json.dumps(document), encoding="utf-8")
    store = tmp_path / "store.json"

    out = merge(results, store)[1]
    assert row_of(out, "results.json") == ["1", "0", "3"]
    assert "(no task_id or model 2, an entry without samples 1)" in out
    assert texts(store) == {"a": ["one"]}


def test_lists_of_unequal_length_lose_no_usable_sample(tmp_path: Path) -> None:
    entries = [result("a", ["one", "two"], ["ok"]), result("b", [], ["ok", "ok"])]
    counts = merge_entries(entries, tmp_path / "store.json").total

    assert counts.added == 1
    assert counts.skipped == {"no reasoning": 2}  # what stands beyond the statuses is no sample


def test_a_second_merge_adds_nothing_and_leaves_the_bytes(tmp_path: Path) -> None:
    results = write_entries(tmp_path / "results.jsonl", result("a", ["one", "one", "two"]))
    store = tmp_path / "store.json"
    merge(results, store)
    before = store.read_bytes()
    out = merge(results, store)[1]

    assert store.read_bytes() == before
    assert texts(store) == {"a": ["one", "two"]}
    assert row_of(out, "results.jsonl") == ["0", "3", "0"]


def test_the_same_text_of_another_model_or_task_is_another_trace(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    entries = [
        result("a", ["same"]),
        result("a", ["same"], model="openai:gpt"),
        result("b", ["same"]),
        result("c", ["same"], model=None),
    ]
    assert merge_entries(entries, store).total.added == 4

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
    counts = merge_entries([result("a", ["one "])], store).total

    assert (counts.added, counts.already_there) == (0, 1)


def test_a_corrected_trace_is_not_added_again(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    merge_entries([result("a", ["a typpo"])], store)
    store.write_text(store.read_text().replace("typpo", "typo"), encoding="utf-8")

    assert merge_entries([result("a", ["a typpo"])], store).total.added == 0


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    results = write_entries(tmp_path / "results.jsonl", result("a", ["one"]))
    store = tmp_path / "store.json"
    code, out, _ = merge(results, store, "--dry_run")

    assert code == 0
    assert "would be added" in out
    assert row_of(out, "results.jsonl") == ["1", "0", "0"]
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
    results = write_entries(tmp_path / "results.jsonl", result("a", ["one"]))
    store = tmp_path / "store.json"
    store.write_bytes(BROKEN[1])
    code, out, err = merge(results, store)

    assert (code, out) == (2, "")
    assert err.startswith(f"error: {store} ends in the middle of the value that begins on line 1")
    assert "the store is left as it is: mend it, or move it away" in err
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
            write_entries(
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


VERIFIED = {"train_passed": [[True, True], [True], None], "test_passed": [[True], [False], None]}


def test_only_verified_keeps_what_passes_every_pair(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    judged = result("a", ["right", "wrong on test", "no program"], **VERIFIED)
    results = write_entries(tmp_path / "results.jsonl", judged, result("b", ["never judged"]))
    out = merge(results, store, "--only_verified")[1]

    assert texts(store) == {"a": ["right"]}
    assert "(not verified 3)" in out


def test_short_reasoning_is_left_out_on_request(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    results = write_entries(tmp_path / "results.jsonl", result("a", ["  1234  ", "12345"]))
    out = merge(results, store, "--min_length", "5")[1]

    assert texts(store) == {"a": ["12345"]}
    assert "(shorter than 5 1)" in out


def test_many_sources_of_every_layout_are_merged_at_once(tmp_path: Path) -> None:
    lines = write_entries(tmp_path / "one.jsonl", result("a", ["one", "two"]))
    zipped = tmp_path / "two.json.gz"
    document = {"metadata": {}, "results": [{"task_id": "a", "model": "m", "reasoning": "two"}]}
    zipped.write_bytes(gzip.compress(json.dumps(document).encode()))
    store = tmp_path / "store.json"
    command = [sys.executable, str(SCRIPT), "--traces_path", str(store), str(lines), str(zipped)]
    out = subprocess.run(command, capture_output=True, text=True).stdout

    assert row_of(out, "one.jsonl") == ["2", "0", "0"]
    assert row_of(out, "two.json.gz") == ["1", "0", "0"]
    assert row_of(out, "total") == ["3", "0", "0"]
    assert texts(store) == {"a": ["one", "two", "two"]}


REPLIES = [
    "<reasoning>It mirrors.</reasoning>\n```python\ndef solve_task(grid):\n    return grid\n```",
    "<think>hm <reasoning>no</reasoning></think>\n<REASONING>\nIt turns.\n</REASONING>",
    "<reasoning>first</reasoning> and <reasoning>second, never closed",
    "I think it mirrors.\n```python\ndef solve_task(grid):\n    return grid\n```",
    "```python\ndef solve_task(grid):\n    return grid\n```",
]


@pytest.mark.parametrize("text", REPLIES)
def test_a_journal_gives_the_reasoning_that_the_results_have_or_none(text: str) -> None:
    found, status = reasoning_of_reply({"text": text, "finish_reason": "stop"})
    assert found in {extract_reasoning(text, None), None}
    assert (found is None) == ("<reasoning>" not in text.lower())
    assert (status == "ok") == (found is not None)


def test_a_journal_of_the_embedded_agent_adds_nothing_to_its_results(
    run_script: Run, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    tasks = dataset(count=2)
    made = run_script(
        "synthetic_data_generators/generate_code_data.py", "--dataset_directory", tasks,
        "--output_directory", tmp_path, "--model_identifier", "PROGRAM_SEARCH",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    files = [tmp_path / f"code_data_{part}.jsonl" for part in ("results", "partial_results")]
    store = tmp_path / "store.json"
    first = merge_sources({"results": read_entries(files[0])}, store).total
    second = merge_sources({"journal": read_entries(files[1])}, store).total

    assert first.added > 0
    assert (second.added, second.already_there) == (0, first.added)


def test_a_reason_that_steers_terminals_is_printed_as_escapes(tmp_path: Path) -> None:
    results = write_entries(tmp_path / "results.jsonl", result("a", [None], ["\x1b[2Jgone"]))
    out = merge(results, tmp_path / "store.json")[1]

    assert "\x1b" not in out
    assert "(\\x1b[2Jgone 1)" in out


def test_a_reasoning_of_ten_megabytes_with_half_a_character_is_kept_whole(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    text = "<script>alert(1)</script> \ud800 \u202e" + "x" * 10_000_000
    merge_entries([result("a", [text])], store)

    assert texts(store) == {"a": [text]}


def test_min_length_and_only_verified_hold_together(tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    entry = result("a", ["right", "wrong on test", "no program"], **VERIFIED)
    rules = MergeRules(only_verified=True, min_length=6)

    assert merge_entries([entry], store, rules=rules).total.skipped == {
        "not verified": 2,
        "shorter than 6": 1,
    }
    assert not store.exists()
