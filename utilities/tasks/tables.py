"""Tasks in the rows of tables: CSV files, Parquet, and folders of Hugging Face's datasets.

A row has a task as `data`, `task` or `task_data`, as `train` and `test`, or as `examples` or
`pairs`; or it is one pair, `input` and `output`, of the task that `task_id` names. Cells may be
JSON texts.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from utilities.errors import UsageError
from utilities.files.json_files import parse_json, read_json
from utilities.files.tables import Row, column_names, read_rows
from utilities.tasks.stored import Dataset, StoredTask

_IDS = ("task_id", "id")
_WHOLE = ("data", "task", "task_data")
_PAIRS = ("examples", "pairs")
_SHARD = re.compile(r"(.+)-[0-9]{5}-of-([0-9]{5})(\.[a-z]+)")
ABOUT_A_DATASET = frozenset(
    {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "metadata.json"}
)
"""Files that tell of a dataset and are none of its tasks."""


def tables_dataset(files: Sequence[Path]) -> Dataset:
    """The tasks of tables, one after the other; raises UsageError for one without tasks."""
    for file in files:
        names = column_names(file)
        if not (_has_tasks(names) or {"input", "output", "task_id"} <= set(names)):
            raise UsageError(
                f"{file} has no column with tasks (data, train and test, examples, or input and "
                f"output by task_id); it has {', '.join(names[:8])}"
            )

    def tasks() -> Iterator[StoredTask]:
        counters: dict[str, count[int]] = {}
        for file in files:
            if _has_tasks(column_names(file)):
                yield from _tasks_of_rows(file, counters.setdefault(_name_of(file), count(1)))
            else:
                yield from _tasks_of_pairs(file)

    return Dataset(files, tasks)


def _has_tasks(columns: Sequence[str]) -> bool:
    """Whether a row is a task, not a pair."""
    return not {*_WHOLE, *_PAIRS}.isdisjoint(columns) or {"train", "test"} <= set(columns)


def _name_of(file: Path) -> str:
    """The name of a file's split."""
    found = _SHARD.fullmatch(file.name)
    name = file.stem if found is None else found[1]
    return file.parent.name if name == "data" else name


def shards_of(file: Path) -> list[Path]:
    """All shards of a split, if the file is the first: `train-00000-of-00003.parquet`."""
    found = _SHARD.fullmatch(file.name)
    if found is None:
        return [file]
    name, count, ending = found.groups()
    return sorted(file.parent.glob(f"{name}-[0-9]*-of-{count}{ending}"))


def saved_files(path: Path) -> list[Path] | None:
    """The tables of a folder as `save_to_disk` of `datasets` makes it, all splits in order.

    None for any other folder.
    """
    if (path / "dataset_dict.json").is_file():
        told = read_json(path / "dataset_dict.json")
        splits = told.get("splits") if isinstance(told, dict) else None
        if not isinstance(splits, list) or not all(isinstance(one, str) for one in splits):
            raise UsageError(f"{path / 'dataset_dict.json'} names no splits; save the set again")
        parts = [saved_files(path / Path(split).name) for split in splits]
        return [file for part in parts for file in part or ()]
    if not (path / "state.json").is_file():
        return None
    files = sorted(path.glob("*.arrow"))
    return files or None


def _tasks_of_rows(file: Path, numbers: Iterator[int]) -> Iterator[StoredTask]:
    """`numbers` count the rows of all files of a split."""
    for place, (row, number) in enumerate(zip(read_rows(file), numbers, strict=False), start=1):
        origin = f"{file}, row {place}"
        task_id = _id_of(row, f"{_name_of(file)}_{number}")
        yield StoredTask(task_id, origin, partial(_content_of, row, origin))


def _id_of(row: Row, otherwise: str) -> str:
    """The row's id, behind the generator's name as ARC-TGI has it."""
    told = next((row[name] for name in _IDS if row.get(name) not in (None, "")), otherwise)
    task_id = str(told)
    maker = row.get("generator_name")
    return f"{maker}/{task_id}" if isinstance(maker, str) and maker else task_id


def _content_of(row: Row, origin: str) -> object:
    """`{"train", "test"}` or a list of pairs, unchecked; raises UsageError if a cell is no JSON."""
    names = next(
        ([name] for name in (*_WHOLE, *_PAIRS) if row.get(name) is not None), ["train", "test"]
    )
    cells = {name: _pairs_of(_value_of(row.get(name), f"{origin}, {name}")) for name in names}
    return cells if len(cells) == 2 else next(iter(cells.values()))


def _value_of(cell: object, place: str) -> object:
    return parse_json(cell.encode(), Path(place)) if isinstance(cell, str) else cell


def _pairs_of(value: object) -> object:
    """A list of pairs; Hugging Face's sequences of objects are objects of lists."""
    if isinstance(value, dict) and isinstance(value.get("input"), list):
        outputs = value.get("output") or [None] * len(value["input"])
        both = zip(value["input"], outputs, strict=False)
        return [{"input": grid, "output": output} for grid, output in both]
    return value


def _tasks_of_pairs(file: Path) -> Iterator[StoredTask]:
    """A task for each `task_id`, in the order in which the ids first come.

    The pairs are train or test as `split` says; without it a task is drawn of them.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for number, row in enumerate(read_rows(file), start=1):
        place = f"{file}, row {number}"
        pair = {name: _value_of(row.get(name), f"{place}, {name}") for name in ("input", "output")}
        parts = found.setdefault(str(row["task_id"]), {})
        parts.setdefault(str(row.get("split") or ""), []).append(pair)
    for task_id, parts in found.items():
        is_split = {"train", "test"} <= parts.keys()
        content = parts if is_split else list(chain.from_iterable(parts.values()))
        yield StoredTask(task_id, str(file), partial(_itself, content))


def _itself(content: object) -> object:
    return content
