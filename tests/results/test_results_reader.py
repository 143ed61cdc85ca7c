"""Reading results files: every layout that was ever written, and every way to be broken."""

from __future__ import annotations

import gzip
import json
import logging
import os
import threading
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utilities.errors import UsageError
from utilities.files.json_stream import JsonStream
from utilities.results.reader import read_entries, read_fields
from utilities.results.result_entry import ResultEntry, RunMetadata, task_of

TASK_DATA = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}
RESULT = {"entry_type": "result", "task_id": "a", "python_code": ["x", None], "status": ["ok"] * 2}
METADATA = {"entry_type": "metadata", "run_id": "r", "status": "completed"}


def lines(*entries: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def reading(path: Path, content: bytes) -> list[dict[str, Any]]:
    path.write_bytes(content)
    return list(read_fields(path))


def test_entries_come_as_they_were_written(tmp_path: Path) -> None:
    content = lines(RESULT, METADATA)
    assert reading(tmp_path / "r.jsonl", content) == [RESULT, METADATA]


def test_a_gzipped_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    content = gzip.compress(lines(RESULT, METADATA))
    assert reading(tmp_path / "r.jsonl.gz", content) == [RESULT, METADATA]


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_the_older_object_reads_as_entries(tmp_path: Path, suffix: str) -> None:
    old = {"task_id": "a", "python_code": "x", "reasoning": "y", "prompt_messages": "z"}
    content = json.dumps({"metadata": {"model": "m"}, "results": [old]}, indent=2).encode()
    content = gzip.compress(content) if suffix.endswith(".gz") else content
    assert reading(tmp_path / f"r{suffix}", content) == [
        {"entry_type": "metadata", "model": "m"},
        {
            "entry_type": "result",
            "task_id": "a",
            "python_code": ["x"],
            "reasoning": ["y"],
            "prompt_messages": ["z"],
            "status": ["ok"],
            "model": "m",
        },
    ]


def test_the_model_that_metadata_alone_name_is_that_of_older_entries(tmp_path: Path) -> None:
    told = {"model_identifier": "GEMINI_FLASH", "model_username": "google/gemini"}
    old = [{"task_id": "a", "reasoning": "y"}, {"task_id": "b", "reasoning": "z", "model": "own"}]
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"metadata": told, "results": old}))
    _, first, second = read_entries(path)
    assert isinstance(first, ResultEntry)
    assert isinstance(second, ResultEntry)
    assert (first.model_identifier, first.model) == ("GEMINI_FLASH", "google/gemini")
    assert (second.model_identifier, second.model) == (None, "own")


def test_an_older_text_about_an_error_is_no_reasoning(tmp_path: Path) -> None:
    old = {"task_id": "a", "reasoning": "ERROR: Failed to get reasoning.", "model": "m"}
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"results": [old]}))
    (entry,) = read_entries(path)
    assert isinstance(entry, ResultEntry)
    assert (entry.status, entry.reasoning) == (["provider_error"], [None])
    assert entry.error == ["Failed to get reasoning."]


def test_an_entry_without_type_is_a_result(tmp_path: Path) -> None:
    (entry,) = reading(tmp_path / "r.jsonl", lines({"task_id": "a"}))
    assert entry["entry_type"] == "result"


def test_messages_of_an_only_sample_become_a_list_of_one(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "solve"}]
    one, two = reading(
        tmp_path / "r.jsonl",
        lines({"prompt_messages": messages}, {"prompt_messages": [messages, messages]}),
    )
    assert one["prompt_messages"] == [messages]
    assert two["prompt_messages"] == [messages, messages]


def test_the_status_of_a_run_stays_a_word(tmp_path: Path) -> None:
    assert reading(tmp_path / "r.jsonl", lines(METADATA))[0]["status"] == "completed"


def test_a_torn_last_line_is_skipped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        entries = reading(tmp_path / "r.jsonl", lines(RESULT) + b'{"task_id": "b", "pyth')
    assert entries == [RESULT]
    assert "torn last line 2" in caplog.text


def test_a_whole_last_line_without_newline_counts(tmp_path: Path) -> None:
    assert len(reading(tmp_path / "r.jsonl", lines(RESULT, RESULT).rstrip())) == 2


@pytest.mark.parametrize("name", ["r.jsonl.gz", "r.json.gz"])
def test_a_gzip_stream_that_ends_early_is_refused_once_what_it_holds_is_read(
    name: str, tmp_path: Path
) -> None:
    results = [{**RESULT, "n": n} for n in range(2000)]
    whole = json.dumps({"results": results}, indent=1).encode()
    content = gzip.compress(lines(*results) if "jsonl" in name else whole)
    path = tmp_path / name
    path.write_bytes(content[:-500])
    found = []
    with pytest.raises(UsageError, match=r"line \d+: broken gzip \(the gzip stream ends early\)"):
        found.extend(read_fields(path))
    entries = read_fields(path)
    assert next(entries)["n"] == 0


@pytest.mark.parametrize("number", [5, [], {}, True])
def test_a_kind_that_is_no_text_is_refused(number: object, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(RESULT, {"entry_type": number}))
    for read in (read_entries, read_fields):
        with pytest.raises(UsageError, match="line 2: entry_type should be a text"):
            list(read(path))


def test_a_kind_that_is_null_is_a_result(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines({**RESULT, "entry_type": None}))
    assert [type(entry) for entry in read_entries(path)] == [ResultEntry]


def test_entries_of_unknown_kinds_are_counted_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(RESULT, *[{"entry_type": kind} for kind in ("reslt", "reply", "reslt")]))
    with caplog.at_level(logging.WARNING):
        assert len(list(read_entries(path))) == 4
    assert "2 entries of the kind 'reslt' are passed over" in caplog.text


def test_a_pipe_is_read_only_by_who_reads_it_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    with pytest.raises(UsageError, match=r"pipe\.jsonl is a pipe"):
        list(read_entries(path))
    for read in (read_fields, partial(read_entries, may_be_pipe=True)):
        writer = threading.Thread(target=path.write_bytes, args=(lines(RESULT),))
        writer.start()
        assert len(list(read(path))) == 1  # type: ignore[operator]
        writer.join()


def test_a_device_is_no_results_file() -> None:
    with pytest.raises(UsageError, match="is a device"):
        list(read_entries(Path("/dev/zero")))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("r.jsonl", b"", "holds no entry"),
        ("r.jsonl", b"\n \n", "holds no entry"),
        ("r.json", b"", "is empty"),
        ("r.json", b'{"metadata": {}}', "no list of results"),
        ("r.json", b'{"results": [1]}', "results[0] is not an object"),
        ("r.json", b'{"results": [}', "line 1"),
        ("r.json", b'{"results": []} x', "line 1: the document has ended"),
        ("r.json", b'{"results": [{"a": [1, 2]', "ends in the middle"),
        ("r.json", b'\n{"results": [{"a": 1} {"a": 2}]}', "line 2: broken JSON (] is missing"),
        ("r.json", b'{"results" [{"a": 1}]}', ": is missing"),
        ("r.json", b'{"results": {"a": 1}}', "no list of results"),
        ("r.json", b"12", "no list of results"),
        ("r.json", b"nonsense", "line 1"),
        ("r.jsonl", b'{"a": 1}\n{"a": \n{"a": 1}\n', "line 2"),
        ("r.jsonl", b"[1]\n", "line 1: not an object"),
        ("r.jsonl", b"\xff\xfe\n", "line 1"),
        ("r.jsonl", b"[" * 100_000 + b"\n", "cannot be read"),
        ("r.jsonl.gz", lines(RESULT), "broken gzip"),
    ],
)
def test_a_broken_file_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(UsageError) as raised:
        reading(tmp_path / name, content)
    assert told in str(raised.value)
    assert str(tmp_path / name) in str(raised.value)
    assert "\n" not in str(raised.value)


OBJECT = {"metadata": {"m": "[{"}, "results": [RESULT, {"task_id": 'b"]}\\'}], "more": [1, {}]}


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_document_reads_the_same_in_chunks_of_any_size(tmp_path: Path, cut: int) -> None:
    content = json.dumps(OBJECT, indent=cut % 3 or None).encode()
    chunks = (content[start : start + cut] for start in range(0, len(content), cut))
    stream = JsonStream(chunks, tmp_path)
    read = {
        json.loads(key): json.loads(stream.value())
        if stream.peek() != b"["
        else [json.loads(text) for _, text in stream.items()]
        for key in stream.members()
    }
    assert read == OBJECT
    assert stream.peek() == b""


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@given(st.lists(JSON_VALUES), st.integers(1, 9), st.booleans())
def test_every_item_of_a_list_is_found(values: list[Any], cut: int, ascii_only: bool) -> None:
    content = json.dumps(values, ensure_ascii=ascii_only, indent=cut % 2 or None).encode(
        "utf-8", "replace"
    )
    chunks = (content[start : start + cut] for start in range(0, len(content), cut))
    read = [json.loads(text) for _, text in JsonStream(chunks, Path("any")).items()]
    assert read == json.loads(content)


def test_a_large_document_is_never_whole_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    text = json.dumps({**RESULT, "python_code": ["x" * 10_000] * 3, "grid": [[0] * 30] * 30})
    path.write_text('{"metadata": {}, "results": [' + ",\n".join([text] * 600) + "]}")
    tracemalloc.start()
    count = sum(1 for _ in read_fields(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 601
    assert peak < path.stat().st_size / 4


def test_the_line_of_a_broken_result_is_told(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"results": [\n{"a": 1},\n{"a": }\n]}')
    entries = read_fields(path)
    assert next(entries)["a"] == 1
    with pytest.raises(UsageError, match="line 3"):
        next(entries)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*none\.jsonl: No such file"):
        list(read_fields(tmp_path / "none.jsonl"))


def test_entries_before_a_broken_line_are_given(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(RESULT) + b"broken\n")
    entries = read_fields(path)
    assert next(entries) == RESULT
    with pytest.raises(UsageError):
        next(entries)


def test_the_task_of_an_entry_is_read() -> None:
    task = task_of("a", TASK_DATA)
    assert task.to_json() == TASK_DATA


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, "no task_id"),
        ({"task_id": "a"}, "task a: the entry has no task_data"),
        ({"task_id": "a", "task_data": None}, "task a: the entry has no task_data"),
        ({"task_id": "a", "task_data": {"train": []}}, "train"),
        (
            {"task_id": "a", "task_data": {**TASK_DATA, "train": [{"input": [[1], []]}]}},
            "train[0].input",
        ),
    ],
)
def test_an_entry_without_a_valid_task_is_told(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as raised:
        task_of(entry.get("task_id"), entry.get("task_data"))
    assert told in str(raised.value)


@pytest.mark.parametrize("field", ["reasoning", "status", "prompt_messages"])
def test_a_field_that_is_no_list_is_named_with_its_task(field: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({"task_id": "00d62c1b", field: 5}) + "\n")
    with pytest.raises(
        UsageError, match=f"results.jsonl, line 1: task 00d62c1b: {field} should be a list"
    ):
        list(read_fields(path))


def test_a_null_status_is_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"task_id": "t", "reasoning": ["a", "b"], "status": null}\n')
    (entry,) = read_fields(path)
    assert entry["status"] == ["ok", "ok"]


def test_samples_without_any_status_are_a_fault_and_not_usable(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"task_id": "t", "reasoning": ["a", "b"], "status": []}\n')
    with pytest.raises(
        UsageError, match=r"results.jsonl, line 1: task t: status is empty, but there are"
    ):
        list(read_entries(path))


def test_the_statuses_say_how_many_samples_there_are(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"task_id": "t", "reasoning": ["a", "b"], "status": ["ok"], "usage": []}\n')
    (entry,) = read_entries(path)
    assert isinstance(entry, ResultEntry)
    assert (entry.reasoning, entry.python_code, entry.usage) == (["a"], [None], [None])


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        ({"solved": 3}, "solved should be a boolean or null, but is a whole number"),
        ({"usage": [{"input_tokens": "x"}]}, "usage[0][...] should be a number or null, but is a"),
        ({"status": [{}]}, "status[0] should be a text or null, but is an object"),
        ({"attempts": [[[[10]]]]}, "should be a whole number of 9 or less, but is greater"),
        ({"attempts": [[[]]]}, "should be a list of length 1 or more, but is shorter"),
        ({"attempts": [[[[1], [2, 3]]]]}, "attempts has a grid whose rows differ in length"),
        (
            {"status": ["ok"], "usage": [{"a": float("nan")}]},
            "usage has a number that is not finite",
        ),
        (
            {"status": ["ok"], "usage": [{"a": float("inf")}]},
            "usage has a number that is not finite",
        ),
        ({"cost_usd": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_a_damaged_field_is_told_in_plain_words(
    damaged: dict[str, Any], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "results.jsonl"
    entry = json.dumps({"task_id": "t", **damaged})  # orjson writes NaN as null
    path.write_bytes(lines(METADATA) + entry.encode() + b"\n")
    with pytest.raises(UsageError) as raised:
        list(read_entries(path))
    assert str(raised.value).startswith(f"{path}, line 2: task t: ")
    assert str(raised.value).endswith("; mend the entry or remove it")
    assert told in str(raised.value)


def test_a_duration_that_is_not_finite_refuses_no_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({**METADATA, "duration_s": float("inf")}) + "\n")
    (entry,) = read_entries(path)
    assert isinstance(entry, RunMetadata)
    assert entry.duration_s is None


@pytest.mark.parametrize("name", RunMetadata.FORMS_WITHOUT_FIGURES)
def test_damaged_metadata_that_no_figure_needs_refuses_no_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(lines({**METADATA, name: [1]}))
    (entry,) = read_entries(path)
    assert isinstance(entry, RunMetadata)
    assert (entry.run_id, getattr(entry, name), entry.fields[name]) == ("r", None, [1])


@pytest.mark.parametrize("name", ["cost_usd", "latency_s", "confidence"])
def test_a_number_that_no_float_can_hold_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines({**RESULT, name: [10**400]}))
    with pytest.raises(UsageError, match=f"line 1: task a: {name} has a number that is not finite"):
        list(read_entries(path))
