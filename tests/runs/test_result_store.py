from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.scripts import entries
from utilities.errors import UsageError
from utilities.models.interface import Message, Reply, Usage
from utilities.replies.journal import Journal, request_key
from utilities.results.reader import read_fields
from utilities.runs.options import OutputPlace
from utilities.runs.store import ResultStore
from utilities.tasks.task import Pair, Task

TASK = Task("t", train=(Pair([[1]], [[2]]),), test=(Pair([[3]], None),))
REPLY = Reply("text", reasoning="why", usage=Usage(input_tokens=3), cost_usd=0.5, attempts=2)
QUESTION: list[Message] = [{"role": "user", "content": "?"}]
KEY = request_key(TASK, QUESTION, "openai:x", {"max_tokens": 1}, 0)


def place(folder: Path) -> OutputPlace:
    return OutputPlace(folder, "code_data", "log.log")


def test_files_have_the_promised_names(tmp_path: Path) -> None:
    assert place(tmp_path).results.name == "code_data_results.jsonl"
    assert place(tmp_path).journal.name == "code_data_partial_results.jsonl"


@pytest.mark.parametrize(
    "other",
    [
        request_key(replace(TASK, train=()), QUESTION, "openai:x", {"max_tokens": 1}, 0),
        request_key(TASK, [{"role": "user", "content": "!"}], "openai:x", {"max_tokens": 1}, 0),
        request_key(TASK, QUESTION, "openai:y", {"max_tokens": 1}, 0),
        request_key(TASK, QUESTION, "openai:x", {"max_tokens": 2}, 0),
        request_key(TASK, QUESTION, "openai:x", {"max_tokens": 1}, 1),
    ],
    ids=["task", "messages", "model", "sampling", "index"],
)
def test_request_key_depends_on(other: str) -> None:
    assert other != KEY


def test_request_key_does_not_depend_on_the_name_of_the_task() -> None:
    renamed = replace(TASK, task_id="another")
    assert request_key(renamed, QUESTION, "openai:x", {"max_tokens": 1}, 0) == KEY


async def test_a_journalled_reply_is_recalled_whole_by_a_later_run(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, REPLY, {"task_id": "t"})
    async with ResultStore(place(tmp_path), run_id="two") as store:
        assert store.journal.recall(KEY) == REPLY
        assert store.journal.recall("0" * 32) is None


async def test_without_resume_nothing_is_recalled(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, REPLY, {"task_id": "t"})
        await store.append({"entry_key": KEY, "complete": True})
    async with ResultStore(place(tmp_path), run_id="two", resume=False) as store:
        assert store.journal.recall(KEY) is None
        assert store.finished_entry(KEY) is None


async def test_a_torn_journal_line_costs_only_its_own_reply(tmp_path: Path) -> None:
    other = "f" * 32
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, REPLY, {})
        await store.journal.record(other, REPLY, {})
    path = place(tmp_path).journal
    path.write_bytes(path.read_bytes()[:-20])
    async with ResultStore(place(tmp_path), run_id="two") as store:
        assert store.journal.recall(KEY) == REPLY
        assert store.journal.recall(other) is None


async def test_only_complete_entries_count_as_finished(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.append({"entry_key": "a", "complete": True, "task_id": "t1"})
        await store.append({"entry_key": "b", "complete": False, "task_id": "t2"})
        await store.append({"entry_type": "metadata"})
    async with ResultStore(place(tmp_path), run_id="two") as store:
        finished = store.finished_entry("a")
        assert finished is not None
        assert finished.task_id == "t1"
        assert finished.run_id == "one"
        assert store.finished_entry("b") is None


async def test_snapshot_holds_this_runs_entries_only(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.append({"task_id": "old"})
    async with ResultStore(place(tmp_path), run_id="two") as store:
        await store.append({"task_id": "new"})
        await store.append({"entry_type": "metadata", "status": "interrupted"})
        path = await store.write_snapshot({"status": "interrupted"}, interrupted=True)
    snapshot = json.loads(path.read_text())
    assert path.name.startswith("code_data_results_2")
    assert path.name.endswith("_interrupted.json")
    assert snapshot["metadata"] == {"status": "interrupted"}
    assert [entry["task_id"] for entry in snapshot["results"]] == ["new"]


async def test_journal_index_does_not_hold_the_replies(tmp_path: Path) -> None:
    big = replace(REPLY, text="x" * 1_000_000)
    async with ResultStore(place(tmp_path), run_id="one") as store:
        for index in range(3):
            await store.journal.record(f"{index:032x}", big, {})
    import tracemalloc

    async with ResultStore(place(tmp_path), run_id="two") as store:
        tracemalloc.start()
        journal = Journal(store._replies, run_id="two", resume=True)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert journal.recall(f"{2:032x}") == big
        assert kept < 100_000


async def test_every_line_names_its_run_and_schema(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.append({"task_id": "t"})
    (entry,) = entries(place(tmp_path).results)
    assert (entry["run_id"], entry["schema_version"]) == ("one", 1)


@pytest.mark.parametrize(
    "damage",
    [lambda line: line[:60] + b"\n", lambda line: line.replace(b'"text":', b'"tekst":')],
    ids=["cut in the middle", "unknown field"],
)
async def test_a_damaged_journal_line_counts_as_absent(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, REPLY, {})
    path = place(tmp_path).journal
    path.write_bytes(damage(path.read_bytes()))
    async with ResultStore(place(tmp_path), run_id="two") as store:
        assert store.journal.recall(KEY) is None


@pytest.mark.parametrize("line", ["[1]", "null", '{"broken', '{"a": "\xff"}'])
@pytest.mark.parametrize("resume", [True, False])
async def test_a_damaged_line_of_the_results_is_refused_before_anything_is_asked(
    line: str, resume: bool, tmp_path: Path
) -> None:
    path = place(tmp_path).results
    path.write_bytes(b'{"entry_type": "metadata"}\n\n' + line.encode("latin-1") + b"\n")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="line 3"):
        await ResultStore(place(tmp_path), run_id="one", resume=resume).__aenter__()
    with pytest.raises(UsageError, match="line 3"):
        list(read_fields(path))
    assert path.read_bytes() == before


async def test_a_finished_entry_with_nan_is_read_as_the_readers_read_it(tmp_path: Path) -> None:
    text = '{"entry_type": "result", "entry_key": "a", "complete": true, "note": NaN}\n'
    place(tmp_path).results.write_text(text)
    async with ResultStore(place(tmp_path), run_id="one") as store:
        assert store.finished_entry("a") is not None


async def test_a_reply_is_recalled_within_the_same_run_too(tmp_path: Path) -> None:
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, REPLY, {})
        assert store.journal.recall(KEY) == REPLY


async def test_a_reply_with_absurd_numbers_is_journalled_all_the_same(tmp_path: Path) -> None:
    absurd = replace(REPLY, usage=Usage(input_tokens=10**30))
    async with ResultStore(place(tmp_path), run_id="one") as store:
        await store.journal.record(KEY, absurd, {})
        recalled = store.journal.recall(KEY)
    assert recalled is not None
    assert recalled.text == REPLY.text
