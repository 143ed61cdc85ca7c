"""Splits, known tasks, versions and columns: the parts of an export."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scripts import Run, arc1_training
from tests.support.training_results import (
    RIGHT,
    RIGHT_BY_ANOTHER_NAME,
    RIGHT_OTHERWISE,
    WRONG,
    entry,
    mirror_task,
    write,
)
from tests.tasks.test_hashes import shuffled
from utilities.errors import UsageError
from utilities.results.result_entry import ResultEntry
from utilities.tasks.hashes import canonical_hash, identifying_hashes
from utilities.tasks.public_sets import read_part
from utilities.tasks.symmetries import SYMMETRIES, Symmetry, changed_task
from utilities.tasks.task import Pair, Task
from utilities.training_data.augmentation import changed_sample, draw_changes
from utilities.training_data.known_tasks import (
    EVALUATION_SETS,
    TRAIN_AND_PAIRS,
    KnownTasks,
)
from utilities.training_data.row_files import parquet_schema
from utilities.training_data.samples import samples_of
from utilities.training_data.selection import WHOLE, TaskGroups, parse_shares, parts_of_groups
from utilities.verification.verifier import LocalVerifier, VerifierSettings
from utilities.views.changes import KINDS
from utilities.views.programs import wrapped_program

SCRIPT = "auxiliary_utilities/export_training_data.py"
REAL = [Task.from_json(*item) for item in list(arc1_training().items())[:40]]
SHARES = parse_shares("train=0.5,validation=0.5")


def some_copy(task: Task, kind: int, chance: random.Random) -> Task:
    """The task turned, recoloured and reordered; by `kind` also with parts moved or left out."""
    colours = chance.sample(range(10), 10)
    copy = shuffled(changed_task(task, chance.choice(SYMMETRIES), colours), chance)
    if kind == 1:
        return copy.without_test_outputs()
    if kind == 2 and len(copy.train) > 1:
        return replace(copy, train=copy.train[1:], test=(copy.train[0], *copy.test))
    if kind == 3:
        return replace(copy, train=tuple(Pair(p.input, p.input) for p in copy.train))
    return copy


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 3)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(0, 5),
)
def test_copies_of_a_task_are_on_one_side_of_every_split(
    chosen: list[tuple[int, int]], chance: random.Random, seed: int
) -> None:
    groups, keys = TaskGroups(), []
    originals = [(at, identifying_hashes(REAL[at])) for at, _ in chosen]
    copies = [(at, identifying_hashes(some_copy(REAL[at], kind, chance))) for at, kind in chosen]
    keys = [*originals, *copies]
    chance.shuffle(keys)
    for _, names in keys:
        groups.add(names)

    found: dict[int, set[str]] = {}
    for at, names in keys:
        found.setdefault(at, set()).add(groups.of(names))
    assert all(len(group) == 1 for group in found.values())
    sizes = Counter(groups.of(names) for _, names in keys)
    shares = SHARES if len(sizes) > 1 else WHOLE
    assert set(parts_of_groups(sizes, shares, seed)) == set(sizes)


def test_tasks_joined_by_a_third_are_together_in_whatever_order_they_come() -> None:
    found = []
    for order in ((0, 1, 2), (2, 0, 1), (0, 2, 1)):
        tasks = [["a", "b"], ["b", "c"], ["c", "d"]]
        groups = TaskGroups()
        for at in order:
            groups.add(tasks[at])
        groups.add(["x", "y"])
        found.append([groups.of(task) for task in (*tasks, ["y", "x"])])

    assert found == [["a", "a", "a", "x"]] * 3


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), st.integers(1, 9), min_size=3), st.integers(0, 9))
def test_no_part_is_empty_and_every_group_has_one(sizes: dict[str, int], seed: int) -> None:
    shares = parse_shares("train=0.8,validation=0.15,test=0.05")
    parts = parts_of_groups(sizes, shares, seed)
    assert set(parts) == set(sizes)
    assert set(parts.values()) == {"train", "validation", "test"}


def test_shares_hold_to_a_group_where_groups_have_several_tasks() -> None:
    shares = parse_shares("train=0.8,validation=0.15,test=0.05")
    sizes = {str(number): 1 + number % 5 for number in range(300)}
    got = Counter[str]()
    for group, part in parts_of_groups(sizes, shares, 4).items():
        got[part] += sizes[group]
    for name, share in shares:
        assert abs(got[name] - share * sum(sizes.values())) <= 5


@pytest.mark.parametrize("count", [3, 5, 10, 20, 40, 167, 400, 4000])
def test_shares_hold_to_one_task_where_tasks_stand_alone(count: int) -> None:
    for seed in range(5):
        shares = parse_shares("train=0.8,validation=0.15,test=0.05")
        sizes = {str(number): 1 for number in range(count)}
        got = Counter(parts_of_groups(sizes, shares, seed).values())
        assert min(got[name] for name, _ in shares) >= 1
        for name, share in shares:
            assert abs(got[name] - share * count) <= 1 or got[name] == 1


def test_further_tasks_move_only_tasks_near_a_cut() -> None:
    before = parts_of_groups({str(n): 1 for n in range(1000)}, SHARES, 3)
    after = parts_of_groups({str(n): 1 for n in range(1010)}, SHARES, 3)
    assert sum(before[name] != after[name] for name in before) <= 10


def test_fewer_tasks_than_parts_are_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="has 2 parts, and there are 1 different tasks") as refusal:
        parts_of_groups({"a": 9}, SHARES, 0)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_a_known_task_is_recognised_in_every_disguise(kind: int) -> None:
    known = KnownTasks(())
    for task in REAL:
        known.add(task, task.task_id)
    chance = random.Random(kind)
    for task in REAL:
        assert known.name_of(some_copy(task, kind, chance)) == task.task_id


def test_new_outputs_for_known_inputs_are_a_new_task_by_its_pairs() -> None:
    known = KnownTasks(())
    known.add(REAL[0], "it")
    new = some_copy(REAL[0], 3, random.Random(0))

    assert known.name_of(new) == "it"
    assert known.name_of(new, TRAIN_AND_PAIRS) is None


def test_every_public_training_task_with_a_pair_of_an_evaluation_task_is_recognised() -> None:
    known = KnownTasks(EVALUATION_SETS)
    edited = Task.from_json("", read_part("arc2_training")["ac0c5833"])
    assert known.name_of(edited) is None, "as a whole it is another task"
    assert known.name_by_pair(edited) == "ac0c5833 of arc1_evaluation"
    sharing = [
        task_id
        for task_id, content in read_part("arc2_training").items()
        if known.name_by_pair(Task.from_json("", content))
    ]
    assert len(sharing) == 376


def test_one_training_task_of_arc1_is_an_evaluation_task_of_another_id() -> None:
    guard = KnownTasks(EVALUATION_SETS)
    tasks = (Task.from_json(*item) for item in arc1_training().items())
    found = {task.task_id: name for task in tasks if (name := guard.name_of(task))}
    assert found == {"40853293": "070dd51e of arc1_evaluation"}


@pytest.mark.parametrize("symmetry", SYMMETRIES, ids=lambda symmetry: symmetry.name)
async def test_a_wrapped_program_solves_the_changed_task(symmetry: Symmetry) -> None:
    task = Task.from_json("a", mirror_task())
    (change,) = draw_changes(task, 1, ("colours", "pairs"), symmetry.name)
    change = replace(change, symmetry=symmetry)
    found = entry("a", mirror_task(), [RIGHT, RIGHT_OTHERWISE, RIGHT_BY_ANOTHER_NAME])
    samples = [changed_sample(s, change) for s in samples_of(ResultEntry.of(found), Path("x"), {})]
    async with LocalVerifier(VerifierSettings()) as verifier:
        verdicts = [await verifier.judge(sample.task, [sample.python_code]) for sample in samples]

    assert all(verdict is not None and verdict.passed_all for (verdict,) in verdicts)
    assert {canonical_hash(sample.task) for sample in samples} == {canonical_hash(task)}


def test_a_wrapped_program_keeps_its_comments_and_strings() -> None:
    (change,) = draw_changes(REAL[0], 1, ("colours",), "seed")
    code = "# solve_task\nNAME = 'solve_task'\ndef solve_task(grid):\n    return grid  # same\n"
    wrapped = wrapped_program(code, change)

    assert wrapped.startswith("# solve_task\nNAME = 'solve_task'\ndef solve_plain_task(grid):\n")
    assert "return grid  # same\n" in wrapped


def test_versions_are_all_different_and_none_is_the_task_itself() -> None:
    task = Task("a", (Pair([[1]], [[2]]), Pair([[3]], [[4]])), (Pair([[5]], [[6]]),))
    changes = draw_changes(task, 50, ("pairs",), "seed")

    assert [change.train_order for change in changes] == [(1, 0)]
    assert len(set(draw_changes(task, 50, KINDS, "seed"))) == 50


@pytest.fixture
def exported(run_script: Run, tmp_path: Path) -> Path:
    nasty = "\ud800</script>\x1b[0m\u202e"
    entries = [
        entry(f"t{add}", mirror_task(add), [RIGHT, WRONG], reasoning=[nasty, None], run_id=nasty)
        for add in range(10)
    ]
    results = write(tmp_path / "results.jsonl", *entries)
    done = run_script(
        SCRIPT, results, "--format", "parquet", "--output", tmp_path / "rows",
        "--split", "train=0.5,validation=0.5", "--augment", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path / "rows"


def rows_of(folder: Path, part: str) -> list[dict[str, Any]]:
    path = folder / "data" / f"{part}-00000-of-00001.parquet"
    table = pyarrow.parquet.read_table(path)
    assert table.schema.names == parquet_schema().names
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


async def test_parquet_loads_and_every_program_in_it_verifies_again(exported: Path) -> None:
    parts = [rows_of(exported, part) for part in ("train", "validation")]
    rows = [row for part in parts for row in part]
    plain = [row for row in rows if not row["augmentation"]]

    assert len(rows) == 2 * len(plain) == 20
    assert parts[0]
    assert parts[1]
    assert {r["task_hash"] for r in parts[0]}.isdisjoint(r["task_hash"] for r in parts[1])
    assert all(row["reasoning"] == "?</script>\x1b[0m\u202e" for row in plain)
    assert all(row["messages"][-1]["content"] == row["answer_text"] for row in rows)
    assert all(row["test_passed"] == [True] for row in rows)
    assert {json.loads(r["augmentation"])["symmetry"] for r in rows if r["augmentation"]}

    tasks = [Task.from_json(row["task_id"], json.loads(row["task_data"])) for row in rows]
    async with LocalVerifier(VerifierSettings()) as verifier:
        verdicts = [
            await verifier.judge(task, [row["python_code"]])
            for task, row in zip(tasks, rows, strict=True)
        ]
    assert all(verdict is not None and verdict.passed_all for (verdict,) in verdicts)


def test_the_card_of_parquet_names_its_splits_for_hugging_face(exported: Path) -> None:
    card = (exported / "README.md").read_text()
    assert card.startswith("---\n")
    assert "  - split: train\n    path: data/train-00000-of-00001.parquet\n" in card
    assert "  - split: validation\n    path: data/validation-00000-of-00001.parquet\n" in card


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"deterministic": ["yes"]}, r"task t: deterministic\[0\] should be a boolean"),
        (
            {"execution_status": "ok"},
            "task t: execution_status should be a list or null, but is a text",
        ),
    ],
)
def test_a_damaged_label_or_verdict_is_named_and_nothing_is_written(
    damage: dict[str, Any], told: str, run_script: Run, tmp_path: Path
) -> None:
    results = write(tmp_path / "results.jsonl", entry("t", mirror_task(), [RIGHT], **damage))
    done = run_script(SCRIPT, results, "--format", "parquet", "--output", tmp_path / "rows")
    assert done.returncode == 2
    assert re.search(told, done.stderr)
    assert not (tmp_path / "rows").exists()
