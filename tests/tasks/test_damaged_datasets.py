"""Whatever stands in a dataset, it is tasks that are read, tasks that are named, or one line."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from utilities.errors import UsageError
from utilities.tasks.datasets import open_tasks

PAIR = {"input": [[1, 2]], "output": [[2, 1]]}
TASK = {"train": [PAIR, PAIR], "test": [PAIR]}
ODD_VALUES: tuple[Any, ...] = (
    None, True, 1.0, -1, 10, 10**30, float("nan"), "1", "\ud800", "", [], {}, [[]], [[[]]],
    [[1], [1, 2]], [[0] * 31], [[0]] * 31, [[True]], [[1.0]], [[10**30]], {"input": 1},
    [[[[[[[[1]]]]]]]],
)  # fmt: skip
ODD_IDS = ("a/b", "..", "", "\0", "\x1b[31m", "\ud800", "x" * 300, "谜" * 100, "a\nb", "train")


def damaged(chance: random.Random) -> Any:
    """A dataset with an odd value somewhere, or under odd ids."""
    dataset = json.loads(json.dumps(dict.fromkeys(("good", chance.choice(ODD_IDS)), TASK)))
    for _ in range(chance.randrange(4)):
        place: Any = dataset
        while isinstance(place, dict | list) and place:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = chance.choice(keys)
            if chance.random() < 0.3 or not isinstance(place[key], dict | list):
                place[key] = copy.deepcopy(chance.choice(ODD_VALUES))
                break
            place = place[key]
    return dataset


def damaged_bytes(chance: random.Random) -> bytes:
    """The dataset as a file's bytes, some of them in another encoding, cut or changed."""
    text = json.dumps(damaged(chance), indent=chance.choice([None, 1]))
    content = text.replace("\n", "\r\n").encode(chance.choice(["utf-8", "utf-8-sig", "utf-16"]))
    match chance.randrange(6):
        case 0:
            return content[: chance.randrange(len(content))]
        case 1:
            place = chance.randrange(len(content))
            return content[:place] + chance.randbytes(2) + content[place + 1 :]
        case 2:
            return content.replace(b'"good"', b'"test"', 1)
    return content


def outcome(path: Path) -> tuple[list[str], dict[str, str], str | None]:
    """The ids of the tasks that are read, the reasons of those that are not, and the complaint."""
    reported: dict[str, str] = {}
    found: list[str] = []
    try:
        source = open_tasks(dataset_directory=path, on_bad_task=reported.__setitem__)
        found += [task.task_id for task in source]
        assert source.dataset_hash
    except UsageError as error:
        assert "\n" not in str(error)
        return found, reported, str(error)
    return found, reported, None


@pytest.mark.parametrize("ending", ["json", "jsonl"])
def test_a_damaged_file_is_tasks_or_named_tasks_or_one_line(tmp_path: Path, ending: str) -> None:
    chance = random.Random(5)
    kinds = set()
    for number in range(400):
        path = tmp_path / f"tasks_{number}.{ending}"
        path.write_bytes(damaged_bytes(chance))
        found, reported, complaint = outcome(path)
        assert found or complaint, "a dataset without a usable task is an error"
        assert all("\n" not in reason and str(path) in reason for reason in reported.values())
        assert complaint is None or str(path) in complaint
        kinds.add((bool(found), bool(reported), complaint is None))
    assert ending == "jsonl" or len(kinds) >= 3, "files were whole, partly bad, and unreadable"


def test_a_damaged_folder_loses_its_damaged_files_only(tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(json.dumps(TASK))
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "empty.json").touch()
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "huge.json").write_text("9" * 10_000)
    source = open_tasks(dataset_directory=tmp_path, on_bad_task=lambda *_: None)
    assert [task.task_id for task in source] == ["good"]
    names = {"folder", "empty", "gone", "loop", "deep", "huge"}
    assert set(source.skipped) == names
    assert all(f"{name}.json" in source.skipped[name] for name in names)
