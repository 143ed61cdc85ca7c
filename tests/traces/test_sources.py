"""What can be merged besides results: other stores, LARC, tables; and what adds nothing."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import Run
from utilities.traces.store import read_store

SCRIPT = "auxiliary_utilities/merge_reasoning.py"
LARC: dict[str, Any] = {
    "name": "00d62c1b.json",
    "train": [],
    "test": [],
    "descriptions": {
        "d1": {
            "uid": "person-1",
            "see_description": "I see loops. ",
            "grid_description": "The same size.",
            "do_description": "Fill each loop.",
            "confidence": 7,
            "builds": {
                "b1": {"success": True, "uid": "person-2"},
                "b2": {"success": False, "uid": "person-3"},
                "b3": {"success": True, "uid": "person-4"},
            },
        },
        "d2": {"uid": "person-5", "do_description": "Paint it.", "builds": {}},
        "d3": {"see_description": " ", "builds": None},
    },
}


@pytest.fixture
def merge(tmp_path: Path, run_script: Run) -> Callable[..., tuple[int, str, dict[str, Any]]]:
    """Merge sources into a store; gives the exit code, what was printed, and the store."""

    def run(*arguments: Path | str) -> tuple[int, str, dict[str, Any]]:
        store = tmp_path / "store.json"
        done = run_script(SCRIPT, *arguments, "--traces_path", store)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr, read_store(store)

    return run


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_larcs_descriptions_become_traces_with_the_builds_that_succeeded_as_score(
    tmp_path: Path, merge: Any
) -> None:
    code, said, store = merge(write(tmp_path / "tasks_json" / "1.json", LARC).parent)
    assert (code, list(store)) == (0, ["00d62c1b"])
    first, second = store["00d62c1b"]
    assert first["text"] == "I see loops.\n\nThe same size.\n\nFill each loop."
    assert (first["score"], second["score"]) == (2, 0)
    assert (first["kind"], first["source"], first["licence"]) == ("person", "LARC", "CC-BY-4.0")
    assert "person-" not in json.dumps(store)
    assert "read as LARC  (no reasoning 1)" in said


def test_a_file_of_larc_is_read_like_its_folder(tmp_path: Path, merge: Any) -> None:
    assert len(merge(write(tmp_path / "1.json", LARC))[2]["00d62c1b"]) == 2


def test_only_verified_takes_descriptions_that_somebody_built_from(
    tmp_path: Path, merge: Any
) -> None:
    _, said, store = merge(write(tmp_path / "1.json", LARC), "--only_verified")
    assert [trace["score"] for trace in store["00d62c1b"]] == [2]
    assert "not verified 1" in said


def test_equal_descriptions_are_one_trace_and_their_builds_count_together(
    tmp_path: Path, merge: Any
) -> None:
    first = LARC["descriptions"]["d1"]
    again = {**first, "builds": {"b4": {"success": True}, "b5": {"success": False}}}
    descriptions = {"d1": first, "d2": again}
    _, said, store = merge(write(tmp_path / "1.json", {**LARC, "descriptions": descriptions}))
    (one,) = store["00d62c1b"]
    assert (one["score"], one["builds"], one["description_id"]) == (3, 5, "d1")
    assert "1              1        0  read as LARC" in said


H_ARC_COLUMNS = (
    "exp_name,task_type,hashed_id,joint_id_task,task_name,task_number,attempt_number,num_actions,"
    "solved,test_output_grid,first_written_solution,last_written_solution,complete"
)


def test_h_arcs_written_solutions_are_scored_by_how_many_people_solved_so(
    tmp_path: Path, merge: Any
) -> None:
    path = tmp_path / "summary_data.csv"
    rows = [
        'v,t,person-1,j1,00d62c1b.json,1,1,9,false,|0|,"Fill, in ""yellow""",Fill loops,true',
        'v,t,person-1,j1,00d62c1b.json,1,2,9,true,|4|,"Fill, in ""yellow""",Fill loops,true',
        "v,t,person-2,j2,00d62c1b.json,1,1,9,True,|4|,Fill loops,,true",
        "v,t,person-2,j3,017c7c7b.json,2,1,9,False,|4|,,,true",
        "v,t,person-2",
    ]
    path.write_text("\n".join([H_ARC_COLUMNS, *rows]) + "\n")
    code, said, store = merge(path)
    first, last = store.pop("00d62c1b")
    assert (code, store) == (0, {})
    assert (first["text"], first["score"]) == ('Fill, in "yellow"', 0)
    assert (last["text"], last["score"], last["people"]) == ("Fill loops", 2, 2)
    assert (last["kind"], last["source"], last["licence"]) == ("person", "H-ARC", "CC0-1.0")
    assert "person-" not in (tmp_path / "store.json").read_text()
    assert "read as H-ARC  (no reasoning 3)" in said
    assert "not verified 1" in merge(path, "--only_verified")[1]


ARC_TGI_COLUMNS = (
    *("task_id", "created_at", "generator_name"),
    *("input_reasoning_chain", "transformation_reasoning_chain"),
)


def test_arc_tgis_chains_are_traces_of_the_tasks_that_were_generated(
    tmp_path: Path, merge: Any
) -> None:
    path = tmp_path / "all.csv"
    task = {"train": [{"input": [[0]], "output": [[1]]}], "test": []}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*ARC_TGI_COLUMNS, "task_variables", "code", "data"])
        for name, chain in (("one", '["Paint,", "all."]'), ("two", "no JSON")):
            data = json.dumps(task)
            writer.writerow([name, "", "task00d62c1b", '["A grid."]', chain, "{}", "…", data])
    code, said, store = merge(path)
    (first,), (second,) = store["one"], store["two"]
    assert (code, first["text"], second["text"]) == (0, "A grid.\n\nPaint,\nall.", "A grid.")
    assert (first["generator"], first["task"]) == ("task00d62c1b", task)
    assert (first["kind"], first["source"], first["licence"]) == ("person", "ARC-TGI", "Apache-2.0")
    assert "2              0        0  read as ARC-TGI" in said


@pytest.mark.parametrize(("model", "kind"), [("PROGRAM_SEARCH", "search"), ("local:q", "model")])
def test_a_trace_says_who_wrote_it_and_where_it_stood(
    tmp_path: Path, merge: Any, model: str, kind: str
) -> None:
    entry = {"task_id": "a", "model": model, "reasoning": ["why"], "status": ["ok"]}
    store = merge(write(tmp_path / "results.jsonl", {**entry, "entry_type": "result"}))[2]
    assert (store["a"][0]["kind"], store["a"][0]["source"]) == (kind, "results.jsonl")
    assert store["a"][0]["licence"]


def trace(text: str, **more: Any) -> dict[str, Any]:
    return {"trace_id": f"id of {text}", "task_id": "a", "username": "anna", "text": text, **more}


def test_another_store_is_merged_with_its_votes_and_unknown_fields(
    tmp_path: Path, merge: Any
) -> None:
    voted = trace("one", score=7, voters=["ben"], badge={"of": 10**30})
    other = write(tmp_path / "other.json", {"a": [voted, trace("two \ud800")]})
    code, said, store = merge(other)
    assert (code, store["a"][0]) == (0, store["a"][0] | voted)
    assert store["a"][1]["text"] == "two \ud800"
    assert "2              0        0  read as traces" in said
    again = merge(other)
    assert again[2] == store
    assert "0              2        0  read as traces" in again[1]


def test_a_trace_of_another_store_is_known_by_its_id_or_by_its_text(
    tmp_path: Path, merge: Any
) -> None:
    merge(write(tmp_path / "first.json", {"a": [trace("one"), trace("two")]}))
    corrected = {**trace("one"), "text": "one, corrected"}
    renamed = {**trace("two"), "trace_id": "another id"}
    store = merge(write(tmp_path / "second.json", {"a": [corrected, renamed]}))[2]
    assert [one["text"] for one in store["a"]] == ["one", "two"]


def test_a_table_of_rows_is_merged_by_its_columns(tmp_path: Path, merge: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rows = [
        {
            "row_id": 1,
            "task_id": "a",
            "reasoning": "why",
            "code": "…",
            "correct_train_input": [True],
        },
        {
            "row_id": 2,
            "task_id": "b",
            "reasoning": None,
            "code": "…",
            "correct_train_input": [True],
        },
    ]
    path = tmp_path / "soar.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    code, said, store = merge(path)
    assert (code, [one["text"] for one in store["a"]]) == (0, ["why"])
    assert store["a"][0]["username"] == "soar"
    assert "read as table  (no reasoning 1)" in said
    assert merge(path, "--only_verified", "--dry_run")[0] == 1, "the test outputs are not known"

    pq.write_table(pa.Table.from_pylist([{"code": "…"}]), path)
    code, said, _ = merge(path)
    assert (code, said.count("\n")) == (2, 1)
    assert "has no columns task_id and reasoning; it has code" in said


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("barc.jsonl", '{"examples": [], "seeds": ["1"]}', "an entry without samples 1"),
        ("later.jsonl", '{"entry_type": "thought"}', "an entry of the unknown type thought 1"),
        ("rows.jsonl", '{"task_id": "a", "reasoning": "why"}', "no task_id or model 1"),
        ("short.json", '{"a": [{"username": "b", "text": " "}]}', "no reasoning 1"),
    ],
)
def test_a_source_that_adds_nothing_is_told_with_exit_code_1(
    tmp_path: Path, merge: Any, name: str, content: str, why: str
) -> None:
    (tmp_path / name).write_text(content + "\n")
    code, said, store = merge(tmp_path / name)
    assert (code, store) == (1, {})
    assert why in said
    assert said.endswith("nothing was added: see why above\n")


@pytest.mark.parametrize("content", ['{"entry_type": "metadata", "run_id": "r"}', "{}"])
def test_a_source_with_nothing_to_add_is_no_failure(
    tmp_path: Path, merge: Any, content: str
) -> None:
    path = tmp_path / ("store_of.json" if content == "{}" else "results.jsonl")
    path.write_text(content + "\n")
    assert merge(path)[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("tgi.csv", b"task_id,chain\n", "has no columns task_id and reasoning"),
        ("tgi.csv", b"task_id,\xff\n", "cannot be read as a table"),
        ("empty.csv", b"", "has no columns task_id and reasoning"),
        ("tasks.zip", b"PK\x03\x04", "is a zip archive"),
        ("soar.parquet", b"PAR1 and no more", "cannot be read as Parquet"),
        ("tasks.json", b'{"a": {"train": []}}', "holds no list of results"),
        ("re_arc.json", b'{"a": [{"input": [[1]]}]}', "holds no list of results"),
        ("larc.json", b'{"name": "a", "descriptions": []}', "no name and descriptions"),
        ("larc.json", b'{"name": "a", "descriptions": {"d": 1}}', "description d is no object"),
        ("utf16.json", "{}".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name_in_one_line(
    tmp_path: Path, merge: Any, name: str, content: bytes, what: str
) -> None:
    (tmp_path / name).write_bytes(content)
    code, said, _ = merge(tmp_path / name)
    assert (code, said.count("\n")) == (2, 1)
    assert what in said
    assert name in said


def test_a_damaged_source_never_ends_in_a_traceback_nor_changes_the_store(
    tmp_path: Path, merge: Any
) -> None:
    chance = random.Random(1)
    text = json.dumps(LARC).encode()
    merge(write(tmp_path / "first.json", {"a": [trace("one")]}))
    before = (tmp_path / "store.json").read_bytes()
    for number in range(12):
        start = chance.randrange(len(text))
        damaged = text[:start] + chance.randbytes(3) + text[start + chance.randrange(9) :]
        path = tmp_path / f"damaged_{number}.json"
        path.write_bytes(damaged)
        code, said, _ = merge(path, "--dry_run")
        assert code in {0, 1, 2}, said
        assert (tmp_path / "store.json").read_bytes() == before
