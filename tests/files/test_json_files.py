"""Reading task files: what the quick parser must not lose."""

from __future__ import annotations

from pathlib import Path

import pytest

from utilities.errors import UsageError
from utilities.files.json_files import RepeatedKeys, parse_json, parse_task_json

PATH = Path("tasks.json")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}}',
        b'{"a": {"title": "two: things", "train": []}}',
        b'{"train": [[{"input": 1}], 2, {"input": {"deep": [[[{"deeper": 1}]]]}}]}',
        b'[1, {"a": 1e5}]',
        b'{"a": "\\ud800"}',
        b"[]",
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
def test_tasks_are_parsed_as_any_json(content: bytes) -> None:
    assert parse_task_json(content, PATH) == parse_json(content, PATH)


@pytest.mark.parametrize(
    "content", [b'{"a": 1, "a": 2}', b'{"x": [0, {"a": 1, "a": 2}]}', b'[{"a": 1, "a": 2}]']
)
def test_the_first_value_of_a_repeated_key_counts_in_tasks_too(content: bytes) -> None:
    value = parse_task_json(content, PATH)
    while not isinstance(value, RepeatedKeys):
        value = value["x"][1] if isinstance(value, dict) else value[0]
    assert (value["a"], value.pairs) == (1, [("a", 1), ("a", 2)])


def test_a_broken_task_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"tasks\.json, line 7, column 2: broken JSON"):
        parse_task_json(b"{", PATH, first_line=7)


def test_an_object_nested_too_deeply_for_tasks_is_read_all_the_same() -> None:
    nested = b'{"a":' * 300 + b"1" + b"}" * 300
    assert parse_task_json(nested, PATH) == parse_json(nested, PATH)
